"""What of a service's predictions is written to profiles: the settings, and what a prediction says of a person."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from rtml_core.client.records import Enrichment
from rtml_core.errors import close_match, describe, listing
from rtml_core.package import BoundaryEntry, Manifest
from rtml_plugins.hub import reading
from rtml_plugins.hub.database import Change
from rtml_plugins.hub.errors import HubError, NotFound
from rtml_plugins.hub.tables import enrichments, packages, services, versions

#: where predictions go that are given no place: the map of XDM for memberships, under this namespace
MEMBERSHIP: Final = "segmentMembership"
NAMESPACE: Final = "rtml"
#: operators whose packages are about persons
PROFILE_OPERATORS: Final = frozenset({"ProfileReader", "ProfileWriter"})
#: fields of one's own stand under the name of a tenant
_TENANT: Final = re.compile(r"_[A-Za-z][A-Za-z0-9_-]*")
_NOT_TENANTS: Final = frozenset({"_id", "_type", "_repo", "_schema", "_experience"})
_LONGEST: Final = 500
#: keys down to a place in a profile, and what is written there
Statements = list[tuple[list[str], dict[str, Any]]]


class EnrichmentRefused(HubError):
    """An enrichment that can't be."""


class Setting(msgspec.Struct, frozen=True):
    """An enrichment as it is kept. outputs: path by output."""

    outputs: dict[str, str]
    enabled: bool = True


def usual_path(service: str) -> str:
    """Where a service's prediction goes unless told otherwise."""
    return f"{MEMBERSHIP}.{NAMESPACE}.{service}"


def checked(service: str, outputs: Mapping[str, str], manifest: Manifest) -> dict[str, str]:
    """Paths by output, with the usual one where there is none. Raises EnrichmentRefused for an output that the model does not
    have, a path that is none or is not one's own, two outputs of one path."""
    names = [output.name for output in manifest.outputs]
    found: dict[str, str] = {}
    for output, path in outputs.items():
        if output not in names:
            raise EnrichmentRefused(
                f"service '{service}' has no output {describe(output)} to write to profiles. It has: {listing(names)}."
                f"{close_match(output, names)}"
            )
        found[output] = _path(service, path) if path else usual_path(service)
    for output, path in found.items():
        clash = [other for other, taken in found.items() if other != output and _overlap(path, taken)]
        if clash:
            raise EnrichmentRefused(
                f"the outputs {describe(output)} and {describe(clash[0])} can't both be written to {path}: give each a path of"
                f" its own, e.g. _acme.rtml.{service}.{output}"
            )
    return found


def _path(service: str, path: str) -> str:
    from rtml_plugins.xdm.paths import split

    if path == usual_path(service):
        return path
    parts = split(path) if len(path) <= _LONGEST else []
    fits = (
        len(parts) > 1
        and all(isinstance(part, str) and part for part in parts)
        and _TENANT.fullmatch(str(parts[0]))
        and parts[0] not in _NOT_TENANTS
    )
    if not fits:
        raise EnrichmentRefused(
            f"predictions can't be written to {describe(path)}: expected a path under a tenant of your own, e.g."
            f" _acme.rtml.{service}, or none for {usual_path(service)}"
        )
    return path


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


# ---- settings -------------------------------------------------------------------------------------------------------------


def get(connection: Connection, name: str) -> Enrichment:
    """The enrichment of a service. Raises NotFound when it has none."""
    row = reading.living(connection, name)
    found = _record(connection, row.id, name)
    if found is None:
        raise NotFound(f"service '{name}' enriches no profiles: rtml services enrich {name} --output OUTPUT says what to write")
    return found


def _record(connection: Connection, service: str, name: str) -> Enrichment | None:
    row = connection.execute(select(enrichments).where(enrichments.c.service == service)).first()
    if row is None:
        return None
    setting = msgspec.json.decode(row.setting, type=Setting)
    by: Any = "hand" if row.by_hand else "package"
    return Enrichment(name, setting.outputs, setting.enabled, by, row.updated, row.updated_by)


def put(change: Change, name: str, outputs: Mapping[str, str], enabled: bool) -> Enrichment:
    """Say by hand what is written. Raises NotFound, EnrichmentRefused."""
    row = reading.living(change.connection, name)
    setting = Setting(checked(name, outputs, champion(change.connection, name)), enabled)
    before = _record(change.connection, row.id, name)
    if before is None or (before.by, before.outputs, before.enabled) != ("hand", setting.outputs, setting.enabled):
        _keep(change, row.id, name, setting, by_hand=True)
    found = _record(change.connection, row.id, name)
    assert found is not None
    return found


def remove(change: Change, name: str) -> None:
    """Write nothing from now on, until somebody or a package says so again. Raises NotFound."""
    get(change.connection, name)
    row = reading.living(change.connection, name)
    change.execute(delete(enrichments).where(enrichments.c.service == row.id))
    change.audit("service.unenrich", name)
    change.bump(reading.regions_of(change.connection, [row.id])[row.id])


def _keep(change: Change, service: str, name: str, setting: Setting, *, by_hand: bool) -> None:
    values = {
        "setting": msgspec.json.encode(setting).decode(),
        "by_hand": by_hand,
        "updated": change.at,
        "updated_by": change.actor,
    }
    if change.execute(update(enrichments).where(enrichments.c.service == service).values(values)).rowcount == 0:
        change.execute(insert(enrichments).values(service=service, **values))
    by = {} if by_hand else {"by": "package"}
    change.audit("service.enrich", name, outputs=setting.outputs, enabled=setting.enabled, **by)
    change.bump(reading.regions_of(change.connection, [service])[service])


