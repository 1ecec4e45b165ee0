"""Missing values from the other columns: the rounds of an IterativeImputer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.impute import indicate
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts, predict, transform

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


@converts("sklearn.impute.IterativeImputer")
def iterative_imputer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """First simple fills, then, round by round, each missing value as its column's model says, within the column's limits.

    Only columns that may be missing cost anything: a model and a Where for each and every round.
    """
    numbers(b, columns, estimator, missing=True)
    refuse_infinite(estimator)
    _refuse(estimator, columns)
    gaps = b.op("IsNaN", ordered(b, columns), dtype="bool", width=len(columns))
    value = ordered(b, transform(b, estimator.initial_imputer_, columns))
    for step in estimator.imputation_sequence_:
        i = int(step.feat_idx)
        if columns[i].nullable:
            value = _improved(b, estimator, value, gaps, i, step)
    filled = unpack(value, "float64")
    return [*filled, *indicate(b, estimator.indicator_, columns)] if estimator.add_indicator else filled


def _refuse(estimator: Any, columns: Columns) -> None:
    missing = estimator.missing_values
    if not (isinstance(missing, float) and np.isnan(missing)):
        raise NotLowerableError(f"IterativeImputer(missing_values={missing!r}) has no ONNX form; use NaN")
    if estimator.sample_posterior:
        raise NotLowerableError("IterativeImputer(sample_posterior=True) answers at random, which no compiled model does")
    if np.any(estimator._is_empty_feature):
        raise NotLowerableError("IterativeImputer learned from a column without any value; leave that column out")
    if all(column.nullable for column in columns):
        raise NotLowerableError(
            "IterativeImputer fills rows in which everything is missing in one way alone and in another way in a batch; give it a"
            " column that is never missing, or use SimpleImputer"
        )


def _improved(b: Builder, estimator: Any, value: ir.Value, gaps: ir.Value, i: int, step: Any) -> ir.Value:
    """The matrix [N, F] with column i, where it is missing, as the step's model says."""
    width = len(estimator._min_value)
    read = Columns([Symbolic("float64", value, int(k)) for k in step.neighbor_feat_idx])
    found = predict(b, step.estimator, read).value
    if found is None:
        raise NotLowerableError(f"IterativeImputer with a {type(step.estimator).__name__} has no ONNX form; use a regressor")
    guess = ordered(b, [found])
    for op, limit in (("Max", float(estimator._min_value[i])), ("Min", float(estimator._max_value[i]))):
        if np.isfinite(limit):
            guess = b.op(op, guess, b.const([[limit]], "float64"))
    own = b.op("And", gaps, b.const(np.arange(width)[None] == i, "bool"), dtype="bool", width=width)
    return b.op("Where", own, guess, value, dtype="float64", width=width)
