"""Ways to break a plugin: each is listed with its reason, and nobody else notices."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtml_core.plugins import Plugins, plugins, standing_in
from tests.unit.core.broken_plugins import MORE, TEN, Broken, install, install_good
from tests.unit.core.cli.helpers import Result, chain, child, node

EVERY = {**TEN, **MORE}
#: whatever else is installed where the tests run stays out of them
ONLY = {"RTML_PLUGINS": ",".join(["good", *TEN])}
SCORE = chain(node("in", "Receiver", schema={"v": "float?"}), node("twice", "Good", factor=3.0))


@pytest.fixture(scope="session")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ten, and a plugin that works, installed."""
    folder = tmp_path_factory.mktemp("ten")
    install_good(folder)
    for name, broken in TEN.items():
        install(folder, name, broken)
    return folder


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    """Modules of these plugins are imported anew by each test."""
    yield
    for name in [
        name for name in sys.modules if name.startswith("rtml_x_") or name in ("rtml_good_plugin", "rtml_better_plugin")
    ]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def listed(ten: Path) -> Result:
    return child("plugins", "list", path=ten, **ONLY)


@pytest.fixture(scope="session")
def errors(ten: Path) -> dict[str, dict[str, object]]:
    return {info["name"]: info for info in child("plugins", "list", "--json", path=ten, **ONLY).json}


@pytest.mark.parametrize("name", TEN)
def test_each_of_the_ten_is_listed_with_its_reason(listed: Result, errors: dict[str, dict[str, object]], name: str) -> None:
    assert (listed.code, listed.err) == (0, "")
    (line,) = (line for line in listed.out.splitlines() if line.split()[:1] == [name])
    assert "  broken: " in line
    error = str(errors[name]["error"])
    assert all(words in error for words in TEN[name].words), error
    assert line.split("  broken: ")[1].removesuffix("...") in error
    brought = [errors[name][what] for what in ("operators", "commands", "converters", "custom_ops", "settings")]
    assert brought == [[]] * 5


def test_the_listing_says_how_many_and_where_to_look(listed: Result) -> None:
    assert listed.out.splitlines()[-1].startswith("10 plugins are broken: rtml plugins show duplicate-op, ")


def test_strict_exits_with_one_and_names_them(ten: Path) -> None:
    strict = child("plugins", "list", "--strict", path=ten, **ONLY)
    assert strict.code == 1
    assert strict.error.startswith("10 plugins are broken: ")
    assert all(name in strict.error for name in TEN)
    by_variable = child("operators", "list", path=ten, RTML_STRICT_PLUGINS="1", **ONLY)
    assert by_variable.code == 1
    assert "plugin 'wrong-type': an operator must be a subclass" in by_variable.error


