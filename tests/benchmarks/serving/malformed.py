"""`python -m tests.benchmarks.serving.malformed`: broken requests without end against an edge, and what becomes of it."""

from __future__ import annotations

import argparse
import time
from typing import Any, Final

from tests.benchmarks.serving import results
from tests.benchmarks.serving.startup import show
from tests.fuzz.http.check import Found, Tally, run
from tests.integration.edge_security.workers import ROW, every_type, lenient, service, worker

ROUND: Final = 5_000
PATH: Final = "/v1/services/visits/predict"


def measure(count: int = 200_000, seed: int = 1) -> dict[str, Any]:
    """Send `count` broken requests (bodies, headers, sizes, types, frames) in rounds, with a good one after each round."""
    tally, memory, wrong, begin = Tally(), [], 0, time.monotonic()
    with worker(lambda home: [service("visits", every_type(), home=home), service("lenient", lenient(), home=home)]) as edge:
        number = 0
        while tally.sent < count:
            try:
                run(edge.port, min(ROUND, count - tally.sent), seed + number, tally)
            except Found as found:
                wrong += 1
                print(str(found)[:2000], flush=True)
            status, answer = edge.json("POST", PATH, ROW)
            if status != 200 or not edge.alive:
                raise RuntimeError(f"after {tally.sent:,} broken requests a good one is answered {status}: {answer}")
            memory.append(edge.memory() / (1 << 20))
            number += 1
            print(f"{tally.sent:,} requests, {memory[-1]:.1f} MB, {tally.sent / (time.monotonic() - begin):,.0f}/s", flush=True)
    return {
        "requests": tally.sent,
        "kinds": dict(sorted(tally.kinds.items())),
        "statuses": {str(status): number for status, number in sorted(tally.statuses.items())},
        "closed": tally.closed,
        "wrong": wrong,
        "server_errors": sum(number for status, number in tally.statuses.items() if status >= 500 and status != 503) + wrong,
        "memory": [round(megabytes, 1) for megabytes in memory],
        "seconds": time.monotonic() - begin,
        "machine": results.machine(),
    }


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.malformed", description=__doc__)
    parser.add_argument("--count", type=int, default=200_000, help="requests")
    parser.add_argument("--dry", action="store_true", help="print the figures and keep none")
    given = parser.parse_args()
    show("malformed", measure(given.count), dry=given.dry)


if __name__ == "__main__":
    main()
