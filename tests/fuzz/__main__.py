"""`python -m tests.fuzz --minutes 5`: random graphs until the time is over. Exit code 1 and the smallest graph on a mismatch."""

from __future__ import annotations

import argparse
import sys
import time
import traceback

from tests.fuzz.check import Tally, compare_random

#: graphs between two looks at the clock
ROUND = 50


def main() -> int:
    """Draw rounds of graphs, each from a seed of its own, until the time is over or one graph differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=None, help="of the first round; by default from the clock")
    options = parser.parse_args()
    number = int(time.time()) if options.seed is None else options.seed
    end = time.monotonic() + 60 * options.minutes
    tally = Tally()
    while time.monotonic() < end:
        try:
            compare_random(number, ROUND, tally)
        except BaseException as error:
            traceback.print_exc()
            print(f"\n{tally}\nfound with --seed {number}: {type(error).__name__}", file=sys.stderr)
            return 1
        number += 1
        print(f"seed {number - 1}: {tally.graphs:,} graphs, {tally.rows:,} rows, 0 mismatches", flush=True)
    print(tally)
    return 0


if __name__ == "__main__":
    sys.exit(main())
