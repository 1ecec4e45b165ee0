"""Runs operations on asyncio: connections belong to the loop that made them."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final, TypeVar

from rtml_core.client.exchange import Failure, Flow, Outcome, Pause, Reply, Send
from rtml_core.client.pools import TOO_LONG, Route, Wire, failure, plain_headers

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
#: seconds by which httpx, which closes what it gives up, is ahead of us, who end what it does not: an answer that drips
_GRACE: Final = 0.1
#: pools of a parent process or of a loop that is gone, which nothing here can close
_abandoned: list[object] = []


class Asynchronous:
    """Connections of one AsyncClient."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._owner: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._pools: dict[Route, httpx.AsyncHTTPTransport] = {}

    async def run(self, flow: Flow[T]) -> T:
        """Run an operation to its end."""
        outcome: Outcome | None = None
        try:
            while True:
                step = flow.send(outcome)
                if type(step) is Send:
                    outcome = await self._send(step)
                else:
                    assert isinstance(step, Pause)
                    await asyncio.sleep(step.seconds)
                    outcome = None
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    async def _send(self, send: Send) -> Outcome:
        import httpx

        prepared = self._wire.prepare(send)
        transport = self._pool(prepared.route)
        request = self._wire.request(send, prepared)
        too_long = False
        try:
            async with asyncio.timeout(send.timeout + _GRACE):
                response = await transport.handle_async_request(request)
                try:
                    parts: list[bytes] = []
                    size = 0
                    async for part in response.stream:  # type: ignore[union-attr]
                        parts.append(part)
                        size += len(part)
                        if size > send.limit and not too_long:
                            too_long = True
                            # and read on until that shows: generators that are left half-way end after the loop may be closed
                            await response.aclose()
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            return Failure("broken", TOO_LONG.format(send.limit)) if too_long else failure(error)
        except TimeoutError:
            return Failure("late", "no answer in time")
        if too_long:
            return Failure("broken", TOO_LONG.format(send.limit))
        return Reply(response.status_code, plain_headers(response.headers.raw), b"".join(parts))

    def _pool(self, route: Route) -> httpx.AsyncHTTPTransport:
        owner = (os.getpid(), asyncio.get_running_loop())
        if owner != self._owner:
            if self._pools:
                _abandoned.append(self._pools)
            self._owner, self._pools = owner, {}
        found = self._pools.get(route)
        if found is None:
            import httpx

            found = self._pools[route] = httpx.AsyncHTTPTransport(**self._wire.options(route))
        return found

    async def close(self) -> None:
        """Close the connections of this loop; what is sent later opens new ones."""
        if self._owner != (os.getpid(), asyncio.get_running_loop()):
            return
        while self._pools:
            await self._pools.popitem()[1].aclose()
        await asyncio.sleep(0)  # transports end in the next step of the loop, which may be closed after this one
