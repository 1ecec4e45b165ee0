"""Plugins installed by pip for real, good and bad ones: what the command line, the compiler and the runtime make of them."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.places import FIXTURES, ROOT, Place, Result

BAD = ("rtml-broken", "rtml-conflicting", "rtml-too-new", "rtml-slow")
BUILT_IN = {"encoders", "fields", "flow", "functions", "numpy", "onnx", "pandas", "sklearn", "text"} | {
    "edge",
    "hub",
    "notebook",
    "profile",
    "services",
    "up",
    "xdm",
}
LANG = ROOT / "plugins_contrib" / "rtml-lang"


def graph(*nodes: tuple[str, dict[str, Any]], **schema: str) -> str:
    """A graph file of nodes one after the other behind a source."""
    made = [{"id": "in", "operator": "Receiver", "params": {"schema": schema}}]
    made += [{"id": f"n{at}", "operator": name, "params": params} for at, (name, params) in enumerate(nodes)]
    edges = [[a["id"], b["id"]] for a, b in pairwise(made)]
    return json.dumps({"rtml": 1, "nodes": made, "edges": edges})


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where the four fixture plugins are installed."""
    place = Place(tmp_path_factory.mktemp("crowded"))
    place.install(*(FIXTURES / name for name in BAD))
    (place.folder / "scale.json").write_text(graph(("Scaler", {"cols": ["x"]}), x="float?"))
    (place.folder / "halve.json").write_text(graph(("Halve", {"col": "x"}), x="float?"))
    (place.folder / "shout.json").write_text(graph(("Shout", {"col": "s"}), s="string?"))
    (place.folder / "x.jsonl").write_text('{"x": 6.0}\n{"x": null}\n')
    (place.folder / "s.jsonl").write_text('{"s": "ab"}\n{"s": null}\n')
    return place


def packed(place: Place, name: str) -> str:
    """The package of a graph file, compiled there by the command line, once."""
    if not (place.folder / f"{name}.rtml").exists():
        done = place.rtml("compile", f"{name}.json", "-o", f"{name}.rtml")
        assert done.code == 0, done.err
    return f"{name}.rtml"


def scored(result: Result) -> list[Any]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


# ---- listings -----------------------------------------------------------------------------------------------------------

REASONS = {
    "broken": "ModuleNotFoundError: No module named 'loyalty_store_that_is_not_there'",
    "conflicting": "operator 'Scaler' is brought by plugin 'encoders' (built in) and by plugin 'conflicting'"
    ' (rtml-conflicting 2.0). Uninstall or block one of them, or set RTML_PREFER="Scaler=conflicting"',
    "conflicting-ops": "custom operator rtml.pandas:title 1 is brought by plugin 'pandas' (built in) and by plugin"
    " 'conflicting-ops' (rtml-conflicting 2.0)",
    "too-new": "written for plugin API 99; this rtml has plugin API 1: upgrade rtml",
}
VERSIONS = {"broken": "0.3.1", "conflicting": "2.0", "conflicting-ops": "2.0", "too-new": "9.1", "slow": "1.0"}


def test_each_is_listed_with_its_reason_and_the_host_is_unharmed(crowded: Place) -> None:
    listed = {info["name"]: info for info in crowded.rtml("plugins", "list", "--json").json}
    assert set(listed) == BUILT_IN | set(VERSIONS)
    assert {name: listed[name]["version"] for name in VERSIONS} == VERSIONS
    for name, reason in REASONS.items():
        assert listed[name]["state"] == "broken"
        assert listed[name]["error"].startswith(reason)
        assert (listed[name]["operators"], listed[name]["custom_ops"]) == ([], [])
    assert {listed[name]["state"] for name in BUILT_IN | {"slow"}} == {"ok"}
    assert "Scaler" in listed["encoders"]["operators"]
    assert "rtml.pandas:title 1" in listed["pandas"]["custom_ops"]


@pytest.mark.parametrize("name", REASONS)
def test_show_says_whose_it_is_and_the_whole_reason(crowded: Place, name: str) -> None:
    shown = crowded.rtml("plugins", "show", name)
    assert shown.code == 0
    assert f"from       distribution rtml-{name.removesuffix('-ops')}\nversion    {VERSIONS[name]}\n" in shown.out
    assert "state      broken" in shown.out
    assert REASONS[name] in shown.out


