"""What the edges of a region may know of profiles: chosen for it, or what the services there read; never more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from rtml_core.client.records import RegionProjection
from rtml_core.errors import describe, listing
from rtml_core.package import BoundaryEntry, Manifest
from rtml_plugins.hub import edges, enriching
from rtml_plugins.hub.database import Change
from rtml_plugins.hub.errors import HubError, NotFound
from rtml_plugins.hub.tables import projections, service_regions, services, versions
from rtml_plugins.serving.names import check_name

#: seconds that an edge may use what it was told, unless told otherwise, and the bounds of that
TTL: Final = 3600.0
SHORTEST: Final = 600.0
LONGEST: Final = 604_800.0
#: attributes and aggregates of one region
MOST: Final = 500
_LONGEST_PATH: Final = 500


class ProjectionRefused(HubError):
    """A projection that can't be."""


class Setting(msgspec.Struct, frozen=True):
    """A projection as it is kept."""

    attributes: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    ttl: float = TTL


class Reads(msgspec.Struct, frozen=True):
    """What ProfileReaders read: dotted paths of attributes, and aggregates as they are asked for, by id."""

    attributes: frozenset[str] = frozenset()
    aggregates: dict[str, Any] = {}


def reads(entries: Iterable[BoundaryEntry]) -> Reads:
    """What the ProfileReaders among entries of manifests read."""
    found = [entry for entry in entries if entry.operator == "ProfileReader" and entry.role == "source"]
    if not found:
        return Reads()
    from rtml_plugins.profile.boundary import wanted

    attributes: set[str] = set()
    aggregates: dict[str, Any] = {}
    for entry in found:
        paths, kept = wanted(entry.plan)
        attributes |= paths
        aggregates |= {one.id: one for one in kept}
    return Reads(frozenset(attributes), aggregates)


def _read_in(connection: Connection, region: str) -> dict[str, Reads]:
    """What services read in a region, by name: all versions that edges hold."""
    statement = (
        select(services)
        .join(service_regions, service_regions.c.service == services.c.id)
        .where(service_regions.c.region == region, services.c.deleted.is_(None))
        .order_by(services.c.name)
    )
    rows = connection.execute(statement).all()
    held = edges.held_of(connection, rows)
    columns = select(versions.c.service, versions.c.version, versions.c.package)
    packages: dict[str, set[str]] = {row.id: set() for row in rows}
    for service, number, package in connection.execute(columns.where(versions.c.service.in_(list(held)))):
        if number in held[service]:
            packages[service].add(package)
    entries = enriching.boundaries(connection, {one for every in packages.values() for one in every})
    found = {row.name: reads(entry for one in packages[row.id] for entry in entries.get(one, ())) for row in rows}
    return {name: one for name, one in found.items() if one.attributes or one.aggregates}


def get(connection: Connection, region: str) -> RegionProjection:
    """What a region gets. A region that nobody named yet gets nothing."""
    row = connection.execute(select(projections).where(projections.c.region == region)).first()
    read = _read_in(connection, region)
    if row is None:
        attributes = sorted({path for one in read.values() for path in one.attributes})
        aggregates = sorted({name for one in read.values() for name in one.aggregates})
        return RegionProjection(region, "auto", tuple(attributes), tuple(aggregates), TTL)
    setting = msgspec.json.decode(row.setting, type=Setting)
    missing = tuple(_left_out(region, setting, name, one) for name, one in read.items() if not _covers(setting, one))
    return RegionProjection(
        region, "chosen", setting.attributes, setting.aggregates, setting.ttl, missing, row.updated, row.updated_by
    )


def told(connection: Connection, region: str) -> Setting:
    """What edges of a region are told: of a choice, also each path within a chosen object that services there read."""
    found = get(connection, region)
    if found.mode == "auto":
        return Setting(found.attributes, found.aggregates, found.ttl)
    read = {path for one in _read_in(connection, region).values() for path in one.attributes}
    within = sorted(path for path in read if _given(path, found.attributes))
    return Setting(tuple(dict.fromkeys((*found.attributes, *within))), found.aggregates, found.ttl)


