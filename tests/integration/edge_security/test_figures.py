"""Figures of an edge of several processes, of which one is killed."""

import os
import signal
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from rtml_plugins.edge.files import Home
from tests.integration.edge.running import edge, wait
from tests.unit.edge.packages import put, service, state, tell

NOBODY = "http://127.0.0.1:1"  # no hub listens there


def scraped(port: int) -> dict[str, float]:
    """Sums of all samples by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def test_whichever_process_is_asked_the_figures_are_the_edges_and_outlive_a_killed_process(tmp_path: Path) -> None:
    home = Home(tmp_path / "edge")
    home.make()
    put(home, 1)
    tell(home, state(1, service(1)))
    with edge(home.folder, NOBODY, "--workers", "2") as running:
        running.wait_for_revision(1, workers=2)
        for number in range(40):
            assert running.predict(float(number))[0] == 200
        count = "rtml_edge_request_seconds_count"
        wait(lambda: scraped(running.port).get(count) == 40, running.said)
        wait(lambda: scraped(running.port)["rtml_edge_workers"] == 2, running.said)
        before = [scraped(running.port) for _ in range(10)]  # of either process
        assert {figures[count] for figures in before} == {40}
        victim = min(running.workers())
        os.kill(victim, signal.SIGKILL)
        wait(lambda: victim not in running.workers(), running.said)
        running.wait_for_revision(1, workers=2)
        files = home.metrics
        wait(lambda: not list(files.glob(f"{victim}-*")), running.said)  # its counts are folded into one file
        wait(lambda: scraped(running.port)["rtml_edge_workers"] == 2, running.said)
        assert scraped(running.port)[count] == 40
        assert running.predict(1.0)[0] == 200
        wait(lambda: scraped(running.port)[count] == 41, running.said)
