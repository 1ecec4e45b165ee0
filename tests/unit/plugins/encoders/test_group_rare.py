"""GroupRare: what stays, what becomes "Others", and that it costs nothing before another lookup."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.group_rare import GroupRare


def test_the_most_frequent_stay_and_ties_go_to_the_first_in_order() -> None:
    data = pd.DataFrame({"brand": ["VW", "VW", "Kia", "Audi", "BMW", "Audi", None, "BMW"]})
    grouped = GroupRare(cols="brand", top=2).fit(data)
    assert grouped.state == {"keep": {"brand": ["Audi", "BMW"]}}
    result = grouped.process(data).data["brand"]
    assert result.iloc[:6].tolist() == ["Others", "Others", "Others", "Audi", "BMW", "Audi"]
    assert result.isna().tolist() == [False] * 6 + [True, False]
    assert data["brand"].iloc[0] == "VW"  # the input is not changed


def test_values_stay_that_are_frequent_enough() -> None:
    data = pd.DataFrame({"brand": ["VW"] * 5 + ["Kia"] * 3 + ["Audi"] * 3 + ["BMW", None]})
    assert GroupRare(cols="brand", min_count=3).fit(data).state == {"keep": {"brand": ["VW", "Audi", "Kia"]}}
    assert GroupRare(cols="brand", min_count=3, top=2).fit(data).state == {"keep": {"brand": ["VW", "Audi"]}}
    none = GroupRare(cols="brand", min_count=9).fit(data)
    assert none.state == {"keep": {"brand": []}}
    assert none.process(data).data["brand"].tolist()[:12] == ["Others"] * 12
    assert_parity(none, data)


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["a", "b", "A", "", "Others", "ß", "日本", None]), min_size=1, max_size=10),
    st.lists(st.sampled_from(["a", "b", "", "Others", "ß"]), unique=True, min_size=1),
    st.booleans(),
)
def test_strings_agree_in_both_forms(rows: list[str | None], keep: list[str], nullable: bool) -> None:
    rows = rows if nullable else [row or "" for row in rows]
    assert_parity(GroupRare(cols="s", keep=keep), pd.DataFrame({"s": pd.Series(rows, dtype="str")}), nullable=nullable)


@pytest.mark.parametrize(
    ("values", "keep", "other"),
    [
        ([1.0, 2.0, np.nan, -0.0, 1e300], [1, 0], -1),
        ([1, 2, 2**62, -5], [2**62, 1], 0),
        (np.array([0.5, np.nan, 2.0], dtype=np.float32), [0.5], 9),
    ],
)
def test_numbers_agree_in_both_forms(values: Any, keep: list[Any], other: Any) -> None:
    frame = pd.DataFrame({"v": values})
    grouped = GroupRare(cols="v", keep=keep, other=other)
    assert grouped.process(frame).data["v"].dtype == frame["v"].dtype
    assert_parity(grouped, frame)


def test_one_column_is_one_node() -> None:
    assert assert_parity(GroupRare(cols="s", keep=["a"]), pd.DataFrame({"s": ["a", "b"]})) == 1


def test_the_schema_knows_all_values() -> None:
    from rtml_core.columns import Column, Schema

    schema = GroupRare(cols="s", keep=["a", "b"]).schema(Schema([Column("s", "string", True)]))
    assert schema["s"].categories == ("a", "b", "Others")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cols": "a"}, "parameter 'top' must say how many values of 'a' stay, or 'min_count' how frequent they are, or 'keep'"),
        ({"cols": "a", "top": 0}, "parameter 'top' must be a whole number from 1; got 0"),
        ({"cols": "a", "min_count": 0}, "parameter 'min_count' must be a whole number from 1; got 0"),
        ({"cols": "a", "min_count": 2, "keep": ["x"]}, "parameter 'min_count' must be left out where 'keep' lists"),
        ({"cols": "a", "top": 2, "keep": ["x"]}, "must be left out where 'keep' lists"),
        ({"cols": "a", "top": 2, "other": True}, "parameter 'other' must be a string or a number; got True"),
        ({"cols": "a", "keep": ["x", "x"]}, "got 'x' twice"),
        ({"cols": "a", "tops": 2}, "unknown parameter 'tops'"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        GroupRare(params)
    assert words in str(caught.value)


def test_columns_that_do_not_fit_are_named() -> None:
    with pytest.raises(ColumnError, match="Did you mean 'brand'"):
        GroupRare(cols="brnad", top=1).fit(pd.DataFrame({"brand": ["x"]}))
    with pytest.raises(ColumnError, match="a value of 'other' for the rest of it must be a finite number; got 'Others'"):
        GroupRare(cols="n", keep=[1]).process(pd.DataFrame({"n": [1.0]}))
    with pytest.raises(ColumnError, match="is a bool; GroupRare takes strings and numbers"):
        GroupRare(cols="f", top=1).fit(pd.DataFrame({"f": [True]}))
    with pytest.raises(ColumnError, match="no value to learn from"):
        GroupRare(cols="s", top=1).fit(pd.DataFrame({"s": [None]}))
    with pytest.raises(NotFittedError, match="has to learn which values of 's' stay"):
        GroupRare(cols="s", top=1).process(pd.DataFrame({"s": ["x"]}))
