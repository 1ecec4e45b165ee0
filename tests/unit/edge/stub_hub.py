"""A hub that answers what a test tells it to, nonsense included: the endpoints that an edge asks, over real sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from rtml_plugins.serving.measures import Measures, Window
from rtml_plugins.serving.wire import EdgeReport, RegionState


class StubHub:
    """state: what the region serves. package: the bytes of a package by its id. odd: answers a request in its own way and returns
    True, for nonsense. reports, seen: what came. windows: those it took; measures=False: it is too old to take any.
    """

    def __init__(self) -> None:
        self.state: RegionState | None = None
        self.packages: dict[str, bytes] = {}
        self.odd: Callable[[Any], bool] | None = None
        self.reports: list[EdgeReport] = []
        self.seen: list[tuple[str, str, str | None]] = []
        self.measures = True
        self.runs: dict[str, int] = {}
        self.windows: list[Window] = []
        self.changed = threading.Condition()
        self.closing = False
        self.url = ""

    def tell(self, state: RegionState, *packages: tuple[str, bytes]) -> None:
        """Have the region serve this, at once."""
        with self.changed:
            self.packages.update(packages)
            self.state = RegionState(*(getattr(state, name) for name in RegionState.__struct_fields__))
            self.changed.notify_all()

    def behave(self, odd: Callable[[Any], bool] | None) -> None:
        """Answer oddly from now on, or no more."""
        with self.changed:
            self.odd = odd
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def _odd(self) -> bool:
        hub: StubHub = self.server.hub
        hub.seen.append((self.command, self.path, self.headers.get("authorization")))
        return hub.odd is not None and hub.odd(self)

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        hub: StubHub = self.server.hub
        if self._odd():
            return
        parts = urlsplit(self.path)
        if parts.path.startswith("/v1/packages/"):
            data = hub.packages.get(parts.path.rsplit("/", 1)[1])
            self.answer(404 if data is None else 200, data or b"")
            return
        query = parse_qs(parts.query)
        after = int(query["after"][0]) if "after" in query else None
        until = time.monotonic() + float(query.get("wait", ["0"])[0])
        with hub.changed:
            while (hub.state is None or hub.state.revision == after) and not hub.closing and time.monotonic() < until:
                before = hub.odd
                hub.changed.wait(until - time.monotonic())
                if hub.odd is not before:
                    break
            state = hub.state
        if self._odd():
            return
        if state is None or state.revision == after:
            self.answer(304 if state is not None else 404)
        else:
            self.answer(200, msgspec.json.encode(state), content_type="application/json")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self._odd():
            return
        self.server.hub.reports.append(msgspec.json.decode(body, type=EdgeReport))
        self.answer(200, b"{}")

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["content-length"]))
        if not self._odd():
            self.take()

    def take(self) -> None:
        """Take the windows of the body, each once, and say so."""
        hub: StubHub = self.server.hub
        if not hub.measures or not self.path.endswith("/measures"):
            self.answer(404, b"{}")
            return
        given = msgspec.json.decode(self.body, type=Measures)
        with hub.changed:
            for window in given.windows:
                if window.number > hub.runs.get(given.run, 0):
                    hub.runs[given.run] = window.number
                    hub.windows.append(window)
        self.answer(200, msgspec.json.encode({"number": hub.runs.get(given.run, 0)}), content_type="application/json")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """Clients may go at any time."""


@contextmanager
def stub_hub(port: int = 0) -> Iterator[StubHub]:
    """A running hub; it ends with the block, as a hub does that is killed."""
    hub = StubHub()
    server = _Server(("127.0.0.1", port), _Handler)
    server.hub = hub  # type: ignore[attr-defined]
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        with hub.changed:
            hub.closing = True
            hub.changed.notify_all()
        server.shutdown()
        server.server_close()
        thread.join()
