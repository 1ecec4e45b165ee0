"""Several classes by several classifiers of two, and estimators around one other: thresholds, inverse transforms, RANSAC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, new, unpack
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_flag, label_from_scores, many
from rtml_plugins.sklearn_ops.convert.linear import expit
from rtml_plugins.sklearn_ops.convert.packing import ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, convert, converts, may_be_infinite, predict
from rtml_plugins.sklearn_ops.convert.stacked import together
from rtml_plugins.sklearn_ops.convert.svm import confidence, pairs_of, votes_of_pairs
from rtml_plugins.sklearn_ops.convert.tree_ensemble import constant

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def _score(b: Builder, member: Any, columns: Columns) -> tuple[ir.Value, Prediction | None, float]:
    """What scikit-learn asks a member of two classes for: its decision, else its probability; and where it changes sides."""
    if type(member).__name__ == "_ConstantPredictor":
        return constant(b, ordered(b, columns), float(member.y_[0])), None, 0.0
    found = predict(b, member, columns)
    if found.value is not None:
        return ordered(b, [found.value]), found, 0.5
    if found.decision is not None:
        return ordered(b, found.decision[-1:]), found, 0.0
    if found.probability is None:
        raise NotLowerableError(f"{type(member).__name__} gives neither scores nor probabilities; use a classifier that does")
    return ordered(b, found.probability[-1:]), found, 0.5


@converts("sklearn.multiclass.OneVsRestClassifier")
def one_vs_rest(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A classifier for each class: the highest score wins; probabilities are shares of their sum."""
    if estimator.multilabel_:
        raise NotLowerableError("OneVsRestClassifier predicts several labels at once; fit one model for each label")
    classes, members = classes_of(estimator), estimator.estimators_
    several = len(members) > 1 and hasattr(members[0], "decision_function") and not may_be_infinite()
    lines = together(b, members, columns) if several else None
    if lines is not None and (type(members[0]).__name__.startswith("Logistic") or not hasattr(members[0], "predict_proba")):
        p = _shared(b, expit(b, lines)) if hasattr(members[0], "predict_proba") else None
        return many(b, classes, p, lines, decision=True)
    found = [_score(b, member, columns) for member in members]
    decided = all(prediction is not None and prediction.decision is not None for _, prediction, _ in found)
    scores = b.concat([score for score, _, _ in found])
    if len(members) == 1:
        flag = b.op("Greater", scores, b.const([[found[0][2]]], "float64"), dtype="bool")
        p = _probabilities(b, members, found, columns)
        both = None if p is None else unpack(b.concat([b.op("Sub", b.const([[1.0]], "float64"), p), p]), "float64")
        return Prediction(classes, label_from_flag(b, flag, classes), both, [new("float64", scores)] if decided else None)
    p = _probabilities(b, members, found, columns)
    p = None if p is None else _shared(b, p)
    label = label_from_scores(b, _until_nan(b, scores, len(members)) if may_be_infinite() else scores, classes)
    probability = None if p is None else unpack(p, "float64")
    return Prediction(classes, label, probability, unpack(scores, "float64") if decided else None)


def _shared(b: Builder, p: ir.Value) -> ir.Value:
    """Divided by the sum of each row, where that is not 0."""
    total = b.op("ReduceSum", p, b.const([1], "int64"), width=1, keepdims=1)
    none = b.op("Equal", total, b.const([[0.0]], "float64"), dtype="bool")
    return b.op("Div", p, b.op("Where", none, b.const([[1.0]], "float64"), total, dtype="float64"))


def _until_nan(b: Builder, scores: ir.Value, count: int) -> ir.Value:
    """The scores of the classes behind the last NaN, the others smaller than all.

    scikit-learn goes from the last class to the first, and no score is larger than a NaN.
    """
    odd = b.cast(b.op("IsNaN", scores, dtype="bool", width=count), "float64")
    later = b.op("MatMul", odd, b.const(np.tri(count), "float64"), dtype="float64", width=count)
    valid = b.op("Equal", later, b.const([[0.0]], "float64"), dtype="bool", width=count)
    smallest = b.const([[float(np.finfo(np.float64).min)]], "float64")
    bounded = b.op("Max", scores, smallest, dtype="float64", width=count)
    return b.op("Where", valid, bounded, b.const([[-np.inf]], "float64"), dtype="float64", width=count)


def _probabilities(
    b: Builder, members: Sequence[Any], found: Sequence[tuple[ir.Value, Prediction | None, float]], columns: Columns
) -> ir.Value | None:
    """float64 [N, members]: the probability of each member's own class; None where one has none."""
    parts = []
    for member, (score, prediction, _) in zip(members, found, strict=True):
        if prediction is None:
            parts.append(score)
        elif prediction.probability is None or not hasattr(member, "predict_proba"):
            return None
        else:
            parts.append(ordered(b, prediction.probability[-1:]))
    return b.concat(parts)


