"""Bins and flags."""

import numpy as np
import pytest
from sklearn.preprocessing import Binarizer, KBinsDiscretizer

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers


@pytest.mark.parametrize("encode", ["ordinal", "onehot", "onehot-dense"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile", "kmeans"])
def test_bins_next_to_every_edge(strategy: str, encode: str) -> None:
    estimator = KBinsDiscretizer(4, encode=encode, strategy=strategy, quantile_method="averaged_inverted_cdf", random_state=0)
    assert agree(estimator, numbers()[["a", "c"]], exact=True).nodes == 2


@pytest.mark.filterwarnings("ignore:Feature 1 is constant", "ignore:Bins whose width are too small")
@pytest.mark.parametrize("encode", ["ordinal", "onehot"])
def test_a_column_of_one_bin(encode: str) -> None:
    estimator = KBinsDiscretizer(5, encode=encode, strategy="quantile", quantile_method="averaged_inverted_cdf")
    agree(estimator, numbers()[["b", "k"]], exact=True)


@pytest.mark.parametrize("threshold", [0.0, 0.1, -np.pi])
def test_flags(threshold: float) -> None:
    assert agree(Binarizer(threshold=threshold), numbers(), exact=True).nodes == 2


def test_missing_values_are_refused() -> None:
    with pytest.raises(NotLowerableError, match="column 'a' may be missing here, and Binarizer"):
        agree(Binarizer(), numbers(), nullable=["a"])
