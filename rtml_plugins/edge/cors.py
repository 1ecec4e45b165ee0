"""Cross-origin requests (the Fetch standard): which web pages may call an edge from a browser."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from rtml_core.errors import RtmlError, describe
from rtml_plugins.edge.exchange import Headers, Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.problems import Problem

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_METHODS: Final = "GET, HEAD, POST, OPTIONS"
_REQUEST_HEADERS: Final = (
    "authorization, content-type, inference-header-content-length, traceparent, tracestate, x-request-id, x-rtml-key"
)
_EXPOSED: Final = "Deprecation, Inference-Header-Content-Length, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
_MAX_AGE: Final = "600"  # seconds that a browser remembers a preflight


class OriginRefused(RtmlError):
    """A setting that is no origin."""


def check_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """The origins of a setting, in lower case; OriginRefused unless each is "*" or scheme://host[:port]."""
    checked = tuple(origin.strip().lower() for origin in origins)
    for origin in checked:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise OriginRefused(
                f"{describe(origin)} is no origin: expected scheme://host or scheme://host:port without a path, e.g."
                " https://shop.example.com, or * for any"
            )
    return checked


def allows(settings: EdgeSettings, origin: str) -> bool:
    """Whether pages of an origin may read answers."""
    return "*" in settings.cors or origin.lower() in settings.cors


def answer_headers(settings: EdgeSettings, headers: Headers) -> Sequence[tuple[str, str]]:
    """What an answer says to the browser; nothing when no origin is allowed. Never another origin than an allowed one."""
    if not settings.cors:
        return ()
    origin = headers.get("origin")
    if "*" in settings.cors:
        return () if origin is None else (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", _EXPOSED))
    if origin is None or not allows(settings, origin):
        return (("Vary", "Origin"),)
    return (("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED), ("Vary", "Origin"))


def preflight(settings: EdgeSettings, request: Request) -> Response:
    """The answer to OPTIONS; Problem 403 for pages of an origin that is not allowed."""
    origin = request.headers.get("origin")
    if origin is None or request.headers.get("access-control-request-method") is None:
        return Response(204, [("Allow", _METHODS)], b"")
    if not allows(settings, origin):
        raise refused(origin)
    headers = [
        *answer_headers(settings, request.headers),
        ("Access-Control-Allow-Methods", _METHODS),
        ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
        ("Access-Control-Max-Age", _MAX_AGE),
    ]
    if request.headers.get("access-control-request-private-network") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return Response(204, headers, b"")


def refused(origin: str) -> Problem:
    """403 for a page that may not call this edge."""
    return Problem(
        403,
        "origin-refused",
        f"pages of {describe(origin, 200)} may not call this edge: start it with --cors and that origin",
    )
