"""Asking an edge for a prediction, as a program would: over HTTP, with one pool of connections for the whole hub."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from rtml_core.client.records import Edge
from rtml_core.errors import describe
from rtml_plugins.hub.api.rates import Rates
from rtml_plugins.hub.gallery.own_key import OwnKey
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
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_JSON: Final = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an edge answered. document: its predictions, or a problem document. seconds: as this hub measured them, connecting
    not included when there was a connection already."""

    status: int
    document: dict[str, Any]
    seconds: float
    edge: Edge

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def kind(self) -> str:
        """Of the problem, e.g. "invalid-input"; "" of predictions."""
        return "" if self.ok else str(self.document.get("type", "")).rpartition("/")[2]


class Asker:
    """Asks edges in the name of a hub, from many threads."""

    def __init__(self, at: Context):
        import httpx

        limits = httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=20.0)
        timeout = httpx.Timeout(_ANSWER, connect=_CONNECT)
        usual = httpx.create_ssl_context()  # SSL_CERT_FILE, else the authorities that everybody knows
        # no proxy goes to this machine
        near = {f"all://{host}": httpx.HTTPTransport(verify=usual, limits=limits) for host in _LOOPBACK}
        self._client = httpx.Client(verify=usual, limits=limits, timeout=timeout, follow_redirects=False, mounts=near)
        self.key = OwnKey(at.keys, at.hub.database)
        self.rates = Rates()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def charge(self, caller: Caller) -> None:
        """Count a try towards the rate of the caller's key. Raises Problem 429."""
        if caller.key is not None and caller.rate is not None:
            self.rates.take(caller.key, caller.rate)

    def ask(self, edges: Iterable[Edge], path: str, body: bytes) -> Answer:
        """POST a body to the first edge that can be reached. path: below the edge's address, with its query.

        Raises Problem 503 when none answers, what does is no edge, or one takes too long.
        """
        import httpx

        last: Problem | None = None
        for edge in list(edges)[:_EDGES]:
            try:
                return self._known_to(edge, path, body)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = _away(edge, error)
            except httpx.TimeoutException:
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

    def _known_to(self, edge: Edge, path: str, body: bytes) -> Answer:
        """Ask with the hub's key. One that was just made reaches the edge in a moment: wait for that."""
        secret = self.key.secret()
        until = time.monotonic() + _KNOWN
        pause = 0.05
        while True:
            answer = self._once(edge, path, body, secret)
            if answer.status != 401 or secret is None or time.monotonic() + pause > until:
                break
            time.sleep(pause)
            pause = min(2 * pause, 0.5)
            secret = self.key.again(secret)
        if answer.status == 401:
            raise _locked(edge, secret is not None)
        return answer

    def _once(self, edge: Edge, path: str, body: bytes, secret: str | None) -> Answer:
        headers = {"Content-Type": "application/json", **({} if secret is None else {"Authorization": f"Bearer {secret}"})}
        began = time.perf_counter()
        with self._client.stream("POST", f"{edge.url.rstrip('/')}{path}", content=body, headers=headers) as response:
            content = _read(response, edge)
        seconds = time.perf_counter() - began
        try:
            document = _JSON.decode(content)
        except msgspec.DecodeError:
            document = None
        if not isinstance(document, dict) or (response.status_code == 200 and not _is_prediction(document)):
            raise Problem(
                503,
                "no-edge",
                f"what answers at {edge.url} ({response.status_code}) is no edge: look at its --url, and at what stands"
                " before it",
            )
        return Answer(response.status_code, document, seconds, edge)


def _is_prediction(document: dict[str, Any]) -> bool:
    predictions, columns = document.get("predictions"), document.get("columns", [])
    one = isinstance(predictions, list) and len(predictions) == 1 and isinstance(predictions[0], dict)
    return one and isinstance(document.get("version"), int) and isinstance(columns, list)


def _read(response: httpx.Response, edge: Edge) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > _MOST:
            raise Problem(503, "no-edge", f"edge '{edge.id}' answers with more than {_MOST >> 20} MB, which no page can show")
        parts.append(part)
    return b"".join(parts)


def _away(edge: Edge, error: Exception) -> Problem:
    why = str(error) or type(error).__name__
    cure = "is it running, and is that address right for this hub? rtml edges list shows all"
    if "CERTIFICATE_VERIFY_FAILED" in why:
        cure = "start the hub with SSL_CERT_FILE naming the authorities, in PEM form, that vouch for this edge"
    detail = f"edge '{edge.id}' can't be reached at {edge.url} ({describe(why, 200)}): {cure}"
    return Problem(503, "no-edge", detail, headers=[("Retry-After", "2")])


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
