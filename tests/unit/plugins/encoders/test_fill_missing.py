"""FillMissing: what fills, that both forms agree, and that nothing is nullable afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.fill_missing import FillMissing
from rtml_plugins.encoders.one_hot import OneHotEncoder
from rtml_plugins.encoders.ordinal import OrdinalEncoder
from tests.unit.plugins.encoders.graphs import chain_nodes

DATA = pd.DataFrame(
    {
        "age": [1.0, np.nan, 4.0, 10.0, 4.5],
        "count": [1, 2, 2, 3, 3],
        "brand": ["b", None, "a", "a", "b"],
        "half": np.array([0.1, np.nan, 0.2, 0.7, 0.7], dtype=np.float32),
        "flag": [True, None, True, False, None],
        "seen": pd.to_datetime(["2020-01-01", None, "2021-05-06T07:08:09.123456", "2020-01-01", None], format="ISO8601"),
    }
)


@pytest.mark.parametrize(
    ("strategy", "cols", "learned"),
    [
        ("median", ["age", "count"], {"age": 4.25, "count": 2.0}),
        ("mean", ["age", "count"], {"age": 4.875, "count": 2.2}),
        ("mean", "half", {"half": float(np.float32(0.42499998))}),
        (
            "mode",
            ["age", "count", "brand", "half", "flag", "seen"],
            {"age": 1.0, "count": 2, "brand": "a", "half": float(np.float32(0.7)), "flag": True, "seen": "2020-01-01T00:00:00Z"},
        ),
    ],
)
def test_what_is_learned_and_that_both_forms_agree(strategy: str, cols: Any, learned: dict[str, Any]) -> None:
    fill = FillMissing(cols=cols, strategy=strategy).fit(DATA)
    assert fill.state is not None
    assert fill.state["values"] == pytest.approx(learned) if strategy != "mode" else fill.state["values"] == learned
    result = fill.process(DATA).data
    assert not result[list(learned)].isna().any().any()
    assert result[["age", "count", "half", "seen"]].dtypes.tolist() == ["float64", "int64", "float32", "datetime64[us]"]
    assert_parity(fill, DATA)


@pytest.mark.parametrize(
    ("column", "value"),
    [("age", 41), ("brand", ""), ("half", 0.5), ("flag", False), ("seen", "1969-12-31T23:59:59.999999Z"), ("count", 7)],
)
def test_constants_of_every_dtype_agree(column: str, value: Any) -> None:
    assert_parity(FillMissing(cols=column, strategy="constant", value=value), DATA)


def test_constants_by_column_need_no_fit() -> None:
    fill = FillMissing(cols=["age", "brand"], strategy="constant", value={"age": 0, "brand": "none"})
    assert fill.fitted
    result = fill.process(DATA).data
    assert (result["age"].iloc[1], result["brand"].iloc[1]) == (0.0, "none")
    assert fill.schema(Schema([Column("age", "float64", True), Column("brand", "string", True)])) == Schema(
        [Column("age", "float64"), Column("brand", "string")]
    )


def test_several_float_columns_take_two_nodes() -> None:
    from rtml_core.assemble import assemble
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic, matrix

    b = Builder()
    packed = b.input("float64", "float64", 3)
    columns = {name: Symbolic("float64", packed, i, nullable=True) for i, name in enumerate("abc")}
    filled = FillMissing(cols=list("abc"), strategy="constant", value={"a": 1, "b": 2, "c": 3}).lower(b, columns)
    assert assemble(b, {"y": matrix(b, list(filled.values()))}).node_count == 2


def test_a_filled_string_folds_into_the_next_lookup() -> None:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

    b = Builder()
    column = Symbolic("string", b.input("s", "string", 1), nullable=True)
    filled = FillMissing(cols="s", strategy="constant", value="a").lower(b, {"s": column})
    assert not filled["s"].nullable
    hot = OneHotEncoder(cols="s", categories=["a", "b"]).lower(b, filled)
    code = hot["s_a"].tensor.producer().inputs[0].producer().inputs[0].producer()
    assert (code.op_type, code.inputs[0].name) == ("LabelEncoder", "s")


def test_a_column_that_can_not_be_missing_stays_the_same_object() -> None:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

    b = Builder()
    column = Symbolic("float64", b.input("x", "float64", 1))
    assert FillMissing(cols="x", strategy="constant", value=1).lower(b, {"x": column})["x"] is column
    assert b.nodes == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cols": "a"}, "parameter 'strategy' is missing; it must be one of 'mean', 'median', 'mode', 'constant'"),
        (
            {"cols": "a", "strategy": "max"},
            "must be one of 'mean', 'median', 'mode', 'constant', or an object of column names and these; got 'max'",
        ),
        ({"cols": "a", "strategy": "mean", "value": 3}, "must be left out unless 'strategy' is 'constant'; got 3"),
        ({"cols": "a", "strategy": "constant"}, "must be a string, a number or a boolean for 'a'; got None"),
        (
            {"cols": "a", "strategy": "constant", "value": {"b": 1}},
            "must be about the columns in 'cols' that get a constant; got 'b'",
        ),
        ({"cols": ["a", "b"], "strategy": "constant", "value": {"b": 1}}, "for 'a'; got None"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        FillMissing(params)
    assert words in str(caught.value)


def test_columns_that_do_not_fit_are_named() -> None:
    with pytest.raises(ColumnError, match="'brand' is string and has no median; use strategy='mode' or 'constant'"):
        FillMissing(cols="brand", strategy="median").fit(DATA)
    with pytest.raises(ColumnError, match="'age' is float64: a fill value of it must be a finite number; got 'x'"):
        FillMissing(cols="age", strategy="constant", value="x").process(DATA)
    with pytest.raises(ColumnError, match="'seen' is timestamp: a fill value of it must be an ISO timestamp"):
        FillMissing(cols="seen", strategy="constant", value="yesterday").process(DATA)
    with pytest.raises(ColumnError, match="no value to learn from; fill it with strategy='constant'"):
        FillMissing(cols="x", strategy="mean").fit(pd.DataFrame({"x": [np.nan]}))
    with pytest.raises(NotFittedError, match="has to learn the mean of 'age' first"):
        FillMissing(cols="age", strategy="mean").process(DATA)
    with pytest.raises(ColumnError, match="Did you mean 'age'"):
        FillMissing(cols="agee", strategy="mean").fit(DATA)


def test_columns_of_different_kinds_get_strategies_of_their_own() -> None:
    data = pd.DataFrame(
        {"age": [1.0, 2.0, 9.0, np.nan], "city": ["a", "b", "b", None], "note": pd.Series([None] * 4, dtype="str")}
    )
    fill = FillMissing(cols=list(data), strategy={"age": "median", "city": "mode", "note": "constant"}, value="none").fit(data)
    assert fill.state == {"values": {"age": 2.0, "city": "b"}}
    assert fill.process(data).data.iloc[3].tolist() == [2.0, "b", "none"]
    assert_parity(fill, data)
    with pytest.raises(ParamError, match="'strategy' must name each column in 'cols', and no other; got it wrong for 'b'"):
        FillMissing(cols=["a", "b"], strategy={"a": "mean"})


def test_nothing_is_learned_from_infinite_or_too_large_numbers() -> None:
    with pytest.raises(ColumnError, match="Column 'x' is infinite in 1 training rows"):
        FillMissing(cols="x", strategy="mean").fit(pd.DataFrame({"x": [1.0, np.inf]}))
    with pytest.raises(ColumnError, match="so large that their sum is beyond float64"):
        FillMissing(cols="x", strategy="mean").fit(pd.DataFrame({"x": [1.7e308, 1.7e308]}))
    with pytest.raises(ColumnError, match="so large that their median is beyond float64"):
        FillMissing(cols="x", strategy="median").fit(pd.DataFrame({"x": [1.7e308, 1.7e308]}))


def test_many_columns_out_of_tables_are_filled_in_their_tables() -> None:
    names = [f"s{i}" for i in range(20)]
    data = pd.DataFrame({name: ["a", f"v{i}"] for i, name in enumerate(names)})
    encode = OrdinalEncoder(cols=names, handle_unknown="missing").fit(data)
    fill = FillMissing(cols=names, strategy="mean").fit(encode.process(data).data)
    assert chain_nodes([encode, fill], names) == ["LabelEncoder", "Add", "Gather"]
