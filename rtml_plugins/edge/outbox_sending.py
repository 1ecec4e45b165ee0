"""Telling the hub of predictions about persons: the journals of all workers, in order, each prediction once.

The number of a prediction follows from where it stands in its journal, so whatever is sent a second time, after a restart or a
lost answer, has the number that it had, and the hub takes a number of a run once. A journal is removed when the hub has all of
it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from rtml_core.errors import said
from rtml_plugins.edge import files
from rtml_plugins.edge.files import HomeError
from rtml_plugins.edge.hub_failures import HubFailed, PredictionsRefused, ProfilesUnknown
from rtml_plugins.edge.outbox import FOLDER, SUFFIX
from rtml_plugins.edge.outbox_reading import Journal, JournalDamaged, Record, batches, count
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.predictions import BYTES, RECORDS

#: seconds between looks at the journals when nobody tells of news, and at their sizes
LOOK_EVERY: Final = 1.0
#: seconds until what was not taken is sent again, doubled up to the last, and at a hub that is too old to take any of it
PAUSES: Final = (0.05, 2.0)
RARELY: Final = 60.0
#: bytes of a message besides its records
_ENVELOPE: Final = 1000
#: seconds that a hub has to take what is left when an edge stops
_LAST: Final = 2.0
_POSITIONS: Final = "positions.json"
#: seconds between two writings of what the hub has
_KEEP_EVERY: Final = 1.0

_log: Final = logger("rtml.edge.outbox")


class Hub(Protocol):
    """What is asked of the hub: see uplink.Uplink."""

    async def predictions(self, edge: str, region: str, run: str, first: int, records: list[bytes], /) -> int: ...


class Sender:
    """Sends what stands in the outbox of an edge. most: bytes that journals may have; beyond that the oldest are dropped.

    dropped: predictions that were. alive: whether a process, by its id, is a worker that still writes. began: ns since the epoch
    before which none of these workers was started; now, unless said.
    """

    def __init__(self, folder: Path, region: str, most: int, alive: Callable[[int], bool], began: int | None = None):
        self._folder = folder / FOLDER
        self._region = region
        self._most = most
        self._alive = alive
        self._began = time.time_ns() if began is None else began
        self._runs: dict[int, str] = {}  # the newest run that each process told of
        self._news = asyncio.Event()
        self._journals: dict[str, Journal] = {}
        self._waiting: dict[str, list[Record]] = {}  # read, and not taken by the hub yet
        self._positions: dict[str, int] = {}  # up to where the hub has a journal, in bytes
        self._kept: dict[str, int] = {}
        self._kept_at = 0.0
        self._trouble = ""
        self.dropped = 0
        self.sent = 0

    def heard(self, name: str) -> None:
        """There is more in a journal."""
        run = _run(name)
        process = _number(run[16:])
        self._runs[process] = max(run, self._runs.get(process, ""))
        self._news.set()

    def _written(self, name: str) -> bool:
        """Whether a journal may still be written to. A process id comes back, in a container with each start: the worker that has
        it now may not be the one that wrote."""
        run = _run(name)
        process = _number(run[16:])
        if not self._alive(process):
            return False
        told = self._runs.get(process)
        return run >= told if told is not None else _number(run[:16]) >= self._began

    async def run(self, hub: Hub, edge: str) -> None:
        """Send until cancelled."""
        await asyncio.to_thread(self._recover)
        pause = PAUSES[0]
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bounding(), name="rtml-outbox-bound")
            while True:
                try:
                    self._news.clear()
                    await self.send(hub, edge)
                except ProfilesUnknown as error:
                    self._complain(str(error))
                    await asyncio.sleep(RARELY * random.uniform(0.5, 1.0))
                except HubFailed as error:
                    self._complain(str(error))
                    await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                    pause = min(2 * pause, PAUSES[1])
                except Exception as error:  # a fault of ours must not end the edge
                    _log.exception("predictions not told", problem=said(error))
                    await asyncio.sleep(PAUSES[1])
                else:
                    pause = PAUSES[0]
                    self._complain("")
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EVERY):  # wait_for loses a cancellation that comes with the news
                            await self._news.wait()

    async def last(self, hub: Hub, edge: str) -> None:
        """Send what is left, if the hub takes it at once: for the end, when all processes have stopped."""
        with contextlib.suppress(HubFailed, TimeoutError, OSError):
            async with asyncio.timeout(_LAST):
                await self.send(hub, edge)
        self._keep(now=True)

    # ---- sending ------------------------------------------------------------------------------------------------

    async def send(self, hub: Hub, edge: str) -> None:
        """Send all that stands in the journals. Raises HubFailed when the hub takes no more of it for now."""
        more = True
        while more:
            more = False
            finished: set[str] = set()  # a run's journals are sent one after the other
            for name in self._names():
                run = _run(name)
                if run not in finished:
                    more |= await self._send_some(hub, edge, name)
                    if name in self._journals:
                        finished.add(run)
        self._keep()

    def _names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._folder) if name.endswith(SUFFIX))
        except FileNotFoundError:
            return []

    async def _send_some(self, hub: Hub, edge: str, name: str) -> bool:
        """Send a message of a journal, and remove the journal when it is done; whether there may be more in it."""
        journal = self._journals.get(name)
        if journal is None:
            journal = self._journals[name] = Journal(self._folder / name, self._positions.get(name, 0))
        waiting = self._waiting.setdefault(name, [])
        writing = self._written(name)
        if not waiting:
            try:
                waiting += await asyncio.to_thread(journal.read, RECORDS)
            except FileNotFoundError:
                self._forget(name)
                return False
            except JournalDamaged as error:
                _log.error("journal given up", problem=str(error))
                self.dropped += await asyncio.to_thread(count, journal.path, journal.offset)
                self._remove(name)
                return False
        if not waiting:
            if journal.ended or not writing:
                self._remove(name)
            return False
        batch = batches(waiting, RECORDS, BYTES - _ENVELOPE)[0]
        await self._tell(hub, edge, journal, batch)
        del waiting[: len(batch)]
        ends = [record.end for record in batch if record.end is not None]
        if ends:
            self._positions[name] = ends[-1]
        self._keep()
        return True

    async def _tell(self, hub: Hub, edge: str, journal: Journal, batch: list[Record]) -> None:
        newest = batch[-1].number
        try:
            through = await hub.predictions(edge, self._region, journal.run, batch[0].number, [one.data for one in batch])
        except PredictionsRefused as error:
            if len(batch) > 1:  # which of them it is, is seen in ever smaller parts
                middle = len(batch) // 2
                await self._tell(hub, edge, journal, batch[:middle])
                await self._tell(hub, edge, journal, batch[middle:])
                return
            self.dropped += 1
            _log.error("a prediction was refused and is lost", problem=str(error))
            return
        if through < newest:
            raise HubFailed(f"the hub took predictions up to {through}, and not up to {newest}, which it was told")
        self.sent += len(batch)

    # ---- the folder ---------------------------------------------------------------------------------------------

    def _remove(self, name: str) -> None:
        files.remove(self._folder / name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        for kept in (self._journals, self._waiting, self._positions):
            kept.pop(name, None)  # type: ignore[attr-defined]

    def _recover(self) -> None:
        """What the last run knew of what the hub has."""
        if not self._positions:
            with contextlib.suppress(HomeError):
                known = files.read(self._folder / _POSITIONS, dict[str, int]) or {}
                self._positions = {name: known[name] for name in self._names() if name in known}
                self._kept = dict(self._positions)

    def _keep(self, *, now: bool = False) -> None:
        """Write up to where the hub has the journals; without it, it is told some of them again, and takes them once."""
        at = asyncio.get_running_loop().time()
        if self._positions == self._kept or (not now and at - self._kept_at < _KEEP_EVERY):
            return
        self._kept_at = at
        try:
            files.write(self._folder / _POSITIONS, self._positions)
            self._kept = dict(self._positions)
        except HomeError as error:
            _log.debug("positions not kept", problem=str(error))

    async def _bounding(self) -> None:
        while True:
            try:
                self.bound()
            except Exception as error:
                _log.exception("outbox not bounded", problem=said(error))
            await asyncio.sleep(LOOK_EVERY / 2)

    def bound(self) -> None:
        """Drop the oldest journals while all of them are larger than they may be."""
        sizes: dict[str, int] = {}
        for name in self._names():
            with contextlib.suppress(FileNotFoundError):
                sizes[name] = (self._folder / name).stat().st_size
        total = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if total <= self._most:
                return
            last = max(other for other in sizes if _run(other) == _run(name))
            if name == last and self._written(name):
                continue  # it is being written to
            lost = count(self._folder / name, self._positions.get(name, 0))
            self._remove(name)
            total -= sizes[name]
            self.dropped += lost
            _log.warning("predictions dropped", count=lost, reason=f"more than {self._most:,} bytes wait for the hub")

    def _complain(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        if trouble:
            _log.warning("predictions not told", problem=trouble, kept="up to the limit of the outbox")
        else:
            _log.info("predictions told again")
        self._trouble = trouble


def _run(name: str) -> str:
    """The run of an outbox that writes a journal, of its name: sixteen digits of time, in ns, then those of the process id."""
    return name.partition("-")[0]


def _number(digits: str) -> int:
    try:
        return int(digits, 16)
    except ValueError:
        return 0
