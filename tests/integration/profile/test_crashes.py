"""A process that is killed in the middle of ingestion: nothing half-written, no event counted twice, none lost."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtml_plugins.profile.collector import Collector
from rtml_plugins.profile.home import DataHome, open_home
from rtml_plugins.profile.identity import Identity
from tests.unit.profile.shop import event, lines

EVENTS = 5_000
PERSONS = 7

#: takes the file; a method kills the process when it is called for the n-th time, before or after it ran
SCRIPT = """
import importlib, os, signal, sys
from rtml_plugins.profile.collector import Collector
from rtml_plugins.profile.home import open_home

folder, file, place, name, when, count = sys.argv[1:]
module, _, owner = place.partition(":")
owner = getattr(importlib.import_module(module), owner)
real, left = getattr(owner, name), [int(count)]

def deadly(*given, **named):
    left[0] -= 1
    if left[0] == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*given, **named)
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer

with open_home(folder) as home:
    home.profiles.aggregates.add({"sum": "commerce.order.priceTotal"})
    setattr(owner, name, deadly)
    Collector(home).collect(file, "shop-event", "web")
"""
CATALOG = "rtml_plugins.xdm.datasets_catalog:Catalog"
STORE = "rtml_plugins.profile.sqlite_store:SqliteStore"


def spent(home: DataHome, ecid: str) -> float | None:
    (aggregate,) = home.profiles.aggregates
    view = home.profiles.view([Identity("ECID", ecid)], {}, [aggregate.id])
    found = None if view is None else home.profiles.aggregate_values(view)[aggregate.id]
    assert found is None or isinstance(found, float)
    return found


@pytest.mark.parametrize(
    ("place", "method", "when", "count", "is_there"),
    [
        ("rtml_plugins.xdm.datasets_parts:PartWriter", "done", "after", 1, False),
        (CATALOG, "sync", "after", 1, False),
        (CATALOG, "reveal", "before", 1, True),
        (STORE, "commit", "after", 1, True),
        (STORE, "commit", "before", 6, True),
    ],
)
def test_killed_in_the_middle(tmp_path: Path, place: str, method: str, when: str, count: int, is_there: bool) -> None:
    file, folder = tmp_path / "events.jsonl", tmp_path / "data"
    file.write_bytes(lines(event(number, ecid=f"c{number % PERSONS}") for number in range(EVENTS)))
    arguments = [str(folder), str(file), place, method, when, str(count)]
    killed = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    with open_home(folder) as home:
        assert home.datasets.show("web").records == (EVENTS if is_there else 0)
        assert [path.name for path in (folder / "datasets").rglob(".*")] == []
        done = Collector(home).collect(file, "shop-event", "web")
        assert (done.accepted, done.duplicates) == ((0, EVENTS) if is_there else (EVENTS, 0))
        assert sorted(one.id or "" for one in home.datasets.documents("web")) == sorted(f"e{number}" for number in range(EVENTS))
        assert home.profiles.store.count()["events"] == EVENTS
        for person in range(PERSONS):
            assert spent(home, f"c{person}") == sum(range(person, EVENTS, PERSONS))


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Again and again, wherever it is, until it comes through."""
    file, folder = tmp_path / "events.jsonl", tmp_path / "data"
    file.write_bytes(lines(event(number, ecid=f"c{number % PERSONS}") for number in range(EVENTS)))
    script = (
        "import sys; from rtml_plugins.profile.collector import Collector; from rtml_plugins.profile.home import open_home\n"
        "with open_home(sys.argv[1]) as home:\n"
        "    print('open', flush=True)\n"
        "    Collector(home).collect(sys.argv[2], 'shop-event', 'web', progress=lambda done: print('at', flush=True))\n"
    )
    for wait in range(1, 5):
        process = subprocess.Popen([sys.executable, "-c", script, str(folder), str(file)], stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for _ in range(wait):
                process.stdout.readline()
        finally:
            process.kill()
            process.communicate(timeout=60)
    with open_home(folder) as home:
        Collector(home).collect(file, "shop-event", "web")
        assert home.datasets.show("web").records == EVENTS
        assert home.profiles.store.count()["events"] == EVENTS
        assert home.profiles.store.count()["persons"] == PERSONS
