"""A worker of an edge: table, app and server of one process, started and stopped with its event loop."""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import Final

from rtml_plugins.edge import access, accesslog, batching, metrics, tracing
from rtml_plugins.edge.app import App
from rtml_plugins.edge.exchange import Headers
from rtml_plugins.edge.http1 import Server
from rtml_plugins.edge.neighbours import Journaled
from rtml_plugins.edge.outbox import Outbox
from rtml_plugins.edge.projections import Profiles
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Table

#: a large request in the thread must not hold up the event loop for longer, in seconds
_SWITCH: Final = 0.0005
#: objects that may come before the garbage collector looks for cycles
_GARBAGE: Final = 5_000
#: seconds beyond the time of a request that requests in flight have to end in
_GRACE: Final = 1.0


class Worker:
    """What one process of an edge runs."""

    def __init__(self, settings: EdgeSettings):
        self.settings = settings
        self.profiles = Profiles(settings.folder, settings.profiles_memory)
        self.outbox = Outbox(settings.folder, settings.outbox_disk, lambda name: self.profiles.tell(Journaled(name)))
        self.table = Table(settings, resources={"profiles": self.profiles})
        self.app: App | None = None
        self.server: Server | None = None
        self.port = 0

    async def start(self) -> None:
        """Load what is on disk, then listen. Raises OSError when the address can't be had."""
        sys.setswitchinterval(_SWITCH)
        await self.table.start()
        # Predictions that wait to be told to the hub are many small objects for 20 ms: looking through them, and through all that
        # stays for good, took a third of the time of a request.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE)
        app = self.app = App(self.table, self.settings, self.outbox)
        self.table.on_change.append(app.take_up)
        self.table.shadow_report = app.shadow.report
        metrics.watch_in_flight(lambda: app.in_flight)
        metrics.start(self.settings, self.table)
        handle = accesslog.install(self.settings, tracing.install(self.settings, self.table, app.handle))
        self.server = Server(handle, self.settings, self._admit)
        self.port = await self.server.start()

    def _admit(self, headers: Headers) -> None:
        access.check_head(self.table.current, self.settings, headers)

    async def stop(self) -> None:
        """Take no more connections, finish what is in flight, write the last figures."""
        if self.server is not None:
            await self.server.stop(self.settings.request_timeout + _GRACE)
        await self.table.stop()
        if self.app is not None:
            self.app.measuring.stop()
        self.outbox.close()
        await self.profiles.stop()
        metrics.stop()
        tracing.stop()
        batching.stop_thread(asyncio.get_running_loop())


def create(settings: EdgeSettings) -> Worker:
    """The worker of a process."""
    return Worker(settings)
