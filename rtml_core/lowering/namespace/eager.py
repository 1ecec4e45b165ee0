"""Formulas on arrays: the eager reference, numpy's and Python's own answers row by row. Nothing here knows of ONNX.

A column is an array [N] of float64, float32, int64, bool, datetime64[us] or timedelta64[us], or of objects: str or None for
texts, True, False or None for booleans that may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.namespace.calls import Namespace, columns_in
from rtml_core.lowering.namespace.scalars import carried, dtype_of_constant, plain
from rtml_core.lowering.namespace.values import Value

Array = np.ndarray[Any, Any]
_WORDS = {"M": "timestamp", "m": "timedelta", "b": "bool", "i": "int64", "f": "float64"}


class EagerValue(Value):
    """A column of a formula that runs on arrays. `array`: see the module."""

    __slots__ = ("_dtype", "array", "engine")

    def __init__(self, engine: ArrayEngine, array: Array, dtype: str):
        self.engine, self.array, self._dtype = engine, array, dtype

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def namespace(self) -> Namespace:
        return self.engine.namespace

    def __repr__(self) -> str:
        return f"<{self.dtype} column {self.array!r}>"


class ArrayEngine:
    """One run of a formula on arrays of N rows."""

    def __init__(self, rows: int):
        self.rows = rows
        self.namespace = Namespace(self)

    def wrap(self, array: Any, dtype: str = "") -> EagerValue:
        """An array [N] as a column; the dtype of objects has to be told."""
        return EagerValue(self, array, dtype or word_of(array))

    def owns(self, value: Value) -> bool:
        """Whether the column belongs to this run."""
        return isinstance(value, EagerValue) and value.engine is self

    def adapt(self, value: Value, dtypes: tuple[str, ...]) -> Value | None:
        """A column without a single value is float64 in pandas, and may stand for one of any dtype."""
        assert isinstance(value, EagerValue)
        if value.dtype != "float64" or not np.isnan(value.array).all():
            return None
        return self.wrap(missing_array(dtypes[0], len(value.array)), dtypes[0])

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """See Engine. Constants alone give a constant."""
        from rtml_core.lowering.namespace.eager_functions import FUNCTIONS
        from rtml_core.lowering.namespace.early import refuse_early

        with np.errstate(all="ignore"):
            if not columns_in(arguments) and name not in ("custom", "select"):
                return call_on_constants(name, arguments)
            refuse_early(name, arguments)
            result = FUNCTIONS[name](self, **arguments)
        if isinstance(result, tuple):
            return tuple(self._column(item) for item in result)
        return self._column(result)

    def _column(self, result: Any) -> Any:
        if not isinstance(result, EagerValue):
            return plain(result)
        shape = result.array.shape
        return result if shape == (self.rows,) else self.wrap(np.broadcast_to(result.array, (self.rows,)), result.dtype)

    def lift(self, value: Any, dtype: str | None = None) -> EagerValue:
        """A constant as a column [1]; a column as it is."""
        if isinstance(value, EagerValue):
            return value
        dtype = dtype or dtype_of_constant(value)
        assert dtype is not None
        if value is None or value is np.nan:
            return self.wrap(missing_array(dtype, 1), dtype)
        if dtype in ("timestamp", "timedelta"):
            return self.wrap(np.array([carried(value)], dtype="int64").view(_numpy(dtype)), dtype)
        return self.wrap(np.array([value], dtype=object if dtype == "string" else dtype), dtype)


def call_on_constants(name: str, arguments: dict[str, Any]) -> Any:
    """A function of the namespace on constants only: a constant."""
    from rtml_core.lowering.namespace.catalogue import FUNCTIONS as CATALOGUE

    engine = ArrayEngine(1)
    columns = {p.name for p in CATALOGUE[name].parameters if not p.is_constant}

    def lifted(key: str, value: Any) -> Any:
        if key not in columns or value is None:
            return value
        return [engine.lift(item) for item in value] if isinstance(value, list) else engine.lift(value)

    given = {key: lifted(key, value) for key, value in arguments.items()}
    if not columns_in(given):
        raise NotLowerableError(f"xp.{name} needs a column, or a constant that is not None")
    result = engine.call(name, given)
    found = result.array[0]
    return plain(found.item() if isinstance(found, (np.number, np.bool_)) and not isinstance(found, np.timedelta64) else found)


def word_of(array: Array) -> str:
    """The dtype, as a word of columns.DTYPES, of an array that is not one of objects."""
    if array.dtype == np.float32:
        return "float32"
    if array.dtype.kind not in _WORDS:
        raise NotLowerableError(f"an array of {array.dtype} is no column of a formula")
    return _WORDS[array.dtype.kind]


def _numpy(dtype: str) -> Any:
    return {"timestamp": "datetime64[us]", "timedelta": "timedelta64[us]", "string": object}.get(dtype, dtype)


def missing_array(dtype: str, rows: int) -> Array:
    """N missing values of a dtype; whole numbers become floats."""
    if dtype in ("string", "bool"):
        return np.full(rows, None, dtype=object)
    if dtype in ("timestamp", "timedelta"):
        return np.full(rows, "NaT", dtype=_numpy(dtype))
    return np.full(rows, np.nan, dtype="float32" if dtype == "float32" else "float64")


def missing_rows(value: EagerValue) -> Array:
    """bool [N]: where a column is missing."""
    array = value.array
    if array.dtype == object:
        return np.array([item is None for item in array], dtype=bool)
    if value.dtype in ("timestamp", "timedelta"):
        return np.isnat(array)
    return np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)


def from_outside(engine: ArrayEngine, array: Any, dtype: str | None = None) -> EagerValue:
    """An array or a pandas Series as a column; its missing values may be None, NaN, NA or NaT. dtype: what objects hold."""
    import pandas as pd

    from rtml_core.frames import canonical_series, dtype_word

    if (
        isinstance(array, np.ndarray)
        and array.dtype in (np.float64, np.float32, np.int64, np.bool_)
        and dtype in (None, word_of(array))
    ):
        return engine.wrap(array)
    series = canonical_series(pd.Series(array), "x")
    word = dtype_word(series)
    if dtype is not None and word != dtype and series.isna().all():
        return engine.wrap(missing_array(dtype, len(series)), "float64" if dtype == "int64" else dtype)
    if word == "string" or (word == "bool" and series.isna().any()):
        kind = str if word == "string" else bool
        objects = np.array(
            [None if item is None or item is pd.NA or item != item else kind(item) for item in series], dtype=object
        )
        return engine.wrap(objects, word)
    return engine.wrap(series.to_numpy(), word)


def to_outside(value: Any, rows: int, engine: ArrayEngine) -> Array:
    """A column, or a constant for every row, as an array: floats with NaN, objects with None, times with NaT."""
    if not isinstance(value, Value):
        value = engine.lift(plain(value)) if value is not None else None
    if not isinstance(value, EagerValue) or not engine.owns(value):
        raise NotLowerableError(f"a formula must give columns and constants of its own; got {describe(value)}")
    return np.broadcast_to(value.array, (rows,))


def eager_values(function: Any, arrays: Sequence[Any], arguments: Any = None, *, dtypes: Sequence[str] | None = None) -> Any:
    """`function(xp, *columns, **arguments)` on arrays [N]: what it returns, with an array [N] for every column.

    arrays: numpy arrays or pandas Series; missing values are None, NaN, NA or NaT. dtypes: the columns' dtypes, where arrays
    of objects without a value leave them open. What comes back, a column, a tuple or list of them, or an object by name, keeps
    its form; texts are objects with None, times datetime64[us] and timedelta64[us] with NaT.
    """
    rows = len(arrays[0]) if len(arrays) else 0
    engine = ArrayEngine(rows)
    wanted = dtypes or [None] * len(arrays)  # type: ignore[list-item]
    columns = [from_outside(engine, array, dtype) for array, dtype in zip(arrays, wanted, strict=True)]
    return each(function(engine.namespace, *columns, **(arguments or {})), lambda value: to_outside(value, rows, engine))


def each(results: Any, change: Any) -> Any:
    """`change` of every value in an object, a tuple or a list of them, or of the one value that it is."""
    if isinstance(results, dict):
        return {name: change(value) for name, value in results.items()}
    if isinstance(results, (tuple, list)):
        return tuple(change(value) for value in results)
    return change(results)
