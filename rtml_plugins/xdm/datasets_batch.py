"""A batch on its way into a dataset: rows are written to hidden files as they come, and commit() makes all of them be, or
nothing.

A record is taken once. One with an `_id`: when the dataset has no record of this `_id`. Record data without one: unless it says
the same as the latest record of the same primary identity, so that a value which changes there and back is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import msgspec
import numpy as np

from rtml_plugins.xdm.datasets_catalog import Info, Part, Run, hidden, new_name
from rtml_plugins.xdm.datasets_ids import IdRun, digest, lookup, merged, to_merge
from rtml_plugins.xdm.datasets_parts import PartWriter, Row

if TYPE_CHECKING:
    from rtml_plugins.xdm.datasets import Datasets

#: what is held before a part is written
_ROWS: Final = 100_000
_BYTES: Final = 64 << 20
_NOTHING: Final = bytes(16)


class Incoming(NamedTuple):
    """A record to be taken. text: its document as JSON. timestamp: us since the epoch; None for record data: when it was taken.
    identities: keys, the primary one first."""

    text: bytes
    id: str | None
    timestamp: int | None
    identities: tuple[str, ...] = ()


class Appended(NamedTuple):
    """What became of a batch. taken: records that are kept now; duplicates: records that were there before; batch: its
    number, 0 when nothing was new; bytes: of the new files."""

    taken: int
    duplicates: int
    batch: int
    bytes: int


class Batch:
    """Use as a context: leaving it without commit() lets go of everything. One batch of a dataset at a time."""

    def __init__(self, datasets: Datasets, info: Info, clock: Callable[[], int], release: Callable[[], None]) -> None:
        self._datasets = datasets
        self._catalog = datasets.catalog
        self._info = info
        self._clock = clock
        self._release = release
        self._rows: list[Row] = []
        self._bytes = 0
        self._low = info.taken + 1
        self._ingested = info.ingested
        self._parts: list[Part] = []
        self._keys: list[bytes] = []
        self._values: list[bytes] = []
        self._known = datasets.id_runs(info)
        self._new: list[IdRun] = []
        self._duplicates = 0
        self._open = True

    def add(self, records: Sequence[Incoming]) -> list[bool]:
        """Take records; which of them are new. Best some hundreds or thousands at a time."""
        if not records:
            return []
        keys, values = [], []
        for record in records:
            key, value = index_entry(record.id, record.identities, record.text)
            keys.append(key)
            values.append(value)
        wanted = np.frombuffer(b"".join(keys), "<u8").reshape(-1, 2)
        found, had = lookup([*self._new, *self._known], wanted)
        said = had.tobytes()
        latest = {keys[at]: said[at * 16 : at * 16 + 16] for at in np.flatnonzero(found)}
        self._ingested = max(self._ingested, self._clock() - 1)
        fresh = []
        taken: dict[bytes, bytes] = {}
        for record, key, value in zip(records, keys, values, strict=True):
            is_new = latest.get(key) != value
            fresh.append(is_new)
            if not is_new:
                self._duplicates += 1
                continue
            latest[key] = taken[key] = value
            self._ingested += 1  # a time of its own: of two that say something else, the later one is the later
            at = self._ingested if record.timestamp is None else record.timestamp
            self._rows.append(Row(at, self._ingested, record.id, record.identities, record.text))
            self._bytes += len(record.text)
        if taken:
            self._new.insert(0, IdRun.of(list(taken), list(taken.values()) if self._info.kind == "record" else None))
            count = to_merge([len(run) for run in self._new])
            if count:
                self._new[:count] = [merged(self._new[:count])]
        if len(self._rows) >= _ROWS or self._bytes >= _BYTES:
            self._flush()
        return fresh

    def _flush(self) -> None:
        if not self._rows:
            return
        self._rows.sort(key=_by_time)
        place = self._catalog.place(self._info)
        low = self._low
        writer = PartWriter(place / new_name("part", low, "parquet"), low)
        try:
            for row in self._rows:
                writer.add(row)
            self._parts.append(writer.done())
        except BaseException:
            writer.abort()
            raise
        self._low += len(self._rows)
        self._rows, self._bytes = [], 0

    def _stamp(self) -> None:
        """Say of the rows that are held that they are taken now: profiles get them after the commit, and a replay is not to know
        them sooner. Parts that were written before (of a batch of more than _ROWS) say when their rows were read."""
        if not self._rows:
            return
        first = max(self._rows[0].ingested, self._clock() - len(self._rows) + 1)
        untimed = self._info.kind == "record"
        self._rows = [
            row._replace(ingested=at, timestamp=at if untimed and row.timestamp == row.ingested else row.timestamp)
            for at, row in enumerate(self._rows, first)
        ]
        self._ingested = first + len(self._rows) - 1

    def commit(self) -> Appended:
        """Keep everything. Returns when it outlasts the end of the process and of the machine."""
        try:
            self._stamp()
            self._flush()
            if not self._parts:
                return Appended(0, self._duplicates, 0, 0)
            last = self._low - 1
            number = self._catalog.last_batch(self._info.uid) + 1
            place = self._catalog.place(self._info)
            new = merged(self._new) if len(self._new) > 1 else self._new[0]
            old = self._catalog.runs(self._info.uid)
            count = to_merge([len(new), *(run.ids for run in old)])
            replaced: list[Run] = old[: count - 1] if count else []
            if replaced:
                new = merged([new, *self._known[: len(replaced)]])
            file = new_name("_ids", last, "bin")
            new.write(hidden(place / file))
            self._catalog.sync(self._info)
            with self._catalog.change() as db:
                db.executemany(
                    "INSERT INTO part (uid, file, low, high, rows, bytes, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [(self._info.uid, *part) for part in self._parts],
                )
                db.executemany("DELETE FROM run WHERE number = ?", [(run.number,) for run in replaced])
                db.execute("INSERT INTO run (file, uid, ids) VALUES (?, ?, ?)", (file, self._info.uid, len(new)))
                db.execute("INSERT INTO batch VALUES (?, ?, ?, ?)", (self._info.uid, number, self._info.taken + 1, last))
                db.execute("UPDATE dataset SET taken = ?, ingested = ? WHERE uid = ?", (last, self._ingested, self._info.uid))
            parts, self._parts = self._parts, []
            self._catalog.reveal(self._info, [*(part.file for part in parts), file])
            self._datasets.let_go(self._info, [run.file for run in replaced])
            size = sum(part.bytes for part in parts)
            return Appended(sum(part.rows for part in parts), self._duplicates, number, size)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of what was not committed; a second time is nothing."""
        if not self._open:
            return
        self._open = False
        place = self._catalog.folder / self._info.name
        for part in self._parts:
            hidden(place / part.file).unlink(missing_ok=True)
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _by_time(row: Row) -> tuple[int, int]:
    return row.timestamp, row.ingested


def index_entry(id: str | None, identities: Sequence[str], text: bytes) -> tuple[bytes, bytes]:
    """What the index keeps of a record: a key and a value of 16 bytes each."""
    if id is not None:
        return digest(id), _NOTHING
    document: Any = msgspec.json.decode(text)
    said = digest(msgspec.json.encode(document, order="sorted").decode(), b"document")
    return (digest(identities[0], b"identity"), said) if identities else (said, _NOTHING)
