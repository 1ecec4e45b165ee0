"""Asking an edge for a prediction, as a program would: over HTTP, with one pool of connections for the whole hub.

Handlers of pages wait in threads, which the hub needs for everything else, and an edge may be slow, or anything: so only a few
ask at once, and all of an answer has to come within a time. Blocking sockets know no such time, only one between two bytes: what
is sent and received goes through an event loop of its own.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from rtml_core.client.records import Edge
from rtml_core.errors import describe
from rtml_plugins.hub.api.rates import Rates
from rtml_plugins.hub.gallery.answered import Answer, read
from rtml_plugins.hub.gallery.own_key import OwnKeys
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    import httpx

    from rtml_plugins.hub.api.context import Context
    from rtml_plugins.hub.hub import Hub
    from rtml_plugins.hub.keys import Caller

#: seconds: to connect; to answer, which is more than edges give themselves; until an edge knows a key that was just made
_CONNECT: Final = 3.0
_ANSWER: Final = 15.0
_KNOWN: Final = 6.0
#: edges that are tried when some can't be reached; most bytes of an answer
_EDGES: Final = 3
_MOST: Final = 32 << 20
#: how many ask at once: a small part of the threads that answer requests to the hub (40)
_AT_ONCE: Final = 8
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


class Asker:
    """Asks edges in the name of a hub, from many threads."""

    def __init__(self, at: Context):
        import httpx

        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=20.0)
        timeout = httpx.Timeout(_ANSWER, connect=_CONNECT)
        usual = httpx.create_ssl_context()  # SSL_CERT_FILE, else the authorities that everybody knows
        # no proxy goes to this machine
        near = {f"all://{host}": httpx.AsyncHTTPTransport(verify=usual, limits=limits) for host in _LOOPBACK}
        self._client = httpx.AsyncClient(verify=usual, limits=limits, timeout=timeout, follow_redirects=False, mounts=near)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="asking edges", daemon=True)
        self._thread.start()
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self.keys = OwnKeys(at.keys, at.hub.database)
        self.rates = Rates()

    def close(self) -> None:
        """Close the connections; whoever still waits for an answer gets a CancelledError."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._client.aclose()

    def charge(self, caller: Caller) -> None:
        """Count a try towards the rate of the caller's key. Raises Problem 429."""
        if caller.key is not None and caller.rate is not None:
            self.rates.take(caller.key, caller.rate)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One of the few that may ask at the same time. Raises Problem 503 when others are, without waiting for them."""
        if not self._free.acquire(blocking=False):
            detail = f"{_AT_ONCE} others are trying services now, and an edge may be slow: try again in a moment"
            raise Problem(503, "busy", detail, headers=[("Retry-After", "2")])
        try:
            yield
        finally:
            self._free.release()

    def ask(self, edges: Iterable[Edge], service: str, path: str, body: bytes) -> Answer:
        """POST a body to the first edge that can be reached; within a turn. path: below the edge's address, with its query.

        Raises Problem 503 when none answers, what does is no edge, or it all takes too long.
        """
        import httpx

        until = time.monotonic() + _ANSWER
        last: Problem | None = None
        for edge in list(edges)[:_EDGES]:
            try:
                return self._known_to(edge, service, path, body, until)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = _away(edge, error)
            except (httpx.TimeoutException, TimeoutError):
                raise Problem(
                    503,
                    "no-edge",
                    f"edge '{edge.id}' at {edge.url} did not answer within {_ANSWER:g} s: it may be overloaded; try again, or"
                    " look at its log",
                ) from None
            except httpx.HTTPError as error:
                last = _away(edge, error)
        assert last is not None, "somebody chose no edge"
        raise last

    def _known_to(self, edge: Edge, service: str, path: str, body: bytes, until: float) -> Answer:
        """Ask with the hub's key. One that was just made reaches the edge in a moment: wait for that."""
        secret = self.keys.secret(service)
        known = time.monotonic() + _KNOWN
        pause = 0.05
        while True:
            exchange = self._exchange(edge, path, body, secret, until)
            status, content, seconds = asyncio.run_coroutine_threadsafe(exchange, self._loop).result()
            answer = read(edge, status, content, seconds)
            if answer.status != 401 or secret is None or time.monotonic() + pause > known:
                break
            time.sleep(pause)
            pause = min(2 * pause, 0.5)
            secret = self.keys.again(service, secret)
        if answer.status == 401:
            raise _locked(edge, secret is not None)
        return answer

    async def _exchange(self, edge: Edge, path: str, body: bytes, secret: str | None, until: float) -> tuple[int, bytes, float]:
        """Status and body of an answer, and the seconds it took. until: when all of it has to be there, of time.monotonic.

        Raises TimeoutError, and what httpx raises.
        """
        headers = {"Content-Type": "application/json", **({} if secret is None else {"Authorization": f"Bearer {secret}"})}
        began = time.perf_counter()
        async with asyncio.timeout(until - time.monotonic()):
            url = f"{edge.url.rstrip('/')}{path}"
            async with self._client.stream("POST", url, content=body, headers=headers) as response:
                content = await _body(response, edge)
        return response.status_code, content, time.perf_counter() - began


async def _body(response: httpx.Response, edge: Edge) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _MOST:
            raise Problem(503, "no-edge", f"edge '{edge.id}' answers with more than {_MOST >> 20} MB, which no page can show")
        parts.append(part)
    return b"".join(parts)


def _away(edge: Edge, error: Exception) -> Problem:
    why = _reason(error)
    cure = "is it running, and is that address right for this hub? rtml edges list shows all"
    if "CERTIFICATE_VERIFY_FAILED" in why:
        cure = "start the hub with SSL_CERT_FILE naming the authorities, in PEM form, that vouch for this edge"
    detail = f"edge '{edge.id}' can't be reached at {edge.url} ({describe(why, 200)}): {cure}"
    return Problem(503, "no-edge", detail, headers=[("Retry-After", "2")])


def _reason(error: BaseException) -> str:
    """What the system said, where it said something: the errors above it only say that all attempts failed."""
    why = str(error) or type(error).__name__
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) if isinstance(error, OSError) and str(error) else why


def _locked(edge: Edge, keyed: bool) -> Problem:
    if keyed:
        detail = (
            f"edge '{edge.id}' does not take the hub's own key: it gets keys with the state of its region, so it may be cut off"
            " from this hub at the moment, or belong to another one. Look at its lag under Edges, and try again"
        )
    else:
        detail = f"edge '{edge.id}' asks for a key and this hub has none: make the first one with rtml keys create --scope admin"
    return Problem(503, "no-edge", detail)


_askers: Final[WeakKeyDictionary[Hub, Asker]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def asker(at: Context) -> Asker:
    """The one of a hub, made when it is needed first."""
    with _lock:
        found = _askers.get(at.hub)
        if found is None:
            found = _askers[at.hub] = Asker(at)
        return found


def close(hub: Hub) -> None:
    """Close what asker opened for a hub."""
    with _lock:
        found = _askers.pop(hub, None)
    if found is not None:
        found.close()
