"""An answer in words: where a prediction lies among those of the training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_core.package import Manifest, OutputEntry, ParityEntry
from rtml_plugins.hub.gallery import answers
from rtml_plugins.hub.gallery.answered import LeftOut, Step
from tests.unit.hub.gallery.site import tree

SEVEN = (0, 5, 25, 50, 75, 95, 100)


def numbers(values: Any, edges: tuple[float, ...], name: str = "y", kind: str = "number", missing: int = 0) -> ColumnBaseline:
    """A baseline as a compile makes it, in bins of one's own."""
    array = np.asarray(values, np.float64)
    counts = np.bincount(np.searchsorted(edges, array, side="left"), minlength=len(edges) + 1)
    quantiles = tuple(float(np.quantile(array, share / 100)) for share in SEVEN)
    return ColumnBaseline(name, kind, missing, tuple(map(int, counts)), edges=edges, quantiles=quantiles)


def told(value: Any, column: ColumnBaseline | None = None, dtype: str = "float64") -> answers.Predicted:
    baseline = None if column is None else BaselineEntry(10, (), (column,))
    output = OutputEntry("y", dtype, "y")
    manifest = Manifest(1, "0", (), "refuse", (), (output,), (), {}, 10, (), (), True, ParityEntry(True), {}, baseline=baseline)
    (one,) = answers.predicted(manifest, {"y": value})
    return one


HUNDRED = numbers(range(101), (25.0, 50.0, 75.0))
LABELS = ColumnBaseline("y", "category", 1, (6, 3, 1), values=("stays", "leaves"))
NO_RARE = ColumnBaseline("y", "category", 0, (6, 4, 0), values=("false", "true"))
DAYS = numbers([0.0, 86_400.0, 172_800.0, 259_200.0], (86_400.0,), kind="time")


@pytest.mark.parametrize(
    ("value", "column", "dtype", "text", "place"),
    [
        (92.0, HUNDRED, "float64", "92", "Higher than for about 92 % of the training rows."),
        (12.5, HUNDRED, "float64", "12.5", "Higher than for about 13 % of the training rows."),
        (101.0, HUNDRED, "float64", "101", "Higher than for any training row."),
        (-1e300, HUNDRED, "float64", "-1e+300", "Lower than for any training row."),
        (50, HUNDRED, "int64", "50", "Higher than for about 50 % of the training rows."),
        (3.0, numbers([3.0] * 4, ()), "float64", "3", "The same as for all training rows."),
        (None, numbers(range(9), (4.0,), missing=1), "float64", "missing", "10 % of the training rows had none, too."),
        ("leaves", LABELS, "string", "leaves", "30 % of the training rows got the same."),
        ("<b>", LABELS, "string", "<b>", "A rare answer in training."),
        (True, NO_RARE, "bool", "true", "40 % of the training rows got the same."),
        ("new", NO_RARE, "string", "new", "No training row got this."),
        ("1970-01-04T00:00:00Z", DAYS, "timestamp", "1970-01-04T00:00:00Z", "Higher than for about 100 % of the training rows."),
        ("<soon>", DAYS, "timestamp", "<soon>", ""),
        (5, DAYS, "timestamp", "5", ""),
        (60, HUNDRED, "timedelta", "60", "Higher than for about 60 % of the training rows."),
        (0.25, None, "float64", "0.25", ""),
        (None, None, "float64", "missing", ""),
        (2**53 + 1, None, "int64", "9007199254740993", ""),
    ],
)
def test_a_prediction_in_words(value: Any, column: ColumnBaseline | None, dtype: str, text: str, place: str) -> None:
    one = told(value, column, dtype)
    assert (one.text, one.place) == (text, place)


def test_all_digits_stand_beside_a_shortened_number() -> None:
    one = told(0.521455391338367)
    assert (one.text, one.exact) == ("0.5215", "0.521455391338367")
    assert told(0.5).exact == ""


FLOATS = st.floats(-1e9, 1e9)


@given(st.lists(FLOATS, min_size=2, max_size=40), st.lists(FLOATS, max_size=9), FLOATS, FLOATS)
@settings(max_examples=200, deadline=None)
def test_the_share_below_grows_and_is_never_far_off(values: list[float], edges: list[float], one: float, other: float) -> None:
    column = numbers(values, tuple(sorted(set(edges))))
    low, high = sorted((one, other))
    shares = answers.share_below(column, low), answers.share_below(column, high)
    assert 0.0 <= shares[0] <= shares[1] <= 1.0
    for figure, share in zip((low, high), shares, strict=True):
        # within a bin nothing is known: no further off than all that is in the bin of the figure
        at = int(np.searchsorted(column.edges, figure, side="left"))
        below = sum(value < figure for value in values) / len(values)
        assert abs(share - below) <= column.counts[at] / len(values) + 1e-9


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.floats(allow_nan=False))
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:overflow")
def test_whatever_was_predicted_can_be_shown(values: list[float], value: float) -> None:
    one = told(value, numbers(values, tuple(sorted(set(values[:3])))))
    if one.picture is not None:
        page = tree(str(one.picture))
        (svg,) = page.iter("svg")
        assert svg.get("role") == "img"
        assert "nan" not in str(one.picture)
        assert "inf" not in str(one.picture)


def test_what_is_told_of_the_way() -> None:
    nodes = [
        Step("a", "Receiver", {}),
        Step("b", "Pandas fillna", {"<x>": 0.123456789, "when": None, "on": True, "n": 2**60}),
    ]
    (step,) = answers.steps(nodes)
    assert step.columns == (("<x>", "0.123457"), ("when", "missing"), ("on", "true"), ("n", str(2**60)))
    assert answers.left_out([LeftOut("c", ["p", "q"], "too many")]) == (("c", "p, q", "too many"),)
