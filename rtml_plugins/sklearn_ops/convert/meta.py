"""Predictors made of predictors: votes and calibrated classifiers; and the ones that learn nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, new, unpack
from rtml_plugins.sklearn_ops.convert.isotonic import interpolate
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_index, label_from_scores, many
from rtml_plugins.sklearn_ops.convert.linear import expit, shares
from rtml_plugins.sklearn_ops.convert.packing import ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts, may_be_infinite, predict
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees
from rtml_plugins.sklearn_ops.convert.votes import labels_of, votes

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: what scikit-learn adds to probabilities before it takes logarithms
_TINY: Final = 1e-12


def average(b: Builder, values: Sequence[ir.Value], weights: Sequence[float] | None) -> ir.Value:
    """numpy.average of equally shaped values, added in order."""
    if weights is None:
        total, divisor = values[0], float(len(values))
        for value in values[1:]:
            total = b.op("Add", total, value)
    else:
        total, divisor = _times(b, values[0], weights[0]), float(np.sum(weights))
        for value, weight in zip(values[1:], weights[1:], strict=True):
            total = b.op("Add", total, _times(b, value, weight))
    return b.op("Div", total, b.const(divisor, "float64"))


def _times(b: Builder, value: ir.Value, weight: float) -> ir.Value:
    return b.op("Mul", value, b.const(float(weight), "float64"))


def probabilities(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """Class probabilities of a classifier as float64 [N, K]."""
    found = predict(b, estimator, columns)
    if found.probability is None:
        raise NotLowerableError(f"{type(estimator).__name__} gives no probabilities; use a classifier that does")
    return ordered(b, found.probability)


@converts("sklearn.ensemble.VotingClassifier")
def voting_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The (weighted) mean of the members' probabilities, or the class with the most (weighted) votes."""
    if estimator.voting != "soft":
        return _hard_votes(b, estimator, columns)
    members = [probabilities(b, member, columns) for member in estimator.estimators_]
    p = average(b, members, estimator._weights_not_none)
    return many(b, classes_of(estimator), p, p, decision=False)


