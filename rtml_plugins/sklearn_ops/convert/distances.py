"""Distances to a few points: clusters.

scikit-learn computes squared Euclidean distances as |x|^2 - 2 x.c + |c|^2; so do we, term by term.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def products(b: Builder, x: ir.Value, points: Any, norms: Any | None = None) -> ir.Value:
    """-2 x.c (+ |c|^2): float64 [N, F] and [K, F] -> [N, K].

    A Gemm in any case: onnxruntime would make one of a MatMul and the Add behind it, and round once less.
    """
    bias = np.zeros(len(points)) if norms is None else norms
    return b.op("Gemm", x, b.const(-2.0 * points.T, "float64"), b.const(bias, "float64"), width=len(points))


def squared(b: Builder, x: ir.Value, points: Any) -> ir.Value:
    """Squared Euclidean distances [N, K], never below 0."""
    own = b.op("ReduceSumSquare", x, b.const([1], "int64"), width=1, keepdims=1)
    norms = np.einsum("ij,ij->i", points, points).reshape(1, -1)
    total = b.op("Add", b.op("Add", products(b, x, points), own), b.const(norms, "float64"))
    return b.op("Max", total, b.const([[0.0]], "float64"))


def least(b: Builder, values: ir.Value) -> ir.Value:
    """int64 [N, 1]: where the least of each row is, the first of equal ones."""
    return b.op("ArgMin", values, dtype="int64", width=1, axis=1, keepdims=1)


@converts("sklearn.cluster.KMeans", "sklearn.cluster.MiniBatchKMeans")
def k_means(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The nearest centre -> label; the distances to all centres -> transformed."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    x, centres = ordered(b, columns), np.asarray(estimator.cluster_centers_, np.float64)
    if estimator.cluster_centers_.dtype != np.float64:
        raise NotLowerableError(f"{type(estimator).__name__} was fitted on float32; fit it on float64")
    distances = b.op("Sqrt", squared(b, x, centres))
    # k-means leaves |x|^2 out where it only compares
    label = least(b, products(b, x, centres, np.einsum("ij,ij->i", centres, centres)))
    return Prediction(label=new("int64", label), transformed=unpack(distances, "float64"))


_UNDECIDABLE: Final = ("cluster.AffinityPropagation", "cluster.MeanShift", "cluster.Birch", "neighbors.NearestCentroid")


@converts(*(f"sklearn.{name}" for name in _UNDECIDABLE))
def undecidable(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Refused: far from the centres |x|^2 swallows the differences, and the last bit of a library's sum decides."""
    name = type(estimator).__name__
    cure = "sklearn.discriminant_analysis.LinearDiscriminantAnalysis" if name == "NearestCentroid" else "sklearn.cluster.KMeans"
    raise NotLowerableError(
        f"{name} adds the squared length of a row to every distance; for rows far away rounding alone then decides, differently"
        f" on every machine. Use {cure}, which does not"
    )


@converts("sklearn.mixture.GaussianMixture", "sklearn.mixture.BayesianGaussianMixture")
def gaussian_mixture(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The component under which a row is most likely -> label; each component has a covariance of its own."""
    name = type(estimator).__name__
    if name != "GaussianMixture":
        raise NotLowerableError(f"{name} has no ONNX form yet; use GaussianMixture(covariance_type='full')")
    if estimator.covariance_type != "full":
        raise NotLowerableError(
            f"{name}(covariance_type={estimator.covariance_type!r}) subtracts large numbers from each other, so that for rows far"
            f" away rounding alone decides; use GaussianMixture(covariance_type='full')"
        )
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    x, means = ordered(b, columns), np.asarray(estimator.means_, np.float64)
    turns = np.asarray(estimator.precisions_cholesky_, np.float64)
    count, width = means.shape
    bias = -np.stack([mean @ turn for mean, turn in zip(means, turns, strict=True)])
    flat = np.ascontiguousarray(turns.transpose(1, 0, 2)).reshape(width, count * width)
    side = b.op("Gemm", x, b.const(flat, "float64"), b.const(bias.ravel(), "float64"), width=count * width)
    apart = b.op("Reshape", side, b.const([-1, count, width], "int64"), shape=["N", count, width])
    norm = b.op("ReduceSumSquare", apart, b.const([2], "int64"), width=count, keepdims=0)
    whole = b.op("Add", norm, b.const([[width * float(np.log(2 * np.pi))]], "float64"))
    half = b.op("Mul", whole, b.const([[-0.5]], "float64"))
    logs = np.array([np.sum(np.log(np.diag(turn))) for turn in turns])
    scores = b.op("Add", half, b.const(logs.reshape(1, -1), "float64"))
    scores = b.op("Add", scores, b.const(np.log(estimator.weights_).reshape(1, -1), "float64"))
    return Prediction(label=new("int64", b.op("ArgMax", scores, dtype="int64", width=1, axis=1, keepdims=1)))
