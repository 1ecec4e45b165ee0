"""What edges are told, what they report, and how far a change has come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, cast

import msgspec
from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from rtml_core.client.records import Edge, EdgeService, Region, Rollout, Traffic
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub import edge_access, enriching, reading, times
from rtml_plugins.hub.database import Database
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.keys import Caller
from rtml_plugins.hub.tables import api_keys, edges, hub, packages, regions, service_regions, services, versions
from rtml_plugins.serving.names import NameRefused, check_name
from rtml_plugins.serving.wire import EXCHANGE, EdgeReport, KeyEntry, RegionState, ServiceEntry, VersionEntry

#: an edge that was not heard of for so long is away, in seconds
AWAY: Final = 15.0
#: ids of edges, which are names of machines
EDGE: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
#: addresses of edges, to which clients and their keys are sent: of HTTP, with a host, without a name, a password and a query
URL: Final = re.compile(
    r"https?://([A-Za-z0-9_]([A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?|\[([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}\])"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(/[A-Za-z0-9._~/%-]{0,500})?"
)
#: scopes that mean something at an edge: other keys are not sent there
_AT_EDGES: Final = frozenset({"predict", "debug", "admin"})


def revision(connection: Connection, region: str) -> int:
    """The revision of what the edges of a region see; at least 1. A region that nobody named yet has one, too."""
    statement = select(hub.c.everywhere, select(regions.c.revision).where(regions.c.name == region).scalar_subquery())
    everywhere, own = connection.execute(statement).one()
    return max(int(everywhere), int(own or 0))


def state(connection: Connection, region: str, identity: str, now: float) -> RegionState:
    """Everything that an edge of the region serves; all from one view of the database. identity: of the hub."""
    statement = (
        select(services)
        .join(service_regions, service_regions.c.service == services.c.id)
        .where(service_regions.c.region == region, services.c.deleted.is_(None))
        .order_by(services.c.name)
    )
    rows = connection.execute(statement).all()
    held = held_of(connection, rows)
    found = _versions(connection, held)
    logged = enriching.logged(connection, {key: [found[key, one].package for one in numbers] for key, numbers in held.items()})
    entries = tuple(
        ServiceEntry(
            id=row.id,
            name=row.name,
            versions=tuple(found[row.id, number] for number in sorted(held[row.id])),
            traffic=reading.traffic(row),
            description=row.description,
            deprecated=row.deprecated,
            deprecation=row.deprecation,
            log=row.id in logged,
        )
        for row in rows
    )
    locked = connection.execute(select(api_keys.c.id).limit(1)).first() is not None
    return RegionState(EXCHANGE, identity, region, revision(connection, region), entries, _keys(connection, now), locked)


def held_of(connection: Connection, rows: Sequence[Row[Any]]) -> dict[str, set[int]]:
    """The versions that edges hold of services, by id; of rows of the table."""
    before = reading.champions_before(connection, [row.id for row in rows])
    return {row.id: _held(reading.traffic(row), before.get(row.id)) for row in rows}


def _held(traffic: Traffic, before: int | None) -> set[int]:
    """The versions that edges hold: those in traffic and the champion before, so that a rollback waits for no download."""
    arms = [*traffic.split, *([traffic.canary] if traffic.canary else [])]
    others = [number for number in (traffic.shadow, before) if number is not None]
    return {traffic.champion, *(arm.version for arm in arms), *others}


def _versions(connection: Connection, held: dict[str, set[int]]) -> dict[tuple[str, int], VersionEntry]:
    found = {}
    columns = (versions.c.service, versions.c.version, versions.c.package, packages.c.size)
    wanted = sorted({number for numbers in held.values() for number in numbers})
    statement = (
        select(*columns)
        .join(packages, packages.c.id == versions.c.package)
        .where(versions.c.service.in_(list(held)), versions.c.version.in_(wanted))
    )
    for service, number, package, size in connection.execute(statement):
        found[service, number] = VersionEntry(number, package, size)
    return found


def _keys(connection: Connection, now: float) -> tuple[KeyEntry, ...]:
    """Keys that edges may accept. Those that ran out are left out, which needs no new revision: edges look at the time, too."""
    living = or_(api_keys.c.expires.is_(None), api_keys.c.expires > times.text(now))
    rows = connection.execute(select(api_keys).where(api_keys.c.revoked.is_(None), living).order_by(api_keys.c.id))
    entries = []
    for row in rows:
        scopes = tuple(msgspec.json.decode(row.scopes, type=list[str]))
        if _AT_EDGES.isdisjoint(scopes):
            continue
        named = None if row.services is None else tuple(msgspec.json.decode(row.services, type=list[str]))
        expires = None if row.expires is None else times.seconds(row.expires)
        entries.append(KeyEntry(row.id, row.hash, scopes, named, expires, row.rate))
    return tuple(entries)


def report(database: Database, identity: str, given: EdgeReport, caller: Caller) -> None:
    """Keep what an edge reports; it is no change of the hub. Raises NameRefused for an id or a region that is no name, Problem
    403 for a key that is not this edge's or not for its region."""
    if not EDGE.fullmatch(identity):
        raise NameRefused(
            f"{describe(identity)} is no name of an edge: expected 1 to 100 letters, digits, '.', '-' and '_', with a letter or a"
            f" digit at both ends, e.g. 'emea-1'"
        )
    check_name(given.region, "region")
    caller.check_region(given.region)
    now = database.clock()
    values: dict[str, Any] = {"region": given.region, "report": msgspec.json.encode(given).decode(), "seen": now}
    bound = edge_access.binds(caller)
    if bound is not None:
        values["key"] = bound
    with database.note() as connection:
        edge_access.check_key(connection, caller, identity, now)
        if connection.execute(update(edges).where(edges.c.id == identity).values(**values)).rowcount == 0:
            _first(connection, {"id": identity, "first": times.text(now), **values})


