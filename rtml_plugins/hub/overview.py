"""All services at a glance: what a list of them shows, in a fixed number of questions and without their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, and_, func, select

from rtml_core.client.records import AuditEntry, Traffic
from rtml_plugins.hub import reading
from rtml_plugins.hub.tables import audit, champions, hub, regions, services, versions


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
