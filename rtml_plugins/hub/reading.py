"""Rows of the database as the records that hubs answer. Each function takes a connection and asks a fixed number of questions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from rtml_core.client.records import AuditEntry, Service, Traffic, Version
from rtml_core.errors import close_match, describe, listing
from rtml_core.package import Manifest
from rtml_plugins.hub.errors import HubError, NotFound
from rtml_plugins.hub.tables import audit, champions, packages, service_regions, services, versions
from rtml_plugins.hub.texts import check_text

STATES: Final = ("active", "deprecated", "deleted")
#: parameters of one statement; SQLite takes 32,766
_AT_ONCE: Final = 10_000


def living(connection: Connection, name: str) -> Row[Any]:
    """The row of a service that is not deleted. Raises NotFound with what there is."""
    check_text(name, "a name")
    row = connection.execute(select(services).where(services.c.name == name, services.c.deleted.is_(None))).first()
    if row is None:
        statement = select(services.c.name).where(services.c.deleted.is_(None)).order_by(services.c.name)
        names = list(connection.execute(statement).scalars())
        raise NotFound(f"service {describe(name)} does not exist. There are: {listing(names)}.{close_match(name, names)}")
    return row


def service(connection: Connection, name: str) -> Service:
    """A service with its versions. Raises NotFound."""
    return records(connection, [living(connection, name)])[0]


def find(
    connection: Connection, *, q: str | None, region: str | None, state: str | None, limit: int | None, offset: int
) -> tuple[list[Service], int]:
    """Services by name, and how many there are without limit and offset. q: part of name, description or owner."""
    where = _matching(q, region, state)
    total = int(connection.execute(select(func.count()).select_from(where.subquery())).scalar_one())
    ordered = where.order_by(services.c.name, services.c.created, services.c.id).offset(offset)
    rows = connection.execute(ordered if limit is None else ordered.limit(limit)).all()
    return records(connection, rows), total


def _matching(q: str | None, region: str | None, state: str | None) -> Select[Any]:
    if state is not None and state not in STATES:
        raise HubError(f"state must be one of {', '.join(STATES)}; got {describe(state)}.{close_match(state, STATES)}")
    check_text(q, "what is looked for")
    check_text(region, "a region")
    statement = select(services)
    statement = statement.where(services.c.deleted.is_not(None) if state == "deleted" else services.c.deleted.is_(None))
    if state == "active":
        statement = statement.where(services.c.deprecated.is_(None))
    if state == "deprecated":
        statement = statement.where(services.c.deprecated.is_not(None))
    if q:
        texts = (services.c.name, services.c.description, services.c.owner)
        statement = statement.where(or_(*(text.icontains(q, autoescape=True) for text in texts)))
    if region is not None:
        within = select(service_regions.c.service).where(service_regions.c.region == region)
        statement = statement.where(services.c.id.in_(within))
    return statement


def records(connection: Connection, rows: Sequence[Row[Any]]) -> list[Service]:
    """Services of rows, with their versions, regions and newest changes, in four statements."""
    ids = [row.id for row in rows]
    numbered = versions_of(connection, ids)
    placed = regions_of(connection, ids)
    newest = changes_of(connection, ids)
    return [
        Service(
            id=row.id,
            name=row.name,
            description=row.description,
            owner=row.owner,
            regions=placed[row.id],
            traffic=traffic(row),
            versions=tuple(numbered[row.id]),
            created=row.created,
            updated=row.updated,
            deprecated=row.deprecated,
            deprecation=row.deprecation,
            change=newest[row.id],
        )
        for row in rows
    ]


def traffic(row: Row[Any]) -> Traffic:
    """The traffic of a service."""
    return msgspec.json.decode(row.traffic, type=Traffic)


def versions_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Version]]:
    """Versions by id of a service, newest first."""
    found: dict[str, list[Version]] = defaultdict(list)
    columns = (
        versions.c.service,
        versions.c.version,
        versions.c.package,
        packages.c.size,
        versions.c.created,
        versions.c.created_by,
        versions.c.description,
        versions.c.compatible,
        packages.c.portable,
    )
    statement = select(*columns).join(packages, packages.c.id == versions.c.package)
    for part in _parts(ids):
        ordered = statement.where(versions.c.service.in_(part)).order_by(versions.c.service, versions.c.version.desc())
        for key, *values in connection.execute(ordered):
            found[key].append(Version(*values))
    return found


def regions_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Regions by id of a service, in alphabetical order."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(ids, ())
    statement = select(service_regions.c.service, service_regions.c.region).order_by(service_regions.c.region)
    for part in _parts(ids):
        for key, region in connection.execute(statement.where(service_regions.c.service.in_(part))):
            found[key] += (region,)
    return found


def changes_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """The number of the newest entry of the audit log about each service, by its id."""
    found: dict[str, int] = {}
    newest = (
        select(audit.c.number)
        .where(audit.c.subject == services.c.name, _of_service())
        .order_by(audit.c.number.desc())
        .limit(1)
        .correlate(services)
        .scalar_subquery()
    )
    for part in _parts(ids):
        for key, number in connection.execute(select(services.c.id, newest).where(services.c.id.in_(part))):
            found[key] = int(number or 0)
    return found


def _of_service() -> ColumnElement[bool]:
    """Entries about services: a key or an edge may have the name of one."""
    return or_(audit.c.action.startswith("service."), audit.c.action.startswith("traffic."))


def champions_before(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """By id of a service the champion before the present one, where there was one: what a rollback goes to."""
    found: dict[str, list[int]] = defaultdict(list)
    statement = select(champions.c.service, champions.c.version).order_by(champions.c.service, champions.c.position.desc())
    for part in _parts(ids):
        for key, version in connection.execute(statement.where(champions.c.service.in_(part))):
            found[key].append(version)
    return {key: stack[1] for key, stack in found.items() if len(stack) > 1}


def version(connection: Connection, name: str, number: int) -> Version:
    """A version of a service. Raises NotFound."""
    numbered = versions_of(connection, [living(connection, name).id])
    every = [one for found in numbered.values() for one in found]
    for one in every:
        if one.version == number:
            return one
    known = ", ".join(str(one.version) for one in reversed(every))
    raise NotFound(f"service '{name}' has no version {number}. It has: {known}")


def manifest(connection: Connection, package: str) -> Manifest:
    """The manifest of a package that was published. Raises NotFound."""
    text = connection.execute(select(packages.c.manifest).where(packages.c.id == package)).scalar_one_or_none()
    if text is None:
        raise NotFound(f"package {describe(package)} was never published here")
    return msgspec.json.decode(text, type=Manifest)


def manifest_texts(connection: Connection, ids: Sequence[str]) -> list[tuple[str, str]]:
    """The ids of packages and their manifests as JSON; without those that were never published."""
    statement = select(packages.c.id, packages.c.manifest)
    return [
        (row.id, row.manifest) for part in _parts(ids) for row in connection.execute(statement.where(packages.c.id.in_(part)))
    ]


def entries(
    connection: Connection,
    *,
    limit: int,
    before: int | None,
    service: str | None,
    services_only: bool = False,
    within: Collection[str] | None = None,
    actor: str | None = None,
    kind: str | None = None,
) -> list[AuditEntry]:
    """The audit log, newest first. before: only entries with a lower number. service: only those about this one; services_only:
    about any service, within: about one of these. actor: of whom; kind: what stands before the point of an action."""
    check_text(service, "a name")
    check_text(actor, "a name")
    check_text(kind, "a kind")
    statement = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if before is not None:
        statement = statement.where(audit.c.number < before)
    if services_only or service is not None or within is not None:
        statement = statement.where(_of_service())
    if service is not None:
        statement = statement.where(audit.c.subject == service)
    if within is not None:
        statement = statement.where(audit.c.subject.in_(sorted(within)))
    if actor is not None:
        statement = statement.where(audit.c.actor == actor)
    if kind is not None:
        statement = statement.where(audit.c.action.startswith(f"{kind}.", autoescape=True))
    return [
        AuditEntry(row.number, row.at, row.actor, row.action, row.subject, msgspec.json.decode(row.details))
        for row in connection.execute(statement)
    ]


def _parts(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))
