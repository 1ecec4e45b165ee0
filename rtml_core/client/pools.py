"""What the two clients share about connections: who may use a pool, and how a request and its failures look to httpx.

httpx's transports are used below its client, whose redirects, cookies and logs cost as much again and are not wanted here.
"""

from __future__ import annotations

import os
import ssl
import urllib.request
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from rtml_core.client.errors import ClientError
from rtml_core.client.exchange import Failure, Send

if TYPE_CHECKING:
    import httpx

_LOOPBACK: Final = ("localhost", "127.", "::1")
#: connections of one client, at once and kept; seconds that an idle one is kept, less than servers keep theirs
_AT_ONCE: Final = 256
_KEPT: Final = 64
_IDLE: Final = 20.0


class Route(NamedTuple):
    """How an address is reached. Requests of one route share a pool."""

    secure: bool
    proxy: str | None
    fresh: bool


class Prepared(NamedTuple):
    """What of a request is the same each time."""

    url: Any  # httpx.URL
    headers: tuple[tuple[bytes, bytes], ...]
    route: Route


class Wire:
    """Requests as httpx wants them. Holds the API key, which stands in headers only."""

    def __init__(self, key: str | None, ca: str | os.PathLike[str] | None):
        from rtml_core import __version__

        standing = [(b"accept", b"application/json"), (b"user-agent", f"rtml/{__version__}".encode())]
        if key is not None:
            standing.append((b"authorization", b"Bearer " + key.encode("ascii")))
        self._standing = tuple(standing)
        self._ca = None if ca is None else os.fspath(ca)
        self._prepared: dict[tuple[str, bool], Prepared] = {}
        self._context: ssl.SSLContext | None = None

    def prepare(self, send: Send) -> Prepared:
        """The request's address, standing headers and route; kept, as a client asks the same addresses again and again."""
        found = self._prepared.get((send.url, send.fresh))
        if found is None:
            import httpx

            url = httpx.URL(send.url)
            parts = urlsplit(send.url)
            host = parts.netloc.encode("ascii")
            route = Route(parts.scheme == "https", _proxy(parts.scheme, parts.hostname or ""), send.fresh)
            found = Prepared(url, ((b"host", host), *self._standing), route)
            if len(self._prepared) >= 512:  # long polls have an address each
                self._prepared.clear()
            self._prepared[send.url, send.fresh] = found
        return found

    def request(self, send: Send, prepared: Prepared) -> httpx.Request:
        """The request itself."""
        import httpx

        headers: list[tuple[bytes, bytes]] = list(prepared.headers)
        headers += [(name.encode("ascii"), _header(value)) for name, value in send.headers]
        left = max(send.timeout, 0.001)
        limits = {"connect": min(send.connect, left), "read": left, "write": left, "pool": left}
        return httpx.Request(send.method, prepared.url, headers=headers, content=send.body, extensions={"timeout": limits})

    def options(self, route: Route) -> dict[str, Any]:
        """Arguments of the transport for a route."""
        import httpx

        kept = 0 if route.fresh else _KEPT
        limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=kept, keepalive_expiry=_IDLE)
        return {"verify": self._verify(route.secure), "trust_env": False, "limits": limits, "proxy": route.proxy}

    def _verify(self, secure: bool) -> ssl.SSLContext:
        if not secure:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; reading all known authorities takes 20 ms
        if self._context is None:
            if self._ca is None:
                import httpx

                self._context = httpx.create_ssl_context()
            else:
                try:
                    folder = os.path.isdir(self._ca)
                    self._context = ssl.create_default_context(
                        cafile=None if folder else self._ca, capath=self._ca if folder else None
                    )
                except (OSError, ssl.SSLError) as error:
                    raise ClientError(f"{self._ca}: expected certificates of authorities in PEM form ({error})") from None
        return self._context

    def __repr__(self) -> str:
        return "Wire(...)"


def _header(value: str) -> bytes:
    if any(character in value for character in "\r\n\0"):
        raise ClientError("a line break can't stand in a header; is it part of the sticky key or the request id?")
    return value.encode("utf-8")


def _proxy(scheme: str, host: str) -> str | None:
    """The proxy that the environment names for a host; never one for this machine."""
    if host.startswith(_LOOPBACK) or urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all")


def failure(error: Exception) -> Failure:
    """What an error of httpx means, in words without the request, whose headers hold the key."""
    import httpx

    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Failure("unreached", "no connection in time" if isinstance(error, httpx.ConnectTimeout) else "no free connection")
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)):
        return Failure("unreached", _reason(error))
    if isinstance(error, httpx.TimeoutException):
        return Failure("late", "no answer in time")
    return Failure("broken", "the connection broke off" if not str(error) else f"the connection broke off: {error}")


def _reason(error: BaseException) -> str:
    """The plainest cause: "connection refused" instead of a chain of libraries."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    return str(error) or "no connection"


def plain_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers of an answer by lower-case name; of one that came twice, the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


TOO_LONG: Final = "the answer is longer than {:,} bytes"
