"""`python -m tests.benchmarks.serving.startup`: `rtml edge` from its start to its first answer, and what its processes hold."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving import page, results, rtml
from tests.benchmarks.serving.contenders import compared
from tests.benchmarks.serving.processes import Server, free_port, memory, start
from tests.benchmarks.serving.work import Work, work


def open_edge(job: Work, home: Path, log: Path, core: int | None = None) -> Server:
    """A started edge that has answered its first request."""
    port, peer = free_port(), rtml.peer(home)
    return start(rtml.command(home, port), port, log, path=peer.path, body=json.dumps(job.rows[0]).encode(), core=core)


def worker(server: Server) -> int:
    """Process id of the one worker of an edge."""
    found = [pid for pid in server.pids if b"rtml_plugins.edge.server" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    if len(found) != 1:
        raise RuntimeError(f"the edge has {len(found)} workers, expected one; its processes: {server.pids}")
    return found[0]


def measure(count: int = 5, seconds: float = 2.0) -> dict[str, Any]:
    """Starts of an edge with one package on disk, on all cores; memory after `seconds` of load at 32 connections."""
    job, times = work(), []
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name:
        folder = Path(name)
        home = rtml.make_home(folder / "edge", job.package)
        for number in range(count + 1):
            server = open_edge(job, home, folder / "log")
            try:
                times.append(server.first_answer)
                if number == count:
                    compared(rtml.peer(home), server, job, folder / "requests").turn(32, seconds)
                    one = worker(server)
                    held = [memory([one])[1], memory([server.process.pid])[1], memory(server.pids)[0]]
            finally:
                server.stop()
    shown = spread(times[1:])  # the first one fills the disk cache
    return {
        "start": shown,
        "worker": held[0],
        "supervisor": held[1],
        "together": held[2],
        "steps": {"start to first answer": shown},
        "machine": results.machine(),
    }


def spread(times: Sequence[float]) -> dict[str, Any]:
    """Median, fastest and slowest of some times, and how many there were."""
    return {"median": statistics.median(times), "fastest": min(times), "slowest": max(times), "count": len(times)}


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.startup", description=__doc__)
    parser.add_argument("--count", type=int, default=5, help="starts")
    parser.add_argument("--dry", action="store_true", help="print the figures and keep none")
    given = parser.parse_args()
    show("startup", measure(given.count), dry=given.dry)


def show(name: str, result: dict[str, Any], *, dry: bool) -> None:
    """Print one program's figures; unless `dry`, keep them and write the page."""
    print(page.figures({name: result}))
    if not dry:
        results.keep(name, result)


if __name__ == "__main__":
    main()
