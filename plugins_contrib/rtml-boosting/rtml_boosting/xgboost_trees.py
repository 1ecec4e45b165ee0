"""XGBoost's trees in ONNX. Source: the JSON model format, https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.

Everything is float32: x is rounded, goes to the left where x < threshold, and leaves are added to the start value, tree after
tree. The logistic function and softmax are computed with exponentials that are rounded once from float64, as glibc's are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import tensor_attribute, width_of
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.converting import (
    LT,
    Columns,
    Flat,
    Prediction,
    Trees,
    label_from_flag,
    label_from_scores,
    numbers,
    read_columns,
    tell_thresholds,
)

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_PLAIN: Final = (
    "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:quantileerror", "binary:logitraw", "rank:pairwise",
)  # fmt: skip
_EXPONENTIAL: Final = ("count:poisson", "reg:gamma", "reg:tweedie")
_LOGISTIC: Final = ("binary:logistic", "reg:logistic")
_SUM: Final = 1


def to_state(estimator: Any) -> dict[str, Any]:
    """Hyperparameters; of a fitted estimator the model in XGBoost's own binary JSON."""
    state: dict[str, Any] = {"class": type(estimator).__name__, "params": estimator.get_params()}
    if estimator.__sklearn_is_fitted__():
        state["model"] = bytes(estimator.get_booster().save_raw("ubj"))
    return state


def from_state(state: dict[str, Any]) -> Any:
    """An estimator that predicts as the one that to_state saw."""
    import xgboost

    known = {"XGBClassifier": xgboost.XGBClassifier, "XGBRegressor": xgboost.XGBRegressor}
    estimator = known[state["class"]](**state["params"])
    if "model" in state:
        estimator.load_model(bytearray(state["model"]))
    return estimator


