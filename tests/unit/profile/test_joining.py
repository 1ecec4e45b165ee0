"""Small inputs that come at the same time: one batch for all of them, and each is told what became of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from rtml_plugins.profile.collector import Collected, Collector
from rtml_plugins.profile.home import DataHome, open_home
from rtml_plugins.profile.identity import Identity
from rtml_plugins.xdm.datasets_batch import Batch, Incoming
from rtml_plugins.xdm.datasets_folder import DatasetError
from tests.unit.profile.shop import event, lines

ECID = Identity("ECID", "38652")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[DataHome]:
    with open_home(tmp_path / "data", "memory:") as opened:
        Collector(opened).collect(lines([event(0)]), "shop-event", "web")
        yield opened


def at_once(home: DataHome, inputs: Sequence[list[Any]], **options: Any) -> list[Collected | DatasetError]:
    """What becomes of inputs that come while a batch of the dataset is being written."""

    def collect(documents: list[Any]) -> Collected | DatasetError:
        try:
            return Collector(home).collect(lines(documents), "shop-event", "web", **options)
        except DatasetError as error:
            return error

    with ThreadPoolExecutor(len(inputs)) as pool:
        with home.datasets.begin("web"):
            found = [pool.submit(collect, inputs[0])]
            queue = home.joining._queues[home.datasets.get("web").uid]
            wait(lambda: queue.busy and not queue.waiting)  # the first one leads, and waits for the open batch
            found += [pool.submit(collect, documents) for documents in inputs[1:]]
            wait(lambda: len(queue.waiting) == len(inputs) - 1)
        return [one.result() for one in found]


def wait(fine: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not fine():
        assert time.monotonic() < until
        time.sleep(0.001)


def batches(home: DataHome) -> int:
    return home.datasets.catalog.last_batch(home.datasets.get("web").uid)


def test_those_that_come_while_a_batch_is_written_share_the_next(home: DataHome) -> None:
    found = at_once(home, [[event(number)] for number in range(1, 21)])
    assert all(isinstance(one, Collected) and (one.accepted, one.refused_count) == (1, 0) for one in found)
    assert batches(home) == 3  # the one before, the one that led, all others
    assert {one.id for one in home.datasets.documents("web")} == {f"e{number}" for number in range(21)}
    assert len(home.profiles.events(ECID, limit=100)) == 21


def test_each_is_told_of_its_own_records(home: DataHome) -> None:
    wrong = event(5, eventType=7)
    given = [[event(1), event(2)], [event(3), wrong], [event(4)], [event(4)]]
    one, two, three, four = cast(list[Collected], at_once(home, given, threshold=0.5))
    assert (one.accepted, one.read) == (2, 2)
    assert (two.accepted, two.refused_count, two.refused[0].problems[0].at) == (1, 1, "/eventType")
    assert sorted([(three.accepted, three.duplicates), (four.accepted, four.duplicates)]) == [(0, 1), (1, 0)]
    assert home.datasets.show("web").records == 5


def test_one_that_can_not_be_written_keeps_no_other_from_being_so(home: DataHome, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Batch.add

    def picky(self: Batch, records: Sequence[Incoming]) -> list[bool]:
        if any(record.id == "e3" for record in records):
            raise DatasetError("e3 can't be written")
        return add(self, records)

    monkeypatch.setattr(Batch, "add", picky)
    found = at_once(home, [[event(number)] for number in range(1, 6)])
    assert [isinstance(one, Collected) for one in found] == [True, True, False, True, True]
    assert str(found[2]) == "e3 can't be written"
    assert {one.id for one in home.datasets.documents("web")} == {"e0", "e1", "e2", "e4", "e5"}
    assert batches(home) <= 6


def test_small_parts_become_one_while_events_keep_coming(home: DataHome) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = range(1, 161)
        done = list(pool.map(lambda n: Collector(home).collect(lines([event(n)]), "shop-event", "web"), numbers))
    assert sum(one.accepted for one in done) == 160
    shown = home.datasets.show("web")
    assert shown.records == 161
    assert shown.parts <= 16
