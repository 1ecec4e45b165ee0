"""Canonical frames: what a DataFrame looks like between two nodes, so that dtypes mean one thing everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import MISSING_STRING, Column, Schema
from rtml_core.errors import ColumnError, ExecutionError, describe

if TYPE_CHECKING:
    import pandas as pd


@cache
def string_dtype() -> Any:
    """pandas' string dtype with Python storage: its `str` methods are Python's own on every machine."""
    import pandas as pd

    return pd.StringDtype("python", na_value=np.nan)


def canonical(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with every column in its canonical dtype; raises ColumnError for a column that has none.

    int8..int32, uint8..uint32 -> int64; float16 -> float64; category -> its values; object -> string, bool or number by
    content; datetime64 of any unit or zone -> datetime64[us] in UTC, naive; Int64 with missing -> float64.
    """
    if _is_canonical(frame):
        return frame
    columns = {}
    changed = False
    for position, name in enumerate(frame.columns):
        before = frame.iloc[:, position]
        after = canonical_series(before, str(name))
        changed = changed or after is not before or not isinstance(name, str)
        if str(name) in columns:
            raise ColumnError(f"Column '{name}' is there twice; rename one of the two")
        columns[str(name)] = after
    if not changed:
        return frame
    import pandas as pd

    return pd.DataFrame(columns, index=frame.index)


@cache
def _canonical_dtypes() -> frozenset[Any]:
    """Dtypes that are canonical whatever the column holds."""
    numbers = [np.dtype(kind) for kind in ("float64", "float32", "int64", "bool", "datetime64[us]", "timedelta64[us]")]
    return frozenset([*numbers, string_dtype()])


def _is_canonical(frame: pd.DataFrame) -> bool:
    """Whether dtypes alone say so: a frame goes through here after every node, and looking at columns costs."""
    names = frame.columns
    return (
        names.nlevels == 1
        and names.is_unique
        and all(type(name) is str for name in names)
        and _canonical_dtypes().issuperset(frame.dtypes.to_numpy())
    )


