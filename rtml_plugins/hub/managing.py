"""Changes of a service that are no traffic, and what becomes of packages that nobody needs."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from rtml_plugins.hub import reading, since, times
from rtml_plugins.hub.database import Change, Database
from rtml_plugins.hub.errors import Conflict, NotFound
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.hub.tables import packages, service_regions, services, versions
from rtml_plugins.hub.texts import check_text
from rtml_plugins.serving.names import check_name


def update_service(
    change: Change, name: str, description: str | None, owner: str | None, regions: tuple[str, ...] | None
) -> None:
    """Change what is not None. Edges see the description; they notice regions that come and go."""
    check_text(description, "a description")
    check_text(owner, "an owner")
    row = reading.living(change.connection, name)
    before = reading.regions_of(change.connection, [row.id])[row.id]
    after = before if regions is None else tuple(sorted({check_name(region, "region") for region in regions}))
    if not after:
        raise Conflict(f"service '{name}' has to be served in at least one region; to take it away, delete it")
    given: dict[str, Any] = {"description": description, "owner": owner}
    values = {key: value for key, value in given.items() if value is not None and value != getattr(row, key)}
    moved = set(before) ^ set(after)
    if not values and not moved:
        return
    change.execute(update(services).where(services.c.id == row.id).values(**values, updated=change.at))
    gone = set(before) - set(after)
    if gone:
        of_service = service_regions.c.service == row.id
        change.execute(delete(service_regions).where(of_service, service_regions.c.region.in_(sorted(gone))))
    fresh = sorted(set(after) - set(before))
    if fresh:
        change.execute(insert(service_regions), [{"service": row.id, "region": region} for region in fresh])
    changed: dict[str, Any] = {**values, **({"regions": list(after), "before": list(before)} if moved else {})}
    change.audit("service.update", name, **changed)
    change.bump({*before, *after} if "description" in values else moved)


def deprecate(change: Change, name: str, reason: str, seen: Collection[int] | None = None) -> None:
    """Mark a service; told again, only the reason changes. seen: see since.check."""
    check_text(reason, "a reason")
    row = reading.living(change.connection, name)
    since.check(change.connection, row, seen)
    if row.deprecated is not None and row.deprecation == reason:
        return
    values = {"deprecated": row.deprecated or change.at, "deprecation": reason, "updated": change.at}
    _set(change, row.id, name, "service.deprecate", values, reason=reason)


def restore(change: Change, name: str, seen: Collection[int] | None = None) -> None:
    """Take the mark away; nothing happens when there is none. seen: see since.check."""
    row = reading.living(change.connection, name)
    since.check(change.connection, row, seen)
    if row.deprecated is not None:
        values = {"deprecated": None, "deprecation": "", "updated": change.at}
        _set(change, row.id, name, "service.restore", values)


def remove(change: Change, name: str) -> None:
    """Mark a service as deleted: it is in no list and on no edge any more, and its rows stay."""
    row = reading.living(change.connection, name)
    _set(change, row.id, name, "service.delete", {"deleted": change.at, "updated": change.at}, id=row.id)


def _set(change: Change, identity: str, name: str, action: str, values: dict[str, Any], **details: Any) -> None:
    change.execute(update(services).where(services.c.id == identity).values(**values))
    change.audit(action, name, **details)
    change.bump(reading.regions_of(change.connection, [identity])[identity])


def discard(database: Database, store: PackageStore, package: str) -> None:
    """Remove a package that was put for a publication that did not come about, unless another one has it by now."""
    with database.write("hub") as change:
        if change.execute(select(packages.c.id).where(packages.c.id == package)).first() is None:
            store.delete(package)


def collect(database: Database, store: PackageStore, actor: str, grace: float, dry_run: bool = False) -> dict[str, int]:
    """Remove packages of deleted services only, and what a publication left that never came about, when older than grace; their
    ids and bytes. dry_run: only say which they are.

    Inside one change, so that nobody publishes such a package meanwhile.
    """
    if dry_run:
        with database.read() as connection:
            gone, strays = _idle(connection, store, database.clock() - grace)
        return dict(sorted({**gone, **strays}.items()))
    with database.write(actor) as change:
        gone, strays = _idle(change.connection, store, change.now - grace)
        if gone:
            change.execute(update(packages).where(packages.c.id.in_(gone)).values(collected=change.at))
        removed = dict(sorted({**gone, **strays}.items()))
        if removed:
            change.audit("packages.collect", "packages", packages=list(removed), size=sum(removed.values()))
        for package in removed:
            store.delete(package)
        return removed


def _idle(connection: Connection, store: PackageStore, before: float) -> tuple[dict[str, int], dict[str, int]]:
    """Bytes of packages that no service has needed since `before`, and of those in the store that no publication knows."""
    of_service = select(versions.c.package).join(services, services.c.id == versions.c.service)
    needed = of_service.where(services.c.deleted.is_(None))
    bound = times.text(before)
    latest = of_service.where(services.c.deleted > bound)
    idle = select(packages.c.id, packages.c.size).where(
        packages.c.id.not_in(needed),
        packages.c.id.not_in(latest),
        packages.c.used <= bound,
        packages.c.collected.is_(None),
    )
    gone: dict[str, int] = {name: size for name, size in connection.execute(idle)}  # noqa: C416
    known = set(connection.execute(select(packages.c.id)).scalars())
    strays: dict[str, int] = {}
    for package, put in store.packages():
        if package not in known and put <= before:
            with suppress(NotFound):  # another hub may have removed it in this moment
                strays[package] = store.size(package)
    return gone, strays
