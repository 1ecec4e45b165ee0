"""Training and test rows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from rtml_core.errors import ColumnError, ExecutionError, ParamError
from rtml_core.testing import assert_refuses
from rtml_plugins.sklearn_ops import Split


def data(rows: int = 100) -> pd.DataFrame:
    return pd.DataFrame(
        {"a": np.arange(rows), "y": np.arange(rows) % 4 == 0, "t": ["x", None] * (rows // 2) + ["x"] * (rows % 2)}
    )


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 5), st.booleans())
def test_every_row_is_in_exactly_one_part_under_its_own_index(rows: int, share: float, seed: int, shuffle: bool) -> None:
    frame = data(rows).set_index(np.arange(rows) + 1000)
    try:
        found = Split(test_size=share, seed=seed, shuffle=shuffle).process(frame).data
    except ExecutionError:
        assert int(np.ceil(share * rows)) >= rows
        return
    train, test = found.xs("train"), found.xs("test")
    assert len(test) == int(np.ceil(share * rows))
    assert sorted([*train.index, *test.index]) == list(frame.index)
    assert found.droplevel(0).loc[frame.index].equals(frame)
    if not shuffle:
        assert train.index.tolist() == list(frame.index[: len(train)])


def test_it_splits_as_scikit_learn_does() -> None:
    train, test = train_test_split(data(), test_size=0.3, random_state=7)
    found = Split(test_size=0.3, seed=7).process(data()).data
    assert found.xs("train").equals(train)
    assert found.xs("test").equals(test)


@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        ({}, (75, 25)),
        ({"train_size": 0.8}, (80, 20)),
        ({"test_size": 7}, (93, 7)),
        ({"train_size": 10, "test_size": 0.5}, (10, 50)),
    ],
)
def test_sizes(params: dict[str, Any], sizes: tuple[int, int]) -> None:
    found = Split(params).process(data()).data
    assert (len(found.xs("train")), len(found.xs("test"))) == sizes
    assert Split(params).process(data()).data.equals(found)
    assert not Split({**params, "seed": 1}).process(data()).data.equals(found)


def test_both_parts_have_equal_shares_of_what_is_stratified() -> None:
    found = Split(test_size=0.2, stratify="y").process(data()).data
    assert found.xs("test")["y"].sum() == 5
    assert found.xs("train")["y"].sum() == 20
    with_gaps = Split(test_size=0.2, stratify="t").process(data()).data
    assert with_gaps.xs("test")["t"].isna().sum() == 10


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"train_size": 1.5}, "'train_size' must be a share between 0 and 1 or a number of rows; got 1.5"),
        ({"test_size": 0}, "'test_size' must be a share"),
        ({"test_size": -3}, "'test_size' must be a share"),
        ({"train_size": "many"}, "parameter 'train_size' must be a share between 0 and 1 or a number of rows; got 'many'"),
        ({"stratify": "y", "shuffle": False}, "'stratify' must be left out when 'shuffle' is false"),
        ({"trainsize": 0.5}, "unknown parameter 'trainsize'"),
    ],
)
def test_wrong_parameters_are_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamError, match=f"Split: .*{said}"):
        Split(params)


def test_what_can_not_be_split_is_said() -> None:
    with pytest.raises(ExecutionError, match="100 rows can't be parted into 90 for training and 20 for testing"):
        Split(train_size=90, test_size=20).process(data())
    with pytest.raises(ExecutionError, match="can't be parted"):
        Split().process(data(1))
    with pytest.raises(ColumnError, match=r"Column 'yy' does not exist.*Did you mean 'y'"):
        Split(stratify="yy").process(data())
    with pytest.raises(ExecutionError, match=r"Split: .*least populated class"):
        Split(stratify="a").process(data())


def test_it_is_for_authoring_only() -> None:
    assert Split.role == "authoring"
    assert_refuses(Split(), data()[["a"]], "cannot run in real time", "only rows to score", "without it")
