"""A hub that knows persons, as an object: what an edge asks of one over HTTP, without the HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from rtml_plugins.edge.hub_failures import AnswerTooLarge, HubFailed, PredictionsRefused
from rtml_plugins.edge.persons import Persons
from rtml_plugins.edge.projections import Profiles
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.predictions import Prediction
from rtml_plugins.serving.projections import Projection, Projections, ProjectionsChanged


class KnownHub:
    """asked: the keys of each question. away: it answers nothing. slow: answers wait for this event. most: persons
    in one answer that is not too large. unread: raised in place of changes."""

    def __init__(self, **profiles: dict[str, Any]) -> None:
        keys = {name: name.replace("_", ":") for name in profiles}
        self.profiles = {keys[name]: Projection(keys[name], True, keys[name], told) for name, told in profiles.items()}
        self.asked: list[list[str]] = []
        self.away = False
        self.slow: asyncio.Event | None = None
        self.epoch, self.cursor = "one", 1
        self.changes: list[tuple[int, str]] = []
        self.news = asyncio.Condition()
        self.taken: dict[str, int] = {}
        self.told: list[Prediction] = []
        self.posts = 0
        self.refuses = ""
        self.most = 1000
        self.unread: HubFailed | None = None

    async def tell(self, key: str, told: dict[str, Any] | None, **others: Any) -> None:
        """A person is this now; None: erased."""
        async with self.news:
            self.cursor += 1
            if told is None:
                self.profiles.pop(key, None)
            else:
                before = self.profiles.get(key, Projection(key))
                self.profiles[key] = Projection(key, True, key, told, version=before.version + 1, **others)
            self.changes.append((self.cursor, key))
            self.news.notify_all()

    async def begin_anew(self) -> None:
        """What an edge knows of changes is not worth anything any more."""
        async with self.news:
            self.epoch, self.cursor, self.changes = self.epoch + "+", 1, []
            self.news.notify_all()

    def _answer(self) -> None:
        if self.away:
            raise HubFailed("the hub can't be reached")

    async def projections(self, edge: str, region: str, keys: Sequence[str]) -> Projections:
        self.asked.append(list(keys))
        self._answer()
        if len(keys) > self.most:
            raise AnswerTooLarge("the hub answered with more than an edge takes")
        answer = Projections(self.epoch, self.cursor, tuple(self.profiles.get(key, Projection(key)) for key in keys))
        if self.slow is not None:
            await self.slow.wait()
        return answer

    async def projections_changed(self, edge: str, region: str, epoch: str, cursor: int, wait: float) -> ProjectionsChanged:
        self._answer()
        if epoch == self.epoch and cursor > self.cursor:  # as it does when it is asked with a cursor that it never told
            await self.begin_anew()
        async with self.news:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self.news.wait_for(lambda: epoch != self.epoch or self.cursor > cursor)
            if epoch != self.epoch:
                return ProjectionsChanged(self.epoch, self.cursor)
            keys = list(dict.fromkeys(key for at, key in self.changes if at > cursor))
            if keys and self.unread:
                raise self.unread
            changed = tuple(self.profiles[key] for key in keys if key in self.profiles)
            return ProjectionsChanged(self.epoch, self.cursor, changed, tuple(key for key in keys if key not in self.profiles))

    async def predictions(self, edge: str, region: str, run: str, first: int, records: Sequence[bytes]) -> int:
        self.posts += 1
        self._answer()
        if self.refuses and any(self.refuses.encode() in record for record in records):
            raise PredictionsRefused("a record is not as it should be")
        before = self.taken.get(run, 0)
        fresh = records[max(0, before - first + 1) :]
        self.told += [msgspec.json.decode(record, type=Prediction) for record in fresh]
        self.taken[run] = max(before, first + len(records) - 1)
        return self.taken[run]


@asynccontextmanager
async def persons(folder: Path, hub: KnownHub, **settings: Any) -> AsyncIterator[Persons]:
    """What the supervisor's process runs."""
    one = Persons(EdgeSettings(home=str(folder), region="emea", **settings), lambda: ())
    await one.listen()
    running = asyncio.create_task(one.run(hub, "edge-1"))
    try:
        yield one
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await one.close()


@asynccontextmanager
async def worker(folder: Path, most: int = 1 << 20) -> AsyncIterator[Profiles]:
    """What a worker has of profiles."""
    profiles = Profiles(folder, most)
    try:
        yield profiles
    finally:
        await profiles.stop()


async def until(fine: Any, seconds: float = 20.0) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(seconds):
        while not fine():
            await asyncio.sleep(0.002)
