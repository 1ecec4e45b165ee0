"""Telling the hub what this edge counts: a window every few seconds, kept while the hub is away, each told once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from typing import Final

from rtml_core.errors import said
from rtml_plugins.edge.backlog import Backlog
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.uplink import HubFailed, MeasuresRefused, MeasuresUnknown, Uplink
from rtml_plugins.edge.windows import Windows
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.wire import ServiceEntry

#: seconds of a window
EVERY: Final = 5.0
#: seconds until what was not taken is sent again, and at a hub that is too old to take any of it
AGAIN: Final = 5.0
RARELY: Final = 120.0
#: seconds that a hub has to take the last window of an edge that stops
_LAST: Final = 1.0

_log: Final = logger("rtml.edge.measuring")


class Teller:
    """Tells what an edge counts. edge: its id. entries: the services of the region as far as the hub has told them."""

    def __init__(self, settings: EdgeSettings, uplink: Uplink, edge: str, entries: Callable[[], Iterable[ServiceEntry]]):
        self._region = settings.region
        self._uplink = uplink
        self._edge = edge
        self._entries = entries
        self._windows = Windows(settings.folder)
        self._backlog = Backlog()
        self._news = asyncio.Event()
        self._unknown = False
        self._refused = False

    def know(self, entries: Iterable[ServiceEntry]) -> None:
        """Take in versions that are served though the hub does not name them any more."""
        self._windows.know(entries)

    async def run(self) -> None:
        """Count and tell until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forming(), name="rtml-windows")
            group.create_task(self._sending(), name="rtml-tell")

    async def last(self) -> None:
        """Tell what was counted since, if the hub takes it at once: for the end, when all processes have stopped."""
        with contextlib.suppress(HubFailed, TimeoutError):
            async with asyncio.timeout(_LAST):
                self._form()
                await self._send()

    async def _forming(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            self._form()

    def _form(self) -> None:
        try:
            self._windows.know(self._entries())
            frame = self._windows.form()
        except Exception as error:  # a fault of ours must not end the edge
            _log.exception("not measured", problem=said(error))
            return
        if frame is not None:
            self._backlog.add(frame)
            self._news.set()

    async def _sending(self) -> None:
        while True:
            if not self._backlog:
                self._news.clear()
                await self._news.wait()
            try:
                await self._send()
            except MeasuresUnknown as error:
                if not self._unknown:
                    _log.info("hub takes no measures", problem=str(error))
                self._unknown = True
                await asyncio.sleep(RARELY * random.uniform(0.5, 1.0))
            except HubFailed as error:  # said by who follows the hub
                _log.debug("measures not taken", problem=str(error))
                await asyncio.sleep(AGAIN * random.uniform(0.5, 1.0))
            except Exception as error:
                _log.exception("measures not told", problem=said(error))
                await asyncio.sleep(AGAIN)

    async def _send(self) -> None:
        """Send all that waits. Raises HubFailed when the hub takes no more of it for now."""
        while batch := self._backlog.batch():
            newest = batch[-1].number
            try:
                taken = await self._uplink.measures(
                    self._edge, self._backlog.run, self._region, [window.data for window in batch]
                )
            except MeasuresRefused as error:
                if len(batch) > 1:  # which of them it is, is seen one by one
                    self._backlog.one_by_one(newest)
                    continue
                if not self._refused:  # said once, until one is taken
                    _log.error("a window was refused and is lost", problem=str(error))
                self._refused = True
                taken = newest
            else:
                self._refused = False
            self._unknown = False
            if not self._backlog.taken(min(taken, newest)):
                raise HubFailed(f"the hub took window {taken} and not window {batch[0].number}, which it was told")
