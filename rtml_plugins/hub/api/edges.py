"""What edges ask the hub and tell it, and what the hub knows of them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from rtml_core.errors import describe
from rtml_plugins.hub.api.bodies import Edges, Regions
from rtml_plugins.hub.api.context import By, Context, InHub, RegionName, route, seen_by
from rtml_plugins.hub.api.json_bodies import decoded, wrong
from rtml_plugins.hub.api.polling import Wait, clock, in_thread
from rtml_plugins.hub.api.services import READ
from rtml_plugins.hub.api.versions import send_package
from rtml_plugins.hub.edges import URL
from rtml_plugins.serving.names import NAME
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import EdgeReport, RegionState

router: Final = APIRouter(prefix="/v1", tags=["edges"])
_LARGEST: Final = 2**53
#: regions whose states are kept
_REGIONS: Final = 1000
_STATES: Final = ("ready", "loading", "failed")
_NAMED: Final = f"^{NAME.pattern}$"
_STATE: Final = {"$ref": "#/components/schemas/RegionState"}
_REPORT: Final = {
    "schema": {"$ref": "#/components/schemas/EdgeReport"},
    "example": {
        "region": "emea",
        "url": "http://10.0.0.7:8001",
        "ready": True,
        "revision": 12,
        "workers": 2,
        "rtml": "0.1.0",
        "started": "2026-11-21T10:15:00.000Z",
        "services": [{"name": "churn", "versions": [3, 2], "state": "ready"}],
    },
}
EdgeId = Annotated[str, Path(pattern=_NAMED, description="Name of an edge.", examples=["emea-1"])]


class States:
    """States of regions as JSON, made once for each change however many edges wait for it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[asyncio.Future[None], int, bytes]] = {}
        self._making: dict[str, asyncio.Lock] = {}

    async def get(self, at: Context, region: str, future: asyncio.Future[None], woken: bool) -> tuple[int, bytes]:
        """(revision, JSON) of a region. future: done at the next change. woken: by the one before, as others were: one of them
        looks for all. Without it the answer is as new as the hub."""
        if len(self._making) > _REGIONS:  # names that nobody serves can be asked for without end
            self._kept.clear()
            self._making = {name: lock for name, lock in self._making.items() if lock.locked()}
        async with self._making.setdefault(region, asyncio.Lock()):
            kept = self._kept.get(region)
            if woken and kept is not None and kept[0] is future:
                return kept[1:]
            if kept is None or kept[1] != await in_thread(at.hub.revision, region):
                state: RegionState = await in_thread(at.hub.region_state, region)
                kept = (future, state.revision, msgspec.json.encode(state))
            self._kept[region] = (future, *kept[1:])
            return kept[1:]


@router.get(
    "/regions/{region}/state",
    operation_id="getRegionState",
    summary="What a region serves",
    response_class=Response,
    **route(
        "edge",
        answers={
            200: {"description": "Services, versions, traffic and keys.", "content": {"application/json": {"schema": _STATE}}},
            304: {"description": "Nothing newer than `after` came within `wait` seconds."},
        },
    ),
)
async def region_state(
    request: Request,
    at: InHub,
    region: RegionName,
    after: Annotated[int | None, Query(ge=0, le=_LARGEST, description="Revision that the edge has.")] = None,
    wait: Wait = 0.0,
) -> Response:
    """A long poll: answers at once when there is something else than the edge has, else as soon as there is.

    A revision lower than `after` is something else, too: then the hub was restored, or is another one.
    """
    until = clock() + wait
    states: States = request.app.state.states
    woken = False
    async with at.changes.client(request.receive) as client:
        while True:
            future = at.changes.future()
            revision, state = await states.get(at, region, future, woken)
            if revision != after:
                return Response(state, media_type="application/json", headers={"ETag": f'"{revision}"'})
            if not await client.changed(future, until - clock()):
                return Response(status_code=304, headers={"ETag": f'"{revision}"'})
            woken = True


@router.get(
    "/packages/{package}",
    operation_id="downloadPackage",
    summary="Download a package",
    response_class=Response,
    **route(
        "edge",
        "publish",
        errors=[404],
        answers={
            200: {
                "description": "The bytes of the .rtml file.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            304: {"description": "If-None-Match names it: it never changes."},
        },
    ),
)
def download_package(
    request: Request,
    at: InHub,
    by: By,
    package: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="Its id: the SHA-256 of the package.")],
) -> Response:
    """By its id, as edges do."""
    if by.services is not None:
        raise Problem(403, "forbidden", f"the key '{by.name}' is for some services: ask for the packages of their versions")
    return send_package(request, at, package, f"{package}.rtml")


@router.put(
    "/edges/{edge}",
    operation_id="reportEdge",
    summary="An edge reports",
    status_code=204,
    **route("edge", errors=[400, 413], body={"application/json": _REPORT}),
)
async def report_edge(request: Request, at: InHub, by: By, edge: EdgeId) -> Response:
    """What it serves, and how: every few seconds and at each change. One that was not heard of for 15 s is away.

    From then on it has the key that it was reported with: no other valid key may report it or ask as it."""
    report = _report(await request.body())
    await in_thread(at.hub.report_edge, edge, report, by)
    return Response(status_code=204)


def _report(body: bytes) -> EdgeReport:
    report = decoded(body, EdgeReport)
    for at, value in (("/revision", report.revision), ("/workers", report.workers)):
        if not 0 <= value <= _LARGEST:
            raise wrong(at, f"0 to {_LARGEST}", str(value))
    if not URL.fullmatch(report.url):
        got = "one that holds '@'" if "@" in report.url else describe(report.url)  # a password is not repeated
        raise wrong("/url", "the address of the edge, without name, password and query, e.g. http://10.0.0.7:8001", got)
    if not _is_time(report.started):
        raise wrong("/started", "a time with its zone, e.g. 2026-11-21T10:15:00.000Z", describe(report.started))
    for number, service in enumerate(report.services):
        if service.state not in _STATES:
            raise wrong(f"/services/{number}/state", f"one of {', '.join(_STATES)}", describe(service.state))
    return report


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@router.get("/edges", operation_id="listEdges", summary="List edges", **route(*READ, "edge"))
def list_edges(
    at: InHub, by: By, region: Annotated[str | None, Query(pattern=_NAMED, description="Only those of this region.")] = None
) -> Edges:
    """All edges as they last reported, also those that are away; a key for some services sees of them what is about those."""
    return Edges(tuple(seen_by(by, edge) for edge in at.hub.edges(region)))


@router.delete(
    "/edges/{edge}", operation_id="forgetEdge", summary="Forget an edge", status_code=204, **route("admin", errors=[404])
)
def forget_edge(at: InHub, by: By, edge: EdgeId) -> Response:
    """For one that will not come back. One that reports again is there again."""
    at.hub.forget_edge(edge, actor=by.name)
    return Response(status_code=204)


@router.get("/regions", operation_id="listRegions", summary="List regions", **route(*READ, "edge"))
def list_regions(at: InHub) -> Regions:
    """Every region that a service or an edge names."""
    return Regions(tuple(at.hub.regions()))
