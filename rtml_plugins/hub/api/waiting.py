"""Long polls: requests that wait for the hub to change, without a thread each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive

from rtml_plugins.serving.logs import logger

_LOG: Final = logger("rtml.hub")
#: seconds between looks at the database while someone waits: another hub may change it, too
TICK: Final = 0.25


class Changing(Protocol):
    """What is waited for (hub.Hub)."""

    changed: list[Callable[[], None]]


class Changes:
    """Wakes those who wait: at once for a change made by this process, within TICK for one made by another."""

    def __init__(self, hub: Changing, revision: Callable[[], int]):
        self._hub = hub
        self._revision = revision
        self._seen = -1
        self._look: asyncio.Event | None = None
        self._next: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._waiting = 0
        self.draining = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the hub while the block runs."""
        loop = asyncio.get_running_loop()
        self._look = look = asyncio.Event()
        self._next, self._drained = loop.create_future(), loop.create_future()

        def changed() -> None:
            """Called in whichever thread changed something."""
            if not loop.is_closed():
                loop.call_soon_threadsafe(look.set)

        self._hub.changed.append(changed)
        watcher = asyncio.create_task(self._watch(look))
        try:
            yield
        finally:
            self._hub.changed.remove(changed)
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            self.drain()

    def drain(self) -> None:
        """The hub stops: whoever waits gets an answer now."""
        self.draining = True
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._wake()

    def future(self) -> asyncio.Future[None]:
        """Done at the next change. To be taken before the hub is read, so that no change falls in between."""
        return _made(self._next)

    @property
    def drained(self) -> asyncio.Future[None]:
        """Done when the hub stops."""
        return _made(self._drained)

    @asynccontextmanager
    async def client(self, receive: Receive) -> AsyncIterator[Client]:
        """One who waits, while the block runs."""
        gone = asyncio.ensure_future(_gone(receive))
        self._waiting += 1
        try:
            yield Client(self, gone)
        finally:
            self._waiting -= 1
            gone.cancel()

    async def _watch(self, look: asyncio.Event) -> None:
        failed = False
        while True:
            try:
                async with asyncio.timeout(TICK):
                    await look.wait()
            except TimeoutError:
                if not self._waiting:
                    continue
            look.clear()
            try:
                revision = await run_in_threadpool(self._revision)
                failed = False
            except Exception as error:  # the database may be away; those who wait go on waiting
                if not failed:
                    _LOG.warning("the database can't be read", reason=str(error))
                failed = True
                continue
            if revision != self._seen:
                self._seen = revision
                self._wake()

    def _wake(self) -> None:
        if self._next is not None and not self._next.done():
            waiting, self._next = self._next, self._next.get_loop().create_future()
            waiting.set_result(None)


class Client:
    """One request that waits."""

    def __init__(self, changes: Changes, gone: asyncio.Future[None]):
        self._changes = changes
        self._gone = gone

    async def changed(self, future: asyncio.Future[None], seconds: float) -> bool:
        """Waits for a future of Changes; False when time was up, the client went away or the hub stops."""
        await self._until(future, seconds)
        return future.done() and self._stays

    async def pause(self, seconds: float) -> bool:
        """Waits; False when the client went away or the hub stops."""
        await self._until(self._changes.drained, seconds)
        return self._stays

    async def woken(self, event: asyncio.Event, seconds: float) -> bool:
        """Waits for an event; False when time was up, the client went away or the hub stops."""
        if self._stays and seconds > 0 and not event.is_set():
            waiting = asyncio.ensure_future(event.wait())
            try:
                what: set[asyncio.Future[Any]] = {waiting, self._gone, self._changes.drained}
                await asyncio.wait(what, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
        return event.is_set() and self._stays

    async def _until(self, future: asyncio.Future[None], seconds: float) -> None:
        if self._stays and seconds > 0:
            await asyncio.wait({future, self._gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    @property
    def _stays(self) -> bool:
        return not self._changes.draining and not self._gone.done()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _made(future: asyncio.Future[None] | None) -> asyncio.Future[None]:
    if future is None:
        raise RuntimeError("changes are watched while the application runs")
    return future
