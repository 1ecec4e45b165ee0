"""Models of how likely a row is in each class: naive Bayes, quadratic discriminants, nearest centroids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_flag, label_from_scores
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, intervals

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def differences(b: Builder, x: ir.Value, centres: Any) -> ir.Value:
    """float64 [N, F] less each of K centres [K, F]: [N, K, F]."""
    count, width = centres.shape
    wide = b.op("Unsqueeze", x, b.const([1], "int64"), shape=["N", 1, width])
    return b.op("Sub", wide, b.const(centres.reshape(1, count, width), "float64"), shape=["N", count, width])


def sums_of_last(b: Builder, x: ir.Value, count: int) -> ir.Value:
    """[N, K, F] summed over F: [N, K]."""
    return b.op("ReduceSum", x, b.const([2], "int64"), width=count, keepdims=0)


def from_likelihoods(b: Builder, estimator: Any, scores: ir.Value) -> Prediction:
    """Logarithms of likelihoods [N, K] -> label of the largest, and exp(score - log of the sum of all).

    Written as scikit-learn does it: far from all classes the two terms are large, and their rounding is part of the answer.
    Where every class is impossible there is no probability: NaN.
    """
    classes = classes_of(estimator)
    whole = b.op("ReduceLogSumExp", scores, b.const([1], "int64"), width=1, keepdims=1)
    p = b.op("Exp", b.op("Sub", scores, whole))
    return Prediction(classes, label_from_scores(b, scores, classes), unpack(p, "float64", finite=False))


@converts("sklearn.naive_bayes.GaussianNB")
def gaussian(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A normal distribution for each class and column."""
    numbers(b, columns, estimator, missing=False)
    var = np.asarray(estimator.var_, np.float64)
    x = differences(b, ordered(b, columns), np.asarray(estimator.theta_, np.float64))
    # dividing by -2 var is exactly -0.5 times dividing by var
    parts = b.op("Div", b.op("Mul", x, x), b.const(-2.0 * var[None], "float64"))
    offset = np.log(estimator.class_prior_) + -0.5 * np.sum(np.log(2.0 * np.pi * var), axis=1)
    scores = b.op("Add", sums_of_last(b, parts, len(var)), b.const(offset.reshape(1, -1), "float64"))
    return from_likelihoods(b, estimator, scores)


@converts("sklearn.naive_bayes.MultinomialNB", "sklearn.naive_bayes.ComplementNB")
def multinomial(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum for each class."""
    numbers(b, columns, estimator, missing=False)
    x = ordered(b, columns)
    bias = np.zeros(len(estimator.classes_))
    if type(estimator).__name__ == "MultinomialNB" or len(estimator.classes_) == 1:
        bias = np.asarray(estimator.class_log_prior_, np.float64)
    return from_likelihoods(b, estimator, _weighted(b, x, estimator.feature_log_prob_, bias))


def _weighted(b: Builder, x: ir.Value, weights: Any, bias: Any) -> ir.Value:
    coef = np.asarray(weights, np.float64)
    return b.op("Gemm", x, b.const(coef.T, "float64"), b.const(np.asarray(bias), "float64"), width=len(coef))


@converts("sklearn.naive_bayes.BernoulliNB")
def bernoulli(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum for each class, of columns cut to 0 and 1."""
    numbers(b, columns, estimator, missing=False)
    x = ordered(b, columns)
    if estimator.binarize is not None:
        trees, edge = Trees(), np.array([float(estimator.binarize)])
        for i in range(len(columns)):
            trees.add(intervals(i, edge, np.zeros(1, bool)), np.array([0.0, 1.0]), i)
        x = trees.emit(b, x, len(columns))
    never = np.log(1 - np.exp(estimator.feature_log_prob_))
    bias = estimator.class_log_prior_ + never.sum(axis=1)
    return from_likelihoods(b, estimator, _weighted(b, x, estimator.feature_log_prob_ - never, bias))


@converts("sklearn.naive_bayes.CategoricalNB")
def categorical(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A number for each class and category; categories are whole numbers from 0, others are refused."""
    numbers(b, columns, estimator, missing=False)
    x, trees, count = ordered(b, columns), Trees(), len(estimator.classes_)
    inside = Trees()
    for i, table in enumerate(estimator.feature_log_prob_):
        # scikit-learn cuts numbers to whole ones: (-1, 1) is category 0, [1, 2) category 1, ...
        size = table.shape[1]
        edges = np.array([-1.0, *range(1, size), float(size)])
        strict = np.array([False, *[True] * size])
        flat = intervals(i, edges, strict)
        inside.add(flat, np.array([1.0, *[0.0] * size, 1.0]), 0)
        for k in range(count):
            trees.add(flat, np.array([0.0, *table[k].tolist(), 0.0]), k)
    b.check(
        b.op("Equal", inside.emit(b, x, 1), b.const([[0.0]], "float64"), dtype="bool"),
        "a category that was not seen in training, and CategoricalNB takes no others",
    )
    scores = b.op("Add", trees.emit(b, x, count), b.const(np.asarray(estimator.class_log_prior_).reshape(1, -1), "float64"))
    return from_likelihoods(b, estimator, scores)


@converts("sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis")
def quadratic(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A distance of its own for each class, by its own rotation and scaling."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    classes, means = classes_of(estimator), np.asarray(estimator.means_, np.float64)
    rotations = [r * (s ** (-0.5)) for r, s in zip(estimator.rotations_, estimator.scalings_, strict=True)]
    width = max(r.shape[1] for r in rotations)
    # a class of a lower rank gets columns of zeros, which add nothing
    turned = np.stack([np.pad(r, ((0, 0), (0, width - r.shape[1]))) for r in rotations])
    # one product for all classes, around the middle of their means: their own distance from it is a constant
    middle = means.mean(axis=0)
    moved = np.einsum("kf,kfw->kw", means - middle, turned)
    x = b.op("Sub", ordered(b, columns), b.const(middle.reshape(1, -1), "float64"))
    flat = np.ascontiguousarray(turned.transpose(1, 0, 2)).reshape(means.shape[1], -1)
    side = b.op("Gemm", x, b.const(flat, "float64"), b.const(-moved.ravel(), "float64"), width=flat.shape[1])
    apart = b.op("Reshape", side, b.const([-1, len(classes), width], "int64"), shape=["N", len(classes), width])
    norm = b.op("ReduceSumSquare", apart, b.const([2], "int64"), width=len(classes), keepdims=0)
    logs = np.array([np.sum(np.log(s)) for s in estimator.scalings_]).reshape(1, -1)
    half = b.op("Mul", b.op("Add", norm, b.const(logs, "float64")), b.const([[-0.5]], "float64"))
    scores = b.op("Add", half, b.const(np.log(estimator.priors_).reshape(1, -1), "float64"))
    p = unpack(b.op("Softmax", scores, axis=-1), "float64", finite=False)
    if len(classes) > 2:
        return Prediction(classes, label_from_scores(b, scores, classes), p, unpack(scores, "float64"))
    decision = b.op("Sub", b.take(scores, [1]), b.take(scores, [0]))
    flag = b.op("Greater", decision, b.const([[0.0]], "float64"), dtype="bool")
    return Prediction(classes, label_from_flag(b, flag, classes), p, [Symbolic("float64", decision, finite=False)])
