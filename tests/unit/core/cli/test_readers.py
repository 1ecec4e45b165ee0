"""Rows out of JSON lines, CSV and parquet: their values, their places, and what is said of a file that does not fit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from rtml_core.cli.readers import Batch, open_rows
from rtml_core.errors import RtmlError

FIELDS = {"age": "float", "zip": "string"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(name: str, content: bytes | str, fields: Any = FIELDS, count: int = 100, **options: Any) -> list[Batch]:
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_rows(name, fields, **options) as reader:
        return list(reader.batches(count))


def table(name: str, columns: dict[str, Any]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table(columns), name)


def test_json_lines_keep_values_places_and_blank_lines_count() -> None:
    (batch,) = read("rows.jsonl", '\ufeff{"age": 1, "zip": "02134"}\n\n{"age": null}\r\n')
    assert batch.rows == [{"age": 1, "zip": "02134"}, {"age": None}]
    assert batch.places == [1, 3]
    assert batch.bad == []


@pytest.mark.parametrize(
    ("line", "got"),
    [
        (b'{"age": 1', "broken JSON (Input data was truncated)"),
        (b"[1, 2]", "[1, 2]"),
        (b"7", "7"),
        (b'{"age": ' + b"[" * 100_000, "broken JSON"),
        (b'{"age": NaN}', "broken JSON"),
        (b'{"zip": "\xff"}', "text that is not UTF-8"),
    ],
)
def test_a_line_that_is_no_object_is_a_bad_row(line: bytes, got: str) -> None:
    (batch,) = read("rows.jsonl", b'{"age": 1}\n' + line + b'\n{"age": 2}')
    assert batch.places == [1, 3]
    (bad,) = batch.bad
    assert bad.place == 2
    assert got in str(bad.problems[0])
    assert bad.described("rows.jsonl", "line").startswith("rows.jsonl, line 2: expected a row: an object of fields and values,")


def test_csv_cells_are_typed_by_the_fields() -> None:
    (batch,) = read("rows.csv", "zip,age\r\n02134,1\r\n,\r\n")
    assert batch.rows == [{"zip": "02134", "age": 1.0}, {"zip": None, "age": None}]
    assert batch.places == [2, 3]


def test_csv_places_are_lines_of_the_file_where_the_row_begins() -> None:
    (batch,) = read("rows.csv", '\ufeffage,zip\n1,"two\nlines"\n\n2,"a ""quote"""\n3\n')
    assert [row["zip"] for row in batch.rows] == ["two\nlines", 'a "quote"']
    assert batch.places == [2, 5]
    (bad,) = batch.bad
    assert (bad.place, bad.row) == (6, {"age": "3"})
    assert str(bad.problems[0]) == "/: expected 2 cells, as in the header, got 1"


def test_csv_rows_with_bytes_that_are_no_utf8_are_bad() -> None:
    (batch,) = read("rows.csv", b"age,zip\n1,ok\n2,\xe9\n3,ok\n")
    assert batch.places == [2, 4]
    assert batch.bad[0].place == 3
    assert "UTF-8" in str(batch.bad[0].problems[0])


