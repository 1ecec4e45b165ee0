"""All services at a glance: what a list of them shows, in a fixed number of questions and without their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, func, select

from rtml_core.client.records import AuditEntry, Traffic
from rtml_plugins.hub import reading
from rtml_plugins.hub.buckets import MIDDLE, bucket
from rtml_plugins.hub.tables import audit, champions, hub, measures, regions, services, versions

#: steps of what lists say of the time before now
STEPS: Final = 12
#: seconds of a step that have to be over for its rate to say something; what of them has not arrived yet, about
_ENOUGH: Final = 60.0
_UNDER_WAY: Final = 10.0


@dataclass(frozen=True, slots=True)
class Brief:
    """A service in short. package: of its champion. change: number of the newest entry of the audit log about it."""

    id: str
    name: str
    description: str
    owner: str
    regions: tuple[str, ...]
    traffic: Traffic
    package: str
    created: str
    updated: str
    deprecated: str | None
    deprecation: str
    change: int


def briefs(connection: Connection) -> list[Brief]:
    """Every service that is not deleted, by name: three questions, however many there are."""
    newest = select(champions.c.service, func.max(champions.c.position).label("top")).group_by(champions.c.service).subquery()
    statement = (
        select(services, versions.c.package)
        .join(newest, newest.c.service == services.c.id)
        .join(champions, and_(champions.c.service == services.c.id, champions.c.position == newest.c.top))
        .join(versions, and_(versions.c.service == services.c.id, versions.c.version == champions.c.version))
        .where(services.c.deleted.is_(None))
        .order_by(services.c.name)
    )
    rows = connection.execute(statement).all()
    ids = [row.id for row in rows]
    placed, changes = reading.regions_of(connection, ids), reading.changes_of(connection, ids)
    return [
        Brief(
            id=row.id,
            name=row.name,
            description=row.description,
            owner=row.owner,
            regions=placed[row.id],
            traffic=reading.traffic(row),
            package=row.package,
            created=row.created,
            updated=row.updated,
            deprecated=row.deprecated,
            deprecation=row.deprecation,
            change=changes[row.id],
        )
        for row in rows
    ]


def entries(connection: Connection, numbers: Collection[int]) -> dict[int, AuditEntry]:
    """Entries of the audit log by their numbers."""
    found = connection.execute(select(audit).where(audit.c.number.in_(sorted(set(numbers)))))
    return {
        row.number: AuditEntry(row.number, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.details))
        for row in found
    }


def revisions(connection: Connection, names: Collection[str]) -> Mapping[str, int]:
    """What edges.revision says of each of these regions, in two questions."""
    everywhere = int(connection.execute(select(hub.c.everywhere)).scalar_one())
    own = {row.name: int(row.revision) for row in connection.execute(select(regions))}
    return {name: max(everywhere, own.get(name, 0)) for name in names}


class _Outcomes(msgspec.Struct):
    """Of buckets.Requests nothing else."""

    outcomes: dict[str, int] = {}


def rates(connection: Connection, ids: Collection[str], now: float) -> Mapping[str, Sequence[float]]:
    """Requests a second in the last hour, in steps of five minutes, oldest first, by id of a service; none for those without any.

    One question; the database joins the buckets of a step, as rows cost more than what is in them.
    """
    newest = bucket(now, MIDDLE.width)
    begin = newest - MIDDLE.width * (STEPS - 1)
    over = now - newest
    statement = (
        select(measures.c.service, measures.c.at, func.aggregate_strings(measures.c.counted, ","))
        .where(measures.c.service.in_(sorted(set(ids))), measures.c.resolution == MIDDLE.width, measures.c.at >= begin)
        .group_by(measures.c.service, measures.c.at)
    )
    decoder = msgspec.json.Decoder(list[_Outcomes])
    found: dict[str, list[float]] = {}
    for service, at, texts in connection.execute(statement):
        step = (at - begin) // MIDDLE.width
        if step < STEPS:
            counted = sum(sum(one.outcomes.values()) for one in decoder.decode(f"[{texts}]"))
            seconds = MIDDLE.width if at < newest else max(over, _ENOUGH) - _UNDER_WAY
            found.setdefault(service, [0.0] * STEPS)[step] = counted / seconds
    return {service: steps if over >= _ENOUGH else steps[:-1] for service, steps in found.items()}
