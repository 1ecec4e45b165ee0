"""The file of a SQLite store: its URL, its tables, its connections, and what went wrong with it in words.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from rtml_core.errors import describe
from rtml_plugins.profile.store import StoreError

#: "rtml" in ASCII, in the header of the file: another program's database is not taken for a store
APPLICATION: Final = 0x72746D6C
#: of the tables below
VERSION: Final = 1

# Persons and identities have numbers, so that a row of an index is a few bytes and a new person comes to the end of its table. An
# identity is looked up in one tree and its person in a second. Events are appended; what places them is an index of two numbers,
# small enough to stay in memory for tens of millions, where a table in the order of the identities would be written all over.
TABLES: Final = """
CREATE TABLE persons (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, data BLOB NOT NULL);
CREATE TABLE identities (key TEXT PRIMARY KEY, n INTEGER NOT NULL, person INTEGER) WITHOUT ROWID;
CREATE TABLE events (n INTEGER PRIMARY KEY, identity INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL,
    dictionary INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX events_of ON events (identity, at);
CREATE TABLE dictionaries (n INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE marks (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE named (name TEXT PRIMARY KEY, version INTEGER NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE totals (one INTEGER PRIMARY KEY CHECK (one = 1), persons INTEGER NOT NULL, identities INTEGER NOT NULL,
    events INTEGER NOT NULL, person INTEGER NOT NULL, identity INTEGER NOT NULL);
INSERT INTO totals VALUES (1, 0, 0, 0, 1, 1);
"""


class Options(msgspec.Struct, frozen=True):
    """What a URL may say after "?". synchronous: "normal" or "full" (also a power cut loses nothing acknowledged, at the price of
    a write to the disk with each commit). wait: seconds for another writer. cache: MB of pages that the writer keeps. checkpoint:
    MB that the log may hold before it is written into the file. compress: "yes" or "no", of events."""

    synchronous: str = "normal"
    wait: float = 30.0
    cache: int = 64
    checkpoint: int = 64
    compress: str = "yes"

    def __post_init__(self) -> None:
        if self.synchronous not in ("normal", "full"):
            raise ValueError(f"expected synchronous to be normal or full, got {describe(self.synchronous)}")
        if self.compress not in ("yes", "no"):
            raise ValueError(f"expected compress to be yes or no, got {describe(self.compress)}")
        if self.wait < 0 or self.cache < 1 or self.checkpoint < 1:
            raise ValueError("expected wait >= 0, cache >= 1 and checkpoint >= 1")


def parse(url: str) -> tuple[Path, Options]:
    """sqlite:///relative.db, sqlite:////absolute.db, with options behind "?". Raises StoreError."""
    scheme, slashes, rest = url.partition("///")
    path, _, query = rest.partition("?")
    if scheme.lower() != "sqlite:" or not slashes or not path or path == ":memory:":
        raise StoreError(
            f"A store in SQLite is named by sqlite:///profiles.db or sqlite:////folder/profiles.db; got {describe(url, 200)}."
            " In memory: memory:"
        )
    given = parse_qsl(query, keep_blank_values=True)
    try:
        unknown = [name for name, _ in given if name not in Options.__struct_fields__]
        if unknown:
            raise ValueError(f"there is no option {describe(unknown[0])}; there are {', '.join(Options.__struct_fields__)}")
        options = msgspec.convert(dict(given), Options, strict=False)
    except (ValueError, msgspec.ValidationError) as error:
        raise StoreError(f"The options of the store {describe(url, 200)} can't be used: {error}") from error
    return Path(path), options


@contextmanager
def in_words(path: Path, doing: str) -> Iterator[None]:
    """What SQLite raises inside becomes a StoreError that names the file."""
    try:
        yield
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise trouble(path, doing, error) from error


def trouble(path: Path, doing: str, error: Exception) -> StoreError:
    """A StoreError that says what an error of SQLite means and what cures it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        cure = _CURES.get(code & 0xFF, "")
    else:  # OverflowError, UnicodeError, what the module sqlite3 itself has against it
        cure = "texts must be whole characters, and numbers fit into 64 bits"
    return StoreError(f"The store {path} can't be {doing}: {error}" + (f" ({cure})" if cure else ""))


#: seconds that whoever writes may be held up by emptying the log
_MOMENT: Final = 0.5
_ANOTHER: Final = "another process is writing to it; wait, or stop it, or ask for more patience with ?wait=SECONDS"
_CURES: Final = {
    sqlite3.SQLITE_BUSY: _ANOTHER,
    sqlite3.SQLITE_LOCKED: _ANOTHER,
    sqlite3.SQLITE_FULL: "make room on its disk; nothing of what was being written is kept",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: put a copy from before in its place",
    sqlite3.SQLITE_NOTADB: "the file is no database: name another, or take it away",
    sqlite3.SQLITE_READONLY: "it, or its folder, can't be written: check the permissions",
    sqlite3.SQLITE_CANTOPEN: "check that its folder is there and can be written",
    sqlite3.SQLITE_IOERR: "check that its disk is there and has room",
    sqlite3.SQLITE_TOOBIG: "a value may have 1 GB at most",
}


def connect(path: Path, options: Options, *, writes: bool) -> sqlite3.Connection:
    """A connection to a file that has its tables."""
    con = sqlite3.connect(
        path, timeout=options.wait, isolation_level=None, check_same_thread=False, cached_statements=64, uri=False
    )
    try:
        con.execute(f"PRAGMA synchronous={options.synchronous}")
        if writes:
            con.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, as it may be of who was erased
            con.execute(f"PRAGMA cache_size=-{options.cache * 1024}")
            con.execute(f"PRAGMA wal_autocheckpoint={options.checkpoint * 256}")  # pages of 4 kB
        else:
            con.execute("PRAGMA query_only=ON")
    except BaseException:
        con.close()
        raise
    return con


def prepare(path: Path, options: Options) -> None:
    """Make the file with its tables if it isn't there, and check that it is a store if it is."""
    try:
        if path.is_dir():
            raise StoreError(f"The store {path} can't be opened: it is a folder; name a file in it")
        fresh = not path.exists() or path.stat().st_size == 0
        if fresh and not path.parent.is_dir():
            raise StoreError(f"The store {path} can't be made: there is no folder {path.parent}; make it first")
    except OSError as error:
        raise StoreError(f"The store {path} can't be opened: {error.strerror}; check its folder and the permissions") from error
    with in_words(path, "opened"):
        con = sqlite3.connect(path, timeout=options.wait, isolation_level=None)
        try:
            _prepare(con, path, options)
        finally:
            con.close()
    if fresh and os.name == "posix":
        os.chmod(path, 0o600)  # data of persons


def _prepare(con: sqlite3.Connection, path: Path, options: Options) -> None:
    # In this order: who makes the file sets both at once, so that whoever sees tables sees whose they are.
    tables, application = (con.execute(f"PRAGMA {what}").fetchone()[0] for what in ("schema_version", "application_id"))
    if application == APPLICATION:
        version = con.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            raise StoreError(
                f"The store {path} has tables of version {version}; this rtml reads version {VERSION}: use the rtml that wrote it"
            )
        return
    if application or tables:
        raise StoreError(f"{path} is the database of another program; name a file that is not there yet, or a store of profiles")
    _into_wal(con, path, options.wait)
    con.execute("BEGIN IMMEDIATE")
    if con.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:  # another process may have been faster
        for statement in TABLES.split(";\n"):
            if statement.strip():
                con.execute(statement)
        con.execute(f"PRAGMA user_version={VERSION}")
        con.execute(f"PRAGMA application_id={APPLICATION}")
    con.execute("COMMIT")


def _into_wal(con: sqlite3.Connection, path: Path, wait: float) -> None:
    """SQLite does not wait by itself for others while it changes how a file is written."""
    until = time.monotonic() + wait
    while True:
        try:
            mode = con.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(
                f"The store {path} can't be made: its disk can't share memory (journal_mode {mode}); use a local disk"
            )
        return


def empty_log(path: Path) -> bool:
    """Write the log of a file into the file and cut it to nothing, so that it holds nothing that was deleted; whether that could
    be done now: not while somebody reads or writes for longer than a moment. Raises StoreError."""
    with in_words(path, "written"):
        con = sqlite3.connect(path, timeout=_MOMENT, isolation_level=None)
        try:
            busy: int = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return False
        finally:
            con.close()
    return not busy
