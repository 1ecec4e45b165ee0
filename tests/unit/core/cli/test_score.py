"""`rtml score`: every format in and out, bad rows, kept columns, and what is never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.cli.conftest import Rtml
from tests.unit.core.cli.helpers import OUTPUTS, ROWS, SCORES, graph, node

GOOD = "age,visits,zip,member,seen_at\n"


def lines(path: str) -> list[Any]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def names(folder: Path) -> set[str]:
    return set(os.listdir(folder))


@pytest.fixture
def checked(rtml: Rtml, files: Path) -> Path:
    """A package that refuses rows whose ratio is not above zero."""
    fields = {"age": "float", "visits": "int"}
    document = graph(node("positive", "Positive", col="ratio"), schema=fields, outputs={"ratio": "ratio"})
    (files / "checked.json").write_text(json.dumps(document))
    assert rtml("compile", "checked.json", "-o", "checked.rtml").code == 0
    return files / "checked.rtml"


@pytest.mark.parametrize("source", ["rows.csv", "rows.jsonl"])
def test_json_lines_out_have_a_row_for_each_row_in(rtml: Rtml, package: Path, source: str) -> None:
    result = rtml("score", "model.rtml", "--input", source, "--output", "out.jsonl")
    assert (result.code, result.out, result.err) == (0, "", "Scored 3 rows into out.jsonl\n")
    assert lines("out.jsonl") == SCORES


def test_csv_out(rtml: Rtml, package: Path) -> None:
    rtml("score", "model.rtml", "-i", "rows.jsonl", "-o", "out.csv")
    assert Path("out.csv").read_text() == (
        "ratio,zip,member,seen_at\n20.75,02134,true,2026-11-21T10:15:00Z\n,,,\n1.75,x,false,2026-01-31T00:00:00Z\n"
    )


def test_parquet_in_and_out(rtml: Rtml, package: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    parquet.write_table(pyarrow.table({**columns, "visits": pyarrow.array([2, 3, 4], pyarrow.int32())}), "rows.parquet")
    assert rtml("score", "model.rtml", "-i", "rows.parquet", "-o", "out.parquet").code == 0
    table = parquet.read_table("out.parquet")
    assert table.column("ratio").to_pylist() == [20.75, None, 1.75]
    assert table.column("zip").to_pylist() == ["02134", None, "x"]


def test_standard_output_carries_only_rows(rtml: Rtml, package: Path) -> None:
    result = rtml("score", "model.rtml", "-i", "rows.csv", "-o", "-")
    assert [json.loads(line) for line in result.out.splitlines()] == SCORES
    assert result.err == "Scored 3 rows\n"
    assert rtml("score", "model.rtml", "-i", "rows.csv", "-o", "-", "--quiet").err == ""


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_rows_keep_their_order_through_batches_of_any_size(rtml: Rtml, package: Path, size: int, suffix: str) -> None:
    Path("many.csv").write_text(GOOD + "".join(f"{n},1,{n:05},,\n" for n in range(50)))
    result = rtml("score", "model.rtml", "-i", "many.csv", "-o", f"out.{suffix}", "--batch-size", size)
    assert result.code == 0
    text = Path(f"out.{suffix}").read_text().splitlines()
    found = [line.split(",")[1] for line in text[1:]] if suffix == "csv" else [json.loads(line)["zip"] for line in text]
    assert found == [f"{n:05}" for n in range(50)]


def test_a_file_without_rows_gives_one_without_rows(rtml: Rtml, package: Path) -> None:
    Path("none.csv").write_text(GOOD)
    assert rtml("score", "model.rtml", "-i", "none.csv", "-o", "out.jsonl").err == "Scored 0 rows into out.jsonl\n"
    assert Path("out.jsonl").read_bytes() == b""


def test_a_bad_row_fails_the_run_with_its_line_and_leaves_no_file(rtml: Rtml, package: Path, tmp_path: Path) -> None:
    Path("bad.csv").write_text(GOOD + "1,2,,,\nx,2.5,,yes,2026-13-01\n3,,,,\n")
    before = names(tmp_path)
    result = rtml("score", "model.rtml", "-i", "bad.csv", "-o", "out.jsonl")
    assert result.code == 1
    first, second = result.err.splitlines()[:2]
    assert first.startswith("bad.csv, line 3: ")
    assert set(first.removeprefix("bad.csv, line 3: ").split("; ")) == {
        "/age: expected a finite number or null, got string 'x'",
        "/visits: expected a whole number, got number 2.5",
        "/member: expected true or false or null, got string 'yes'",
        "/seen_at: expected an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z or null, got string '2026-13-01'",
    }
    assert second == "bad.csv, line 4: /visits: expected a whole number, got null"
    assert result.error == (
        "2 rows do not fit the package (reading stopped at line 4); out.jsonl was not written."
        " Correct the rows or put such rows aside with --errors FILE"
    )
    assert names(tmp_path) == before


def test_a_run_that_fails_keeps_the_output_of_the_one_before(rtml: Rtml, package: Path) -> None:
    Path("out.jsonl").write_text("before")
    Path("bad.csv").write_text(GOOD + "1,x,,,\n")
    assert rtml("score", "model.rtml", "-i", "bad.csv", "-o", "out.jsonl").code == 1
    assert Path("out.jsonl").read_text() == "before"


def test_bad_rows_go_aside_with_line_problems_and_row(rtml: Rtml, package: Path) -> None:
    good = '{"age": 4, "visits": 2, "zip": null, "member": null, "seen_at": null}'
    Path("bad.jsonl").write_text(f'{good}\n{{"age": \n{good.replace("2", "true")}\n{good}\n[1]\n{good.replace("age", "agee")}\n')
    result = rtml("score", "model.rtml", "-i", "bad.jsonl", "-o", "out.jsonl", "--errors", "errors.jsonl")
    assert result.code == 0
    assert result.err == "Scored 2 rows into out.jsonl; 4 rows could not be scored, see errors.jsonl\n"
    assert [row["ratio"] for row in lines("out.jsonl")] == [2.0, 2.0]
    errors = lines("errors.jsonl")
    assert [entry["line"] for entry in errors] == [2, 3, 5, 6]
    assert errors[0]["row"] == '{"age": '
    assert errors[1]["problems"] == [{"at": "/visits", "expected": "a whole number", "got": "boolean True"}]
    assert errors[1]["row"]["visits"] is True
    assert errors[2]["row"] == [1]
    assert [problem["at"] for problem in errors[3]["problems"]] == ["/agee", "/age"]


def test_the_file_of_errors_is_there_when_there_are_none(rtml: Rtml, package: Path) -> None:
    rtml("score", "model.rtml", "-i", "rows.csv", "-o", "out.jsonl", "--errors", "errors.jsonl")
    assert Path("errors.jsonl").read_bytes() == b""


def test_a_row_that_fails_a_check_of_the_graph_is_a_bad_row(rtml: Rtml, checked: Path) -> None:
    Path("rows.csv").write_text("age,visits\n4,2\n-4,2\n8,2\nx,2\n0,2\n")
    result = rtml("score", "checked.rtml", "-i", "rows.csv", "-o", "out.jsonl", "--errors", "errors.jsonl")
    assert result.code == 0
    assert [row["ratio"] for row in lines("out.jsonl")] == [2.0, 4.0]
    errors = lines("errors.jsonl")
    assert [entry["line"] for entry in errors] == [3, 5, 6]
    assert "'ratio' must be above zero" in errors[0]["problems"][0]["got"]
    assert errors[1]["problems"][0]["at"] == "/age"
    failed = rtml("score", "checked.rtml", "-i", "rows.csv", "-o", "o.jsonl")
    assert failed.code == 1
    assert "rows.csv, line 3: expected values that the model takes, got " in failed.err


def test_only_the_first_bad_rows_are_described(rtml: Rtml, package: Path) -> None:
    Path("bad.csv").write_text(GOOD + "x,2,,,\n" * 9)
    result = rtml("score", "model.rtml", "-i", "bad.csv", "-o", "-")
    assert len(result.err.splitlines()) == 7
    assert result.err.splitlines()[5] == "... and 4 more rows"
    assert "the output is incomplete" in result.error


def test_extra_columns_are_refused_or_ignored_when_asked(rtml: Rtml, package: Path) -> None:
    Path("more.csv").write_text("id," + GOOD + "7,1,2,,,\n")
    refused = rtml("score", "model.rtml", "-i", "more.csv", "-o", "-")
    assert refused.code == 2
    assert "the package takes no field 'id'" in refused.error
    assert "--ignore-extra" in refused.error
    assert rtml("score", "model.rtml", "-i", "more.csv", "-o", "-", "--ignore-extra").code == 0
    Path("more.jsonl").write_text(json.dumps({"id": 7, **ROWS[0]}) + "\n")
    bad = rtml("score", "model.rtml", "-i", "more.jsonl", "-o", "-")
    assert bad.code == 1
    assert "drop unknown fields with --ignore-extra" in bad.error
    assert json.loads(rtml("score", "model.rtml", "-i", "more.jsonl", "-o", "-", "--ignore-extra").out) == SCORES[0]


@pytest.mark.parametrize("source", ["more.csv", "more.jsonl"])
def test_kept_columns_stand_before_the_scores_and_bad_rows_stay_whole(rtml: Rtml, package: Path, source: str) -> None:
    Path("more.csv").write_text("id," + GOOD + "007,1,2,,,\n8,x,2,,,\n9,3,2,,,\n")
    row = {"visits": 2, "zip": None, "member": None, "seen_at": None}
    rows = [{"id": "007", "age": 1, **row}, {"id": "8", "age": "x", **row}, {"id": "9", "age": 3, **row}]
    Path("more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["score", "model.rtml", "-i", source, "-o", "out.jsonl", "--keep", "id", "--keep", "visits", "--errors", "e.jsonl"]
    assert rtml(*words).code == 0
    out = lines("out.jsonl")
    assert [list(row)[:3] for row in out] == [["id", "visits", "ratio"]] * 2
    assert [(row["id"], row["visits"], row["ratio"]) for row in out] == [("007", 2, 0.5), ("9", 2, 1.5)]
    (entry,) = lines("e.jsonl")
    assert entry["row"]["id"] == "8"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--keep", "zip"], "--keep zip: the package has an output of that name; outputs are ratio, zip, member, seen_at"),
        (["--keep", "age", "--keep", "age"], "--keep age is given twice"),
        (["--keep", "agee"], "rows.csv has no column 'agee'"),
        (["-o", "rows.csv"], "rows.csv would replace rows.csv; name another file"),
        (["-o", "model.rtml"], "model.rtml would replace model.rtml; name another file"),
        (["--errors", "out.jsonl"], "out.jsonl would replace out.jsonl; name another file"),
        (["-o", "out.json"], "out.json: a file of rows must end in .jsonl (one JSON object a line), .csv or .parquet"),
        (["-o", "no/out.csv"], "no/out.csv can't be written: no does not exist; make it first"),
        (["--errors", "-"], "--errors - would mix bad rows with scores; name a file"),
        (["--errors", "no/e.jsonl"], "no/e.jsonl can't be written: no does not exist; make it first"),
        (["-i", "row.csv"], "row.csv does not exist. Did you mean 'rows.csv'?"),
        (["-i", "rows.txt"], "rows.txt: a file of rows must end in"),
        (["--batch-size", "0"], "Invalid value for '--batch-size'"),
    ],
)
def test_wrong_input_is_two_and_leaves_nothing(rtml: Rtml, package: Path, tmp_path: Path, words: list[str], reason: str) -> None:
    before = names(tmp_path)
    result = rtml("score", "model.rtml", "-i", "rows.csv", "-o", "out.jsonl", *words)
    assert result.code == 2
    assert reason in result.error
    assert names(tmp_path) == before


def test_infinite_scores_are_said(rtml: Rtml, package: Path) -> None:
    Path("zero.csv").write_text(GOOD + "1,0,,,\n")
    result = rtml("score", "model.rtml", "-i", "zero.csv", "-o", "out.jsonl")
    assert lines("out.jsonl")[0]["ratio"] is None
    assert result.err.splitlines()[1] == (
        "1 value is infinite, which JSON can't say: null in the output; CSV and parquet keep infinity"
    )
    assert rtml("score", "model.rtml", "-i", "zero.csv", "-o", "out.csv").err == "Scored 1 row into out.csv\n"
    assert Path("out.csv").read_text().splitlines()[1].startswith("inf,")


def test_a_package_without_proof_is_scored_only_on_purpose(rtml: Rtml, files: Path) -> None:
    assert rtml("compile", "graph.json", "-o", "raw.rtml", "--no-parity").code == 0
    refused = rtml("score", "raw.rtml", "-i", "rows.csv", "-o", "-")
    assert refused.code == 2
    assert "built without the parity gate" in refused.error
    assert "--allow-unchecked" in refused.error
    assert rtml("score", "raw.rtml", "-i", "rows.csv", "-o", "-", "--allow-unchecked").code == 0


def test_outputs_of_the_graph_are_the_columns_of_the_file(rtml: Rtml, package: Path) -> None:
    rtml("score", "model.rtml", "-i", "rows.csv", "-o", "out.csv")
    assert Path("out.csv").read_text().splitlines()[0] == ",".join(OUTPUTS)


def test_fields_with_a_default_may_be_absent_from_a_file(rtml: Rtml, tmp_path: Path) -> None:
    schema = {"age": {"type": "int", "min": 0}, "c": {"type": "string", "default": "a"}}
    cases = {"set": "x", "if": "c == 'a'", "then": {"field": "age"}, "else": 0}
    nodes = [
        {"id": "in", "operator": "Receiver", "params": {"schema": schema}},
        {"id": "rule", "operator": "FieldOps", "params": {"ops": [cases]}},
    ]
    Path("graph.json").write_text(json.dumps({"rtml": 1, "nodes": nodes, "edges": [["in", "rule"]]}))
    Path("ages.csv").write_text("age\n1\n5\n")
    assert rtml("compile", "graph.json", "-o", "ages.rtml", "--sample", "ages.csv").code == 0
    assert rtml("score", "ages.rtml", "-i", "ages.csv", "-o", "out.jsonl").code == 0
    assert lines("out.jsonl") == [{"age": 1, "c": "a", "x": 1}, {"age": 5, "c": "a", "x": 5}]
    Path("no_age.csv").write_text("c\na\n")
    refused = rtml("score", "ages.rtml", "-i", "no_age.csv", "-o", "out2.jsonl")
    assert refused.code == 2
    assert "no_age.csv has no column 'age'" in refused.err
    Path("ages.csv").write_text("age\n-1\n")
    refused = rtml("score", "ages.rtml", "-i", "ages.csv", "-o", "out2.jsonl")
    assert "expected a whole number from 0, got number -1" in refused.err
