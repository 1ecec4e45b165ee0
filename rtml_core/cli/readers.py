"""Rows out of files, in batches, each with its place in the file. No pandas."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final, Protocol

import msgspec

from rtml_core.cli.badrows import ROW, BadRow
from rtml_core.cli.cells import CELLS, Cell, text
from rtml_core.cli.files import existing, row_format
from rtml_core.errors import InputProblem, RtmlError, close_match, describe, listing

PARQUET_CURE: Final = 'needs pyarrow: pip install "rtml[parquet]"'


@dataclass
class Batch:
    """Rows in the order of the file, their places, and the rows that could not even be read."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows) + len(self.bad)


class Reader(Protocol):
    """A file of rows.

    unit: what a place counts ("line" or "row"); header: all its columns, where it says; size and position: bytes or rows,
    for progress.
    """

    name: str
    unit: str
    header: list[str]
    size: int
    position: int

    def batches(self, count: int) -> Iterator[Batch]: ...


Fields = Mapping[str, str]


@contextmanager
def open_rows(
    path: str, fields: Fields | None, *, extra: bool = False, keep: tuple[str, ...] = (), optional: Sequence[str] = ()
) -> Iterator[Reader]:
    """A reader of rows with the fields {name: type of the signature}; None takes every column, CSV cells as text.

    extra: columns that are no fields are dropped, not refused. keep: columns that are read though they are no fields.
    optional: fields that a file need not have.
    "-" is JSON lines from standard input. Raises RtmlError for a file that is missing, of another format, or whose header
    does not have the fields.
    """
    if path == "-":
        yield JsonLines("standard input", sys.stdin.buffer, 0)
        return
    kind = row_format(path)
    with existing(path).open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if kind == "jsonl":
            yield JsonLines(path, stream, size)
        elif kind == "csv":
            yield Csv(path, stream, size, fields, extra=extra, keep=keep, optional=optional)
        else:
            yield Parquet(path, stream, fields, extra=extra, keep=keep, optional=optional)


class _Lines:
    """Lines of a UTF-8 file, counted from 1; a byte-order mark is skipped."""

    def __init__(self, name: str, stream: IO[bytes], size: int):
        self.name = name
        self.unit = "line"
        self.header: list[str] = []
        self.size = size
        self.position = 0
        self._stream = stream

    def lines(self) -> Iterator[bytes]:
        first = True
        for line in self._stream:
            self.position += len(line)
            yield line.removeprefix(b"\xef\xbb\xbf") if first else line
            first = False


class JsonLines(_Lines):
    """One JSON object a line; blank lines are skipped."""

    def batches(self, count: int) -> Iterator[Batch]:
        batch = Batch()
        decode = msgspec.json.Decoder().decode
        for number, line in enumerate(self.lines(), start=1):
            if not line.strip():
                continue
            try:
                row = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                got = "text that is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"broken JSON ({error})"
                batch.bad.append(BadRow(number, [InputProblem("/", ROW, got)], line.decode("utf-8", "replace").rstrip("\r\n")))
            else:
                if isinstance(row, dict):
                    batch.rows.append(row)
                    batch.places.append(number)
                else:
                    batch.bad.append(BadRow(number, [InputProblem("/", ROW, describe(row))], row))
            if len(batch) >= count:
                yield batch
                batch = Batch()
        if len(batch):
            yield batch


