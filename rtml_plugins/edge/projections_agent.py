"""The profiles of an edge, in the process of its supervisor: asks the hub for what workers need, once, and follows its changes.

Whatever a worker asks for is looked up on disk first. What is not there, or not fresh any more, is asked of the hub together with
all that is asked for within a few milliseconds, once for all workers. While the hub is away what is held is used up to its limit.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from rtml_core.errors import said
from rtml_plugins.edge import neighbours
from rtml_plugins.edge.hub_failures import AnswerTooLarge, AnswerUnread, HubFailed, ProfilesUnknown
from rtml_plugins.edge.neighbours import Gone, Held, Stale
from rtml_plugins.edge.projections_rows import AWAY, held_of, made, same, unknown
from rtml_plugins.edge.projections_store import FILE, Row, Store
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.projections import ASKED, LONGEST, SHORTEST, Projections, ProjectionsChanged

#: seconds in which questions are collected, and questions to the hub at one time
GATHER: Final = 0.002
_AT_ONCE: Final = 4
#: seconds that a profile is used until it is asked for again when the hub was away
_REFRESH: Final = 5.0
#: seconds that a question for changes waits at the hub; between questions while it fails, doubled up to the last; and at a hub
#: that knows of no profiles
WAIT: Final = 25.0
PAUSES: Final = (0.1, 2.0)
RARELY: Final = 60.0
#: an answer without news came too soon within so many seconds
_SOON: Final = 1.0
_PRUNE_EVERY: Final = 600.0
#: a cursor that no feed has: who asks with it has lost the thread, and the hub begins another feed
_LOST: Final = 2**53
#: profiles that are asked for anew at one time when nobody waits for them
_PIECE: Final = 250
#: profiles that the disk did not take and that are remembered for it
_OWED: Final = 100_000

_log: Final = logger("rtml.edge.projections")
R = TypeVar("R")


class Hub(Protocol):
    """What is asked of the hub: see uplink.Uplink."""

    async def projections(self, edge: str, region: str, keys: Any, /) -> Projections: ...

    async def projections_changed(
        self, edge: str, region: str, epoch: str, cursor: int, wait: float, /
    ) -> ProjectionsChanged: ...


class Line(Protocol):
    """A connection to a worker."""

    def send(self, data: bytes, /) -> None: ...


class ProjectionsAgent:
    """region: whose profiles. keep: seconds that a profile is used beyond its time while the hub is away. lines: to all
    workers."""

    def __init__(
        self,
        folder: Path,
        region: str,
        keep: float,
        lines: Callable[[], Iterable[Line]],
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ):
        self._folder = folder
        self._region = region
        self._keep = int(keep * 1e6)
        self._lines = lines
        self._clock = clock
        self._hub: Hub | None = None
        self._edge = ""
        self._store: Store | None = None
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="rtml-profiles")
        self._feed: tuple[str, int] | None = None  # epoch, and the cursor up to which changes are known
        self._heard = asyncio.Event()  # there is a feed to follow
        self._wanted: dict[str, set[Line]] = {}  # to be asked of the hub
        self._flying: dict[str, set[Line]] = {}  # being asked
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._moved: dict[str, int] = {}  # cursor of the newest change of what is being asked
        self._looks: list[set[str]] = []  # what changed while the disk was read, of each reading
        self._owed: set[str] = set()  # what the disk has of them is not to be used: it could not be written
        self._others = asyncio.Event()  # the disk may have what another feed told
        self._failed = -AWAY
        self._tasks: set[asyncio.Task[None]] = set()
        self._trouble = ""

    # ---- workers ------------------------------------------------------------------------------------------------

    def asked(self, line: Line, keys: list[str]) -> None:
        """A worker needs profiles."""
        self._spawn(self._look(line, keys))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except Exception as error:  # a fault of ours must not end the others
            _log.exception("profiles not looked up", problem=said(error))

    async def _look(self, line: Line, keys: list[str]) -> None:
        """Answer what is on disk, and have the rest asked for."""
        changed: set[str] = set()
        self._looks.append(changed)
        try:
            rows = await self._read(keys)
        finally:
            self._looks = [look for look in self._looks if look is not changed]
        now, epoch = self._clock(), None if self._feed is None else self._feed[0]
        answers: list[Held] = []
        wanted: list[str] = []
        away = self._hub is None or time.monotonic() - self._failed < AWAY
        for key in keys:
            row = None if key in self._owed else rows.get(key)
            if not SHORTEST <= len(key) <= LONGEST:  # no hub knows such a one, nor takes the question
                answers.append(unknown(key, now))
                continue
            if key in changed:
                self.asked(line, [key])
                continue
            if row is not None and now < row.until:
                if now < row.fresh and row.epoch == epoch:
                    answers.append(held_of(row))
                    continue
                answers.append(held_of(row, min(now + int(_REFRESH * 1e6), row.until)))
            elif away:
                answers.append(unknown(key, now))
            wanted.append(key)
        for data in neighbours.frames(answers):
            line.send(data)
        if not away:
            for key in wanted:
                (self._flying[key] if key in self._flying else self._wanted.setdefault(key, set())).add(line)
            if self._wanted:
                self._news.set()

    def _tell(self, message: neighbours.ToWorker) -> None:
        data = neighbours.frame(message)
        for line in list(self._lines()):
            line.send(data)

    # ---- the hub ------------------------------------------------------------------------------------------------

    async def run(self, hub: Hub, edge: str) -> None:
        """Ask and follow until cancelled. edge: its id at the hub."""
        self._hub, self._edge = hub, edge
        try:
            if self._feed is None and self._has_file():
                self._feed = await self._do(lambda store: store.feed())
            if self._feed is not None:
                self._heard.set()
                self._others.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._asking(), name="rtml-ask")
                group.create_task(self._following(), name="rtml-changes")
                group.create_task(self._renewing(), name="rtml-renew")
                group.create_task(self._pruning(), name="rtml-prune")
        finally:
            self._hub = None

    async def close(self) -> None:
        """End what is going on and close the file."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._store is not None:
            await asyncio.get_running_loop().run_in_executor(self._disk, self._store.close)
        self._disk.shutdown(wait=False)

    async def _asking(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER)
            await self._slots.acquire()
            self._news.clear()
            keys = list(self._wanted)[:ASKED]
            for key in keys:
                self._flying[key] = self._wanted.pop(key)
            if self._wanted:
                self._news.set()
            if keys:
                self._spawn(self._ask(keys))
            else:
                self._slots.release()

    async def _ask(self, keys: list[str], *, all_workers: bool = False) -> bool:
        """Ask the hub for profiles, and tell those who wait, or all workers; whether the hub answered."""
        try:
            return await self._ask_some(keys, all_workers)
        finally:
            self._slots.release()

    async def _ask_some(self, keys: list[str], all_workers: bool) -> bool:
        rows: list[Row] = []
        halved = False
        try:
            hub = self._hub
            if hub is None:
                return False
            answer = await hub.projections(self._edge, self._region, keys)
            self._settle(answer.epoch, answer.cursor)
            for key in keys:  # what the feed told before this answer was made is in it
                if self._moved.get(key, answer.cursor + 1) <= answer.cursor:
                    del self._moved[key]
            waited = [one for one in answer.projections if one.key in self._flying and one.key not in self._moved]
            rows, lost = made(waited, answer.epoch, self._clock(), self._keep)
            nobody = {row.profile.key for row in rows if not row.profile.found}
            forgotten = {key for key in nobody if not self._flying[key]}  # not even that there is no such person is kept
            kept = [row for row in rows if row.profile.key not in forgotten]
            if await self._put(kept, [*lost, *forgotten]):
                self._tell(Gone([*lost, *nobody]))
        except Exception as error:
            halved = isinstance(error, AnswerTooLarge) and len(keys) > 1
            if not halved:
                self._failed = time.monotonic()
                self._complain(str(error) if isinstance(error, HubFailed) else said(error))
                return False
        else:
            self._complain("")
            return True
        finally:
            if not halved:
                self._land(keys, {row.profile.key: row for row in rows}, all_workers)
        middle = len(keys) // 2
        first = await self._ask_some(keys[:middle], all_workers)
        return await self._ask_some(keys[middle:], all_workers) and first

    def _land(self, keys: list[str], rows: dict[str, Row], all_workers: bool) -> None:
        """Tell those who wait for these keys."""
        told: dict[Line, list[Held]] = {}
        now = self._clock()
        again: list[tuple[str, set[Line]]] = []
        for key in keys:
            lines = self._flying.pop(key, set())
            moved = self._moved.pop(key, None) is not None
            row = rows.get(key)
            if moved:  # the feed told what is newer than the answer
                again.append((key, lines))
                continue
            held = unknown(key, now) if row is None else held_of(row)
            for line in self._lines() if all_workers and row is not None else lines:
                told.setdefault(line, []).append(held)
        for line, helds in told.items():
            for data in neighbours.frames(helds):
                line.send(data)
        for key, lines in again:
            for line in lines:
                self.asked(line, [key])

    def _settle(self, epoch: str, cursor: int) -> None:
        """Follow the feed of this epoch; with another one than before, changes may have been missed."""
        if self._feed is not None and self._feed[0] == epoch:
            return
        if self._feed is not None:
            _log.info("profiles asked anew", reason="the hub's feed is another one than before")
            self._tell(Stale())
        self._feed = epoch, cursor
        self._heard.set()
        self._others.set()

    async def _renewing(self) -> None:
        """Ask for what another feed told, too, when nobody else does: of a person who was erased meanwhile no feed tells."""
        while True:
            await self._others.wait()
            self._others.clear()
            after = ""
            while keys := await self._told_by_others(after):
                began = time.monotonic()
                asked = [key for key in keys if key not in self._flying]
                if asked:
                    await self._slots.acquire()
                    asked = [key for key in asked if key not in self._flying]
                    for key in asked:
                        self._flying[key] = self._wanted.pop(key, set())
                    if not await self._ask(asked, all_workers=True):
                        await asyncio.sleep(_REFRESH * random.uniform(0.5, 1.0))
                        continue
                after = keys[-1]
                await asyncio.sleep(time.monotonic() - began)  # half of the hub's time is for others

    async def _told_by_others(self, after: str) -> list[str]:
        """The next keys on disk of which another feed told than the one that is followed."""
        feed = self._feed
        if feed is None or not self._has_file():
            return []
        try:
            return await self._do(lambda store: store.of_others(feed[0], after, self._clock(), _PIECE))
        except (sqlite3.Error, OSError) as error:
            _log.error("profiles on disk not read", problem=str(error))
            return []

    # ---- changes ------------------------------------------------------------------------------------------------

    async def _following(self) -> None:
        pause = PAUSES[0]
        while True:
            await self._heard.wait()
            hub, feed = self._hub, self._feed
            if hub is None or feed is None:  # it is being cancelled
                return
            epoch, cursor = feed
            began = time.monotonic()
            try:
                changed = await hub.projections_changed(self._edge, self._region, epoch, cursor, 0.0 if self._trouble else WAIT)
                await self._take(changed, epoch)
            except Exception as error:
                self._complain(str(error) if isinstance(error, HubFailed) else said(error))
                if isinstance(error, AnswerUnread) or not isinstance(error, HubFailed):
                    self._lose(epoch)
                if isinstance(error, ProfilesUnknown):
                    await asyncio.sleep(RARELY * random.uniform(0.5, 1.0))
            else:
                self._complain("")
                if changed.changed or changed.gone or time.monotonic() - began >= _SOON:
                    pause = PAUSES[0]
                    continue
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSES[1])

    def _lose(self, epoch: str) -> None:
        """What changed can't be taken in, now or later: have the hub begin another feed, so that all is asked for anew."""
        if self._feed is not None and self._feed[0] == epoch:
            self._feed = epoch, _LOST

    async def _take(self, changed: ProjectionsChanged, asked: str) -> None:
        """Take in what changed: workers first, then the disk."""
        held = await self._read([one.key for one in changed.changed])
        if self._feed is None or self._feed[0] != asked:
            return  # another epoch was met meanwhile
        rows, lost = made(changed.changed, changed.epoch, self._clock(), self._keep)
        gone = [*changed.gone, *lost]
        for key in (*(one.key for one in changed.changed), *changed.gone):
            if key in self._flying:
                self._moved[key] = changed.cursor
            for look in self._looks:
                look.add(key)
        if gone:
            self._tell(Gone(gone))
        # A person changes with each event and each score that is written; often nothing of it is what this region sees.
        seen = [held_of(row) for row in rows if row.profile.key not in held or not same(row, held[row.profile.key])]
        lines = list(self._lines())
        for data in neighbours.frames(seen):
            for line in lines:
                line.send(data)
        if changed.epoch != asked:
            self._settle(changed.epoch, changed.cursor)
        self._feed = changed.epoch, changed.cursor
        # of profiles that are not on disk any more nothing is kept
        await self._put([row for row in rows if row.profile.key in held], gone)

    # ---- disk ---------------------------------------------------------------------------------------------------

    def _has_file(self) -> bool:
        """Whether this edge was ever asked for a profile; else there is nothing to open."""
        return self._store is not None or (self._folder / FILE).exists()

    async def _do(self, work: Callable[[Store], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._disk, self._with_store, work)

    def _with_store(self, work: Callable[[Store], R]) -> R:
        if self._store is None:
            self._store = Store(self._folder)
        return work(self._store)

    async def _read(self, keys: list[str]) -> dict[str, Row]:
        try:
            return await self._do(lambda store: store.read(keys))
        except (sqlite3.Error, OSError) as error:
            _log.error("profiles on disk not read", problem=str(error))
            return {}

    async def _put(self, rows: list[Row], gone: Iterable[str] = ()) -> bool:
        """Write; a disk that takes nothing costs an edge that starts anew its profiles, and no request. Whether persons were
        forgotten who were there."""
        feed, keys = self._feed, list({*self._owed, *gone})
        try:
            forgotten = await self._do(lambda store: store.put(rows, keys, feed))
        except (sqlite3.Error, OSError, OverflowError) as error:
            _log.error("profiles not written", problem=str(error))
            self._owed.update(keys)
            if len(self._owed) < _OWED:
                self._owed.update(row.profile.key for row in rows)
            return True
        self._owed.difference_update(keys)
        return forgotten

    async def _pruning(self) -> None:
        while True:
            try:
                if self._has_file():
                    await self._do(lambda store: store.prune(self._clock()))
            except (sqlite3.Error, OSError) as error:
                _log.error("profiles not pruned", problem=str(error))
            await asyncio.sleep(_PRUNE_EVERY)

    def _complain(self, trouble: str) -> None:
        """Log what is wrong, once until it changes, and that it is right again."""
        if trouble == self._trouble:
            return
        if trouble:
            _log.warning("profiles not to be had", problem=trouble, served="what is held")
        else:
            _log.info("profiles to be had again")
        self._trouble = trouble
