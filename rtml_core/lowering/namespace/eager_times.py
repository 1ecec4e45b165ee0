"""Times on arrays, by pandas; what Python adds to a time or takes from it is numpy's. Missing in, missing out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError, close_match
from rtml_core.lowering.namespace.eager import ArrayEngine, EagerValue, missing_rows
from rtml_core.lowering.namespace.eager_numbers import number
from rtml_core.timestamps import parse_timestamp

#: unit -> microseconds
UNITS: Final = {
    "day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "millisecond": 1_000,
    "microsecond": 1,
}  # fmt: skip
NUMBERS: Final = (
    "year", "month", "day", "hour", "minute", "second", "microsecond", "dayofweek", "dayofyear", "quarter", "days_in_month",
)  # fmt: skip
QUESTIONS: Final = ("is_leap_year", "is_month_start", "is_month_end")


def unit_of(name: str, unit: str) -> int:
    """Microseconds of a unit, in the singular or in the plural; or NotLowerableError."""
    found = UNITS.get(unit.removesuffix("s"))
    if found is None:
        raise NotLowerableError(
            f"xp.dates.{name}: the unit must be one of {', '.join(UNITS)}; got {unit!r}.{close_match(unit, UNITS)}"
        )
    return found


def _part(name: str) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any) -> EagerValue:
        pandas = {"dayofweek": "day_of_week", "dayofyear": "day_of_year"}.get(name, name)
        return engine.wrap(getattr(_series(x).dt, pandas).to_numpy(dtype=np.float64, na_value=np.nan))

    return call


def _series(x: Any) -> Any:
    import pandas as pd

    return pd.Series(x.array)


def _question(name: str) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any) -> EagerValue:
        return engine.wrap(getattr(_series(x).dt, name).to_numpy(dtype=bool) & ~missing_rows(x))

    return call


def _week(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap(_series(x).dt.isocalendar().week.to_numpy(dtype=np.float64, na_value=np.nan))


def _weekend(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap((_series(x).dt.day_of_week >= 5).to_numpy(dtype=bool))


def _to_unit(name: str) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any, unit: str) -> EagerValue:
        micros = unit_of(name, unit)
        whole = x.array.astype("int64")
        below = whole // micros
        rest = whole - below * micros
        if name == "floor":
            up = np.zeros(len(whole), dtype=bool)
        elif name == "ceil":
            up = rest > 0
        else:
            up = (2 * rest > micros) | ((2 * rest == micros) & (below % 2 == 1))
        made = ((below + up) * micros).astype(x.array.dtype)
        made[missing_rows(x)] = np.array("NaT", dtype=x.array.dtype)
        return engine.wrap(made)

    return call


def _total_seconds(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap(x.array / np.timedelta64(1_000_000, "us"))


def _timedelta(engine: ArrayEngine, x: Any, unit: str) -> EagerValue:
    micros, values = unit_of("timedelta", unit), number(x, whole=True)
    floats = np.round(values.astype(np.float64) * float(micros))
    fits = np.abs(floats) < 2.0**63
    exact = values * np.int64(micros) if values.dtype.kind == "i" else np.where(fits, floats, 0).astype("int64")
    return engine.wrap(np.where(fits, exact.astype("timedelta64[us]"), np.timedelta64("NaT", "us")))


def _parse(engine: ArrayEngine, x: Any) -> EagerValue:
    read = [None if text is None else parse_timestamp(text) for text in x.array]
    missing = np.iinfo(np.int64).min
    return engine.wrap(np.array([missing if micros is None else micros for micros in read], dtype="int64").view("datetime64[us]"))


FUNCTIONS: Final[dict[str, Callable[..., EagerValue]]] = {
    **{f"dates.{name}": _part(name) for name in NUMBERS},
    **{f"dates.{name}": _question(name) for name in QUESTIONS},
    "dates.week": _week,
    "dates.is_weekend": _weekend,
    **{f"dates.{name}": _to_unit(name) for name in ("floor", "ceil", "round")},
    "dates.total_seconds": _total_seconds,
    "dates.timedelta": _timedelta,
    "dates.parse": _parse,
}
