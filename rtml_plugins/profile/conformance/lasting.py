"""Stores that outlive a process: reopened, restarted, shared by processes, killed."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from rtml_plugins.profile.conformance.place import Conformance, Place, event, found, new
from rtml_plugins.profile.conformance.worker import change as numbered
from rtml_plugins.profile.store import Change, ProfileStore, open_store

#: how often a writer is killed
ROUNDS = 6


class LastingConformance(Conformance):
    """One place, opened several times."""

    def test_everything_is_there_when_it_is_opened_again(self, place: Place) -> None:
        with open_store(place.url) as store:
            _fill(store)
        with open_store(place.url) as store:
            _check_filled(store)

    def test_everything_is_there_after_a_restart(self, place: Place) -> None:
        with open_store(place.url) as store:
            _fill(store)
            if place.restart is not None:
                place.restart()
                _eventually(store)  # the same store goes on, once its server is back
                _check_filled(store)
                assert store.commit([Change(expect={"p": 1}, put={"p": b"q"})]) == [True]
                assert store.commit([Change(expect={"p": 2}, put={"p": b"p"})]) == [True]
        with open_store(place.url) as store:
            assert found(store.find("ecid:1")).data == b"p"
            assert [one.at for one in store.events(["ecid:1"], 0, 100, limit=100)] == list(range(50))

    def test_two_that_are_open_see_each_other(self, place: Place) -> None:
        with open_store(place.url) as one, open_store(place.url) as two:
            assert one.commit([new("p", b"1", "ecid:1")]) == [True]
            assert two.find("ecid:1") == ("p", 1, b"1")
            assert two.commit([Change(expect={"p": 1}, put={"p": b"2"}, marks={"m": 1})]) == [True]
            assert one.commit([Change(expect={"p": 1}, put={"p": b"lost"})]) == [False]
            assert one.commit([Change(marks={"m": 1}, put={"p": b"lost"})]) == [False]
            assert one.find("ecid:1") == ("p", 2, b"2")
            assert two.commit([new("q", b"q", "ecid:2"), Change(events=[event("ecid:2", 1)])]) == [True, True]
            assert one.commit([new("r", b"r", "ecid:3"), Change(events=[event("ecid:3", 1)])]) == [True, True]
            assert [stored.id for stored in one.persons()] == [stored.id for stored in two.persons()] == ["p", "q", "r"]
            assert one.count() == two.count()
            made = [
                event(f"ecid:{i}", 2, f"e{i}", b'{"eventType":"web.webpagedetails.pageViews","i":%d}' % i) for i in range(200)
            ]
            one.commit([Change(events=made)])
            two.commit([Change(events=[event("ecid:7", 3, "e7", made[7].data)])])
            for store in (one, two):
                assert store.events(["ecid:7"], 0, 9, limit=9) == [made[7], event("ecid:7", 3, "e7", made[7].data)]

    def test_processes_lose_no_update(self, place: Place, store: ProfileStore) -> None:
        workers = [_worker("count", place.url, "60") for _ in range(3)]
        try:
            for worker in workers:
                _, errors = worker.communicate(timeout=120)
                assert worker.returncode == 0, errors
        finally:
            _end(workers)
        assert store.read(["counted"]) == [("counted", 180, b"180")]
        assert [one.at for one in store.events(["ecid:1"], 0, 1000, limit=1000)] == list(range(180))

    def test_a_writer_that_is_killed_loses_nothing_acknowledged(self, place: Place, store: ProfileStore) -> None:
        rnd = random.Random(5)
        written = 0
        for _ in range(ROUNDS):
            acknowledged = _write_and_kill(place, rnd.uniform(0.0, 0.15))
            kept = check_numbered(store)
            assert kept >= max(acknowledged, written)
            assert kept <= max(acknowledged, written) + 3  # one commit may have been under way
            written = kept
        assert written > ROUNDS


def _worker(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtml_plugins.profile.conformance.worker", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _end(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
        worker.communicate()


def _write_and_kill(place: Place, seconds: float) -> int:
    """Have a process write, kill it so long after its first commit, and give the last number that it said; 0 for none."""
    worker = _worker("write", place.url)
    try:
        assert worker.stdout is not None
        assert worker.stderr is not None
        began = worker.stdout.readline(), worker.stdout.readline()
        assert began[1].strip().isdecimal(), (began, worker.stderr.read() if worker.wait(60) else "")
        time.sleep(seconds)
        worker.kill()
        said, errors = worker.communicate()
        assert worker.returncode == -9, errors
        whole = [line for line in said.splitlines(keepends=True) if line.endswith("\n")]
        return int(whole[-1] if whole else began[1])
    finally:
        _end([worker])


def check_numbered(store: ProfileStore) -> int:
    """Assert that the changes of a worker are there whole up to a number, and give it."""
    number = store.mark("number")
    last = numbered(number)
    always, person = store.read(["always", f"p{number}"])
    assert always == ("always", number, last.put["always"])
    assert person == (f"p{number}", 1, last.put[f"p{number}"])
    assert store.find("ecid:1") == person
    assert store.owners([f"number:{number}", f"number:{number + 1}", "number:1"]) == ["always", None, "always"]
    assert store.read([f"p{number - 1}", f"p{number + 1}"]) == [None, None]
    assert [stored.id for stored in store.persons()] == sorted(["always", f"p{number}"])
    assert dict(store.count()) == {"persons": 2, "identities": number + 1, "events": 3 * number}
    for key in ("ecid:1", "ecid:2", "ecid:3"):
        events = store.events([key], 0, 2**62, limit=number + 9)
        assert [one.at for one in events] == list(range(1, number + 1))
        assert events[-1].data == last.put["always"]
    return number


def _fill(store: ProfileStore) -> None:
    store.commit([new("p", b"p", "ecid:1", "email:a"), Change(events=[event("ecid:1", at) for at in range(50)], marks={"m": 3})])
    assert store.set_value("v", b"value", 0)


def _check_filled(store: ProfileStore) -> None:
    assert store.find("email:a") == ("p", 1, b"p")
    assert [one.at for one in store.events(["ecid:1"], 0, 100, limit=100)] == list(range(50))
    assert store.value("v") == (b"value", 1)
    assert store.mark("m") == 3
    assert dict(store.count()) == {"persons": 1, "identities": 2, "events": 50}


def _eventually(store: ProfileStore) -> None:
    """Wait until a store answers again."""
    from rtml_plugins.profile.store import StoreError

    until = time.monotonic() + 60
    while True:
        try:
            store.mark("m")
            return
        except StoreError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
