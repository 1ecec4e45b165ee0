"""`python -m tests.fuzz.http --count 200000`: broken requests against a worker. Exit code 1 and the request that does harm."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.http.bodies import ROW
from tests.fuzz.http.check import Found, Tally, run
from tests.integration.edge_security.workers import every_type, lenient, service, worker

ROUND = 5_000


def main() -> int:
    """Send rounds of broken requests, with a good one after each, and look at the worker's memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-stop", action="store_true", help="go on after a wrong answer, and count them")
    options = parser.parse_args()
    tally, began, memory, wrong = Tally(), time.monotonic(), [], 0
    with worker(lambda home: [service("visits", every_type(), home=home), service("lenient", lenient(), home=home)]) as edge:
        for number in range(-(-options.count // ROUND)):
            try:
                run(edge.port, min(ROUND, options.count - number * ROUND), options.seed + number, tally)
            except Found as found:
                print(str(found)[:3000], file=sys.stderr)
                wrong += 1
                if not options.no_stop:
                    return 1
            status, answer = edge.json("POST", "/v1/services/visits/predict", ROW)
            if status != 200 or not edge.alive:
                print(f"a good request is answered {status}: {answer}", file=sys.stderr)
                return 1
            memory.append(edge.memory() / 1e6)
            print(f"{tally.sent:,} requests, {memory[-1]:.1f} MB, {tally.sent / (time.monotonic() - began):,.0f}/s", flush=True)
        log = edge.log()
    print(tally)
    print(f"memory after the first round {memory[0]:.1f} MB, highest later {max(memory[1:], default=memory[0]):.1f} MB, "
          f"at the end {memory[-1]:.1f} MB; {log.count(chr(10)):,} lines of log")  # fmt: skip
    faults = [line for line in log.splitlines() if '"level":"error"' in line or "Traceback" in line]
    for line in faults[:5]:
        print(line[:2000], file=sys.stderr)
    return int(bool(wrong or faults))


if __name__ == "__main__":
    sys.exit(main())
