"""What the supervisor's process does for predictions about persons: it has profiles for workers, and sends what they predicted.

It listens before the first worker is started, and knows the hub later: until then workers get what is on disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Any, Final

from rtml_core.errors import said
from rtml_plugins.edge import neighbours
from rtml_plugins.edge.neighbours import Asked, Frames
from rtml_plugins.edge.outbox_sending import Sender
from rtml_plugins.edge.projections_agent import ProjectionsAgent
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.logs import logger

#: bytes that wait for a worker which reads nothing, until it is given up
_MOST_BEHIND: Final = 128 << 20

_log: Final = logger("rtml.edge.persons")


class Persons:
    """Profiles and predictions of one edge. running: the process ids of its workers now."""

    def __init__(self, settings: EdgeSettings, running: Callable[[], Collection[int]]):
        self._settings = settings
        self._lines: set[_Line] = set()
        self._server: asyncio.Server | None = None
        self.projections = ProjectionsAgent(settings.folder, settings.region, settings.profiles_keep, lambda: self._lines)
        self.sender = Sender(settings.folder, settings.region, settings.outbox_disk, lambda pid: pid in running())

    async def listen(self) -> None:
        """Let workers connect. On a disk that takes no socket they go on without: nobody knows any profile then."""
        loop = asyncio.get_running_loop()
        try:
            one = neighbours.listening(self._settings.folder)
        except OSError as error:
            _log.error("no profiles for workers", folder=str(self._settings.folder), problem=error.strerror or str(error))
            return
        self._server = await loop.create_unix_server(lambda: _Line(self), sock=one)

    async def run(self, hub: Any, edge: str) -> None:
        """Ask the hub, follow it, and tell it, until cancelled. hub: an Uplink; edge: this edge's id there."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.projections.run(hub, edge), name="rtml-projections")
            group.create_task(self.sender.run(hub, edge), name="rtml-outbox")

    async def last(self, hub: Any, edge: str) -> None:
        """Tell what is left, now that no process predicts any more."""
        await self.sender.last(hub, edge)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.abort()
        await self.projections.close()
        neighbours.unlink(self._settings.folder)


class _Line(asyncio.Protocol):
    """A connection to a worker."""

    def __init__(self, persons: Persons):
        self._persons = persons
        self._frames = Frames(worker=True)
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._persons._lines.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._persons._lines.discard(self)

    def send(self, data: bytes) -> None:
        """Tell the worker; one that reads nothing is given up: when it comes again, it asks anew."""
        if self._transport.get_write_buffer_size() > _MOST_BEHIND:
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.write(data)

    def abort(self) -> None:
        """End the connection."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                if type(message) is Asked:
                    self._persons.projections.asked(self, message.keys)
                else:
                    self._persons.sender.heard(message.name)
        except ValueError as error:
            _log.error("worker not understood", problem=said(error))
            self._transport.abort()
