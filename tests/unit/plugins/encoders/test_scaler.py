"""Scaler: the four formulas, equal bit by bit in both forms, one Sub and one Div for all columns, and what it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.ordinal import OrdinalEncoder
from rtml_plugins.encoders.scaler import Scaler
from tests.unit.plugins.encoders.graphs import chain_nodes

HARD = [0.0, -0.0, 1.0, -1.5, 5e-324, 1e-308, 1e300, -1e308, 1.7e308, float(2**53), math.nan, math.inf, -math.inf, 1 / 3]
METHODS = ["standard", "minmax", "robust", "maxabs"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"method": "standard"}, [-1.5, -0.5, 0.5, 1.5]),
        ({"method": "minmax"}, [0, 1 / 3, 2 / 3, 1]),
        ({"method": "minmax", "range": [-1, 2]}, [-1, 0, 1, 2]),
        ({"method": "robust"}, [-1, -1 / 3, 1 / 3, 1]),
        ({"method": "robust", "quantiles": [0, 1]}, [-0.5, -1 / 6, 1 / 6, 0.5]),
        ({"method": "maxabs"}, [0.25, 0.5, 0.75, 1]),
    ],
)
def test_the_formulas(params: dict[str, Any], expected: list[float]) -> None:
    data = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    if params["method"] == "standard":
        expected = [value / math.sqrt(1.25) for value in expected]
    result = Scaler(cols="x", **params).fit(data).process(data).data["x"]
    assert result.tolist() == pytest.approx(expected, rel=1e-15)
    assert data["x"].tolist() == [1.0, 2.0, 3.0, 4.0]  # the input is not changed


def test_scikit_learn_learns_the_same_to_rounding() -> None:
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    data = pd.DataFrame({"x": np.random.default_rng(1).normal(50, 9, 500)})
    others = {"standard": StandardScaler(), "minmax": MinMaxScaler(), "robust": RobustScaler(), "maxabs": MaxAbsScaler()}
    for method, other in others.items():
        ours = Scaler(cols="x", method=method).fit(data).process(data).data["x"]
        np.testing.assert_allclose(ours, other.fit_transform(data)[:, 0], rtol=1e-12, atol=1e-15)


@settings(max_examples=40)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
    st.lists(st.sampled_from(HARD) | st.floats(), max_size=8),
    st.sampled_from(METHODS),
    st.booleans(),
)
def test_floats_agree_in_both_forms(train: list[float], rows: list[float], method: str, stretched: bool) -> None:
    extra: dict[str, Any] = {"range": (-3.0, 0.1), "clip": True} if stretched and method == "minmax" else {}
    scaler = Scaler(cols=["x", "y"], method=method, **extra).fit(pd.DataFrame({"x": train, "y": train[::-1]}))
    assert_parity(scaler, pd.DataFrame({"x": rows, "y": rows[::-1]}, dtype="float64"))


@pytest.mark.parametrize("method", METHODS)
def test_other_dtypes_agree_in_both_forms(method: str) -> None:
    train = pd.DataFrame(
        {
            "whole": [2**53 + 1, -5, 2**62, 0],
            "small": np.array([0.1, np.nan, 3, -2], dtype=np.float32),
            "flag": [True, False, True, True],
            "maybe": pd.array([True, None, False, True], dtype="boolean"),
        }
    )
    scaler = Scaler(cols=list(train), method=method).fit(train)
    assert set(scaler.process(train).data.dtypes.astype(str)) == {"float64"}
    assert_parity(scaler, train)


def test_rows_do_not_depend_on_their_order_or_number() -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"x": rng.normal(size=999) * 10.0 ** rng.integers(-8, 8, 999)})
    shuffled = data.sample(frac=1, random_state=1)
    for method in METHODS:
        assert Scaler(cols="x", method=method).fit(data).state == Scaler(cols="x", method=method).fit(shuffled).state
    one = Scaler(cols="x").fit(data)
    assert one.process(data.iloc[[7]]).data["x"].iloc[0] == one.process(data).data["x"].iloc[7]
    assert len(one.process(data.iloc[:0]).data) == 0


@pytest.mark.parametrize("value", [0.0, 7.0, -1e300, 0.1])
def test_a_constant_column_has_the_unit_1(value: float) -> None:
    data = pd.DataFrame({"x": [value] * 7, "n": [np.nan] * 6 + [value]})
    for method in ("standard", "minmax", "robust"):
        scaler = Scaler(cols=["x", "n"], method=method).fit(data)
        assert scaler.state == {"scale": {name: {"center": value, "unit": 1.0} for name in data}}
        assert scaler.process(data).data["x"].tolist() == [0.0] * 7
    assert Scaler(cols="x", method="maxabs").fit(data).process(data).data["x"].iloc[0] in (0.0, 1.0, -1.0)


def test_clipping_keeps_within_the_range_and_missing_missing() -> None:
    scaler = Scaler(cols="x", method="minmax", clip=True).fit(pd.DataFrame({"x": [0.0, 10.0]}))
    rows = pd.DataFrame({"x": [-5.0, 5.0, 11.0, math.inf, math.nan]})
    assert scaler.process(rows).data["x"].iloc[:4].tolist() == [0.0, 0.5, 1.0, 1.0]
    assert_parity(scaler, rows)


def test_any_number_of_columns_is_one_sub_and_one_div() -> None:
    for count in (1, 5, 20):
        names = [f"x{i}" for i in range(count)]
        train = pd.DataFrame({name: [1.0, i, 5.0] for i, name in enumerate(names)})
        assert chain_nodes([Scaler(cols=names).fit(train)], names, "float64") == ["Sub", "Div"]
        assert chain_nodes([Scaler(cols=names, method="maxabs").fit(train)], names, "float64") == ["Div"]


def test_columns_out_of_tables_are_scaled_in_the_tables() -> None:
    encode = OrdinalEncoder(cols="s", order=["a", "b", "c"])
    scale = Scaler(cols="s").fit(encode.process(pd.DataFrame({"s": ["a", "b", "c", "zz"]})).data)
    assert chain_nodes([encode, scale], ["s"]) == ["LabelEncoder"]


def test_a_new_column_leaves_the_old_one() -> None:
    data = pd.DataFrame({"x": [1.0, 3.0], "y": [0.0, 1.0]})
    scaler = Scaler(cols=["x", "y"], into={"x": "x_scaled"}).fit(data)
    assert scaler.process(data).data.to_dict("list") == {"x": [1.0, 3.0], "y": [-1.0, 1.0], "x_scaled": [-1.0, 1.0]}
    assert_parity(scaler, data)


def test_the_schema_says_what_may_be_missing_or_infinite() -> None:
    scaler = Scaler(cols=["x", "y", "z"]).fit(pd.DataFrame({"x": [0.0, 8.0], "y": [0.0, 0.5], "z": [1, 2]}))
    schema = scaler.schema(Schema([Column("x", "float64", True), Column("y", "float64"), Column("z", "int64")]))
    assert [(c.nullable, c.finite) for c in schema.values()] == [(True, True), (False, False), (False, True)]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cols": []}, "parameter 'cols' must be a column name or a list of them; got an empty list"),
        ({"cols": "x", "method": "max"}, "must be one of 'standard', 'minmax', 'robust', 'maxabs'; got 'max'"),
        ({"cols": "x", "range": [0, 1]}, "'range' must be left out unless 'method' is 'minmax'; got [0.0, 1.0]"),
        ({"cols": "x", "method": "minmax", "range": [1, 0]}, "'range' must be two numbers, the lower first; got [1.0, 0.0]"),
        ({"cols": "x", "method": "robust", "quantiles": [0.1, 1.5]}, "must be two numbers between 0 and 1; got [0.1, 1.5]"),
        ({"cols": "x", "clip": True}, "'clip' must be left out unless 'method' is 'minmax'"),
        ({"cols": ["x", "y"], "into": "z"}, "'into' must be an object of column names and new names here; got 'z'"),
        ({"cols": "x", "into": {"y": "z"}}, "'into' must be about the columns in 'cols'; got 'y'"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Scaler(params)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("column", "method", "words"),
    [
        ([math.nan, math.nan], "standard", "Column 'x' has no value to learn from"),
        ([], "minmax", "Column 'x' has no value to learn from"),
        ([1.0, math.inf, math.inf], "standard", "Column 'x' is infinite in 2 training rows (the first is row 1)"),
        ([1.7e308, 1.7e308, 1.6e308], "standard", "their sum is beyond float64"),
        ([-1e308, 1e308, 1.0], "standard", "spans more than float64 can hold"),
        ([-1.7e308, 1.7e308], "minmax", "spans more than float64 can hold"),
        ([-1.7e308, 1.7e308], "robust", "spans more than float64 can hold"),
        (["a", "b"], "standard", "Column 'x' is a string; Scaler takes numbers and booleans"),
    ],
)
def test_columns_that_can_not_be_learned_are_named(column: list[Any], method: str, words: str) -> None:
    with pytest.raises(ColumnError) as caught:
        Scaler(cols="x", method=method).fit(pd.DataFrame({"x": pd.Series(column, dtype=None if column else "float64")}))
    assert words in str(caught.value)


def test_it_has_to_learn_first_and_names_columns_that_are_not_there() -> None:
    with pytest.raises(NotFittedError, match="Scaler has to learn the scale of 'x' first"):
        Scaler(cols="x").process(pd.DataFrame({"x": [1.0]}))
    with pytest.raises(ColumnError, match="Did you mean 'price'"):
        Scaler(cols="pirce").fit(pd.DataFrame({"price": [1.0]}))
    with pytest.raises(ColumnError, match="Column 'y' would be there twice; give the result of 'x' another name with 'into'"):
        Scaler(cols="x", into="y").fit(pd.DataFrame({"x": [1.0]})).process(pd.DataFrame({"x": [1.0], "y": [2.0]}))
