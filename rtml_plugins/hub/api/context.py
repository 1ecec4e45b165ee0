"""What the routes share: the hub, its keys, who calls, and how a route says what it needs and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

from fastapi import Depends, Path, Request
from fastapi.params import Query

from rtml_core.client.records import Edge
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub.api.waiting import Changes
from rtml_plugins.hub.data import HubData
from rtml_plugins.hub.keys import Caller, Keys
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.serving.names import NAME
from rtml_plugins.serving.problems import CONTENT_TYPE, Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub

#: packages that are checked and stored at once; more wait, with their bytes on disk
PUBLISHING: Final = 2
_LARGEST: Final = 2**31 - 1
#: parts of what edges count that are by the name of a service
_BY_SERVICE: Final = ("services", "shadow")


@dataclass(frozen=True, slots=True)
class Context:
    """One hub as its routes see it."""

    hub: Hub
    data: HubData
    keys: Keys
    settings: HubSettings
    changes: Changes
    publishing: asyncio.Semaphore
    release: str
    started: str


def context_of(request: Request) -> Context:
    """The hub behind a request."""
    found: Context = request.app.state.context
    return found


async def _context(request: Request) -> Context:
    return context_of(request)


async def _caller(request: Request) -> Caller:
    found: Caller = request.state.caller
    return found


InHub = Annotated[Context, Depends(_context)]
By = Annotated[Caller, Depends(_caller)]
_NAMED: Final = f"^{NAME.pattern}$"
ServiceName = Annotated[str, Path(pattern=_NAMED, description="Name of a service.", examples=["churn"])]
Number = Annotated[int, Path(ge=1, le=_LARGEST, description="Number of a version.", examples=[3])]
RegionName = Annotated[str, Path(pattern=_NAMED, description="Name of a region.", examples=["emea"])]

_ERRORS: Final = {
    400: "The body can't be read.",
    401: "No valid API key was sent.",
    403: "The key lacks a scope, or is for other services; or the page that asks may not.",
    404: "It does not exist.",
    408: "The body came too slowly.",
    409: "It does not go with what is there.",
    412: "It has changed since it had the ETag of If-Match; the answer says who changed what.",
    413: "The body is too large.",
    415: "The body is of a type that is not taken.",
    422: "The values are not what the hub takes: one entry a field.",
    429: "The key asked too often.",
    421: "A hub without keys was asked under a name that is not of this machine.",
    500: "The hub failed; its log says why, under the request's id.",
    501: "This hub keeps no data of persons: a part of rtml is not installed where it runs.",
    503: "The hub can't reach its database or its packages, or no edge is ready: ask again.",
}
_ALWAYS: Final = (401, 403, 421, 422, 429, 500, 503)
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}


def seen_by(caller: Caller, edge: Edge) -> Edge:
    """What a caller may know of an edge: nothing of services that its key is not for."""
    mine = caller.services
    if mine is None:
        return edge
    stats = {
        part: {name: value for name, value in about.items() if name in mine}
        for part, about in edge.stats.items()
        if part in _BY_SERVICE and isinstance(about, dict)
    }
    return replace(edge, services=tuple(one for one in edge.services if one.name in mine), stats=stats)


def allows(*scopes: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency: Problem 403 unless the caller has one of the scopes, and may have to do with the service and the
    region in the path."""

    async def check(request: Request) -> None:
        caller: Caller = request.state.caller
        caller.needs(*scopes)
        service = request.path_params.get("name")
        if service is not None:
            caller.check_service(service)
        region = request.path_params.get("region")
        if region is not None:
            caller.check_region(region)

    return check


@cache
def _query_of(endpoint: Callable[..., Any]) -> list[str]:
    """The query parameters that an operation takes."""
    hints = get_type_hints(endpoint, include_extras=True)
    return [name for name, hint in hints.items() if any(isinstance(one, Query) for one in getattr(hint, "__metadata__", ()))]


async def check_query(request: Request) -> None:
    """Problem 422 for a query parameter that the operation does not take: a misspelled one must not do nothing in silence."""
    known = _query_of(request.scope["endpoint"])
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        near = close_match(unknown[0], known)
        entries = [{"at": f"query: {describe(name)}", "expected": listing(known), "got": "another name"} for name in unknown[:20]]
        raise Problem(
            422,
            "invalid-request",
            f"there is no query parameter {describe(unknown[0])} here; there are: {listing(known)}.{near}",
            title="The request is not what the hub takes",
            errors=entries,
        )


def route(
    *scopes: str,
    errors: Sequence[int] = (),
    answers: dict[int, dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
    passes_query: bool = False,
) -> dict[str, Any]:
    """What every route is declared with: the scopes of which a key needs one, the errors besides the usual ones, other answers,
    the body when FastAPI does not read it itself, and whether query parameters that it does not know are passed on."""
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": _ERRORS[status], "content": {CONTENT_TYPE: {"schema": PROBLEM}}}
        for status in sorted({*(_ALWAYS if scopes else (421, 500)), *errors})
    }
    extra: dict[str, Any] = {"security": [{"key": list(scopes)}] if scopes else []}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": body}
    declared: dict[str, Any] = {"responses": {**(answers or {}), **refusals}, "openapi_extra": extra}
    checks = [Depends(allows(*scopes))] if scopes else []
    declared["dependencies"] = checks if passes_query else [*checks, Depends(check_query)]
    return declared
