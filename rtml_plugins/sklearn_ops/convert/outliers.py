"""Detectors of outliers: isolation forests, elliptic envelopes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.lowering.symbolic import new
from rtml_plugins.sklearn_ops.convert.labels import label_from_flag
from rtml_plugins.sklearn_ops.convert.packing import accepts_missing, numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, constant
from rtml_plugins.sklearn_ops.convert.trees import flat_tree, tree_matrix
from rtml_plugins.sklearn_ops.convert.votes import tree_view

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


@converts("sklearn.ensemble.IsolationForest")
def isolation_forest(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """How deep a row gets in the trees -> decision; -1 where that is less than for the others -> label."""
    from sklearn.ensemble._iforest import _average_path_length

    views = [tree_view(m.tree_, at) for m, at in zip(estimator.estimators_, estimator.estimators_features_, strict=True)]
    matrix, at = tree_matrix(b, estimator, columns, views, missing=accepts_missing(estimator))
    trees = Trees()
    for i, view in enumerate(views):
        flat = flat_tree(view, at)
        lengths = estimator._decision_path_lengths[i] + estimator._average_path_length_per_tree[i] - 1.0
        trees.add(flat, np.asarray(lengths, np.float64)[flat.leaves])
    depths = trees.emit(b, matrix, 1)
    scale = float(len(views) * _average_path_length([estimator._max_samples])[0])
    offset = float(estimator.offset_)
    ratio = b.op("Div", depths, b.const([[scale]], "float64")) if scale else constant(b, matrix, 1.0)
    score = b.op("Pow", b.const([[2.0]], "float64"), b.op("Neg", ratio))
    decision = b.op("Sub", b.op("Neg", score), b.const([[offset]], "float64"))
    # a training row may lie on the offset itself: there the sum of depths decides, which is exact, and not its power
    deep = b.op("GreaterOrEqual", depths, b.const([[_least_depth(scale, offset)]], "float64"), dtype="bool")
    return Prediction(label=label_from_flag(b, deep, (-1, 1)), decision=[new("float64", decision)])


def _least_depth(scale: float, offset: float) -> float:
    """The least sum of depths for which -(2 ** -(depth / scale)) - offset is not below 0; it grows with the depth."""

    def inside(depth: float) -> bool:
        ratio = np.divide(np.array([depth]), scale) if scale else np.ones(1)
        return not bool(((-(2 ** (-ratio)) - offset) < 0)[0])

    low, high = -1.0, 1e6 * max(scale, 1.0)
    if inside(low):
        return -np.inf
    if not inside(high):
        return np.inf
    while np.nextafter(low, np.inf) < high:
        middle = low + (high - low) / 2
        low, high = (low, middle) if inside(middle) else (middle, high)
    return high


@converts("sklearn.covariance.EllipticEnvelope")
def elliptic_envelope(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The distance from the middle in terms of the covariance -> decision; -1 beyond the offset -> label."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    x = b.op("Sub", ordered(b, columns), b.const(np.asarray(estimator.location_).reshape(1, -1), "float64"))
    precision = np.asarray(estimator.get_precision(), np.float64)
    turned = b.op("MatMul", x, b.const(precision, "float64"), width=len(precision))
    distance = b.op("ReduceSum", b.op("Mul", turned, x), b.const([1], "int64"), width=1, keepdims=1)
    decision = b.op("Sub", b.op("Neg", distance), b.const([[float(estimator.offset_)]], "float64"))
    inside = b.op("GreaterOrEqual", decision, b.const([[0.0]], "float64"), dtype="bool")
    return Prediction(label=label_from_flag(b, inside, (-1, 1)), decision=[new("float64", decision, finite=False)])
