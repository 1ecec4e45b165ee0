"""`python -m tests.benchmarks.serving.swaps`: an edge under load while versions change a thousand times, and workers are killed.

Each swap names another package, so every worker loads it, swaps, and lets go of the one before. Package n adds n to its field, so
an answer that mixes versions gives itself away. What tells the edge of versions stands in for the hub: publishing that often
would measure the hub's checks.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.serving import results
from tests.integration.edge.running import Edge, Load, edge, wait
from tests.unit.edge.packages import package, service, state
from tests.unit.edge.stub_hub import StubHub, stub_hub

#: packages that take turns
_PACKAGES = 7


def measure(swaps: int = 1000, kills: int = 20, workers: int = 2, clients: int = 4) -> dict[str, Any]:
    """Swap, then kill workers, under load; what went wrong, and how long a swap took until all workers served it."""
    with tempfile.TemporaryDirectory(prefix="rtml-swaps-") as name, stub_hub() as hub:
        hub.tell(state(1, service(1)), *(package(number) for number in range(1, _PACKAGES + 1)))
        with edge(Path(name) / "edge", hub.url, "--workers", str(workers), "--log-level", "error") as running:
            running.wait_for_revision(1, workers)
            with Load(running.port, clients) as load:
                found = _swap(hub, running, load, swaps, workers)
            with Load(running.port, clients) as load:
                found |= _kill(running, load, kills, workers, clients)
    return {**found, "workers": workers, "clients": clients, "machine": results.machine()}


def _swap(hub: StubHub, running: Edge, load: Load, swaps: int, workers: int) -> dict[str, Any]:
    seconds, memory = [], 0.0
    warm = max(1, swaps // 10)
    for number in range(1, swaps + 1):
        begin = time.perf_counter()
        hub.tell(state(1 + number, service(1 + number % _PACKAGES)))
        running.wait_for_revision(1 + number, workers)
        seconds.append(time.perf_counter() - begin)
        if number == warm:
            memory = _memory(running)
    load.more()
    mixed = sum("mixed" in failure for failure in load.failures)
    return {
        "swaps": swaps,
        "requests": load.answers,
        "failed": len(load.failures) - mixed,
        "mixed": mixed,
        "swap_median_s": round(statistics.median(seconds), 3),
        "swap_slowest_s": round(max(seconds), 3),
        f"worker_MB_after_{warm}_swaps": round(memory, 1),
        "worker_MB_at_the_end": round(_memory(running), 1),
    }


def _kill(running: Edge, load: Load, kills: int, workers: int, clients: int) -> dict[str, Any]:
    worst = 0
    for _ in range(kills):
        running.wait_for_listeners(workers)
        before = len(load.failures)
        victim = min(running.workers())
        os.kill(victim, signal.SIGKILL)
        wait(lambda victim=victim: victim not in running.workers())  # type: ignore[misc]
        load.more()
        running.wait_for_listeners(workers)
        worst = max(worst, len(load.failures) - before)
    return {"workers_killed": kills, "failed_at_kills": len(load.failures), "failed_at_the_worst_kill": worst}


def _memory(running: Edge) -> float:
    """Resident MB of the largest worker."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in running.workers()]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def main() -> None:
    """Parse the options, run, keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.swaps", description=__doc__)
    parser.add_argument("--swaps", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="few of each; nothing is kept")
    given = parser.parse_args()
    found = measure(50, 3) if given.quick else measure(given.swaps, given.kills)
    for name, value in found.items():
        print(f"{name:<28} {value}")
    if not given.quick:
        results.keep("swaps", found)


if __name__ == "__main__":
    main()
