"""Gradient boosting, both kinds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new
from rtml_plugins.sklearn_ops.convert.labels import binary, classes_of, many
from rtml_plugins.sklearn_ops.convert.packing import numbers
from rtml_plugins.sklearn_ops.convert.reads import read_columns
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts, transform
from rtml_plugins.sklearn_ops.convert.tree_ensemble import LEQ, MEMBER, Flat, Trees
from rtml_plugins.sklearn_ops.convert.trees import flat_tree, tell_thresholds, tree_matrix

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


@converts("sklearn.ensemble.GradientBoostingRegressor")
def boosting_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Start value plus shrunken trees -> value."""
    return Prediction(value=new("float64", _boosted(b, estimator, columns)))


@converts("sklearn.ensemble.GradientBoostingClassifier")
def boosting_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Start value plus shrunken trees, a tree a class and stage -> probabilities, decision, label."""
    raw = _boosted(b, estimator, columns)
    classes = classes_of(estimator)
    if len(classes) > 2:
        return many(b, classes, b.op("Softmax", raw, axis=-1), raw, decision=True)
    flag = b.op("GreaterOrEqual", raw, b.const([[0.0]], "float64"), dtype="bool")
    if type(estimator._loss).__name__ == "ExponentialLoss":
        # scikit-learn: expit(2 * raw), the half logit of AdaBoost
        raw_twice = b.op("Mul", raw, b.const([[2.0]], "float64"))
        return binary(b, classes, b.op("Sigmoid", raw_twice), flag, raw)
    return binary(b, classes, b.op("Sigmoid", raw), flag, raw)


def _boosted(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """Raw predictions float64 [N, K] (K = 1 for regression and two classes)."""
    stages = estimator.estimators_
    trees = [tree.tree_ for tree in stages.ravel()]
    matrix, at = tree_matrix(b, estimator, columns, trees, missing=False)
    ensemble = Trees()
    for k, start in enumerate(_start(estimator, stages.shape[1])):
        # the start value is a tree of one leaf: then everything is added in scikit-learn's order
        ensemble.constant(float(start), k)
    for stage in stages:
        for k, member in enumerate(stage):
            flat = flat_tree(member.tree_, at)
            ensemble.add(flat, estimator.learning_rate * member.tree_.value[flat.leaves, 0, 0], k)
    return ensemble.emit(b, matrix, stages.shape[1])


def _start(estimator: Any, count: int) -> Any:
    init = estimator.init_
    if isinstance(init, str) and init == "zero":
        return np.zeros(count)
    if type(init).__name__ not in ("DummyClassifier", "DummyRegressor"):
        raise NotLowerableError(
            f"{type(estimator).__name__} starts from a {type(init).__name__}; only the default start and init='zero' compile"
        )
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), np.float32))
    return start[0]


# ---- histogram-based -------------------------------------------------------------------------------------------------


@converts("sklearn.ensemble.HistGradientBoostingRegressor")
def hist_regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Baseline plus trees, through the loss's link -> value."""
    raw = _hist_raw(b, estimator, columns)
    link = type(estimator._loss.link).__name__
    if link == "IdentityLink":
        return Prediction(value=new("float64", raw))
    if link == "LogLink":
        return Prediction(value=new("float64", b.op("Exp", raw)))
    raise NotLowerableError(
        f"HistGradientBoostingRegressor with loss {estimator.loss!r} uses a {link}, which has no ONNX form yet"
    )


@converts("sklearn.ensemble.HistGradientBoostingClassifier")
def hist_classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Baseline plus trees, a tree a class and stage -> probabilities, decision, label."""
    raw = _hist_raw(b, estimator, columns)
    classes = classes_of(estimator)
    if len(classes) > 2:
        return many(b, classes, b.op("Softmax", raw, axis=-1), raw, decision=True)
    flag = b.op("Greater", raw, b.const([[0.0]], "float64"), dtype="bool")
    return binary(b, classes, b.op("Sigmoid", raw), flag, raw)


def _hist_raw(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """Raw predictions float64 [N, K]; these trees compare in float64, so thresholds stay as they are."""
    columns = _encoded(b, estimator, columns)
    numbers(b, columns, estimator, missing=True)
    stages = [[predictor.nodes for predictor in stage] for stage in estimator._predictors]
    bitsets = [[predictor.raw_left_cat_bitsets for predictor in stage] for stage in estimator._predictors]
    matrix, at = read_columns(b, columns)
    _tell_hist_thresholds(b, columns, stages)
    ensemble = Trees()
    for k, start in enumerate(np.ravel(estimator._baseline_prediction).tolist()):
        ensemble.constant(start, k)
    for stage, sets in zip(stages, bitsets, strict=True):
        for k, nodes in enumerate(stage):
            flat, weights = _hist_tree(nodes, sets[k], at)
            ensemble.add(flat, weights, k)
    return ensemble.emit(b, matrix, estimator.n_trees_per_iteration_)


def _encoded(b: Builder, estimator: Any, columns: Columns) -> Columns:
    """The columns in the order in which the trees count them: categories as codes first, then numbers untouched."""
    if estimator._preprocessor is None:
        return columns
    result, names = [], []
    for name, step, _ in estimator._preprocessor.transformers_:
        positions = [int(position) for position in estimator._preprocessor._transformer_to_input_indices.get(name, [])]
        if positions:
            chosen = columns.pick(positions)
            # the other step of scikit-learn's own preprocessor only checks
            made = transform(b, step, chosen) if name == "encoder" else chosen
            result += made
            names += chosen.names
    return Columns(result, names)


def _tell_hist_thresholds(b: Builder, columns: Columns, stages: Sequence[Sequence[Any]]) -> None:
    points: dict[int, list[float]] = {}
    for nodes in (nodes for stage in stages for nodes in stage):
        plain = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
        for feature, point in zip(plain["feature_idx"].tolist(), plain["num_threshold"].tolist(), strict=True):
            points.setdefault(feature, []).append(point)
    tell_thresholds(b, columns, points)


def _hist_tree(nodes: Any, bitsets: Any, at: Sequence[int]) -> tuple[Flat, Any]:
    """One tree, and the weights of its leaves.

    Categories come as whole-number codes, NaN when missing or unknown: scikit-learn's own encoder stands in front.
    """
    leaf = nodes["is_leaf"] != 0
    inner = np.flatnonzero(~leaf)
    feature = np.zeros(len(nodes), np.int64)
    feature[inner] = np.asarray(at, np.int64)[nodes["feature_idx"][inner]]
    sets = {int(i): _codes(bitsets[nodes["bitset_idx"][i]]) for i in inner[nodes["is_categorical"][inner] != 0]}
    # an empty set sends only what is missing to the left, as a threshold of -inf does
    threshold = nodes["num_threshold"].copy()
    threshold[[i for i, codes in sets.items() if not len(codes)]] = -np.inf
    modes = np.full(len(nodes), LEQ, np.uint8)
    modes[[i for i, codes in sets.items() if len(codes)]] = MEMBER
    flat = Flat(
        np.where(leaf, -1, nodes["left"].astype(np.int64)),
        np.where(leaf, -1, nodes["right"].astype(np.int64)),
        feature,
        threshold,
        nodes["missing_go_to_left"] != 0,
        modes=modes,
        members={i: codes for i, codes in sets.items() if len(codes)},
    )
    return flat, nodes["value"][flat.leaves]


def _codes(bitset: Any) -> Any:
    """The codes in a bitset of 8 x 32 bits."""
    bits = np.unpackbits(np.asarray(bitset, "<u4").view(np.uint8), bitorder="little")
    return np.flatnonzero(bits).astype(np.float64)
