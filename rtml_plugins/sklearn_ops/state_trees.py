"""Trees out of a state are walked by compiled code that checks no bounds, so they are checked here."""

from __future__ import annotations

from typing import Any

from rtml_plugins.sklearn_ops.state import StateError


def check_trees(made: Any, attributes: dict[str, Any] | None) -> None:
    """Raise StateError when a tree inside `made` points outside itself; anything else passes."""
    name = type(made).__name__
    module = type(made).__module__
    if module == "sklearn.tree._tree" and name == "Tree" and attributes is not None:
        nodes = attributes["nodes"]
        inner = nodes["left_child"] != -1
        _check_links(inner, nodes["left_child"], nodes["right_child"])
        _check_range(nodes["feature"][inner], made.n_features, "feature")
        if len(nodes) != attributes["node_count"] or made.n_features < 0:
            raise StateError("the state of a decision tree counts its nodes wrong")
    elif hasattr(made, "tree_") and module.startswith("sklearn.tree"):
        if made.tree_.n_features != made.n_features_in_:
            raise StateError("the state of a decision tree has another number of features than its tree; fit the model again")
    elif name == "TreePredictor" and module.startswith("sklearn.ensemble._hist_gradient_boosting"):
        nodes = made.nodes
        inner = nodes["is_leaf"] == 0
        _check_links(inner, nodes["left"], nodes["right"])
        _check_range(nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)], len(made.raw_left_cat_bitsets), "bitset")
    elif hasattr(made, "_predictors") and module.startswith("sklearn.ensemble._hist_gradient_boosting"):
        for stage in made._predictors:
            for predictor in stage:
                inner = predictor.nodes["is_leaf"] == 0
                _check_range(predictor.nodes["feature_idx"][inner], made._n_features, "feature")


def _check_links(inner: Any, left: Any, right: Any) -> None:
    """Children come after their parent, so that a walk ends, and inside the tree."""
    import numpy as np

    at = np.arange(len(inner))
    for child in (left, right):
        target = child.astype(np.int64)
        if not len(inner) or bool(((target[inner] <= at[inner]) | (target[inner] >= len(inner))).any()):
            raise StateError("the state of a decision tree links to a node that does not exist; fit the model again")


def _check_range(values: Any, limit: int, what: str) -> None:
    if len(values) and (int(values.min()) < 0 or int(values.max()) >= limit):
        raise StateError(f"the state of a decision tree names a {what} that does not exist; fit the model again")
