"""Methods of .dt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import dates
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

#: fixed frequencies of dt.floor, in microseconds
_UNITS: Final = {
    "D": dates.MICROS_PER_DAY,
    "h": dates.HOUR,
    "min": dates.MINUTE,
    "s": dates.SECOND,
    "ms": dates.SECOND // 1000,
    "us": 1,
}
_TIMEDELTA_PARTS: Final = ("days", "seconds", "microseconds")


def _part(name: str) -> Callable[[Call], list[Symbolic]]:
    return lambda call: one_by_one(call, lambda column: dates.parts(call.b, column, name))


def _timedelta_part(name: str) -> Callable[[Call], list[Symbolic]]:
    return lambda call: one_by_one(call, lambda column: dates.timedelta_parts(call.b, column, name))


def _floor(call: Call) -> list[Symbolic]:
    call.only("freq")
    unit = _UNITS.get(call.get("freq"))
    if unit is None:
        raise NotLowerableError(f"argument 'freq' must be one of {', '.join(_UNITS)} to compile; got {call.get('freq')!r}")
    return one_by_one(call, lambda column: dates.floor(call.b, column, unit))


TIME_METHODS: Final[Mapping[str, Callable[[Call], list[Symbolic]]]] = {
    **{f"dt.{name}": _part(name) for name in dates.PARTS},
    **{f"dt.{name}": _timedelta_part(name) for name in _TIMEDELTA_PARTS},
    "dt.total_seconds": lambda call: one_by_one(call, lambda column: dates.total_seconds(call.b, column)),
    "dt.normalize": lambda call: one_by_one(call, lambda column: dates.normalize(call.b, column)),
    "dt.floor": _floor,
}