def test_strict_is_an_error_that_names_all_of_them(crowded: Place) -> None:
    for strict in (crowded.rtml("plugins", "list", "--strict"), crowded.rtml("operators", "list", RTML_STRICT_PLUGINS="1")):
        assert strict.code == 1
        assert all(name in strict.err for name in REASONS)
    blocked = crowded.rtml("operators", "list", RTML_STRICT_PLUGINS="1", RTML_BLOCK_PLUGINS=",".join(REASONS))
    assert (blocked.code, blocked.err) == (0, "")


def test_a_graph_of_a_broken_plugin_says_that_there_are_broken_ones(crowded: Place) -> None:
    (crowded.folder / "nothing.json").write_text(graph(("Loyalty", {}), x="float?"))
    done = crowded.rtml("compile", "nothing.json", "-o", "nothing.rtml")
    assert done.code != 0
    assert "Loyalty" in done.err
    assert "Broken plugins: broken, conflicting, conflicting-ops, too-new (rtml plugins list)" in done.err


def test_what_is_good_works_among_them(crowded: Place) -> None:
    rows = scored(crowded.rtml("score", packed(crowded, "halve"), "-i", "x.jsonl", "-o", "-", "-q"))
    assert rows == [{"x": 3.0}, {"x": None}]


# ---- the conflict -------------------------------------------------------------------------------------------------------


def test_a_preference_settles_the_conflict(crowded: Place) -> None:
    preferring = {"RTML_PREFER": "Scaler=conflicting"}
    assert "Scaler, version 1, from plugin 'encoders' (built in)" in crowded.rtml("operators", "show", "Scaler").out
    shown = crowded.rtml("operators", "show", "Scaler", **preferring)
    assert "Scaler, version 1, from plugin 'conflicting' (rtml-conflicting 2.0)" in shown.out
    listed = {info["name"]: info for info in crowded.rtml("plugins", "list", "--json", **preferring).json}
    assert listed["conflicting"]["state"] == "ok"
    assert "Scaler" not in listed["encoders"]["operators"]
    assert crowded.rtml("compile", "scale.json", "-o", "scale.rtml", **preferring).code == 0
    assert scored(crowded.rtml("score", "scale.rtml", "-i", "x.jsonl", "-o", "-", "-q")) == [{"x": 1.5}, {"x": None}]
    kept = crowded.rtml("plugins", "list", "--json", RTML_PREFER="Scaler=encoders").json
    assert {info["name"]: info["state"] for info in kept}["conflicting"] == "ok"


