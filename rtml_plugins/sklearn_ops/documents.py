"""Estimators that take a list of texts where others take a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import ColumnError, listing

if TYPE_CHECKING:
    import pandas as pd


def takes_texts(estimator: Any) -> bool:
    """Whether an estimator, or what gets its input first, takes texts themselves and no columns of a frame."""
    if hasattr(estimator, "steps"):
        steps = [step for _, step in estimator.steps if step is not None and not isinstance(step, str)]
        return bool(steps) and takes_texts(steps[0])
    if hasattr(estimator, "transformer_list"):
        members = [step for _, step in estimator.transformer_list if not isinstance(step, str)]
        return bool(members) and all(takes_texts(step) for step in members)
    if type(estimator).__module__ == "sklearn.feature_extraction.text":
        return hasattr(estimator, "build_analyzer")
    inner = getattr(estimator, "estimator", None)
    if inner is not None and hasattr(inner, "fit"):
        return takes_texts(inner)
    members = getattr(estimator, "estimators", None)
    if isinstance(members, list) and members and isinstance(members[0], tuple):
        models = [model for _, model in members if not isinstance(model, str)]
        return bool(models) and all(takes_texts(model) for model in models)
    return False


def as_taken(estimator: Any, x: pd.DataFrame) -> Any:
    """The features as the estimator takes them: its one column of texts, or the frame. Raises ColumnError."""
    if not takes_texts(estimator):
        return x
    if x.shape[1] != 1:
        raise ColumnError(
            f"a {type(estimator).__name__} over texts takes one column; the features are {listing(map(str, x.columns))}. Name one"
            f" in 'features', or put each text column and the numbers into a ColumnTransformer"
        )
    return x.iloc[:, 0]
