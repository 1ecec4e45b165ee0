"""Projections, kernels with training rows, detectors of outliers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import FeatureAgglomeration
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import FactorAnalysis, FastICA
from sklearn.ensemble import IsolationForest
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, value


def frame(*, missing: bool = False) -> Any:
    return numbers(missing=missing)[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize(
    "model",
    [
        FastICA(2, random_state=0),
        FactorAnalysis(2),
        FeatureAgglomeration(2),
        GaussianRandomProjection(2, random_state=0),
        SparseRandomProjection(2, density=0.5, random_state=0),
        Nystroem(n_components=20, random_state=0),
        Nystroem(kernel="poly", n_components=4, random_state=0, gamma=0.1, degree=2, coef0=1.0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_projections(model: Any) -> None:
    agree(model, frame(), hard="Nystroem" not in str(model))


@pytest.mark.parametrize("kernel", ["linear", "rbf", "poly"])
def test_kernel_ridge(kernel: str) -> None:
    made = agree(KernelRidge(kernel=kernel, gamma=0.1), frame(), value(numbers()) / 10, hard=kernel != "poly")
    assert kernel != "linear" or made.nodes == 1


def test_partial_least_squares() -> None:
    agree(PLSRegression(2), frame(), value(numbers()))


def test_what_the_last_bits_decide_is_refused() -> None:
    with pytest.raises(NotLowerableError, match="Use Nystroem"):
        agree(RBFSampler(random_state=0), frame())
    with pytest.raises(NotLowerableError, match="use the mean"):
        agree(FeatureAgglomeration(2, pooling_func=np.median), frame())
    with pytest.raises(NotLowerableError, match="choose fewer n_components"):
        agree(Nystroem(kernel="poly", n_components=20, random_state=0, degree=2), frame())
    with pytest.raises(NotLowerableError, match="kernel 'laplacian' has no ONNX form"):
        agree(KernelRidge(kernel="laplacian"), frame(), value(numbers()))


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("options", [{}, {"contamination": 0.1}, {"max_features": 2, "max_samples": 50}], ids=str)
def test_isolation_forests(options: Any, missing: bool) -> None:
    x = frame(missing=missing)
    x = pd.concat([x, x.iloc[:1]])  # 241 rows: with 10 % contamination the offset is one row's own score
    model = IsolationForest(n_estimators=20, random_state=0, **options)
    made = agree(model, x, outputs={"l": "label", "d": "decision"})
    assert made.nodes <= 8


def test_elliptic_envelope() -> None:
    outputs = {"l": "label", "d": "decision"}
    agree(EllipticEnvelope(random_state=0, contamination=0.07), frame(), outputs=outputs, rows=frame() + np.pi)
