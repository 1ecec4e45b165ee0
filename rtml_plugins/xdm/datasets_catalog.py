"""What a folder of datasets holds, in one SQLite file: datasets, their parts, their runs of ids. A commit here is what makes a
batch be.

Files are written before under hidden names, and get their own name after the commit; what a crash left half-way is put right when
the folder is opened: a file that the catalog knows gets its name, one that it does not know goes.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from rtml_core.errors import close_match, listing
from rtml_plugins.xdm.datasets_folder import DatasetError

_FILE: Final = "datasets.db"
_FORMAT: Final = 1
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS dataset (
    uid TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, schema TEXT NOT NULL, kind TEXT NOT NULL, profile INTEGER NOT NULL,
    created INTEGER NOT NULL, taken INTEGER NOT NULL, ingested INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS part (
    file TEXT PRIMARY KEY, uid TEXT NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL, rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batch (uid TEXT, number INTEGER, low INTEGER, high INTEGER, PRIMARY KEY (uid, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (number INTEGER PRIMARY KEY, file TEXT NOT NULL, uid TEXT NOT NULL, ids INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS part_of ON part (uid, low);
CREATE INDEX IF NOT EXISTS run_of ON run (uid, number);
"""


class Info(NamedTuple):
    """A dataset. uid: its own, also when another gets its name. kind: "event" or "record". profile: whether profiles are built
    from it. taken: the number of the last record; records are numbered from 1 in the order in which profiles get them. ingested:
    the latest time of ingestion. Times in us since the epoch."""

    uid: str
    name: str
    schema: str
    kind: str
    profile: bool
    created: int
    taken: int
    ingested: int


class Part(NamedTuple):
    """A Parquet file. low, high: its records are among these numbers, row i has low + i. first, last: timestamps."""

    file: str
    low: int
    high: int
    rows: int
    bytes: int
    first: int
    last: int


class Run(NamedTuple):
    """A file of digests of ids; a greater number is newer."""

    number: int
    file: str
    ids: int


class Committed(NamedTuple):
    """A batch that was taken. number: from 1, by dataset; low, high: the numbers of its records."""

    number: int
    low: int
    high: int


