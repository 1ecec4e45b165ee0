"""Ensembles of any estimators: stacking, bagging, AdaBoost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, new, unpack
from rtml_plugins.sklearn_ops.convert.labels import binary, classes_of, label_from_index, many
from rtml_plugins.sklearn_ops.convert.packing import accepts_missing, ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts, predict
from rtml_plugins.sklearn_ops.convert.stacked import together
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees
from rtml_plugins.sklearn_ops.convert.trees import flat_tree, mean, one_class, tree_matrix, vote_of_trees
from rtml_plugins.sklearn_ops.convert.votes import Member, is_tree, labels_of, one_prediction, tree_view, votes

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


# ---- stacking ----------------------------------------------------------------------------------------------------------


@converts("sklearn.ensemble.StackingClassifier", "sklearn.ensemble.StackingRegressor")
def stacking(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The members' answers, and the columns themselves where they pass through, are what the last estimator reads."""
    stacked: list[Symbolic] = []
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):
        raise NotLowerableError("StackingClassifier predicts several labels at once; fit one model for each label")
    for member, method in zip(estimator.estimators_, estimator.stack_method_, strict=True):
        parts = _stacked(predict(b, member, columns), member, method)
        # of two probabilities the first says nothing new
        stacked += parts[1:] if method == "predict_proba" and classes is not None and len(classes) == 2 else parts
    if estimator.passthrough:
        stacked += columns
    names = [f"answer {i}" for i in range(len(stacked) - len(columns))] if estimator.passthrough else None
    read = Columns(stacked, None if names is None else [*names, *columns.names])
    found = predict(b, estimator.final_estimator_, read)
    if classes is None or found.label is None:
        return found
    # the last estimator learned positions of classes; what it says is a position too
    known = classes_of(estimator)
    place = b.cast(b.take(found.label.tensor, [found.label.index]), "int64")
    return Prediction(known, label_from_index(b, place, known), found.probability, found.decision)


def _stacked(found: Prediction, member: Any, method: str) -> list[Symbolic]:
    if method == "predict_proba":
        return one_prediction(found, "probability", member)
    if method == "decision_function":
        return one_prediction(found, "decision", member)
    answer = found.value if found.value is not None else found.label
    if answer is None or answer.dtype == "string":
        raise NotLowerableError(f"a {type(member).__name__} is stacked by its labels, which are texts; stack its probabilities")
    return [answer]


# ---- bagging -----------------------------------------------------------------------------------------------------------


def _places(estimator: Any) -> list[list[int]]:
    return [[int(i) for i in places] for places in estimator.estimators_features_]


@converts("sklearn.ensemble.BaggingRegressor")
def bagging_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The mean of the members' values, each from its own columns; members that are trees become one operator."""
    count = len(estimator.estimators_)
    if all(is_tree(member) for member in estimator.estimators_):
        missing = accepts_missing(estimator.estimators_[0])
        views = [tree_view(m.tree_, at) for m, at in zip(estimator.estimators_, _places(estimator), strict=True)]
        matrix, at = tree_matrix(b, estimator, columns, views, missing=missing)
        ensemble = Trees()
        for view in views:
            flat = flat_tree(view, at)
            ensemble.add(flat, view.value[flat.leaves, 0, 0])
        return Prediction(value=new("float64", mean(b, ensemble.emit(b, matrix, 1), count)))
    lines = together(b, estimator.estimators_, columns, _places(estimator))
    if lines is not None:
        total = b.op("ReduceSum", lines, b.const([1], "int64"), width=1, keepdims=1)
        return Prediction(value=new("float64", mean(b, total, count)))
    values = [
        one_prediction(predict(b, member, columns.pick(at)), "value", member)[0]
        for member, at in zip(estimator.estimators_, _places(estimator), strict=True)
    ]
    return Prediction(value=new("float64", _mean_of(b, [ordered(b, [value]) for value in values], count)))


@converts("sklearn.ensemble.BaggingClassifier")
def bagging_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The mean of the members' probabilities, or of their votes where they have none."""
    classes, members, places = classes_of(estimator), estimator.estimators_, _places(estimator)
    if all(is_tree(member) for member in members):
        views = [
            tree_view(m.tree_, at, _padded(m.tree_.value, m.classes_, len(classes)))
            for m, at in zip(members, places, strict=True)
        ]
        return vote_of_trees(b, estimator, columns, [Member(view) for view in views], accepts_missing(members[0]))
    if not hasattr(members[0], "predict_proba"):
        labels = [label for member, at in zip(members, places, strict=True) for label in labels_of(b, [member], columns.pick(at))]
        ones = [1.0] * len(labels)
        p = mean(b, votes(b, labels, range(len(classes)), ones, [0.0] * len(labels)), len(members))
        return many(b, classes, p, p, decision=False)
    parts = []
    for member, at in zip(members, places, strict=True):
        own = ordered(b, one_prediction(predict(b, member, columns.pick(at)), "probability", member))
        parts.append(_all_classes(b, own, member, len(classes)))
    p = _mean_of(b, parts, len(members))
    return many(b, classes, p, p, decision=False)


def _padded(value: Any, classes: Any, count: int) -> Any:
    """Leaf values [leaves, 1, own classes] with a place for every class; own classes are positions."""
    if len(classes) == count:
        return value
    wide = np.zeros((len(value), 1, count))
    wide[:, :, np.asarray(classes, np.int64)] = value
    return wide


def _all_classes(b: Builder, p: ir.Value, member: Any, count: int) -> ir.Value:
    """float64 [N, own classes] -> [N, count], 0 for classes that the member did not see."""
    if len(member.classes_) == count:
        return p
    spread = np.zeros((len(member.classes_), count))
    spread[np.arange(len(member.classes_)), np.asarray(member.classes_, np.int64)] = 1.0
    return b.op("MatMul", p, b.const(spread, "float64"), width=count)


