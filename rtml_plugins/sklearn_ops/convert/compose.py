"""Estimators made of estimators in a row or side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.sklearn_ops.convert.packing import numbers, pack
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, convert, converts, transform

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


def _passes(step: Any) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


@converts("sklearn.pipeline.Pipeline")
def pipeline(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """One step after the other."""
    steps = [step for _, step in estimator.steps if not _passes(step)]
    if not steps:
        return columns
    for step in steps[:-1]:
        columns = transform(b, step, columns)
    return convert(b, steps[-1], columns)


@converts("sklearn.compose.ColumnTransformer")
def column_transformer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Each transformer on its own columns, their results side by side."""
    weights = estimator.transformer_weights or {}
    result: list[Symbolic] = []
    for name, step, _ in estimator.transformers_:
        positions = estimator._transformer_to_input_indices.get(name, [])
        if (isinstance(step, str) and step == "drop") or len(positions) == 0:
            continue
        chosen = columns.pick(int(position) for position in positions)
        made = chosen if _passes(step) else transform(b, step, chosen)
        result += _weighted(b, made, weights.get(name), estimator)
    return result


@converts("sklearn.pipeline.FeatureUnion")
def feature_union(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Each transformer on all columns, their results side by side."""
    weights = estimator.transformer_weights or {}
    result: list[Symbolic] = []
    for name, step in estimator.transformer_list:
        if isinstance(step, str) and step == "drop":
            continue
        made = columns if _passes(step) else transform(b, step, columns)
        result += _weighted(b, made, weights.get(name), estimator)
    return result


def _weighted(b: Builder, columns: Columns, weight: float | None, estimator: Any) -> list[Symbolic]:
    if weight is None or not columns:
        return columns
    numbers(b, columns, estimator, missing=True)
    packed = pack(b, columns)
    value = b.op("Mul", packed.value, b.const(float(weight), "float64"))
    return packed.unpack(value, like=columns)


@converts("sklearn.model_selection.GridSearchCV", "sklearn.model_selection.RandomizedSearchCV")
@converts("sklearn.model_selection.HalvingGridSearchCV", "sklearn.model_selection.HalvingRandomSearchCV")
def search(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """The best estimator that the search found."""
    if not hasattr(estimator, "best_estimator_"):
        raise NotLowerableError(f"{type(estimator).__name__} kept no best estimator; pass refit=True")
    return convert(b, estimator.best_estimator_, columns)


@converts("sklearn.semi_supervised.SelfTrainingClassifier")
def self_training(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """The classifier that learned last."""
    return convert(b, estimator.estimator_, columns)


@converts("sklearn.frozen.FrozenEstimator")
def frozen(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """What was frozen."""
    return convert(b, estimator.estimator, columns)
