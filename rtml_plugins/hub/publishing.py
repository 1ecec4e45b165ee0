"""Publishing: a package becomes a version of a service.

All checks come before anything is written. Then the bytes are put, which changes nothing that anyone sees, and one transaction
makes service, version, traffic, audit entry and revision. Equal packages are one version of a service, also when two publish at
once: the transaction looks again.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, Row, func, insert, select, update

from rtml_core.client.records import Arm, Published, Traffic
from rtml_core.errors import listing
from rtml_core.package import Manifest
from rtml_plugins.hub import enriching, projecting, reading, steering
from rtml_plugins.hub.checks import Checked
from rtml_plugins.hub.database import Change, Database
from rtml_plugins.hub.errors import Conflict, Refused
from rtml_plugins.hub.signatures import Difference, compare
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.hub.tables import edges, packages, service_regions, services, versions
from rtml_plugins.hub.texts import check_text
from rtml_plugins.serving.names import check_name
from rtml_plugins.serving.routing import TrafficRefused, check_traffic

#: where a new service is served when neither its author nor an edge says so
FIRST_REGION = "na"


@dataclass(frozen=True)
class Request:
    """What to publish and how; see Hub.publish."""

    name: str
    regions: tuple[str, ...]
    description: str | None
    owner: str | None
    message: str
    allow_incompatible: bool
    traffic: Literal["champion", "keep"]
    share: float | None

    def __post_init__(self) -> None:
        check_name(self.name)
        for region in self.regions:
            check_name(region, "region")
        for text, what in ((self.description, "a description"), (self.owner, "an owner"), (self.message, "a message")):
            check_text(text, what)
        if self.traffic not in ("champion", "keep"):
            raise Refused(f"traffic of a publication is 'champion' or 'keep'; got {self.traffic!r}")
        if self.share is not None and self.traffic == "keep":
            raise Refused("a canary answers its share of the requests at once: leave out either share or traffic=keep")
        if self.share is not None and not 0.0 < self.share < 1.0:
            raise TrafficRefused(f"the share of a canary is more than 0 and less than 1; got {self.share:g}")


def existing(connection: Connection, request: Request, package: str) -> int | None:
    """The number of the version of the service that is this package, None when there is none."""
    statement = (
        select(versions.c.version)
        .join(services, services.c.id == versions.c.service)
        .where(services.c.name == request.name, services.c.deleted.is_(None), versions.c.package == package)
    )
    number = connection.execute(statement).scalar_one_or_none()
    return None if number is None else int(number)


def require_compatible(connection: Connection, request: Request, manifest: Manifest) -> list[Difference]:
    """How the signature differs from that of the champion, whose callers the new version will answer.

    Raises Refused when a request or a reader of answers would break and that was not allowed.
    """
    row = _service(connection, request.name)
    if row is None:
        return []
    champion = reading.traffic(row).champion
    statement = select(versions.c.package).where(versions.c.service == row.id, versions.c.version == champion)
    before = reading.manifest(connection, connection.execute(statement).scalar_one())
    found = compare(before, manifest)
    breaking = [difference.text for difference in found if difference.breaking]
    if breaking and not request.allow_incompatible:
        raise Refused(
            f"the package is not compatible with version {champion} of service '{request.name}', so its callers would break:"
            f" {listing(breaking, 5)}. Publish it on purpose (allow_incompatible, --allow-incompatible), or under another name",
            tuple(difference.text for difference in found),
        )
    return found


def check_arms(connection: Connection, request: Request) -> None:
    """A new champion must not come into the middle of an experiment unnoticed. Raises Conflict."""
    row = _service(connection, request.name)
    if row is None or request.traffic == "keep":
        return
    now = reading.traffic(row)
    if request.share is not None:
        _with_canary(now, 0, request.share, {0, *_of(now)})
    elif now.canary is not None or now.split:
        arms = [*([now.canary] if now.canary else []), *now.split]
        shown = ", ".join(f"version {arm.version} {arm.share:.0%}" for arm in arms)
        raise Conflict(
            f"service '{request.name}' shares its requests out ({shown}), which a new champion would disturb. Publish it without"
            f" traffic (traffic=keep) or as canary (share=0.1), or end that first: promote or roll back"
        )


def write(
    database: Database, store: PackageStore, request: Request, data: bytes | None, checked: Checked, actor: str
) -> Published:
    """The one transaction. data: None when the package is a version of the service already."""
    with database.write(actor) as change:
        number = existing(change.connection, request, checked.id)
        if number is not None:
            return _again(change, request, checked.id, number)
        found = require_compatible(change.connection, request, checked.manifest)
        check_arms(change.connection, request)
        if data is not None and not store.has(checked.id):
            store.put(data)  # collected since it was put: this transaction keeps collectors out
        _keep(change, checked)
        row = _service(change.connection, request.name)
        number = _next(change.connection, request.name)
        regions = request.regions or (() if row is not None else default_regions(change.connection))
        identity = row.id if row is not None else _create(change, request, number)
        _number(change, identity, number, request, checked.id, found)
        added = _place(change, identity, regions)
        traffic = Traffic(champion=number)
        if row is not None:
            traffic = _traffic(reading.traffic(row), request, number)
            change.execute(update(services).where(services.c.id == identity).values(**_texts(request, change, traffic)))
        steering.push(change, identity, traffic.champion)
        placed = reading.regions_of(change.connection, [identity])[identity]
        breaking = any(difference.breaking for difference in found)
        change.audit(
            "service.publish",
            request.name,
            id=identity,
            version=number,
            package=checked.id,
            regions=list(placed),
            traffic=msgspec.to_builtins(traffic),
            message=request.message,
            **({"incompatible": [one.text for one in found if one.breaking]} if breaking else {}),
        )
        seen = row is None or traffic != reading.traffic(row) or _described(row, request)
        revision = change.bump(placed if seen else added)
        if traffic.champion == number:
            enriching.take_up(change, identity, request.name, checked.manifest)
        changes = tuple(difference.text for difference in found)
        warnings = projecting.warnings(change.connection, request.name, placed, checked.manifest)
        return Published(request.name, identity, number, checked.id, True, placed, revision, changes, warnings)


def _again(change: Change, request: Request, package: str, number: int) -> Published:
    """The package is a version already: what else was asked for, regions and texts, is done; traffic stays."""
    row = reading.living(change.connection, request.name)
    added = _place(change, row.id, request.regions)
    placed = reading.regions_of(change.connection, [row.id])[row.id]
    described = _described(row, request)
    owned = request.owner is not None and request.owner != row.owner
    revision = change.revision
    if added or described or owned:
        change.execute(update(services).where(services.c.id == row.id).values(**_texts(request, change, reading.traffic(row))))
        change.audit("service.update", request.name, regions=list(placed), description=request.description, owner=request.owner)
        revision = change.bump(placed if described else added)
    return Published(request.name, row.id, number, package, False, placed, revision)


def _described(row: Row[Any], request: Request) -> bool:
    return request.description is not None and request.description != row.description


def _texts(request: Request, change: Change, traffic: Traffic) -> dict[str, Any]:
    values: dict[str, Any] = {"traffic": steering.encoded(traffic), "updated": change.at}
    if request.description is not None:
        values["description"] = request.description
    if request.owner is not None:
        values["owner"] = request.owner
    return values


def _traffic(now: Traffic, request: Request, number: int) -> Traffic:
    if request.share is not None:
        return _with_canary(now, number, request.share, {number, *_of(now)})
    if request.traffic == "keep":
        return now
    return Traffic(champion=number, shadow=now.shadow, sticky=now.sticky)


def _with_canary(now: Traffic, number: int, share: float, known: set[int]) -> Traffic:
    """A newer candidate takes the place of the one before."""
    after = Traffic(champion=now.champion, canary=Arm(number, share), split=now.split, shadow=now.shadow, sticky=now.sticky)
    check_traffic(after, known)
    return after


def _of(traffic: Traffic) -> set[int]:
    arms = {arm.version for arm in (*traffic.split, *([traffic.canary] if traffic.canary else []))}
    return {traffic.champion, *arms, *([traffic.shadow] if traffic.shadow is not None else [])}


def _service(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(services).where(services.c.name == name, services.c.deleted.is_(None))).first()


def _next(connection: Connection, name: str) -> int:
    """Numbers go on after a deletion, so that a name and a number never mean two packages."""
    statement = (
        select(func.max(versions.c.version)).join(services, services.c.id == versions.c.service).where(services.c.name == name)
    )
    return int(connection.execute(statement).scalar_one() or 0) + 1


def default_regions(connection: Connection) -> tuple[str, ...]:
    """Where a service goes whose author named no region: wherever there are edges."""
    return tuple(connection.execute(select(edges.c.region).distinct().order_by(edges.c.region)).scalars()) or (FIRST_REGION,)


def _keep(change: Change, checked: Checked) -> None:
    known = change.execute(select(packages.c.id).where(packages.c.id == checked.id)).first()
    if known is not None:
        change.execute(update(packages).where(packages.c.id == checked.id).values(used=change.at, collected=None))
        return
    row = {
        "id": checked.id,
        "size": checked.size,
        "manifest": msgspec.json.encode(checked.manifest).decode(),
        "portable": checked.manifest.portable,
        "created": change.at,
        "used": change.at,
        "boundary": msgspec.json.encode(checked.manifest.boundary).decode(),
    }
    change.execute(insert(packages).values(row))


def _create(change: Change, request: Request, number: int) -> str:
    identity = str(uuid.uuid4())
    row = {
        "id": identity,
        "name": request.name,
        "description": request.description or "",
        "owner": request.owner if request.owner is not None else change.actor,
        "traffic": steering.encoded(Traffic(champion=number)),
        "created": change.at,
        "updated": change.at,
        "deprecation": "",
    }
    change.execute(insert(services).values(row))
    return identity


def _number(change: Change, service: str, number: int, request: Request, package: str, found: Iterable[Difference]) -> None:
    differences = list(found)
    row = {
        "service": service,
        "version": number,
        "package": package,
        "created": change.at,
        "created_by": change.actor,
        "description": request.message,
        "compatible": not any(difference.breaking for difference in differences),
        "changes": msgspec.json.encode([difference.text for difference in differences]).decode(),
    }
    change.execute(insert(versions).values(row))


def _place(change: Change, service: str, regions: Iterable[str]) -> list[str]:
    """Add regions to a service; those that are new. Publishing takes a service out of no region."""
    there = set(reading.regions_of(change.connection, [service])[service])
    fresh = sorted(set(regions) - there)
    if fresh:
        change.execute(insert(service_regions), [{"service": service, "region": region} for region in fresh])
    return fresh
