"""Predictions about persons: kept in a journal, sent in order and once, whoever is killed or away; bounded on disk."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core import operators as op
from rtml_core.boundary import Parts
from rtml_core.runtime import Runtime
from rtml_plugins.edge import metrics, outbox
from rtml_plugins.edge.hub_failures import HubFailed
from rtml_plugins.edge.loading import Loaded
from rtml_plugins.edge.outbox import FOLDER, HEAD, Outbox
from rtml_plugins.edge.outbox_reading import Journal, Record, batches, count
from rtml_plugins.edge.outbox_sending import Sender
from tests.unit.edge.known import KnownHub, until

_SCHEMA = {
    "x": "float?",
    "n": "int",
    "ok": "bool?",
    "word": "string?",
    "seen": "timestamp?",
}


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    compiled = (op.Receiver(schema=_SCHEMA) >> op.FieldOps(ops=[{"set": "y", "to": "n + 1"}])).compile()
    runtime = Runtime.from_bytes(compiled.data)
    scorer: Any = None
    return Loaded("churn", 3, runtime.id, runtime, scorer)


def add(box: Outbox, loaded: Loaded, number: int, *, rows: int = 1, event: bytes | None = None, **values: Any) -> None:
    """A prediction for visitor `number`, of whom these values were seen."""
    row = loaded.runtime.json.decode(
        msgspec.json.encode({"n": number, "x": None, "ok": None, "word": None, "seen": None, **values})
    )[0]
    parts = [Parts(b'{"ECID": "%d"}' % number, event)] * rows
    answer = b"[" + b",".join([b'{"y":%d.0}' % (number + 1)] * rows) + b"]"
    box.add(box.layout(loaded), f"r{number}", 100, parts, [row] * rows, answer)


def sender(folder: Path, most: int = 1 << 30, alive: bool = True) -> Sender:
    return Sender(folder, "emea", most, lambda _: alive, began=0)


def journals(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.journal"))


def numbers(hub: KnownHub) -> list[int]:
    return [one.values["n"] for one in hub.told]


# ---- what is told -------------------------------------------------------------------------------------------------------


def test_a_prediction_is_told_with_the_values_that_the_model_saw(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        heard: list[str] = []
        box, hub = Outbox(tmp_path, 1 << 30, heard.append), KnownHub()
        event = b'{"_id": "e-1", "web": {"visits": 2}, "identityMap": {"ECID": [{"id": "other"}]}}'
        before = time.time_ns() // 1000
        add(box, loaded, 1, event=event, x=0.1, ok=True, word="größe", seen="2026-01-31T10:15:00.25Z")
        add(box, loaded, 2)
        await until(lambda: heard)
        await sender(tmp_path).send(hub, "edge-1")
        one, two = hub.told
        assert before <= one.at <= two.at <= time.time_ns() // 1000
        assert (one.id, one.service, one.version, one.event) == ("r1", "churn", 3, "e-1")
        assert one.identity == {"ECID": [{"id": "1"}]}
        assert one.values == {"x": 0.1, "n": 1, "ok": True, "word": "größe", "seen": "2026-01-31T10:15:00.250000Z"}
        assert one.outputs == {"y": 2.0}
        assert two.values == {"x": None, "n": 2, "ok": None, "word": None, "seen": None}
        # what is told is what a plain request would have held
        assert loaded.runtime.json.decode(msgspec.json.encode(one.values)) == loaded.runtime.json.decode(
            msgspec.json.encode({"x": 0.1, "n": 1, "ok": True, "word": "größe", "seen": "2026-01-31T10:15:00.25Z"})
        )
        box.close()

    run(work())


def test_rows_of_one_request_are_numbered_and_an_event_says_who(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        row = loaded.runtime.json.sample()
        identity_map = b'{"identityMap": {"Email": [{"id": "a@b", "primary": true}]}, "_id": 5}'
        box.add(
            box.layout(loaded),
            "many",
            99,
            [Parts(None, identity_map), Parts(b'{"crm": [{"id": "7"}]}', b"[]")],
            [row, row],
            b'[{"y":1.0},{"y":2.0}]',
        )
        large = b'{"filler": "%b", "_id": "e-9", "identityMap": {"ECID": [{"id": "9"}]}}' % (b"x" * 10_000)
        box.add(box.layout(loaded), "large", len(large), [Parts(None, large)], [row], b'[{"y":3.0}]')
        box.close()
        assert b"xxxx" not in journals(tmp_path)[0].read_bytes()  # of a large event only what is told
        await sender(tmp_path).send(hub, "edge-1")
        assert [(one.id, one.identity, one.event, one.outputs["y"]) for one in hub.told] == [
            ("many/0", {"Email": [{"id": "a@b", "primary": True}]}, "", 1.0),
            ("many/1", {"crm": [{"id": "7"}]}, "", 2.0),
            ("large", {"ECID": [{"id": "9"}]}, "e-9", 3.0),
        ]

    run(work())


# ---- in order, once -----------------------------------------------------------------------------------------------------


def test_many_are_told_in_order_and_their_journal_goes(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        for number in range(12_000):
            add(box, loaded, number)
            if number % 1000 == 999:
                box.flush()
        one = sender(tmp_path)
        await one.send(hub, "edge-1")
        assert numbers(hub) == list(range(12_000))
        assert len(journals(tmp_path)) == 1  # it is being written to
        box.close()
        await one.send(hub, "edge-1")
        assert journals(tmp_path) == []
        add(box, loaded, 12_000)
        box.close()
        await one.send(hub, "edge-1")
        assert numbers(hub)[-1] == 12_000
        assert hub.taken == {next(iter(hub.taken)): 12_001}

    run(work())


def test_what_a_hub_took_without_saying_so_is_told_once(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        for number in range(50):
            add(box, loaded, number)
        box.close()
        real, lost = hub.predictions, [True, False, False]

        async def forgetful(*given: Any) -> int:
            answer = await real(*given)
            if lost.pop(0):
                raise HubFailed("the connection was closed")
            return answer

        hub.predictions = forgetful  # type: ignore[method-assign]
        one = sender(tmp_path)
        with pytest.raises(HubFailed):
            await one.send(hub, "edge-1")
        await sender(tmp_path).send(hub, "edge-1")  # after a restart
        assert numbers(hub) == list(range(50))
        assert journals(tmp_path) == []

    run(work())


def test_an_edge_that_starts_anew_goes_on_where_it_was(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        for number in range(10):
            add(box, loaded, number)
            box.flush()
        one = sender(tmp_path)
        await one.send(hub, "edge-1")
        one._keep(now=True)
        add(box, loaded, 10)
        box.flush()
        hub.taken.clear()  # it would take everything again
        again = sender(tmp_path, alive=False)
        again._recover()
        await again.send(hub, "edge-1")
        assert numbers(hub) == list(range(11))
        assert journals(tmp_path) == []
        box.close()

    run(work())


def test_several_workers_do_not_wait_for_each_other(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        hub = KnownHub()
        boxes = [Outbox(tmp_path, 1 << 30, len) for _ in range(3)]
        for number in range(30):
            add(boxes[number % 3], loaded, number)
        for box in boxes:
            box.flush()
        await sender(tmp_path).send(hub, "edge-1")
        assert sorted(numbers(hub)) == list(range(30))
        for of in range(3):
            assert [n for n in numbers(hub) if n % 3 == of] == list(range(of, 30, 3))
        assert sorted(hub.taken.values()) == [10, 10, 10]
        for box in boxes:
            box.close()

    run(work())


# ---- what goes wrong ----------------------------------------------------------------------------------------------------

_WORKER = """
import asyncio, sys
from pathlib import Path
from rtml_core.boundary import Parts
from rtml_core.package import FieldEntry
from rtml_plugins.edge.outbox import Layout, Outbox

