"""From scores to labels, exactly as scikit-learn picks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, new, unpack
from rtml_plugins.sklearn_ops.convert.registry import Prediction, may_be_infinite

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def classes_of(estimator: Any) -> tuple[Any, ...]:
    """The classes of a fitted classifier as Python values. Raises NotLowerableError for several outputs."""
    classes = estimator.classes_
    if isinstance(classes, list) or np.ndim(classes) != 1:
        raise NotLowerableError(f"{type(estimator).__name__} predicts several labels at once; fit one model for each label")
    return tuple(np.asarray(classes).tolist())


def label_dtype(classes: Sequence[Any]) -> str:
    """Column dtype of a label."""
    kinds = {type(value) for value in classes}
    for kind, dtype in ((bool, "bool"), (int, "int64"), (str, "string"), (float, "float64")):
        if kinds == {kind}:
            return dtype
    raise NotLowerableError(
        f"the classes {list(classes)} are neither all strings, all whole numbers, all numbers nor all booleans"
    )


def label_from_flag(b: Builder, flag: ir.Value, classes: Sequence[Any]) -> Symbolic:
    """bool [N, 1], True for the second of two classes -> label column."""
    dtype = label_dtype(classes)
    if dtype == "bool":
        return new("bool", flag if classes[1] else b.op("Not", flag))
    if dtype == "int64" and tuple(classes) == (0, 1):
        return new("int64", b.cast(flag, "int64"))
    first, second = (b.const([[value]], dtype) for value in classes)
    return new(dtype, b.op("Where", flag, second, first, dtype=dtype), categories=tuple(classes))


def label_from_scores(b: Builder, scores: ir.Value, classes: Sequence[Any]) -> Symbolic:
    """float64 [N, K] -> label column of the largest score; the first of equal ones, and NaN before all, as numpy's argmax."""
    if may_be_infinite():
        scores = _nan_largest(b, scores)
    index = b.op("ArgMax", scores, dtype="int64", width=1, axis=1, keepdims=1)
    return label_from_index(b, index, classes)


def _nan_largest(b: Builder, scores: ir.Value) -> ir.Value:
    """The scores with NaN, which onnxruntime's ArgMax passes over, as what is larger than all others."""
    from rtml_core.lowering.builder import width_of

    largest = b.const([[float(np.finfo(np.float64).max)]], "float64")
    below = b.op("Min", scores, largest, dtype="float64", width=width_of(scores))
    odd = b.op("IsNaN", scores, dtype="bool", width=width_of(scores))
    return b.op("Where", odd, b.const([[np.inf]], "float64"), below, dtype="float64", width=width_of(scores))


def label_from_index(b: Builder, index: ir.Value, classes: Sequence[Any]) -> Symbolic:
    """int64 [N, 1], position among the classes -> label column."""
    dtype = label_dtype(classes)
    if dtype == "bool" and tuple(classes) == (False, True):
        return new("bool", b.cast(index, "bool"))
    if dtype == "bool":
        codes = b.op("Gather", b.const([int(value) for value in classes], "int64"), index, dtype="int64", width=1)
        return new("bool", b.cast(codes, "bool"))
    if dtype == "int64" and list(classes) == list(range(len(classes))):
        return new("int64", index)
    return new(dtype, b.op("Gather", b.const(list(classes), dtype), index, dtype=dtype, width=1), categories=tuple(classes))


def binary(
    b: Builder,
    classes: Sequence[Any],
    p: ir.Value,
    flag: ir.Value,
    decision: ir.Value | None = None,
    other: ir.Value | None = None,
) -> Prediction:
    """A two-class prediction: `p` float64 [N, 1] is the second class's probability, `flag` picks it.

    other: the first class's probability where it is not computed as 1 - p.
    """
    if other is None:
        other = b.op("Sub", b.const([[1.0]], "float64"), p)
    return Prediction(
        classes=tuple(classes),
        label=label_from_flag(b, flag, classes),
        probability=[new("float64", other), new("float64", p)],
        decision=None if decision is None else [new("float64", decision)],
    )


def many(b: Builder, classes: Sequence[Any], p: ir.Value | None, scores: ir.Value, *, decision: bool) -> Prediction:
    """A prediction of K classes: probabilities [N, K] and the scores [N, K] of which the largest picks the label."""
    return Prediction(
        classes=tuple(classes),
        label=label_from_scores(b, scores, classes),
        probability=None if p is None else unpack(p, "float64"),
        decision=unpack(scores, "float64") if decision else None,
    )
