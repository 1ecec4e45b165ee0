"""What a new user gets wrong: each mistake is one clear sentence with the cure, an exit code, and no file left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core import package as archives
from rtml_core.cli.app import run
from rtml_core.package import OpEntry, read_file, write_archive
from tests.unit.core.cli.helpers import Result, chain, child, node

SCHEMA = {"age": "float?", "brand": "string?", "seen_at": "timestamp", "quote": "float", "count": "int?"}
ROWS = "age,brand,seen_at,quote,count\n41,VW,2026-11-21T10:15:00Z,512.5,3\n,BMW,2026-11-22,80,\n"
READER = {"import": "fillna", "cols": "age", "kwargs": {"value": 41.0}, "inplace": True}

Rtml = Callable[..., Result]


@pytest.fixture
def rtml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Rtml:
    """Runs the command line here, in a directory with rows."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(ROWS)

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        code = run(arguments)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a package."""
    folder = tmp_path_factory.mktemp("built")
    (folder / "graph.json").write_text(json.dumps(graph(pandas(**READER))))
    assert run(["compile", str(folder / "graph.json"), "-o", str(folder / "model.rtml")]) == 0
    return (folder / "model.rtml").read_bytes()


@pytest.fixture
def package(rtml: Rtml, built: bytes) -> Path:
    path = Path("model.rtml")
    path.write_bytes(built)
    return path


def pandas(**params: Any) -> dict[str, Any]:
    """A Pandas node; its id is what it imports."""
    return node(params["import"], "Pandas", **params)


def graph(*nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return chain(node("in", "Receiver", schema=SCHEMA), *nodes, **more)


def on_age(method: str, **more: Any) -> dict[str, Any]:
    return pandas(**{"import": method, "cols": "age", "inplace": True, **more})


CYCLE = graph(on_age("abs"), on_age("round"), edges=[["in", "abs"], ["abs", "round"], ["round", "abs"]])
LOOSE = graph(on_age("abs"), on_age("round"), edges=[["in", "abs"]])
GONE = {"rtml": 1, "nodes": [{"id": "far", "operator": "Haversinus", "plugin": "geo", "distribution": "rtml-geo"}]}
OTHER_ROWS = ["cannot run in real time: it needs other rows of the frame", "ProfileReader"]

MISTAKES: dict[str, tuple[Any, list[str]]] = {
    "a misspelled column": (
        graph(pandas(**{**READER, "cols": "agee"})),
        ["ode 2 (Pandas 'fillna')", "Column 'agee' does not exist", "It has: age, brand, seen_at", "Did you mean 'age'?"],
    ),
    "a misspelled column further down": (
        graph(pandas(**READER), node("hot", "OneHotEncoder", cols="brnad", categories=["VW"])),
        ["ode 3 (OneHotEncoder)", "Column 'brnad' does not exist", "Did you mean 'brand'?"],
    ),
    "a misspelled output": (graph(on_age("abs"), outputs={"x": "agee"}), ["output 'x'", "Did you mean 'age'?"]),
    "a misspelled method": (graph(pandas(**{**READER, "import": "filna"})), ["'filna'", "Did you mean 'fillna'?"]),
    "a misspelled argument": (graph(on_age("fillna", kwargs={"vlaue": 1})), ["'vlaue'", "Did you mean 'value'?"]),
    "a misspelled parameter": (
        graph(node("fill", "Pandas", **{"import": "fillna", "colls": "age"})),
        ["graph.json", "node 'fill'", "Pandas: unknown parameter 'colls'", "Did you mean 'cols'?"],
    ),
    "a parameter of the wrong kind": (
        graph(node("fill", "Pandas", **{"import": "fillna", "cols": 3})),
        ["Pandas: parameter 'cols' must be a column name or a list of them; got 3"],
    ),
    "a misspelled operator": (
        graph(node("fill", "Pandsa", **{"import": "fillna"})),
        ["graph.json", "node 'fill'", "Operator 'Pandsa' does not exist", "Did you mean 'Pandas'?"],
    ),
    "an operator whose plugin is gone": (GONE, ["'Haversinus'", "plugin 'geo' of rtml-geo: pip install rtml-geo"]),
    "a misspelled type": (
        chain(node("in", "Receiver", schema={"age": "flaot"})),
        ["field 'age'", "float, int, bool, string, timestamp", "'flaot'", "Did you mean 'float'?"],
    ),
    "shift": (graph(on_age("shift")), ["ode 2 (Pandas 'shift')", *OTHER_ROWS]),
    "groupby": (graph(pandas(**{"import": "groupby", "kwargs": {"by": "brand"}})), ["ode 2 (Pandas 'groupby')", *OTHER_ROWS]),
    "dropna": (graph(pandas(**{"import": "dropna"})), ["ode 2 (Pandas 'dropna')", "cannot run in real time", "fillna"]),
    "astype(int) on a column that may be missing": (
        graph(on_age("astype", kwargs={"dtype": "int"})),
        ["ode 2 (Pandas 'astype')", "column 'age' may be missing here", "Fill it first", 'import_="fillna"'],
    ),
    "a cycle": (CYCLE, ["graph.json: the graph has a cycle: round -> abs -> round. Remove one of these edges"]),
    "a loose node": (LOOSE, ["not connected to the rest of the graph: round. Connect or remove them"]),
    "an empty graph": ({"rtml": 1, "nodes": []}, ["graph.json: the graph is empty: add operators"]),
    "an edge to nowhere": (graph(on_age("abs"), edges=[["in", "asb"]]), ["there is no node 'asb'", "Did you mean 'abs'?"]),
    "a node that has to learn first": (
        graph(node("fill", "FillMissing", cols="age", strategy="median")),
        ["FillMissing", "has to learn first", "rtml fit GRAPH.json --train FILE -o FITTED.json"],
    ),
    "a graph of a newer rtml": ({"rtml": 2, "nodes": []}, ["format version 2; this rtml reads up to 1: upgrade rtml"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_graph(rtml: Rtml, name: str) -> None:
    document, words = MISTAKES[name]
    Path("graph.json").write_text(json.dumps(document))
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "rows.csv")
    assert result.code == 2
    assert [word for word in words if word not in result.error] == []
    assert len(result.err.splitlines()) == 1
    assert sorted(os.listdir()) == ["graph.json", "rows.csv"]


def test_a_mistake_found_while_fitting_names_the_node(rtml: Rtml) -> None:
    document = graph(pandas(**{**READER, "cols": "agee"}), node("fill", "FillMissing", cols="age", strategy="median"))
    Path("graph.json").write_text(json.dumps(document))
    result = rtml("fit", "graph.json", "--train", "rows.csv", "-o", "fitted.json")
    assert result.code == 2
    assert "node 2 (Pandas 'fillna')" in result.error
    assert "Did you mean 'age'?" in result.error
    assert "node id: fillna" in result.error
    assert sorted(os.listdir()) == ["graph.json", "rows.csv"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("agee,brand,seen_at,quote,count", ["Column 'age' does not exist", "Did you mean 'agee'?", "The graph needs: age,"]),
        ("age,brand,seen_at,count", ["rows.csv", "does not fit the graph", "Column 'quote' does not exist"]),
    ],
)
def test_a_sample_with_the_wrong_columns(rtml: Rtml, header: str, words: list[str]) -> None:
    Path("graph.json").write_text(json.dumps(graph(pandas(**READER))))
    Path("rows.csv").write_text(header + "\n" + ",".join("1" * len(header.split(","))) + "\n")
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "rows.csv")
    assert result.code == 2
    assert [word for word in words if word not in result.error] == []
    assert not Path("model.rtml").exists()


def test_a_sample_with_a_value_of_the_wrong_type_is_named_with_its_line(rtml: Rtml) -> None:
    Path("graph.json").write_text(json.dumps(graph(pandas(**READER))))
    Path("rows.csv").write_text(ROWS.replace("80", "eighty"))
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "rows.csv")
    assert result.code == 2
    assert result.error == "rows.csv, line 3: /quote: expected a finite number, got string 'eighty'"


def test_broken_json_says_where(rtml: Rtml) -> None:
    Path("graph.json").write_text('{"rtml": 1,\n "nodes": [}\n')
    result = rtml("compile", "graph.json", "-o", "model.rtml")
    assert result.code == 2
    assert "graph.json: the DSL is not JSON" in result.error
    assert "line 2 column 12" in result.error


def test_a_missing_file_gets_the_closest_name(rtml: Rtml) -> None:
    Path("graph.json").write_text(json.dumps(graph(pandas(**READER))))
    missing = rtml("compile", "grahp.json", "-o", "model.rtml")
    assert (missing.code, missing.error) == (2, "grahp.json does not exist. Did you mean 'graph.json'?")
    missing = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "row.csv")
    assert (missing.code, missing.error) == (2, "row.csv does not exist. Did you mean 'rows.csv'?")


def damaged(data: bytes) -> dict[str, tuple[bytes, str]]:
    """Packages that must be refused, and why."""
    middle = len(data) // 2
    return {
        "cut in half": (data[:middle], "is cut off or damaged: the archive has no end. Copy or build it again"),
        "without its last byte": (data[:-1], "Copy or build it again"),
        "edited by one byte": (
            data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "was changed after it was built: its digest does not match. Copy or build it again",
        ),
        "something else renamed": (b"a,b\n1,2\n", "is not an rtml package: it is no zip archive. Was another file renamed"),
        "empty": (b"", "is not an rtml package"),
        "of a newer format": (_changed(data, format=99), "has package format 99; this rtml reads up to 1: upgrade rtml"),
    }


def _changed(data: bytes, **changes: Any) -> bytes:
    archive = archives.read_archive(data)
    files = {archives.MODEL: archive.model, archives.GRAPH: archive.graph, archives.SAMPLE: archive.sample}
    return write_archive(msgspec.structs.replace(archive.manifest, **changes), files)


DAMAGED = ["cut in half", "without its last byte", "edited by one byte", "something else renamed", "empty", "of a newer format"]


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_package_is_refused_with_the_reason(rtml: Rtml, built: bytes, kind: str) -> None:
    content, reason = damaged(built)[kind]
    Path("bad.rtml").write_bytes(content)
    for words, code in (
        (["score", "bad.rtml", "-i", "rows.csv", "-o", "out.csv"], 2),
        (["inspect", "bad.rtml"], 2),
        (["check", "bad.rtml"], 1),
    ):
        result = rtml(*words)
        assert result.code == code
        assert result.error.startswith("bad.rtml ")
        assert reason in result.error
        assert result.out == ""
    assert sorted(os.listdir()) == ["bad.rtml", "rows.csv"]


def test_a_package_whose_plugin_is_not_installed(rtml: Rtml, package: Path) -> None:
    ops = (*read_file(package).manifest.ops, OpEntry("x", "Haversine", "python", 1, "rtml-far", "1.4", "geo", "geo", 2))
    package.write_bytes(_changed(package.read_bytes(), ops=ops, portable=False))
    result = rtml("score", "model.rtml", "-i", "rows.csv", "-o", "out.csv")
    assert result.code == 2
    assert "model.rtml needs the python operator geo:Haversine 2 of rtml-far 1.4, which is not installed here" in result.error
    assert "pip install rtml-far==1.4" in result.error
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("output", "reason"),
    [("no/out.csv", "no does not exist; make it first"), ("rows.csv/out.csv", "is not a directory"), (".", "it is a directory")],
)
def test_an_output_that_can_not_be_written(rtml: Rtml, package: Path, output: str, reason: str) -> None:
    before = sorted(os.listdir())
    result = rtml("score", "model.rtml", "-i", "rows.csv", "-o", output)
    assert result.code == 2
    assert f"{output} can't be written: " in result.error
    assert reason in result.error
    assert sorted(os.listdir()) == before


def test_a_row_with_a_mistake_fails_the_run_and_names_the_line(rtml: Rtml, package: Path) -> None:
    Path("rows.csv").write_text(ROWS + "x,VW,2026-01-01,1,1\n")
    result = rtml("score", "model.rtml", "-i", "rows.csv", "-o", "out.csv")
    assert result.code == 1
    assert "rows.csv, line 4: /age: expected a finite number or null, got string 'x'" in result.err
    assert "out.csv was not written" in result.error
    assert not Path("out.csv").exists()


def test_a_disk_that_is_full_leaves_no_half_file(rtml: Rtml, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(os.listdir())
    for words in (["score", "model.rtml", "-i", "rows.csv", "-o", "out.csv"], ["compile", "graph.json", "-o", "new.rtml"]):
        Path("graph.json").write_text(json.dumps(graph(pandas(**READER))))
        result = rtml(*words)
        assert result.code == 2
        assert result.error == f"{words[-1]} can't be written: No space left on device"
    assert sorted(os.listdir()) == sorted([*before, "graph.json"])


def test_no_mistake_shows_a_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    result = child("compile", "nothing.json", "-o", "model.rtml", cwd=tmp_path)
    assert (result.code, result.out) == (2, "")
    assert result.err == "Error: nothing.json does not exist.\n"
    shown = child("--debug", "compile", "nothing.json", "-o", "model.rtml", cwd=tmp_path)
    assert shown.code == 2
    assert "Traceback (most recent call last)" in shown.err
