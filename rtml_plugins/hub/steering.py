"""Who answers: setting traffic, and going back to the champion before.

The champions of a service are a stack. A new champion lies on top; a rollback takes the top off, so that two rollbacks go two
champions back, and a champion that is set after a rollback is followed by the one that was rolled back to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from rtml_core.client.records import Arm, Traffic
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub import reading
from rtml_plugins.hub.database import Change
from rtml_plugins.hub.errors import Conflict, NotFound
from rtml_plugins.hub.tables import champions, services, versions
from rtml_plugins.serving.routing import TrafficRefused, check_traffic


def encoded(traffic: Traffic) -> str:
    """Traffic as it is kept."""
    return msgspec.json.encode(traffic).decode()


def numbers(change: Change, service: str) -> dict[int, str]:
    """Versions of a service and their packages."""
    statement = select(versions.c.version, versions.c.package).where(versions.c.service == service)
    return {row.version: row.package for row in change.execute(statement)}


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


def assign(change: Change, name: str, traffic: Traffic) -> None:
    """Set who answers. Raises TrafficRefused and NotFound."""
    row = reading.living(change.connection, name)
    packages = numbers(change, row.id)
    check_traffic(traffic, set(packages))
    if traffic.sticky is not None:
        _check_sticky(change, traffic, packages)
    push(change, row.id, traffic.champion)
    store(change, row, traffic, "traffic.set")


def _check_sticky(change: Change, traffic: Traffic, packages: dict[int, str]) -> None:
    """The field that decides the arm has to be one that every arm takes."""
    arms = [*traffic.split, *([traffic.canary] if traffic.canary else [])]
    for number in [traffic.champion, *(arm.version for arm in arms)]:
        manifest = reading.manifest(change.connection, packages[number])
        names = [field.name for field in manifest.fields]
        if traffic.sticky not in names and manifest.extra != "ignore":
            raise TrafficRefused(
                f"traffic is to be sticky by the field {describe(traffic.sticky)}, and version {number} does not take it. It has:"
                f" {listing(names)}.{close_match(str(traffic.sticky), names)} Or send the header X-Rtml-Key instead"
            )


def canary(change: Change, name: str, version: int | None, share: float) -> None:
    """Give a version a share as canary; with share 0 the canary ends. version: None for the canary that is there."""
    row = reading.living(change.connection, name)
    now = reading.traffic(row)
    if share == 0:
        store(change, row, replace(now, canary=None), "traffic.canary")
        return
    if version is None:
        if now.canary is None:
            raise Conflict(f"service '{name}' has no canary whose share could be changed: name a version")
        version = now.canary.version
    after = replace(now, canary=Arm(version, share))
    check_traffic(after, set(numbers(change, row.id)))
    store(change, row, after, "traffic.canary")


def promote(change: Change, name: str, version: int | None) -> None:
    """Make a version the champion; None for the canary. What it was besides, it is no longer."""
    row = reading.living(change.connection, name)
    now = reading.traffic(row)
    if version is None:
        if now.canary is None:
            raise Conflict(f"service '{name}' has no canary that could become its champion: name a version")
        version = now.canary.version
    _require(change, row, version)
    after = replace(
        now,
        champion=version,
        canary=None if now.canary is not None and now.canary.version == version else now.canary,
        split=tuple(arm for arm in now.split if arm.version != version),
        shadow=None if now.shadow == version else now.shadow,
    )
    push(change, row.id, version)
    store(change, row, after, "traffic.promote")


def rollback(change: Change, name: str, to: int | None) -> None:
    """Have the champion before answer everyone, or version `to`. Raises NotFound, and Conflict when there was none before."""
    row = reading.living(change.connection, name)
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
    known = numbers(change, row.id)
    if version not in known:
        raise NotFound(f"service '{row.name}' has no version {version}. It has: {', '.join(map(str, sorted(known)))}")
