"""Taking what edges count: each window once, added to what is kept of the services (see buckets)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Table, delete, func, insert, select, update

from rtml_core.baseline import BaselineEntry
from rtml_plugins.hub import tables
from rtml_plugins.hub.baselines import Baselines
from rtml_plugins.hub.buckets import COARSE, REQUESTS, VALUES, Kept, Requests, Values, bucket
from rtml_plugins.hub.database import PATIENCE, Database
from rtml_plugins.hub.tables import measured
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.measures import Bins, Counted, Measures, Window

_LOG: Final = logger("rtml.hub")
#: how far the clock of an edge may be ahead, in seconds
AHEAD: Final = 60.0
#: how long it is known of a run of an edge which of its windows were taken, in seconds
_RUNS: Final = 7 * 86_400.0
#: seconds between two looks for what is too old, and how many buckets in time of each width go at most each time
_SWEEP: Final = 60.0
_AT_ONCE: Final = 30
_WARNED: Final = 1000

_NOTHING: Final = Bins([])
_Key = tuple[str, int]  # id of the service, version
_Sum = TypeVar("_Sum", Requests, Values)


@dataclass(slots=True)
class _Sums:
    """What is to be added, by width and begin of the bucket, and then by version."""

    requests: dict[tuple[int, int], dict[_Key, Requests]] = field(default_factory=dict)
    values: dict[tuple[int, int], dict[_Key, Values]] = field(default_factory=dict)

    def add(self, middle: float, now: float, key: _Key, counted: Counted, baseline: BaselineEntry | None) -> None:
        """Count what a window has of a version."""
        for kept in _fresh(REQUESTS, middle, now):
            of_bucket = self.requests.setdefault((kept.width, bucket(middle, kept.width)), {})
            of_bucket.setdefault(key, Requests()).add(counted.outcomes, counted.latency, counted.seconds)
        if baseline is None or not counted.rows:
            return
        values = _values(counted, baseline)
        for kept in _fresh(VALUES, middle, now):
            by_key = self.values.setdefault((kept.width, bucket(middle, kept.width)), {})
            if key in by_key:
                by_key[key].add(values)
            else:
                by_key[key] = Values(values.rows, values.counts)


def _fresh(kinds: Iterable[Kept], middle: float, now: float) -> list[Kept]:
    return [kept for kept in kinds if middle >= now - kept.keep]


def _values(counted: Counted, baseline: BaselineEntry) -> Values:
    """The values of a window in the order of the baseline; a column whose bins are others is left out."""
    found: list[int] = []
    for side, of_side in ((counted.inputs, baseline.inputs), (counted.outputs, baseline.outputs)):
        for column in of_side:
            bins = side.get(column.name, _NOTHING)
            if len(bins.counts) == len(column.counts):
                found.append(bins.missing)
                found += bins.counts
            else:
                found += [0] * (len(column.counts) + 1)
    return Values(counted.rows, found)


class Measuring:
    """Takes the windows of edges into a database; for many threads, and several hubs on one database."""

    def __init__(self, database: Database, baselines: Baselines):
        self._database = database
        self._baselines = baselines
        self._swept = 0.0
        self._warned: set[str] = set()  # edges whose clock is ahead

    def record(self, edge: str, given: Measures) -> int:
        """Take the windows of an edge that were not taken yet, in one transaction; the number of the newest that was.

        A window of the future or from before everything that is kept is taken and counted nowhere, and so is what is of a
        service or a version that is not there (any more).
        """
        now = self._database.clock()
        with self._database.note() as connection:
            before = _taken(connection, edge, given.run, now)
            windows = sorted((one for one in given.windows if one.number > before), key=lambda one: one.number)
            newest = windows[-1].number if windows else before
            if windows:
                of_run = (measured.c.edge == edge, measured.c.run == given.run)
                connection.execute(update(measured).where(*of_run).values(number=newest, seen=now))
                sums = self._sums(connection, self._sane(edge, windows, now), now)
                _lock(connection, given.region)
                for (width, at), requests in sums.requests.items():
                    _store(connection, tables.measures, width, at, given.region, requests, Requests, _add_requests)
                for (width, at), values in sums.values.items():
                    _store(connection, tables.measured_values, width, at, given.region, values, Values, Values.add)
            if now - self._swept >= _SWEEP or now < self._swept:
                self._swept = now
                _forget(connection, now)
        return newest

    def _sums(self, connection: Connection, windows: list[Window], now: float) -> _Sums:
        known = _known(connection, windows)
        baselines = self._baselines.of(connection, {package for _, package in known.values()})
        sums = _Sums()
        numbers: set[int] = set()
        for window in windows:
            if window.number in numbers:  # twice in one message
                continue
            numbers.add(window.number)
            middle = (window.since + window.until) / 2
            for one in window.versions:
                identity, package = known.get((one.service, one.version), ("", ""))
                if identity and package == one.package:
                    sums.add(middle, now, (identity, one.version), one.counted, baselines.get(package))
        return sums

    def _sane(self, edge: str, windows: list[Window], now: float) -> list[Window]:
        """Those that are of now or of what is kept."""
        ahead = max((window.until - now for window in windows), default=0.0)
        if ahead <= AHEAD:
            self._warned.discard(edge)
        elif edge not in self._warned and len(self._warned) < _WARNED:
            self._warned.add(edge)
            cure = "set its clock or the hub's"
            _LOG.warning("what an edge counted is of the future and left out", edge=edge, seconds=round(ahead), cure=cure)
        oldest = now - COARSE.keep
        return [one for one in windows if one.until <= now + AHEAD and (one.since + one.until) / 2 >= oldest]


def _add_requests(old: Requests, more: Requests) -> None:
    old.add(more.outcomes, more.latency, more.seconds)


def _taken(connection: Connection, edge: str, run: str, now: float) -> int:
    """The number of the newest window of this run that was taken; nobody else takes some of it until the transaction ends."""
    if connection.dialect.name == "postgresql":  # another hub may be told of it in this moment
        from sqlalchemy.dialects.postgresql import insert as upsert

        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(PATIENCE * 1000)}")
        new = {"edge": edge, "run": run, "number": 0, "seen": now}
        connection.execute(upsert(measured).values(new).on_conflict_do_nothing())
    statement = select(measured.c.number).where(measured.c.edge == edge, measured.c.run == run).with_for_update()
    found = connection.execute(statement).scalar_one_or_none()
    if found is None:
        connection.execute(insert(measured).values(edge=edge, run=run, number=0, seen=now))
    return int(found or 0)


def _lock(connection: Connection, region: str) -> None:
    """On PostgreSQL, where several write at once, have those of one region go one after the other: they add to the same rows."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"rtml measures {region}", 0))))


