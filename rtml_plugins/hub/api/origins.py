"""Who may call from a browser: Host and Origin of requests, and the CORS headers of answers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from rtml_core.errors import describe
from rtml_plugins.hub.settings import HubSettings, is_loopback
from rtml_plugins.serving.problems import Problem

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = "GET, POST, PUT, PATCH, DELETE"
_ASKED: Final = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id"
_EXPOSED: Final = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"
_AN_HOUR: Final = "3600"


class Origins:
    """The rules of one hub."""

    def __init__(self, settings: HubSettings):
        self._own = settings.host
        self._any = "*" in settings.cors
        self._named = frozenset(origin.rstrip("/").lower() for origin in settings.cors if origin != "*")

    def check_open(self, method: str, headers: Headers) -> None:
        """What protects a hub that asks for no keys from the pages in its user's browser; raises Problem 421, 403.

        A page whose name was pointed at 127.0.0.1 (DNS rebinding) still sends its own name as Host. A page of another site that
        posts says so in Origin; that "*" lets any page read does not let any page write.
        """
        host = headers.get("host", "")
        name = _host_of(host)
        if name != self._own and not is_loopback(name):
            raise Problem(
                421,
                "host-refused",
                f"this hub asks for no keys and so answers only under names of this machine, e.g. localhost; Host was"
                f" {describe(host, 120)}. With keys it answers under any: rtml keys create --home DIR --scope admin --name me",
            )
        origin = headers.get("origin")
        if origin is None or method in _SAFE or origin.lower() in self._named or _host_and_port(origin) == host.lower():
            return
        raise Problem(
            403,
            "origin-refused",
            f"a page of {describe(origin, 120)} may not change anything at a hub that asks for no keys; if it is yours, start the"
            f" hub with --cors {origin if origin.isascii() and origin.isprintable() and len(origin) < 100 else 'ORIGIN'}",
        )

    def headers(self, origin: str | None) -> list[tuple[str, str]]:
        """The CORS headers of an answer."""
        if not (self._any or self._named):
            return []
        if self._any:
            return [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", _EXPOSED)]
        vary = [("Vary", "Origin")]
        if origin is None or origin.lower() not in self._named:
            return vary
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Expose-Headers", _EXPOSED), *vary]

    def preflight(self, origin: str) -> list[tuple[str, str]]:
        """The headers that answer a browser's question before the request; raises Problem 403 for an origin not allowed."""
        if not self._any and origin.lower() not in self._named:
            raise Problem(
                403, "origin-refused", f"pages of {describe(origin, 120)} may not call this hub: start it with --cors ORIGIN"
            )
        return [
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", _ASKED),
            ("Access-Control-Max-Age", _AN_HOUR),
        ]


def _host_and_port(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_of(header: str) -> str:
    """The name or address of a Host header, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()
