"""python -m tests.benchmarks.measures: what it costs a hub that 200 services answer on three edges without a pause.

Every edge tells, each 5 seconds, a window in which each of the services was asked, with the counts of 25 fields in ten bins: the
messages are made first, and then read and taken one after the other by a hub on SQLite. Printed is the processor time of one
message, and the part of a core that the three edges take. Other work on the machine makes it more.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import insert

from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_plugins.hub import tables
from rtml_plugins.hub.api.json_bodies import decoded
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.serving.measures import SECONDS, Bins, Counted, Measures, VersionCounted, Window

SERVICES: Final = 200
COLUMNS: Final = 25
EDGES: Final = (("na-1", "na"), ("na-2", "na"), ("emea-1", "emea"))
EVERY: Final = 5.0
ROUNDS: Final = 30


def fill(hub: Hub) -> None:
    """Services of a version each, straight into the tables: no package is loaded here."""
    edges = tuple(float(at) for at in range(9))
    columns = tuple(ColumnBaseline(f"field_{at}", "number", 50, (100,) * 10, edges) for at in range(COLUMNS))
    manifest = msgspec.json.encode({"baseline": BaselineEntry(1050, columns)}).decode()
    about = {"description": "", "owner": "", "traffic": '{"champion":1}', "created": "", "updated": "", "deprecation": ""}
    of_version = {"created": "", "created_by": "", "description": "", "compatible": True, "changes": "[]"}
    with hub.database.note() as connection:
        for at in range(SERVICES):
            package, service = f"{at:064x}", f"00000000-0000-0000-0000-{at:012x}"
            made = {"id": package, "size": 1, "manifest": manifest, "portable": True, "created": "", "used": ""}
            connection.execute(insert(tables.packages).values(made))
            connection.execute(insert(tables.services).values(id=service, name=f"service-{at}", **about))
            connection.execute(insert(tables.versions).values(service=service, version=1, package=package, **of_version))


def message(chosen: random.Random, region: str, number: int, now: float) -> bytes:
    """What an edge tells of the last five seconds."""
    versions = []
    for at in range(SERVICES):
        latency = [chosen.randrange(40) if 3 <= place < 12 else 0 for place in range(len(SECONDS) + 1)]
        inputs = {
            f"field_{column}": Bins([chosen.randrange(30) for _ in range(10)], chosen.randrange(9)) for column in range(COLUMNS)
        }
        counted = Counted({"ok": sum(latency)}, latency, 0.1, sum(latency), inputs)
        versions.append(VersionCounted(f"service-{at}", 1, f"{at:064x}", counted))
    return msgspec.json.encode(Measures("run", region, [Window(number, now - EVERY, now, versions)]))


def main() -> None:
    """Measure, and print it."""
    chosen = random.Random(1)
    now = [1_700_000_000.0]
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(open_database(Path(folder) / "hub.db", clock=lambda: now[0]), PackageStore(Path(folder) / "packages"))
        try:
            fill(hub)
            for number in range(1, ROUNDS + 1):
                now[0] += EVERY
                for edge, region in EDGES:
                    body = message(chosen, region, number, now[0])
                    began = time.process_time()
                    hub.record_measures(edge, decoded(body, Measures))
                    spent.append(time.process_time() - began)
        finally:
            hub.close()
    print(f"{SERVICES} services of {COLUMNS} fields, messages of {len(body):,} bytes from {len(EDGES)} edges each {EVERY:g} s:")
    for what, each in (("median", statistics.median(spent)), ("fastest tenth", statistics.quantiles(spent, n=10)[0])):
        print(f"{what}: {1e3 * each:.1f} ms a message, {100 * len(EDGES) * each / EVERY:.2f} % of a core")


if __name__ == "__main__":
    main()
