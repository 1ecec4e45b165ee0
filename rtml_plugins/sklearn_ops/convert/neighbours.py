"""Nearest neighbours: the distances to all training rows, the least of them, and their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.convert.bayes import differences
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_scores
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts
from rtml_plugins.sklearn_ops.decided import NEAR, NOISE, REFUSED, Asked, asked, is_decided, largest

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: more training rows than this are not put into a model
_MOST: Final = 50_000
#: up to so many numbers a row all differences are computed at once; beyond, column by column, which takes less memory
_AT_ONCE: Final = 20_000


@converts("sklearn.neighbors.KNeighborsClassifier")
def classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The shares of the neighbours' classes -> probabilities; the largest, the first of equal ones -> label."""
    classes = classes_of(estimator)
    found = _read(estimator)
    far, places = _nearest(b, estimator, columns, found)
    table = np.zeros((len(found.points), len(classes)))
    table[np.arange(len(found.points)), found.answers.astype(np.int64)] = 1.0
    shape: list[int | str | None] = ["N", found.count, len(classes)]
    ones = b.op("Gather", b.const(table, "float64"), places, dtype="float64", shape=shape, axis=0)
    if estimator.weights != "uniform":
        weight = b.op("Unsqueeze", _weights(b, far, found), b.const([2], "int64"), shape=["N", found.count, 1])
        ones = b.op("Mul", ones, weight, shape=shape)
    total = b.op("ReduceSum", ones, b.const([1], "int64"), width=len(classes), keepdims=0)
    whole = b.op("ReduceSum", total, b.const([1], "int64"), width=1, keepdims=1)
    p = b.op("Div", total, whole)
    return Prediction(classes, label_from_scores(b, total, classes), unpack(p, "float64"))


@converts("sklearn.neighbors.KNeighborsRegressor")
def regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The (weighted) mean of the neighbours' values -> value."""
    found = _read(estimator)
    far, places = _nearest(b, estimator, columns, found)
    values = b.op("Gather", b.const(found.answers, "float64"), places, dtype="float64", width=found.count, axis=0)
    axis = b.const([1], "int64")
    if estimator.weights == "uniform":
        total = b.op("ReduceSum", values, axis, width=1, keepdims=1)
        return Prediction(value=new("float64", b.op("Div", total, b.const([[float(found.count)]], "float64"))))
    weights = _weights(b, far, found)
    total = b.op("ReduceSum", b.op("Mul", values, weights), axis, width=1, keepdims=1)
    return Prediction(value=new("float64", b.op("Div", total, b.op("ReduceSum", weights, axis, width=1, keepdims=1))))


def _read(estimator: Any) -> Asked:
    """What the estimator looks up. Raises NotLowerableError for what has no ONNX form."""
    name = type(estimator).__name__
    found = asked(estimator)
    if found is None:
        raise NotLowerableError(
            f"{name} with the metric {estimator.effective_metric_!r}, with weights of columns, with several targets or learned"
            f" from a sparse matrix has no ONNX form; use the metrics 'minkowski', 'manhattan' or 'chebyshev' on plain columns"
        )
    if not is_decided(estimator):
        raise NotLowerableError(
            f"{name} answers rows that are equally far from several answers by accident; compile it as the operator ScikitLearn"
            f" keeps it, which refuses them"
        )
    if estimator.weights not in ("uniform", "distance"):
        raise NotLowerableError(f"{name} has weights of its own; use 'uniform' or 'distance'")
    if found.noisy and estimator.weights == "distance":
        raise NotLowerableError(f"{name} weighs by distances that brute force rounds; pass algorithm='kd_tree'")
    if len(found.points) > _MOST:
        raise NotLowerableError(
            f"{name} learned from {len(found.points)} rows, and a model holds up to {_MOST}; learn from fewer"
        )
    return found


