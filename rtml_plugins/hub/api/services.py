"""Services: found, shown, changed, steered, deleted."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import RedirectResponse, Response

from rtml_core.client.records import Rollout, Service
from rtml_plugins.hub import choosing
from rtml_plugins.hub.api.bodies import PLAIN, Deprecation, ServicePatch, Services, TrafficBody
from rtml_plugins.hub.api.context import By, InHub, ServiceName, route, seen_by
from rtml_plugins.hub.api.polling import Wait, clock, in_thread
from rtml_plugins.hub.api.waiting import TICK
from rtml_plugins.serving.names import NAME

router: Final = APIRouter(prefix="/v1/services", tags=["services"])
READ: Final = ("predict", "publish", "debug")
_NAMED: Final = f"^{NAME.pattern}$"
#: within SQLite's and PostgreSQL's 64 bits
_REVISION: Final = 2**53
#: what ETag and If-Match of services look like; the number is Service.change
_TAGS: Final = r'^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$'
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_SEEN: Final[dict[int, dict[str, Any]]] = {
    200: {
        "description": "The service.",
        "headers": {"ETag": {"schema": {"type": "string"}, "description": "Its state, for If-Match: its `change` in quotes."}},
    }
}
IfMatch = Annotated[
    str | None,
    Header(
        pattern=_TAGS,
        max_length=1000,
        description="ETag of the service as it was looked at: refused with 412 when it has changed since.",
        examples=['"17"'],
    ),
]


def _seen(if_match: str | None) -> list[int] | None:
    """The changes that If-Match names; None for any. A weak tag fits nothing (RFC 9110, 13.1.1)."""
    if if_match is None or if_match.strip() == "*":
        return None
    strong = [tag for weak, tag in _TAG.findall(if_match) if not weak]
    return [int(tag) for tag in strong if tag.isascii() and tag.isdigit()]


def _told(response: Response, service: Service) -> Service:
    response.headers["ETag"] = f'"{service.change}"'
    return service


@router.get("", operation_id="listServices", summary="List services", **route(*READ))
def list_services(
    at: InHub,
    by: By,
    q: Annotated[str | None, Query(max_length=200, pattern=PLAIN, description="Part of a name, description or owner.")] = None,
    region: Annotated[str | None, Query(pattern=_NAMED, description="Only those served in this region.")] = None,
    state: Annotated[
        Literal["active", "deprecated", "deleted"] | None, Query(description="By default all that are not deleted.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9, description="How many to leave out first.")] = 0,
) -> Services:
    """Services by name, with their versions and traffic; a key for some services sees those."""
    if by.services is None:
        found, total = at.hub.list(q=q, region=region, state=state, limit=limit, offset=offset)
        return Services(tuple(found), total)
    every, _ = at.hub.list(q=q, region=region, state=state)
    mine = [service for service in every if service.name in by.services]
    return Services(tuple(mine[offset : offset + limit]), len(mine))


@router.get("/{name}", operation_id="getService", summary="Show a service", **route(*READ, errors=[404], answers=_SEEN))
def get_service(response: Response, at: InHub, name: ServiceName) -> Service:
    """A service with its versions, newest first, and its traffic. Its ETag is for the If-Match of a later change."""
    return _told(response, at.hub.get(name))


@router.patch(
    "/{name}",
    operation_id="updateService",
    summary="Change description, owner or regions",
    **route("publish", errors=[400, 404, 413], answers=_SEEN),
)
def update_service(response: Response, at: InHub, by: By, name: ServiceName, body: ServicePatch) -> Service:
    """What is left out stays as it is. Regions replace the ones before: edges of one that goes stop serving it."""
    regions = None if body.regions is None else tuple(body.regions)
    changed = at.hub.update(name, description=body.description, owner=body.owner, regions=regions, actor=by.name)
    return _told(response, changed)


@router.delete(
    "/{name}", operation_id="deleteService", summary="Delete a service", status_code=204, **route("admin", errors=[404])
)
def delete_service(at: InHub, by: By, name: ServiceName) -> Response:
    """All edges stop serving it. Its entries in the audit log stay; the name may be used again."""
    at.hub.delete(name, actor=by.name)
    return Response(status_code=204)


@router.put(
    "/{name}/traffic",
    operation_id="setTraffic",
    summary="Say which version answers whom",
    **route("publish", errors=[400, 404, 409, 412, 413], answers=_SEEN),
)
def set_traffic(response: Response, at: InHub, by: By, name: ServiceName, body: TrafficBody, if_match: IfMatch = None) -> Service:
    """Champion, canary, A/B split, shadow and the field that keeps a visitor in an arm: the whole of it, at once.

    With If-Match it is done only while the service is as it was looked at, so that nobody's change is overwritten unseen.
    """
    return _told(response, at.hub.set_traffic(name, body.record(), actor=by.name, seen=_seen(if_match)))


@router.post(
    "/{name}/rollback",
    operation_id="rollBack",
    summary="Go back to the champion before",
    **route("publish", errors=[404, 409, 412], answers=_SEEN),
)
def roll_back(
    response: Response,
    at: InHub,
    by: By,
    name: ServiceName,
    to: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="A version; by default the champion before.")] = None,
    if_match: IfMatch = None,
) -> Service:
    """The version answers everyone again: edges hold the one before ready. Canary, split and shadow end.

    With If-Match two people who roll back at once go back one champion, not two.
    """
    return _told(response, at.hub.rollback(name, to=to, actor=by.name, seen=_seen(if_match)))


@router.post(
    "/{name}/deprecate",
    operation_id="deprecateService",
    summary="Deprecate a service",
    **route("publish", errors=[400, 404, 413], answers=_SEEN),
)
def deprecate(response: Response, at: InHub, by: By, name: ServiceName, body: Deprecation) -> Service:
    """It is served on; every answer says that it is deprecated, and why."""
    return _told(response, at.hub.deprecate(name, reason=body.reason, actor=by.name))


@router.post(
    "/{name}/restore",
    operation_id="restoreService",
    summary="End a deprecation",
    **route("publish", errors=[404], answers=_SEEN),
)
def restore(response: Response, at: InHub, by: By, name: ServiceName) -> Service:
    """The service is as it was before it was deprecated."""
    return _told(response, at.hub.restore(name, actor=by.name))


@router.get("/{name}/rollout", operation_id="getRollout", summary="How far a change has come", **route(*READ, errors=[404]))
async def rollout(
    request: Request,
    at: InHub,
    by: By,
    name: ServiceName,
    revision: Annotated[int | None, Query(ge=0, le=_REVISION, description="Of the change; by default the newest.")] = None,
    wait: Wait = 0.0,
) -> Rollout:
    """Answers as soon as all edges of the service serve the revision, or one says that it can't; else after `wait` seconds."""
    until = clock() + wait
    async with at.changes.client(request.receive) as client:
        while True:
            found = await in_thread(at.hub.rollout, name, revision)
            revision = found.revision
            left = until - clock()
            # what edges report is no change of the hub, so it is looked for
            if found.complete or _failed(found) or left <= 0 or not await client.pause(min(left, TICK)):
                return replace(found, edges=tuple(seen_by(by, edge) for edge in found.edges))


