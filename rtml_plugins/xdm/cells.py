"""Values of documents as columns of a frame and back, without changing one.

A column gets the narrowest dtype that keeps every value and its type: str, float64, int64, bool, with pandas' masked Int64 and
boolean where a document has nothing there; everything else is a column of Python objects: values of several types, whole numbers
beyond int64, lists, null. Nothing there is NaN or NA; null is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from rtml_core.errors import InputError, InputProblem, describe
from rtml_core.frames import string_dtype
from rtml_core.timestamps import format_timestamp, to_micros
from rtml_plugins.xdm.paths import pointer


class _Absent(float):
    """A NaN that is no float of a document."""

    def __repr__(self) -> str:
        return "ABSENT"


#: where a document has nothing
ABSENT: Final = _Absent("nan")
#: levels of objects and arrays that a document may nest; the deepest of XDM's own examples has 17
DEEPEST: Final = 200
_KINDS: Final = frozenset({str, int, float, bool, type(None), list, dict, _Absent})
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def is_absent(value: Any) -> bool:
    """Whether a cell says that there is nothing: NaN, NA, NaT."""
    return (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT


def series(values: list[Any], path: Sequence[object], rows: Sequence[int] | None = None, whole: bool = False) -> Any:
    """An array for a column of values, ABSENT where there is nothing.

    path and rows (their numbers, 0, 1, 2, ... without) are for messages: raises InputError for what is no JSON value. whole: the
    field is one of whole numbers, so that floats in it, like 1.0, stay Python objects: a column of floats means something else.
    """
    kinds = set(map(type, values))
    present = kinds - {_Absent}
    if not present <= _KINDS:
        _refuse(values, path, rows, lambda value: type(value) not in _KINDS)
    if present == {str}:
        return pd.array(np.fromiter(values, dtype=object, count=len(values)), dtype=string_dtype())
    if present == {float} and not whole:
        numbers = np.array(values, np.float64)
        finite = int(np.isfinite(numbers).sum())
        if finite < len(values) and finite + _absent_count(values) < len(values):
            _refuse(values, path, rows, lambda value: type(value) is float and not math.isfinite(value))
        return numbers
    if present in ({int}, {bool}):
        made = _numbers(values, bool if bool in present else int, _Absent in kinds)
        if made is not None:
            return made
    if float in kinds:
        _refuse(values, path, rows, lambda value: type(value) is float and not math.isfinite(value))
    if list in kinds or dict in kinds:
        for number, value in enumerate(values):
            kind = type(value)
            if (kind is list or kind is dict) and value and not _is_json(value, DEEPEST - len(path)):
                check(value, (number if rows is None else rows[number], *path), len(path))
    return _objects(values, kinds)


def frame(columns: dict[str, Any], index: pd.Index) -> pd.DataFrame:
    """A frame of arrays, each in the dtype that it has: pandas would look into objects and make texts of None and texts."""
    made = {name: pd.Series(values, index=index, dtype=values.dtype, copy=False) for name, values in columns.items()}
    return pd.DataFrame(made, index=index, copy=False)


def _absent_count(values: list[Any]) -> int:
    return list(map(type, values)).count(_Absent)


def _objects(values: list[Any], kinds: set[type]) -> Any:
    if _Absent in kinds:
        values = [np.nan if type(value) is _Absent else value for value in values]
    return np.fromiter(values, dtype=object, count=len(values))


def _numbers(values: list[Any], kind: type, some_absent: bool) -> Any:
    """int64, Int64, bool or boolean; None for whole numbers beyond int64."""
    try:
        if not some_absent:
            return np.array(values, np.int64 if kind is int else np.bool_)
        absent = np.fromiter((type(value) is _Absent for value in values), np.bool_, len(values))
        filled = [0 if type(value) is _Absent else value for value in values]
        if kind is int:
            return pd.arrays.IntegerArray(np.array(filled, np.int64), absent)
        return pd.arrays.BooleanArray(np.array(filled, np.bool_), absent)
    except OverflowError:
        return None


def _refuse(values: list[Any], path: Sequence[object], rows: Sequence[int] | None, wrong: Any) -> None:
    for number, value in enumerate(values):
        if wrong(value):
            raise not_json((number if rows is None else rows[number], *path), value)


def not_json(path: Iterable[object], value: Any) -> InputError:
    """The error for a value of a document that JSON does not have."""
    expected = "a JSON value (a text, a finite number, true, false, null, a list or a dict with texts as keys)"
    return InputError([InputProblem(pointer([*path]), expected, f"{describe(value)} of type {type(value).__name__}")])


def too_deep(path: Iterable[object]) -> InputError:
    """The error for a document that nests more than DEEPEST levels."""
    at = pointer([*path][:4])
    return InputError([InputProblem(at, f"objects and arrays nested at most {DEEPEST} levels deep", "more levels below")])


def _is_json(value: Any, levels: int) -> bool:
    """Whether a list or a dict holds what JSON has, in at most so many levels: what `check` says more slowly, with the place."""
    if levels <= 0:
        return False
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    for inner in value:
        kind = type(inner)
        if kind is dict or kind is list:
            if not _is_json(inner, levels - 1):
                return False
        elif kind is float:
            if inner - inner != 0.0:
                return False
        elif kind not in _SCALARS:
            return False
    return True


def check(value: Any, path: tuple[object, ...], depth: int) -> None:
    """Raise InputError when a list or a dict holds anything that JSON does not have. path: for messages; depth: its levels."""
    if depth >= DEEPEST:
        raise too_deep(path)
    if type(value) is dict:
        for key, inner in value.items():
            if type(key) is not str:
                raise not_json(path, value)
            _check_inner(inner, (*path, key), depth)
    else:
        for index, inner in enumerate(value):
            _check_inner(inner, (*path, index), depth)


def _check_inner(value: Any, path: tuple[object, ...], depth: int) -> None:
    kind = type(value)
    if kind is dict or kind is list:
        check(value, path, depth + 1)
    elif kind not in _KINDS or kind is _Absent or (kind is float and not math.isfinite(value)):
        raise not_json(path, value)


def values_of(column: pd.Series, name: str) -> list[Any]:
    """The values of a column of a frame as JSON values, ABSENT where there is nothing; instants become RFC 3339 texts in UTC.

    Raises InputError for what is no JSON value.
    """
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return column.tolist()  # type: ignore[no-any-return]
    values: list[Any] = column.tolist()
    kinds = set(map(type, values))
    if kinds <= {str, int, bool, type(None)}:
        return values
    return [_value(value, name, row) for row, value in enumerate(values)]


def _value(value: Any, name: str, row: int) -> Any:
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if is_absent(value):
        return ABSENT
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic) and not isinstance(value, np.datetime64):
        value = value.item()
    if isinstance(value, (pd.Timestamp, np.datetime64)):
        return format_timestamp(to_micros(value))
    if isinstance(value, (list, tuple, dict)):
        return _copied(value, (row, name), 0)
    if type(value) not in _KINDS or (isinstance(value, float) and not math.isfinite(value)):
        raise not_json((row, name), value)
    return value


def _copied(value: Any, path: tuple[object, ...], depth: int) -> Any:
    """A cell of lists and dicts, so that a document shares nothing with the frame; arrays, as of Parquet, become lists."""
    if depth > DEEPEST:
        raise too_deep(path)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_copied(inner, (*path, index), depth + 1) for index, inner in enumerate(value)]
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise not_json(path, value)
        return {key: _copied(inner, (*path, key), depth + 1) for key, inner in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) not in _KINDS or (isinstance(value, float) and not math.isfinite(value)):
        raise not_json(path, value)
    return value
