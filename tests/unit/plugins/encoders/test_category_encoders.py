"""OrdinalEncoder and FrequencyEncoder: what they learn, equal in both forms on hard rows, few nodes, and refusals that cure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, InputError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.frequency import FrequencyEncoder
from rtml_plugins.encoders.group_rare import GroupRare
from rtml_plugins.encoders.one_hot import OneHotEncoder
from rtml_plugins.encoders.ordinal import OrdinalEncoder
from rtml_plugins.encoders.quantile_bins import QuantileBins
from rtml_plugins.encoders.target import TargetEncoder
from tests.unit.plugins.encoders.graphs import chain_nodes

HARD = ["VW", "vw", "VW ", "", " ", "Škoda", "日本", "🙂", "ß", "SS", "İ", "i̇", "None", "nan", None, "x" * 300]


def texts(*values: str | None) -> pd.DataFrame:
    return pd.DataFrame({"s": pd.Series(values, dtype="str")})


def test_codes_count_from_0_in_ascending_order_or_by_frequency() -> None:
    data = texts("b", "a", "c", "c", None, "b", "c")
    ascending = OrdinalEncoder(cols="s").fit(data)
    assert ascending.state == {"order": {"s": ["a", "b", "c"]}}
    assert ascending.process(data).data["s"].fillna(-9).tolist() == [1, 0, 2, 2, -9, 1, 2]
    frequent = OrdinalEncoder(cols="s", by="frequency").fit(texts("b", "a", "c", "c", "b", "d"))
    assert frequent.state == {"order": {"s": ["b", "c", "a", "d"]}}  # ties ascending


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [2, -1, None]),
        ({"unknown_code": 99}, [2, 99, None]),
        ({"handle_unknown": "missing"}, [2, None, None]),
        ({"handle_missing": "category"}, [2, -1, 3]),
        ({"handle_missing": "unknown"}, [2, -1, -1]),
    ],
)
def test_unknown_and_missing_values_of_an_ordinal_encoder(params: dict[str, Any], expected: list[float | None]) -> None:
    encoder = OrdinalEncoder(cols="s", order=["low", "mid", "high"], **params)
    rows = texts("high", "huge", None)
    assert encoder.fitted
    assert encoder.process(rows).data["s"].astype(object).where(lambda s: s.notna(), None).tolist() == expected
    assert_parity(encoder, rows)


def test_frequencies_are_shares_of_all_training_rows_or_counts() -> None:
    data = texts("a", "a", "b", None)
    encoder = FrequencyEncoder(cols="s").fit(data)
    assert encoder.state == {"counts": {"s": {"rows": 4, "missing": 1, "values": [["a", 2], ["b", 1]]}}}
    rows = texts("a", "b", None, "zz")
    assert encoder.process(rows).data["s"].tolist() == [0.5, 0.25, 0.25, 0.0]
    assert FrequencyEncoder(cols="s", measure="count").fit(data).process(rows).data["s"].tolist() == [2, 1, 1, 0]
    assert FrequencyEncoder(cols="s", handle_missing="unknown").fit(data).process(rows).data["s"].tolist() == [0.5, 0.25, 0, 0]
    missing = FrequencyEncoder(cols="s", handle_missing="missing", handle_unknown="missing").fit(data).process(rows).data["s"]
    assert missing.isna().tolist() == [False, False, True, True]
    third = FrequencyEncoder(cols="s").fit(texts("a", "b", "b")).process(texts("a")).data["s"]
    assert third.iloc[0] == 1 / 3


@settings(max_examples=12)
@given(
    st.lists(st.lists(st.sampled_from(HARD), min_size=6, max_size=6), min_size=1, max_size=4),
    st.lists(st.sampled_from(HARD), min_size=6, max_size=6),
    st.sampled_from(["code", "missing"]),
    st.sampled_from(["missing", "category", "unknown"]),
)
def test_strings_agree_in_both_forms(train: list[Any], rows: list[Any], unknown: str, missing: str) -> None:
    """Several columns of overlapping vocabularies, which share their nodes."""
    frame = pd.DataFrame({f"c{i}": pd.Series([*values, "VW"], dtype="str") for i, values in enumerate(train)})
    other = pd.DataFrame({name: pd.Series(rows[i:] + rows[:i], dtype="str") for i, name in enumerate(frame)})
    names = list(frame)
    ordinal = OrdinalEncoder(cols=names, handle_unknown=unknown, handle_missing=missing).fit(frame)
    share = FrequencyEncoder(cols=names, handle_unknown="zero" if unknown == "code" else "missing", handle_missing=missing).fit(
        frame
    )
    for encoder in (ordinal, share):
        assert_parity(encoder, frame, nullable=True)
        assert_parity(encoder, other, nullable=True)
        assert_parity(encoder, other.iloc[:0], nullable=True)
        assert_parity(encoder, other.dropna().reset_index(drop=True), nullable=False)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 1.0, np.nan, np.nextafter(1, 2), 1e300, 5e-324],
        [0, 1, -1, 2**62, 2**53 + 1, 2**53],
        [True, False, None, True],
        [True, False, True],
        np.array([0.5, np.nan, 2.0], dtype=np.float32),
    ],
)
def test_numbers_and_booleans_agree_in_both_forms(values: Any) -> None:
    frame = pd.DataFrame(dict.fromkeys("abc", values))
    for names in (["a"], ["a", "b", "c"]):
        for encoder in (OrdinalEncoder(cols=names), FrequencyEncoder(cols=names)):
            assert_parity(encoder.fit(frame.iloc[1:]), frame)


def test_a_value_or_a_gap_can_be_refused_in_both_forms() -> None:
    train, rows = texts("a", "b"), texts("a", "zz", None)
    strict = OrdinalEncoder(cols="s", handle_unknown="error", handle_missing="error").fit(train)
    with pytest.raises(InputError, match=r"/1/s: expected one of the 2 categories of 's': a, b, got 'zz'; /2/s"):
        strict.process(rows)
    for unknown, missing in (("error", "error"), ("error", "missing"), ("code", "error"), ("error", "unknown")):
        assert_parity(OrdinalEncoder(cols="s", handle_unknown=unknown, handle_missing=missing).fit(train), rows)
    for unknown, missing in (("error", "category"), ("error", "unknown"), ("zero", "error")):
        assert_parity(FrequencyEncoder(cols="s", handle_unknown=unknown, handle_missing=missing).fit(train), rows)


def test_what_is_refused_is_not_missing_afterwards() -> None:
    """So that a model that takes no missing values can follow."""
    strict = OrdinalEncoder(cols="s", order=["a", "b"], handle_unknown="error", handle_missing="error")
    assert not strict.schema(Schema([Column("s", "string", True)]))["s"].nullable
    loose = OrdinalEncoder(cols="s", order=["a", "b"], handle_unknown="error")
    assert loose.schema(Schema([Column("s", "string", True)]))["s"].nullable
    assert not loose.schema(Schema([Column("s", "string", False)]))["s"].nullable
    bins = QuantileBins(cols="x", bins=2, handle_missing="error").fit(pd.DataFrame({"x": [1.0, 2.0, 3.0]}))
    assert not bins.schema(Schema([Column("x", "float64", True)]))["x"].nullable


def test_bins_of_columns_out_of_tables_are_taken_in_the_tables() -> None:
    train = pd.DataFrame({name: list("aabbccdd") for name in "pqr"}).assign(y=np.arange(8.0))
    means = TargetEncoder(cols=list("pqr"), label="y", handle_missing="missing").fit(train)
    for labels in ("range", "code"):
        for missing in ("missing", "bin", "error"):
            bins = QuantileBins(cols=list("pqr"), bins=2, labels=labels, handle_missing=missing).fit(means.process(train).data)
            check = ["Not", "IsNaN"] if missing == "error" else []
            found = chain_nodes([means, bins], list("pqr"))
            assert [kind for kind in found if kind not in check] == ["LabelEncoder"] if not check else "TreeEnsemble" not in found


def test_one_column_is_one_node_and_many_are_three() -> None:
    for encoder in (OrdinalEncoder, FrequencyEncoder):
        for count, expected in (
            (1, ["LabelEncoder"]),
            (5, ["LabelEncoder", "Add", "Gather"]),
            (20, ["LabelEncoder", "Add", "Gather"]),
        ):
            names = [f"s{i}" for i in range(count)]
            train = pd.DataFrame({name: [f"v{i}", f"v{i + 1}", "x"] for i, name in enumerate(names)})
            assert chain_nodes([encoder(cols=names).fit(train)], names) == expected


def test_columns_of_one_vocabulary_share_a_single_lookup() -> None:
    names = list("abcde")
    grades = OrdinalEncoder(cols=names, order={name: ["low", "mid", "high"] for name in names})
    assert chain_nodes([grades], names) == ["LabelEncoder"]


def test_chains_fold_into_the_encoding() -> None:
    names = list("abcd")
    train = pd.DataFrame({name: [f"{name}1", f"{name}1", f"{name}2", "zz"] for name in names})
    group = GroupRare(cols=names, top=2).fit(train)
    encode = FrequencyEncoder(cols=names).fit(group.process(train).data)
    assert chain_nodes([group, encode], names) == ["LabelEncoder", "Add", "Gather"]
    assert chain_nodes([group, OrdinalEncoder(cols=names).fit(group.process(train).data)], names) == [
        "LabelEncoder",
        "Add",
        "Gather",
    ]
    codes = OrdinalEncoder(cols=names).fit(train)
    hot = OneHotEncoder(cols=names).fit(codes.process(train).data)
    assert chain_nodes([codes, hot], names) == ["LabelEncoder", "Add", "Gather", "Reshape"]


def test_rare_values_of_many_columns_are_grouped_in_three_nodes() -> None:
    names = [f"s{i}" for i in range(20)]
    train = pd.DataFrame({name: pd.Series([f"v{i}", f"v{i}", None, "x"], dtype="str") for i, name in enumerate(names)})
    group = GroupRare(cols=names, top=1).fit(train)
    assert chain_nodes([group], names) == ["LabelEncoder", "Add", "Gather"]
    assert_parity(group, train)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cols": "a", "order": ["x", "x"]}, "got 'x' twice"),
        ({"cols": ["a", "b"], "order": ["x"]}, "must be an object of column names and lists for several columns"),
        ({"cols": "a", "order": ["x", "y"], "unknown_code": 1}, "'unknown_code' must be a number that no category has; got 1"),
        ({"cols": "a", "unknown_code": 2**60}, "must lie within 2^53"),
        ({"cols": "a", "handle_unknown": "ignore"}, "must be one of 'code', 'missing', 'error'; got 'ignore'"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        OrdinalEncoder(params)
    assert words in str(caught.value)


def test_columns_that_can_not_be_learned_are_named() -> None:
    with pytest.raises(ColumnError, match="Column 's' has no value to learn from; list its categories in 'order'"):
        OrdinalEncoder(cols="s").fit(texts(None, None))
    with pytest.raises(ColumnError, match="Column 'x' is infinite in 1 training rows"):
        FrequencyEncoder(cols="x").fit(pd.DataFrame({"x": [1.0, np.inf]}))
    with pytest.raises(ColumnError, match="looks like an id; group them first"):
        FrequencyEncoder(cols="n").fit(pd.DataFrame({"n": np.arange(50_001)}))
    with pytest.raises(ColumnError, match="is a timestamp, which has no categories"):
        OrdinalEncoder(cols="t").fit(pd.DataFrame({"t": pd.to_datetime(["2026-01-01"])}))
    with pytest.raises(NotFittedError, match="OrdinalEncoder has to learn the categories of 's' first"):
        OrdinalEncoder(cols="s").process(texts("a"))
    with pytest.raises(NotFittedError, match="FrequencyEncoder has to count the values of 's' first"):
        FrequencyEncoder(cols="s").process(texts("a"))


def test_a_learned_code_may_not_be_the_unknown_one() -> None:
    with pytest.raises(ColumnError, match="Column 's' has a category with the number 1, which is 'unknown_code'"):
        OrdinalEncoder(cols="s", unknown_code=1).fit(texts("a", "b"))
