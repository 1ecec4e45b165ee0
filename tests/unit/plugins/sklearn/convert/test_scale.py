"""Scalers and projections."""

from typing import Any

import pandas as pd
import pytest
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, RobustScaler, StandardScaler

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize(
    ("estimator", "nodes"),
    [
        (StandardScaler(), 2),
        (StandardScaler(with_mean=False), 1),
        (StandardScaler(with_std=False), 1),
        (MinMaxScaler(), 2),
        (MinMaxScaler((-2, 3), clip=True), 4),
        (MaxAbsScaler(), 1),
        (MaxAbsScaler(clip=True), 3),
        (RobustScaler(), 2),
        (RobustScaler(with_centering=False), 1),
    ],
)
def test_scalers_are_exact_and_scale_all_columns_at_once(estimator: Any, nodes: int, missing: bool) -> None:
    made = agree(estimator, numbers(missing=missing), exact=True)
    assert made.nodes == nodes + 1  # and one that takes the outputs apart


def test_a_scaler_that_does_nothing_is_no_node() -> None:
    assert agree(StandardScaler(with_mean=False, with_std=False), numbers(), exact=True).nodes == 1


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_normalizer_with_rows_of_zeros_and_next_to_zero(norm: str) -> None:
    zeros = pd.DataFrame({"a": [0.0, 1e-17, 0.0, -0.0], "c": [0.0, 0.0, 1e-300, 2e-15]})
    agree(Normalizer(norm), numbers()[["a", "c"]], rows=zeros)


@pytest.mark.parametrize("estimator", [PCA(2), PCA(2, whiten=True), TruncatedSVD(2, random_state=0)])
def test_projections(estimator: Any) -> None:
    agree(estimator, numbers()[["a", "b", "c"]], hard=False)


def test_missing_values_are_refused_where_scikit_learn_refuses_them() -> None:
    with pytest.raises(NotLowerableError, match="column 'c' may be missing here, and PCA takes no missing"):
        agree(PCA(2), numbers(), nullable=["c"])
