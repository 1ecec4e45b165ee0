"""A registry of a test's own: nothing of it stays, and inside of it the whole process sees it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp, Graph, Operator, Params, Runtime, hookimpl, operators, settings
from rtml_core.converters import converters
from rtml_core.errors import PackageError, PluginError
from rtml_core.lowering.custom import custom
from rtml_core.lowering.symbolic import require_dtype
from rtml_core.plugins import plugins, registry
from rtml_core.runtime import trusted
from rtml_core.testing import build_graph, frame, isolated_plugins


def backwards(texts: Any) -> Any:
    return np.array([text[::-1] for text in texts], dtype=object)


BACKWARDS = CustomOp("test.isolation", "backwards", 1, ("string",), ("string",), backwards, "The text from its end.")


class Backwards(Operator):
    """Turns the column s round, compiled by a Python operator."""

    lowering_kind = "python"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(s=frame["s"].map(lambda text: text[::-1], na_action="ignore"))

    def lower(self, b: Any, columns: Any) -> Any:
        require_dtype(columns["s"], ("string",), "a column of strings")
        return {**columns, "s": custom(b, BACKWARDS, columns["s"])[0]}


FAR = """
from rtml_core import hookimpl


@hookimpl
def rtml_operators():
    return []
"""


def named(name: str) -> type[Operator]:
    return type(name, (Operator,), {"__doc__": "An operator.", "transform": lambda self, frame: frame})


def plugin(*classes: Any, **members: Any) -> SimpleNamespace:
    return SimpleNamespace(rtml_operators=hookimpl(lambda: list(classes)), **members)


def full() -> SimpleNamespace:
    return plugin(
        Backwards,
        rtml_commands=hookimpl(lambda: {"turn": "nowhere:turn|Turn texts round."}),
        rtml_converters=hookimpl(lambda: {"far_away.Model": "far_converters:convert"}),
        rtml_custom_ops=hookimpl(lambda: [BACKWARDS]),
    )


def test_inside_all_of_the_process_sees_it_and_afterwards_nothing_is_left() -> None:
    before, names = plugins(), list(registry())
    with isolated_plugins(full()) as made:
        assert plugins() is made.plugins
        assert plugins() is not before
        assert operators.Backwards is Backwards
        assert "Backwards" in dir(operators)
        assert made.registry["Backwards"] is Backwards
        assert converters().find("far_away.Model") is not None
        assert plugins().custom_ops.origin_of(BACKWARDS) is not None
        assert "turn" in plugins().commands
        assert Graph.from_dsl(build_graph(Backwards(), {"s": "string"}).to_dsl()).nodes["backwards"].name == "Backwards"
    assert plugins() is before
    assert list(registry()) == names
    assert converters().find("far_away.Model") is None
    with pytest.raises(AttributeError, match="Backwards"):
        operators.Backwards  # noqa: B018 - asking is the point


def test_the_built_in_plugins_are_there_and_no_other_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rtml_far.py").write_text(FAR)
    info = tmp_path / "rtml_far-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: rtml-far\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text("[rtml.plugins]\nfar = rtml_far\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        with isolated_plugins() as made:
            assert {"pandas", "sklearn", "flow"} <= set(made.plugins.infos)
            assert {info.distribution for info in made.plugins.infos.values()} == {"rtml"}
            assert all(info.state == "ok" for info in made.plugins.infos.values())
        with isolated_plugins(distributions=["rtml-far"]) as made:
            assert str(made.info("far").origin) == "plugin 'far' (rtml-far 2.0)"
        module = __import__("rtml_far")
        with isolated_plugins(module) as made:
            assert str(made.info("far").origin) == "plugin 'far' (rtml-far 2.0)"
        with (
            pytest.raises(PluginError, match=r"'rtml-fra' brings no plugins here.*rtml-far.*Did you mean 'rtml-far'"),
            isolated_plugins(distributions=["rtml-fra"]),
        ):
            pass
    finally:
        sys.modules.pop("rtml_far", None)


def test_it_nests_and_an_exception_leaves_nothing_behind() -> None:
    before = plugins()
    with isolated_plugins(plugin(named("Outer"))) as outer:
        seen = plugins()
        seen_inside = []

        def fail() -> None:
            with isolated_plugins(plugin(named("Inner"))):
                seen_inside.extend(registry())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()
        assert "Inner" in seen_inside
        assert "Outer" not in seen_inside
        assert plugins() is seen is outer.plugins
        assert "Outer" in registry()
        plugins.cache_clear()  # a test that forgets what was discovered stays in its own registry
        assert plugins() is seen
    assert plugins() is before


def test_what_was_never_discovered_is_discovered_when_first_asked_for_afterwards() -> None:
    plugins.cache_clear()
    with isolated_plugins():
        plugins()
    assert plugins.cache_info().currsize == 0
    assert "Pandas" in registry()


def test_plugins_can_be_registered_later_under_a_name_of_their_own() -> None:
    module = ModuleType("some.where.rtml_near")
    module.rtml_operators = hookimpl(lambda: [named("Near")])  # type: ignore[attr-defined]
    with isolated_plugins() as made:
        assert made.register(module).operators == ["Near"]
        assert str(made.info("rtml_near").origin) == "plugin 'rtml_near' (rtml-under-test 0)"
        info = made.register(plugin(named("Far")), "far", distribution="rtml-far", version="1.2")
        assert str(info.origin) == "plugin 'far' (rtml-far 1.2)"
        assert {"Near", "Far"} <= set(registry())
        with pytest.raises(PluginError, match="Plugin 'fra' is not installed"):
            made.info("fra")


def test_a_broken_plugin_is_an_error_with_its_reason_or_listed_with_it() -> None:
    with isolated_plugins(plugin(named("Same"))) as made:
        before = list(registry())
        for broken, words in (
            (plugin(named("Same")), "'Same' is brought by plugin"),
            (plugin(3), "subclass of rtml_core.Operator"),
            (ImportError("No module named 'redis'"), "ImportError: No module named 'redis'"),
            (plugin(rtml_plugin_api=99), "plugin API 99"),
        ):
            with pytest.raises(PluginError, match=rf"^plugin 'bad' is broken: .*{words}"):
                made.register(broken, "bad")
            assert "bad" not in plugins().infos
        assert made.register(ImportError("gone"), "bad", strict=False).state == "broken"
        assert made.info("bad").error.startswith("ImportError: gone")
        assert list(registry()) == before
    with pytest.raises(PluginError, match="ImportError: gone"), isolated_plugins(ImportError("gone")):
        pass
    with isolated_plugins(ImportError("gone"), strict=False) as made:
        assert [info.state for info in made.plugins.infos.values()].count("broken") == 1
    with pytest.raises(PluginError, match="got the text 'rtml_geo': import it first"), isolated_plugins("rtml_geo"):
        pass


def test_a_plugin_that_the_environment_keeps_out_is_an_error_too(rtml_environment: pytest.MonkeyPatch) -> None:
    rtml_environment.setenv("RTML_BLOCK_PLUGINS", "far")
    with isolated_plugins() as made:
        with pytest.raises(PluginError, match=r"plugin 'far' is blocked: .*RTML_BLOCK_PLUGINS"):
            made.register(plugin(named("Far")), "far")
        assert made.register(plugin(named("Far")), "far", strict=False).state == "blocked"


def test_preferences_of_the_environment_are_read_when_a_plugin_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, yours = named("Same"), named("Same")
    with isolated_plugins() as made:
        made.register(plugin(mine), "mine")
        monkeypatch.setenv("RTML_PREFER", "Same=yours")
        made.register(plugin(yours), "yours")
        assert registry()["Same"] is yours


def test_hooks_by_themselves_are_one_plugin() -> None:
    @hookimpl
    def rtml_operators() -> Any:
        return [Backwards]

    @hookimpl
    def rtml_custom_ops() -> Any:
        return [BACKWARDS]

    with isolated_plugins(rtml_operators, rtml_custom_ops, plugin(named("Other"))) as made:
        assert made.info("tested").operators == ["Backwards"]
        assert made.info("tested").custom_ops == [str(BACKWARDS)]
        assert "Other" in made.registry

    def rtml_commands() -> Any:
        return {}

    with pytest.raises(PluginError, match="plugin 'tested' is broken: function 'rtml_commands' is not marked"):
        isolated_plugins(rtml_commands).__enter__()


def test_settings_are_those_of_the_plugins_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    class Settings(Params):
        radius: float = 1.0

    def declares(cls: type[Params]) -> SimpleNamespace:
        return SimpleNamespace(rtml_settings=hookimpl(lambda: cls))

    with isolated_plugins() as outer:
        outer.register(declares(Settings), "far")
        assert settings("far").radius == 1.0
        with isolated_plugins() as inner:
            monkeypatch.setenv("RTML_PLUGIN_FAR_RADIUS", "7")
            inner.register(declares(Settings), "far")
            assert settings("far").radius == 7.0
        assert settings("far").radius == 1.0
    with pytest.raises(PluginError, match="'far' is not installed"):
        settings("far")


def test_a_runtime_asks_the_plugins_of_the_test(tmp_path: Path) -> None:
    path = tmp_path / "turned.rtml"
    loaded = dict(trusted._loaded)
    with isolated_plugins() as made:
        made.register(full(), "turn", distribution="rtml-turn", version="1.2")
        build_graph(Backwards(), {"s": "string?"}).compile(frame(s="string?", rows=50)).save(path)
        assert Runtime.from_file(path, trust=["rtml-turn"]).score({"s": "abc"}) == {"s": "cba"}
        with pytest.raises(PackageError, match=r"rtml-turn.*not trusted"):
            Runtime.from_file(path)
        with isolated_plugins(), pytest.raises(PackageError, match=r"pip install rtml-turn==1\.2"):
            Runtime.from_file(path, trust="all")
        assert Runtime.from_file(path, trust="all").score({"s": None}) == {"s": None}
    assert trusted._loaded == loaded
    with pytest.raises(PackageError, match=r"pip install rtml-turn==1\.2"):
        Runtime.from_file(path, trust="all")
