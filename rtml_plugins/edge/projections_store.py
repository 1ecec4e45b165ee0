"""The profiles of an edge on disk: one SQLite file, of which the supervisor's process is the only writer.

So an edge that starts anew, or whose hub is away, still knows them. What is in it can be had from the hub again: a file that is
damaged is removed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from rtml_plugins.edge import files
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.projections import Projection

FILE: Final = "profiles.db"
#: rows that are kept at most
MOST: Final = 1_000_000
_CHUNK: Final = 500
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS profiles (
    key TEXT PRIMARY KEY, data BLOB NOT NULL, fresh INTEGER NOT NULL, until INTEGER NOT NULL, epoch TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_until ON profiles (until);
CREATE TABLE IF NOT EXISTS feed (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, cursor INTEGER NOT NULL);
"""
#: form of the file; another one is removed
_VERSION: Final = 2

_log: Final = logger("rtml.edge.projections")
# JSON, as the hub has it: msgpack has no integers beyond 64 bits
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Projection).decode
#: stands in the JSON of each person that there is
_FOUND: Final = b'"found":true'


class Row(NamedTuple):
    """A profile as it is kept. fresh, until: see neighbours.Held; epoch: of the feed that told it."""

    profile: Projection
    fresh: int
    until: int
    epoch: str


class Store:
    """The file. Used by one thread at a time."""

    def __init__(self, folder: Path):
        self._path = folder / FILE
        try:
            self._db = self._open()
        except sqlite3.DatabaseError as error:
            _log.error("profiles on disk removed", path=str(self._path), problem=str(error))
            for suffix in ("", "-wal", "-shm"):
                files.remove(Path(f"{self._path}{suffix}"))
            self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("PRAGMA secure_delete=ON")
            if db.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
                raise sqlite3.DatabaseError("it is in another form")
            db.executescript(_SCHEMA)
            db.execute(f"PRAGMA user_version={_VERSION}")
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def read(self, keys: Sequence[str]) -> dict[str, Row]:
        """Those of the profiles that are there."""
        found: dict[str, Row] = {}
        for at in range(0, len(keys), _CHUNK):
            part = keys[at : at + _CHUNK]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, data, fresh, until, epoch FROM profiles WHERE key IN ({marks})"
            for key, data, fresh, until, epoch in self._db.execute(query, part):
                with contextlib.suppress(msgspec.DecodeError, RecursionError):
                    found[key] = Row(_decode(data), fresh, until, epoch)
        return found

    def put(self, rows: Iterable[Row], gone: Sequence[str] = (), feed: tuple[str, int] | None = None) -> bool:
        """Keep profiles, forget others, and keep how far the feed was followed (epoch, cursor): all of it or nothing.

        What forgotten ones held is not left in the files. Whether some were forgotten that were there.
        """
        rows = list(rows)
        values = [(row.profile.key, _encode(row.profile), row.fresh, row.until, row.epoch) for row in rows]
        lost = [(row.profile.key, _FOUND) for row in rows if not row.profile.found]
        with self._transaction():
            forgotten = self._db.executemany("DELETE FROM profiles WHERE key = ?", [(key,) for key in gone]).rowcount
            forgotten += self._db.executemany("DELETE FROM profiles WHERE key = ? AND instr(data, ?)", lost).rowcount
            self._db.executemany("INSERT OR REPLACE INTO profiles VALUES (?, ?, ?, ?, ?)", values)
            if feed is not None:
                self._db.execute("INSERT OR REPLACE INTO feed VALUES (1, ?, ?)", feed)
        if gone or forgotten > 0:
            self._clear()
        return forgotten > 0

    def of_others(self, epoch: str, after: str, now: int, most: int) -> list[str]:
        """Keys of profiles that another feed told and that may still be used, in order, those that follow `after`."""
        query = "SELECT key FROM profiles WHERE key > ? AND epoch <> ? AND until > ? ORDER BY key LIMIT ?"
        return [key for (key,) in self._db.execute(query, (after, epoch, now, most))]

    def feed(self) -> tuple[str, int] | None:
        """(epoch, cursor) of the feed as far as it was followed; None when it never was."""
        row = self._db.execute("SELECT epoch, cursor FROM feed").fetchone()
        return None if row is None else (row[0], row[1])

    def prune(self, now: int, most: int = MOST) -> int:
        """Forget what may not be used any more, and of more than `most` profiles those that end first. now: us since the
        epoch."""
        with self._transaction():
            gone = self._db.execute("DELETE FROM profiles WHERE until <= ?", (now,)).rowcount
            over = self._db.execute("SELECT count(*) FROM profiles").fetchone()[0] - most
            if over > 0:
                query = "DELETE FROM profiles WHERE key IN (SELECT key FROM profiles ORDER BY until LIMIT ?)"
                gone += self._db.execute(query, (over,)).rowcount
        if gone:
            self._clear()
        return gone

    def _clear(self) -> None:
        """Leave nothing of what was forgotten in the journal of the file."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
