"""`python -m tests.benchmarks.serving.soak`: an edge whose core is busy to 70 % for 15 minutes: memory and latency by minute."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.serving import results, rtml
from tests.benchmarks.serving.contenders import Contender, compared
from tests.benchmarks.serving.processes import cores, memory
from tests.benchmarks.serving.startup import open_edge, show, worker
from tests.benchmarks.serving.throughput import PACED
from tests.benchmarks.serving.work import work

#: how busy the core of the worker is kept. At 70 % of the requests of its peak it would be busy to 97 %: a request costs less in
#: the batches of a peak, and with nothing to spare latency tells of the machine's pauses only.
SHARE: Final = 0.7


def measure(minutes: int = 15, *, minute: float = 60.0) -> dict[str, Any]:
    """The figures of each minute. Growth of memory: from the end of the first minute, when all has been used once, to the end."""
    job = work()
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name:
        folder = Path(name)
        home = rtml.make_home(folder / "edge", job.package)
        server = open_edge(job, home, folder / "log", cores()[0])
        try:
            edge = compared(rtml.peer(home), server, job, folder / "requests")
            one = worker(server)
            peak = sorted(edge.turn(32, min(3.0, minute)).load.rate for _ in range(3))[1]
            rate = _busy(edge, peak, min(5.0, minute))
            found = []
            for number in range(minutes):
                seen = edge.turn(PACED, minute, rate=rate, seed=number + 1)
                load = seen.load
                found.append(
                    {
                        "rate": load.rate,
                        "p50": load.p50 / 1e3,
                        "p99": load.p99 / 1e3,
                        "failed": load.failed,
                        "answered": load.answered,
                        "cpu": seen.cpu,
                        "busy": seen.cpu * load.rate / 1e6,
                        "memory": memory([one])[1],
                    }
                )
                print(
                    f"{time.strftime('%H:%M:%S')} minute {number + 1}: {load.rate:,.0f}/s, p99 {load.p99 / 1e3:.2f} ms,"
                    f" {found[-1]['memory']:.1f} MB, {load.failed} failed",
                    flush=True,
                )
            if worker(server) != one:
                raise RuntimeError("the worker died on the way and was started again")
        finally:
            server.stop()
    return {
        "peak": peak,
        "rate": rate,
        "share": SHARE,
        "minutes": found,
        "requests": sum(int(m["answered"]) for m in found),
        "failed": sum(int(m["failed"]) for m in found),
        "growth": found[-1]["memory"] / found[0]["memory"] - 1,
        "machine": results.machine(),
    }


def _busy(edge: Contender, peak: float, seconds: float) -> float:
    """Requests a second that keep the worker's core busy to `SHARE`."""
    low, high = 0.0, peak
    for _ in range(6):
        rate = (low + high) / 2
        seen = edge.turn(PACED, seconds, rate=rate)
        low, high = (rate, high) if seen.cpu * seen.load.rate / 1e6 < SHARE else (low, rate)
    return (low + high) / 2


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--dry", action="store_true", help="print the figures and keep none")
    given = parser.parse_args()
    show("soak", measure(given.minutes), dry=given.dry)


if __name__ == "__main__":
    main()
