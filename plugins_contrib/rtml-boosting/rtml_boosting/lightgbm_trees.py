"""LightGBM's trees in ONNX. Source: the JSON of Booster.dump_model, https://lightgbm.readthedocs.io, and tree.h of LightGBM 4.

A node sends x to the left where x <= threshold, in float64; NaN counts as 0 unless the node knows missing values. Leaves are
added in float64, tree after tree; shrinkage and start value are in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.converting import (
    LEQ,
    MEMBER,
    Columns,
    Flat,
    Prediction,
    Trees,
    binary,
    classes_of,
    label_from_scores,
    numbers,
    read_columns,
    tell_thresholds,
)

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: objectives whose answer is the score itself, and those whose answer is its exponential
_PLAIN: Final = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
_EXPONENTIAL: Final = ("poisson", "gamma", "tweedie")


def to_state(estimator: Any) -> dict[str, Any]:
    """Hyperparameters; of a fitted estimator the model as LightGBM's text, the classes and the best iteration."""
    state: dict[str, Any] = {"class": type(estimator).__name__, "params": estimator.get_params()}
    if estimator.__sklearn_is_fitted__():
        state |= {
            "model": estimator.booster_.model_to_string(num_iteration=-1),
            "best_iteration": int(estimator.booster_.best_iteration),
            "names": bool(getattr(estimator, "_fitted_with_feature_names", False)),
            "objective": str(estimator._objective),
        }
        if _classifies(estimator):
            state["classes"] = np.asarray(estimator._classes)
    return state


def from_state(state: dict[str, Any]) -> Any:
    """An estimator that predicts as the one that to_state saw."""
    import lightgbm

    known = {"LGBMClassifier": lightgbm.LGBMClassifier, "LGBMRegressor": lightgbm.LGBMRegressor}
    estimator = known[state["class"]](**state["params"])
    if "model" not in state:
        return estimator
    booster = lightgbm.Booster(model_str=state["model"])
    booster.best_iteration = state["best_iteration"]
    estimator._Booster = booster
    estimator._best_iteration = state["best_iteration"]
    estimator._n_features = estimator._n_features_in = booster.num_feature()
    estimator._fitted_with_feature_names = state["names"]
    estimator._objective = state["objective"]
    estimator._evals_result, estimator._best_score = {}, {}
    if "classes" in state:
        from sklearn.preprocessing import LabelEncoder

        estimator._classes = state["classes"]
        estimator._n_classes = len(estimator._classes)
        estimator._le = LabelEncoder().fit(estimator._classes)
    estimator.fitted_ = True
    return estimator


def _classifies(estimator: Any) -> bool:
    return type(estimator).__name__ == "LGBMClassifier"