def test_the_plugins_beside_them_compile_and_score(ten: Path, tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text(json.dumps(SCORE))
    compiled = child("compile", "graph.json", "-o", "model.rtml", path=ten, cwd=tmp_path, **ONLY)
    assert compiled.code == 0, compiled.err
    (tmp_path / "rows.jsonl").write_text('{"v": 1.5}\n{"v": null}\n')
    scored = child("score", "model.rtml", "--input", "rows.jsonl", "--output", "-", "--quiet", path=ten, cwd=tmp_path, **ONLY)
    assert (scored.code, scored.out) == (0, '{"v":4.5}\n{"v":null}\n')
    assert "good-say" in child("--help", path=ten, **ONLY).out


@pytest.mark.parametrize("name", EVERY)
def test_a_broken_plugin_leaves_nothing_behind(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_good(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("RTML_PLUGINS", f"good,{name}")
    with standing_in():
        before = _state(Plugins())
        install(tmp_path, name, EVERY[name])
        filters = list(warnings.filters)
        found = Plugins()
        broken = {info.name: info for info in found.infos.values() if info.state == "broken"}
        assert list(broken) == [name]
        error = broken[name].error
        assert all(words in error for words in EVERY[name].words), error
        if name != "twice":  # of which one works
            assert _state(found) == before
        assert list(warnings.filters) == filters


def _state(found: Plugins) -> list[object]:
    """Everything that plugins have registered."""
    return [
        {name: found.registry.entry(name).origin for name in found.registry},
        {name: origin for name, (_, origin) in found.commands.items()},
        found.converters.snapshot().keys(),
        [(str(op), origin) for op, origin in found.custom_ops.entries()],
        found.settings,
    ]


def test_all_of_them_together_are_listed_as_table_and_json(tmp_path: Path) -> None:
    install_good(tmp_path)
    for name, broken in EVERY.items():
        install(tmp_path, name, broken)
    only = {"RTML_PLUGINS": ",".join(["good", *EVERY])}
    listed = child("plugins", "list", path=tmp_path, **only)
    assert (listed.code, listed.err) == (0, "")
    assert f"{len(EVERY)} plugins are broken" in listed.out
    states = [info["state"] for info in child("plugins", "list", "--json", path=tmp_path, **only).json]
    assert states.count("broken") == len(EVERY)
    for name in EVERY:
        assert f"\n{name} " in listed.out


def test_a_plugin_of_a_distribution_without_metadata_is_listed_under_the_name_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "no-metadata", MORE["no-metadata"])
    monkeypatch.syspath_prepend(str(tmp_path))
    info = Plugins().info("no-metadata")
    assert (info.distribution, info.version, info.state) == ("rtml_x_no_metadata", "unknown", "broken")


def test_what_a_plugin_prints_goes_to_standard_error(tmp_path: Path) -> None:
    install(tmp_path, "loud", Broken((), "print('hello from loud')\nfrom json import nothing\n"))
    install_good(tmp_path)
    result = child("plugins", "list", "--json", path=tmp_path)
    assert {info["name"]: info["state"] for info in result.json}["loud"] == "broken"
    assert result.err == "hello from loud\n"


def test_filters_of_warnings_stay_where_a_plugin_works_and_go_where_it_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "import warnings\nwarnings.filterwarnings('ignore', 'from {}')\n"
    install(tmp_path, "quiet", Broken((), change.format("quiet") + "from json import nothing\n"))
    install_good(tmp_path)
    plugin = tmp_path / "rtml_good_plugin.py"
    plugin.write_text(change.format("good") + plugin.read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    with warnings.catch_warnings():
        found = Plugins()
        texts = [entry[1].pattern for entry in warnings.filters if entry[1] is not None]
    assert (found.infos["quiet"].state, found.infos["good"].state) == ("broken", "ok")
    assert "from good" in texts
    assert "from quiet" not in texts


def test_ctrl_c_while_plugins_load_is_ctrl_c(tmp_path: Path) -> None:
    install(tmp_path, "interrupted", Broken((), "raise KeyboardInterrupt\n"))
    result = child("plugins", "list", path=tmp_path)
    assert (result.code, result.error) == (130, "interrupted")


@pytest.mark.parametrize("where", ["", "@hookimpl\ndef rtml_operators():\n    "])
def test_a_plugin_that_asks_for_operators_while_it_loads_is_told_so(tmp_path: Path, where: str) -> None:
    text = f"from rtml_core import hookimpl, operators as op\n{where}op.Receiver\n"
    for name in ("one", "two", "three"):  # each of which would start it all anew
        install(tmp_path, f"early-{name}", Broken((), text))
    install_good(tmp_path)
    errors = {info["name"]: info["error"] for info in child("plugins", "list", "--json", path=tmp_path).json}
    assert errors["good"] == ""
    for name in ("one", "two", "three"):
        assert errors[f"early-{name}"].startswith("it asks for the operators of other plugins while plugins are still loading")


def test_a_plugin_that_keeps_every_command_waiting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_core.cli import listing

    install_good(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Plugins()
    assert listing.slow(found) == []
    found.infos["good"].seconds = 1.23
    assert listing.slow(found) == [
        "plugin 'good' takes 1.2 s to load, at every command; it should import heavy things inside functions"
    ]


def test_an_operator_that_a_plugin_brings_along_stays_its_owners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_good(tmp_path)
    text = (
        "from rtml_core import hookimpl\nfrom rtml_good_plugin import Good\n@hookimpl\ndef rtml_operators():\n    return [Good]\n"
    )
    install(tmp_path, "borrower", Broken((), text))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Plugins()
    assert found.registry.entry("Good").origin.plugin == "good"
    assert (found.infos["borrower"].state, found.infos["borrower"].operators) == ("ok", [])


def test_two_plugins_of_one_distribution_are_both_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_good(tmp_path)
    install_good(tmp_path, "better", "Better")
    both = "[rtml.plugins]\ngood = rtml_good_plugin [fast]\nbetter = rtml_better_plugin\n"
    (tmp_path / "Rtml_Good-1.4.dist-info" / "entry_points.txt").write_text(both)
    (tmp_path / "Rtml_Better-1.4.dist-info" / "entry_points.txt").unlink()
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Plugins()
    assert [(found.info(name).state, found.info(name).distribution) for name in ("good", "better")] == [("ok", "Rtml_Good")] * 2


def test_plugins_of_this_process_are_not_touched_by_these_tests() -> None:
    assert {info.state for info in plugins().infos.values() if info.distribution == "rtml"} == {"ok"}
