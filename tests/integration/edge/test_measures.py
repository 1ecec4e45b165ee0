"""What an edge counts comes to its hub once, through killed workers and a killed hub."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from rtml_plugins.edge import metrics_text
from rtml_plugins.edge.metrics import FOLDER
from rtml_plugins.edge.values import SUFFIX, Values
from rtml_plugins.hub.buckets import FINE, MIDDLE, Requests
from rtml_plugins.hub.buckets import Values as HubValues
from tests.integration.edge.running import Edge, edge, wait
from tests.integration.hub.process import asked, hub, published
from tests.unit.edge.measured import measured_package

ROW = {"word": "red", "when": "2024-05-01T00:00:00Z", "yes": True}
#: the same row in the other protocol
TENSORS = [
    {"name": "x", "datatype": "FP64", "shape": [1, 1], "data": [11.0]},
    {"name": "word", "datatype": "BYTES", "shape": [1, 1], "data": ["blue"]},
    {"name": "when", "datatype": "BYTES", "shape": [1, 1], "data": ["2023-05-01T00:00:00Z"]},
    {"name": "yes", "datatype": "BOOL", "shape": [1, 1], "data": [False]},
]


class Sent:
    """Requests that were answered. outcomes, xs: how they ended, and the bins that their values of x fall into."""

    def __init__(self, running: Edge):
        self._edge = running
        self.outcomes: Counter[str] = Counter()
        self.xs = [0, 0, 0]

    def some(self, count: int) -> None:
        """So many requests of each kind."""
        for _ in range(count):
            self._one(200, "/v1/services/churn/predict", {**ROW, "x": 1.0}, 1)
            self._one(200, "/v1/services/churn/versions/1/predict", {"rows": [{**ROW, "x": -1.0}, {**ROW, "x": 10.5}]}, 0, 2)
            self._one(200, "/v2/models/churn/infer", {"inputs": TENSORS}, 2)
            self._one(422, "/v1/services/churn/predict", {**ROW, "x": "much"})
            status, _ = self._edge.ask("POST", "/v1/services/churn/predict?explain=columns", {**ROW, "x": 1.0})
            assert status == 200  # and is in no figure

    def _one(self, expected: int, path: str, body: Any, *bins: int) -> None:
        status, answer = self._edge.ask("POST", path, body)
        assert status == expected, answer
        self.outcomes["ok" if status == 200 else "invalid"] += 1
        for place in bins:
            self.xs[place] += 1

    @property
    def requests(self) -> int:
        return self.outcomes.total()

    def wait_for_files(self) -> None:
        """Wait until all of it stands in the files of the processes, so that none of it is lost with them."""
        wait(lambda: _counted(self._edge.home.folder) >= self.requests, self._edge.said)
        wait(lambda: _looked_at(self._edge.home.folder) >= sum(self.xs), self._edge.said)


def _counted(folder: Path) -> int:
    total, _ = metrics_text.read(folder)
    return sum(sum(series.counts) for labels, series in total.histograms["requests"].items() if labels[0] == "churn")


def _looked_at(folder: Path) -> int:
    """Rows in the files of processes that live; once all of them do."""
    found = [msgspec.msgpack.decode(path.read_bytes(), type=Values) for path in (folder / FOLDER).glob(f"*{SUFFIX}")]
    return sum(counts.rows for file in found for counts in file.versions)


def stored(home: Path, table: str, width: int, kind: Any) -> list[Any]:
    """What a hub has in its database, by bucket."""
    with closing(sqlite3.connect(f"file:{home / 'hub.db'}?mode=ro", uri=True)) as database:
        rows = database.execute(f"SELECT counted FROM {table} WHERE resolution = ?", (width,)).fetchall()
    return [msgspec.json.decode(counted, type=kind) for (counted,) in rows]


def outcomes(home: Path) -> Counter[str]:
    return sum((Counter(one.outcomes) for one in stored(home, "measures", FINE.width, Requests)), Counter())


def serving(running: Edge) -> int:
    """How many workers answer for the service."""
    return sum(
        any(service.name == "churn" and service.versions for service in one.services) for one in running.workers().values()
    )


def test_each_request_is_counted_once_through_killed_workers_and_a_killed_hub(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    with hub(home) as first:
        with edge(tmp_path / "edge", first.url, "--workers", "2", "--debug", region="na") as running:
            with asked(first) as client:
                published(client, measured_package(1)).raise_for_status()
            wait(lambda: serving(running) == 2, running.said)
            sent = Sent(running)
            sent.some(10)
            sent.wait_for_files()
            died = min(running.workers())
            os.kill(died, signal.SIGKILL)
            wait(lambda: died not in running.workers() and serving(running) == 2, running.said)
            sent.some(5)
            wait(lambda: outcomes(home) == sent.outcomes, lambda: f"{outcomes(home)} {sent.outcomes}\n{running.said()}")
            os.kill(first.pid, signal.SIGKILL)
            wait(lambda: "hub away" in running.said())
            sent.some(5)
            with hub(home, port=first.port):
                wait(lambda: "hub back" in running.said())
                sent.some(5)
                assert running.stop() == 0  # tells the hub the rest
                assert outcomes(home) == sent.outcomes
                assert sum(sum(one.latency) for one in stored(home, "measures", FINE.width, Requests)) == sent.requests
                values = stored(home, "measured_values", MIDDLE.width, HubValues)
        first.stop()
    assert sum(one.rows for one in values) == sum(sent.xs)
    total = [sum(column) for column in zip(*(one.counts for one in values), strict=True)]
    missing, *xs = total[:4]  # x is the first field of the baseline
    assert (missing, xs) == (0, sent.xs)