def _mean_of(b: Builder, parts: Sequence[ir.Value], count: int) -> ir.Value:
    total = parts[0] if len(parts) == 1 else b.op("Sum", *parts)
    return mean(b, total, count)


# ---- AdaBoost ----------------------------------------------------------------------------------------------------------


@converts("sklearn.ensemble.AdaBoostClassifier")
def ada_boost_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Every member adds its weight to the class it names and takes a share of it from the others (SAMME)."""
    classes, members = classes_of(estimator), estimator.estimators_
    weights = [float(weight) for weight in estimator.estimator_weights_[: len(members)]]
    if len(classes) == 1:
        return one_class(b, ordered(b, columns), classes)
    total = float(estimator.estimator_weights_.sum())
    losses = [-1 / (len(classes) - 1) * weight for weight in weights]
    if all(is_tree(member) for member in members):
        sums = _boosted_trees(b, estimator, columns, weights, losses)
    else:
        sums = votes(b, labels_of(b, members, columns), classes, weights, losses)
        sums = b.take(sums, [1]) if len(classes) == 2 else sums
    if len(classes) > 2:
        decision = b.op("Div", sums, b.const([[total]], "float64"))
        p = b.op("Softmax", b.op("Div", decision, b.const([[float(len(classes) - 1)]], "float64")), axis=-1)
        return many(b, classes, p, decision, decision=True)
    # the first class's sum is the second's with the other sign, so that their difference is twice the second's
    decision = b.op("Mul", b.op("Div", sums, b.const([[total]], "float64")), b.const([[2.0]], "float64"))
    flag = b.op("Greater", decision, b.const([[0.0]], "float64"), dtype="bool")
    return binary(b, classes, b.op("Sigmoid", decision), flag, decision)


def _boosted_trees(b: Builder, estimator: Any, columns: Columns, weights: Sequence[float], losses: Sequence[float]) -> ir.Value:
    """Sums of the trees' weights: float64 [N, K], or [N, 1] for the second of two classes."""
    members, classes = estimator.estimators_, list(classes_of(estimator))
    trees = [member.tree_ for member in members]
    matrix, at = tree_matrix(b, estimator, columns, trees, missing=accepts_missing(estimator))
    ensemble = Trees()
    targets = [1] if len(classes) == 2 else list(range(len(classes)))
    for member, gain, loss in zip(members, weights, losses, strict=True):
        flat = flat_tree(member.tree_, at)
        own = [classes.index(value) for value in member.classes_.tolist()]
        named = np.asarray(own)[member.tree_.value[flat.leaves, 0, :].argmax(axis=1)]
        for target, k in enumerate(targets):
            ensemble.add(flat, np.where(named == k, gain, loss), target)
    return ensemble.emit(b, matrix, len(targets))


@converts("sklearn.ensemble.AdaBoostRegressor")
def ada_boost_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The weighted median of the members' values."""
    members = estimator.estimators_
    if all(is_tree(member) for member in members):
        trees = [member.tree_ for member in members]
        matrix, at = tree_matrix(b, estimator, columns, trees, missing=accepts_missing(estimator))
        ensemble = Trees()
        for target, tree in enumerate(trees):
            flat = flat_tree(tree, at)
            ensemble.add(flat, tree.value[flat.leaves, 0, 0], target)
        values = ensemble.emit(b, matrix, len(trees))
    else:
        values = ordered(b, [one_prediction(predict(b, m, columns), "value", m)[0] for m in members])
    return Prediction(value=new("float64", _weighted_median(b, values, estimator.estimator_weights_[: len(members)])))


def _weighted_median(b: Builder, values: ir.Value, weights: Any) -> ir.Value:
    """Of each row, the first value in ascending order up to which lies half of the weight."""
    count = len(weights)
    if count == 1:
        return values
    size = b.const([count], "int64")
    rising, order = b.multi("TopK", values, size, dtypes=["float64", "int64"], widths=[count, count], axis=1, largest=0, sorted=1)
    own = b.op("Gather", b.const(np.asarray(weights, np.float64), "float64"), order, dtype="float64", width=count)
    grown = b.op("CumSum", own, b.const(1, "int64"))
    half = b.op("Mul", b.take(grown, [count - 1]), b.const([[0.5]], "float64"))
    reached = b.cast(b.op("GreaterOrEqual", grown, half, dtype="bool", width=count), "int64")
    first = b.op("ArgMax", reached, dtype="int64", width=1, axis=1, keepdims=1)
    return b.op("GatherElements", rising, first, width=1, axis=1)


# ---- leaves as columns -------------------------------------------------------------------------------------------------


@converts("sklearn.ensemble.RandomTreesEmbedding")
def leaves(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """A 0/1 column for each leaf of each tree: one operator."""
    trees = [member.tree_ for member in estimator.estimators_]
    matrix, at = tree_matrix(b, estimator, columns, trees, missing=accepts_missing(estimator.estimators_[0]))
    ensemble, start = Trees(), 0
    for tree, seen in zip(trees, estimator.one_hot_encoder_.categories_, strict=True):
        flat = flat_tree(tree, at)
        if flat.leaves.tolist() != np.asarray(seen).tolist():
            raise NotLowerableError("RandomTreesEmbedding has leaves that no training row fell into; fit it again")
        ensemble.add(flat, np.ones(len(seen)), start + np.arange(len(seen)))
        start += len(seen)
    return unpack(ensemble.emit(b, matrix, start), "float64")
