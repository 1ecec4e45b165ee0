"""Canonical frames: one dtype a column, whatever the rows happen to hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.errors import ColumnError
from rtml_core.frames import canonical_series, dtype_word


@pytest.mark.parametrize(
    ("categories", "word"),
    [
        (["a", "b"], "string"),
        ([True, False], "bool"),
        (pd.to_datetime(["2024-02-29", "1969-12-31"]), "timestamp"),
        (pd.to_timedelta(["1D", "2D"]), "timedelta"),
        ([1, 2], "float64"),
        ([0.5, 2.0], "float64"),
    ],
)
@pytest.mark.parametrize("codes", [[0, 1, -1], [-1, -1]])
def test_a_column_of_categories_keeps_their_dtype_when_rows_are_missing(categories: Any, word: str, codes: list[int]) -> None:
    series = pd.Series(pd.Categorical.from_codes(codes, categories=pd.Index(categories)))
    made = canonical_series(series, "x")
    assert dtype_word(made) == word
    assert made.isna().tolist() == [code < 0 for code in codes]
    present = [categories[code] for code in codes if code >= 0]
    assert made.dropna().tolist() == list(present)


def test_categories_without_missing_rows_are_their_values() -> None:
    made = canonical_series(pd.Series(pd.Categorical([2, 1, 2])), "x")
    assert made.dtype == np.int64
    assert made.tolist() == [2, 1, 2]


def test_a_whole_number_that_no_column_holds_is_refused() -> None:
    with pytest.raises(ColumnError, match="Column 'x' holds a whole number beyond the range of float64"):
        canonical_series(pd.Series([1, 10**400], dtype=object), "x")
