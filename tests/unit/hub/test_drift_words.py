"""Bins and changes in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.baseline import ColumnBaseline
from rtml_plugins.hub.drift_words import changed, labels, percent, too_few

_DASH = "\N{EN DASH}"


def column(*edges: float, kind: str = "number", whole: bool = False, counts: tuple[int, ...] | None = None) -> ColumnBaseline:
    return ColumnBaseline("x", kind, 0, counts or (10,) * (len(edges) + 1), edges, whole=whole)


def category(*values: str, other: int = 0) -> ColumnBaseline:
    return ColumnBaseline("brand", "category", 0, (*(10,) * len(values), other), values=values)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (column(12.5, 40.0), ("≤ 12.5", "12.5 - 40", "> 40")),
        (column(3.0, 6.0, 7.0, whole=True), ("≤ 3", "4 - 6", "7", "> 7")),
        (column(0.5), ("≤ 0.5", "> 0.5")),
        (column(), ("any",)),
        (column(math.nextafter(1.0, 0.0), 1.0), ("< 1", "1", "> 1")),
        (column(1469.7, 12367.3, 281417.9), ("≤ 1470", "1470 - 12,370", "12,370 - 281,400", "> 281,400")),
        (column(1.00001, 1.00002), ("≤ 1.00001", "1.00001 - 1.00002", "> 1.00002")),
        (column(-1e-9, 1e20), ("≤ -1e-09", "-1e-09 - 1e+20", "> 1e+20")),
        (column(1768694400.0, 1770336000.0, kind="time"), ("≤ 2026-01-18", "2026-01-18 - 2026-02-06", "> 2026-02-06")),
        (
            column(1767233325.0, 1767241027.0, kind="time"),
            ("≤ 2026-01-01 02:08", "2026-01-01 02:08 - 2026-01-01 04:17", "> 2026-01-01 04:17"),
        ),
        (category("Safari", "", "Edge"), ("Safari", "(empty)", "Edge", "other")),
    ],
)
def test_bins_have_names_for_people(of: ColumnBaseline, expected: tuple[str, ...]) -> None:
    assert labels(of) == (*(text.replace(" - ", f" {_DASH} ") for text in expected), "missing")


@pytest.mark.parametrize(
    "of",
    [
        column(1.0, counts=(1,)),
        column(2.0, 1.0),
        column(1.0, 1.0),
        column(1.0, counts=(1, -1)),
        ColumnBaseline("x", "category", 0, (1,), values=("a", "b")),
        ColumnBaseline("x", "number", -1, (1,)),
        ColumnBaseline("x", "number", 0, ()),
    ],
)
def test_bins_that_do_not_fit_together_have_none(of: ColumnBaseline) -> None:
    assert labels(of) is None


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9, unique=True),
    st.booleans(),
    st.sampled_from(["number", "time"]),
)
def test_any_edges_give_a_name_for_each_bin_and_a_sentence(edges: list[float], whole: bool, kind: str) -> None:
    of = column(*sorted(edges), kind=kind, whole=whole)
    found = labels(of)
    assert found is not None
    assert len(found) == len(edges) + 2
    if not whole:
        assert len(set(found)) == len(found)
    for at in range(len(found)):
        now = [0.0] * len(found)
        now[at] = 1.0
        assert changed(of, "moved", [1 / len(found)] * len(found), now).startswith("'x' ")


@pytest.mark.parametrize(
    ("of", "at", "said"),
    [
        (column(12.5, 512.0), 2, "'x' has moved: 31 % of the rows lie above 512, in training 5 %"),
        (column(12.5, 512.0), 1, "'x' has moved: 31 % of the rows lie between 12.5 and 512, in training 5 %"),
        (column(12.5, 512.0), 0, "'x' has moved: 31 % of the rows lie at or below 12.5, in training 5 %"),
        (column(12.5, 512.0), 3, "'x' is missing in 31 % of the rows, in training in 5 %"),
        (column(math.nextafter(1.0, 0.0), 1.0), 1, "'x' has moved: 31 % of the rows have 1, in training 5 %"),
        (column(math.nextafter(1.0, 0.0), 1.0), 0, "'x' has moved: 31 % of the rows lie below 1, in training 5 %"),
        (column(3.0, 4.0, whole=True), 1, "'x' has moved: 31 % of the rows have 4, in training 5 %"),
        (column(1768694400.0, kind="time"), 0, "'x' has moved: 31 % of the rows lie at or before 2026-01-18, in training 5 %"),
        (column(1768694400.0, kind="time"), 1, "'x' has moved: 31 % of the rows lie after 2026-01-18, in training 5 %"),
        (category("VW"), 0, "'brand' has moved: 31 % of the rows have 'VW', in training 5 %"),
        (category("VW", other=5), 1, "'brand' has moved: 31 % of the rows have one of the rarer values, in training 5 %"),
    ],
)
def test_a_change_is_said_at_its_bin(of: ColumnBaseline, at: int, said: str) -> None:
    bins = len(of.counts) + 1
    before, now = [0.5] * bins, [0.5] * bins
    before[at], now[at] = 0.05, 0.31
    assert changed(of, "moved", before, now) == said


def test_shares_are_told_apart() -> None:
    assert [percent(share) for share in (0.0, 0.0004, 0.004, 0.31, 0.995, 1.0)] == [
        "0 %",
        "less than 0.1 %",
        "0.4 %",
        "31 %",
        "99.5 %",
        "100 %",
    ]
    said = changed(category("VW"), "moved", [0.312, 0.5, 0.5], [0.308, 0.5, 0.5])
    assert said.endswith("30.8 % of the rows have 'VW', in training 31.2 %")


def test_how_many_rows_are_needed_is_said() -> None:
    assert too_few("age", 0, 1000, 250) == "'age' has no rows so far; 250 are needed to tell a change from chance"
    assert too_few("age", 1, 1000, 1250) == "'age' has 1 row so far; 1,250 are needed to tell a change from chance"
    assert "training had 30 rows, too few" in too_few("age", 5000, 30, None)
