"""Compiled methods of .dt and to_datetime against pandas, from the year 1 to the year 9999."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core.errors import ExecutionError
from rtml_core.frames import string_dtype
from rtml_core.testing import assert_parity
from rtml_plugins.pandas_ops import Pandas

PARTS = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "dayofweek", "weekday", "day_of_week", "dayofyear",
    "quarter", "is_month_start", "is_quarter_start", "is_year_start", "is_leap_year", "normalize", "day_name", "month_name",
)  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_timestamp_agrees_with_pandas(name: str, hard: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=f"dt.{name}", cols=["t", "v"], into=["x", "y"]), hard)
    proof.holds()
    proof.holds_on()
    proof.holds_on(4)


@pytest.mark.parametrize("name", ["days", "seconds", "microseconds", "total_seconds"])
def test_a_part_of_a_difference_agrees_with_pandas(name: str, hard: pd.DataFrame, prove: Any) -> None:
    proof = prove(Pandas(import_=f"dt.{name}", cols="d"), hard)
    proof.holds()
    proof.holds_on(4)


@pytest.mark.parametrize("unit", ["D", "h", "min", "s"])
def test_a_timestamp_is_cut_to_a_unit(unit: str, hard: pd.DataFrame, prove: Any) -> None:
    prove(Pandas(import_="dt.floor", cols="t", args=[unit]), hard).holds()


@pytest.fixture
def texts() -> pd.DataFrame:
    values = [
        "2024-02-29", "2023-02-29", "2026-11-21T10:15:00Z", "2026-11-21 10:15", None, "", "nan", "2024/01/02", "20240102",
        "2026-01-31T10:15:00.123456+02:00", "1969-12-31T23:59:59.999999",
        "0001-01-01", "9999-12-31T23:59:59Z", "24:00", "2024-1-2",
    ]  # fmt: skip
    return pd.DataFrame({"seen": pd.Series(values, dtype=string_dtype())})


@pytest.mark.parametrize("arguments", [{}, {"utc": True}, {"format": "ISO8601"}, {"utc": False}])
@pytest.mark.parametrize("errors", ["raise", "coerce"])
def test_texts_become_timestamps_one_by_one(errors: str, arguments: dict[str, Any], texts: pd.DataFrame) -> None:
    node = Pandas(import_="to_datetime", cols="seen", kwargs={"errors": errors, **arguments}, inplace=True)
    assert assert_parity(node, texts) > 0
    assert_parity(node, texts.iloc[:1])


def test_a_text_that_is_no_timestamp_is_named(texts: pd.DataFrame) -> None:
    node = Pandas(import_="to_datetime", cols="seen", into="at")
    with pytest.raises(ExecutionError, match=r"column 'seen', row 1: '2023-02-29' is not an ISO timestamp .* Set errors to"):
        node.process(texts)


def test_a_format_of_ones_own_runs_when_authoring(texts: pd.DataFrame) -> None:
    frame = pd.DataFrame({"seen": ["31/01/2026", "01/02/2026"]})
    days = Pandas(import_="to_datetime", cols="seen", kwargs={"format": "%d/%m/%Y"}, into="at").process(frame).data["at"].dt.day
    assert days.tolist() == [31, 1]