def _covers(setting: Setting, read: Reads) -> bool:
    return all(_given(path, setting.attributes) for path in read.attributes) and read.aggregates.keys() <= set(setting.aggregates)


def _given(path: str, attributes: Collection[str]) -> bool:
    """Whether a path is among attributes, or within one that is an object."""
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in attributes)


def _left_out(region: str, setting: Setting, service: str, read: Reads) -> str:
    paths = [path for path in sorted(read.attributes) if not _given(path, setting.attributes)]
    kept = sorted(read.aggregates.keys() - set(setting.aggregates))
    what = [f"attribute {path}" for path in paths] + [f"aggregate {name}" for name in kept]
    return (
        f"service '{service}' reads {listing(what, 5)}, which the projection of region '{region}' leaves out: there it gets the"
        f" defaults that its author gave"
    )


def warnings(connection: Connection, name: str, regions: Sequence[str], manifest: Manifest) -> tuple[str, ...]:
    """What the readers of a package will not find in regions whose projection was chosen, in words."""
    read = reads(manifest.boundary) if manifest.boundary else Reads()
    if not read.attributes and not read.aggregates:
        return ()
    rows = connection.execute(select(projections).where(projections.c.region.in_(list(regions))).order_by(projections.c.region))
    settings = {row.region: msgspec.json.decode(row.setting, type=Setting) for row in rows}
    return tuple(_left_out(region, setting, name, read) for region, setting in settings.items() if not _covers(setting, read))


def aggregates_read(manifest: Manifest) -> list[Any]:
    """The aggregates that the readers of a package ask for (profile.aggregates.Aggregate)."""
    return list(reads(manifest.boundary).aggregates.values()) if manifest.boundary else []


def put(change: Change, region: str, setting: Setting) -> RegionProjection:
    """Choose what a region gets. Raises NameRefused, ProjectionRefused."""
    check_name(region, "region")
    setting = _checked(setting)
    row = change.execute(select(projections).where(projections.c.region == region)).first()
    text = msgspec.json.encode(setting).decode()
    if row is None or row.setting != text:
        values = {"setting": text, "updated": change.at, "updated_by": change.actor}
        if row is None:
            change.execute(insert(projections).values(region=region, **values))
        else:
            change.execute(update(projections).where(projections.c.region == region).values(values))
        change.audit("projection.set", region, **msgspec.to_builtins(setting))
        change.bump([region])
    return get(change.connection, region)


def _checked(setting: Setting) -> Setting:
    from rtml_plugins.xdm.paths import split

    if not SHORTEST <= setting.ttl <= LONGEST:
        raise ProjectionRefused(f"the ttl of a projection is {setting.ttl:g} s: expected {SHORTEST:g} to {LONGEST:g} (7 days)")
    if len(setting.attributes) + len(setting.aggregates) > MOST:
        raise ProjectionRefused(f"a projection holds at most {MOST} attributes and aggregates: choose objects that hold them")
    for path in setting.attributes:
        if not path or len(path) > _LONGEST_PATH or not split(path):
            raise ProjectionRefused(f"{describe(path)} is no path of an attribute: expected e.g. person.name.firstName")
    return Setting(tuple(sorted(set(setting.attributes))), tuple(sorted(set(setting.aggregates))), setting.ttl)


def remove(change: Change, region: str) -> RegionProjection:
    """From now on a region gets what its services read. Raises NotFound when that was never otherwise."""
    if change.execute(delete(projections).where(projections.c.region == region)).rowcount == 0:
        raise NotFound(f"nothing was chosen for region {describe(region)}: it gets what its services read")
    change.audit("projection.remove", region)
    change.bump([region])
    return get(change.connection, region)
