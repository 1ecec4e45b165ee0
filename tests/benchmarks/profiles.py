"""python -m tests.benchmarks.profiles: a million profiles and ten million events in one store, and how long a lookup takes.

One process takes everything in through Profiles.apply and stops at 10^4, 10^5 and 10^6 people to measure. It can be stopped and
started again: what is done is in the store's mark and in figures.json next to it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.store import ProfileStore, open_store
from tests.benchmarks.profile_data import AGGREGATES, ATTRIBUTES, EACH, identity, record
from tests.benchmarks.report import README, markdown

#: records of one call of apply
BATCH: Final = 11_000
LOOKUPS: Final = 20_000
#: lookups of a turn: the quietest turn is what the machine can do when nobody else uses it
TURN: Final = 1_000
#: seconds that a read of ten attributes may take, p99
BAR: Final = 0.0003
HEADER: Final = (
    *(
        "profiles",
        "events",
        "records/s since the last row",
        "records/s at the end",
        "on disk, MB",
        "bytes a record",
        "memory, MB",
    ),
    *(
        "lookup p50, µs",
        "p99",
        "p99 of the quietest turn",
        "p99, processor",
        "p99 in memory",
        "p99 of the last 10 events",
        "at most 300 µs",
    ),
)
_BEGIN: Final = "<!-- profiles: begin -->"
_END: Final = "<!-- profiles: end -->"


def fill(profiles: Profiles, people: int, figures: dict[str, Any], keep: Callable[[], None]) -> None:
    """Take records in until there are so many people. figures: seconds and records so far, kept after each batch."""
    end = people * (EACH + 1)
    begun = time.monotonic()
    while (number := figures["records"]) < end:
        batch = [record(one) for one in range(number, min(number + BATCH, end))]
        before = time.perf_counter()
        applied = profiles.apply(batch, ("benchmark", figures["batches"] + 1))
        taken = time.perf_counter() - before
        if applied.refused_count or applied.events + applied.records + applied.before != len(batch):
            raise SystemExit(f"records were refused: {applied}")
        figures["records"] += len(batch)
        figures["batches"] += 1
        figures["seconds"] += taken
        figures["last"] = [*figures["last"][-19:], len(batch) / taken]
        keep()
        if sys.stderr.isatty() or figures["records"] % (BATCH * 50) == 0:
            rate = sum(figures["last"]) / len(figures["last"])
            print(
                f"{figures['records']:,} of {end:,} records, {rate:,.0f}/s, {time.monotonic() - begun:.0f} s,"
                f" load {os.getloadavg()[0]:.1f}",
                file=sys.stderr,
                flush=True,
            )


def measure(url: str, people: int) -> dict[str, float]:
    """Times of lookups in seconds, by a reader that has nothing in memory, and then again of those it has."""
    rnd = random.Random(people)
    asked = [identity(rnd.randrange(people)) for _ in range(LOOKUPS)]
    with open_store(url) as store:
        profiles = Profiles(store)
        ids = [one.id for one in profiles.aggregates]
        view = profiles.view(asked[:1], ATTRIBUTES, ids)
        if view is None or len(view.attributes) != len(ATTRIBUTES):
            raise SystemExit(f"a lookup gave {view}")
        cold, processor = _times(lambda one: profiles.view([one], ATTRIBUTES, ids), asked)
        warm, _ = _times(lambda one: profiles.view([one], ATTRIBUTES, ids), asked[-2000:])
        events, _ = _times(lambda one: profiles.events(one, limit=10, descending=True), asked[:5000])
    return {
        "p50": statistics.median(cold),
        "p99": _p99(cold),
        "quiet": min(_p99(cold[first : first + TURN]) for first in range(0, LOOKUPS, TURN)),
        "processor": _p99(processor),
        "warm": _p99(warm),
        "events": _p99(events),
    }


def _times(ask: Callable[[Any], Any], asked: Sequence[Any]) -> tuple[list[float], list[float]]:
    """Seconds of each call by the clock, and of the processor: the same unless others use the machine."""
    taken, worked = [], []
    for one in asked:
        working, begin = time.thread_time(), time.perf_counter()
        found = ask(one)
        taken.append(time.perf_counter() - begin)
        worked.append(time.thread_time() - working)
        if found is None:
            raise SystemExit(f"{one} was not found")
    return taken, worked


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def memory() -> float:
    """MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(url: str, folder: Path, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Rows of figures, one for each size."""
    kept = folder / "figures.json"
    figures: dict[str, Any] = {"records": 0, "batches": 0, "seconds": 0.0, "last": [], "rows": []}
    if kept.exists():
        figures |= json.loads(kept.read_text())
        figures["batches"] = max(figures["batches"], figures["records"] // BATCH)

    def keep() -> None:
        made = kept.with_suffix(".new")
        made.write_text(json.dumps(figures))
        made.replace(kept)

    with open_store(url) as store:
        profiles = Profiles(store)
        profiles.aggregates.add(*(dict(one) for one in AGGREGATES))
        for people in sizes[len(figures["rows"]) :]:
            fill(profiles, people, figures, keep)
            before = figures["rows"][-1] if figures["rows"] else {"records": 0, "seconds": 0.0}
            row = {"people": people, "records": figures["records"], "seconds": figures["seconds"], "memory": memory()}
            row["rate"] = (row["records"] - before["records"]) / (row["seconds"] - before["seconds"])
            row["end"] = sum(figures["last"]) / len(figures["last"])
            row |= {"count": dict(store.count()), "disk": size(store, folder), "load": os.getloadavg()[0], **measure(url, people)}
            figures["rows"].append(row)
            keep()
            print(markdown(HEADER, [cells(row)]), flush=True)
    return list(figures["rows"])


def size(store: ProfileStore, folder: Path) -> float:
    """MB of the store's files; of another store than SQLite, 0."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6 if store.scheme == "sqlite" else 0.0


def cells(row: dict[str, Any]) -> tuple[str, ...]:
    """A row as it is shown."""
    times = ("p50", "p99", "quiet", "processor", "warm", "events")
    micros = (f"{row[name] * 1e6:.0f}" if name in row else "-" for name in times)
    return (
        *(f"{row['count']['persons']:,}", f"{row['count']['events']:,}", f"{row['rate']:,.0f}", f"{row['end']:,.0f}"),
        *(f"{row['disk']:,.0f}", f"{row['disk'] * 1e6 / row['records']:.0f}", f"{row['memory']:.0f}", *micros),
        "passed" if row["quiet"] <= BAR else "MISSED",
    )


def write(rows: Sequence[dict[str, Any]]) -> None:
    """Put the table into README.md."""
    text = README.read_text()
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    load = max(row["load"] for row in rows)
    taken = rows[-1]["seconds"] / 60
    note = (
        f"{taken:.1f} minutes in apply; load of the machine up to {load:.1f} on {os.cpu_count()} cores; about 1 when nothing else"
        " runs. The bar is for the quietest turn of 1,000 lookups."
    )
    README.write_text(f"{before}{_BEGIN}\n{markdown(HEADER, [cells(row) for row in rows])}\n\n{note}\n{_END}{after}")


def main() -> None:
    """Measure, and write the table when everything was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--folder", type=Path, help="where the store is; goes on where it stopped. A new one, removed, when not given"
    )
    parser.add_argument("--url", help="another store, empty at the first start; with --folder for the figures")
    parser.add_argument("--people", type=int, default=1_000_000, help="at the end; 10^4 and 10^5 are measured on the way")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    given = parser.parse_args()
    sizes = [*(one for one in (10_000, 100_000, 1_000_000) if one < given.people), given.people]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        rows = run(given.url or f"sqlite:///{folder.absolute()}/profiles.db", folder, sizes)
    print(markdown(HEADER, [cells(row) for row in rows]))
    if given.write:
        write(rows)
    raise SystemExit(0 if all(row["quiet"] <= BAR for row in rows) else 1)


if __name__ == "__main__":
    main()
