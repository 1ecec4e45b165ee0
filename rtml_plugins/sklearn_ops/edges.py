"""Where a fitted estimator changes its mind: thresholds, bin edges and categories, traced back to its input columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from rtml_core.converters import converter_for
from rtml_plugins.sklearn_ops.convert.registry import public_name
from rtml_plugins.sklearn_ops.text_points import text_points

#: position of an input column -> values at which something changes
Points = dict[int, set[Any]]
_TREES = ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees", "GradientBoosting")


def points(estimator: Any) -> Points:
    """Values of each input column at which the estimator's answer may change; those that can't be traced are left out."""
    entry = converter_for(type(estimator))
    brought = entry.function("points") if entry is not None else None
    if brought is not None:
        return {int(position): set(values) for position, values in brought(estimator).items()}
    name = public_name(type(estimator))
    short = name.rpartition(".")[2]
    if name in _KNOWN:
        return _KNOWN[name](estimator)
    if short.startswith("HistGradientBoosting"):
        return _hist(estimator)
    if hasattr(estimator, "estimators_features_"):
        subsets = [[int(position) for position in subset] for subset in estimator.estimators_features_]
        return _merge(_at(points(member), at) for member, at in zip(estimator.estimators_, subsets, strict=True))
    if short.startswith(_TREES) and name.startswith("sklearn."):
        return _trees(estimator)
    return _merge(points(member) for member in _members(estimator))


def _members(estimator: Any) -> Iterable[Any]:
    """Estimators inside one, that see the same columns."""
    for attribute in ("best_estimator_", "regressor_"):
        if hasattr(estimator, attribute):
            return [getattr(estimator, attribute)]
    if type(estimator).__name__ in ("FixedThresholdClassifier", "TunedThresholdClassifierCV", "SelfTrainingClassifier"):
        return [estimator.estimator_]
    if hasattr(estimator, "calibrated_classifiers_"):
        return [member.estimator for member in estimator.calibrated_classifiers_]
    if hasattr(estimator, "transformer_list"):
        return [step for _, step in estimator.transformer_list if not isinstance(step, str)]
    if isinstance(getattr(estimator, "estimators_", None), (list, tuple)):
        return list(estimator.estimators_)
    if public_name(type(estimator)) == "sklearn.frozen.FrozenEstimator":
        return [estimator.estimator]
    return []


def _merge(parts: Iterable[Points]) -> Points:
    merged: Points = {}
    for part in parts:
        for position, values in part.items():
            merged.setdefault(position, set()).update(values)
    return merged


def _trees(estimator: Any) -> Points:
    from rtml_plugins.sklearn_ops.convert.thresholds import fold_float32

    found: Points = {}
    members = getattr(estimator, "estimators_", None)
    for member in [estimator] if members is None else np.ravel(np.asarray(members, dtype=object)).tolist():
        tree = getattr(member, "tree_", None)
        if tree is None:
            continue
        inner = tree.children_left >= 0
        # both the threshold and the last float64 that is rounded below it
        for values in (tree.threshold[inner], fold_float32(tree.threshold[inner])):
            for feature, value in zip(tree.feature[inner].tolist(), values.tolist(), strict=True):
                found.setdefault(feature, set()).add(value)
    return found


def _hist(estimator: Any) -> Points:
    place = list(range(estimator.n_features_in_))
    found: Points = {}
    if estimator._preprocessor is not None:
        steps = estimator._preprocessor
        indices = {
            name: [int(p) for p in steps._transformer_to_input_indices.get(name, [])] for name, _, _ in steps.transformers_
        }
        place = [*indices.get("encoder", []), *indices.get("numerical", [])]
        found = _at(_encoder(steps.named_transformers_["encoder"]), indices["encoder"])
    for nodes in (predictor.nodes for stage in estimator._predictors for predictor in stage):
        plain = nodes[(nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0)]
        for feature, value in zip(plain["feature_idx"].tolist(), plain["num_threshold"].tolist(), strict=True):
            found.setdefault(place[feature], set()).add(value)
    return found


def _at(found: Points, positions: list[int]) -> Points:
    """Points of columns that were picked by position, in terms of all columns."""
    return {positions[i]: values for i, values in found.items()}


def _encoder(estimator: Any) -> Points:
    return {i: {v for v in categories.tolist() if v is not None and v == v} for i, categories in enumerate(estimator.categories_)}


def _bins(estimator: Any) -> Points:
    return {i: set(np.asarray(edges, float).tolist()) for i, edges in enumerate(estimator.bin_edges_)}


def _splines(estimator: Any) -> Points:
    return {i: set(spline.t.tolist()) for i, spline in enumerate(estimator.bsplines_)}


def _quantiles(estimator: Any) -> Points:
    return {i: set(column.tolist()) for i, column in enumerate(np.asarray(estimator.quantiles_, float).T)}


def _isotonic(estimator: Any) -> Points:
    return {0: set(np.asarray(estimator.X_thresholds_, float).tolist())}


def _binarizer(estimator: Any) -> Points:
    return {i: {float(estimator.threshold)} for i in range(estimator.n_features_in_)}


def _normalizer(estimator: Any) -> Points:
    return {i: {0.0} for i in range(estimator.n_features_in_)}


def _column_transformer(estimator: Any) -> Points:
    return _merge(
        _at(points(step), _positions(estimator, name)) for name, step, _ in estimator.transformers_ if not isinstance(step, str)
    )


def _positions(estimator: Any, name: str) -> list[int]:
    return [int(position) for position in estimator._transformer_to_input_indices.get(name, [])]


def _pipeline(estimator: Any) -> Points:
    steps = [step for _, step in estimator.steps if step is not None and not isinstance(step, str)]
    found: Points = {}
    for step in reversed(steps):
        found = _merge([points(step), _back(step, found)])
    return found


_KNOWN: Mapping[str, Callable[[Any], Points]] = {
    "sklearn.pipeline.Pipeline": _pipeline,
    "sklearn.compose.ColumnTransformer": _column_transformer,
    "sklearn.preprocessing.OneHotEncoder": _encoder,
    "sklearn.preprocessing.OrdinalEncoder": _encoder,
    "sklearn.preprocessing.TargetEncoder": _encoder,
    "sklearn.preprocessing.KBinsDiscretizer": _bins,
    "sklearn.preprocessing.SplineTransformer": _splines,
    "sklearn.preprocessing.QuantileTransformer": _quantiles,
    "sklearn.preprocessing.PowerTransformer": _normalizer,
    "sklearn.isotonic.IsotonicRegression": _isotonic,
    "sklearn.preprocessing.Binarizer": _binarizer,
    "sklearn.preprocessing.Normalizer": _normalizer,
    **{f"sklearn.feature_extraction.text.{name}Vectorizer": text_points for name in ("Count", "Tfidf", "Hashing")},
}


def _back(step: Any, found: Points) -> Points:
    """Points of a transformer's output columns, as points of its input columns."""
    name = public_name(type(step)).rpartition(".")[2]
    if name == "Pipeline":
        for _, inner in reversed(step.steps):
            found = found if inner is None or isinstance(inner, str) else _back(inner, found)
        return found
    if name == "ColumnTransformer":
        return _back_columns(step, found)
    if name == "SimpleImputer":
        kept = [i for i, value in enumerate(step.statistics_.tolist()) if step.keep_empty_features or value == value]
        return {kept[i]: values for i, values in found.items() if i < len(kept)}
    if hasattr(step, "get_support"):
        kept = np.flatnonzero(step.get_support()).tolist()
        return {kept[i]: values for i, values in found.items()}
    if name in ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer"):
        return {i: _unscaled(step, i, values) for i, values in found.items()}
    if name == "FunctionTransformer" and step.func is None:
        return found
    return {}


def _back_columns(step: Any, found: Points) -> Points:
    parts = []
    for name, inner, _ in step.transformers_:
        where = step.output_indices_.get(name)
        if where is None or (isinstance(inner, str) and inner == "drop"):
            continue
        own = {i - where.start: values for i, values in found.items() if where.start <= i < where.stop}
        parts.append(_at(own if isinstance(inner, str) else _back(inner, own), _positions(step, name)))
    return _merge(parts)


def _unscaled(scaler: Any, i: int, values: set[Any]) -> set[Any]:
    row = np.zeros((len(values), scaler.n_features_in_))
    row[:, i] = [float(value) for value in values]
    with np.errstate(all="ignore"):
        return set(scaler.inverse_transform(row)[:, i].tolist())