def canonical_series(series: pd.Series, name: str) -> pd.Series:
    """One column in its canonical dtype; the very same object when it is so already."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        if dtype in (np.float64, np.float32, np.int64, np.bool_):
            return series
        if dtype.kind in "iu":
            if dtype == np.uint64 and len(series) and int(series.max()) > np.iinfo(np.int64).max:
                raise ColumnError(f"Column '{name}' holds whole numbers beyond 2^63; cast it to float64 or string first")
            return series.astype(np.int64)
        if dtype.kind == "f":
            return series.astype(np.float64)
        if dtype.kind == "M":
            return series if dtype == np.dtype("datetime64[us]") else series.astype("datetime64[us]")
        if dtype.kind == "m":
            return series if dtype == np.dtype("timedelta64[us]") else series.astype("timedelta64[us]")
    if isinstance(dtype, pd.StringDtype):
        return series if dtype == string_dtype() else series.astype(object).astype(string_dtype())
    if isinstance(dtype, pd.CategoricalDtype):
        return _from_categories(series, name)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return series.dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[us]")
    if isinstance(dtype, pd.BooleanDtype):
        return series if series.isna().any() else series.astype(bool)
    if pd.api.types.is_numeric_dtype(dtype):
        return _masked_number(series)
    return _from_objects(series, name)


def _from_categories(series: pd.Series, name: str) -> pd.Series:
    """The values of a categorical column, in the dtype of its categories, also where every row is missing."""
    import pandas as pd

    categories = series.dtype.categories
    if not series.isna().any():
        return canonical_series(series.astype(categories.dtype), name)
    word = dtype_word(canonical_series(pd.Series(categories), name)) if len(categories) else "float64"
    objects = series.astype(object)
    if word == "string":
        return objects.where(series.notna(), np.nan).astype(string_dtype())
    if word in ("timestamp", "timedelta"):
        return canonical_series(series.astype(categories.dtype), name)
    return canonical_series(objects.astype("boolean") if word == "bool" else objects, name)


def _masked_number(series: pd.Series) -> pd.Series:
    if series.isna().any() or series.dtype.kind == "f":
        return series.astype("float64")
    return series.astype("int64")


def _from_objects(series: pd.Series, name: str) -> pd.Series:
    import pandas as pd

    present = series[series.notna()]
    kinds = {type(value) for value in present}
    if not kinds:
        return series.astype("float64")
    if kinds <= {str, np.str_}:
        return series.where(series.notna(), np.nan).astype(string_dtype())
    if kinds <= {bool, np.bool_}:
        return canonical_series(series.astype("boolean"), name)
    if all(issubclass(kind, (int, float, np.number)) and not issubclass(kind, (bool, np.bool_)) for kind in kinds):
        try:
            return canonical_series(pd.to_numeric(series.where(series.notna(), np.nan)), name)
        except OverflowError:
            raise ColumnError(f"Column '{name}' holds a whole number beyond the range of float64") from None
    inferred = series.infer_objects()
    if inferred.dtype != object:
        return canonical_series(inferred, name)
    shown = sorted(kind.__name__ for kind in kinds)
    raise ColumnError(
        f"Column '{name}' holds values of the kinds {', '.join(shown)} (first: {describe(present.iloc[0])}); a column must be"
        f" all numbers, all strings, all booleans or all timestamps"
    )


def schema_of(frame: pd.DataFrame, *, nullable: bool | None = None) -> Schema:
    """Schema of a canonical frame. A column is nullable when a row is missing, or as `nullable` says."""
    return Schema(column_of(frame[name], str(name), nullable=nullable) for name in frame.columns)


def column_of(series: pd.Series, name: str, *, nullable: bool | None = None) -> Column:
    """Schema entry of a canonical series."""
    dtype = dtype_word(series)
    missing = bool(series.isna().any()) if nullable is None else nullable
    finite = bool(np.isfinite(series.dropna().to_numpy()).all()) if dtype in ("float64", "float32") else True
    return Column(name, dtype, missing and dtype != "int64", finite)


def dtype_word(series: pd.Series) -> str:
    """The column dtype (see columns.DTYPES) of a canonical series."""
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        return "string"
    if isinstance(dtype, pd.BooleanDtype):
        return "bool"
    kind = dtype.kind
    if kind in "MmifbO":
        return {"M": "timestamp", "m": "timedelta", "b": "bool", "i": "int64", "f": str(dtype), "O": "string"}[kind]
    raise ColumnError(f"Column '{series.name}' has dtype {dtype}, which is not a canonical one")


def to_carrier(series: pd.Series, nullable: bool) -> np.ndarray[Any, Any]:
    """A canonical series as the [N] array in which it travels: missing in band (see columns)."""
    word = dtype_word(series)
    array: np.ndarray[Any, Any]
    if word == "string":
        array = series.astype(object).where(series.notna(), MISSING_STRING).to_numpy(dtype=object)
    elif word == "bool" and nullable:
        array = series.astype("boolean").to_numpy(dtype=np.float64, na_value=np.nan)
    elif word == "bool":
        array = series.to_numpy(dtype=bool)
    elif word in ("timestamp", "timedelta"):
        array = series.to_numpy().astype("int64")
    else:
        array = series.to_numpy()
    return array


def from_carrier(values: np.ndarray[Any, Any], dtype: str) -> Any:
    """The inverse of to_carrier: an array that makes a canonical series."""
    import pandas as pd

    if dtype == "string":
        texts = np.asarray(values, dtype=object)
        return pd.array(np.where(texts == MISSING_STRING, np.nan, texts), dtype=string_dtype())
    if dtype == "bool" and values.dtype.kind == "f":
        mask = np.isnan(values)
        return pd.array(np.where(mask, 0, values).astype(bool), dtype="boolean") if not mask.any() else _masked_bool(values, mask)
    if dtype == "timestamp":
        return values.astype("datetime64[us]")
    if dtype == "timedelta":
        return values.astype("timedelta64[us]")
    return values


def _masked_bool(values: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> Any:
    import pandas as pd

    return pd.arrays.BooleanArray(np.where(mask, 0, values).astype(bool), mask)


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames side by side (fan-in). A column that two of them share must be the same in both, and is kept once."""
    import pandas as pd

    if len(frames) == 1:
        return frames[0]
    if any(len(frame) != len(frames[0]) for frame in frames):
        raise ExecutionError(f"the inputs to be joined have different numbers of rows: {[len(frame) for frame in frames]}")
    columns: dict[str, Any] = {}
    for frame in frames:
        for name in frame.columns:
            if name in columns and not columns[name].equals(frame[name]):
                raise ColumnError(
                    f"Column '{name}' comes from two inputs with different values; rename one of them before the join"
                )
            columns.setdefault(name, frame[name])
    return pd.DataFrame(columns, index=frames[0].index)
