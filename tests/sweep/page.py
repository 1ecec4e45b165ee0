"""The page on which the outcomes of the sweep stand: written from them, and read back by the test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.sweep.data import KINDS, TARGETS
from tests.sweep.entries import entries
from tests.sweep.judge import Entry, Outcome

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "what-lowers-scikit-learn.md"

_HEAD = """# What of scikit-learn compiles

<!-- Written by `python -m tests.sweep --write`. Change the entries in tests/sweep, not this page. -->

{total} estimators, transformers and compositions of scikit-learn with their options, each learned by the operator
[ScikitLearn](operators/ScikitLearn.md), compiled, and scored beside scikit-learn itself: **{exact} exact, {within} within a named
tolerance, {refused} refused with a reason**. A test makes this table anew and fails where one line is another, so none is
silently different.

- **exact**: labels are equal, and numbers in float64 are within 1e-9 of scikit-learn's (most are equal bit by bit).
- **within**: labels are equal, and numbers are as near as is said.
- **refused**: it does not compile, and the message says why and what to do instead. Those without a converter can be taught by a
  plugin: [compile an estimator of another package](../how-to/compile-your-own-estimator.md).

Each line is scored on the rows it learned from, on rows between them, and on hard ones: at every threshold of the model and one
float64 step beside it, missing values, unknown, rare, empty and non-ASCII categories and texts, zeros, 1e30 and 1e300 in one
column and in all, infinite values and NaN where arithmetic before the model may have made them; on no row at all, and on one
alone. Rows that scikit-learn refuses have to be refused by the compiled model, and no others. The column "learns from" names the
data: {kinds}.

What stands here holds for these rows; the parity gate asks the same of your model and your rows, every time a graph is compiled.
"""


def render(outcomes: Mapping[str, Outcome]) -> str:
    """The page for an outcome of every entry, by key."""
    counts = Counter(outcome.status for outcome in outcomes.values())
    kinds = "; ".join(f"*{kind}*, {words}" for kind, words in KINDS.items())
    parts = [_HEAD.format(total=len(entries()), kinds=kinds, **{s: counts[s] for s in ("exact", "within", "refused")})]
    for group, members in groupby(entries(), key=lambda entry: entry.group):
        rows = [_row(entry, outcomes[entry.key]) for entry in members]
        head = ["| estimator | learns from | label | answers | outcome |", "|---|---|---|---|---|"]
        parts.append("\n".join([f"## {group}", "", *head, *rows, ""]))
    return "\n".join(parts)


def _row(entry: Entry, outcome: Outcome) -> str:
    said = outcome.status + (f": {outcome.reason}" if outcome.reason else "")
    cells = (f"`{entry.name}`", entry.kind, TARGETS[entry.target], outcome.parts, said)
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|") if text.startswith("`") else re.sub(r"([|<>*_`\[\]])", r"\\\1", text)


def read(text: str) -> dict[str, Outcome]:
    """The outcomes that a page shows, by key of their entry."""
    targets = {words: name for name, words in TARGETS.items()}
    found = {}
    for line in text.splitlines():
        cells = [re.sub(r"\\(.)", r"\1", cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 5 or not cells[0].startswith("`"):
            continue
        name, kind, target, parts, said = cells
        status, _, reason = said.partition(": ")
        key = " | ".join(part for part in (name.strip("`"), kind, targets[target]) if part)
        found[key] = Outcome(status, reason, parts)
    return found