def _hard_votes(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    classes = classes_of(estimator)
    # the members learned positions of classes
    labels = labels_of(b, estimator.estimators_, columns)
    weights = estimator._weights_not_none or [1.0] * len(labels)
    total = votes(b, labels, range(len(classes)), weights, [0.0] * len(labels))
    return many(b, classes, None, total, decision=False)


@converts("sklearn.ensemble.VotingRegressor")
def voting_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The (weighted) mean of the members' values."""
    members = [_value(b, member, columns) for member in estimator.estimators_]
    return Prediction(value=new("float64", average(b, members, estimator._weights_not_none)))


def _value(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    found = predict(b, estimator, columns)
    if found.value is None:
        raise NotLowerableError(f"{type(estimator).__name__} is no regressor, but stands where one is needed")
    return ordered(b, [found.value])


# ---- calibration -----------------------------------------------------------------------------------------------------


@converts("sklearn.calibration.CalibratedClassifierCV")
def calibrated(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The mean of the calibrated members' probabilities."""
    classes = classes_of(estimator)
    members = [_calibrated_member(b, member, columns, len(classes)) for member in estimator.calibrated_classifiers_]
    total = members[0]
    for member in members[1:]:
        total = b.op("Add", total, member)
    p = b.op("Div", total, b.const(float(len(members)), "float64"))
    return many(b, classes, p, p, decision=False)


def _calibrated_member(b: Builder, member: Any, columns: Columns, count: int) -> ir.Value:
    if member.method == "temperature":
        return _cooled(b, member, columns, count)
    found = predict(b, member.estimator, columns)
    scored = found.decision if found.decision is not None else found.probability
    if scored is None or found.classes is None or len(found.classes) != count:
        raise NotLowerableError("CalibratedClassifierCV has a member that did not see every class; use fewer folds")
    responses = _responses(b, scored, count)
    if member.method == "isotonic":
        _refuse_ties(member, count)
        _refuse_nan(b, scored)
        scores = [b.take(responses, [i]) for i in range(len(member.calibrators))]
        p = b.concat([interpolate(b, score, line) for score, line in zip(scores, member.calibrators, strict=True)])
    else:
        slope = np.array([[calibrator.a_ for calibrator in member.calibrators]])
        offset = np.array([[calibrator.b_ for calibrator in member.calibrators]])
        line = b.op("Add", b.op("Mul", responses, b.const(slope, "float64")), b.const(offset, "float64"))
        p = expit(b, b.op("Neg", line))
    if count == 2:
        return b.concat([b.op("Sub", b.const([[1.0]], "float64"), p), p])
    return shares(b, p, count)


def _refuse_ties(member: Any, count: int) -> None:
    """Steps of several calibrators often are of equal height; at their ends the last bit of the score says which class wins."""
    bare = type(member.estimator).__name__
    if count > 2 and not bare.startswith(("DecisionTree", "ExtraTree", "RandomForest")):
        raise NotLowerableError(
            f"CalibratedClassifierCV(method='isotonic') over a {bare} with {count} classes: the classes' steps may be of equal"
            f" height, and then the last bit of a score decides between them. Use method='sigmoid', or trees"
        )


def _refuse_nan(b: Builder, scored: list[Symbolic]) -> None:
    """An isotonic calibrator takes no NaN, which rows beyond what a member can compute give."""
    if all(score.finite for score in scored):
        return
    if may_be_infinite():
        raise NotLowerableError(
            "CalibratedClassifierCV(method='isotonic') over a member of which the score may be NaN takes no columns that may be"
            " infinite; bound them first, e.g. with clip, or use method='sigmoid'"
        )
    odd = b.op("IsNaN", _responses(b, scored, len(scored)), dtype="bool")
    if len(scored) > 2:
        odd = b.op("ReduceMax", odd, b.const([1], "int64"), dtype="bool", width=1, keepdims=1)
    b.check(b.op("Not", odd), "the score that an isotonic calibration reads is not a number here")


def _cooled(b: Builder, member: Any, columns: Columns, count: int) -> ir.Value:
    """softmax(beta * logits): the logits are scores, or logarithms of probabilities where there are no scores."""
    found = predict(b, member.estimator, columns)
    beta = b.const(float(member.calibrators[0].beta_), "float64")
    decides = hasattr(member.estimator, "decision_function")
    if decides and count > 2:
        raise NotLowerableError(
            "CalibratedClassifierCV(method='temperature') takes scores of several classes for probabilities where all rows of a"
            " batch look like some; a row's answer may depend on the others. Use method='sigmoid'"
        )
    if found.classes is None or len(found.classes) != count:
        raise NotLowerableError("CalibratedClassifierCV has a member that did not see every class; use fewer folds")
    part = found.decision if decides else found.probability
    if part is None:
        raise NotLowerableError(f"{type(member.estimator).__name__} gives neither scores nor probabilities here")
    if decides:
        score = ordered(b, part[-1:])
        logits = b.concat([b.op("Neg", score), score])
    else:
        logits = b.op("Log", b.op("Add", ordered(b, part), b.const(_TINY, "float64")))
    return b.op("Softmax", b.op("Mul", logits, beta), axis=-1)


def _responses(b: Builder, scored: list[Symbolic], count: int) -> ir.Value:
    """What the calibrators read: one score for two classes, else a score each, in the order of the classes."""
    if count > 2:
        return ordered(b, scored)
    return ordered(b, [scored[-1]])


# ---- constants -------------------------------------------------------------------------------------------------------


@converts("sklearn.dummy.DummyClassifier")
def dummy_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The same answer for every row."""
    if estimator.strategy not in ("prior", "most_frequent", "constant"):
        raise NotLowerableError(
            f"DummyClassifier(strategy={estimator.strategy!r}) answers at random, which no compiled model does"
        )
    classes = classes_of(estimator)
    row = np.zeros((1, estimator.n_features_in_ if hasattr(estimator, "n_features_in_") else 1))
    shared = estimator.predict_proba(row)[0]
    rows = _any_column(b, columns)
    p = _constants(b, rows, shared)
    label = classes.index(np.asarray(estimator.predict(row)).tolist()[0])
    if estimator.strategy == "prior":
        return Prediction(classes, label_from_scores(b, p, classes), unpack(p, "float64"))
    index = b.cast(_constants(b, rows, [float(label)]), "int64")
    return Prediction(classes, label_from_index(b, index, classes), unpack(p, "float64"))


@converts("sklearn.dummy.DummyRegressor")
def dummy_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The same value for every row."""
    return Prediction(value=new("float64", _constants(b, _any_column(b, columns), [float(np.ravel(estimator.constant_)[0])])))


def _any_column(b: Builder, columns: Columns) -> ir.Value:
    """float64 [N, 1], of which only the number of rows counts."""
    value = b.take(columns[0].tensor, [columns[0].index])
    if columns[0].dtype == "string":
        value = b.op("Equal", value, value, dtype="bool")
    return b.cast(value, "float64")


def _constants(b: Builder, rows: ir.Value, values: Sequence[float]) -> ir.Value:
    trees = Trees()
    for target, value in enumerate(values):
        trees.constant(float(value), target)
    return trees.emit(b, rows, len(values))
