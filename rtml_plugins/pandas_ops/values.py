"""Arguments of pandas calls as JSON values and back.

JSON has no NaN, no timestamps and only text as keys, so these travel as objects with one marked key:
    {"$number": "nan"}   {"$timestamp": "2024-01-02T10:15:00"}   {"$timedelta": 86400000000}   {"$pairs": [[1, "a"], [2, "b"]]}
    {"$function": ...}, a Python function as a tree (see rtml_core.lowering.functions)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from rtml_core.errors import ParamError, describe

_MARKS: Final = ("$number", "$timestamp", "$timedelta", "$pairs", "$function")
#: Python types that people pass as dtype
_TYPES: Final = {int: "int64", float: "float64", bool: "bool", str: "str"}


def to_json(value: Any, name: str) -> Any:
    """`value` as JSON values, for the argument `name`; raises ParamError for functions and unknown objects."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$number": str(float(value))}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return _mapping(value, name)
    if isinstance(value, (list, tuple)):
        return [to_json(item, name) for item in value]
    if isinstance(value, (set, frozenset)):
        return [to_json(item, name) for item in sorted(value, key=repr)]
    if isinstance(value, type) and value in _TYPES:
        return _TYPES[value]
    if callable(value) and not hasattr(value, "dtype"):
        raise ParamError(
            f"argument '{name}' is a function, which only 'map' and 'apply' take: for a cell, or for a row with axis=1"
        )
    return _array_or_time(value, name)


def _mapping(value: Mapping[Any, Any], name: str) -> Any:
    if len(value) == 1 and next(iter(value)) in _MARKS:
        from_json(dict(value))  # must be readable
        return dict(value)
    if all(isinstance(key, str) for key in value) and not any(key in _MARKS for key in value):
        return {key: to_json(item, name) for key, item in value.items()}
    return {"$pairs": [[to_json(key, name), to_json(item, name)] for key, item in value.items()]}


def _array_or_time(value: Any, name: str) -> Any:
    import numpy as np
    import pandas as pd

    if value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (np.bool_, np.integer, np.floating, np.str_)):
        return to_json(value.item(), name)
    if isinstance(value, pd.Series):
        return _mapping(dict(value.items()), name)
    if isinstance(value, (np.ndarray, pd.Index)):
        return [to_json(item, name) for item in value.tolist()]
    if isinstance(value, type) and issubclass(value, np.generic):
        return np.dtype(value).name
    if isinstance(value, (np.dtype, pd.api.extensions.ExtensionDtype)):
        return str(value)
    try:
        if isinstance(value, (np.timedelta64, pd.Timedelta)) or hasattr(value, "total_seconds"):
            return {"$timedelta": int(pd.Timedelta(value).as_unit("us")._value)}
        return {"$timestamp": utc_naive(pd.Timestamp(value)).isoformat()}
    except (TypeError, ValueError):
        raise ParamError(f"argument '{name}' must be made of JSON values, timestamps and NaN; got {describe(value)}") from None


def utc_naive(moment: Any) -> Any:
    """A pandas Timestamp as the naive UTC one that canonical frames hold."""
    return moment if moment.tzinfo is None else moment.tz_convert("UTC").tz_localize(None)


def from_json(value: Any) -> Any:
    """The Python value of what to_json wrote."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        (mark, item), *_ = value.items()
        if mark in _MARKS:
            return _marked(mark, item)
    return {key: from_json(item) for key, item in value.items()}


def _marked(mark: str, item: Any) -> Any:
    import pandas as pd

    try:
        if mark == "$function":
            from rtml_core.lowering.functions import PythonFunction

            return PythonFunction(item)
        if mark == "$number":
            return float(item)
        if mark == "$timestamp":
            return utc_naive(pd.Timestamp(item))
        if mark == "$timedelta":
            return pd.Timedelta(int(item), unit="us")
        return {from_json(key): from_json(target) for key, target in item}
    except (TypeError, ValueError) as error:
        raise ParamError(f"{{{mark!r}: ...}} can't be read from {describe(item)}: {error}") from None