@converts("sklearn.multiclass.OneVsOneClassifier")
def one_vs_one(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A classifier for every two classes: most votes win, the sum of scores breaks ties."""
    classes, members = classes_of(estimator), estimator.estimators_
    chosen = estimator.pairwise_indices_ or [None] * len(members)
    scores, seconds = [], []
    threshold = 0.0
    for member, indices in zip(members, chosen, strict=True):
        own = columns if indices is None else columns.pick(int(i) for i in indices)
        score, found, threshold = _score(b, member, own)
        if found is None or found.label is None:
            raise NotLowerableError(f"OneVsOneClassifier has a {type(member).__name__}, which gives no label")
        scores.append(score)
        seconds.append(found.label)
    assert len(members) == len(pairs_of(len(classes)))
    # members learned 0 and 1
    second = b.cast(ordered(b, seconds), "bool")
    total = b.op(
        "Add", votes_of_pairs(b, second, len(classes)), confidence(b, b.concat(scores), len(classes)), width=len(classes)
    )
    if len(classes) > 2:
        return many(b, classes, None, total, decision=True)
    decision = b.take(total, [1])
    flag = b.op("Greater", decision, b.const([[threshold]], "float64"), dtype="bool")
    return Prediction(classes, label_from_flag(b, flag, classes), decision=[new("float64", decision)])


@converts("sklearn.multiclass.OutputCodeClassifier")
def output_code(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Refused: the nearest code is decided by rounding where scores are large."""
    raise NotLowerableError(
        "OutputCodeClassifier adds the squared length of the scores to every distance; where they are large, rounding alone"
        " decides, differently on every machine. Use OneVsRestClassifier"
    )


# ---- thresholds --------------------------------------------------------------------------------------------------------


@converts("sklearn.model_selection.FixedThresholdClassifier", "sklearn.model_selection.TunedThresholdClassifierCV")
def threshold(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The member's scores and probabilities; the label changes at a threshold of its own."""
    member = getattr(estimator, "estimator_", estimator.estimator)
    found, classes = predict(b, member, columns), classes_of(estimator)
    if hasattr(estimator, "best_threshold_"):
        positive: Any = estimator._curve_scorer._get_pos_label()
        cut: Any = float(estimator.best_threshold_)
    else:
        positive, cut = estimator.pos_label, estimator.threshold
    asked = estimator.response_method
    by_probability = asked == "predict_proba" or (asked == "auto" and hasattr(member, "predict_proba"))
    if cut == "auto":
        cut = 0.5 if by_probability else 0.0
    second = positive is None or bool(positive == estimator.classes_[1])
    part = found.probability if by_probability else found.decision
    if part is None:
        raise NotLowerableError(f"{type(member).__name__} gives no {'probability' if by_probability else 'decision'} here")
    score = ordered(b, [part[-1] if second or not by_probability else part[0]])
    if not second and not by_probability:
        score = b.op("Neg", score)
    flag = b.op("GreaterOrEqual", score, b.const([[float(cut)]], "float64"), dtype="bool")
    flag = flag if second else b.op("Not", flag)
    return Prediction(classes, label_from_flag(b, flag, classes), found.probability, found.decision)


# ---- around one regressor ------------------------------------------------------------------------------------------------


@converts("sklearn.linear_model.RANSACRegressor")
def ransac(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """The estimator that was fitted on the inliers."""
    return convert(b, estimator.estimator_, columns)


@converts("sklearn.compose.TransformedTargetRegressor")
def transformed_target(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The regressor's value, turned back into units of the label."""
    found = predict(b, estimator.regressor_, columns)
    if found.value is None:
        raise NotLowerableError(f"{type(estimator.regressor_).__name__} gives no value; use a regressor")
    value = _inverse(b, estimator.transformer_, ordered(b, [found.value]))
    return Prediction(value=new("float64", value, finite=False))


def _inverse(b: Builder, transformer: Any, value: ir.Value) -> ir.Value:
    """float64 [N, 1] through the inverse of a fitted transformer."""
    from rtml_plugins.sklearn_ops.convert.features import numpy_function

    name = type(transformer).__name__
    if name == "FunctionTransformer":
        function = transformer.inverse_func
        if function is None:
            return value
        if transformer.inv_kw_args:
            raise NotLowerableError(
                "TransformedTargetRegressor with inv_kw_args has no ONNX form; use a function of one argument"
            )
        return numpy_function(function, "TransformedTargetRegressor")(b, value)
    steps: list[tuple[str, Any]]
    if name == "StandardScaler":
        steps = [("Mul", transformer.scale_), ("Add", transformer.mean_ if transformer.with_mean else None)]
    elif name == "RobustScaler":
        steps = [("Mul", transformer.scale_), ("Add", transformer.center_)]
    elif name == "MinMaxScaler":
        steps = [("Sub", transformer.min_), ("Div", transformer.scale_)]
    elif name == "MaxAbsScaler":
        steps = [("Mul", transformer.scale_)]
    else:
        raise NotLowerableError(
            f"TransformedTargetRegressor with a {name} has no ONNX form; use func and inverse_func of numpy, or a scaler"
        )
    for op, operand in steps:
        if operand is not None:
            value = b.op(op, value, b.const(np.asarray(operand, np.float64).reshape(1, -1), "float64"))
    return value
