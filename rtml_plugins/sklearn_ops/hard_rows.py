"""Rows that are hard to get right: at and next to every threshold, unknown categories, missing, huge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_plugins.sklearn_ops.edges import Points

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Column

#: at most so many rows; where there are more points, evenly spread ones are kept
LIMIT: Final = 10_000
_MIXED: Final = 2_000
_HUGE: Final = (0.0, -0.0, 1.0, 1e-300, 1e15, -1e15, 1e30, -1e30, 3.4028235677973366e38, 1e300, -1e300)
_WHOLE: Final = (0, 1, -1, 2**31, -(2**31), 2**53, -(2**53), 2**62)
_TEXTS: Final = ("", " ", "nan", "None", "unknown category", "ÄÖÜ ß", "\U0001f600", "0")


def hard_rows(inputs: Mapping[str, Any], found: Points, seed: int = 0) -> pd.DataFrame:
    """Canonical rows of the feature columns.

    inputs: by feature, {"dtype", "missing", "typical"} as recorded when fitting. Each row is typical but for one feature,
    which takes one of its hard values; the last rows mix hard values of all features.
    """
    import pandas as pd

    random = np.random.default_rng(seed)
    names = list(inputs)
    hard = {name: _hard_values(inputs[name], found.get(i, set())) for i, name in enumerate(names)}
    budget = max((LIMIT - _MIXED) // max(len(names), 1), 1)
    rows: list[list[Any]] = []
    for position, name in enumerate(names):
        for value in _spread(hard[name], budget):
            row = [_pick(inputs[other]["typical"], len(rows)) for other in names]
            row[position] = value
            rows.append(row)
    for _ in range(min(_MIXED, LIMIT - len(rows), 50 * len(names))):
        rows.append([_mixed(random, inputs[name]["typical"], hard[name]) for name in names])
    columns = {name: _series([row[i] for row in rows], inputs[name]["dtype"]) for i, name in enumerate(names)}
    return pd.DataFrame(columns)


def as_incoming(inputs: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    """The facts about the inputs with dtype and missing values as a graph brings them, where that is known."""
    found = {}
    for name, facts in inputs.items():
        column = columns.get(name)
        found[name] = facts
        if column is not None:
            dtype = "float64" if column.dtype == "float32" else column.dtype
            typical = [_as(value, dtype) for value in facts["typical"]]
            found[name] = {**facts, "dtype": dtype, "missing": column.nullable, "typical": typical}
    return found


def _as(value: Any, dtype: str) -> Any:
    readers = {"int64": lambda v: int(float(v)), "float64": float, "bool": bool, "string": str}
    return readers[dtype](value)


def _pick(values: Sequence[Any], turn: int) -> Any:
    return values[turn % len(values)] if values else None


def _mixed(random: np.random.Generator, typical: Sequence[Any], hard: Sequence[Any]) -> Any:
    pool = hard if random.random() < 0.5 or not typical else typical
    return pool[int(random.integers(len(pool)))]


def _spread(values: Sequence[Any], limit: int) -> list[Any]:
    if len(values) <= limit:
        return list(values)
    return [values[int(i)] for i in np.linspace(0, len(values) - 1, limit)]


def _hard_values(facts: Mapping[str, Any], found: set[Any]) -> list[Any]:
    dtype = facts["dtype"]
    missing = [None] if facts["missing"] else []
    if dtype == "string":
        return [*sorted(v for v in found if isinstance(v, str)), *_TEXTS, *missing]
    if dtype == "bool":
        return [True, False, *missing]
    numbers = np.array(sorted(float(v) for v in found if not isinstance(v, str)))
    if dtype == "int64":
        near = {int(n) for v in numbers[np.abs(numbers) < 2**62] for n in (np.floor(v), np.ceil(v), np.floor(v) - 1)}
        return [*sorted(near), *_WHOLE]
    from rtml_plugins.sklearn_ops.convert.thresholds import around

    # special values first: where there are too many, the ends are kept
    return [*missing, *_HUGE, *around(numbers).tolist(), *missing]


def _series(values: Sequence[Any], dtype: str) -> pd.Series:
    import pandas as pd

    from rtml_core.frames import string_dtype

    if dtype == "string":
        return pd.Series([np.nan if v is None else v for v in values], dtype=object).astype(string_dtype())
    if dtype == "bool":
        flags = pd.Series(values, dtype="boolean")
        return flags if flags.isna().any() else flags.astype(bool)
    if dtype == "int64":
        return pd.Series([0 if v is None else v for v in values], dtype="int64")
    return pd.Series([np.nan if v is None else float(v) for v in values], dtype="float64")


def typical_row(inputs: Mapping[str, Any]) -> pd.DataFrame:
    """One row of the features as scikit-learn takes them, with a value of each that is typical."""
    import pandas as pd

    from rtml_plugins.sklearn_ops.evaluate import features_frame

    row = pd.DataFrame({name: _series([_pick(facts["typical"], 0)], facts["dtype"]) for name, facts in inputs.items()})
    return features_frame(row, list(inputs), {name: facts["seen"] for name, facts in inputs.items()})


def describe_inputs(frame: pd.DataFrame, x: pd.DataFrame) -> dict[str, Any]:
    """For each feature: dtype as scikit-learn sees it, whether values were missing, and a few typical ones (no whole rows).

    frame: the canonical training columns; x: the same as given to scikit-learn.
    """
    from rtml_core.frames import dtype_word

    return {str(name): _describe(frame[name], dtype_word(frame[name])) for name in x.columns}


def _describe(series: pd.Series, word: str) -> dict[str, Any]:
    present = series.dropna()
    missing = len(present) < len(series)
    if word == "string":
        typical: list[Any] = [
            str(value) for value in present.value_counts().sort_index().sort_values(ascending=False, kind="stable").index[:20]
        ]
    elif word == "bool":
        typical = sorted({bool(value) for value in present})
    elif word == "int64":
        typical = [int(value) for value in np.quantile(present, [0.1, 0.5, 0.9], method="nearest")] if len(present) else [0]
    else:
        finite = present[np.isfinite(present.to_numpy(dtype=np.float64))].to_numpy(dtype=np.float64)
        word = "float64"
        typical = [float(value) for value in np.quantile(finite, [0.1, 0.5, 0.9], method="nearest")] if len(finite) else [0.0]
    return {"dtype": word, "missing": missing, "typical": typical}