def _known(connection: Connection, windows: list[Window]) -> Mapping[tuple[str, int], tuple[str, str]]:
    """(id of the service, package) by its name and version, of those in windows that are there."""
    names = sorted({one.service for window in windows for one in window.versions})
    numbers = sorted({one.version for window in windows for one in window.versions})
    services, versions = tables.services, tables.versions
    statement = (
        select(services.c.name, versions.c.version, services.c.id, versions.c.package)
        .join(versions, versions.c.service == services.c.id)
        .where(services.c.name.in_(names), services.c.deleted.is_(None), versions.c.version.in_(numbers))
    )
    return {(name, number): (identity, package) for name, number, identity, package in connection.execute(statement)}


def _store(
    connection: Connection,
    table: Table,
    width: int,
    at: int,
    region: str,
    sums: Mapping[_Key, _Sum],
    kind: type[_Sum],
    add: Any,
) -> None:
    """Add sums to the rows of one bucket in time."""
    there = (table.c.resolution == width, table.c.at == at, table.c.region == region)
    services = sorted({service for service, _ in sums})
    found = select(table.c.service, table.c.version, table.c.counted).where(*there, table.c.service.in_(services))
    decoder = msgspec.json.Decoder(kind)
    old = {(service, version): counted for service, version, counted in connection.execute(found)}
    rows = []
    for key, more in sums.items():
        total = more
        if key in old:
            total = decoder.decode(old[key])
            add(total, more)
        rows.append((key[0], width, at, key[1], region, msgspec.json.encode(total).decode()))
    place = "?" if connection.dialect.name == "sqlite" else "%s"
    connection.exec_driver_sql(  # thousands of rows a minute, of which SQLAlchemy would make as many dictionaries
        f"INSERT INTO {table.name} (service, resolution, at, version, region, counted)"
        f" VALUES ({', '.join([place] * 6)}) ON CONFLICT (service, resolution, at, version, region)"
        " DO UPDATE SET counted = excluded.counted",
        rows,
    )


def _forget(connection: Connection, now: float) -> None:
    """Remove what is too old: some of it, so that nobody waits for long. Of several hubs one does it at a time."""
    if connection.dialect.name == "postgresql":
        mine = select(func.pg_try_advisory_xact_lock(func.hashtextextended("rtml measures", 0)))
        if not connection.execute(mine).scalar_one():
            return
    for table, kinds in ((tables.measures, REQUESTS), (tables.measured_values, VALUES)):
        for kept in kinds:
            old = (table.c.resolution == kept.width, table.c.at < int(now - kept.keep - kept.width))
            times = list(
                connection.execute(select(table.c.at).where(*old).distinct().order_by(table.c.at).limit(_AT_ONCE)).scalars()
            )
            if times:
                connection.execute(delete(table).where(table.c.resolution == kept.width, table.c.at.in_(times)))
    connection.execute(delete(measured).where(measured.c.seen < now - _RUNS))