def test_a_preference_in_the_settings_does_the_same(crowded: Place, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[rtml]\nprefer = {Scaler = "conflicting"}\n')
    shown = crowded.rtml("operators", "show", "Scaler", RTML_CONFIG=str(tmp_path / "config.toml"))
    assert "from plugin 'conflicting' (rtml-conflicting 2.0)" in shown.out


# ---- slow to import -----------------------------------------------------------------------------------------------------


#: the command line, and which modules of the slow plugin it has imported in the end
COUNTING = """
import sys
from rtml_core.cli.app import run
code = run(sys.argv[1:])
print("imported", *sorted(name for name in sys.modules if name.startswith("rtml_slow")), file=sys.stderr)
sys.exit(code)
"""


def test_a_runtime_does_not_import_what_it_does_not_need(crowded: Place) -> None:
    def score(package: str, rows: str, *trust: str) -> Result:
        return crowded.run("-c", COUNTING, "score", package, "-i", rows, "-o", "-", "-q", *trust)

    for trust in ((), ("--trust", "all")):
        done = score(packed(crowded, "halve"), "x.jsonl", *trust)
        assert (done.code, done.err) == (0, "imported\n")
    untrusted = score(packed(crowded, "shout"), "s.jsonl")
    assert untrusted.code == 2
    assert "is not trusted here" in untrusted.err
    assert untrusted.err.endswith("imported\n")
    needed = score(packed(crowded, "shout"), "s.jsonl", "--trust", "rtml-slow")
    assert scored(needed) == [{"s": "AB!"}, {"s": None}]
    assert needed.err == "imported rtml_slow rtml_slow_bodies\n"


def test_check_names_the_slow_one(crowded: Place) -> None:
    report = crowded.rtml("plugins", "check", "slow")
    assert report.code == 0
    (line,) = (line for line in report.out.splitlines() if "start-up" in line)
    assert line.split()[0] == "warning"
    assert "to every rtml command" in line
    assert "(slowest: rtml_slow " in line


def test_check_says_of_each_bad_one_what_to_mend(crowded: Place) -> None:
    report = crowded.rtml("plugins", "check", *REASONS)
    assert report.code == 1
    assert "loyalty_store_that_is_not_there', and name it in dependencies of pyproject.toml" in report.out
    assert 'set RTML_PREFER="Scaler=conflicting"' in report.out
    assert "custom operator rtml.pandas:title 1 is brought by plugin 'pandas' (built in)" in report.out
    assert "written for plugin API 99; this rtml has plugin API 1: upgrade rtml\n" in report.out


# ---- rtml-lang, installed and uninstalled -------------------------------------------------------------------------------

SCORE = ("score", "names.rtml", "-i", "names.jsonl", "-o", "-", "-q")
NEEDS = "Error: names.rtml needs the python operator lang:title_case 1 of rtml-lang 0.1.0"


@pytest.fixture(scope="module")
def lang(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place where rtml-lang was installed, a package compiled with it, and rtml-lang uninstalled again."""
    place = Place(tmp_path_factory.mktemp("lang"))
    (place.folder / "names.json").write_text(graph(("TitleCase", {"cols": "name", "language": "nl"}), name="string?"))
    (place.folder / "names.jsonl").write_text('{"name": "JAN VAN DER ijssel"}\n')
    assert "TitleCase" not in {entry["name"] for entry in place.rtml("operators", "list", "--json").json}
    place.install(LANG)
    assert {"TitleCase", "Transliterate"} <= {entry["name"] for entry in place.rtml("operators", "list", "--json").json}
    ops = {(op["domain"], op["name"], op["distribution"]) for op in place.rtml("custom-ops", "list", "--json").json}
    assert {("lang", "title_case", "rtml-lang"), ("lang", "transliterate", "rtml-lang")} <= ops
    done = place.rtml("compile", "names.json", "-o", "names.rtml")
    assert "Not portable: needs the python operator lang:title_case 1 from rtml-lang 0.1.0" in done.out
    assert scored(place.rtml(*SCORE, "--trust", "rtml-lang")) == [{"name": "Jan van der IJssel"}]
    place.uninstall("rtml-lang")
    return place


def test_what_was_uninstalled_is_named_with_the_install_that_brings_it(lang: Place) -> None:
    assert "lang" not in {info["name"] for info in lang.rtml("plugins", "list", "--json").json}
    done = lang.rtml(*SCORE, "--trust", "all")
    assert (done.code, done.out) == (2, "")
    assert done.err == f"{NEEDS}, which is not installed here: pip install rtml-lang==0.1.0\n"
    inspected = lang.rtml("inspect", "names.rtml")
    assert "portable  no: needs the python operator lang:title_case 1 from rtml-lang 0.1.0\n" in inspected.out
    compiled = lang.rtml("compile", "names.json", "-o", "again.rtml")
    assert compiled.code != 0
    assert "TitleCase" in compiled.err
    assert not (lang.folder / "again.rtml").exists()


def test_another_version_of_the_operator_is_refused_with_the_cure(lang: Place, tmp_path: Path) -> None:
    newer = tmp_path / "rtml-lang"
    shutil.copytree(LANG, newer, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    project, ops = newer / "pyproject.toml", newer / "rtml_lang" / "ops.py"
    project.write_text(project.read_text().replace('version = "0.1.0"', 'version = "0.2.0"'))
    ops.write_text(ops.read_text().replace("version=1", "version=2"))
    lang.install(newer)
    try:
        done = lang.rtml(*SCORE, "--trust", "rtml-lang")
        assert done.code == 2
        assert done.err == (
            f"{NEEDS}. rtml-lang 0.2.0, which is installed here, brings version 2 of it only: pip install rtml-lang==0.1.0, or"
            f" compile the graph anew\n"
        )
        anew = lang.rtml("compile", "names.json", "-o", "anew.rtml")
        assert "lang:title_case 2 from rtml-lang 0.2.0" in anew.out
        assert scored(lang.rtml("score", "anew.rtml", *SCORE[2:], "--trust", "rtml-lang")) == [{"name": "Jan van der IJssel"}]
    finally:
        lang.uninstall("rtml-lang")


def test_installed_again_the_old_package_is_scored_again(lang: Place) -> None:
    lang.install(LANG)
    try:
        assert scored(lang.rtml(*SCORE, RTML_TRUST="rtml-lang")) == [{"name": "Jan van der IJssel"}]
        assert lang.rtml(*SCORE, "--trust", "rtml-geo").err.startswith(f"{NEEDS}, which runs code of that distribution in this")
    finally:
        lang.uninstall("rtml-lang")
