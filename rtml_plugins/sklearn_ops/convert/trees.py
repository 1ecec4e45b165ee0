"""Decision trees and forests of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.convert.labels import binary, classes_of, label_from_scores, many
from rtml_plugins.sklearn_ops.convert.packing import accepts_missing, numbers
from rtml_plugins.sklearn_ops.convert.reads import read_columns
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts
from rtml_plugins.sklearn_ops.convert.thresholds import fold_float32
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Flat, Trees, constant

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: up to so many leaves a tree is repeated for each class; beyond it, leaves are numbered and their rows looked up
_REPEATED_LEAVES: Final = 20_000
#: thresholds of one column that the parity gate is told; each costs three rows through the whole graph
_TOLD: Final = 300


def flat_tree(tree: Any, at: Sequence[int]) -> Flat:
    """A fitted sklearn Tree; feature i is column at[i] of the matrix that it will read."""
    place = np.append(np.asarray(at, np.int64), 0)  # leaves name feature -2, which is never read
    return Flat(
        tree.children_left,
        tree.children_right,
        place[np.maximum(tree.feature, -1)],
        fold_float32(tree.threshold),
        np.asarray(tree.missing_go_to_left, bool),
    )


def tree_matrix(
    b: Builder, estimator: Any, columns: Columns, trees: Sequence[Any], *, missing: bool
) -> tuple[ir.Value, list[int]]:
    """The columns that the trees split on, as one float64 matrix, and the slot of each feature; others are left out."""
    numbers(b, columns, estimator, missing=missing)
    used = sorted({int(f) for tree in trees for f in np.unique(tree.feature) if f >= 0}) or [0]
    matrix, slots = read_columns(b, columns.pick(used))
    at = np.zeros(len(columns), np.int64)
    at[used] = slots
    points: dict[int, list[float]] = {}
    for tree in trees:
        inner = tree.children_left >= 0
        for feature, point in zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True):
            points.setdefault(feature, []).append(point)
    tell_thresholds(b, columns, points)
    return matrix, at.tolist()


def tell_thresholds(b: Builder, columns: Columns, points: dict[int, list[float]]) -> None:
    """Name points where behaviour changes to the parity gate; some hundred a column, as the node's own cases have all."""
    from rtml_core.lowering.symbolic import value_of

    for feature, values in points.items():
        distinct = np.unique(values)
        step = -(-len(distinct) // _TOLD)
        # a column taken out of its tensor for this alone costs nothing: nothing uses it, so it is not emitted
        b.threshold(value_of(b, columns[feature]), distinct[::step].tolist())


@converts("sklearn.tree.DecisionTreeRegressor", "sklearn.tree.ExtraTreeRegressor")
def tree_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """One tree -> value, or the values of several targets."""
    return _regression(b, estimator, columns, [estimator], accepts_missing(estimator))


@converts("sklearn.ensemble.RandomForestRegressor", "sklearn.ensemble.ExtraTreesRegressor")
def forest_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The mean of the trees -> value, or the values of several targets."""
    return _regression(b, estimator, columns, estimator.estimators_, accepts_missing(estimator.estimators_[0]))


def _regression(b: Builder, estimator: Any, columns: Columns, members: Sequence[Any], missing: bool) -> Prediction:
    trees = [member.tree_ for member in members]
    matrix, at = tree_matrix(b, estimator, columns, trees, missing=missing)
    ensemble, count = Trees(), trees[0].value.shape[1]
    for tree in trees:
        flat = flat_tree(tree, at)
        for target in range(count):
            ensemble.add(flat, tree.value[flat.leaves, target, 0], target)
    values = unpack(mean(b, ensemble.emit(b, matrix, count), len(trees)), "float64")
    return Prediction(value=values[0]) if count == 1 else Prediction(targets=values)


def mean(b: Builder, total: ir.Value, count: int) -> ir.Value:
    """A sum over `count` members as their mean."""
    return total if count == 1 else b.op("Div", total, b.const([[float(count)]], "float64"))


@converts("sklearn.tree.DecisionTreeClassifier", "sklearn.tree.ExtraTreeClassifier")
def tree_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """One tree -> probabilities and label."""
    return vote_of_trees(b, estimator, columns, [estimator], accepts_missing(estimator))


@converts("sklearn.ensemble.RandomForestClassifier", "sklearn.ensemble.ExtraTreesClassifier")
def forest_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """The mean of the trees' probabilities -> probabilities and label."""
    return vote_of_trees(b, estimator, columns, estimator.estimators_, accepts_missing(estimator.estimators_[0]))


def vote_of_trees(b: Builder, estimator: Any, columns: Columns, members: Sequence[Any], missing: bool) -> Prediction:
    """The mean of the probabilities in the leaves of the members' trees (`tree_`); `estimator` has the classes."""
    trees = [member.tree_ for member in members]
    matrix, at = tree_matrix(b, estimator, columns, trees, missing=missing)
    if isinstance(estimator.classes_, list):
        return _several_labels(b, estimator, matrix, [flat_tree(tree, at) for tree in trees], trees)
    classes = classes_of(estimator)
    if len(classes) == 1:
        return one_class(b, matrix, classes)
    flats = [flat_tree(tree, at) for tree in trees]
    tables = [tree.value[flat.leaves, 0, :] for tree, flat in zip(trees, flats, strict=True)]
    pure = all(bool(np.isin(table, (0.0, 1.0)).all()) for table in tables)
    if pure and len(classes) == 2:
        # the sums are whole numbers, so the other class's share is exact without being summed
        votes = _sum_of(flats, [table[:, 1] for table in tables]).emit(b, matrix, 1)
        others = b.op("Sub", b.const([[float(len(trees))]], "float64"), votes)
        majority = b.op("Greater", votes, b.const([[len(trees) / 2]], "float64"), dtype="bool")
        return binary(b, classes, mean(b, votes, len(trees)), majority, other=mean(b, others, len(trees)))
    if pure:
        total = _sum_of(flats, [table.max(axis=1) for table in tables], [table.argmax(axis=1) for table in tables])
        sums = total.emit(b, matrix, len(classes))
    elif sum(len(table) for table in tables) * len(classes) <= _REPEATED_LEAVES:
        sums = _repeated(flats, tables).emit(b, matrix, len(classes))
    else:
        sums = _looked_up(b, flats, tables, matrix)
    p = mean(b, sums, len(trees))
    return many(b, classes, p, p, decision=False)


def _sum_of(flats: Sequence[Flat], weights: Sequence[Any], targets: Sequence[Any] | None = None) -> Trees:
    ensemble = Trees()
    for i, flat in enumerate(flats):
        ensemble.add(flat, weights[i], 0 if targets is None else targets[i])
    return ensemble


def _repeated(flats: Sequence[Flat], tables: Sequence[Any]) -> Trees:
    """Every tree once for each class, as a leaf adds to one target only."""
    ensemble = Trees()
    for flat, table in zip(flats, tables, strict=True):
        for k in range(table.shape[1]):
            ensemble.add(flat, table[:, k], k)
    return ensemble


def _looked_up(b: Builder, flats: Sequence[Flat], tables: Sequence[Any], x: ir.Value) -> ir.Value:
    """Each tree gives the number of its leaf; the leaves' rows are gathered and added up: large trees once, not K times."""
    ensemble, start = Trees(), 0
    for target, (flat, table) in enumerate(zip(flats, tables, strict=True)):
        ensemble.add(flat, np.arange(start, start + len(table), dtype=np.float64), target)
        start += len(table)
    leaves = b.cast(ensemble.emit(b, x, len(flats)), "int64")
    classes = tables[0].shape[1]
    rows = b.op(
        "Gather", b.const(np.concatenate(tables), "float64"), leaves, dtype="float64", shape=["N", len(flats), classes], axis=0
    )
    return b.op("ReduceSum", rows, b.const([1], "int64"), dtype="float64", width=classes, keepdims=0)


def one_class(b: Builder, rows: ir.Value, classes: Sequence[Any]) -> Prediction:
    """A classifier that saw one class says it, with probability one."""
    p = constant(b, rows, 1.0)
    return Prediction(classes=tuple(classes), label=label_from_scores(b, p, classes), probability=[new("float64", p)])


def _several_labels(b: Builder, estimator: Any, matrix: ir.Value, flats: Sequence[Flat], trees: Sequence[Any]) -> Prediction:
    """The class of each target with the highest mean probability."""
    sizes = [len(classes) for classes in estimator.classes_]
    starts, ensemble = np.cumsum([0, *sizes]), Trees()
    for flat, tree in zip(flats, trees, strict=True):
        for target, size in enumerate(sizes):
            for k in range(size):
                ensemble.add(flat, tree.value[flat.leaves, target, k], int(starts[target]) + k)
    sums = mean(b, ensemble.emit(b, matrix, int(starts[-1])), len(trees))
    labels = []
    for target, classes in enumerate(estimator.classes_):
        own = b.take(sums, list(range(int(starts[target]), int(starts[target + 1]))))
        labels.append(label_from_scores(b, own, tuple(np.asarray(classes).tolist())))
    return Prediction(targets=labels)
