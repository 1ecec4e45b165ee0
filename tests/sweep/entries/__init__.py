"""All entries of the sweep, by group; and every class of scikit-learn that no entry names, as itself."""

from __future__ import annotations

from functools import cache

from sklearn.utils import all_estimators

from tests.sweep.entries import compositions, linear, machines, transformers, trees
from tests.sweep.judge import Entry

REST = "No answer for new rows"


@cache
def entries() -> list[Entry]:
    """Every entry, in the order of the page."""
    named = [*linear.ENTRIES, *trees.ENTRIES, *machines.ENTRIES, *transformers.ENTRIES, *compositions.ENTRIES]
    return [*named, *(Entry(REST, cls(), "unit") for name, cls in all_estimators() if name not in classes(named))]


def classes(named: list[Entry]) -> set[str]:
    """Names of the classes of estimators that entries show, with those inside compositions."""
    found = set()
    for entry in named:
        found.add(type(entry.estimator).__name__)
        found |= {type(part).__name__ for part in entry.estimator.get_params(deep=True).values()}
    return found
