"""Keys, the audit log, the hub itself."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from rtml_core.client.records import Collected, Key, NewKey
from rtml_plugins.hub.api.bodies import PLAIN, About, Audit, Health, KeyBody, KeyList
from rtml_plugins.hub.api.context import By, InHub, route
from rtml_plugins.hub.hub import GRACE
from rtml_plugins.hub.keys import OVERLAP
from rtml_plugins.serving.problems import Problem

keys: Final = APIRouter(prefix="/v1/keys", tags=["keys"])
audit: Final = APIRouter(prefix="/v1/audit", tags=["audit"])
hub: Final = APIRouter(prefix="/v1", tags=["hub"])
KeyId = Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="Id of a key, not its secret.", examples=["3f9c0a1b2d4e"])]


@keys.post("", operation_id="createKey", summary="Make a key", status_code=201, **route("admin", errors=[400, 409, 413]))
def create_key(at: InHub, by: By, body: KeyBody) -> NewKey:
    """The answer has the secret, which is kept nowhere: this is the only time it is shown.

    From the first key on the hub asks everybody for one; so the first has to have the scope admin.
    """
    return at.keys.create(
        body.name,
        body.scopes,
        services=body.services,
        expires=body.expires,
        rate=body.rate,
        regions=body.regions,
        actor=by.name,
        first_is_admin=True,
    )


@keys.get("", operation_id="listKeys", summary="List keys", **route("admin"))
def list_keys(at: InHub) -> KeyList:
    """All keys, newest first, those that expired or were revoked, too; not those with which the hub itself asks edges."""
    return KeyList(at.keys.list())


@keys.delete("/{key}", operation_id="revokeKey", summary="Revoke a key", **route("admin", errors=[404, 409]))
def revoke_key(
    at: InHub,
    by: By,
    key: KeyId,
    force: Annotated[bool, Query(description="Also the last valid one with the scope admin.")] = False,
) -> Key:
    """It ends now, at the hub and, with the next state that they get, at the edges."""
    return at.keys.revoke(key, force=force, actor=by.name)


@keys.post(
    "/{key}/rotate",
    operation_id="rotateKey",
    summary="Give a key a new secret",
    status_code=201,
    **route("admin", errors=[404, 409]),
)
def rotate_key(
    at: InHub,
    by: By,
    key: KeyId,
    overlap: Annotated[
        float, Query(ge=0, le=90 * 86_400, allow_inf_nan=False, description="Seconds that the old secret goes on.")
    ] = OVERLAP,
) -> NewKey:
    """A key of the same name, scopes, services and rate with a new id and secret."""
    return at.keys.rotate(key, overlap=overlap, actor=by.name)


@audit.get("", operation_id="listAudit", summary="Who changed what", **route("admin"))
def list_audit(
    at: InHub,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**53, description="Only entries with a lower number.")] = None,
    service: Annotated[str | None, Query(max_length=100, pattern=PLAIN, description="Only those about this service.")] = None,
) -> Audit:
    """Every change, newest first. For older ones ask with the answer's `before`."""
    entries = tuple(at.hub.audit(limit=limit, before=before, service=service))
    return Audit(entries, entries[-1].number if len(entries) == limit else None)


@hub.get("/hub", operation_id="getHub", summary="About this hub", **route("predict", "publish", "debug", "edge"))
def about(at: InHub) -> About:
    """Its id, its release, since when it runs, and whether it asks for keys."""
    return About(at.hub.id, at.release, at.started, not at.keys.asked_for())


@hub.post("/packages/collect", operation_id="collectPackages", summary="Remove packages that no service needs", **route("admin"))
def collect(
    at: InHub,
    by: By,
    older_than: Annotated[
        float, Query(ge=0, le=3650 * 86_400, allow_inf_nan=False, description="Seconds that none has needed them.")
    ] = GRACE,
    dry_run: Annotated[bool, Query(description="Only say which they are.")] = False,
) -> Collected:
    """Those of deleted services, and what a publication left that never came about. A hub does this by itself every few hours."""
    found = at.hub.collect(actor=by.name, grace=older_than, dry_run=dry_run)
    return Collected(tuple(found), sum(found.values()), older_than, dry_run)


@hub.get("/health/live", operation_id="isLive", summary="Whether the process answers", **route())
async def live() -> Health:
    """Needs no key."""
    return Health("live")


@hub.get("/health/ready", operation_id="isReady", summary="Whether the hub can work", **route(errors=[503]))
def ready(at: InHub, response: Response) -> Health:
    """Whether it reaches its database and its packages, and is not about to stop. Needs no key."""
    if at.changes.draining:
        raise Problem(503, "stopping", "the hub is stopping", headers=[("Retry-After", "2")])
    at.hub.check()
    return Health("ready")
