"""CatBoost's oblivious trees in ONNX. Source: the JSON model format,
https://catboost.ai/docs/en/concepts/python-reference_catboost_save_model and its tutorial on model export.

All nodes of a level ask the same question, x > border in float32; the answers are the bits of a leaf's number, the first
question the lowest bit. Leaves are added in float64, then scaled, and the bias comes last.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.converting import (
    LEQ,
    Columns,
    Flat,
    Prediction,
    Trees,
    binary,
    classes_of,
    fold_float32,
    label_from_scores,
    numbers,
    read_columns,
    tell_thresholds,
)

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_PLAIN: Final = ("RMSE", "MAE", "Quantile", "LogLinQuantile", "MAPE", "Huber", "Expectile", "LogCosh", "Lq")
_EXPONENTIAL: Final = ("Poisson", "Tweedie", "LogLinQuantile")


def to_state(estimator: Any) -> dict[str, Any]:
    """Hyperparameters; of a fitted estimator the model in CatBoost's own binary form."""
    state: dict[str, Any] = {"class": type(estimator).__name__, "params": estimator.get_params()}
    if estimator.is_fitted():
        state |= {"model": _saved(estimator, "cbm"), "features": int(estimator.n_features_in_)}
    return state


def from_state(state: dict[str, Any]) -> Any:
    """An estimator that predicts as the one that to_state saw."""
    import catboost

    known = {"CatBoostClassifier": catboost.CatBoostClassifier, "CatBoostRegressor": catboost.CatBoostRegressor}
    estimator = known[state["class"]](**state["params"])
    if "model" in state:
        estimator.load_model(blob=state["model"])
        estimator._n_features_in = state["features"]
    return estimator


def _saved(estimator: Any, form: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        estimator.save_model(str(path), format=form)
        return path.read_bytes()


def convert(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A fitted CatBoostClassifier or CatBoostRegressor. Raises NotLowerableError for what has no exact form."""
    numbers(b, columns, estimator, missing=True)
    model = json.loads(_saved(estimator, "json"))
    if model["features_info"].get("categorical_features") or "oblivious_trees" not in model:
        what = "categories (cat_features)" if "oblivious_trees" in model else "trees that are not symmetric (grow_policy)"
        raise NotLowerableError(f"CatBoost with {what} has no compiled form; encode categories in front, grow symmetric trees")
    loss = str(estimator.get_all_params().get("loss_function", "")).partition(":")[0]
    raw = _raw(b, model, columns)
    if type(estimator).__name__ == "CatBoostClassifier":
        return _classified(b, estimator, loss, raw)
    if loss in _EXPONENTIAL:
        return Prediction(value=new("float64", b.op("Exp", raw), finite=False))
    if loss not in _PLAIN:
        raise NotLowerableError(f"CatBoost with the loss '{loss}' has no compiled form yet")
    return Prediction(value=new("float64", raw))


def _classified(b: Builder, estimator: Any, loss: str, raw: ir.Value) -> Prediction:
    classes = classes_of(estimator)
    if loss in ("Logloss", "CrossEntropy"):
        flag = b.op("Greater", raw, b.const([[0.0]], "float64"), dtype="bool")
        return binary(b, classes, b.op("Sigmoid", raw), flag)
    if loss == "MultiClass":
        shares = b.op("Softmax", raw, axis=-1)
    elif loss == "MultiClassOneVsAll":
        shares = b.op("Sigmoid", raw)
    else:
        raise NotLowerableError(f"a CatBoostClassifier with the loss '{loss}' has no compiled form yet")
    return Prediction(classes=classes, label=label_from_scores(b, raw, classes), probability=unpack(shares, "float64"))


def _raw(b: Builder, model: dict[str, Any], columns: Columns) -> ir.Value:
    """float64 [N, K]: scale times the sums of leaves, plus bias."""
    features = model["features_info"]["float_features"]
    for entry in features:
        place = entry["flat_feature_index"]
        if columns[place].nullable and not entry["has_nans"]:
            raise NotLowerableError(
                f"column '{columns.names[place]}' may be missing here and never was in training, and CatBoost takes missing"
                f" values only where it has seen some. Fill it first"
            )
    matrix, at = read_columns(b, columns)
    scale, bias = model["scale_and_bias"]
    width = len(bias)
    ensemble, points = Trees(), {}
    for tree in model["oblivious_trees"]:
        levels = [(features[split["float_feature_index"]], float(split["border"])) for split in tree["splits"] or ()]
        for entry, border in levels:
            points.setdefault(entry["flat_feature_index"], []).append(border)
        values = np.array(tree["leaf_values"], np.float64).reshape(-1, width)
        flat, number = _tree(levels, at)
        for k in range(width):
            ensemble.add(flat, values[number, k], k)
    tell_thresholds(b, columns, {place: fold_float32(np.array(found)).tolist() for place, found in points.items()})
    raw = ensemble.emit(b, matrix, width)
    if scale != 1:
        raw = b.op("Mul", raw, b.const([[float(scale)]], "float64"))
    return b.op("Add", raw, b.const([[float(value) for value in bias]], "float64")) if any(bias) else raw


def _tree(levels: list[tuple[dict[str, Any], float]], at: list[int]) -> tuple[Flat, Any]:
    """A complete binary tree, and the number of each leaf in the order of Flat.leaves; the last question is the root."""
    depth = len(levels)
    inner = 2**depth - 1
    count = 2 * inner + 1
    left, right = np.full(count, -1), np.full(count, -1)
    feature, threshold, missing_left = np.zeros(count, np.int64), np.zeros(count), np.zeros(count, bool)
    number = np.zeros(count, np.int64)
    for node in range(inner):
        level = depth - 1 - int(node + 1).bit_length() + 1
        entry, border = levels[level]
        left[node], right[node] = 2 * node + 1, 2 * node + 2
        number[2 * node + 1] = number[node]
        number[2 * node + 2] = number[node] + 2**level
        feature[node] = at[entry["flat_feature_index"]]
        threshold[node] = fold_float32(np.array([border]))[0]
        missing_left[node] = entry["nan_value_treatment"] != "AsTrue"
    flat = Flat(left, right, feature, threshold, missing_left, modes=np.full(count, LEQ, np.uint8))
    return flat, number[flat.leaves]
