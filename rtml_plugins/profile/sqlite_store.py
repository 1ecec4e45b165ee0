"""A store of profiles in one SQLite file: one writer at a time, readers that never wait for it.

LIGHT: the standard library and msgspec only. URL: sqlite:///relative.db or sqlite:////absolute.db; options: sqlite_file.Options.

The file is written ahead (WAL). What commit has returned for is with the operating system: it survives the process, however that
ends. A power cut may take the last moments before it, whole changes only and the latest first; with ?synchronous=full it takes
nothing. Several processes may have the file open; they write in turns.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Self

from rtml_plugins.profile.event_bytes import EventBytes
from rtml_plugins.profile.sqlite_events import are_known, read_events
from rtml_plugins.profile.sqlite_file import Options, connect, empty_log, in_words, parse, prepare, trouble
from rtml_plugins.profile.sqlite_writing import Totals, Writing, select
from rtml_plugins.profile.store import Change, ProfileStore, Stored, StoredEvent, StoreError

_FIND = (
    "SELECT persons.id, persons.version, persons.data FROM identities JOIN persons ON persons.n = identities.person"
    " WHERE identities.key = ?"
)
_OWNERS = (
    "SELECT identities.key, persons.id FROM identities JOIN persons ON persons.n = identities.person WHERE identities.key IN ({})"
)


class SqliteStore(ProfileStore):
    """One connection writes, behind a lock; as many read as there are threads that read at once."""

    scheme = "sqlite"

    def __init__(self, path: str | os.PathLike[str], options: Options | None = None):
        self.path = Path(path).absolute()
        self._options = options if options is not None else Options()
        self._lock = Lock()
        self._bytes = EventBytes()
        self._idle: deque[sqlite3.Connection] = deque()
        self._process = os.getpid()
        self._writer: sqlite3.Connection | None = None
        prepare(self.path, self._options)
        with in_words(self.path, "opened"):
            self._writer = connect(self.path, self._options, writes=True)
            try:
                self._load_dictionaries(self._writer)
            except BaseException:
                self._writer.close()
                raise
        #: where the search for events that go stands: (before, the last identity that was looked at)
        self._dropping = (0, 0)

    @classmethod
    def open(cls, url: str) -> Self:
        """The store in the file that a URL names, made when there is none. Raises StoreError."""
        return cls(*parse(url))

    # ---- connections --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._writer is None:
            raise StoreError(f"The store {self.path} is closed; open it again")
        if os.getpid() != self._process:
            raise StoreError(f"The store {self.path} was opened before this process was forked; open it in each process")

    def _connection(self) -> sqlite3.Connection:
        self._check()
        try:
            return self._idle.pop()
        except IndexError:
            with in_words(self.path, "opened"):
                return connect(self.path, self._options, writes=False)

    def _give_back(self, con: sqlite3.Connection) -> None:
        self._idle.append(con)
        if self._writer is None:  # closed meanwhile
            self._close_idle()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the store, whatever is written meanwhile."""
        con = self._connection()
        try:
            with in_words(self.path, "read"):
                con.execute("BEGIN")
                yield con
                con.execute("COMMIT")
        except BaseException:
            con.close()
            raise
        self._give_back(con)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, in_words(self.path, "written"):
            self._check()
            con = self._writer
            assert con is not None
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
                con.execute("COMMIT")
            except BaseException:
                if con.in_transaction:
                    con.execute("ROLLBACK")
                raise

    # ---- reading ------------------------------------------------------------------------------------------------

    def find(self, key: str) -> Stored | None:
        con = self._connection()
        try:
            row = con.execute(_FIND, (key,)).fetchone()
        except (sqlite3.Error, UnicodeError) as error:
            con.close()
            raise trouble(self.path, "read", error) from error
        self._give_back(con)
        return None if row is None else Stored(*row)

    def owners(self, keys: Sequence[str]) -> list[str | None]:
        with self._reading() as con:
            found: dict[str, str] = dict(select(con, _OWNERS, dict.fromkeys(keys)))
        return [found.get(key) for key in keys]

    def read(self, persons: Sequence[str]) -> list[Stored | None]:
        with self._reading() as con:
            rows = select(con, "SELECT id, version, data FROM persons WHERE id IN ({})", dict.fromkeys(persons))
            found = {row[0]: Stored(*row) for row in rows}
        return [found.get(person) for person in persons]

    def events(self, keys: Sequence[str], start: int, end: int, *, limit: int, descending: bool = False) -> list[StoredEvent]:
        with self._reading() as con:
            known: dict[int, str] = dict(select(con, "SELECT n, key FROM identities WHERE key IN ({})", dict.fromkeys(keys)))
            return read_events(con, known, (start, end), limit, descending, self._unpack)

    def known(self, events: Sequence[tuple[str, int, str]]) -> list[bool]:
        with self._reading() as con:
            return are_known(con, events)

    def persons(self, after: str = "", *, limit: int = 1000) -> list[Stored]:
        with self._reading() as con:
            rows = con.execute("SELECT id, version, data FROM persons WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
            return [Stored(*row) for row in rows]

    def count(self) -> Mapping[str, int]:
        with self._reading() as con:
            totals = Totals(con)
        return {"persons": totals.persons, "identities": totals.identities, "events": totals.events}

    # ---- writing ------------------------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        if not changes:
            self._check()
            return []
        with self._transaction() as con:
            writing = Writing(con, changes)
            applied = [writing.apply(change) for change in changes]
            if any(applied):
                writing.write(self._bytes.pack)
        if self._options.compress == "yes" and len(self._bytes) < 3:
            self._learn(writing)
        return applied

    def drop_events(self, before: int, *, limit: int = 10_000) -> int:
        """As ProfileStore says. The search goes on where the call before, with the same `before`, has stopped; one that found
        nothing begins anew the next time."""
        with self._transaction() as con:
            after = self._dropping[1] if self._dropping[0] == before else 0
            query = "SELECT n, identity FROM events INDEXED BY events_of WHERE identity >= ? AND at < ? ORDER BY identity LIMIT ?"
            found = con.execute(query, (after, before, limit)).fetchall()
            con.executemany("DELETE FROM events WHERE n=?", sorted((n,) for n, _ in found))
            totals = Totals(con)
            totals.events -= len(found)
            totals.write(con)
        self._dropping = (before, found[-1][1]) if len(found) == limit else (0, 0)
        return len(found)

    def purge(self) -> bool:
        self._check()
        return empty_log(self.path)

    # ---- small things -------------------------------------------------------------------------------------------

    def mark(self, name: str) -> int:
        with self._reading() as con:
            row = con.execute("SELECT number FROM marks WHERE name=?", (name,)).fetchone()
        return row[0] if row is not None else 0

    def value(self, name: str) -> tuple[bytes, int]:
        with self._reading() as con:
            row = con.execute("SELECT data, version FROM named WHERE name=?", (name,)).fetchone()
        return row if row is not None else (b"", 0)

    def set_value(self, name: str, data: bytes, version: int) -> bool:
        with self._transaction() as con:
            row = con.execute("SELECT version FROM named WHERE name=?", (name,)).fetchone()
            if (row[0] if row is not None else 0) != version:
                return False
            con.execute("INSERT OR REPLACE INTO named (name, version, data) VALUES (?, ?, ?)", (name, version + 1, data))
            return True

    # ---- dictionaries -------------------------------------------------------------------------------------------

    def _learn(self, writing: Writing) -> None:
        self._bytes.see(writing.samples())
        if self._bytes.due(writing.totals.events) and (made := self._bytes.make()) is not None:
            with self._transaction() as con:
                con.execute("INSERT INTO dictionaries (data) VALUES (?)", (made,))
            with self._reading() as con:
                self._load_dictionaries(con)

    def _load_dictionaries(self, con: sqlite3.Connection) -> None:
        for number, dictionary in con.execute("SELECT n, data FROM dictionaries ORDER BY n"):
            if number not in self._bytes:
                self._bytes.add(number, dictionary)

    def _unpack(self, number: int, data: bytes) -> bytes:
        if number not in self._bytes:  # another process has made it
            with self._reading() as con:
                self._load_dictionaries(con)
        try:
            return self._bytes.unpack(number, data)
        except (zlib.error, KeyError) as error:
            raise StoreError(
                f"The store {self.path} is damaged: an event can't be unpacked ({error!r}); put a copy from before in its place"
            ) from error

    # ---- end ----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            self._close_idle()
            if writer is not None:
                with in_words(self.path, "closed"):
                    writer.close()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return
