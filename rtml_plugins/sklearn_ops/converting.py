"""What a converter of a plugin builds on: the columns it gets, the prediction it gives, and the steps between that are hard
to get right. Together with rtml_core.lowering this is all that a converter outside of rtml should import.

Columns, Prediction: what comes in, what a predictor returns. convert, transform, predict: emit an estimator inside one.
numbers: refuse columns that are no numbers or may be missing. read_columns, pack, ordered: columns as one matrix.
classes_of, binary, many, label_from_flag, label_from_scores, label_from_index: labels and probabilities.
Trees, Flat: forests as one TreeEnsemble in float64; tell_thresholds: points for the parity gate; fold_float32: thresholds of
trees that compare in float32. expit, shares: the logistic function, and rows divided by their sums.
"""

from __future__ import annotations

from rtml_plugins.sklearn_ops.convert.labels import (
    binary,
    classes_of,
    label_from_flag,
    label_from_index,
    label_from_scores,
    many,
)
from rtml_plugins.sklearn_ops.convert.linear import expit, shares
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, pack
from rtml_plugins.sklearn_ops.convert.reads import read_columns
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, convert, predict, transform
from rtml_plugins.sklearn_ops.convert.thresholds import fold_float32
from rtml_plugins.sklearn_ops.convert.tree_ensemble import LEQ, LT, MEMBER, Flat, Trees
from rtml_plugins.sklearn_ops.convert.trees import tell_thresholds

__all__ = [
    "LEQ",
    "LT",
    "MEMBER",
    "Columns",
    "Flat",
    "Prediction",
    "Trees",
    "binary",
    "classes_of",
    "convert",
    "expit",
    "fold_float32",
    "label_from_flag",
    "label_from_index",
    "label_from_scores",
    "many",
    "numbers",
    "ordered",
    "pack",
    "predict",
    "read_columns",
    "shares",
    "tell_thresholds",
    "transform",
]
