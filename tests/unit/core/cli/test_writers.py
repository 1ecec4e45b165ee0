"""Scored rows into files, and back by the readers."""

from __future__ import annotations

import io
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.cli.readers import open_rows
from rtml_core.cli.writers import open_writer
from rtml_core.errors import RtmlError
from rtml_core.package import OutputEntry

OUTPUTS = [
    OutputEntry("score", "float64", "t", 0, True),
    OutputEntry("count", "int64", "t"),
    OutputEntry("name", "string", "t", 0, True),
    OutputEntry("yes", "bool", "t", 0, True),
    OutputEntry("at", "timestamp", "t", 0, True),
]
ROWS: list[dict[str, Any]] = [
    {"score": 0.1, "count": 3, "name": 'a,b\n"c"', "yes": True, "at": "2026-11-21T10:15:00Z"},
    {"score": None, "count": 0, "name": None, "yes": None, "at": None},
    {"score": 1e-300, "count": -(2**62), "name": "ü", "yes": False, "at": "2026-01-31T00:00:00.000001Z"},
]


def write(name: str, batches: list[list[dict[str, Any]]], keep: tuple[str, ...] = (), outputs: Any = OUTPUTS) -> bytes:
    stream = io.BytesIO()
    writer = open_writer(name, stream, keep, outputs)
    for batch in batches:
        writer.write(batch)
    writer.finish()
    return stream.getvalue()


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
@pytest.mark.parametrize("batches", [[ROWS], [ROWS[:1], [], ROWS[1:]]])
def test_what_is_written_is_what_the_readers_read(name: str, batches: list[Any], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(write(name, batches))
    fields = {"score": "float", "count": "int", "name": "string", "yes": "bool", "at": "timestamp"}
    with open_rows(str(path), fields) as reader:
        assert [row for batch in reader.batches(9) for row in batch.rows] == ROWS


def test_parquet_has_the_types_of_the_package(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "out.parquet").write_bytes(write("out.parquet", [ROWS[:2], ROWS[2:]]))
    table = parquet.read_table(tmp_path / "out.parquet")
    kinds = {entry.name: str(entry.type) for entry in table.schema}
    assert kinds == {"score": "double", "count": "int64", "name": "string", "yes": "bool", "at": "timestamp[us, tz=UTC]"}
    assert table.column("score").to_pylist() == [0.1, None, 1e-300]
    assert [at and at.isoformat() for at in table.column("at").to_pylist()] == [
        "2026-11-21T10:15:00+00:00",
        None,
        "2026-01-31T00:00:00.000001+00:00",
    ]


def test_parquet_of_no_rows_has_all_columns(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "out.parquet").write_bytes(write("out.parquet", [], ("id",)))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert table.num_rows == 0
    assert table.column_names == ["id", "score", "count", "name", "yes", "at"]


def test_parquet_takes_the_narrow_types_too(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    outputs = [OutputEntry("score", "float32", "t"), OutputEntry("since", "timedelta", "t")]
    rows = [{"score": 0.5, "since": 1_000_000}, {"score": 0.25, "since": None}]
    (tmp_path / "out.parquet").write_bytes(write("out.parquet", [rows], outputs=outputs))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(entry.type) for entry in table.schema] == ["float", "duration[us]"]
    assert [since and since.total_seconds() for since in table.column("since").to_pylist()] == [1.0, None]


def test_years_beyond_the_calendar_reach_parquet() -> None:
    pytest.importorskip("pyarrow")
    from rtml_core.cli.writers import _instants
    from rtml_core.timestamps import format_timestamp

    micros = [0, -(2**55), 2**60, 253402300800000000]
    assert _instants([format_timestamp(value) for value in micros]) == micros


def test_a_kept_column_that_changes_its_kind_is_named() -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(RtmlError, match=r"out\.parquet: the column 'id' can't be written as int64"):
        write("out.parquet", [[{"id": 1, **ROWS[0]}], [{"id": "x", **ROWS[0]}]], ("id",))


def test_kept_columns_come_first() -> None:
    rows = [{"id": 7, **ROWS[0]}, {"id": {"a": [1]}, **ROWS[0]}]
    lines = write("out.csv", [rows], ("id",)).decode().splitlines()
    assert lines[0] == "id,score,count,name,yes,at"
    assert lines[1].startswith("7,0.1,3,")
    assert '"{""a"":[1]}",0.1,3,' in "\n".join(lines)


def test_a_csv_file_of_no_rows_is_its_header() -> None:
    assert write("out.csv", []) == b"score,count,name,yes,at\n"


def test_infinity_is_null_in_json_and_counted_and_stays_elsewhere() -> None:
    rows = [{"score": math.inf}, {"score": -math.inf}, {"score": 1.0}]
    outputs = [OutputEntry("score", "float64", "t")]
    stream = io.BytesIO()
    writer = open_writer("out.jsonl", stream, (), outputs)
    writer.write(rows)
    assert [json.loads(line)["score"] for line in stream.getvalue().splitlines()] == [None, None, 1.0]
    assert writer.infinite == 2
    assert write("out.csv", [rows], outputs=outputs) == b"score\ninf\n-inf\n1.0\n"


def test_standard_output_is_json_lines() -> None:
    assert write("-", [[{"score": 1.0}]], outputs=[OutputEntry("score", "float64", "t")]) == b'{"score":1.0}\n'


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RtmlError, match=r'to write out\.parquet rtml needs pyarrow: pip install "rtml\[parquet\]"'):
        write("out.parquet", [])


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), max_size=20))
def test_floats_survive_csv_bit_by_bit(values: list[float | None]) -> None:
    text = write("out.csv", [[{"score": value} for value in values]], outputs=[OutputEntry("score", "float64", "t")]).decode()
    cells = text.splitlines()[1:]
    assert [None if cell in ("", '""') else float(cell) for cell in cells] == values
