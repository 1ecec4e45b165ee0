"""Datasets: checked records of one schema, kept as Parquet files and read back in order of time.

    <folder>/datasets.db                      which datasets there are, and which files belong to them
    <folder>/<dataset>/part-<number>-<random>.parquet   records in order of time (see datasets_parts)
    <folder>/<dataset>/_ids-<number>-<random>.bin       which ids it has (see datasets_ids); passed over by readers of Parquet

A batch appears whole or not at all; small parts become one. One process writes in a folder (datasets_folder.FolderLock), others
may read it meanwhile with read_only=True.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import msgspec

from rtml_plugins.serving.names import check_name
from rtml_plugins.xdm import datasets_changing
from rtml_plugins.xdm.datasets_batch import Appended, Batch, Incoming
from rtml_plugins.xdm.datasets_catalog import Catalog, Committed, Info, Part
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.datasets_ids import IdRun
from rtml_plugins.xdm.datasets_parts import Row, in_order, rows_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.xdm.datasets_query import Where

Kind = Literal["event", "record"]
_AT_ONCE: Final = 1000


class Listed(NamedTuple):
    """A dataset in a list. first, last: timestamps of its records, us since the epoch; None when it has none. bytes: on disk."""

    name: str
    schema: str
    kind: str
    profile: bool
    records: int
    bytes: int
    parts: int
    first: int | None
    last: int | None
    created: int


class Document(NamedTuple):
    """A record that was read back. timestamp, ingested: us since the epoch. id: its `_id`. text: its JSON, byte for byte."""

    timestamp: int
    ingested: int
    id: str | None
    document: dict[str, Any]
    text: bytes


def as_line(text: bytes) -> bytes:
    """A JSON text as a line: a line feed can only stand between its tokens, where a blank means the same."""
    return text.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


def now_us() -> int:
    """The system's time, us since the epoch."""
    return time.time_ns() // 1000


