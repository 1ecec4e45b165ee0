"""`python -m tests.sweep [--write] [--seed N] [WORD...]`: run the sweep, or its entries that hold a word; show what changed.

With --seed, on other rows than those of the page; a difference between authored and compiled fails there, too.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

from threadpoolctl import threadpool_limits

from tests.sweep import data
from tests.sweep.entries import entries
from tests.sweep.judge import Outcome, judge
from tests.sweep.page import PAGE, read, render


def main(arguments: argparse.Namespace) -> int:
    """Run, print every outcome that is not on the page, and write the page when asked to. 1 where something differs."""
    if arguments.seed is not None:
        data.seed = arguments.seed
        data.frame.cache_clear()
    known = read(PAGE.read_text()) if PAGE.exists() else {}
    outcomes: dict[str, Outcome] = {}
    failed = 0
    started = time.perf_counter()
    for entry in entries():
        if arguments.words and not any(word in entry.key or word == entry.group for word in arguments.words):
            continue
        try:
            outcomes[entry.key] = judge(entry)
        except Exception as error:  # whatever it is, the other entries are run too
            failed += 1
            print(f"FAILED {entry.key}\n  {type(error).__name__}: {str(error)[:600]}", flush=True)
            continue
        if arguments.words or known.get(entry.key) != outcomes[entry.key]:
            print(f"{entry.key}\n  {outcomes[entry.key]}\n  the page says {known.get(entry.key)}", flush=True)
    print(f"{len(outcomes)} entries in {time.perf_counter() - started:.0f} s, {failed} failed")
    if arguments.write and not failed:
        PAGE.write_text(render(outcomes))
        print(f"Wrote {PAGE}")
    return 1 if failed else 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite the page")
    parser.add_argument("--seed", type=int, help="of the rows")
    parser.add_argument("words", nargs="*", help="only entries that hold one of these")
    parsed = parser.parse_args()
    if parsed.write and (parsed.words or parsed.seed is not None):
        parser.error("--write takes neither words nor a seed: the page shows all entries on its own rows")
    return parsed


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(limits=1):
        sys.exit(main(_parsed()))