def take_up(change: Change, service: str, name: str, manifest: Manifest) -> None:
    """What the ProfileWriters of a package that becomes the champion say, unless somebody has said something by hand."""
    before = _record(change.connection, service, name)
    if before is not None and before.by == "hand":
        return
    outputs: dict[str, str] = {}
    for entry in manifest.boundary:
        if entry.operator == "ProfileWriter" and entry.role == "sink":
            outputs |= _written(entry)
    if not outputs:
        return
    setting = Setting(checked(name, outputs, manifest))
    if before is None or (before.outputs, before.enabled) != (setting.outputs, setting.enabled):
        _keep(change, service, name, setting, by_hand=False)


def _written(entry: BoundaryEntry) -> dict[str, str]:
    """The path of each output that a ProfileWriter names, "" for the usual one."""
    paths = entry.plan.get("paths")
    return {str(output): str(path) for output, path in paths.items()} if isinstance(paths, dict) else {}


def champion(connection: Connection, name: str) -> Manifest:
    """The manifest of the version of a service that answers. Raises NotFound."""
    row = reading.living(connection, name)
    number = reading.traffic(row).champion
    statement = select(versions.c.package).where(versions.c.service == row.id, versions.c.version == number)
    return reading.manifest(connection, connection.execute(statement).scalar_one())


def boundaries(connection: Connection, ids: Collection[str]) -> dict[str, tuple[BoundaryEntry, ...]]:
    """What packages have at the runtime's boundary, by id; without those that have nothing there."""
    statement = select(packages.c.id, packages.c.boundary).where(packages.c.id.in_(sorted(ids)), packages.c.boundary != "[]")
    return {name: msgspec.json.decode(text, type=tuple[BoundaryEntry, ...]) for name, text in connection.execute(statement)}


def logged(connection: Connection, held: Mapping[str, Iterable[str]]) -> set[str]:
    """Of services (their ids, each with the packages that edges hold) those whose predictions edges tell the hub: that enrich
    profiles, are asked to keep them, or have a package that is about persons."""
    statement = select(enrichments.c.service, enrichments.c.setting).where(enrichments.c.service.in_(list(held)))
    found = {service for service, text in connection.execute(statement) if msgspec.json.decode(text, type=Setting).enabled}
    about = {
        package
        for package, entries in boundaries(connection, {one for every in held.values() for one in every}).items()
        if any(entry.operator in PROFILE_OPERATORS for entry in entries)
    }
    return found | {service for service, every in held.items() if about.intersection(every)}


class Writing(msgspec.Struct, frozen=True):
    """What is known of a service when its predictions are written: paths by output; packages by version."""

    outputs: dict[str, str]
    packages: dict[int, str]


def writing(connection: Connection, names: Sequence[str]) -> dict[str, Writing]:
    """Of services that are there, by name."""
    statement = (
        select(services.c.id, services.c.name, enrichments.c.setting)
        .outerjoin(enrichments, enrichments.c.service == services.c.id)
        .where(services.c.name.in_(list(names)), services.c.deleted.is_(None))
    )
    rows = connection.execute(statement).all()
    numbered: dict[str, dict[int, str]] = {row.id: {} for row in rows}
    of_services = select(versions.c.service, versions.c.version, versions.c.package).where(versions.c.service.in_(list(numbered)))
    for service, number, package in connection.execute(of_services):
        numbered[service][number] = package
    found = {}
    for row in rows:
        setting = Setting({}) if row.setting is None else msgspec.json.decode(row.setting, type=Setting)
        found[row.name] = Writing(setting.outputs if setting.enabled else {}, numbered[row.id])
    return found


# ---- predictions ----------------------------------------------------------------------------------------------------------


def statements(
    service: str, outputs: Mapping[str, str], answered: Mapping[str, Any], model: str, version: int, at: str
) -> Statements:
    """What a prediction says of a person: keys down to where it stands in the profile, and what stands there; none for outputs
    that are missing. model: id of the package; at: RFC 3339.

    At the usual place it is a membership of a segment named after the service, with the value as payload (XDM's
    segmentMembership; 0 to 1 is a propensity); at a path of one's own an object with score, output, model, version and time.
    """
    from rtml_plugins.xdm.paths import split

    made: Statements = []
    said: dict[str, Any]
    for output, path in outputs.items():
        value = answered.get(output)
        if value is None:
            continue
        if path == usual_path(service):
            said = {
                "status": "realized",
                "lastQualificationTime": at,
                "version": str(version),
                "payload": _payload(value),
                "_rtml": {"model": model, "output": output},
            }
            made.append(([MEMBERSHIP, NAMESPACE, service], said))
        else:
            said = {"score": value, "output": output, "model": model, "version": version, "time": at}
            made.append(([str(part) for part in split(path)], said))
    return made


def _payload(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"payloadType": "boolean", "payloadBooleanValue": value}
    if isinstance(value, (int, float)):
        if 0 <= value <= 1:
            return {"payloadType": "propensity", "payloadPropensityValue": value}
        return {"payloadType": "number", "payloadNumberValue": value}
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return {"payloadType": "string", "payloadStringValue": text}
