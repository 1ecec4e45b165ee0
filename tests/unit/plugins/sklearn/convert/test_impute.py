"""Filling what is missing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, texts, two


@pytest.mark.parametrize("indicator", [True, False])
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
def test_numbers(strategy: str, indicator: bool) -> None:
    agree(SimpleImputer(strategy=strategy, add_indicator=indicator), numbers(missing=True), exact=True)


@pytest.mark.parametrize("indicator", [True, False])
@pytest.mark.parametrize("strategy", ["most_frequent", "constant"])
def test_strings(strategy: str, indicator: bool) -> None:
    agree(SimpleImputer(strategy=strategy, add_indicator=indicator), texts(missing=True))


def test_columns_that_are_never_missing_stay_untouched() -> None:
    frame = numbers()
    assert agree(SimpleImputer(), frame, exact=True, nullable=[]).nodes == 1
    two_gaps = agree(SimpleImputer(), frame, exact=True, nullable=["a", "c"])
    assert two_gaps.nodes <= 4


def test_a_column_without_any_value_is_dropped_or_kept_as_told() -> None:
    frame = numbers(missing=True).assign(a=np.nan)
    assert "a" not in agree(SimpleImputer(), frame, exact=True).outputs.values()
    assert "a" in agree(SimpleImputer(keep_empty_features=True, add_indicator=True), frame, exact=True).outputs.values()


def test_another_mark_for_missing() -> None:
    agree(SimpleImputer(missing_values=0, strategy="most_frequent"), numbers()[["b", "k"]], exact=True)
    agree(SimpleImputer(missing_values="", strategy="most_frequent"), texts())


def test_indicator_alone() -> None:
    frame = numbers(missing=True)
    agree(MissingIndicator(), frame)
    agree(MissingIndicator(features="all"), frame)
    agree(MissingIndicator(error_on_new=False), frame, nullable=["a", "b", "c", "k"])
    with pytest.raises(NotLowerableError, match=r"column 'k' may be missing here and never was in training.*error_on_new=False"):
        agree(MissingIndicator(), frame, nullable=["a", "b", "c", "k"])


def test_a_result_that_is_no_number_is_refused_row_by_row_or_filled() -> None:
    frame = pd.DataFrame({"a": np.abs(numbers()["a"]), "b": numbers()["b"] + 1.0})
    odd = frame.iloc[:4].assign(a=[-2.0, -1.0, 0.0, -1e-9])
    logs: Any = FunctionTransformer(np.log1p)
    refusing = agree(make_pipeline(logs, LogisticRegression()), frame, two(numbers()), rows=odd)
    assert refusing.checks == (
        "one of the columns 'a', 'b' is not a number here, and LogisticRegression takes no missing values",
    )
    filling = agree(make_pipeline(logs, SimpleImputer(), LogisticRegression()), frame, two(numbers()), rows=odd)
    assert filling.checks == ()