async def main():
    box = Outbox(Path(sys.argv[1]), 1 << 30, lambda name: print("written", flush=True))
    box._layouts["churn"] = Layout(0, "churn", 1, [("n", "int")])
    for number in range(10**9):
        box.add(0, f"r{number}", 50, [Parts(b'{"ECID": "1"}')], ((number,),), b'[{"y":1.0}]')
        if number % 50 == 0:
            await asyncio.sleep(0)

asyncio.run(main())
"""


def whole(path: Path) -> int:
    """Predictions in those frames that are there to their end."""
    data, at, total = path.read_bytes(), 0, 0
    while at + HEAD.size <= len(data):
        size, number = HEAD.unpack_from(data, at)
        at += HEAD.size + size
        total += number if at <= len(data) else 0
    return total


def test_what_a_killed_worker_had_written_is_told(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "written\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    async def work() -> None:
        hub = KnownHub()
        (path,) = journals(tmp_path)
        written = whole(path)  # it may have been killed in the middle of a frame
        assert written <= count(path)
        await sender(tmp_path, alive=False).send(hub, "edge-1")
        assert len(hub.told) == written > 50
        assert numbers(hub) == list(range(written))
        assert journals(tmp_path) == []

    run(work())


def test_a_frame_that_was_not_written_to_its_end_is_waited_for_and_lost_with_its_writer(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        add(box, loaded, 1)
        box.flush()
        (path,) = journals(tmp_path)
        whole = path.stat().st_size
        add(box, loaded, 2)
        box.flush()
        data = path.read_bytes()
        path.write_bytes(data[:-3])
        one = sender(tmp_path)
        await one.send(hub, "edge-1")
        assert numbers(hub) == [1]
        assert one._journals[path.name].offset == whole
        path.write_bytes(data)
        await one.send(hub, "edge-1")
        assert numbers(hub) == [1, 2]
        path.write_bytes(data + b"\x00\x00")
        await sender(tmp_path, alive=False).send(hub, "edge-1")
        assert journals(tmp_path) == []
        box.close()

    run(work())


def test_a_damaged_journal_is_given_up_with_a_count(tmp_path: Path, loaded: Loaded, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        add(box, loaded, 1)
        box.flush()
        (path,) = journals(tmp_path)
        whole = path.stat().st_size
        add(box, loaded, 2, rows=4)
        box.close()
        data = bytearray(path.read_bytes())
        data[whole + 8] = 0xC1  # nothing in msgpack begins so
        path.write_bytes(data)
        one = sender(tmp_path)
        await one.send(hub, "edge-1")
        await one.send(hub, "edge-1")
        assert one.dropped == 4
        assert journals(tmp_path) == []

    run(work())


def test_a_prediction_that_the_hub_refuses_is_lost_alone(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        hub.refuses = '"r7"'
        for number in range(20):
            add(box, loaded, number)
        box.close()
        one = sender(tmp_path)
        await one.send(hub, "edge-1")
        assert numbers(hub) == [n for n in range(20) if n != 7]
        assert one.dropped == 1
        assert journals(tmp_path) == []

    run(work())


def test_what_waits_is_bounded_and_the_oldest_goes_first(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        most = 4 << 20
        box, hub = Outbox(tmp_path, most, len), KnownHub()
        hub.away = True
        one = sender(tmp_path, most)
        added = 0
        for _ in range(60):
            for _ in range(500):
                add(box, loaded, added, word="w" * 100)
                added += 1
            box.flush()
            one.bound()
            with pytest.raises(HubFailed):
                await one.send(hub, "edge-1")
        size = sum(path.stat().st_size for path in journals(tmp_path))
        assert most / 2 < size <= most
        hub.away = False
        await one.send(hub, "edge-1")
        box.close()
        told = numbers(hub)
        assert told == sorted(told)
        assert told[-1] == added - 1
        assert one.dropped > 0
        assert len(set(told)) == len(told) >= added - one.dropped

    run(work())


def test_a_full_disk_loses_what_is_told_and_says_how_much(
    tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        metrics.reset()
        box, hub = Outbox(tmp_path, 1 << 30, len), KnownHub()
        add(box, loaded, 1)
        box.flush()
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", _half_then_full(os.write, box._handle))
            add(box, loaded, 2)
            box.flush()
        add(box, loaded, 3)
        box.close()
        await sender(tmp_path).send(hub, "edge-1")
        assert numbers(hub) == [1, 3]
        assert metrics._counters[("outbox_records", ("churn", "lost"))] == 1
        assert metrics._counters[("outbox_records", ("churn", "kept"))] == 2

    run(work())


def _half_then_full(real: Any, handle: int) -> Any:
    written = []

    def write(to: int, data: Any) -> int:
        if to != handle:
            return real(to, data)
        if written:
            raise OSError(28, "No space left on device")
        written.append(real(to, bytes(data)[: len(data) // 2]))
        return written[0]

    return write


def test_a_journal_is_for_this_user_only_and_ends_after_a_while(
    tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_AGE", 0.05)

    async def work() -> None:
        box = Outbox(tmp_path, 1 << 30, len)
        add(box, loaded, 1)
        box.flush()
        (path,) = journals(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        journal = Journal(path)
        await until(lambda: journal.read(10) is not None and journal.ended)
        add(box, loaded, 2)
        box.close()
        assert len(journals(tmp_path)) == 2

    run(work())


def test_messages_are_cut_by_number_and_by_size() -> None:
    records = [Record(n, b"x" * size, None) for n, size in enumerate([10, 10, 10, 500, 1, 1, 98])]
    assert [[one.number for one in batch] for batch in batches(records, 2, 100)] == [[0, 1], [2], [3], [4, 5], [6]]
    assert batches([], 2, 100) == []


def test_a_sender_that_is_stopped_when_news_come_ends(tmp_path: Path) -> None:
    """asyncio.wait_for of Python 3.11 loses a cancellation that comes with what it waits for: the edge then never ended."""
    (tmp_path / "outbox").mkdir()

    async def stopped() -> bool:
        sender = Sender(tmp_path, "emea", 1 << 30, lambda _: False, began=0)
        task = asyncio.create_task(sender.run(None, "edge"))  # type: ignore[arg-type]  # there is nothing to tell the hub
        await asyncio.sleep(0.2)
        sender.heard("news.journal")
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        return task.cancelled()

    assert asyncio.run(stopped())
