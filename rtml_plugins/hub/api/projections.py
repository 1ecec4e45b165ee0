"""Projections: what of profiles regions may know, and edges asking for it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from pydantic import ConfigDict, Field
from starlette.responses import Response

from rtml_core.client.records import RegionProjection
from rtml_core.errors import describe
from rtml_plugins.hub.api.bodies import PLAIN, Body
from rtml_plugins.hub.api.context import By, Context, InHub, RegionName, route
from rtml_plugins.hub.api.edges import EdgeId
from rtml_plugins.hub.api.json_bodies import decoded, wrong
from rtml_plugins.hub.api.polling import Wait, clock, in_thread
from rtml_plugins.hub.api.services import READ
from rtml_plugins.hub.feed import News
from rtml_plugins.hub.projecting import LONGEST, MOST, SHORTEST, TTL, Setting
from rtml_plugins.serving.names import NAME
from rtml_plugins.serving.projections import Projections, ProjectionsAsked

router: Final = APIRouter(prefix="/v1", tags=["profiles"])
#: changes that one answer tells
_AT_ONCE: Final = 1000
#: of them that are read together, and bytes of an answer that has more than one
_PART: Final = 50
_LARGEST_ANSWER: Final = 4 << 20
_LARGEST: Final = 2**53
_NAMED: Final = f"^{NAME.pattern}$"
_ASKED: Final = {
    "schema": {"$ref": "#/components/schemas/ProjectionsAsked"},
    "example": {"region": "emea", "keys": ["ecid:38652"]},
}
Path = Annotated[str, Field(min_length=1, max_length=500, pattern=PLAIN)]
Id = Annotated[str, Field(pattern="^[0-9a-f]{12}$")]


class ProjectionBody(Body):
    """What the edges of a region may know: dotted paths of attributes, ids of aggregates, seconds that an edge may use them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"attributes": ["person.name.firstName", "loyalty"], "aggregates": [], "ttl": 3600}]}
    )
    attributes: list[Path] = Field(default=[], max_length=MOST)
    aggregates: list[Id] = Field(default=[], max_length=MOST)
    ttl: float = Field(default=TTL, ge=SHORTEST, le=LONGEST)


def _answer(status: str, name: str) -> dict[int, dict[str, Any]]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {200: {"description": status, "content": {"application/json": {"schema": schema}}}}


@router.get(
    "/regions/{region}/projection",
    operation_id="getProjection",
    summary="Show what a region may know of profiles",
    **route(*READ, "profile", "edge"),
)
def get_projection(at: InHub, region: RegionName) -> RegionProjection:
    """Unless it was chosen, exactly what the ProfileReaders of the services there read: of all versions that edges hold."""
    return at.hub.projection(region)


@router.put(
    "/regions/{region}/projection",
    operation_id="setProjection",
    summary="Choose what a region may know of profiles",
    **route("profile-write", errors=[400, 413]),
)
def set_projection(at: InHub, by: By, region: RegionName, body: ProjectionBody) -> RegionProjection:
    """That and no more, also where services read more: `left_out` says what they go without."""
    setting = Setting(tuple(body.attributes), tuple(body.aggregates), body.ttl)
    return at.hub.project(region, setting, actor=by.name)


@router.delete(
    "/regions/{region}/projection",
    operation_id="removeProjection",
    summary="Let a region know what its services read",
    **route("profile-write", errors=[404]),
)
def remove_projection(at: InHub, by: By, region: RegionName) -> RegionProjection:
    """As it is for regions for which nothing was chosen."""
    return at.hub.unproject(region, actor=by.name)


@router.post(
    "/edges/{edge}/projections",
    operation_id="askProjections",
    summary="An edge asks for profiles",
    response_class=Response,
    **route(
        "edge",
        errors=[400, 409, 413, 501],
        answers=_answer("Profiles as the region may see them, in the order of the keys.", "Projections"),
        body={"application/json": _ASKED},
    ),
)
async def ask_projections(request: Request, at: InHub, by: By, edge: EdgeId) -> Response:
    """By keys of identities (namespace in lower case, ":", id). From then on, for 14 days, the edge is told when they change.

    With the key with which this edge reports, and of the region that it reports: of others a hub with keys tells it nothing.
    """
    asked = decoded(await request.body(), ProjectionsAsked)
    if not NAME.fullmatch(asked.region):
        raise wrong("/region", "a name of a region", describe(asked.region))
    await in_thread(at.hub.check_edge, edge, by, asked.region)
    return _json(await in_thread(_ask, at, edge, asked))


def _ask(at: Context, edge: str, asked: ProjectionsAsked) -> Projections:
    epoch, cursor = at.data.follow(edge, asked.region, asked.keys)
    return Projections(epoch, cursor, tuple(at.data.projected(asked.region, asked.keys)))


@router.get(
    "/edges/{edge}/projections/changes",
    operation_id="followProjections",
    summary="An edge follows profiles",
    response_class=Response,
    **route(
        "edge",
        errors=[409, 501],
        answers=_answer("Profiles that changed; none when nothing did in time.", "ProjectionsChanged"),
    ),
)
async def follow_projections(
    request: Request,
    at: InHub,
    by: By,
    edge: EdgeId,
    region: Annotated[str, Query(pattern=_NAMED, description="The edge's region.")],
    epoch: Annotated[str | None, Query(max_length=64, pattern=PLAIN, description="Of the last answer.")] = None,
    cursor: Annotated[int, Query(ge=0, le=_LARGEST, description="Of the last answer.")] = 0,
    wait: Wait = 0.0,
) -> Response:
    """A long poll: answers at once when profiles that the edge asked for have changed since, else as soon as one does.

    Another epoch than the one that was sent says that changes may have been missed: what the edge has may be old.
    """
    await in_thread(at.hub.check_edge, edge, by, region)
    await in_thread(lambda: at.data.home)
    until = clock() + wait
    feed = at.data.feed
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(woken.set)

    end = feed.listen(edge, wake)
    try:
        async with at.changes.client(request.receive) as client:
            while True:
                woken.clear()
                news = feed.news(edge, epoch or "", cursor, _AT_ONCE)
                if news.anew or news.keys or not await client.woken(woken, until - clock()):
                    return Response(await in_thread(_changed, at, region, news), media_type="application/json")
    finally:
        end()


def _changed(at: Context, region: str, news: News) -> bytes:
    """What to tell of these identities, and no more of them than fit into one answer: the cursor says where to go on."""
    changed: list[msgspec.Raw] = []
    gone: list[str] = []
    size = 0
    for first in range(0, len(news.keys), _PART):
        part = news.keys[first : first + _PART]
        for number, one in enumerate(at.data.projected(region, part), first):
            text = msgspec.json.encode(one)
            if size and size + len(text) > _LARGEST_ANSWER:
                return _told(news.epoch, news.cursors[number - 1], changed, gone)
            size += len(text)
            if one.found:
                changed.append(msgspec.Raw(text))
            else:
                gone.append(one.key)
    return _told(news.epoch, news.cursor, changed, gone)


def _told(epoch: str, cursor: int, changed: list[msgspec.Raw], gone: list[str]) -> bytes:
    """A ProjectionsChanged as JSON."""
    parts = {"changed": changed, "gone": gone}
    return msgspec.json.encode({"epoch": epoch, "cursor": cursor, **{name: part for name, part in parts.items() if part}})


def _json(value: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
