"""Linear models: one matrix product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.sparse import made_of, product
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.convert.labels import binary, classes_of, label_from_flag, many
from rtml_plugins.sklearn_ops.convert.packing import numbers
from rtml_plugins.sklearn_ops.convert.reads import read_columns
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_REGRESSORS = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "Lars", "LarsCV", "LassoLars"),
    *("LassoLarsCV", "LassoLarsIC", "BayesianRidge", "ARDRegression", "SGDRegressor", "HuberRegressor", "TheilSenRegressor"),
    *("OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "QuantileRegressor", "PassiveAggressiveRegressor"),
    *("MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV"),
)
_LOG_LINK = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor")
_BY_DECISION = ("RidgeClassifier", "RidgeClassifierCV", "Perceptron", "PassiveAggressiveClassifier")


def scores(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """X @ coef.T + intercept, float64 [N, outputs]."""
    from rtml_core.lowering.builder import width_of

    numbers(b, columns, estimator, missing=False)
    coef = np.atleast_2d(np.asarray(estimator.coef_, np.float64))
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, np.float64), (len(coef),))
    wide = made_of(columns)
    if wide is not None:
        return b.op("Add", product(b, wide, coef.T), b.const(intercept, "float64"))
    matrix, slots = read_columns(b, columns, extras=False)
    weights = np.zeros((width_of(matrix), len(coef)))
    for position, slot in enumerate(slots):
        weights[slot] += coef[:, position]
    return b.op("Gemm", matrix, b.const(weights, "float64"), b.const(intercept, "float64"), dtype="float64", width=len(coef))


@converts(*(f"sklearn.linear_model.{name}" for name in _REGRESSORS), "sklearn.svm.LinearSVR")
def linear_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum -> value; one product for several targets."""
    return valued(scores(b, estimator, columns))


def valued(tensor: ir.Value) -> Prediction:
    """float64 [N, targets] as the values of a regressor."""
    columns = unpack(tensor, "float64")
    return Prediction(value=columns[0]) if len(columns) == 1 else Prediction(targets=columns)


@converts(*(f"sklearn.linear_model.{name}" for name in _LOG_LINK))
def generalised_linear(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum through the inverse link -> value."""
    raw = _one(estimator, scores(b, estimator, columns))
    link = type(estimator._base_loss.link).__name__
    if link == "IdentityLink":
        return Prediction(value=new("float64", raw))
    if link == "LogLink":
        return Prediction(value=new("float64", b.op("Exp", raw)))
    raise NotLowerableError(f"{type(estimator).__name__} uses a {link}, which has no ONNX form yet")


def _one(estimator: Any, value: ir.Value) -> ir.Value:
    from rtml_core.lowering.builder import width_of

    if width_of(value) != 1:
        raise NotLowerableError(f"{type(estimator).__name__} predicts {width_of(value)} targets at once; fit one model for each")
    return value


@converts("sklearn.linear_model.LogisticRegression", "sklearn.linear_model.LogisticRegressionCV")
@converts("sklearn.discriminant_analysis.LinearDiscriminantAnalysis")
def logistic(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Two classes: the logistic function of one score; more: softmax of a score each."""
    classes = classes_of(estimator)
    z = scores(b, estimator, columns)
    if len(classes) == 2:
        return binary(b, classes, b.op("Sigmoid", z), _positive(b, z), z)
    return many(b, classes, b.op("Softmax", z, axis=-1), z, decision=True)


@converts(*(f"sklearn.linear_model.{name}" for name in _BY_DECISION), "sklearn.svm.LinearSVC")
def by_decision(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Classifiers that give scores and no probabilities."""
    return _decided(b, classes_of(estimator), scores(b, estimator, columns))


def _decided(b: Builder, classes: tuple[Any, ...], z: ir.Value) -> Prediction:
    if len(classes) == 2:
        return Prediction(classes, label_from_flag(b, _positive(b, z), classes), decision=[new("float64", z)])
    return many(b, classes, None, z, decision=True)


def _positive(b: Builder, z: ir.Value) -> ir.Value:
    return b.op("Greater", z, b.const([[0.0]], "float64"), dtype="bool")


@converts("sklearn.linear_model.SGDClassifier")
def sgd_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Scores, and probabilities where the loss has them (log_loss, modified_huber)."""
    classes = classes_of(estimator)
    z = scores(b, estimator, columns)
    if estimator.loss not in ("log_loss", "modified_huber"):
        return _decided(b, classes, z)
    if len(classes) == 2:
        p = b.op("Sigmoid", z) if estimator.loss == "log_loss" else _modified_huber(b, z)
        return binary(b, classes, p, _positive(b, z), z)
    p = expit(b, z) if estimator.loss == "log_loss" else _modified_huber(b, z)
    return many(b, classes, shares(b, p, len(classes)), z, decision=True)


def _modified_huber(b: Builder, z: ir.Value) -> ir.Value:
    """(clip(z, -1, 1) + 1) / 2."""
    one = b.const(1.0, "float64")
    clipped = b.op("Clip", z, b.const(-1.0, "float64"), one)
    return b.op("Div", b.op("Add", clipped, one), b.const(2.0, "float64"))


def expit(b: Builder, z: ir.Value) -> ir.Value:
    """1 / (1 + exp(-z)), right in relative terms also where it is tiny.

    onnxruntime's Sigmoid is off by up to 1e-16, which is nothing for a probability and everything for a share of a sum of
    tiny ones.
    """
    one = b.const(1.0, "float64")
    return b.op("Reciprocal", b.op("Add", b.op("Exp", b.op("Neg", z)), one))


def shares(b: Builder, p: ir.Value, count: int) -> ir.Value:
    """float64 [N, K] divided by the sum of each row; rows that are all zero become 1/K each (one against the rest)."""
    total = b.op("ReduceSum", p, b.const([1], "int64"), dtype="float64", width=1, keepdims=1)
    nothing = b.op("Equal", total, b.const([[0.0]], "float64"), dtype="bool")
    filled = b.op("Where", nothing, b.const([[1.0]], "float64"), p, dtype="float64", width=count)
    safe = b.op("Where", nothing, b.const([[float(count)]], "float64"), total, dtype="float64")
    return b.op("Div", filled, safe)
