"""Isotonic regression: straight lines between points, as numpy.interp draws them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, new
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts, may_be_infinite
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, constant, steps

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def interpolate(b: Builder, x: ir.Value, estimator: Any) -> ir.Value:
    """float64 [N, 1] -> float64 [N, 1] by a fitted IsotonicRegression.

    A TreeEnsemble finds, for the interval that x lies in, its start, the value there and the slope.
    """
    at, height = np.asarray(estimator.X_thresholds_), np.asarray(estimator.y_thresholds_, np.float64)
    if at.dtype != np.float64:
        raise NotLowerableError("IsotonicRegression was fitted on float32, which it rounds to; fit it on float64")
    if estimator.out_of_bounds == "raise":
        raise NotLowerableError("IsotonicRegression(out_of_bounds='raise') refuses values outside of training; use 'clip'")
    if len(at) == 1:
        return constant(b, x, float(height[0]))
    slope = np.diff(height) / np.diff(at)
    clipped = estimator.out_of_bounds == "clip"
    outside = (float(height[0]), float(height[-1])) if clipped else (np.nan, np.nan)
    # one interval before the first point and one from the last point on; with "nan" the last point itself still counts
    edges = at if clipped else np.append(at, np.nextafter(at[-1], np.inf))
    last = [] if clipped else [height[-1]]
    parts = (
        np.concatenate([[at[0]], at[:-1], [at[-1]] * (1 + len(last))]),
        np.concatenate([[outside[0]], height[:-1], last, [outside[1]]]),
        np.concatenate([[0.0], slope, [0.0] * (1 + len(last))]),
    )
    trees = Trees()
    for target, weights in enumerate(parts):
        trees.add(steps(0, edges), weights, target)
    if clipped and may_be_infinite():
        # a slope of 0 times infinity is no number
        x = b.op("Clip", x, b.const(float(at[0]), "float64"), b.const(float(at[-1]), "float64"), dtype="float64", width=1)
    found = trees.emit(b, x, 3)
    start, value, rise = (b.take(found, [i]) for i in range(3))
    return b.op("Add", b.op("Mul", rise, b.op("Sub", x, start)), value)


@converts("sklearn.isotonic.IsotonicRegression")
def isotonic(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """One column -> value."""
    numbers(b, columns, estimator, missing=False)
    if len(columns) != 1:
        raise NotLowerableError(f"IsotonicRegression takes one column; got {len(columns)}")
    value = interpolate(b, ordered(b, columns), estimator)
    column = new("float64", value)
    return Prediction(value=Symbolic("float64", column.tensor, 0, estimator.out_of_bounds == "nan"))
