"""Scored rows into files, batch by batch: JSON lines, CSV or parquet."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final, Protocol

import msgspec

from rtml_core.cli.files import row_format
from rtml_core.cli.readers import arrow
from rtml_core.errors import RtmlError
from rtml_core.package import OutputEntry

Row = Mapping[str, Any]


class Writer(Protocol):
    """Takes rows in order. infinite: values that the format can't say and that became null."""

    infinite: int

    def write(self, rows: Sequence[Row]) -> None: ...

    def finish(self) -> None: ...


def open_writer(path: str, stream: IO[bytes], keep: Sequence[str], outputs: Sequence[OutputEntry]) -> Writer:
    """A writer for columns `keep` (of the input) followed by the outputs, in the format that the name says ("-": jsonl)."""
    kind = "jsonl" if path == "-" else row_format(path)
    if kind == "jsonl":
        return JsonLines(stream)
    if kind == "csv":
        return Csv(stream, [*keep, *(output.name for output in outputs)])
    return Parquet(path, stream, keep, outputs)


class JsonLines:
    """One JSON object a row. JSON has no infinity; it becomes null and is counted."""

    def __init__(self, stream: IO[bytes]):
        self.infinite = 0
        self._stream = stream
        self._encode = msgspec.json.Encoder().encode_lines

    def write(self, rows: Sequence[Row]) -> None:
        self.infinite += sum(1 for row in rows for value in row.values() if isinstance(value, float) and math.isinf(value))
        self._stream.write(self._encode(rows))

    def finish(self) -> None:
        self._stream.flush()


class Csv:
    """A header and one line a row; null is an empty cell, booleans are true and false."""

    def __init__(self, stream: IO[bytes], header: Sequence[str]):
        self.infinite = 0
        self._stream = stream
        self._header = header
        self._emit([header])

    def write(self, rows: Sequence[Row]) -> None:
        self._emit([[_cell(row[name]) for name in self._header] for row in rows])

    def _emit(self, lines: Sequence[Sequence[Any]]) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        self._stream.write(buffer.getvalue().encode())

    def finish(self) -> None:
        self._stream.flush()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, (dict, list)) else value


class Parquet:
    """A parquet file by pyarrow. Outputs have the types of the package; kept columns have those of their values."""

    _TYPES: Final = {"float64": "float64", "float32": "float32", "int64": "int64", "bool": "bool_", "string": "string"}

    def __init__(self, path: str, stream: IO[bytes], keep: Sequence[str], outputs: Sequence[OutputEntry]):
        self.infinite = 0
        self._arrow, self._parquet = arrow(path, "write")
        self._path = path
        self._stream = stream
        self._keep = keep
        self._outputs = {output.name: output.dtype for output in outputs}
        self._writer: Any = None

    def write(self, rows: Sequence[Row]) -> None:
        if self._writer is None:
            kept = [self._arrow.field(name, self._kind_of([row[name] for row in rows])) for name in self._keep]
            schema = self._arrow.schema(kept + [self._arrow.field(n, self._type(d)) for n, d in self._outputs.items()])
            self._writer = self._parquet.ParquetWriter(self._stream, schema)
        columns = []
        for entry in self._writer.schema:
            values = [row[entry.name] for row in rows]
            if self._outputs.get(entry.name) == "timestamp":
                values = _instants(values)
            try:
                columns.append(self._arrow.array(values, entry.type))
            except self._arrow.ArrowException as error:
                raise RtmlError(f"{self._path}: the column '{entry.name}' can't be written as {entry.type}: {error}") from None
        self._writer.write_batch(self._arrow.record_batch(columns, schema=self._writer.schema))

    def _type(self, dtype: str) -> Any:
        if dtype == "timestamp":
            return self._arrow.timestamp("us", tz="UTC")
        return self._arrow.duration("us") if dtype == "timedelta" else getattr(self._arrow, self._TYPES[dtype])()

    def _kind_of(self, values: Sequence[Any]) -> Any:
        kind = self._arrow.array(values).type
        return self._arrow.string() if self._arrow.types.is_null(kind) else kind

    def finish(self) -> None:
        if self._writer is None:
            self.write([])
        self._writer.close()


def _instants(texts: Sequence[str | None]) -> list[int | None]:
    """Timestamps as the runtime gives them (ISO text) as microseconds since 1970."""
    import numpy as np

    return [None if text is None else int(np.datetime64(text.removesuffix("Z"), "us").astype(np.int64)) for text in texts]
