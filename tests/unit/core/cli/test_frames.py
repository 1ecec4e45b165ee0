"""Training and sample rows: typed as the graph's source declares, checked as a request is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.cli.frames import read_frame
from rtml_core.columns import parse_signature
from rtml_core.errors import RtmlError
from rtml_core.frames import canonical
from tests.unit.core.cli.helpers import CSV, ROWS, SCHEMA

FIELDS = parse_signature(SCHEMA)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_all_formats(columns: dict[str, Any] | None = None) -> list[str]:
    Path("rows.csv").write_text(CSV)
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    frame = pd.DataFrame(ROWS)
    frame["seen_at"] = pd.to_datetime(pd.Series(["2026-11-21T10:15:00", None, "2026-01-31"]), format="ISO8601")
    frame["member"] = pd.array([True, None, False], dtype="boolean")
    frame.to_parquet("rows.parquet")
    return ["rows.csv", "rows.jsonl", "rows.parquet"]


def test_all_formats_give_the_same_canonical_frame() -> None:
    one, *others = [read_frame(name, FIELDS) for name in write_all_formats()]
    for other in others:
        pd.testing.assert_frame_equal(one, other)
    assert {name: str(dtype) for name, dtype in one.dtypes.items()} == {
        "age": "float64",
        "visits": "int64",
        "zip": "str",
        "member": "boolean",
        "seen_at": "datetime64[us]",
    }
    assert canonical(one) is one
    assert one["zip"].iloc[0] == "02134"
    assert one["seen_at"].iloc[0] == pd.Timestamp("2026-11-21 10:15")
    assert one.isna().sum().to_dict() == {"age": 1, "visits": 0, "zip": 1, "member": 1, "seen_at": 1}


def test_other_columns_of_csv_are_numbers_only_without_doubt() -> None:
    Path("rows.csv").write_text("n,label,code,share,ok\n1,0,02134,0.5,true\n2,1,10001,,false\n")
    frame = read_frame("rows.csv", parse_signature({"n": "int"}))
    assert frame["label"].tolist() == [0, 1]
    assert frame["code"].tolist() == ["02134", "10001"]
    assert frame["share"].iloc[0] == 0.5
    assert np.isnan(frame["share"].iloc[1])
    assert frame["ok"].tolist() == [True, False]


def test_other_columns_of_json_lines_are_as_they_are_and_missing_keys_are_null() -> None:
    Path("rows.jsonl").write_text('{"n": 1, "label": 1}\n{"n": 2, "more": "x"}\n')
    frame = read_frame("rows.jsonl", parse_signature({"n": "int"}))
    assert list(frame.columns) == ["n", "label", "more"]
    assert frame["label"].tolist()[0] == 1
    assert frame.isna().to_numpy().tolist() == [[False, False, True], [False, True, False]]


@pytest.mark.parametrize(
    ("name", "content", "schema", "words"),
    [
        ("r.csv", "n,z\n1,x\n", {"n": "int", "zip": "string"}, "r.csv does not fit the graph: Column 'zip' does not exist"),
        ("r.csv", "n\n1\nx\n", {"n": "int"}, "r.csv, line 3: /n: expected a whole number, got string 'x'"),
        ("r.csv", "n\n\n1.5\n", {"n": "int"}, "r.csv, line 3: /n: expected a whole number, got number 1.5"),
        ("r.jsonl", '{"n": 1}\n{"n": null}\n', {"n": "int"}, "r.jsonl, line 2: /n: expected a whole number, got null"),
        ("r.jsonl", '{"n": 1}\n{"n": \n', {"n": "int"}, "r.jsonl, line 2: expected a row"),
        ("r.jsonl", "\n", {}, "r.jsonl holds no rows"),
        ("r.csv", "n\n", {"n": "int"}, "r.csv holds no rows"),
        ("r.csv", "t\n2026-02-30\n", {"t": "timestamp"}, "r.csv, line 2: /t: expected an ISO 8601 timestamp"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(name: str, content: str, schema: Any, words: str) -> None:
    Path(name).write_text(content)
    with pytest.raises(RtmlError) as caught:
        read_frame(name, parse_signature(schema) if schema else ())
    assert words in str(caught.value)


def test_standard_input_is_refused() -> None:
    with pytest.raises(RtmlError, match="read from a file"):
        read_frame("-", ())
