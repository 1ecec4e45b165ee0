"""Projections onto directions, and kernels with points of the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.linear import valued
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts
from rtml_plugins.sklearn_ops.convert.svm import rbf

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: a matrix that makes kernels larger by more than this makes numbers of their rounding errors
_LOUD: Final = 1e4


def _product(b: Builder, x: ir.Value, weights: Any, bias: Any | None = None) -> ir.Value:
    wide = np.asarray(weights.toarray() if hasattr(weights, "toarray") else weights, np.float64)
    offset = np.zeros(wide.shape[1]) if bias is None else np.asarray(bias, np.float64)
    return b.op("Gemm", x, b.const(wide, "float64"), b.const(offset, "float64"), width=wide.shape[1])


def _inputs(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    return ordered(b, columns)


def _less_mean(b: Builder, x: ir.Value, mean: Any) -> ir.Value:
    return b.op("Sub", x, b.const(np.asarray(mean, np.float64).reshape(1, -1), "float64"))


@converts("sklearn.random_projection.GaussianRandomProjection", "sklearn.random_projection.SparseRandomProjection")
def random_projection(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """X @ components.T."""
    x, components = _inputs(b, estimator, columns), estimator.components_
    wide = np.asarray(components.toarray() if hasattr(components, "toarray") else components, np.float64)
    sizes = np.unique(np.abs(wide[wide != 0]))
    if len(sizes) != 1:
        return unpack(_product(b, x, wide.T), "float64")
    # plus and minus one number: multiplied last, so that equal values cancel out as exactly as they do in scikit-learn
    return unpack(b.op("Mul", _product(b, x, np.sign(wide.T)), b.const(float(sizes[0]), "float64")), "float64")


@converts("sklearn.decomposition.FastICA")
def fast_ica(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """(X - mean) @ components.T."""
    x = _inputs(b, estimator, columns)
    x = _less_mean(b, x, estimator.mean_) if estimator.whiten else x
    return unpack(_product(b, x, estimator.components_.T), "float64")


@converts("sklearn.decomposition.FactorAnalysis")
def factor_analysis(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The expected factors of a row: (X - mean) times one matrix (Barber, 21.2.33)."""
    scaled = estimator.components_ / estimator.noise_variance_
    spread = np.linalg.inv(np.eye(len(estimator.components_)) + scaled @ estimator.components_.T)
    x = _less_mean(b, _inputs(b, estimator, columns), estimator.mean_)
    return unpack(_product(b, x, scaled.T @ spread), "float64")


@converts(*(f"sklearn.cross_decomposition.{name}" for name in ("PLSRegression", "PLSCanonical", "CCA")))
def partial_least_squares(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """(X - mean) @ coef.T + intercept."""
    x = _less_mean(b, _inputs(b, estimator, columns), estimator._x_mean)
    return valued(_product(b, x, estimator.coef_.T, estimator.intercept_))


@converts("sklearn.cluster.FeatureAgglomeration")
def feature_agglomeration(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The mean of the columns of each group."""
    if estimator.pooling_func is not np.mean:
        raise NotLowerableError("FeatureAgglomeration pools with a function of its own; use the mean")
    labels = np.asarray(estimator.labels_, np.int64)
    groups = (labels[:, None] == np.arange(labels.max() + 1)).astype(np.float64)
    total = _product(b, _inputs(b, estimator, columns), groups)
    return unpack(b.op("Div", total, b.const(groups.sum(axis=0, keepdims=True), "float64")), "float64")


# ---- kernels -----------------------------------------------------------------------------------------------------------


def kernel_with(b: Builder, estimator: Any, x: ir.Value, points: Any) -> ir.Value:
    """float64 [N, S]: the kernel that the parameters of an estimator name, of each row with each point."""
    points = np.asarray(points, np.float64)
    name, width = estimator.kernel, points.shape[1]
    gamma = 1.0 / width if estimator.gamma is None else float(estimator.gamma)
    if estimator.gamma is None and name in ("laplacian", "chi2"):
        gamma = 1.0
    if name == "rbf":
        return rbf(b, x, points, gamma)
    if name == "linear":
        return _product(b, x, points.T)
    coef0 = 1.0 if estimator.coef0 is None else float(estimator.coef0)
    if name not in ("poly", "polynomial", "sigmoid"):
        raise NotLowerableError(
            f"{type(estimator).__name__} with the kernel {name!r} has no ONNX form; use 'rbf', 'linear', 'poly' or 'sigmoid'"
        )
    inner = _product(b, x, gamma * points.T, np.full(len(points), coef0))
    if name == "sigmoid":
        return b.op("Tanh", inner)
    return b.op("Pow", inner, b.const(3.0 if estimator.degree is None else float(estimator.degree), "float64"))


@converts("sklearn.kernel_ridge.KernelRidge")
def kernel_ridge(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum of kernels with the training rows -> value."""
    dual = np.asarray(estimator.dual_coef_, np.float64)
    dual = dual.reshape(len(dual), -1)
    if hasattr(estimator.X_fit_, "toarray"):
        raise NotLowerableError("KernelRidge was fitted on a sparse matrix; fit it on the columns themselves")
    x = _inputs(b, estimator, columns)
    if estimator.kernel == "linear":
        return valued(_product(b, x, np.asarray(estimator.X_fit_).T @ dual))
    found = kernel_with(b, estimator, x, estimator.X_fit_)
    return valued(_product(b, found, dual))


@converts("sklearn.kernel_approximation.Nystroem")
def nystroem(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Kernels with some training rows, turned."""
    if np.linalg.norm(estimator.normalization_, 2) > _LOUD:
        raise NotLowerableError(
            "Nystroem has components that say nothing new, of which it makes columns of rounding errors, different on every"
            " machine; choose fewer n_components"
        )
    found = kernel_with(b, estimator, _inputs(b, estimator, columns), estimator.components_)
    return unpack(_product(b, found, estimator.normalization_.T), "float64")


@converts("sklearn.kernel_approximation.RBFSampler", "sklearn.kernel_approximation.SkewedChi2Sampler")
def fourier_sampler(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Refused: the cosine of a large sum is decided by its last bits."""
    raise NotLowerableError(
        f"{type(estimator).__name__} takes cosines of sums; where they are large, their last bits, which differ from machine to"
        f" machine, decide everything. Use Nystroem"
    )