def convert(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A fitted XGBClassifier or XGBRegressor. Raises NotLowerableError for what has no exact form."""
    numbers(b, columns, estimator, missing=True)
    learner = json.loads(bytes(estimator.get_booster().save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    _require_plain(estimator, learner)
    margin = _margins(b, estimator, learner, objective, columns)
    if hasattr(estimator, "n_classes_"):
        return _classified(b, list(range(int(estimator.n_classes_))), objective, margin)
    if objective in _PLAIN:
        value = margin
    elif objective in _EXPONENTIAL:
        value = _exp(b, margin)
    elif objective in _LOGISTIC:
        value = _logistic(b, margin)
    else:
        raise NotLowerableError(f"XGBoost with the objective '{objective}' has no compiled form yet")
    if width_of(value) > 1:
        raise NotLowerableError("XGBoost predicts several numbers at once; fit one model for each")
    return Prediction(value=new("float32", value, finite=objective not in _EXPONENTIAL))


def _require_plain(estimator: Any, learner: dict[str, Any]) -> None:
    booster = learner["gradient_booster"]
    # XGBoost 3.4 calls dart gbtree, too, and keeps the weights of its trees beside them
    name = "dart" if any(weight != 1 for weight in booster.get("model", {}).get("weight_drop", ())) else booster["name"]
    if name != "gbtree":
        raise NotLowerableError(f"XGBoost's booster '{name}' has no compiled form; use gbtree")
    if any(any(tree["split_type"]) for tree in booster["model"]["trees"]):
        raise NotLowerableError("XGBoost splits by category here, which has no compiled form; encode categories in front")
    if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in booster["model"]["trees"]):
        raise NotLowerableError("XGBoost with multi_strategy='multi_output_tree' has no compiled form; use one_output_per_tree")
    if estimator.missing is not None and not np.isnan(estimator.missing):
        raise NotLowerableError(f"XGBoost with missing={estimator.missing} has no compiled form; mark what is missing as missing")


def _margins(b: Builder, estimator: Any, learner: dict[str, Any], objective: str, columns: Columns) -> ir.Value:
    """float32 [N, K]: start values plus the leaves of each class, in XGBoost's order. What is beyond float32 is infinite."""
    model = learner["gradient_booster"]["model"]
    width = max(int(learner["learner_model_param"]["num_class"]), int(learner["learner_model_param"]["num_target"]), 1)
    matrix, at = read_columns(b, columns, extras=False)
    x = b.cast(matrix, "float32")
    ensemble = Trees()
    for k, start in enumerate(_starts(learner, objective, width)):
        ensemble.constant(float(start), k)
    points: dict[int, list[float]] = {}
    for tree, k in _used(estimator, model):
        flat, weights = _tree(tree, at)
        ensemble.add(flat, weights, k)
        inner = flat.left >= 0
        for feature, point in zip(np.array(tree["split_indices"])[inner], flat.threshold[inner], strict=True):
            points.setdefault(int(feature), []).append(float(point))
    tell_thresholds(b, columns, points)
    return _emit(b, ensemble, x, width)


def _used(estimator: Any, model: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
    """Trees and their classes: all of them, or those up to the best iteration of early stopping."""
    trees = list(zip(model["trees"], model["tree_info"], strict=True))
    try:
        best = estimator.best_iteration
    except AttributeError:
        return trees
    return trees[: model["iteration_indptr"][best + 1]]


def _starts(learner: dict[str, Any], objective: str, width: int) -> Any:
    """The start value of every class as a margin: base_score through the inverse of the objective's link, in float32."""
    text = learner["learner_model_param"]["base_score"]
    scores = np.array(json.loads(text) if text.startswith("[") else [float(text)], np.float32)
    one = np.float32(1)
    if objective in (*_LOGISTIC, "binary:logitraw"):
        scores = -np.log(one / scores - one)
    elif objective in _EXPONENTIAL:
        scores = np.log(scores)
    return np.broadcast_to(scores.astype(np.float32), width)


def _tree(tree: dict[str, Any], at: list[int]) -> tuple[Flat, Any]:
    left = np.array(tree["left_children"], np.int64)
    conditions = np.array(tree["split_conditions"], np.float32)
    feature = np.asarray(at, np.int64)[np.where(left < 0, 0, np.array(tree["split_indices"], np.int64))]
    right, missing = np.array(tree["right_children"], np.int64), np.array(tree["default_left"], bool)
    flat = Flat(left, right, feature, conditions.astype(np.float64), missing, modes=np.full(len(left), LT, np.uint8))
    return flat, conditions[flat.leaves].astype(np.float64)


def _emit(b: Builder, trees: Trees, x: ir.Value, width: int) -> ir.Value:
    """The ensemble as Trees.emit writes it, in float32: XGBoost's sums are rounded after every tree."""
    flat = {name: np.concatenate(parts) for name, parts in trees.nodes.items()}
    missing, splits, modes = (flat.pop(f"nodes_{n}") for n in ("missing_value_tracks_true", "splits", "modes"))
    # a lone leaf has a node of its own, with the comparison LEQ; one comparison for all is what onnxruntime is fastest with
    return b.ml(
        "TreeEnsemble",
        x,
        dtype="float32",
        width=width,
        aggregate_function=_SUM,
        n_targets=width,
        tree_roots=trees.roots,
        nodes_splits=tensor_attribute(splits.astype(np.float32), "float32"),
        nodes_modes=tensor_attribute(np.full_like(modes, LT), "uint8"),
        nodes_missing_value_tracks_true=missing.tolist() if missing.any() else None,
        leaf_weights=tensor_attribute(np.concatenate(trees.leaf_weights).astype(np.float32), "float32"),
        leaf_targetids=np.concatenate(trees.leaf_targets).tolist(),
        **{name: values.tolist() for name, values in flat.items()},
    )


def _exp(b: Builder, x: ir.Value) -> ir.Value:
    return b.cast(b.op("Exp", b.cast(x, "float64")), "float32")


def _logistic(b: Builder, x: ir.Value) -> ir.Value:
    one = b.const([[1.0]], "float32")
    return b.op("Div", one, b.op("Add", _exp(b, b.op("Neg", x)), one))


def _softmax(b: Builder, x: ir.Value) -> ir.Value:
    axis = b.const([1], "int64")
    largest = b.op("ReduceMax", x, axis, dtype="float32", width=1, keepdims=1)
    parts = _exp(b, b.op("Sub", x, largest))
    total = b.op("ReduceSum", b.cast(parts, "float64"), axis, dtype="float64", width=1, keepdims=1)
    return b.op("Div", parts, b.cast(total, "float32"))


def _classified(b: Builder, classes: list[int], objective: str, margin: ir.Value) -> Prediction:
    if objective == "binary:logistic":
        p = _logistic(b, margin)
        flag = b.op("Greater", p, b.const([[0.5]], "float32"), dtype="bool")
        both = [new("float32", b.op("Sub", b.const([[1.0]], "float32"), p)), new("float32", p)]
        return Prediction(classes=tuple(classes), label=label_from_flag(b, flag, classes), probability=both)
    if objective == "multi:softprob":
        shares = _softmax(b, margin)
        label = label_from_scores(b, b.cast(shares, "float64"), classes)
        return Prediction(classes=tuple(classes), label=label, probability=unpack(shares, "float32"))
    raise NotLowerableError(f"an XGBClassifier with the objective '{objective}' has no compiled form yet; use the default one")