class Catalog:
    """The catalog of a folder. Usable from several threads. read_only: nothing is made, repaired or written."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        file = folder / _FILE
        if read_only and not file.exists():
            raise DatasetError(
                f"there are no datasets in {folder}: `rtml ingest` makes the first; or name the folder with --home"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
            try:
                self._prepare(file, read_only=read_only)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.DatabaseError) as error:
            raise DatasetError(f"{file} can't be used as the catalog of datasets: {error}") from None

    def _prepare(self, file: Path, *, read_only: bool) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, as it may be of who was erased
        (found,) = self._db.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise DatasetError(f"{file} has format {found}, and this rtml knows {_FORMAT}: it was written by a newer one")
        if not read_only:
            self._db.executescript(_TABLES)
            self._db.execute(f"PRAGMA user_version = {_FORMAT}")
            self._repair()

    def purge(self) -> bool:
        """Leave no bytes of what was deleted in the log of the file; False when that can't be now."""
        with self._lock:
            return not self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def close(self) -> None:
        self._db.close()

    def datasets(self) -> list[Info]:
        """All of them, by name."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM dataset ORDER BY name").fetchall()
        return [Info(*row[:4], bool(row[4]), *row[5:]) for row in rows]

    def find(self, name: str) -> Info | None:
        with self._lock:
            row = self._db.execute("SELECT * FROM dataset WHERE name = ?", (name,)).fetchone()
        return Info(*row[:4], bool(row[4]), *row[5:]) if row else None

    def get(self, name: str) -> Info:
        """Raises DatasetError for a name that is none, with those that there are."""
        found = self.find(name)
        if found is None:
            names = [info.name for info in self.datasets()]
            raise DatasetError(f"there is no dataset '{name}'.{close_match(name, names)} There are: {listing(names)}")
        return found

    def create(self, name: str, schema: str, kind: str, profile: bool, now: int) -> Info:
        made = Info(secrets.token_hex(8), name, schema, kind, profile, now, 0, 0)
        with self.change() as db:
            db.execute("INSERT INTO dataset VALUES (?, ?, ?, ?, ?, ?, ?, ?)", made)
        return made

    def parts(self, uid: str) -> list[Part]:
        """Its parts, in the order of their records' numbers."""
        with self._lock:
            rows = self._db.execute(
                "SELECT file, low, high, rows, bytes, first, last FROM part WHERE uid = ? ORDER BY low", (uid,)
            ).fetchall()
        return [Part(*row) for row in rows]

    def batches(self, uid: str, after: int) -> list[Committed]:
        """Its batches with a greater number, in their order."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, low, high FROM batch WHERE uid = ? AND number > ? ORDER BY number", (uid, after)
            ).fetchall()
        return [Committed(*row) for row in rows]

    def last_batch(self, uid: str) -> int:
        """The number of its last batch; 0 when there is none."""
        with self._lock:
            (number,) = self._db.execute("SELECT max(number) FROM batch WHERE uid = ?", (uid,)).fetchone()
        return number or 0

    def end_of(self, uid: str, batch: int | None) -> int:
        """The number of the last record of the batches through one, or of all; 0 when there is none."""
        with self._lock:
            (high,) = self._db.execute(
                "SELECT max(high) FROM batch WHERE uid = ? AND (? IS NULL OR number <= ?)", (uid, batch, batch)
            ).fetchone()
        return high or 0

    def runs(self, uid: str) -> list[Run]:
        """Its runs of ids, the newest first."""
        with self._lock:
            rows = self._db.execute("SELECT number, file, ids FROM run WHERE uid = ? ORDER BY number DESC", (uid,)).fetchall()
        return [Run(*row) for row in rows]

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: whole, or not at all."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # ---- files ---------------------------------------------------------------------------------------------------

    def place(self, info: Info) -> Path:
        """The folder of a dataset's files, made when it is not there."""
        place = self.folder / info.name
        place.mkdir(mode=0o700, exist_ok=True)
        return place

    def reveal(self, info: Info, files: Iterable[str]) -> None:
        """Give files that are in the catalog their names."""
        place = self.folder / info.name
        for file in files:
            hidden(place / file).replace(place / file)

    def sync(self, info: Info) -> None:
        """The folder's entries outlast the machine's death."""
        handle = os.open(self.folder / info.name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _repair(self) -> None:
        """Finish what a crash left after its commit, remove what it left before."""
        known: dict[str, set[str]] = {}
        for name, file in self._db.execute(
            "SELECT name, file FROM dataset JOIN part USING (uid) UNION ALL SELECT name, file FROM dataset JOIN run USING (uid)"
        ):
            known.setdefault(name, set()).add(file)
        for place in [path for path in self.folder.iterdir() if path.is_dir()]:
            files = known.get(place.name, set())
            for path in place.iterdir():
                if not is_ours(path.name):
                    continue
                visible = path.name.removeprefix(".").removesuffix(".new")
                if visible not in files:
                    path.unlink()
                elif path.name != visible:
                    path.replace(place / visible)
            if not files and not any(place.iterdir()):
                place.rmdir()


def new_name(kind: str, number: int, suffix: str) -> str:
    """A name of a file that no other has."""
    return f"{kind}-{number:012d}-{secrets.token_hex(4)}.{suffix}"


def hidden(path: Path) -> Path:
    """Where a file is until it is in the catalog."""
    return path.with_name(f".{path.name}.new")


def is_ours(name: str) -> bool:
    """Whether a file was made here; others are left alone."""
    return name.removeprefix(".").startswith(("part-", "_ids-"))


def synced(path: Path) -> int:
    """Make a written file outlast the machine's death; its bytes."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size