def test_without_fields_every_column_is_read_as_text() -> None:
    (batch,) = read("rows.csv", "age,zip\n1,\n", None)
    assert batch.rows == [{"age": "1", "zip": None}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "rows.csv is empty: the first line must be a header"),
        ("age,zpi\n", "rows.csv has no column 'zip'. It has: age, zpi. Did you mean 'zpi'?"),
        ("age;zip\n1;2\n", "rows.csv has no column 'age'. It has: age;zip. Cells must be separated by commas"),
        ("age,zip,age\n", "rows.csv: the column 'age' is there twice; rename or drop one of the two"),
        ("age,zip,id\n", "rows.csv: the package takes no field 'id'. It takes: age, zip. Drop the column, or let all"),
        (b"\xff\xfea\x00g\x00e\x00\n\x00", "rows.csv is not UTF-8 text: save it as CSV in UTF-8"),
        ('age,zip\n1,"open\n2,x\n', "rows.csv, line 3: unexpected end of data. Is a quote left open?"),
        ('age,zip\n1,"a"b\n', "rows.csv, line 2: ',' expected after '\"'. Quote cells as RFC 4180 says"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused_with_the_reason(content: Any, words: str) -> None:
    with pytest.raises(RtmlError) as caught:
        read("rows.csv", content)
    assert words in str(caught.value)


def test_spare_columns_are_dropped_or_kept_when_asked() -> None:
    (dropped,) = read("rows.csv", "id,age,zip,more\n7,1,x,y\n", extra=True)
    assert dropped.rows == [{"age": 1.0, "zip": "x"}]
    (kept,) = read("rows.csv", "id,age,zip\n7,1,x\n", keep=("id",))
    assert kept.rows == [{"id": "7", "age": 1.0, "zip": "x"}]
    with pytest.raises(RtmlError, match=r"has no column 'idd'\. It has: id, age, zip\. Did you mean 'id'\?"):
        read("rows.csv", "id,age,zip\n7,1,x\n", keep=("idd",))


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_batches_are_read_as_they_are_asked_for(name: str) -> None:
    if name.endswith("parquet"):
        table(name, {"age": [float(n) for n in range(10)], "zip": ["x"] * 10})
    else:
        lines = [f"{n},x" if name.endswith("csv") else f'{{"age": {n}, "zip": "x"}}' for n in range(10)]
        Path(name).write_text("\n".join(["age,zip"] * name.endswith("csv") + lines) + "\n")
    with open_rows(name, FIELDS) as reader:
        batches = reader.batches(4)
        first = next(batches)
        assert len(first) == 4
        assert 0 < reader.position < reader.size
        assert [len(batch) for batch in batches] == [4, 2]
        assert reader.position == reader.size


def test_standard_input_is_json_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").write_bytes(b'{"age": 1}\n')
    with Path("in").open() as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", stream)
        with open_rows("-", FIELDS) as reader:
            assert [batch.rows for batch in reader.batches(5)] == [[{"age": 1}]]
            assert reader.size == 0


def test_parquet_reads_only_what_is_asked_for_and_counts_rows() -> None:
    table("rows.parquet", {"id": [1, 2], "age": [1.5, None], "zip": ["02134", None]})
    with open_rows("rows.parquet", FIELDS, extra=True) as reader:
        (batch,) = reader.batches(10)
    assert batch.rows == [{"age": 1.5, "zip": "02134"}, {"age": None, "zip": None}]
    assert batch.places == [1, 2]
    with pytest.raises(RtmlError, match="takes no field 'id'"), open_rows("rows.parquet", FIELDS):
        pass


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "+02:00"])
def test_parquet_timestamps_of_any_unit_need_no_pandas(unit: str, zone: str | None) -> None:
    import datetime

    import pyarrow

    from rtml_core.timestamps import to_micros

    instant = 1_764_000_000 * 10 ** {"s": 0, "ms": 3, "us": 6, "ns": 9}[unit] + (7 if unit == "ns" else 0)
    table("rows.parquet", {"at": pyarrow.array([instant, None], pyarrow.timestamp(unit, tz=zone))})
    with open_rows("rows.parquet", {"at": "timestamp"}) as reader:
        (batch,) = reader.batches(10)
    at, missing = (row["at"] for row in batch.rows)
    assert type(at) is datetime.datetime
    assert to_micros(at) == 1_764_000_000_000_000
    assert missing is None


def test_a_file_that_is_no_parquet_is_refused() -> None:
    with pytest.raises(RtmlError, match=r"rows\.parquet is no parquet file that can be read"):
        read("rows.parquet", "age,zip\n")


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RtmlError, match=r'to read rows\.parquet rtml needs pyarrow: pip install "rtml\[parquet\]"'):
        read("rows.parquet", "")
