"""`rtml plugins`, `rtml operators`, `rtml schema`."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtml_core.cli.listing import show_commands
from rtml_core.dsl import json_schema
from rtml_core.plugins import PluginInfo, plugins
from tests.unit.core.cli.conftest import Rtml
from tests.unit.core.cli.helpers import install

NOWHERE = "the entry point 'loyalty = not_there' of rtml-loyalty 1.4 leads to nothing"


@pytest.fixture
def broken(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A plugin whose module is not there."""
    monkeypatch.syspath_prepend(str(install(tmp_path / "more", "loyalty", "not_there", "rtml-loyalty")))
    plugins.cache_clear()
    return "loyalty"


def row_of(text: str, first: str) -> list[str]:
    """The cells of a table's row."""
    (line,) = (line for line in text.splitlines() if line.split()[:1] == [first])
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_plugins_are_listed_with_what_they_bring(rtml: Rtml) -> None:
    result = rtml("plugins", "list")
    assert result.code == 0
    assert row_of(result.out, "plugin") == ["plugin", "version", "from", "api", "brings", "state"]
    name, version, source, api, brings, state = row_of(result.out, "tiny")
    assert (name, version, source, api, state) == ("tiny", "1.4", "rtml-tiny", "1", "ok")
    assert brings == "Fields, Ratio, Centre, Positive, Reverse, Crooked; commands eager, greet, lost, odd"


def test_a_broken_plugin_is_listed_and_the_last_line_says_where_to_look(rtml: Rtml, broken: str) -> None:
    result = rtml("plugins", "list")
    assert result.code == 0
    assert row_of(result.out, broken)[3:] == [
        "-",
        "-",
        "broken: there is no module 'not_there': the entry point 'loyalty = not_there' of rtml-loyalty 1...",
    ]
    assert "broken: rtml plugins show " in result.out.splitlines()[-1]


def test_strict_makes_a_broken_plugin_an_error(rtml: Rtml, broken: str) -> None:
    result = rtml("plugins", "list", "--strict")
    assert result.code == 1
    assert broken in result.error
    assert row_of(result.out, "tiny")


def test_plugins_as_json(rtml: Rtml, broken: str) -> None:
    listed = {entry["name"]: entry for entry in rtml("plugins", "list", "--json").json}
    assert listed["tiny"]["operators"][:2] == ["Fields", "Ratio"]
    assert listed["tiny"]["state"] == "ok"
    assert listed[broken]["error"] == f"there is no module 'not_there': {NOWHERE}"


def test_a_plugin_is_shown_whole(rtml: Rtml) -> None:
    result = rtml("plugins", "show", "tiny")
    facts = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert facts["from"] == "distribution rtml-tiny"
    assert facts["version"] == "1.4"
    assert facts["api"] == "1"
    assert facts["operators"] == "Fields, Ratio, Centre, Positive, Reverse, Crooked"
    assert facts["commands"] == "eager, greet, lost, odd"


def test_a_broken_plugin_is_shown_with_its_error(rtml: Rtml, broken: str) -> None:
    result = rtml("plugins", "show", broken)
    assert result.code == 0
    assert result.out.endswith("\n\nthere is no module 'not_there': " + NOWHERE + "\n")
    assert rtml("plugins", "show", broken, "--json").json["state"] == "broken"


def test_an_unknown_plugin_gets_the_closest_name(rtml: Rtml) -> None:
    result = rtml("plugins", "show", "tinny")
    assert result.code == 2
    assert result.error == "Plugin 'tinny' is not installed. Did you mean 'tiny'? `rtml plugins list` shows all"


def test_the_closing_line_stays_readable() -> None:
    assert show_commands(["a b"]) == "rtml plugins show 'a b'"
    assert show_commands(["a", "b", "c", "d"]) == "rtml plugins show a, rtml plugins show b, rtml plugins show c, ..."


def test_operators_are_listed_with_what_they_do(rtml: Rtml) -> None:
    result = rtml("operators", "list")
    assert row_of(result.out, "operator") == ["operator", "role", "lowers to", "plugin", "what it does"]
    assert row_of(result.out, "Ratio") == ["Ratio", "transform", "core", "tiny", "One column by another"]
    assert row_of(result.out, "Reverse")[2] == "-"
    names = [entry["name"] for entry in rtml("operators", "list", "--json").json]
    assert names == sorted(names)
    assert {"Fields", "Ratio"} < set(names)


def test_an_operator_is_shown_with_its_parameters(rtml: Rtml) -> None:
    result = rtml("operators", "show", "Ratio")
    assert result.code == 0
    assert result.out.startswith("Ratio, version 1, from plugin 'tiny' (rtml-tiny 1.4)\n\nOne column by another. Missing in,")
    assert "lowers to  core operators, traced from its formula\n" in result.out
    assert row_of(result.out, "top") == ["top", "a string", "required", "The column above the line."]
    assert row_of(result.out, "into") == ["into", "a string", '"ratio"']


def test_an_operator_says_that_it_learns_and_one_that_it_does_not_lower(rtml: Rtml) -> None:
    assert "learns     yes: rtml fit (graph.fit) before it is used\n" in rtml("operators", "show", "Centre").out
    reverse = rtml("operators", "show", "Reverse").out
    assert "lowers to  nothing: it runs eagerly only" in reverse
    assert reverse.endswith("It takes no parameters.\n")


def test_an_operator_as_json(rtml: Rtml) -> None:
    shown = rtml("operators", "show", "Ratio", "--json").json
    assert shown["distribution"] == "rtml-tiny"
    assert shown["lowers"] is True
    assert shown["parameters"][2] == {"name": "into", "type": "a string", "required": False, "default": "ratio", "text": ""}


def test_an_unknown_operator_gets_the_closest_name(rtml: Rtml) -> None:
    result = rtml("operators", "show", "Ratoi")
    assert result.code == 2
    assert result.error == "Operator 'Ratoi' does not exist. Did you mean 'Ratio'? `rtml operators list` shows all"


def test_every_operator_that_is_installed_can_be_shown(rtml: Rtml) -> None:
    names = [entry["name"] for entry in rtml("operators", "list", "--json").json]
    assert [name for name in names if rtml("operators", "show", name).code != 0] == []
    assert [name for name in names if rtml("operators", "show", name, "--json").json["name"] != name] == []


def test_the_schema_is_the_one_of_the_core(rtml: Rtml) -> None:
    assert rtml("schema").json == json_schema()


def test_a_plugin_that_brings_nothing_shows_a_dash() -> None:
    from rtml_core.cli.listing import brings

    assert brings(PluginInfo("empty", "rtml-empty", "1")) == "-"
    many = PluginInfo("many", "rtml-many", "1", operators=[f"O{n}" for n in range(9)])
    assert brings(many) == "O0, O1, O2, O3, O4, O5 and 3 more"
