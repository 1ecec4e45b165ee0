"""QuantileBins: pandas' bins on the training frame, open ends, equal at every edge and one ulp beside it in both forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, InputError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.one_hot import OneHotEncoder
from rtml_plugins.encoders.quantile_bins import QuantileBins, range_labels
from tests.unit.plugins.encoders.graphs import chain_nodes


def frame(*values: Any, name: str = "x") -> pd.DataFrame:
    return pd.DataFrame({name: list(values)})


def test_bins_are_named_by_their_ends_and_the_outer_ones_are_open() -> None:
    bins = QuantileBins(cols="x", bins=4).fit(frame(*range(1, 9)))
    assert bins.state == {"edges": {"x": [2.75, 4.5, 6.25]}}
    rows = frame(-1e9, 2.75, 2.76, 4.5, 1e9, math.nan)
    found = bins.process(rows).data["x"]
    assert found.iloc[:5].tolist() == ["(-inf, 2.75]", "(-inf, 2.75]", "(2.75, 4.5]", "(2.75, 4.5]", "(6.25, inf)"]
    assert found.isna().tolist() == [False] * 5 + [True]
    assert str(found.dtype) in ("str", "string")


@settings(max_examples=60)
@given(
    st.lists(st.floats(-1e9, 1e9) | st.integers(-3, 3).map(float) | st.just(math.nan), min_size=1, max_size=30),
    st.integers(2, 7),
)
def test_training_rows_fall_into_the_bins_of_pandas(values: list[float], count: int) -> None:
    data = frame(*values)
    if len({v for v in values if v == v}) < 2:
        return
    bins = QuantileBins(cols="x", bins=count, labels="code").fit(data)
    expected = pd.qcut(data["x"], count, labels=False, duplicates="drop").astype("float64")
    # pandas numbers the bins that are left, as we do; one bin can be all that is left
    np.testing.assert_array_equal(bins.process(data).data["x"].to_numpy(), expected.to_numpy())


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=32), min_size=3, max_size=8), min_size=1, max_size=4),
    st.sampled_from(["range", "code"]),
    st.sampled_from(["missing", "bin", "error"]),
    st.sampled_from([2, 5, [0.1, 0.9]]),
)
def test_agrees_in_both_forms_at_every_edge(columns: list[list[float]], labels: str, missing: str, count: Any) -> None:
    train = pd.DataFrame({f"x{i}": pd.Series([*column, 0.0]) for i, column in enumerate(columns)})
    bins = QuantileBins(cols=list(train), bins=count, labels=labels, handle_missing=missing).fit(train)
    cases = bins.parity_cases()
    assert cases is not None
    rows = pd.concat([cases, train.fillna(math.nan), pd.DataFrame({name: [math.inf, -math.inf] for name in train})])
    assert_parity(bins, rows)
    assert_parity(bins, cases, nullable=False)
    assert_parity(bins, rows.iloc[:0], nullable=True)


@pytest.mark.parametrize(
    "values",
    [
        [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, -(2**62), 2**62, 0],
        np.array([0.1, 0.2, np.nan, 0.3, 7], dtype=np.float32),
        [1.0, math.nextafter(1, 2), math.nextafter(1, 0), 1.0, 5e-324, -5e-324],
    ],
)
def test_other_numbers_agree_in_both_forms(values: Any) -> None:
    data = pd.DataFrame({"x": values})
    for labels in ("range", "code"):
        assert_parity(QuantileBins(cols="x", bins=3, labels=labels).fit(data), data)


def test_equal_values_make_fewer_bins_and_one_value_one_bin() -> None:
    many_zeros = QuantileBins(cols="x", bins=4).fit(frame(0, 0, 0, 0, 0, 0, 1, 2))
    assert many_zeros.labels_of("x") == ["(-inf, 0.25]", "(0.25, inf)"]
    constant = QuantileBins(cols="x", bins=4).fit(frame(7.0, 7.0, math.nan))
    assert constant.state == {"edges": {"x": []}}
    rows = frame(-1.0, 7.0, math.nan)
    assert constant.process(rows).data["x"].iloc[:2].tolist() == ["(-inf, inf)"] * 2
    assert_parity(constant, rows)
    one_row = QuantileBins(cols="x", bins=4, labels="code").fit(frame(3.0))
    assert one_row.process(rows).data["x"].iloc[:2].tolist() == [0.0, 0.0]
    assert_parity(one_row, rows)


def test_missing_values_can_have_their_own_bin_or_be_refused() -> None:
    train, rows = frame(1.0, 2.0, 3.0, 4.0), frame(1.0, math.nan)
    own = QuantileBins(cols="x", bins=2, handle_missing="bin").fit(train)
    assert own.process(rows).data["x"].tolist() == ["(-inf, 2.5]", "missing"]
    code = QuantileBins(cols="x", bins=2, handle_missing="bin", labels="code").fit(train)
    assert code.process(rows).data["x"].tolist() == [0.0, 2.0]
    named = QuantileBins(cols="x", bins=2, handle_missing="bin", labels=["low", "high"], missing_label="?").fit(train)
    assert named.process(rows).data["x"].tolist() == ["low", "?"]
    strict = QuantileBins(cols="x", bins=2, handle_missing="error").fit(train)
    with pytest.raises(InputError, match="/1/x: expected a number, got a missing value"):
        strict.process(rows)
    for bins in (own, code, named, strict):
        assert_parity(bins, rows)


def test_quantiles_can_be_given_and_the_old_column_kept() -> None:
    tail = QuantileBins(cols="x", bins=[0.5, 0.9], labels=["low", "high", "top"], into="size").fit(frame(*range(11)))
    result = tail.process(frame(5, 6, 10)).data
    assert result.to_dict("list") == {"x": [5, 6, 10], "size": ["low", "high", "top"]}
    assert_parity(tail, frame(5, 6, 9, 10))


def test_labels_are_short_and_never_the_same() -> None:
    assert range_labels([]) == ["(-inf, inf)"]
    assert range_labels([2.0, 41.333333333333336]) == ["(-inf, 2]", "(2, 41.3333]", "(41.3333, inf)"]
    assert range_labels([1234567.891]) == ["(-inf, 1234568]", "(1234568, inf)"]
    close = range_labels([1.0, math.nextafter(1, 2), math.nextafter(math.nextafter(1, 2), 2)])
    assert len(set(close)) == 4


def test_the_schema_knows_the_bins() -> None:
    bins = QuantileBins(cols="x", bins=2).fit(frame(1.0, 2.0, 3.0))
    schema = bins.schema(Schema([Column("x", "float64", True)]))
    assert (schema["x"].dtype, schema["x"].nullable, schema["x"].categories) == ("string", True, ("(-inf, 2]", "(2, inf)"))


def test_any_number_of_columns_is_one_tree_and_one_lookup() -> None:
    for count in (1, 5, 20):
        names = [f"x{i}" for i in range(count)]
        train = pd.DataFrame({name: np.arange(10.0) * (i + 1) for i, name in enumerate(names)})
        codes = QuantileBins(cols=names, bins=4, labels="code").fit(train)
        assert chain_nodes([codes], names, "float64") == ["TreeEnsemble"]
        named = QuantileBins(cols=names, bins=4).fit(train)
        assert chain_nodes([named], names, "float64") == ["TreeEnsemble", "LabelEncoder"]
        hot = OneHotEncoder(cols=names).fit(named.process(train).data)
        expected = ["Equal", "Cast"] if count == 1 else ["Add", "Gather", "Reshape"]
        assert chain_nodes([named, hot], names, "float64") == ["TreeEnsemble", "LabelEncoder", *expected]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "parameter 'bins' is missing"),
        ({"bins": 1}, "parameter 'bins' must be a whole number from 2 to 1,000; got 1"),
        ({"bins": [0.9, 0.5]}, "must be numbers above 0 and below 1, ascending, e.g. [0.5, 0.9]; got [0.9, 0.5]"),
        ({"bins": [0, 0.5]}, "must be numbers above 0 and below 1"),
        ({"bins": []}, "must be numbers above 0 and below 1"),
        ({"bins": 3, "labels": ["a", "b"]}, "parameter 'labels' must be 3 different names, one for each bin"),
        ({"bins": 2, "labels": {"y": ["a", "b"]}}, "parameter 'labels' must be about the columns in 'cols'; got 'y'"),
        ({"bins": 2, "labels": ["a", "missing"], "handle_missing": "bin"}, "'missing_label' must differ from the other labels"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        QuantileBins(cols="x", **params)
    assert words in str(caught.value)


def test_columns_that_can_not_be_learned_are_named() -> None:
    with pytest.raises(ColumnError, match="Column 'x' has no value to learn from"):
        QuantileBins(cols="x", bins=2).fit(frame(math.nan, math.nan))
    with pytest.raises(ColumnError, match="Column 'x' is infinite in 1 training rows"):
        QuantileBins(cols="x", bins=2).fit(frame(1.0, -math.inf))
    with pytest.raises(ColumnError, match="spans more than float64 can hold"):
        QuantileBins(cols="x", bins=2).fit(frame(-1.7e308, 1.7e308))
    with pytest.raises(ColumnError, match="4 bins become 2, and 4 labels do not fit; use fewer bins, or labels='range'"):
        QuantileBins(cols="x", bins=4, labels=list("abcd")).fit(frame(0, 0, 0, 0, 0, 0, 1, 2))
    with pytest.raises(ColumnError, match="Column 'x' is a bool; QuantileBins takes numbers"):
        QuantileBins(cols="x", bins=2).fit(frame(True, False))
    with pytest.raises(NotFittedError, match="QuantileBins has to learn the edges of 'x' first"):
        QuantileBins(cols="x", bins=2).process(frame(1.0))