class Datasets:
    """The datasets of a folder. Usable from several threads; close() it.

    clock: tells the time of ingestion, us since the epoch. Methods raise DatasetError for what is not there or can't be read.
    """

    def __init__(self, folder: Path | str, *, read_only: bool = False, clock: Callable[[], int] = now_us) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self.catalog = Catalog(self.folder, read_only=read_only)
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._readers = 0
        self._gone: list[Path] = []

    # ---- what there is -------------------------------------------------------------------------------------------

    def create(self, name: str, schema: str, kind: Kind = "event", *, profile: bool = True) -> Info:
        """Make a dataset. schema: the $id of what its records are; profile: whether profiles are built from it."""
        check_name(name, "dataset")
        self._must_write()
        with self._lock:
            if self.catalog.find(name) is not None:
                raise DatasetError(f"there is a dataset '{name}' already: choose another name")
            return self.catalog.create(name, schema, kind, profile, self._clock())

    def find(self, name: str) -> Info | None:
        return self.catalog.find(name)

    def get(self, name: str) -> Info:
        return self.catalog.get(name)

    def list(self) -> Sequence[Listed]:
        """All datasets, by name."""
        return [self._listed(info) for info in self.catalog.datasets()]

    def show(self, name: str) -> Listed:
        return self._listed(self.catalog.get(name))

    def _listed(self, info: Info) -> Listed:
        parts = self.catalog.parts(info.uid)
        size = sum(part.bytes for part in parts) + sum(run.ids for run in self.catalog.runs(info.uid)) * 16
        first = min((part.first for part in parts), default=None)
        last = max((part.last for part in parts), default=None)
        records = sum(part.rows for part in parts)
        return Listed(info.name, info.schema, info.kind, info.profile, records, size, len(parts), first, last, info.created)

    def set_profile(self, name: str, profile: bool) -> None:
        """Whether profiles are built from it from now on."""
        self._must_write()
        uid = self.catalog.get(name).uid
        with self.catalog.change() as db:
            db.execute("UPDATE dataset SET profile = ? WHERE uid = ?", (profile, uid))

    def reuse(self, info: Info, schema: str, kind: Kind) -> bool:
        """Give a dataset that never had a record another schema; False, and nothing happened, when it had one."""
        self._must_write()
        with self.catalog.change() as db:
            return (
                db.execute(
                    "UPDATE dataset SET schema = ?, kind = ? WHERE uid = ? AND taken = 0", (schema, kind, info.uid)
                ).rowcount
                == 1
            )

    # ---- writing -------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> Batch:
        """A batch that is open; waits for the one before it. Close it, or use it as a context."""
        self._must_write()
        lock = self._lock_of(self.catalog.get(name))
        lock.acquire()
        try:
            return Batch(self, self.catalog.get(name), self._clock, lock.release)
        except BaseException:
            lock.release()
            raise

    def append(self, name: str, records: Iterable[Incoming]) -> Appended:
        """Take records as one batch, all or none; those that are there already are counted, not taken."""
        with self.begin(name) as batch:
            held: list[Incoming] = []
            for record in records:
                held.append(record)
                if len(held) == _AT_ONCE:
                    batch.add(held)
                    held = []
            batch.add(held)
            return batch.commit()

    def compact(self, name: str, *, through: int | None = None, wait: bool = True) -> int:
        """Make few parts of many small ones; how many were replaced.

        through: only those of batches up to this one, which is the last that profiles have: what batch() gives of them is not the
        same afterwards. None: of all, when profiles are not built from it. wait: for a batch that is open; else nothing is done
        then, and it is for whoever commits that batch.
        """
        info, lock = self._writing(name)
        if not lock.acquire(wait):
            return 0
        try:
            return datasets_changing.compact(self, info, through)
        finally:
            lock.release()

    def erase(self, name: str, keys: Sequence[str]) -> int:
        """Remove the records that have one of these identities (keys), from the files and from the index; how many there were.

        Only when profiles have all of its records, as compact().
        """
        info, lock = self._writing(name)
        with lock:
            return datasets_changing.erase(self, info, keys)

    def delete(self, name: str) -> Listed:
        """Remove a dataset and its files; what it was. Profiles keep what they have learnt from it."""
        info, lock = self._writing(name)
        with lock:
            was = self._listed(info)
            datasets_changing.delete(self, info)
            return was

    # ---- reading -------------------------------------------------------------------------------------------------

    def documents(self, name: str, start_us: int | None = None, end_us: int | None = None) -> Iterator[Document]:
        """Records with start_us <= timestamp < end_us in order of time, then of ingestion; in bounded memory."""
        decode = msgspec.json.Decoder().decode
        for row in self.rows(name, start_us, end_us):
            yield Document(row.timestamp, row.ingested, row.id, decode(row.text), row.text)

    def rows(self, name: str, start_us: int | None = None, end_us: int | None = None) -> Iterator[Row]:
        """As documents(), undecoded, with the keys of identities."""
        info = self.catalog.get(name)
        with _Reading(self, info) as parts:
            chosen = [
                part for part in parts if (end_us is None or part.first < end_us) and (start_us is None or part.last >= start_us)
            ]
            place = self.folder / info.name
            yield from in_order(chosen, lambda part: rows_of(place / part.file, start_us, end_us))

    def batch(self, name: str, batch: Committed) -> Iterator[Row]:
        """The records of a batch, in the order in which profiles get them: the same each time, unless some were erased."""
        info = self.catalog.get(name)
        with _Reading(self, info) as parts:
            for part in parts:
                if part.high < batch.low or part.low > batch.high:
                    continue
                skip = max(batch.low - part.low, 0)
                yield from islice(rows_of(self.folder / info.name / part.file, skip=skip), batch.high + 1 - part.low - skip)

    def export(self, name: str, to: IO[bytes]) -> int:
        """Write all records as JSON lines, in order of time; how many there are."""
        count = 0
        for row in self.rows(name):
            to.write(as_line(row.text))
            count += 1
        return count

    def read(
        self,
        name: str,
        limit: int | None = None,
        offset: int = 0,
        where: Where = (),
        select: Sequence[str] | None = None,
        sort: str | Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """Records as a frame with a column for each path (rtml_plugins.xdm.paths), in order of time unless sorted.

        limit, offset: of what is chosen and sorted. where: comparisons such as "commerce.order.priceTotal >= 100", of which all
        must hold (datasets_query). select: paths; None: all that occur. sort: paths, with "-" before one for descending.
        """
        from rtml_plugins.xdm import datasets_query

        return datasets_query.read(self, name, limit=limit, offset=offset, where=where, select=select, sort=sort)

    # ---- what goes on inside -------------------------------------------------------------------------------------

    def id_runs(self, info: Info) -> Sequence[IdRun]:
        """Its index of ids, the newest run first."""
        place = self.folder / info.name
        return [IdRun.open(place / run.file) for run in self.catalog.runs(info.uid)]

    def let_go(self, info: Info, files: Sequence[str]) -> None:
        """Remove files that nothing refers to any more, as soon as nobody reads."""
        with self._lock:
            self._gone += [self.folder / info.name / file for file in files]
            self._remove_gone()

    def _remove_gone(self) -> None:
        if self._readers == 0:
            for path in self._gone:
                path.unlink(missing_ok=True)
            self._gone = []

    def _lock_of(self, info: Info) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(info.uid, threading.Lock())

    def _writing(self, name: str) -> tuple[Info, threading.Lock]:
        self._must_write()
        info = self.catalog.get(name)
        return info, self._lock_of(info)

    def _must_write(self) -> None:
        if self.read_only:
            raise DatasetError(f"the datasets of {self.folder} were opened for reading only")

    def close(self) -> None:
        """Let go of the folder; a second time is nothing."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Reading:
    """While it lasts, no part that was there at its beginning is removed by this process."""

    def __init__(self, datasets: Datasets, info: Info) -> None:
        self._datasets = datasets
        self._info = info

    def __enter__(self) -> list[Part]:
        with self._datasets._lock:
            self._datasets._readers += 1
        return self._datasets.catalog.parts(self._info.uid)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._datasets._lock:
            self._datasets._readers -= 1
            self._datasets._remove_gone()
        if isinstance(error, FileNotFoundError):
            raise DatasetError(
                f"dataset '{self._info.name}' was changed by another process while it was read: read it again"
            ) from None
