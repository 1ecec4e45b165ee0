"""Every line of the page on scikit-learn is made anew: what compiles is equal on hard rows, what does not says why."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.utils import all_estimators

from rtml_plugins.sklearn_ops.convert import registry
from tests.sweep.entries import classes, entries
from tests.sweep.judge import Different, Entry, judge
from tests.sweep.page import PAGE, read, render

SHOWN = read(PAGE.read_text())


@pytest.mark.parametrize("entry", entries(), ids=[entry.key for entry in entries()])
def test_an_entry_comes_out_as_the_page_says(entry: Entry) -> None:
    assert judge(entry) == SHOWN[entry.key], "python -m tests.sweep --write makes the page anew"


def test_the_page_shows_these_entries_and_no_others() -> None:
    assert render(SHOWN) == PAGE.read_text(), "python -m tests.sweep --write makes the page anew"
    assert [entry.key for entry in entries()] == list(SHOWN)


def test_the_sweep_is_wide() -> None:
    counts = Counter(outcome.status for outcome in SHOWN.values())
    assert set(counts) <= {"exact", "within", "refused"}
    assert counts["exact"] >= 300
    assert all(outcome.reason for outcome in SHOWN.values() if outcome.status != "exact")


def test_every_estimator_of_scikit_learn_takes_part() -> None:
    with np.errstate(all="ignore"):
        missing = {name for name, _ in all_estimators()} - classes(entries())
    assert missing == set()


def test_a_wrong_converter_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = next(entry for entry in entries() if entry.name == "Ridge(alpha=0.5)")
    own = registry.find_converter(Ridge())
    assert own is not None

    def off_by_little(b, estimator, columns):  # type: ignore[no-untyped-def]
        estimator.intercept_ += 1e-6
        return own(b, estimator, columns)

    monkeypatch.setitem(registry._CONVERTERS, "sklearn.linear_model.Ridge", off_by_little)
    with pytest.raises(Different):
        judge(entry)
