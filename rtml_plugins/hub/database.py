"""The hub's database: SQLite in a file, or PostgreSQL by URL. One writer at a time, whole transactions, migrations at start.

    database = open_database("hub.db")
    with database.write(actor) as change:
        change.execute(insert(tables.services).values(...))
        change.audit("service.publish", "churn", version=3)
        change.bump(["na", "emea"])

A change commits with its audit entry and revision, or not at all; then `database.changed` is called. Everything that writes what
edges see holds one lock (SQLite: BEGIN IMMEDIATE; PostgreSQL: the row of the hub), so revisions are committed in order, also
with several hubs on one PostgreSQL.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, CursorResult, Engine, Executable, create_engine, event, func, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rtml_plugins.hub import tables, times
from rtml_plugins.hub.errors import HubError, InDoubt, Unavailable
from rtml_plugins.hub.schema import upgrade

#: how long a writer waits for another process, in seconds
PATIENCE: Final = 30.0
_log: Final = logging.getLogger("rtml.hub")


class Change:
    """A transaction that changes the hub. actor: who does it, for the audit log. revision: what it was bumped to, or is."""

    def __init__(self, connection: Connection, actor: str, now: float):
        self.connection = connection
        self.actor = actor
        self.now = now
        self.at = times.text(now)
        self.bumped = False

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """Run a statement in the transaction."""
        return self.connection.execute(statement, parameters)

    def audit(self, action: str, subject: str, **details: Any) -> None:
        """Add an entry to the audit log."""
        text = msgspec.json.encode(details).decode()
        entry = {"at": self.at, "actor": self.actor, "action": action, "subject": subject, "details": text}
        self.execute(insert(tables.audit).values(entry))

    def bump(self, regions: Iterable[str]) -> int:
        """Say that what the edges of these regions see changes; the new revision, or the present one when there are none."""
        names = sorted(set(regions))
        if not names:
            return self.revision
        revision = self._next()
        known = set(self.execute(select(tables.regions.c.name).where(tables.regions.c.name.in_(names))).scalars())
        if known:
            self.execute(update(tables.regions).where(tables.regions.c.name.in_(known)).values(revision=revision))
        fresh = [{"name": name, "revision": revision} for name in names if name not in known]
        if fresh:
            self.execute(insert(tables.regions), fresh)
        return revision

    def bump_all(self) -> int:
        """Say that what all edges see changes, as keys do; the new revision."""
        revision = self._next()
        self.execute(update(tables.hub).values(everywhere=revision))
        return revision

    def _next(self) -> int:
        if not self.bumped:
            self.execute(update(tables.hub).values(revision=tables.hub.c.revision + 1))
            self.bumped = True
        return self.revision

    @property
    def revision(self) -> int:
        return int(self.execute(select(tables.hub.c.revision)).scalar_one())


class Database:
    """The open database of a hub, for many threads. id: of the hub. changed: called after each change that edges see."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time):
        self.engine = engine
        self.clock = clock
        self.changed: list[Callable[[], None]] = []
        self.sqlite = engine.dialect.name == "sqlite"
        self._lock = threading.Lock()
        self.shown = engine.url.render_as_string(hide_password=True)
        options: Mapping[str, Any] = {} if self.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reading = engine.execution_options(**options)
        self._writing = engine.execution_options(rtml_write=True)
        with self.read() as connection:
            self.id = str(connection.execute(select(tables.hub.c.id)).scalar_one())

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees the database as it is now, whatever is committed meanwhile. Raises Unavailable."""
        with _named(self.shown), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self, actor: str) -> Iterator[Change]:
        """A change, alone until it commits. An exception inside leaves everything as it was. Raises Unavailable, and InDoubt when
        the commit itself fails."""
        committing = False
        try:
            with _named(self.shown), self._lock if self.sqlite else nullcontext(), self._writing.begin() as connection:
                if not self.sqlite:
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(PATIENCE * 1000)}")
                    connection.execute(select(tables.hub.c.id).with_for_update())
                change = Change(connection, actor, self.clock())
                yield change
                committing = True
        except Unavailable as error:
            if committing:
                raise InDoubt(str(error)) from error
            raise
        if change.bumped:
            self.wake()

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """A transaction for what is no change of the hub and in nobody's way: reports of edges. Raises Unavailable."""
        with _named(self.shown), self._lock if self.sqlite else nullcontext(), self._writing.begin() as connection:
            yield connection

    def wake(self) -> None:
        """Call everyone in `changed`."""
        for callback in list(self.changed):
            try:
                callback()
            except Exception:  # the change is made; who listens must not turn it into a failure
                _log.exception("a listener to changes of the hub failed")

    def ping(self) -> None:
        """Raise Unavailable unless the database answers."""
        with self.read() as connection:
            connection.execute(select(func.count()).select_from(tables.hub)).scalar_one()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def open_database(where: str | os.PathLike[str], *, clock: Callable[[], float] = time.time) -> Database:
    """Open the database of a hub and bring it up to date; a new one is made.

    where: a file, or sqlite:///FILE, or postgresql://USER@HOST/NAME. Raises Unavailable when it can't be reached or was made by
    a newer rtml, HubError for a URL that is none of these.
    """
    url = _url(os.fspath(where))
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    try:
        shown = url.render_as_string(hide_password=True)
        with _named(shown), engine.execution_options(rtml_write=True).begin() as connection:
            upgrade(connection, shown)
            if connection.execute(select(tables.hub.c.id)).first() is None:
                new = {"id": str(uuid.uuid4()), "created": times.text(clock()), "revision": 1, "everywhere": 1}
                connection.execute(insert(tables.hub).values(new))
        return Database(engine, clock)
    except BaseException:
        engine.dispose()
        raise


def _url(where: str) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where.replace("postgres://", "postgresql://", 1) if where.startswith("postgres://") else where)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError):
        backend = "none"
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    scheme = where.partition("://")[0]
    raise HubError(f"a hub keeps its database in a file of SQLite or in postgresql://USER@HOST/NAME; got {scheme}://...")


def _sqlite(url: URL) -> Engine:
    if not url.database or url.database == ":memory:":
        raise HubError("a hub's SQLite database has to be a file, which several threads share; got one in memory: name a file")
    path = Path(url.database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its files beside it the same mode
    except OSError as error:
        cure = "Choose a place that this user may write"
        raise Unavailable(f"the hub's database {path} can't be opened: {error.strerror}. {cure}") from None
    engine = create_engine(url, connect_args={"timeout": PATIENCE, "check_same_thread": False}, pool_size=8, max_overflow=32)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins no transactions of its own
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("rtml_write") else "BEGIN")

    return engine


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"a hub on PostgreSQL needs {error.name}, which is not installed: pip install 'rtml[postgres]'"
        ) from None


@contextmanager
def _named(shown: str) -> Iterator[None]:
    """A database that is away, locked or full becomes one sentence; a wrong statement stays what it is."""
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise
    except PoolTimeout as error:
        raise Unavailable(f"the hub's database {shown} can't be used: too many ask at once") from error
    except DBAPIError as error:
        raise Unavailable(f"the hub's database {shown} can't be used: {_reason(error)}") from error


def _reason(error: DBAPIError) -> str:
    text = " ".join(str(error.orig).split())
    if "database is locked" in text or "lock timeout" in text:
        return f"another process has held it for more than {PATIENCE:g} s"
    if "not a database" in text:
        return "the file is no SQLite database. Name another file"
    return text
