"""TargetEncoder: the m-estimate by hand, classes, equal in both forms, and what it refuses to learn from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.errors import ColumnError, InputError, NotFittedError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.encoders.quantile_bins import QuantileBins
from rtml_plugins.encoders.target import TargetEncoder
from tests.unit.plugins.encoders.graphs import chain_nodes

TRAIN = pd.DataFrame({"s": ["a", "a", "b", "b", "b", None], "y": [1.0, 0.0, 1.0, 1.0, 1.0, 0.0]})


def test_means_are_drawn_towards_that_of_all_rows() -> None:
    encoder = TargetEncoder(cols="s", label="y", smoothing=2).fit(TRAIN)
    prior = 4 / 6
    assert encoder.state == {
        "prior": [prior],
        "values": {"s": [["a", (1 + 2 * prior) / 4], ["b", (3 + 2 * prior) / 5], [None, (0 + 2 * prior) / 3]]},
    }
    rows = pd.DataFrame({"s": ["a", None, "zz"]})
    assert encoder.process(rows).data["s"].tolist() == [(1 + 2 * prior) / 4, (2 * prior) / 3, prior]
    assert "y" in encoder.process(TRAIN).data  # the label stays, and is not needed


def test_no_smoothing_gives_plain_means_as_pandas_has_them() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"s": rng.choice(list("abcdef"), 300), "y": rng.normal(size=300)})
    encoder = TargetEncoder(cols="s", label="y", smoothing=0).fit(data)
    expected = data.groupby("s")["y"].mean()
    assert dict(encoder.state["values"]["s"]) == pytest.approx(expected.to_dict(), rel=1e-13)
    assert encoder.state == TargetEncoder(cols="s", label="y", smoothing=0).fit(data.sample(frac=1, random_state=3)).state


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [0.75, 0.0, 4 / 6]),
        ({"handle_missing": "unknown"}, [0.75, 4 / 6, 4 / 6]),
        ({"handle_missing": "missing"}, [0.75, None, 4 / 6]),
        ({"handle_unknown": "missing"}, [0.75, 0.0, None]),
        ({"handle_unknown": "missing", "handle_missing": "unknown"}, [0.75, None, None]),
    ],
)
def test_unknown_and_missing_values(params: dict[str, Any], expected: list[float | None]) -> None:
    train = TRAIN.assign(y=[1.0, 0.5, 1.0, 1.0, 0.5, 0.0])
    encoder = TargetEncoder(cols="s", label="y", smoothing=0, **params).fit(train)
    rows = pd.DataFrame({"s": ["a", None, "zz"]})
    found = encoder.process(rows).data["s"].astype(object).where(lambda s: s.notna(), None).tolist()
    assert found == expected
    assert_parity(encoder, rows)


def test_missing_is_unknown_where_the_training_frame_has_none() -> None:
    encoder = TargetEncoder(cols="s", label="y").fit(TRAIN.dropna())
    assert encoder.process(pd.DataFrame({"s": [None, "a"]})).data["s"].iloc[0] == 4 / 5


def test_two_classes_give_the_share_of_the_second_and_more_a_column_each() -> None:
    two = TargetEncoder(cols="s", label="y", smoothing=0).fit(TRAIN.assign(y=["no", "yes", "no", "no", "yes", "no"]))
    assert two.process(TRAIN[["s"]]).data["s"].tolist() == [0.5, 0.5, 1 / 3, 1 / 3, 1 / 3, 0.0]
    train = TRAIN.assign(y=["u", "v", "w", "w", "u", "v"], k=range(6))
    three = TargetEncoder(cols=["s", "k"], label="y", smoothing=0).fit(train)
    result = three.process(train[["k", "s"]]).data
    assert list(result) == ["s_u", "s_v", "s_w", "k_u", "k_v", "k_w"]
    assert result["s_w"].tolist() == [0, 0, 2 / 3, 2 / 3, 2 / 3, 0]
    assert_parity(three, pd.DataFrame({"k": [0, 5, 77], "s": ["a", None, "zz"]}))
    kept = TargetEncoder(cols="s", label="y", into="brand").fit(train).process(train[["s"]]).data
    assert list(kept) == ["s", "brand_u", "brand_v", "brand_w"]


def test_numbers_and_booleans_as_labels() -> None:
    by_number = TargetEncoder(cols="s", label="y", smoothing=0).fit(TRAIN.assign(y=[2, 4, 0, 0, 3, 9]))
    assert by_number.process(TRAIN[["s"]]).data["s"].tolist() == [3, 3, 1, 1, 1, 9]
    by_truth = TargetEncoder(cols="s", label="y", smoothing=0).fit(TRAIN.assign(y=[True, False, True, True, False, False]))
    assert by_truth.process(TRAIN[["s"]]).data["s"].tolist() == [0.5, 0.5, 2 / 3, 2 / 3, 2 / 3, 0]
    as_classes = TargetEncoder(cols="s", label="y", label_type="classes").fit(TRAIN.assign(y=[2, 4, 0, 0, 3, 9]))
    assert list(as_classes.process(TRAIN[["s"]]).data) == [f"s_{one}" for one in (0, 2, 3, 4, 9)]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "A", "", "ß", "日本", "İ", None]),
            st.sampled_from([0.0, -0.0, 1.5, np.nan, float(2**53), 1e300]),
            st.integers(-2, 2),
            st.booleans(),
            st.floats(-1e12, 1e12),
            st.sampled_from("uvw"),
        ),
        min_size=2,
        max_size=12,
    ),
    st.floats(0, 1e6),
    st.booleans(),
)
def test_agrees_in_both_forms(rows: list[tuple[Any, ...]], smoothing: float, several: bool) -> None:
    frame = pd.DataFrame(rows, columns=["s", "x", "n", "b", "y", "c"]).astype({"s": "str"})
    frame.loc[len(frame)] = ["zz", 7.0, 9, True, 0.0, "v"]
    half = frame.iloc[: len(frame) // 2 + 1]
    label = "c" if several and half["c"].nunique() > 1 else "y"
    cols = [name for name in "sxnb" if half[name].notna().any()]
    assert_parity(TargetEncoder(cols=cols, label=label, smoothing=smoothing).fit(half), frame.drop(columns=["y", "c"]))


def test_several_columns_and_classes_share_their_nodes() -> None:
    names = [f"s{i}" for i in range(20)]
    train = pd.DataFrame({name: [f"v{i}", f"v{i + 1}", "x"] for i, name in enumerate(names)}).assign(y=[0, 1, 1], c=list("uvw"))
    nodes = {}
    for count in (1, 5, 20):
        for label in "yc":
            nodes[count, label] = chain_nodes([TargetEncoder(cols=names[:count], label=label).fit(train)], names[:count])
    assert nodes[1, "y"] == ["LabelEncoder"]
    assert nodes[5, "y"] == nodes[20, "y"] == ["LabelEncoder", "Add", "Gather"]
    assert nodes[1, "c"] == ["LabelEncoder", "Gather", "Reshape"]
    assert nodes[5, "c"] == nodes[20, "c"] == ["LabelEncoder", "Add", "Gather", "Reshape"]


def test_bins_fold_into_the_means() -> None:
    train = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) % 3})
    bins = QuantileBins(cols="x", bins=4).fit(train)
    means = TargetEncoder(cols="x", label="y").fit(bins.process(train).data)
    assert chain_nodes([bins, means], ["x"], "float64") == ["TreeEnsemble", "LabelEncoder"]


def test_unknown_values_can_be_refused() -> None:
    strict = TargetEncoder(cols="s", label="y", handle_unknown="error", handle_missing="error").fit(TRAIN)
    with pytest.raises(InputError, match="/0/s: expected one of the 2 categories of 's': a, b, got 'zz'"):
        strict.process(pd.DataFrame({"s": ["zz"]}))
    assert_parity(strict, pd.DataFrame({"s": ["zz", "a", None]}))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cols": "s"}, "parameter 'label' is missing"),
        ({"cols": "s", "label": "s"}, "parameter 'label' must be no column in 'cols'; got 's'"),
        ({"cols": "s", "label": "y", "smoothing": -1}, "parameter 'smoothing' must be a number from 0; got -1"),
        ({"cols": "s", "label": "y", "smoothing": math.inf}, "parameter 'smoothing' must be a number from 0; got inf"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        TargetEncoder(params)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("label", "params", "words"),
    [
        ([1.0, None, 0, 1, 1, 1], {}, "Column 'y' is the label and is missing in 1 training rows; drop them first"),
        ([1.0, math.inf, 0, 1, 1, 1], {}, "Column 'y' is infinite in 1 training rows (the first is row 1)"),
        (list("uuuuuu"), {}, "Column 'y' is the label and must have 2 to 100 classes; it has 1 different value: u"),
        (list("uvwxyz"), {"label_type": "number"}, "Column 'y' is the label and holds strings; use label_type='classes'"),
        (pd.date_range("2026-01-01", periods=6), {}, "Column 'y' is a timestamp; the label must be of numbers"),
        ([1.7e308] * 6, {}, "their sum is beyond float64"),
    ],
)
def test_labels_that_can_not_be_learned_are_named(label: Any, params: dict[str, Any], words: str) -> None:
    with pytest.raises(ColumnError) as caught:
        TargetEncoder(cols="s", label="y", **params).fit(TRAIN.assign(y=label))
    assert words in str(caught.value)


def test_columns_that_can_not_be_learned_are_named() -> None:
    with pytest.raises(ColumnError, match="Column 'yy' does not exist"):
        TargetEncoder(cols="s", label="yy").fit(TRAIN)
    with pytest.raises(ColumnError, match="Column 's' has no value to learn from"):
        TargetEncoder(cols="s", label="y").fit(TRAIN.assign(s=pd.Series([None] * 6, dtype="str")))
    with pytest.raises(ColumnError, match="TargetEncoder needs training rows"):
        TargetEncoder(cols="s", label="y").fit(TRAIN.iloc[:0])
    with pytest.raises(NotFittedError, match="TargetEncoder has to learn the label's means by 's' first"):
        TargetEncoder(cols="s", label="y").process(TRAIN)
