"""Who answers: setting traffic, and going back to the champion before.

The champions of a service are a stack. A new champion lies on top; a rollback takes the top off, so that two rollbacks go two
champions back, and a champion that is set after a rollback is followed by the one that was rolled back to.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from rtml_core.client.records import Traffic
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub import reading, since
from rtml_plugins.hub.database import Change
from rtml_plugins.hub.errors import Conflict, NotFound
from rtml_plugins.hub.tables import champions, services, versions
from rtml_plugins.serving.routing import TrafficRefused, check_traffic


def encoded(traffic: Traffic) -> str:
    """Traffic as it is kept."""
    return msgspec.json.encode(traffic).decode()


def numbers(connection: Connection, service: str) -> dict[int, str]:
    """Versions of a service and their packages."""
    statement = select(versions.c.version, versions.c.package).where(versions.c.service == service)
    return {row.version: row.package for row in connection.execute(statement)}


def since_when(connection: Connection, name: str) -> list[tuple[int, str]]:
    """The champions of a service and since when they are, the present one last. Raises NotFound."""
    row = reading.living(connection, name)
    columns = (champions.c.version, champions.c.since)
    statement = select(*columns).where(champions.c.service == row.id).order_by(champions.c.position)
    return [(version, at) for version, at in connection.execute(statement)]


def stack(change: Change, service: str) -> list[int]:
    """The champions of a service, the present one last."""
    statement = select(champions.c.version).where(champions.c.service == service).order_by(champions.c.position)
    return list(change.execute(statement).scalars())


def push(change: Change, service: str, version: int) -> None:
    """Lay a champion on top; nothing happens when it is there already."""
    there = stack(change, service)
    if not there or there[-1] != version:
        row = {"service": service, "position": len(there), "version": version, "since": change.at}
        change.execute(insert(champions).values(row))


def store(change: Change, row: Row[Any], traffic: Traffic, action: str, **details: Any) -> bool:
    """Write the traffic of a service with its audit entry and revision; False when it is that already."""
    before = reading.traffic(row)
    if traffic == before:
        return False
    change.execute(update(services).where(services.c.id == row.id).values(traffic=encoded(traffic), updated=change.at))
    change.audit(action, row.name, before=msgspec.to_builtins(before), after=msgspec.to_builtins(traffic), **details)
    change.bump(reading.regions_of(change.connection, [row.id])[row.id])
    return True


def assign(change: Change, name: str, traffic: Traffic, seen: Collection[int] | None) -> None:
    """Set who answers. seen: see since.check. Raises TrafficRefused, NotFound and Changed."""
    row = check(change.connection, name, traffic, seen)
    push(change, row.id, traffic.champion)
    store(change, row, traffic, "traffic.set")


def check(connection: Connection, name: str, traffic: Traffic, seen: Collection[int] | None) -> Row[Any]:
    """The service, when its traffic may be set to this. Raises as `assign`."""
    row = reading.living(connection, name)
    since.check(connection, row, seen)
    packages = numbers(connection, row.id)
    check_traffic(traffic, set(packages))
    if traffic.sticky is not None:
        _check_sticky(connection, traffic, packages)
    return row


def _check_sticky(connection: Connection, traffic: Traffic, packages: dict[int, str]) -> None:
    """The field that decides the arm has to be one that every arm takes."""
    arms = [*traffic.split, *([traffic.canary] if traffic.canary else [])]
    for number in [traffic.champion, *(arm.version for arm in arms)]:
        manifest = reading.manifest(connection, packages[number])
        names = [field.name for field in manifest.fields]
        if traffic.sticky not in names and manifest.extra != "ignore":
            raise TrafficRefused(
                f"traffic is to be sticky by the field {describe(traffic.sticky)}, and version {number} does not take it. It has:"
                f" {listing(names)}.{close_match(str(traffic.sticky), names)} Or send the header X-Rtml-Key instead",
                "sticky",
                number,
            )


def rollback(change: Change, name: str, to: int | None, seen: Collection[int] | None) -> None:
    """Have the champion before answer everyone, or version `to`. seen: see since.check.

    Raises NotFound, Changed, and Conflict when there was none before.
    """
    row = reading.living(change.connection, name)
    since.check(change.connection, row, seen)
    there = stack(change, row.id)
    if to is None:
        if len(there) < 2:
            raise Conflict(
                f"service '{name}' has had no champion before version {there[-1]} to go back to. Name a version, or set"
                f" its traffic"
            )
        keep = len(there) - 1
    else:
        _require(change, row, to)
        keep = len(there) - there[::-1].index(to) if to in there else 0
    if keep:
        change.execute(delete(champions).where(champions.c.service == row.id, champions.c.position >= keep))
        to = there[keep - 1]
    else:
        push(change, row.id, int(str(to)))
    now = reading.traffic(row)
    store(change, row, Traffic(champion=int(str(to)), sticky=now.sticky), "traffic.rollback")


def _require(change: Change, row: Row[Any], version: int) -> None:
    known = numbers(change.connection, row.id)
    if version not in known:
        raise NotFound(f"service '{row.name}' has no version {version}. It has: {', '.join(map(str, sorted(known)))}")