def _failed(found: Rollout) -> bool:
    return any(
        service.name == found.service and service.state == "failed"
        for edge in found.edges
        if edge.state != "away"
        for service in edge.services
    )


@router.post(
    "/{name}/predict",
    operation_id="predict",
    summary="Be sent to an edge that scores",
    status_code=307,
    response_class=RedirectResponse,
    **route(
        *READ,
        errors=[404, 413],
        answers={
            307: {
                "description": "Ask the edge named in Location in the same way.",
                "headers": {"Location": {"schema": {"type": "string"}}},
            }
        },
        body={"application/json": {"schema": {}, "example": {"rows": [{"age": 41.0, "brand": "VW"}]}}},
        passes_query=True,
    ),
)
def predict(
    request: Request,
    at: InHub,
    name: ServiceName,
    region: Annotated[str | None, Query(pattern=_NAMED, description="By default any that is ready.")] = None,
) -> Response:
    """The hub does not score. It names an edge that does: enough to try a service; programs ask edges themselves."""
    edge = choosing.choose(at.hub, at.hub.get(name), region, at.settings.url)[0]
    query = urlencode([(key, value) for key, value in request.query_params.multi_items() if key != "region"])
    return RedirectResponse(f"{edge.url.rstrip('/')}/v1/services/{name}/predict{f'?{query}' if query else ''}", 307)
