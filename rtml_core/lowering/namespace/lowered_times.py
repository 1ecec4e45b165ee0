"""Times as ONNX, see lowering.dates; numbers that come out of a time are floats, as a missing one has no whole number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rtml_core.columns import MISSING_TIME
from rtml_core.lowering import dates
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.namespace.eager_times import NUMBERS, QUESTIONS, unit_of
from rtml_core.lowering.namespace.lowered_choices import made
from rtml_core.lowering.namespace.lowered_numbers import whole
from rtml_core.lowering.namespace.lowered_texts import _column
from rtml_core.lowering.symbolic import Symbolic, new, value_of, where
from rtml_core.lowering.traced import Traced, Tracer


def _weekend(b: Builder, column: Symbolic) -> Symbolic:
    day = dates.parts(b, column, "dayofweek")
    saturday = b.const([[5]], day.dtype)
    return new("bool", b.op("GreaterOrEqual", value_of(b, day), saturday, dtype="bool"))


def _to_unit(name: str, step: Callable[[Builder, Symbolic, int], Symbolic]) -> Callable[..., Traced]:
    def call(tracer: Tracer, x: Any, unit: str) -> Traced:
        return Traced.of(tracer, step(tracer.b, x.symbolic, unit_of(name, unit)))

    return call


def _timedelta(tracer: Tracer, x: Any, unit: str) -> Traced:
    """Whole numbers by whole microseconds; floats rounded half to even. Missing where the product is beyond int64."""
    b, micros, x = tracer.b, unit_of("timedelta", unit), whole(x)
    product = b.op("Mul", b.cast(x.value, "float64"), b.const([[float(micros)]], "float64"))
    floats = b.op("Round", product)
    fits = b.op("Less", b.op("Abs", floats), b.const([[2.0**63]], "float64"), dtype="bool")
    if x.dtype == "int64":
        exact = b.op("Mul", x.value, b.const([[micros]], "int64")) if micros != 1 else x.value
    else:
        exact = b.cast(where(b, fits, floats, b.const([[0.0]], "float64")), "int64")
    return made(tracer, "timedelta", where(b, fits, exact, b.const([[MISSING_TIME]], "int64")), nullable=True)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{
        f"dates.{name}": _column(lambda b, column, name=name: dates.parts(b, column, name), floats=name in NUMBERS)
        for name in (*NUMBERS, *QUESTIONS)
    },
    "dates.week": _column(lambda b, column: dates.iso_calendar(b, column)[1], floats=True),
    "dates.is_weekend": _column(_weekend),
    "dates.floor": _to_unit("floor", dates.floor),
    "dates.ceil": _to_unit("ceil", dates.ceil),
    "dates.round": _to_unit("round", dates.rounded),
    "dates.total_seconds": _column(dates.total_seconds),
    "dates.timedelta": _timedelta,
    "dates.parse": _column(lambda b, column: dates.parse_strings(b, column, "coerce")),
}
