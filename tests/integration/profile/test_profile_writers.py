"""Several processes write into one store of profiles, and one is killed in the middle: nothing is lost, nothing counts twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.records import Record
from rtml_plugins.profile.store import open_store

ROOT = Path(__file__).resolve().parents[3]
DEVICES = 15
COUNTED = {"sum": "price"}
#: what a process of its own does: apply(first number, after, step, mark)
WORKER = """
import sys
from tests.integration.profile.test_profile_writers import COUNTED, record
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.store import open_store
url, first, end, step, size, mark = sys.argv[1], *map(int, sys.argv[2:7])
profiles = Profiles(open_store(url))
records = [record(number) for number in range(first, end, step)]
print("ready", flush=True)
if mark:
    profiles.apply(iter(records), ("batch", mark))
else:
    for begin in range(0, len(records), size):
        profiles.apply(records[begin : begin + size])
profiles.close()
"""


def record(number: int) -> Record:
    """Event by number: few devices, and now and then one of few customers."""
    ids: dict[str, Any] = {"ECID": [{"id": f"d{number * 7 % DEVICES}", "primary": True}]}
    if number % 11 == 0:
        ids["CRMID"] = [{"id": f"c{number % 5}"}]
    return Record("event", "web", f"e{number}", number, number, {"_id": f"e{number}", "price": number, "identityMap": ids})


def _start(url: str, first: int, end: int, *, step: int = 1, size: int = 10, mark: int = 0) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, url, *map(str, (first, end, step, size, mark))]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _state(profiles: Profiles) -> dict[str, Any]:
    """By device: identities, events and the sum over them."""
    state = {}
    for number in range(DEVICES):
        device = Identity("ECID", f"d{number}")
        view = profiles.view([device], {}, [one.id for one in profiles.aggregates])
        assert view is not None
        known, links = profiles.identities(device)
        ids = [event.id for event in profiles.events(device, limit=10_000)]
        state[device.id] = ([(one.id, one.first, one.last) for one in known], links, ids, profiles.aggregate_values(view, 10**9))
    return state


def _alone(end: int) -> dict[str, Any]:
    profiles = Profiles(MemoryStore())
    profiles.aggregates.add(COUNTED)
    profiles.apply(record(number) for number in range(end))
    return _state(profiles)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'profiles.db'}"
    with open_store(url) as store:
        Profiles(store).aggregates.add(COUNTED)
    workers = [_start(url, first, 600, step=2) for first in (0, 1)]
    try:
        assert [worker.wait(60) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    with open_store(url) as store:
        assert _state(Profiles(store)) == _alone(600)


def test_a_batch_whose_process_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    url, end = f"sqlite:///{tmp_path / 'profiles.db'}", 8_000
    with open_store(url) as store:
        profiles = Profiles(store)
        profiles.aggregates.add(COUNTED)
        worker = _start(url, 0, end, mark=1)
        try:
            assert worker.stdout is not None
            worker.stdout.readline()
            deadline = time.monotonic() + 60
            while store.mark("batch") == 0 and time.monotonic() < deadline:
                time.sleep(0.001)
        finally:
            worker.kill()
            worker.communicate()
        assert store.mark("batch") > 0
        applied = profiles.apply((record(number) for number in range(end)), ("batch", 1))
        assert applied.before > 0
        assert applied.before + applied.events == end
        assert profiles.marked("batch") == 1
        assert _state(profiles) == _alone(end)
