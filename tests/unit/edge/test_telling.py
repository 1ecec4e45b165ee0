"""Telling a hub what was counted, over real sockets: each window once, whatever the hub does."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_plugins.edge import metrics, telling
from rtml_plugins.edge.keyfile import HubKey
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.telling import Teller
from rtml_plugins.edge.uplink import Uplink
from rtml_plugins.serving.measures import Measures
from tests.unit.edge.packages import service
from tests.unit.edge.stub_hub import StubHub, stub_hub
from tests.unit.edge.test_agent import until
from tests.unit.edge.test_windows import Process, Sum, summed


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("EVERY", 0.02), ("AGAIN", 0.03), ("RARELY", 0.1)):
        monkeypatch.setattr(telling, name, seconds)


class Counting:
    """Requests that a process counts, one file after each."""

    def __init__(self, folder: Path):
        (folder / metrics.FOLDER).mkdir(exist_ok=True)
        self._process = Process(folder, 1)

    def requests(self, count: int) -> None:
        for _ in range(count):
            self._process.ask(1, "ok", 3)
            self._process.look(1, 1)
        self._process.write()

    @property
    def total(self) -> Sum:
        return self._process.written


@asynccontextmanager
async def telling_to(hub: str, folder: Path) -> AsyncIterator[Teller]:
    uplink = Uplink(hub, "emea", HubKey())
    teller = Teller(EdgeSettings(home=str(folder), region="emea"), uplink, "edge-1", lambda: [service(1, 2)])
    task = asyncio.create_task(teller.run())
    try:
        yield teller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await uplink.close()


def got(hub: StubHub) -> Sum:
    return sum((summed(window.versions) for window in list(hub.windows)), Counter())


def lost(times: int) -> Callable[[Any], bool]:
    """A hub that takes windows and is cut off before it can say so, so many times."""
    left = [times]

    def odd(handler: Any) -> bool:
        if left[0] == 0 or handler.command != "POST":
            return False
        left[0] -= 1
        handler.answer = lambda *_, **__: None
        handler.take()
        handler.close_connection = True
        return True

    return odd


def test_what_is_counted_comes_once_in_windows_that_follow_each_other(tmp_path: Path) -> None:
    counting = Counting(tmp_path)

    async def scenario(hub: StubHub) -> None:
        async with telling_to(hub.url, tmp_path):
            for _ in range(4):
                before = len(hub.windows)
                counting.requests(3)
                await until(lambda before=before: len(hub.windows) > before)
        assert got(hub) == counting.total
        assert [window.number for window in hub.windows] == list(range(1, len(hub.windows) + 1))
        times = [(window.since, window.until) for window in hub.windows]
        assert all(one[0] < one[1] <= other[0] + 0.002 for one, other in pairwise(times))
        assert hub.seen[0][1] == "/v1/edges/edge-1/measures"

    with stub_hub() as hub:
        asyncio.run(scenario(hub))


def test_nothing_is_lost_or_told_twice_when_answers_are_lost_and_the_hub_is_away(tmp_path: Path) -> None:
    counting = Counting(tmp_path)

    async def scenario(hub: StubHub) -> int:
        async with telling_to(hub.url, tmp_path) as teller:
            hub.behave(lost(3))
            for _ in range(5):
                counting.requests(2)
                await asyncio.sleep(0.03)
            await until(lambda: got(hub) == counting.total)
            hub.behave(lambda handler: handler.answer(503) is None)
            counting.requests(1)
            await asyncio.sleep(0.1)
            hub.behave(None)
            counting.requests(1)
            await until(lambda: got(hub) == counting.total)
            await until(lambda: not teller._backlog)
            return len(hub.windows)

    with stub_hub() as hub:
        assert asyncio.run(scenario(hub)) == len({window.number for window in hub.windows})


def test_a_hub_that_was_never_there_gets_all_of_it_when_it_comes(tmp_path: Path) -> None:
    counting = Counting(tmp_path)
    with stub_hub() as first:
        port = int(first.url.rpartition(":")[2])

    async def scenario() -> None:
        async with telling_to(first.url, tmp_path) as teller:
            for _ in range(3):
                counting.requests(1)
                await asyncio.sleep(0.05)
            await until(lambda: len(teller._backlog) > 1)
            with stub_hub(port) as hub:
                await until(lambda: got(hub) == counting.total)

    asyncio.run(scenario())


def test_a_hub_that_is_too_old_is_asked_rarely_and_told_when_it_is_new(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counting = Counting(tmp_path)
    caplog.set_level("INFO", "rtml.edge.measuring")

    async def scenario(hub: StubHub) -> None:
        hub.measures = False
        async with telling_to(hub.url, tmp_path):
            counting.requests(1)
            await until(lambda: len(hub.seen) >= 3)
            hub.measures = True
            counting.requests(1)
            await until(lambda: got(hub) == counting.total)

    with stub_hub() as hub:
        asyncio.run(scenario(hub))
    assert [record.message for record in caplog.records] == ["hub takes no measures"]


def test_a_window_that_the_hub_refuses_is_left_out_and_the_others_come(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counting = Counting(tmp_path)
    sent: list[list[int]] = []

    def picky(handler: Any) -> bool:
        """Takes no window 2."""
        if handler.command != "POST":
            return False
        numbers = [window.number for window in msgspec.json.decode(handler.body, type=Measures).windows]
        sent.append(numbers)
        if 2 not in numbers:
            return False
        handler.answer(422, b'{"detail": "no such thing"}', content_type="application/json")
        return True

    async def scenario(hub: StubHub) -> None:
        hub.behave(lambda handler: handler.answer(500) is None)
        async with telling_to(hub.url, tmp_path) as teller:
            for _ in range(4):
                before = len(teller._backlog)
                counting.requests(1)
                await until(lambda before=before: len(teller._backlog) > before)
            hub.behave(picky)
            counting.requests(1)
            await until(lambda: got(hub)["churn", 1, "ok"] == 4)

    with stub_hub() as hub:
        asyncio.run(scenario(hub))
    refused = [record for record in caplog.records if record.message == "a window was refused and is lost"]
    assert len(refused) == 1
    assert sent.count([2]) == 1
    assert 2 not in {window.number for window in hub.windows}


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"number": "2"}', b'{"number": 0}', b'{"number": -5}', b"\xff"])
def test_an_answer_that_says_nothing_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    counting = Counting(tmp_path)

    async def scenario(hub: StubHub) -> None:
        hub.behave(lambda handler: handler.answer(200, answer) is None)
        async with telling_to(hub.url, tmp_path):
            counting.requests(1)
            await until(lambda: len(hub.seen) >= 3)
            hub.behave(None)
            await until(lambda: got(hub) == counting.total)

    with stub_hub() as hub:
        asyncio.run(scenario(hub))


def test_a_hub_that_says_it_has_more_than_it_was_told_is_not_believed(tmp_path: Path) -> None:
    counting = Counting(tmp_path)

    async def scenario(hub: StubHub) -> None:
        hub.behave(lambda handler: handler.answer(200, b'{"number": 1000000}') is None)
        async with telling_to(hub.url, tmp_path) as teller:
            counting.requests(1)
            await until(lambda: hub.seen and not teller._backlog)
            hub.behave(None)
            counting.requests(1)
            await until(lambda: hub.windows)
            assert [window.number for window in hub.windows] == [2]

    with stub_hub() as hub:
        asyncio.run(scenario(hub))


def test_the_last_window_is_told_at_the_end_and_a_hub_that_is_silent_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_LAST", 0.2)
    counting = Counting(tmp_path)

    async def scenario(hub: StubHub) -> None:
        async with telling_to(hub.url, tmp_path) as teller:
            await asyncio.sleep(0)
        counting.requests(2)
        uplink = Uplink(hub.url, "emea", HubKey())
        monkeypatch.setattr(teller, "_uplink", uplink)
        release = asyncio.Event()
        loop = asyncio.get_running_loop()
        hub.behave(lambda handler: asyncio.run_coroutine_threadsafe(release.wait(), loop).result() and False)
        await teller.last()  # returns
        assert not hub.windows
        release.set()
        hub.behave(None)
        await teller.last()
        assert got(hub) == counting.total
        await uplink.close()

    with stub_hub() as hub:
        asyncio.run(scenario(hub))