class Csv(_Lines):
    """Comma-separated values with a header; cells are typed by the fields, never guessed."""

    def __init__(
        self,
        name: str,
        stream: IO[bytes],
        size: int,
        fields: Fields | None,
        *,
        extra: bool,
        keep: tuple[str, ...],
        optional: Sequence[str] = (),
    ):
        super().__init__(name, stream, size)
        self._undecodable: set[int] = set()
        self._reader = csv.reader(self._texts(), strict=True)
        self.header = self._next() or []
        if not self.header:
            raise RtmlError(f"{name} is empty: the first line must be a header with the names of the columns")
        if self._undecodable:
            raise RtmlError(f"{name} is not UTF-8 text: save it as CSV in UTF-8")
        check_header(name, self.header, fields, extra=extra, keep=keep, optional=optional)
        known: dict[str, Cell] = dict.fromkeys(self.header if fields is None else keep, text)
        known |= {column: CELLS[kind] for column, kind in (fields or {}).items()}
        self._cells: list[Cell | None] = [known.get(column) for column in self.header]

    def _texts(self) -> Iterator[str]:
        for number, line in enumerate(self.lines(), start=1):
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError:
                self._undecodable.add(number)
                yield line.decode("utf-8", "replace")

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            cure = "Is a quote left open?" if "end of data" in str(error) else "Quote cells as RFC 4180 says"
            raise RtmlError(f"{self.name}, line {self._reader.line_num}: {error}. {cure}") from None

    def batches(self, count: int) -> Iterator[Batch]:
        batch = Batch()
        while True:
            start = self._reader.line_num + 1
            cells = self._next()
            if cells is None:
                break
            if not cells:
                continue
            problem = self._problem(cells, start)
            if problem is not None:
                batch.bad.append(BadRow(start, [problem], dict(zip(self.header, cells, strict=False))))
            else:
                batch.rows.append({n: c(v) for n, c, v in zip(self.header, self._cells, cells, strict=True) if c is not None})
                batch.places.append(start)
            if len(batch) >= count:
                yield batch
                batch = Batch()
        if len(batch):
            yield batch

    def _problem(self, cells: list[str], start: int) -> InputProblem | None:
        if len(cells) != len(self.header):
            return InputProblem("/", f"{len(self.header)} cells, as in the header", f"{len(cells)}")
        if self._undecodable and not self._undecodable.isdisjoint(range(start, self._reader.line_num + 1)):
            return InputProblem("/", "text in UTF-8", "bytes that are none; save the file as UTF-8")
        return None


class Parquet:
    """A parquet file, by pyarrow; only the columns that are asked for are read."""

    def __init__(
        self,
        name: str,
        stream: IO[bytes],
        fields: Fields | None,
        *,
        extra: bool,
        keep: tuple[str, ...],
        optional: Sequence[str] = (),
    ):
        self._arrow, parquet = arrow(name, "read")
        try:
            self._file = parquet.ParquetFile(stream)
        except (self._arrow.ArrowException, OSError) as error:
            raise RtmlError(f"{name} is no parquet file that can be read: {error}") from None
        self.name = name
        self.unit = "row"
        self.header: list[str] = list(self._file.schema_arrow.names)
        check_header(name, self.header, fields, extra=extra, keep=keep, optional=optional)
        self.size = self._file.metadata.num_rows
        self.position = 0
        self._columns = [column for column in self.header if fields is None or column in fields or column in keep]

    def batches(self, count: int) -> Iterator[Batch]:
        try:
            for part in self._file.iter_batches(batch_size=count, columns=self._columns):
                columns = [self._values(part.column(index)) for index in range(part.num_columns)]
                rows = [dict(zip(self._columns, values, strict=True)) for values in zip(*columns, strict=True)]
                batch = Batch(rows, list(range(self.position + 1, self.position + 1 + len(rows))))
                self.position += len(rows)
                yield batch
        except (self._arrow.ArrowException, OSError) as error:
            raise RtmlError(f"{self.name} is damaged: {error}") from None

    def _values(self, column: Any) -> list[Any]:
        """Python values; timestamps to microseconds, which is what a field carries (and what needs no pandas)."""
        kind = column.type
        if self._arrow.types.is_timestamp(kind) and kind.unit != "us":
            column = column.cast(self._arrow.timestamp("us", tz=kind.tz), safe=False)
        values: list[Any] = column.to_pylist()
        return values


def arrow(name: str, what: str) -> tuple[Any, Any]:
    """pyarrow and pyarrow.parquet; RtmlError with the cure when they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RtmlError(f"to {what} {name} rtml {PARQUET_CURE}") from None
    return pyarrow, pyarrow.parquet


def check_header(
    name: str,
    header: list[str],
    fields: Iterable[str] | None,
    *,
    extra: bool,
    keep: tuple[str, ...] = (),
    optional: Sequence[str] = (),
) -> None:
    """Raise RtmlError unless the columns are the fields, each once (and others only where extra or keep lets them).

    Fields that are `optional` may be absent.
    """
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise RtmlError(f"{name}: the column '{twice[0]}' is there twice; rename or drop one of the two")
    if fields is None:
        return
    spare = [column for column in header if column not in fields]
    for column in [*fields, *keep]:
        if column not in header and column not in optional:
            cure = close_match(column, spare)
            if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
                cure = " Cells must be separated by commas"
            raise RtmlError(f"{name} has no column '{column}'. It has: {listing(header)}.{cure}")
    refused = [column for column in spare if column not in keep]
    if refused and not extra:
        raise RtmlError(
            f"{name}: the package takes no field '{refused[0]}'. It takes: {listing(fields)}.{close_match(refused[0], fields)}"
            f" Drop the column, or let all such columns be dropped with --ignore-extra"
        )
