"""Ends of months, lengths of months and ISO weeks, day by day, against pandas; roundings against its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rtml_core.lowering import dates
from tests.unit.core.lowering.one_column import Compiled

DAY = 86_400_000_000
#: every day of 400 years and more, and days far away
DAYS = np.array([*range(-135_000, 25_000), *range(-719_162, -718_000), *range(2_931_000, 2_932_896)], dtype=np.int64) * DAY
NAMES = ("days_in_month", "is_month_end", "is_quarter_end", "is_year_end", "is_month_start", "is_leap_year")


def _pandas(values: np.ndarray) -> pd.Series:
    return pd.Series(values.view("datetime64[us]"))


@pytest.mark.parametrize("name", NAMES)
def test_every_day_of_the_calendar(name: str) -> None:
    compiled = Compiled(lambda b, c: dates.parts(b, c, name), "timestamp")
    assert np.array_equal(compiled(DAYS), getattr(_pandas(DAYS).dt, name).to_numpy())


def test_every_week_of_the_calendar() -> None:
    expected = _pandas(DAYS + DAY - 1).dt.isocalendar()
    for position, name in enumerate(("year", "week", "day")):
        compiled = Compiled(lambda b, c, position=position: dates.iso_calendar(b, c)[position], "timestamp")  # type: ignore[misc]
        assert np.array_equal(compiled(DAYS + DAY - 1), expected[name].to_numpy().astype(np.int64)), name


@pytest.mark.parametrize("unit", [2, 3, 1000, 1001, 60_000_000, 420_000_000, DAY, 7 * DAY])
def test_halves_go_to_the_even_multiple(unit: int) -> None:
    around = np.arange(-4, 5, dtype=np.int64)[:, None] * unit + np.array([0, 1, -1, unit // 2, unit // 2 + 1, (unit + 1) // 2])
    values = np.concatenate([around.ravel(), around.ravel() + 951_782_400_000_000])
    frequency = f"{unit}us"
    for block, method in ((dates.rounded, "round"), (dates.ceil, "ceil"), (dates.floor, "floor")):
        compiled = Compiled(lambda b, c, block=block: block(b, c, unit), "timestamp")  # type: ignore[misc]
        expected = getattr(_pandas(values).dt, method)(frequency)
        assert np.array_equal(compiled(values), expected.to_numpy().astype(np.int64)), method
