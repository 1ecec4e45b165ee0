"""`rtml fit` and `rtml compile`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rtml_core.package import read_file
from tests.unit.core.cli.conftest import Rtml
from tests.unit.core.cli.helpers import OUTPUTS, chain, graph, node


@pytest.fixture
def learning(files: Path) -> Path:
    """A graph that has to learn, and training rows with a label."""
    (files / "learn.json").write_text(json.dumps(graph(node("centre", "Centre", col="ratio"), outputs=OUTPUTS)))
    head, *rows = (files / "rows.csv").read_text().splitlines()
    (files / "train.csv").write_text("\n".join([head + ",label", *(row + ",1" for row in rows)]) + "\n")
    return files / "learn.json"


def write(path: str, document: Any) -> None:
    Path(path).write_text(json.dumps(document))


def test_fit_writes_the_graph_with_what_it_learned(rtml: Rtml, learning: Path) -> None:
    result = rtml("fit", "learn.json", "--train", "train.csv", "-o", "fitted.json")
    assert result.code == 0
    assert result.out == "Fitted on 3 rows: centre. Wrote fitted.json\n"
    fitted = {entry["id"]: entry for entry in json.loads(Path("fitted.json").read_text())["nodes"]}
    assert fitted["centre"]["state"] == {"mean": (20.75 + 1.75) / 2}
    assert fitted["centre"]["distribution"] == "rtml-tiny"
    assert rtml("compile", "fitted.json", "-o", "fitted.rtml", "--sample", "rows.csv").code == 0


def test_fit_of_a_graph_that_learns_nothing_says_so(rtml: Rtml, files: Path) -> None:
    result = rtml("fit", "graph.json", "--train", "rows.csv", "-o", "fitted.json")
    assert result.out == "Fitted on 3 rows: no node, as none of them learns. Wrote fitted.json\n"


def test_compile_before_fit_says_how_to_fit(rtml: Rtml, learning: Path) -> None:
    result = rtml("compile", "learn.json", "-o", "model.rtml")
    assert result.code == 2
    assert "Centre" in result.error
    assert "Here: rtml fit GRAPH.json --train FILE -o FITTED.json" in result.error
    assert not Path("model.rtml").exists()


def test_compile_says_what_it_made_and_proved(rtml: Rtml, files: Path) -> None:
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "rows.jsonl")
    assert result.code == 0
    first, proof, identity = result.out.splitlines()
    archive = read_file("model.rtml")
    size = Path("model.rtml").stat().st_size
    nodes = sum(op.count for op in archive.manifest.ops)
    assert first == f"Wrote model.rtml: {nodes} ONNX nodes, {size:,} bytes, portable"
    assert proof.startswith(f"parity: {archive.manifest.parity.rows:,} rows, 0 differences")
    assert identity == f"id {archive.id}"


def test_compile_twice_gives_the_same_file(rtml: Rtml, files: Path) -> None:
    for name in ("one.rtml", "two.rtml"):
        assert rtml("compile", "graph.json", "-o", name, "--sample", "rows.csv").code == 0
    assert Path("one.rtml").read_bytes() == Path("two.rtml").read_bytes()


def test_explain_shows_every_node(rtml: Rtml, files: Path) -> None:
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--explain")
    header, _, first, second, *_ = result.out.splitlines()
    assert header.split("  ")[0] == "#"
    assert first.split()[:4] == ["1", "fields", "Fields", "tiny"]
    assert second.split()[:4] == ["2", "ratio", "Ratio", "tiny"]
    assert "Wrote model.rtml" in result.out


def test_compile_as_json(rtml: Rtml, files: Path) -> None:
    facts = rtml("compile", "graph.json", "-o", "model.rtml", "--json", "--explain").json
    archive = read_file("model.rtml")
    assert facts["id"] == archive.id
    assert facts["bytes"] == Path("model.rtml").stat().st_size
    assert facts["parity"]["checked"] is True
    assert facts["parity"]["rows"] == archive.manifest.parity.rows
    assert [row["node"] for row in facts["nodes"]][:2] == ["fields", "ratio"]


def test_no_parity_is_said_and_kept(rtml: Rtml, files: Path) -> None:
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--no-parity")
    assert "parity: NOT CHECKED (score and check it with --allow-unchecked)" in result.out
    assert read_file("model.rtml").manifest.parity.checked is False
    assert rtml("compile", "graph.json", "-o", "model.rtml", "--no-parity", "--json").json["parity"] == {"checked": False}


def test_a_parity_difference_is_one_and_leaves_no_package(rtml: Rtml, files: Path) -> None:
    write("crooked.json", graph(node("crooked", "Crooked", col="ratio"), outputs={"ratio": "ratio"}))
    before = set(os.listdir())
    result = rtml("compile", "crooked.json", "-o", "model.rtml", "--sample", "rows.csv")
    assert result.code == 1
    assert "node 3 (Crooked)" in result.error
    assert "'ratio'" in result.error
    assert set(os.listdir()) == before


def test_a_node_without_a_lowering_is_named(rtml: Rtml, files: Path) -> None:
    write("eager.json", graph(node("back", "Reverse"), outputs={"ratio": "ratio"}))
    result = rtml("compile", "eager.json", "-o", "model.rtml")
    assert result.code == 2
    assert "ode 3 (Reverse)" in result.error
    assert "Reverse has no lowering" in result.error


@pytest.mark.parametrize("command", [["compile"], ["fit", "--train", "rows.csv"]])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "g.json: the DSL is not JSON"),
        (b"\xff\xfe", "g.json is no graph file: it is not JSON text in UTF-8"),
        (b'{"nodes": []}', 'g.json: the DSL must be an object with "rtml": 1'),
        (b'{"rtml": 99, "nodes": []}', "g.json: the DSL has format version 99; this rtml reads up to 1: upgrade rtml"),
        (b'{"rtml": 1, "nodes": []}', "g.json: the graph is empty: add operators"),
    ],
)
def test_a_graph_file_that_can_not_be_read_is_named(
    rtml: Rtml, files: Path, command: list[str], content: bytes, words: str
) -> None:
    Path("g.json").write_bytes(content)
    result = rtml(command[0], "g.json", *command[1:], "-o", "out")
    assert result.code == 2
    assert words in result.error
    assert not Path("out").exists()


def test_a_sample_with_the_wrong_columns_is_named(rtml: Rtml, files: Path) -> None:
    Path("wrong.csv").write_text("agee,visits,zip,member,seen_at\n1,2,,,\n")
    result = rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "wrong.csv")
    assert result.code == 2
    assert result.error == (
        "wrong.csv does not fit the graph: Column 'age' does not exist. It has: agee, visits, zip, member, seen_at."
        " Did you mean 'agee'? The graph needs: age, visits, zip, member, seen_at"
    )
    assert not Path("model.rtml").exists()


def test_a_graph_without_a_source_needs_a_sample(rtml: Rtml, files: Path) -> None:
    write("bare.json", chain(node("ratio", "Ratio", top="age", bottom="visits"), outputs={"ratio": "ratio"}))
    result = rtml("compile", "bare.json", "-o", "model.rtml")
    assert result.code == 2
    assert "no source that declares its fields" in result.error
    Path("two.csv").write_text("age,visits\n1,2\n3,4\n")
    assert rtml("compile", "bare.json", "-o", "model.rtml", "--sample", "two.csv").code == 0
    scored = rtml("score", "model.rtml", "-i", "two.csv", "-o", "-")
    assert [json.loads(line)["ratio"] for line in scored.out.splitlines()] == [0.5, 0.75]


def test_an_input_is_never_replaced_but_a_graph_may_become_fitted(rtml: Rtml, learning: Path) -> None:
    for words, name in (
        (["compile", "learn.json", "-o", "learn.json"], "learn.json"),
        (["compile", "learn.json", "--sample", "rows.csv", "-o", "./rows.csv"], "rows.csv"),
        (["fit", "learn.json", "--train", "train.csv", "-o", "train.csv"], "train.csv"),
    ):
        before = Path(name).read_bytes()
        result = rtml(*words)
        assert result.code == 2
        assert f"would replace {name}; name another file" in result.error
        assert Path(name).read_bytes() == before
    assert rtml("fit", "learn.json", "--train", "train.csv", "-o", "learn.json").code == 0
    assert rtml("compile", "learn.json", "-o", "model.rtml").code == 0


@pytest.mark.parametrize("words", [["compile", "graph.json"], ["fit", "graph.json", "--train", "rows.csv"]])
def test_an_output_that_can_not_be_written_is_refused_before_the_work(rtml: Rtml, files: Path, words: list[str]) -> None:
    result = rtml(*words, "-o", "no/out")
    assert result.code == 2
    assert result.error == "no/out can't be written: no does not exist; make it first"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["auc"], "--metric must be NAME=NUMBER, e.g. --metric auc=0.81; got 'auc'"),
        (["auc=high"], "got 'auc=high'"),
        (["=1"], "got '=1'"),
        (["auc=nan"], "got 'auc=nan'"),
        (["auc=1", "auc=2"], "--metric auc is given twice"),
    ],
)
def test_metrics_that_are_no_numbers_are_refused(rtml: Rtml, files: Path, given: list[str], words: str) -> None:
    options = [part for text in given for part in ("--metric", text)]
    result = rtml("compile", "graph.json", "-o", "model.rtml", *options)
    assert result.code == 2
    assert words in " ".join(result.error.split())
    assert not Path("model.rtml").exists()
