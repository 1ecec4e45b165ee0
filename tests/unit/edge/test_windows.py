"""Windows of what all processes of an edge count: nothing is lost and nothing is told twice, whatever processes do."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.edge import backlog, metrics_text
from rtml_plugins.edge.backlog import Backlog
from rtml_plugins.edge.metrics import FOLDER, Figures, Histogram
from rtml_plugins.edge.values import SUFFIX, Counts, Side, Values
from rtml_plugins.edge.windows import Frame, Windows, joined
from rtml_plugins.serving.measures import SECONDS, Bins, Counted, VersionCounted, Window
from tests.unit.edge.packages import service, version

#: (service, version, what) -> count: a sum that windows and processes can be compared by
Sum = Counter[tuple[Any, ...]]
PACKAGES = {number: version(number).package for number in (1, 2)}


class Process:
    """A process that counts: what it has counted, and what of that stands in its files."""

    def __init__(self, folder: Path, pid: int):
        self.pid = pid
        self.requests: dict[tuple[str, str, str], Histogram] = {}
        self.values: dict[int, Counts] = {}
        self.written: Sum = Counter()
        self._now: Sum = Counter()
        self._path = folder / FOLDER / f"{pid}-{pid}"

    def ask(self, number: int, outcome: str, bucket: int) -> None:
        histogram = self.requests.setdefault(("churn", str(number), outcome), Histogram([0] * (len(SECONDS) + 1)))
        histogram.counts[bucket] += 1
        histogram.total += 0.25
        self._now["churn", number, outcome] += 1
        self._now["churn", number, "bucket", bucket] += 1
        self._now["churn", number, "quarters"] += 1

    def look(self, number: int, place: int) -> None:
        counts = self.values.get(number)
        if counts is None:
            side = Side(["x"], [[0, 0, 0]])
            other = Side(["y", "z"], [[0, 0, 0], [0, 0]])
            counts = self.values[number] = Counts(number, "churn", number, PACKAGES[number], 0, side, other)
        counts.rows += 1
        counts.inputs.counts[0][place] += 1
        counts.outputs.counts[0][2 - place] += 1
        counts.outputs.counts[1][0] += 1
        self._now["churn", number, "rows"] += 1
        self._now["churn", number, "x", place] += 1
        self._now["churn", number, "y", 2 - place] += 1
        self._now["churn", number, "z", 0] += 1

    def write(self) -> None:
        figures = Figures(self.pid, "http", "emea", 0.0, requests=list(self.requests.items()))
        self._path.with_name(f"{self._path.name}.figures").write_bytes(msgspec.msgpack.encode(figures))
        values = Values(self.pid, list(self.values.values()))
        self._path.with_name(f"{self._path.name}{SUFFIX}").write_bytes(msgspec.msgpack.encode(values))
        self.written = self._now.copy()


def summed(versions: Iterable[VersionCounted]) -> Sum:
    """What windows have, as processes count it."""
    found: Sum = Counter()
    for one in versions:
        of, counted = (one.service, one.version), one.counted
        assert one.package == PACKAGES[one.version]
        for outcome, number in counted.outcomes.items():
            found[(*of, outcome)] += number
        for bucket, number in enumerate(counted.latency):
            found[(*of, "bucket", bucket)] += number
        found[(*of, "quarters")] += round(counted.seconds * 4)
        found[(*of, "rows")] += counted.rows
        for name, bins in {**counted.inputs, **counted.outputs}.items():
            for place, number in enumerate([*bins.counts, bins.missing]):
                found[(*of, name, place)] += number
    return +found


whole = st.integers(0, 3)
numbers = st.sampled_from([1, 2])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), whole, numbers, st.sampled_from(["ok", "invalid"]), st.integers(0, len(SECONDS))),
        st.tuples(st.just("look"), whole, numbers, st.integers(0, 2)),
        st.tuples(st.just("write"), whole),
        st.tuples(st.just("write and die"), whole),
        st.tuples(st.just("die"), whole),
        st.tuples(st.just("form")),
        st.tuples(st.just("retire")),
    ),
    max_size=60,
)


@given(steps)
@settings(max_examples=60, deadline=None)
def test_all_windows_together_are_what_processes_had_written(steps: list[tuple[Any, ...]]) -> None:
    alive: set[int] = set()
    frames: list[Frame | None] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / FOLDER).mkdir()
        stack.enter_context(mock.patch.object(metrics_text, "alive", alive.__contains__))
        windows = Windows(folder)
        windows.know([service(1, 2)])
        slots: dict[int, Process] = {}
        everyone: list[Process] = []
        for what, *given in steps:
            if what == "form":
                frames.append(windows.form())
                continue
            if what == "retire":
                metrics_text.retire(folder)
                continue
            slot = given[0]
            if slot not in slots:
                slots[slot] = Process(folder, 100 + len(everyone))
                everyone.append(slots[slot])
                alive.add(slots[slot].pid)
            process = slots[slot]
            if what == "ask":
                process.ask(*given[1:])
            elif what == "look":
                process.look(*given[1:])
            elif what == "write":
                process.write()
            else:  # by a signal that leaves no time to write, or in order
                if what == "write and die":
                    process.write()
                alive.discard(process.pid)
                del slots[slot]
        frames += [windows.form(), windows.form()]
        assert frames[-1] is None
        left = [path.name for path in (folder / FOLDER).glob(f"*{SUFFIX}")]
        written = {process.pid for process in slots.values() if process._path.with_name(f"{process._path.name}{SUFFIX}").exists()}
        assert len(left) == len(written)  # files of processes that ended are removed
    total: Sum = Counter()
    for process in everyone:
        total += process.written
    told = [frame for frame in frames if frame is not None]
    assert sum((summed(frame.versions) for frame in told), Counter()) == total
    assert all(summed(frame.versions) for frame in told)  # only what is new
    if told:
        both = told[0]
        for frame in told[1:]:
            both = joined(both, frame)
        assert summed(both.versions) == total
        assert len(both.versions) == len({(one.service, one.version) for one in both.versions})


def test_a_window_spans_the_time_since_the_one_before_even_when_the_clock_is_set(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    now = {"clock": 1000.0, "passed": 5.0}
    windows = Windows(tmp_path, lambda: now["clock"], lambda: now["passed"])
    windows.know([service(1)])
    process = Process(tmp_path, 1)
    for clock, passed, since in ((1005.0, 10.0, 1000.0), (1010.5, 15.5, 1005.0), (200.0, 20.5, 195.0)):
        now.update(clock=clock, passed=passed)
        process.ask(1, "ok", 0)
        process.write()
        frame = windows.form()
        assert frame is not None
        assert (frame.since, frame.until) == (since, clock)


def test_requests_of_a_version_that_is_not_known_wait_until_it_is(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    process = Process(tmp_path, 1)
    process.ask(1, "ok", 0)
    process.requests["other", "other", "other"] = process.requests["", "0", "invalid"] = Histogram([1] * (len(SECONDS) + 1))
    process.write()
    windows = Windows(tmp_path)
    assert windows.form() is None
    windows.know([service(1)])
    frame = windows.form()
    assert frame is not None
    assert summed(frame.versions)["churn", 1, "ok"] == 1
    assert len(frame.versions) == 1


def test_counts_that_begin_anew_are_told_whole(tmp_path: Path) -> None:
    """A version that is served again after it was gone has another serial number in the same file."""
    (tmp_path / FOLDER).mkdir()
    windows, process = Windows(tmp_path), Process(tmp_path, 1)
    for _ in range(3):
        process.look(1, 0)
    process.write()
    first = windows.form()
    process.values.clear()
    process.look(1, 1)
    process.values[1].serial = 7
    process.write()
    second = windows.form()
    assert first is not None
    assert second is not None
    assert summed(first.versions)["churn", 1, "rows"] == 3
    anew = (("rows",), ("x", 1), ("y", 1), ("z", 0))
    assert summed(second.versions) == Counter({("churn", 1, *what): 1 for what in anew})


@pytest.mark.parametrize("name", ["1-1.figures", f"1-1{SUFFIX}"])
def test_a_file_that_can_not_be_read_is_told_when_it_can(tmp_path: Path, name: str) -> None:
    (tmp_path / FOLDER).mkdir()
    windows, process = Windows(tmp_path), Process(tmp_path, 1)
    windows.know([service(1)])
    process.ask(1, "ok", 0)
    process.look(1, 0)
    process.write()
    whole = (tmp_path / FOLDER / name).read_bytes()
    (tmp_path / FOLDER / name).write_bytes(whole[:-3])
    with mock.patch.object(metrics_text, "alive", {1}.__contains__):
        first = windows.form()
        (tmp_path / FOLDER / name).write_bytes(whole)
        second = windows.form()
    assert first is not None
    assert second is not None
    assert summed(first.versions) + summed(second.versions) == process.written


# ---- what waits for the hub -------------------------------------------------------------------------------------------------


def frame(at: int, *numbers: int, columns: int = 1) -> Frame:
    """Five seconds in which each of these versions answered one request."""
    bins = {f"a field with a name {column}{'!' * (100 * (columns > 1000))}": Bins([at, 1], 2) for column in range(columns)}
    counted = [Counted({"ok": 1}, [0, 1], 0.5, 1, dict(bins), {}) for _ in numbers]
    versions = [VersionCounted("churn", number, f"{number:064x}", one) for number, one in zip(numbers, counted, strict=True)]
    return Frame(5.0 * at, 5.0 * at + 5, versions)


def windows_of(batch: list[backlog.Numbered]) -> list[Window]:
    found = [msgspec.json.decode(window.data, type=Window) for window in batch]
    assert [window.number for window in found] == [window.number for window in batch]
    return found


def test_neighbours_that_span_least_are_joined_when_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST", 4)
    waiting = Backlog()
    for at in range(8):
        waiting.add(frame(at, 1, at % 2 + 2))
        assert len(waiting) <= 4
    found = windows_of(waiting.batch())
    assert [(window.since, window.until) for window in found] == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert [window.number for window in found] == [1, 2, 3, 4]
    for window in found:
        assert {one.version: one.counted.outcomes["ok"] for one in window.versions} == {1: 2, 2: 1, 3: 1}
    first = next(one for one in found[0].versions if one.version == 1).counted
    assert first == Counted({"ok": 2}, [0, 2], 1.0, 2, {"a field with a name 0": Bins([1, 2], 4)})


def test_what_was_sent_stays_as_it_is_until_the_hub_says_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST", 2)
    waiting = Backlog()
    for at in range(2):
        waiting.add(frame(at, 1))
    sent = waiting.batch()
    for at in range(2, 8):  # are joined among themselves
        waiting.add(frame(at, 1))
    assert waiting.batch() == sent
    assert not waiting.taken(0)
    assert waiting.batch() == sent
    assert waiting.taken(1)
    assert waiting.batch() == sent[1:]
    assert waiting.taken(2)
    rest = windows_of(waiting.batch())
    assert [(window.number, window.since, window.until) for window in rest] == [(3, 10, 20), (4, 20, 40)]
    assert waiting.taken(4)
    assert (len(waiting), waiting.batch()) == (0, [])


def test_messages_are_small_enough_for_the_hub_and_nothing_is_left_out() -> None:
    waiting = Backlog()
    for at in range(5):
        waiting.add(frame(at, *range(1, 41), columns=200))
    bodies, found = 0, Counter[int]()
    while batch := waiting.batch():
        assert sum(len(window.data) for window in batch) < backlog.MOST_BYTES
        assert len(batch) <= backlog.MOST_WINDOWS
        for window in windows_of(batch):
            assert len(msgspec.json.encode(window)) <= backlog.LARGEST + 1000
            found.update(one.version for one in window.versions)
        bodies += 1
        assert waiting.taken(batch[-1].number)
    assert found == dict.fromkeys(range(1, 41), 5)
    assert bodies > 1


def test_a_version_that_is_too_large_is_told_without_its_values(caplog: pytest.LogCaptureFixture) -> None:
    waiting = Backlog()
    waiting.add(frame(0, 1, columns=9_000))
    (window,) = windows_of(waiting.batch())
    assert window.versions[0].counted == Counted({"ok": 1}, [0, 1], 0.5)
    assert [record.message for record in caplog.records] == ["values too large to be told"]


def test_windows_are_sent_one_by_one_when_one_of_them_was_refused() -> None:
    waiting = Backlog()
    for at in range(3):
        waiting.add(frame(at, 1))
    assert len(waiting.batch()) == 3
    waiting.one_by_one(2)
    assert [window.number for window in waiting.batch()] == [1]
    waiting.taken(1)
    assert [window.number for window in waiting.batch()] == [2]
    waiting.taken(2)
    assert [window.number for window in waiting.batch()] == [3]


class ModelHub:
    """Takes windows as a hub does: each number of a run once, and all of a message or nothing."""

    def __init__(self) -> None:
        self.number = 0
        self.got: Counter[int] = Counter()
        self.spans: list[tuple[float, float]] = []

    def take(self, batch: list[backlog.Numbered]) -> int:
        for window in windows_of(batch):
            if window.number > self.number:
                self.number = window.number
                self.spans.append((window.since, window.until))
                for one in window.versions:
                    self.got[one.version] += one.counted.outcomes["ok"]
        return self.number


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("counted"), st.sets(st.integers(1, 4), min_size=1)),
        st.tuples(st.sampled_from(["taken", "taken and not said", "away", "one by one"])),
    ),
    max_size=40,
)


@given(happenings, st.integers(1, 5), st.integers(1, 4), st.sampled_from([1, 200, 10_000]))
@settings(max_examples=100, deadline=None)
def test_a_hub_gets_each_count_once_whatever_happens_on_the_way(
    happenings: list[tuple[Any, ...]], most: int, windows: int, largest: int
) -> None:
    hub, waiting, counted = ModelHub(), Backlog(), Counter[int]()
    with ExitStack() as stack:
        for name, value in (("MOST", most), ("MOST_WINDOWS", windows), ("LARGEST", largest)):
            stack.enter_context(mock.patch.object(backlog, name, value))
        for at, (what, *given) in enumerate(happenings):
            batch = waiting.batch() if what != "counted" else []
            if what == "counted":
                waiting.add(frame(at, *given[0]))
                counted.update(given[0])
            elif batch and what == "taken":
                assert waiting.taken(hub.take(batch))
            elif batch and what == "taken and not said":
                hub.take(batch)
            elif batch and what == "one by one":
                waiting.one_by_one(batch[-1].number)
                assert len(waiting.batch()) == 1
        while batch := waiting.batch():
            assert waiting.taken(hub.take(batch))
    assert hub.got == counted
    assert len(waiting) == 0
    assert hub.spans == sorted(hub.spans)
