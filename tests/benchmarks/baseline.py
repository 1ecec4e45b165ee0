"""The standard pipeline as a scikit-learn user writes it, with the means that scikit-learn and pandas offer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from tests.benchmarks.data import AGE_EDGES, AGE_NAMES, OTHERS, TEXTS, VOCABULARIES


def classifier(trees: int = 80) -> GradientBoostingClassifier:
    """The model of every contender: `trees` trees of depth 5."""
    return GradientBoostingClassifier(n_estimators=trees, max_depth=5, random_state=0)


def _buckets(ages: Any) -> np.ndarray[Any, Any]:
    """Ages [N, 1] in years -> index of the right-closed bucket [N, 1]."""
    return np.searchsorted(AGE_EDGES, np.asarray(ages), side="left") - 1


def _clock(seen_at: pd.DataFrame) -> np.ndarray[Any, Any]:
    """ISO 8601 texts [N, 1] -> hour and day of week (Monday is 0) [N, 2]."""
    moments = pd.to_datetime(seen_at.iloc[:, 0], utc=True, format="ISO8601")
    return np.column_stack([moments.dt.hour, moments.dt.day_of_week])


def _tidy(texts: pd.DataFrame) -> pd.DataFrame:
    """Missing and unknown texts become OTHERS, the others their upper-case form."""
    tidy = {}
    for name, words in VOCABULARIES.items():
        upper = texts[name].str.upper()
        tidy[name] = upper.where(upper.isin(words), OTHERS).to_numpy(dtype=object)
    return pd.DataFrame(tidy)


def pipeline() -> Pipeline:
    """An unfitted pipeline: raw rows in, probabilities out. Features in the order of `feature_names`."""
    dummies = OneHotEncoder(categories=[range(len(AGE_NAMES))], sparse_output=False)
    fill = SimpleImputer(strategy="median")
    buckets = Pipeline([("fill", fill), ("buckets", FunctionTransformer(_buckets)), ("dummies", dummies)])
    words = [[*VOCABULARIES[name], OTHERS] for name in TEXTS]
    text = Pipeline([("tidy", FunctionTransformer(_tidy)), ("dummies", OneHotEncoder(categories=words, sparse_output=False))])
    steps = [
        ("age", SimpleImputer(strategy="median"), ["age"]),
        ("numbers", "passthrough", ["km", "quote"]),
        ("clock", FunctionTransformer(_clock), ["seen_at"]),
        ("buckets", buckets, ["age"]),
        ("texts", text, list(TEXTS)),
    ]
    return Pipeline([("features", ColumnTransformer(steps)), ("model", classifier())])


def feature_names() -> list[str]:
    """Columns that reach the model, in order."""
    dummies = [f"{name}_{word}" for name in TEXTS for word in (*VOCABULARIES[name], OTHERS)]
    return ["age", "km", "quote", "hour", "weekday", *(f"age_bucket_{name}" for name in AGE_NAMES), *dummies]
