"""Constants of a formula: Python's numbers, texts, times and None; those of numpy and pandas become Python's.

A constant is weak, as Python's numbers are in numpy: it takes the dtype of the column that it meets.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError, describe

_EPOCH: Final = datetime.datetime(1970, 1, 1)
_INT64: Final = (-(2**63), 2**63 - 1)


def plain(value: Any) -> Any:
    """A constant as bool, int, float, str, None, numpy.datetime64[us] or numpy.timedelta64[us].

    Raises NotLowerableError for everything else: arrays, lists, columns of another formula.
    """
    if value is None or isinstance(value, (bool, str)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return value.astype("datetime64[us]" if isinstance(value, np.datetime64) else "timedelta64[us]")
    if isinstance(value, (np.generic, np.ndarray)) and getattr(value, "ndim", 0) == 0 and value.dtype.kind in "biufU":
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not _INT64[0] <= value <= _INT64[1]:
            raise NotLowerableError(f"the number {value} does not fit into int64; write it as a float, {value}.0")
        return int(value)
    if isinstance(value, (float, str)):
        return float(value) if isinstance(value, float) else str(value)
    found = _time(value)
    if found is None:
        raise NotLowerableError(
            f"a formula takes columns and constants (numbers, booleans, texts, datetime and timedelta, None);"
            f" got {type(value).__name__}: {describe(value)}"
        )
    return found


def _time(value: Any) -> Any:
    """A datetime, a date or a timedelta of Python or pandas; None for anything else. Naive ones are UTC."""
    if type(value).__name__ == "NaTType":
        return np.datetime64("NaT", "us")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.UTC).replace(tzinfo=None)
        return np.datetime64(_micros(value - _EPOCH), "us")
    if isinstance(value, datetime.date):
        return np.datetime64(value, "us")
    if isinstance(value, datetime.timedelta):
        return np.timedelta64(_micros(value), "us")
    return None


def _micros(span: datetime.timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def dtype_of_constant(value: Any) -> str | None:
    """The dtype that a plain constant has by itself; None for None."""
    if value is None:
        return None
    if isinstance(value, np.datetime64):
        return "timestamp"
    if isinstance(value, np.timedelta64):
        return "timedelta"
    return {bool: "bool", int: "int64", float: "float64", str: "string"}[type(value)]


def carried(value: Any) -> Any:
    """A plain constant as it travels in a tensor: times in microseconds."""
    return int(value.astype("int64")) if isinstance(value, (np.datetime64, np.timedelta64)) else value
