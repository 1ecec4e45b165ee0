"""What the two clients share about connections: how an address is reached, and how a request and its failures look on the wire.

AsyncClient stands on the transports of httpx, below its client: redirects, cookies and logs cost as much again and are not wanted
here.
"""

from __future__ import annotations

import base64
import http.client
import os
import socket
import ssl
import urllib.request
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from rtml_core.client.errors import ClientError
from rtml_core.client.exchange import Failure, Send

if TYPE_CHECKING:
    import httpx

_LOOPBACK: Final = ("localhost", "127.", "::1")
#: connections of one client, at once and kept; seconds that an idle one is kept, less than servers keep theirs
_AT_ONCE: Final = 256
_KEPT: Final = 64
_IDLE: Final = 20.0
#: instead of the bytes of another protocol, TLS for one, which tell nobody anything
NO_HTTP: Final = "what came is no HTTP, is it https?"
#: how h11 begins to say so; the second of bytes that no line of HTTP begins with
_NO_HTTP: Final = ("illegal status line", "illegal request line")


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


class Origin(NamedTuple):
    """Where a connection goes."""

    secure: bool
    host: str
    port: int
    proxy: str | None


class Wire:
    """Requests as they are sent. Holds the API key, which stands in headers only."""

    def __init__(self, key: str | None, ca: str | os.PathLike[str] | None):
        from rtml_core import __version__

        standing = [(b"accept", b"application/json"), (b"user-agent", f"rtml/{__version__}".encode())]
        if key is not None:
            standing.append((b"authorization", b"Bearer " + key.encode("ascii")))
        self._standing = tuple(standing)
        self._ca = None if ca is None else os.fspath(ca)
        self._prepared: dict[tuple[str, bool], Prepared] = {}
        self._heads: dict[tuple[str, str, bool], tuple[Origin, bytes]] = {}
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

    def head(self, send: Send) -> tuple[Origin, bytes]:
        """Where a request goes and everything of it before the body, for a connection of our own."""
        found = self._heads.get((send.method, send.url, send.fresh))
        if found is None:
            parts = urlsplit(send.url)
            secure, host = parts.scheme == "https", parts.hostname or ""
            origin = Origin(secure, host, parts.port or (443 if secure else 80), _proxy(parts.scheme, host))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            target = send.url if origin.proxy is not None and not secure else path
            lines = [f"{send.method} {target} HTTP/1.1".encode("ascii"), b"host: " + parts.netloc.encode("ascii")]
            lines += [name + b": " + value for name, value in self._standing]
            lines += [b"connection: close"] if send.fresh else []
            if origin.proxy is not None and not secure:
                lines += [f"{name}: {value}".encode() for name, value in _proxy_headers(origin.proxy).items()]
            found = origin, b"\r\n".join(lines)
            if len(self._heads) >= 512:
                self._heads.clear()
            self._heads[send.method, send.url, send.fresh] = found
        origin, head = found
        for name, value in send.headers:
            head += b"\r\n" + name.encode("ascii") + b": " + _header(value)
        if send.body is not None or send.method not in ("GET", "HEAD"):
            head += b"\r\ncontent-length: %d" % len(send.body or b"")
        return origin, head + b"\r\n\r\n"

    def connection(self, origin: Origin, timeout: float) -> http.client.HTTPConnection:
        """A connection that is not open yet. timeout: seconds to open it."""
        host, port = origin.host, origin.port
        if origin.proxy is not None:
            parts = urlsplit(origin.proxy if "//" in origin.proxy else f"http://{origin.proxy}")
            if parts.scheme != "http":
                raise ClientError(
                    f"a proxy that speaks {parts.scheme} is not supported; name one like http://proxy:3128 or use NO_PROXY"
                )
            host, port = parts.hostname or "", parts.port or 80
        if not origin.secure:
            return http.client.HTTPConnection(host, port, timeout=timeout)
        secure = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._verify(True))
        if origin.proxy is not None:
            secure.set_tunnel(origin.host, origin.port, _proxy_headers(origin.proxy))
        return secure

    def _verify(self, secure: bool) -> ssl.SSLContext:
        if not secure:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used; reading all known authorities takes 20 ms
        if self._context is None:
            if self._ca is None:
                self._context = _usual_authorities()
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


def _usual_authorities() -> ssl.SSLContext:
    """Those of the system or SSL_CERT_FILE; of certifi, which comes with httpx, where the system has none."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and not os.environ.get("SSL_CERT_DIR"):
        import certifi

        context.load_verify_locations(certifi.where())
    return context


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


def _proxy_headers(proxy: str) -> dict[str, str]:
    """The name and password that the address of a proxy holds, as it wants them."""
    parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def unreached(error: Exception) -> Failure:
    """What an error while connecting means."""
    if isinstance(error, TimeoutError):
        return Failure("unreached", "no connection in time")
    if isinstance(error, socket.gaierror):
        return Failure("unreached", "no machine has this name")
    return Failure("unreached", _reason(error))


def failure(error: Exception) -> Failure:
    """What an error of httpx means, in words without the request, whose headers hold the key."""
    import httpx

    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        return Failure("unreached", "no connection in time" if isinstance(error, httpx.ConnectTimeout) else "no free connection")
    if isinstance(error, (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)):
        return Failure("unreached", _reason(error))
    if isinstance(error, httpx.TimeoutException):
        return Failure("late", "no answer in time")
    what = str(error)
    if isinstance(error, httpx.RemoteProtocolError):
        if what.startswith(_NO_HTTP):
            what = NO_HTTP
        elif what.startswith("Server disconnected"):  # also after bytes that are no HTTP and end before a blank line
            what = "it was closed before an answer in HTTP came"
    return Failure("broken", f"the connection broke off: {what}" if what else "the connection broke off")


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
