"""`python -m tests.benchmarks.serving`: everyone side by side in one run; the figures are kept and README.md is written."""

from __future__ import annotations

import os

# One thread for everyone; libraries read this when they are imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

from tests.benchmarks.serving import page, results, throughput  # noqa: E402
from tests.benchmarks.serving.peers import PEERS, REQUIREMENTS  # noqa: E402
from tests.benchmarks.serving.work import setup  # noqa: E402


def main() -> int:
    """Parse the options and run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that all servers are stopped
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving", description=__doc__)
    parser.add_argument("--setup", action="store_true", help="make the peers' environments under build/peers, and end")
    parser.add_argument("--only", default="", help=f"peers beside rtml, separated by commas; of {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each at each number of connections")
    parser.add_argument("--seconds", type=float, default=0.8, help="of one turn")
    parser.add_argument("--quick", action="store_true", help="two short turns; nothing is kept")
    parser.add_argument("--page", action="store_true", help="write README.md from the kept figures, and end")
    given = parser.parse_args()
    only = [key for key in given.only.split(",") if key]
    unknown = sorted(set(only) - set(PEERS))
    if unknown:
        parser.error(f"there is no peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if given.setup:
        return 1 if setup(REQUIREMENTS) else 0
    if given.page:
        page.write(results.kept())
        return 0
    short = {"rounds": 2, "seconds": 0.4, "paced": 1.0} if given.quick else {"rounds": given.rounds, "seconds": given.seconds}
    result = throughput.measure(only, **short)
    print(page.figures({"throughput": result}))
    if not given.quick and not only:
        results.keep("throughput", result)
        print("The figures are in tests/benchmarks/serving/README.md")
    print(f"It took {result['took']:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
