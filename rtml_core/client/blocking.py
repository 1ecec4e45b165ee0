"""Runs operations with blocking connections: shared by threads, made anew after a fork."""

from __future__ import annotations

import os
import time
import weakref
from typing import TYPE_CHECKING, TypeVar

from rtml_core.client.exchange import Failure, Flow, Outcome, Pause, Reply, Send
from rtml_core.client.pools import TOO_LONG, Route, Wire, failure, plain_headers

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
#: pools of a parent process: closing or dropping them here would touch connections that are the parent's
_inherited: list[object] = []


class Blocking:
    """Connections of one Client."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._process = os.getpid()
        self._pools: dict[Route, httpx.HTTPTransport] = {}
        self._finalizer = weakref.finalize(self, _close, self._pools, self._process)

    def run(self, flow: Flow[T]) -> T:
        """Run an operation to its end."""
        outcome: Outcome | None = None
        try:
            while True:
                step = flow.send(outcome)
                if type(step) is Send:
                    outcome = self._send(step)
                else:
                    assert isinstance(step, Pause)
                    time.sleep(step.seconds)
                    outcome = None
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _send(self, send: Send) -> Outcome:
        import httpx

        prepared = self._wire.prepare(send)
        transport = self._pool(prepared.route)
        request = self._wire.request(send, prepared)
        until = time.monotonic() + send.timeout
        try:
            response = transport.handle_request(request)
            try:
                parts: list[bytes] = []
                size = 0
                for part in response.stream:  # type: ignore[union-attr]
                    parts.append(part)
                    size += len(part)
                    if size > send.limit:
                        return Failure("broken", TOO_LONG.format(send.limit))
                    if time.monotonic() > until:
                        return Failure("late", "the answer did not end in time")
            finally:
                response.close()
        except httpx.HTTPError as error:
            return failure(error)
        return Reply(response.status_code, plain_headers(response.headers.raw), b"".join(parts))

    def _pool(self, route: Route) -> httpx.HTTPTransport:
        if os.getpid() != self._process:
            self._after_fork()
        found = self._pools.get(route)
        if found is None:
            import httpx

            fresh = httpx.HTTPTransport(**self._wire.options(route))
            found = self._pools.setdefault(route, fresh)  # another thread may have been faster
        return found

    def _after_fork(self) -> None:
        _inherited.append(self._pools)
        self._finalizer.detach()
        self._pools = {}
        self._process = os.getpid()
        self._finalizer = weakref.finalize(self, _close, self._pools, self._process)

    def close(self) -> None:
        """Close the connections of this process; what is sent later opens new ones."""
        _close(self._pools, self._process)


def _close(pools: dict[Route, httpx.HTTPTransport], process: int) -> None:
    if os.getpid() != process:
        _inherited.append(dict(pools))
        return
    while pools:
        pools.popitem()[1].close()
