"""The eager side: frames to scikit-learn and its answers back to frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError
from rtml_core.frames import dtype_word
from rtml_plugins.sklearn_ops.answers import Answer
from rtml_plugins.sklearn_ops.documents import as_taken

if TYPE_CHECKING:
    import pandas as pd


def features_frame(frame: pd.DataFrame, features: Sequence[str], dtypes: Mapping[str, str] | None = None) -> pd.DataFrame:
    """The feature columns as scikit-learn takes them: float64, int64, bool, or objects with NaN for strings.

    A boolean that may be missing becomes float64. dtypes: those seen in training, so that a batch in which nothing is
    missing looks like the others.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for name in features:
        if name not in frame.columns:
            raise ColumnError(missing_column(name, map(str, frame.columns)))
        columns[name] = _feature(frame[name], name, (dtypes or {}).get(name))
    return pd.DataFrame(columns, index=frame.index)


def _feature(series: pd.Series, name: str, trained: str | None) -> pd.Series:
    word = dtype_word(series)
    if word in ("timestamp", "timedelta"):
        raise ColumnError(
            f"Column '{name}' is a {word}, and scikit-learn takes numbers and strings: turn it into numbers first, e.g."
            f' Pandas(import_="dt.hour", cols="{name}"), or name the features without it'
        )
    if word == "string":
        return series.astype(object).where(series.notna(), np.nan)
    if word == "bool" and (str(series.dtype) == "boolean" or trained == "float64"):
        return series.astype("boolean").astype("Float64").astype("float64")
    if word in ("float32", "int64") and (word == "float32" or trained == "float64"):
        return series.astype("float64")
    return series


def trained_dtype(series: pd.Series) -> str:
    """dtype word of a column of features_frame: float64, int64, bool or string."""
    return "string" if series.dtype == object else str(series.dtype)


def answer_frame(estimator: Any, x: pd.DataFrame, answers: Sequence[Answer], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The output columns for the rows of `x`, in the dtypes they had in training (float64 where that is not known)."""
    import pandas as pd

    parts = {part: None if len(x) == 0 else part_of(estimator, x, part) for part in dict.fromkeys(a.part for a in answers)}
    columns: dict[str, Any] = {}
    for answer in answers:
        matrix = parts[answer.part]
        values = np.empty(0) if matrix is None else matrix[:, answer.index]
        columns[answer.name] = _series(values, dtypes.get(answer.name), x.index)
    return pd.DataFrame(columns, index=x.index)


def _series(values: Any, dtype: str | None, index: Any) -> pd.Series:
    import pandas as pd

    from rtml_core.frames import canonical_series, string_dtype

    series = pd.Series(values, index=index)
    if dtype == "string":
        return series.astype(object).where(series.notna(), np.nan).astype(string_dtype())
    if dtype is None:
        return canonical_series(series, "answer") if len(series) else series.astype("float64")
    if dtype in ("int64", "bool") and series.isna().any():
        return canonical_series(series, "answer")
    return series.astype(dtype)


def part_of(estimator: Any, x: pd.DataFrame, part: str) -> Any:
    """One part of an estimator's answer as an array [N, k]."""
    methods = {"label": "predict", "value": "predict", "probability": "predict_proba", "decision": "decision_function"}
    method = getattr(estimator, methods.get(part, "transform"))
    found = total(method, as_taken(estimator, x))
    if hasattr(found, "toarray"):
        found = found.toarray()
    if isinstance(found, list):
        raise ColumnError(f"{type(estimator).__name__} predicts several labels at once; fit one model for each label")
    array = np.asarray(found)
    if array.ndim == 0 or len(array) != len(x):
        raise ColumnError(f"{type(estimator).__name__} answers {len(array)} rows for {len(x)}, so it can't be a node")
    return array.reshape(len(x), -1)


def width_of_transformed(estimator: Any, names: Sequence[str], row: pd.DataFrame | None = None) -> int:
    """Number of columns that a transformer without names for them gives. row: one that it takes, where one is known."""
    import pandas as pd

    if row is None:
        row = pd.DataFrame(np.zeros((1, len(names))), columns=list(names))
    return int(part_of(estimator, row, "transformed").shape[1])


def total(method: Callable[[Any], Any], x: pd.DataFrame) -> Any:
    """method(x), where rows that scikit-learn refuses only for being infinite or beyond float32 are computed all the same.

    A compiled model computes them as floating point says (an infinite value lies beyond every threshold). Refusing them
    would cost a look at every value of every row; so the eager side answers too, and the two agree.
    """
    with warnings.catch_warnings():
        # said when fitting, or meant for people who look at one batch: unknown categories, columns without any value
        warnings.simplefilter("ignore")
        return _total(method, x)


def _total(method: Callable[[Any], Any], x: pd.DataFrame) -> Any:
    try:
        return method(x)
    except ValueError as error:
        if "infinity" not in str(error):
            raise
    beyond = _beyond_float32(x)
    if beyond.all():
        return _as_floating_point_says(method, x)
    if beyond.any():
        return _both(method, x, beyond)
    if len(x) == 1:
        return _as_floating_point_says(method, x)
    first = np.zeros(len(x), bool)
    first[: len(x) // 2] = True
    return _both(method, x, first)


def _beyond_float32(x: pd.DataFrame) -> Any:
    """bool [N]: rows with a number that float32 does not hold, and nothing missing."""
    numbers = x.select_dtypes("number")
    values = numbers.to_numpy(dtype=np.float64)
    return (np.abs(values) > np.finfo(np.float32).max).any(axis=1) & ~np.isnan(values).any(axis=1)


def _as_floating_point_says(method: Callable[[Any], Any], x: pd.DataFrame) -> Any:
    from sklearn import config_context

    with config_context(assume_finite=True), np.errstate(all="ignore"):
        return method(x)


def _both(method: Callable[[Any], Any], x: pd.DataFrame, first: Any) -> Any:
    """method on two parts of the rows, put together in the order of the rows."""
    found = [_total(method, x.loc[part]) for part in (first, ~first)]
    parts = [part.toarray() if hasattr(part, "toarray") else np.asarray(part) for part in found]
    places = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)])
    return np.concatenate(parts)[np.argsort(places)]
