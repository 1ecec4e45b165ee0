"""Discovery of plugins: what is found, what is refused, and that one broken plugin harms nobody."""

from __future__ import annotations

import types
from typing import Any

import pytest

from rtml_core import Operator, hookimpl
from rtml_core.cli.app import BUILT_IN
from rtml_core.errors import ConfigError, PluginError
from rtml_core.hookspecs import RESERVED_COMMANDS
from rtml_core.plugins import Candidate, Plugins
from rtml_core.registry import Registry


def operator(name: str) -> type[Operator]:
    return type(name, (Operator,), {"__doc__": "An operator.", "transform": lambda self, frame: frame})


def plugin(*operators: Any, **members: Any) -> types.SimpleNamespace:
    def rtml_operators() -> list[Any]:
        return list(operators)

    return types.SimpleNamespace(rtml_operators=hookimpl(rtml_operators), **members)


def candidate(name: str, made: Any, distribution: str | None = None) -> Candidate:
    def load() -> Any:
        if isinstance(made, Exception):
            raise made
        return made

    return Candidate(name, distribution or f"rtml-{name}", "1.0", load)


def test_operators_are_registered_with_their_origin() -> None:
    found = Plugins([candidate("geo", plugin(operator("Haversine")))], Registry({}))
    assert found.infos["geo"].operators == ["Haversine"]
    assert str(found.registry.entry("Haversine").origin) == "plugin 'geo' (rtml-geo 1.0)"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (ImportError("No module named 'redis'"), ["ImportError", "redis"]),
        (plugin(operator("A"), 3), ["subclass of rtml_core.Operator", "3"]),
        (plugin(type("NoDoc", (Operator,), {"transform": lambda s, f: f})), ["no docstring"]),
        (plugin(type("Empty", (Operator,), {"__doc__": "x"})), ["implements neither process, transform nor compute"]),
        (plugin(rtml_plugin_api=2), ["plugin API 2", "upgrade rtml"]),
        (plugin(rtml_plugin_api="x"), ["plugin API 'x'", "upgrade rtml-bad"]),
        (types.SimpleNamespace(rtml_operators=list), ["not marked", "@hookimpl"]),
        (types.SimpleNamespace(rtml_operatorz=hookimpl(lambda: [*()])), ["rtml_operatorz"]),
        (types.SimpleNamespace(rtml_operators=hookimpl(lambda: {"a": 1})), ["must return a list"]),
        (types.SimpleNamespace(rtml_commands=hookimpl(lambda: ["a"])), ["must return a dict"]),
    ],
)
def test_a_broken_plugin_is_kept_with_its_reason_and_the_others_work(made: Any, words: list[str]) -> None:
    found = Plugins([candidate("bad", made), candidate("good", plugin(operator("Fine")))], Registry({}))
    bad = found.infos["bad"]
    assert bad.state == "broken"
    for word in words:
        assert word in bad.error
    assert bad.operators == []
    assert list(found.registry) == ["Fine"]


def test_what_a_plugin_registered_before_it_broke_is_rolled_back() -> None:
    halfway = plugin(operator("Left"), operator("Behind"))
    halfway.rtml_commands = hookimpl(lambda: 1 / 0)
    found = Plugins([candidate("half", halfway)], Registry({}))
    assert "ZeroDivisionError" in found.infos["half"].error
    assert list(found.registry) == []
    assert found.infos["half"].operators == []


def test_two_plugins_with_one_operator_name_are_named_both() -> None:
    found = Plugins(
        [candidate("a", plugin(operator("Same"))), candidate("b", plugin(operator("Same"), operator("Other")))], Registry({})
    )
    error = found.infos["b"].error
    assert "'Same'" in error
    assert "rtml-a" in error
    assert "rtml-b" in error
    assert "RTML_PREFER" in error
    assert list(found.registry) == ["Same"]


def test_an_override_settles_a_conflict_whichever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = operator("Same"), operator("Same")
    for winner, cls in (("a", first), ("b", second)):
        monkeypatch.setenv("RTML_PREFER", f"Same={winner}")
        found = Plugins([candidate("a", plugin(first)), candidate("b", plugin(second))])
        assert found.registry["Same"] is cls
        assert [info.state for info in found.infos.values()] == ["ok", "ok"]


def test_an_override_that_cannot_be_read_says_how_it_must_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PREFER", "Same")
    with pytest.raises(ConfigError, match='RTML_PREFER must be like "Haversine=geo'):
        Plugins([])


def test_two_distributions_with_one_plugin_name_are_both_listed() -> None:
    found = Plugins([candidate("geo", plugin(), "rtml-geo"), candidate("geo", plugin(), "geo-tools")], Registry({}))
    assert [info.state for info in found.infos.values()] == ["ok", "broken"]
    broken = found.infos["geo (geo-tools)"]
    assert "rtml-geo" in broken.error
    assert "geo-tools" in broken.error


def test_allow_and_block_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [candidate(name, plugin(operator(name.upper()))) for name in ("a", "b", "c")]
    builtin = candidate("pandas", plugin(operator("Pandas")), "rtml")
    monkeypatch.setenv("RTML_PLUGINS", "a, b")
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "b")
    found = Plugins([builtin, *made], Registry({}))
    assert {name: info.state for name, info in found.infos.items()} == {"pandas": "ok", "a": "ok", "b": "blocked", "c": "blocked"}


def test_strict_mode_makes_a_broken_plugin_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="plugin 'bad': ImportError: gone"):
        Plugins([candidate("bad", ImportError("gone"))], Registry({}))


def test_a_command_must_not_take_a_name_of_rtmls_own() -> None:
    found = Plugins([candidate("one", types.SimpleNamespace(rtml_commands=hookimpl(lambda: {"score": "a:b"})))], Registry({}))
    assert "command 'score' is one of rtml's own" in found.infos["one"].error
    assert set(RESERVED_COMMANDS) == set(BUILT_IN)


def test_commands_of_two_plugins_do_not_overwrite_each_other() -> None:
    one = types.SimpleNamespace(rtml_commands=hookimpl(lambda: {"ingest": "a:b"}))
    two = types.SimpleNamespace(rtml_commands=hookimpl(lambda: {"ingest": "c:d"}))
    found = Plugins([candidate("one", one), candidate("two", two)], Registry({}))
    assert found.infos["two"].state == "broken"
    assert "'ingest'" in found.infos["two"].error
    assert found.commands["ingest"][0] == "a:b"
