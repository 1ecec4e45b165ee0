"""Methods of .dt. What they mean is in rtml_core.lowering.dates; here their arguments are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import dates
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, lookup, missing_of
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

Lower = Callable[[Call], list[Symbolic]]
Step = Callable[[Call, Symbolic], Symbolic]

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: units of a column of times, in microseconds; a canonical frame keeps microseconds
_UNITS: Final = {"s": dates.SECOND, "ms": 1000, "us": 1}


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


def _to_unit(cut: Callable[[Builder, Symbolic, int], Symbolic]) -> Step:
    """floor, ceil and round: to a multiple of a frequency since 1970."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        call.only("freq")
        return cut(call.b, column, frequency(call.get("freq")))

    return step


def frequency(freq: Any) -> int:
    """A fixed frequency ("15min", "D", "90s") in microseconds. Raises NotLowerableError for others: months differ in length."""
    import pandas as pd

    refusal = NotLowerableError(
        f'argument \'freq\' must be a fixed time of at least a microsecond, e.g. "D", "h", "15min" or "s"; got {describe(freq)}'
    )
    if not isinstance(freq, str):
        raise refusal
    try:
        nanos = pd.Timedelta(pd.tseries.frequencies.to_offset(freq)).as_unit("ns").value
    except (ValueError, TypeError):
        raise refusal from None
    if nanos <= 0 or nanos % 1000:
        raise refusal
    return int(nanos) // 1000


def _as_unit(call: Call, column: Symbolic) -> Symbolic:
    """as_unit: what is finer than the unit is cut off."""
    call.only("unit")
    unit = call.get("unit")
    if not isinstance(unit, str) or unit not in _UNITS:
        raise NotLowerableError(f"argument 'unit' must be one of {', '.join(_UNITS)}; got {describe(unit)}")
    return dates.floor(call.b, column, _UNITS[unit])


_STEPS: Final[Mapping[str, Step]] = {
    **{name: _part(name) for name in (*dates.PARTS, *dates.TIMEDELTA_PARTS)},
    "total_seconds": lambda call, column: dates.total_seconds(call.b, column),
    "normalize": lambda call, column: dates.normalize(call.b, column),
    "floor": _to_unit(dates.floor),
    "ceil": _to_unit(dates.ceil),
    "round": _to_unit(dates.rounded),
    "as_unit": _as_unit,
    "day_name": _name("day_of_week", _DAYS, 0),
    "month_name": _name("month", _MONTHS, 1),
}

TIME_METHODS: Final[Mapping[str, Lower]] = {f"dt.{name}": _each(step) for name, step in _STEPS.items()}


def calendar(call: Call, column: Symbolic) -> list[Symbolic]:
    """isocalendar: year, week and day."""
    return dates.iso_calendar(call.b, column)


def components(call: Call, column: Symbolic) -> list[Symbolic]:
    """components of a timedelta, days to nanoseconds."""
    return dates.components(call.b, column)
