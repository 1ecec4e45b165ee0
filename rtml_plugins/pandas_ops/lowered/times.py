"""Methods of .dt. What they mean is in rtml_core.lowering.dates; here their arguments are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import dates
from rtml_core.lowering.symbolic import Symbolic, lookup, missing_of
from rtml_core.timestamps import MICROS_PER_DAY
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

Lower = Callable[[Call], list[Symbolic]]
Step = Callable[[Call, Symbolic], Symbolic]

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: frequencies that cut a timestamp, in microseconds
_UNITS: Final = {"D": MICROS_PER_DAY, "h": dates.HOUR, "min": dates.MINUTE, "s": dates.SECOND, "ms": 1000, "us": 1}


def _each(step: Step) -> Lower:
    return lambda call: one_by_one(call, lambda column: step(call, column))


def _part(name: str) -> Step:
    def step(call: Call, column: Symbolic) -> Symbolic:
        if column.dtype == "timedelta":
            return dates.timedelta_parts(call.b, column, name)
        return dates.parts(call.b, column, name)

    return step


def _name(part: str, names: Sequence[str], first: int) -> Step:
    """Names of days and months: a lookup over their number."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        call.only()
        number = dates.parts(call.b, column, part)
        table: dict[Any, Any] = {
            float(position) if number.dtype == "float64" else position: name for position, name in enumerate(names, start=first)
        }
        default = missing_of("string") if number.nullable else names[0]
        return lookup(call.b, number, table, default, "string", nullable=number.nullable, categories=tuple(names))

    return step


def _floor(call: Call, column: Symbolic) -> Symbolic:
    call.only("freq")
    unit = call.get("freq")
    if unit not in _UNITS:
        raise NotLowerableError(f"argument 'freq' must be one of {', '.join(_UNITS)}; got {describe(unit)}")
    return dates.floor(call.b, column, _UNITS[unit])


_STEPS: Final[Mapping[str, Step]] = {
    **{name: _part(name) for name in (*dates.PARTS, "days", "seconds", "microseconds")},
    "total_seconds": lambda call, column: dates.total_seconds(call.b, column),
    "normalize": lambda call, column: dates.normalize(call.b, column),
    "floor": _floor,
    "day_name": _name("day_of_week", _DAYS, 0),
    "month_name": _name("month", _MONTHS, 1),
}

TIME_METHODS: Final[Mapping[str, Lower]] = {f"dt.{name}": _each(step) for name, step in _STEPS.items()}
