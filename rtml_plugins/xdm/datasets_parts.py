"""Parts of datasets: Parquet files whose rows are in order of time, written at once and read piece by piece.

Columns: `_id` (string, null when the record has none), `timestamp` and `ingested` (timestamp[us, UTC]), `identities` (list of
strings: keys of the identities, the primary one first), `document` (string: the JSON text as it came). Compressed with zstd. Row
groups are small, and say their times, so that a range of time reads little.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from rtml_plugins.xdm.datasets_catalog import Part, hidden, synced
from rtml_plugins.xdm.datasets_folder import DatasetError

if TYPE_CHECKING:
    import pyarrow as pa

#: rows and bytes of a row group: what a reader holds of each part that it reads
_GROUP_ROWS: Final = 4096
_GROUP_BYTES: Final = 16 << 20


class Row(NamedTuple):
    """A record as it is kept. timestamp, ingested: us since the epoch. identities: keys, the primary one first. text: JSON."""

    timestamp: int
    ingested: int
    id: str | None
    identities: tuple[str, ...]
    text: bytes


def _schema() -> pa.Schema:
    import pyarrow as pa

    moment = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            pa.field("_id", pa.string()),
            pa.field("timestamp", moment, nullable=False),
            pa.field("ingested", moment, nullable=False),
            pa.field("identities", pa.list_(pa.string()), nullable=False),
            pa.field("document", pa.string(), nullable=False),
        ]
    )


class PartWriter:
    """Writes rows, which come in order of time, to a hidden file; done() makes it outlast the machine and tells the part."""

    def __init__(self, path: Path, low: int) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._low = low
        self._schema = _schema()
        self._writer = pq.ParquetWriter(hidden(path), self._schema, compression="zstd", use_dictionary=["identities"])
        self._held: list[Row] = []
        self._bytes = 0
        self._rows = 0
        self._first = self._last = 0

    def add(self, row: Row) -> None:
        self._held.append(row)
        self._bytes += len(row.text)
        if len(self._held) >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._group()

    def done(self, high: int | None = None) -> Part:
        """high: the number of the last record, when rows were left out on the way."""
        self._group()
        self._writer.close()
        size = synced(hidden(self._path))
        return Part(self._path.name, self._low, high or self._low + self._rows - 1, self._rows, size, self._first, self._last)

    def abort(self) -> None:
        self._writer.close()
        hidden(self._path).unlink(missing_ok=True)

    def _group(self) -> None:
        import pyarrow as pa

        rows = self._held
        if not rows:
            return
        timestamps, ingested, ids, identities, texts = zip(*rows, strict=True)
        moment = self._schema.field("timestamp").type
        columns = [
            pa.array(ids, pa.string()),
            pa.array(np.array(timestamps, np.int64)).view(moment),
            pa.array(np.array(ingested, np.int64)).view(moment),
            pa.array(identities, pa.list_(pa.string())),
            pa.array(texts, pa.binary()).cast(pa.string()),
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=len(rows))
        if not self._rows:
            self._first = timestamps[0]
        self._last = timestamps[-1]
        self._rows += len(rows)
        self._held, self._bytes = [], 0


def rows_of(path: Path, start: int | None = None, end: int | None = None, skip: int = 0) -> Iterator[Row]:
    """The rows of a part with start <= timestamp < end, in its order, without the first `skip` rows. Raises DatasetError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if skip >= count:
                    skip -= count
                    continue
                if not _may_hold(file.metadata.row_group(group), start, end):
                    skip = 0
                    continue
                yield from _within(file.read_row_group(group).slice(skip), start, end)
                skip = 0
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DatasetError(f"{path} is damaged: {error}") from None


def _within(table: pa.Table, start: int | None, end: int | None) -> Iterator[Row]:
    import pyarrow as pa

    columns = [
        table["timestamp"].cast(pa.int64()).to_pylist(),
        table["ingested"].cast(pa.int64()).to_pylist(),
        table["_id"].to_pylist(),
        table["identities"].to_pylist(),
        table["document"].cast(pa.binary()).to_pylist(),
    ]
    for timestamp, ingested, id, identities, text in zip(*columns, strict=True):
        if (start is None or timestamp >= start) and (end is None or timestamp < end):
            yield Row(timestamp, ingested, id, tuple(identities), text)


def _may_hold(group: Any, start: int | None, end: int | None) -> bool:
    """Whether a row group can have times of the range, as far as its statistics say."""
    if start is None and end is None:
        return True
    statistics = group.column(1).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    # in whole numbers: a datetime ends with the year 9999
    low, high = statistics.min_raw, statistics.max_raw
    return (end is None or low < end) and (start is None or high >= start)


def in_order(parts: Iterable[Part], open_part: Callable[[Part], Iterator[Row]]) -> Iterator[Row]:
    """The rows of parts in order of time, then of ingestion; a part is opened when its time comes."""
    waiting = sorted(parts, key=lambda part: part.first, reverse=True)
    heap: list[tuple[int, int, int, Row, Iterator[Row]]] = []
    opened = 0
    while heap or waiting:
        while waiting and (not heap or waiting[-1].first <= heap[0][0]):
            rows = open_part(waiting.pop())
            row = next(rows, None)
            opened += 1
            if row is not None:
                heapq.heappush(heap, (row.timestamp, row.ingested, opened, row, rows))
        if not heap:
            continue
        _, _, number, row, rows = heap[0]
        yield row
        following = next(rows, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following.timestamp, following.ingested, number, following, rows))


def holders(path: Path, wanted: Sequence[str]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The rows of a part that have one of the identities, by their place."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    lists = pq.read_table(path, columns=["identities"])["identities"].combine_chunks()
    hits = pc.is_in(pc.list_flatten(lists), value_set=pa.array(wanted, pa.string()))
    return np.unique(np.asarray(pc.list_parent_indices(lists))[np.asarray(hits)])
