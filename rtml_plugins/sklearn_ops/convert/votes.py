"""Labels of several classifiers put together, vote by vote; and estimators whose every member is a tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, predict
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, steps

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: estimators that are one tree over float32 columns
TREES = ("DecisionTreeClassifier", "ExtraTreeClassifier", "DecisionTreeRegressor", "ExtraTreeRegressor")


def is_tree(estimator: Any) -> bool:
    """Whether an estimator is one of scikit-learn's decision trees itself."""
    return type(estimator).__name__ in TREES and type(estimator).__module__.startswith("sklearn.tree")


@dataclass(frozen=True)
class TreeView:
    """A fitted sklearn Tree whose features are counted among other columns."""

    children_left: Any
    children_right: Any
    feature: Any
    threshold: Any
    missing_go_to_left: Any
    value: Any


@dataclass(frozen=True)
class Member:
    """What stands for a member of an ensemble where only its tree is asked for."""

    tree_: TreeView


def tree_view(tree: Any, places: Any, value: Any = None) -> TreeView:
    """The tree with feature i called places[i]; `value` in place of its own values."""
    feature = np.where(tree.feature >= 0, np.asarray(places, np.int64)[np.maximum(tree.feature, 0)], tree.feature)
    made = tree.value if value is None else value
    return TreeView(tree.children_left, tree.children_right, feature, tree.threshold, tree.missing_go_to_left, made)


def labels_of(b: Builder, members: Iterable[Any], columns: Columns) -> list[Symbolic]:
    """The label that each classifier gives, as columns of one dtype. Raises NotLowerableError for what is no classifier."""
    found = []
    for member in members:
        label = predict(b, member, columns).label
        if label is None:
            raise NotLowerableError(f"{type(member).__name__} gives no label, but stands where a classifier is needed")
        found.append(label)
    return found


def votes(
    b: Builder, labels: Sequence[Symbolic], classes: Sequence[Any], gains: Sequence[float], losses: Sequence[float]
) -> ir.Value:
    """float64 [N, K]: what K classes get from M labels; label m adds gains[m] to its class and losses[m] to the others.

    One TreeEnsemble adds them up, member after member, as numpy does.
    """
    numbers = _numbered(b, labels, classes)
    trees = Trees()
    edges = np.arange(1, len(classes)) - 0.5
    for m, (gain, loss) in enumerate(zip(gains, losses, strict=True)):
        if loss == 0:
            trees.add(steps(m, edges), np.full(len(classes), float(gain)), np.arange(len(classes)))
            continue
        for k in range(len(classes)):
            trees.add(steps(m, edges), np.where(np.arange(len(classes)) == k, gain, loss), k)
    return trees.emit(b, numbers, len(classes))


def _numbered(b: Builder, labels: Sequence[Symbolic], classes: Sequence[Any]) -> ir.Value:
    """float64 [N, M]: the position of each label among the classes."""
    from rtml_core.lowering.symbolic import matrix

    if labels[0].dtype == "string":
        texts = matrix(b, labels, "string")
        places = list(range(len(classes)))
        return b.label_encode(texts, list(classes), places, -1, keys_dtype="string", values_dtype="float64")
    found = matrix(b, labels, "float64")
    if [float(value) for value in classes] == list(range(len(classes))):
        return found
    trees = Trees()
    middles = np.array([float(value) for value in classes])
    if np.abs(middles).max() >= 2**53:
        raise NotLowerableError("classes of 2^53 and beyond can't be told apart in float64; number them from 0")
    for m in range(len(labels)):
        # at each class begins its interval: labels are classes and nothing between them
        trees.add(steps(m, middles[1:]), np.arange(len(classes), dtype=np.float64), m)
    return trees.emit(b, found, len(labels))


def one_prediction(found: Prediction, part: str, estimator: Any) -> list[Symbolic]:
    """A part of a prediction as columns. Raises NotLowerableError where there is none."""
    whole = getattr(found, part)
    if whole is None:
        raise NotLowerableError(f"{type(estimator).__name__} gives no {part} here")
    return list(whole) if isinstance(whole, list) else [whole]
