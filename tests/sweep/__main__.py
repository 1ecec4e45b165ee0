"""`python -m tests.sweep [--write] [WORD...]`: run the sweep, or its entries that hold one of the words; show what changed."""

from __future__ import annotations

import sys
import time
import warnings

from threadpoolctl import threadpool_limits

from tests.sweep.entries import entries
from tests.sweep.judge import Outcome, judge
from tests.sweep.page import PAGE, read, render


def main(arguments: list[str]) -> int:
    """Run, print every outcome that is not on the page, and write the page when asked to. 1 where something differs."""
    words = [argument for argument in arguments if not argument.startswith("--")]
    known = read(PAGE.read_text()) if PAGE.exists() else {}
    outcomes: dict[str, Outcome] = {}
    failed = 0
    started = time.perf_counter()
    for entry in entries():
        if words and not any(word in entry.key or word == entry.group for word in words):
            continue
        try:
            outcomes[entry.key] = judge(entry)
        except Exception as error:  # whatever it is, the other entries are run too
            failed += 1
            print(f"FAILED {entry.key}\n  {type(error).__name__}: {str(error)[:600]}")
            continue
        if words or known.get(entry.key) != outcomes[entry.key]:
            print(f"{entry.key}\n  {outcomes[entry.key]}" + ("" if words else f"\n  was {known.get(entry.key)}"))
    print(f"{len(outcomes)} entries in {time.perf_counter() - started:.0f} s, {failed} failed")
    if "--write" in arguments and not failed:
        if words:
            raise SystemExit("--write takes no words: the page shows all entries")
        PAGE.write_text(render(outcomes))
        print(f"Wrote {PAGE}")
    return 1 if failed else 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with threadpool_limits(limits=1):
        sys.exit(main(sys.argv[1:]))