def _distances(b: Builder, x: ir.Value, found: Asked) -> ir.Value:
    """float64 [N, S]: sums of powers of the differences (squared distances), or the largest difference."""
    count, width = found.points.shape
    largest_of = bool(np.isinf(found.power))
    if count * width <= _AT_ONCE:
        apart = _powered(b, differences(b, x, found.points), found.power)
        op = "ReduceMax" if largest_of else "ReduceSum"
        return b.op(op, apart, b.const([2], "int64"), width=count, keepdims=0)
    total: ir.Value | None = None
    for j in range(width):
        one = b.const(found.points[:, j].reshape(1, -1), "float64")
        apart = _powered(b, b.op("Sub", b.take(x, [j]), one, width=count), found.power)
        total = apart if total is None else b.op("Max" if largest_of else "Add", total, apart)
    assert total is not None
    return total


def _powered(b: Builder, apart: ir.Value, power: float) -> ir.Value:
    if power == 2:
        return b.op("Mul", apart, apart)
    size = b.op("Abs", apart)
    return size if power == 1 or np.isinf(power) else b.op("Pow", size, b.const(power, "float64"))


def _nearest(b: Builder, estimator: Any, columns: Columns, found: Asked) -> tuple[ir.Value, ir.Value]:
    """Distances (powered) and positions of the nearest training rows, [N, k] each; undecided rows are refused."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    x = ordered(b, columns)
    far = _distances(b, x, found)
    wanted = min(found.count + 1, len(found.points))
    size = b.const([wanted], "int64")
    low, places = b.multi("TopK", far, size, dtypes=["float64", "int64"], widths=[wanted] * 2, axis=1, largest=0, sorted=1)
    if wanted == found.count:
        return low, places
    _check_decided(b, x, far, low, found)
    first = list(range(found.count))
    return b.take(low, first), b.take(places, first)


def _check_decided(b: Builder, x: ir.Value, far: ir.Value, low: ir.Value, found: Asked) -> None:
    """Refuse rows of which the last neighbour is one of several equally far ones with different answers (see decided)."""
    count, axis = len(found.points), b.const([1], "int64")
    last, following = b.take(low, [found.count - 1]), b.take(low, [found.count])
    below = b.op("Mul", last, b.const([[1 - NEAR]], "float64"))
    above = b.op("Mul", last, b.const([[1 + NEAR]], "float64"))
    if found.noisy:
        own = b.op("ReduceSumSquare", x, axis, width=1, keepdims=1)
        off = b.op("Mul", b.op("Add", own, b.const([[largest(found)]], "float64")), b.const([[NOISE]], "float64"))
        below, above = b.op("Sub", below, off), b.op("Add", above, off)
    inside = b.op(
        "And",
        b.op("Not", b.op("Less", far, below, dtype="bool", width=count)),
        b.op("LessOrEqual", far, above, dtype="bool", width=count),
    )
    answers = b.const(found.answers.reshape(1, -1), "float64")
    extremes = []
    for op, outside in (("ReduceMax", -np.inf), ("ReduceMin", np.inf)):
        chosen = b.op("Where", inside, answers, b.const([[outside]], "float64"), dtype="float64", width=count)
        extremes.append(b.op(op, chosen, axis, width=1, keepdims=1))
    several = b.op("LessOrEqual", following, above, dtype="bool")
    mixed = b.op("Greater", *extremes, dtype="bool")
    b.check(b.op("Not", b.op("And", several, mixed)), REFUSED.format(count=found.count))


def _weights(b: Builder, far: ir.Value, found: Asked) -> ir.Value:
    """1 / distance; where a distance is 0, 1 for it and 0 for the others."""
    if found.power == 2:
        distance = b.op("Sqrt", far)
    else:
        plain = found.power == 1 or np.isinf(found.power)
        distance = far if plain else b.op("Pow", far, b.const(1.0 / found.power, "float64"))
    inverse = b.op("Reciprocal", distance)
    same = b.op("IsInf", inverse, dtype="bool")
    flags = b.cast(same, "float64")
    some = b.op("ReduceMax", flags, b.const([1], "int64"), width=1, keepdims=1)
    return b.op("Where", b.cast(some, "bool"), flags, inverse, dtype="float64", width=found.count)