def convert(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A fitted LGBMClassifier or LGBMRegressor. Raises NotLowerableError for what has no exact form."""
    numbers(b, columns, estimator, missing=True)
    model = estimator.booster_.dump_model()
    objective, options = _objective(model)
    raw = _scores(b, estimator, model, columns)
    if _classifies(estimator):
        return _classified(b, estimator, objective, options, raw)
    if objective in _PLAIN and "sqrt" not in options:
        return Prediction(value=new("float64", raw))
    if objective in _EXPONENTIAL:
        return Prediction(value=new("float64", b.op("Exp", raw), finite=False))
    raise NotLowerableError(f"LightGBM with the objective '{' '.join([objective, *options])}' has no compiled form yet")


def _objective(model: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """ "binary sigmoid:1" -> binary, {sigmoid: 1}."""
    name, *words = str(model.get("objective", "custom")).split()
    return name, dict(word.partition(":")[::2] for word in words)


def _classified(b: Builder, estimator: Any, objective: str, options: dict[str, str], raw: ir.Value) -> Prediction:
    classes = classes_of(estimator)
    if objective == "binary":
        p = b.op("Sigmoid", b.op("Mul", raw, b.const([[float(options.get("sigmoid", 1))]], "float64")))
        return binary(b, classes, p, b.op("Greater", p, b.const([[0.5]], "float64"), dtype="bool"))
    if objective == "multiclass":
        shares = b.op("Softmax", raw, axis=-1)
    elif objective == "multiclassova":
        shares = b.op("Sigmoid", b.op("Mul", raw, b.const([[float(options.get("sigmoid", 1))]], "float64")))
    else:
        raise NotLowerableError(f"LightGBM with the objective '{objective}' has no compiled form yet; use the default one")
    label = label_from_scores(b, shares, classes)
    return Prediction(classes=classes, label=label, probability=unpack(shares, "float64"))


def _scores(b: Builder, estimator: Any, model: dict[str, Any], columns: Columns) -> ir.Value:
    """float64 [N, K]: the sum of leaves of each class."""
    if any("leaf_const" in str(tree["tree_structure"]) for tree in model["tree_info"][:1]):
        raise NotLowerableError("LightGBM with linear_tree=True has a model in every leaf, which has no compiled form")
    width = model["num_tree_per_iteration"]
    matrix, at = read_columns(b, columns)
    ensemble, points = Trees(), {}
    for number, info in enumerate(model["tree_info"]):
        flat, weights = _tree(info["tree_structure"], columns, at, points)
        ensemble.add(flat, weights, number % width)
    tell_thresholds(b, columns, points)
    total = ensemble.emit(b, matrix, width)
    if model["average_output"]:
        total = b.op("Div", total, b.const([[float(len(model["tree_info"]) // width)]], "float64"))
    return total


def _tree(root: dict[str, Any], columns: Columns, at: list[int], points: dict[int, list[float]]) -> tuple[Flat, Any]:
    """One tree and the weights of its leaves, in the order of Flat.leaves."""
    nodes: list[dict[str, Any]] = []
    links: list[tuple[int, int]] = []

    def place(node: dict[str, Any]) -> int:
        position = len(nodes)
        nodes.append(node)
        links.append((-1, -1))
        if "left_child" in node:
            links[position] = (place(node["left_child"]), place(node["right_child"]))
        return position

    place(root)
    count = len(nodes)
    feature, modes = np.zeros(count, np.int64), np.full(count, LEQ, np.uint8)
    threshold, missing_left = np.zeros(count), np.zeros(count, bool)
    members: dict[int, Any] = {}
    for position, node in enumerate(nodes):
        if "left_child" not in node:
            continue
        feature[position] = at[node["split_feature"]]
        if node["decision_type"] == "==":
            members[position] = _members(node, columns)
            modes[position] = MEMBER
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise NotLowerableError("LightGBM with zero_as_missing=True has no compiled form; mark what is missing as missing")
        # the JSON says 1e300 for infinity: such a node asks only whether the value is there
        split = node["threshold"] if abs(node["threshold"]) < 1e300 else np.copysign(np.inf, node["threshold"])
        threshold[position] = split
        points.setdefault(node["split_feature"], []).append(split)
        known = node["missing_type"] == "NaN"
        missing_left[position] = node["default_left"] if known else split >= 0.0
    left, right = (np.array(side, np.int64) for side in zip(*links, strict=True))
    flat = Flat(left, right, feature, threshold, missing_left, modes=modes, members=members)
    return flat, np.array([nodes[leaf]["leaf_value"] for leaf in flat.leaves], np.float64)


def _members(node: dict[str, Any], columns: Columns) -> Any:
    """The categories that go left: whole numbers; a missing one goes right."""
    column = columns[node["split_feature"]]
    if column.dtype not in ("int64", "bool"):
        name = columns.names[node["split_feature"]]
        raise NotLowerableError(
            f"column '{name}' is categorical in LightGBM and {column.dtype} here; make it int64 first, e.g. with OrdinalEncoder"
            f" and astype"
        )
    return np.array([float(code) for code in node["threshold"].split("||")])
