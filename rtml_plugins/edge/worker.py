"""A worker of an edge: the app behind granian's RSGI interface. The only file that knows what a server hands over."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final
from urllib.parse import unquote

from rtml_plugins.edge import batching, limits, metrics
from rtml_plugins.edge.app import App
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.predict import problem_response, request_id
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Table
from rtml_plugins.serving import logs
from rtml_plugins.serving.problems import Problem

_log: Final = logs.Logger("rtml.edge")
_LENGTH: Final = "content-length"


class Worker:
    """Table and app of one process, started and stopped with its event loop."""

    def __init__(self, settings: EdgeSettings):
        self.settings = settings
        self.table = Table(settings)
        self.app: App | None = None

    async def start(self) -> None:
        """Load what is on disk; ready for requests afterwards."""
        sys.setswitchinterval(0.0005)  # a large request in the thread must not hold up the event loop for longer
        await self.table.start()
        self.app = App(self.table, self.settings)
        self.table.on_change.append(lambda snapshot: self.app and self.app.shadow.forget(snapshot.services))
        self.table.shadow_report = self.app.shadow.report
        metrics.watch_in_flight(lambda: self.app.in_flight if self.app is not None else 0)
        metrics.start(self.settings, self.table)

    async def stop(self) -> None:
        """Stop following the hub, write the last figures, end the thread."""
        await self.table.stop()
        metrics.stop()
        batching.stop_thread(asyncio.get_running_loop())

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """One request of granian."""
        assert self.app is not None
        method = scope.method
        try:
            body = b"" if method == "GET" else await self._body(scope, protocol)
        except Problem as problem:
            response = problem_response(problem, request_id(scope.headers.get("x-request-id")))
        else:
            path = scope.path
            request = Request(method, path if "%" not in path else unquote(path), scope.query_string, scope.headers, body)
            answer = self.app.handle(request)
            response = answer if type(answer) is Response else await answer  # type: ignore[misc]
        protocol.response_bytes(response.status, [*response.headers, ("x-request-id", response.request_id)], response.body)

    async def _body(self, scope: Any, protocol: Any) -> bytes:
        """The body of a request. Problem 413 for one that is too large, 408 for one that does not come."""
        length = scope.headers.get(_LENGTH)
        limit = self.settings.max_body
        if length is not None:
            if not length.isdigit() or int(length) > limit:
                raise limits.too_large(limit)
            body: bytes = await protocol()
            return body
        parts = []
        size = 0
        async for part in protocol:
            size += len(part)
            if size > limit:
                raise limits.too_large(limit)
            parts.append(part)
        return b"".join(parts)


def create(settings: EdgeSettings) -> Worker:
    """The application of a worker."""
    return Worker(settings)