def _first(connection: Connection, row: dict[str, Any]) -> None:
    if connection.dialect.name == "postgresql":  # another hub may be told of it in this moment
        from sqlalchemy.dialects.postgresql import insert as upsert

        changed = {name: row[name] for name in ("region", "report", "seen", "key") if name in row}
        connection.execute(upsert(edges).values(row).on_conflict_do_update(index_elements=["id"], set_=changed))
    else:
        connection.execute(insert(edges).values(row))


def listed(connection: Connection, now: float, region: str | None = None) -> list[Edge]:
    """The edges that reported, by region and id."""
    statement = select(edges).order_by(edges.c.region, edges.c.id)
    if region is not None:
        statement = statement.where(edges.c.region == region)
    return [_edge(row, now) for row in connection.execute(statement)]


def _edge(row: Row[Any], now: float) -> Edge:
    given = msgspec.json.decode(row.report, type=EdgeReport)
    health: Literal["ready", "not ready", "away"] = "ready" if given.ready else "not ready"
    return Edge(
        id=row.id,
        region=given.region,
        url=given.url,
        state="away" if now - row.seen > AWAY else health,
        revision=given.revision,
        workers=given.workers,
        rtml=given.rtml,
        started=given.started,
        seen=times.text(row.seen),
        services=tuple(_service(one.name, one.versions, one.state, one.problem) for one in given.services),
        stats=given.stats,
        plugins=given.plugins,
    )


def _service(name: str, numbers: tuple[int, ...], state: str, problem: str) -> EdgeService:
    return EdgeService(name, numbers, cast(Literal["ready", "loading", "failed"], state), problem)


def forget(database: Database, identity: str, actor: str) -> None:
    """Take an edge off the list; it comes back when it reports again. Raises NotFound."""
    with database.write(actor) as change:
        if change.execute(delete(edges).where(edges.c.id == identity)).rowcount == 0:
            names = list(change.execute(select(edges.c.id).order_by(edges.c.id)).scalars())
            raise NotFound(
                f"edge {describe(identity)} does not exist. There are: {listing(names)}.{close_match(identity, names)}"
            )
        change.audit("edge.forget", identity)


def rollout(connection: Connection, name: str, wanted: int | None, now: float) -> Rollout:
    """How far a revision has come on the edges of a service. wanted: None for what the regions have now.

    An edge has it when it serves that revision, or the newest of its own region (which the change did not concern, then).
    """
    found = reading.service(connection, name)
    newest = {region: revision(connection, region) for region in found.regions}
    goal = max(newest.values(), default=0) if wanted is None else wanted
    there = [edge for edge in listed(connection, now) if edge.region in newest]
    present = [edge for edge in there if edge.state != "away" and edge.workers]  # one that stops says that it has none
    done = all(edge.revision >= min(goal, newest[edge.region]) for edge in present)
    missing = tuple(region for region in found.regions if region not in {edge.region for edge in present})
    return Rollout(name, goal, done, tuple(there), missing)


def all_regions(connection: Connection, now: float) -> list[Region]:
    """Every region that a service or an edge names, by name."""
    served = (
        select(service_regions.c.region, func.count())
        .join(services, services.c.id == service_regions.c.service)
        .where(services.c.deleted.is_(None))
        .group_by(service_regions.c.region)
    )
    counted: dict[str, int] = {name: number for name, number in connection.execute(served)}  # noqa: C416
    there = listed(connection, now)
    names = sorted(counted.keys() | {edge.region for edge in there})
    return [
        Region(
            name,
            counted.get(name, 0),
            sum(edge.region == name for edge in there),
            sum(edge.region == name and edge.state == "ready" for edge in there),
        )
        for name in names
    ]
