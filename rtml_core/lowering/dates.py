"""Timestamps and timedeltas in ONNX: int64 microseconds, the smallest int64 is missing (NaT).

Calendar arithmetic follows C. Neri and L. Schneider, Euclidean affine functions and their application to calendar
algorithms, Software: Practice and Experience 53 (2023). All of it is done on shifted, positive numbers, because integer
division truncates in ONNX: the shift is a whole number of 400-year cycles, which are whole weeks, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import onnx_ir as ir

from rtml_core.columns import MISSING_TIME
from rtml_core.errors import NotLowerableError, close_match, listing
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, mask_of, new, require_dtype, value_of, where
from rtml_core.timestamps import MICROS_PER_DAY

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
_CYCLE_DAYS: Final = 146_097
#: 82 cycles: everything later than 32,800 years before 1970 becomes positive
_CYCLES: Final = 82
_SHIFT_DAYS: Final = _CYCLES * _CYCLE_DAYS
_SHIFT: Final = _SHIFT_DAYS * MICROS_PER_DAY
#: days from 0000-03-01, where the computational calendar starts, to 1970-01-01
_MARCH_DAYS: Final = 719_468


def _int(b: Builder, value: int) -> ir.Value:
    return b.const([[value]], "int64")


def _add(b: Builder, x: ir.Value, n: int) -> ir.Value:
    return b.op("Add", x, _int(b, n)) if n else x


def _mul(b: Builder, x: ir.Value, n: int) -> ir.Value:
    return b.op("Mul", x, _int(b, n))


def _div(b: Builder, x: ir.Value, n: int) -> ir.Value:
    return b.op("Div", x, _int(b, n))


def _mod(b: Builder, x: ir.Value, n: int) -> ir.Value:
    return b.op("Mod", x, _int(b, n))


# ---- parts of a timestamp -------------------------------------------------------------------------------------------------


def _clock(unit: int, count: int) -> Callable[[Builder, ir.Value], ir.Value]:
    """The part that counts `unit` microseconds up to `count`: hours, minutes, seconds."""
    return lambda b, t: _mod(b, _div(b, _add(b, t, _SHIFT), unit), count)


def _weekday(b: Builder, t: ir.Value) -> ir.Value:
    """Monday is 0; 1970-01-01 was a Thursday."""
    return _mod(b, _div(b, _add(b, t, _SHIFT + 3 * MICROS_PER_DAY), MICROS_PER_DAY), 7)


class _Civil:
    """Year, month and day of a tensor of timestamps; steps that several parts need are emitted once."""

    def __init__(self, b: Builder, t: ir.Value):
        self.b = b
        days = _div(b, _add(b, t, _SHIFT + _MARCH_DAYS * MICROS_PER_DAY), MICROS_PER_DAY)
        n1 = _add(b, _mul(b, days, 4), 3)
        self._century = _div(b, n1, _CYCLE_DAYS)
        n2 = _add(b, _mul(b, _div(b, _mod(b, n1, _CYCLE_DAYS), 4), 4), 3)
        p2 = _mul(b, n2, 2_939_745)
        self._year_of_century = _div(b, p2, 1 << 32)
        #: day of the year that starts on the first of March
        self.march_day = _div(b, _mod(b, p2, 1 << 32), 2_939_745 * 4)

    @property
    def _n3(self) -> ir.Value:
        return _add(self.b, _mul(self.b, self.march_day, 2_141), 197_913)

    @property
    def _early(self) -> ir.Value:
        """1 in January and February, which belong to the next year."""
        return self.b.cast(self.b.op("GreaterOrEqual", self.march_day, _int(self.b, 306), dtype="bool"), "int64")

    def year(self) -> ir.Value:
        century = _add(self.b, _mul(self.b, self._century, 100), -400 * _CYCLES)
        return self.b.op("Add", self.b.op("Add", century, self._year_of_century), self._early)

    def month(self) -> ir.Value:
        return self.b.op("Sub", _div(self.b, self._n3, 1 << 16), _mul(self.b, self._early, 12))

    def day(self) -> ir.Value:
        return _add(self.b, _div(self.b, _mod(self.b, self._n3, 1 << 16), 2_141), 1)

    def leap(self) -> ir.Value:
        """1 in a leap year."""
        year = _add(self.b, self.year(), 400 * _CYCLES)
        zero = _int(self.b, 0)
        fourth = self.b.op("Equal", _mod(self.b, year, 4), zero, dtype="bool")
        hundredth = self.b.op("Equal", _mod(self.b, year, 100), zero, dtype="bool")
        cycle = self.b.op("Equal", _mod(self.b, year, 400), zero, dtype="bool")
        plain = self.b.op("And", fourth, self.b.op("Not", hundredth))
        return self.b.cast(self.b.op("Or", plain, cycle), "int64")

    def day_of_year(self) -> ir.Value:
        """March 1 is day 60, or 61 in a leap year; January and February are the last 306 days on of the March year."""
        early = self.b.op("GreaterOrEqual", self.march_day, _int(self.b, 306), dtype="bool")
        late = self.b.op("Add", _add(self.b, self.march_day, 60), self.leap())
        return where(self.b, early, _add(self.b, self.march_day, -305), late)

    def days_in_month(self) -> ir.Value:
        lengths = self.b.const([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], "int64")
        month = self.month()
        length = self.b.op("Gather", lengths, month, dtype="int64", width=1, axis=0)
        february = self.b.cast(self.b.op("Equal", month, _int(self.b, 2), dtype="bool"), "int64")
        return self.b.op("Add", length, self.b.op("Mul", february, self.leap()))


_NUMBERS: Final[dict[str, Callable[[Builder, ir.Value], ir.Value]]] = {
    "hour": _clock(HOUR, 24),
    "minute": _clock(MINUTE, 60),
    "second": _clock(SECOND, 60),
    "microsecond": lambda b, t: _mod(b, _add(b, t, _SHIFT), SECOND),
    "nanosecond": lambda b, t: _mul(b, _mod(b, _add(b, t, _SHIFT), 1), 0),
    "dayofweek": _weekday,
    "day_of_week": _weekday,
    "weekday": _weekday,
    "year": lambda b, t: _Civil(b, t).year(),
    "month": lambda b, t: _Civil(b, t).month(),
    "day": lambda b, t: _Civil(b, t).day(),
    "quarter": lambda b, t: _div(b, _add(b, _Civil(b, t).month(), 2), 3),
    "dayofyear": lambda b, t: _Civil(b, t).day_of_year(),
    "day_of_year": lambda b, t: _Civil(b, t).day_of_year(),
    "days_in_month": lambda b, t: _Civil(b, t).days_in_month(),
    "daysinmonth": lambda b, t: _Civil(b, t).days_in_month(),
}


def _is(b: Builder, value: ir.Value, n: int) -> ir.Value:
    return b.op("Equal", value, _int(b, n), dtype="bool")


def _tomorrow(b: Builder, t: ir.Value) -> ir.Value:
    return _add(b, t, MICROS_PER_DAY)


def _year_start(b: Builder, t: ir.Value) -> ir.Value:
    return _is(b, _Civil(b, t).march_day, 306)


def _quarter_start(b: Builder, t: ir.Value) -> ir.Value:
    civil = _Civil(b, t)
    first = _is(b, _mod(b, civil.month(), 3), 1)
    return b.op("And", first, _is(b, civil.day(), 1))


_FLAGS: Final[dict[str, Callable[[Builder, ir.Value], ir.Value]]] = {
    "is_month_start": lambda b, t: _is(b, _Civil(b, t).day(), 1),
    "is_month_end": lambda b, t: _is(b, _Civil(b, _tomorrow(b, t)).day(), 1),
    "is_quarter_start": _quarter_start,
    "is_quarter_end": lambda b, t: _quarter_start(b, _tomorrow(b, t)),
    "is_year_start": _year_start,
    "is_year_end": lambda b, t: _year_start(b, _tomorrow(b, t)),
    "is_leap_year": lambda b, t: _is(b, _Civil(b, t).leap(), 1),
}

#: names of parts that have a lowering
PARTS: Final = (*_NUMBERS, *_FLAGS)


def parts(b: Builder, column: Symbolic, name: str) -> Symbolic:
    """A part of a timestamp column, named as pandas names it under `.dt`.

    Numbers: int64, or float64 with NaN where the column may be missing. Flags (is_month_start, ...): bool, False where
    missing.
    """
    require_dtype(column, ("timestamp",), "a timestamp; parse it with to_datetime or declare it in the schema")
    t = value_of(b, column)
    if name in _FLAGS:
        flag = _FLAGS[name](b, t)
        return new("bool", b.op("And", flag, b.op("Not", mask_of(b, t, "int64"))) if column.nullable else flag)
    if name not in _NUMBERS:
        raise NotLowerableError(f"dt.{name} has no compiled form.{close_match(name, PARTS)} There is: {listing(PARTS, 30)}")
    return _number(b, column, _NUMBERS[name](b, t))


def _number(b: Builder, column: Symbolic, value: ir.Value) -> Symbolic:
    """int64, or float64 with NaN where the column may be missing."""
    if not column.nullable:
        return new("int64", value)
    gone = mask_of(b, value_of(b, column), "int64")
    return new("float64", where(b, gone, b.const([[math.nan]], "float64"), b.cast(value, "float64")), nullable=True)


def _time(b: Builder, column: Symbolic, value: ir.Value, dtype: str) -> Symbolic:
    if column.nullable:
        value = where(b, mask_of(b, value_of(b, column), "int64"), _int(b, MISSING_TIME), value)
    return new(dtype, value, nullable=column.nullable)


# ---- timestamps to timestamps, timedeltas to numbers ----------------------------------------------------------------------


def floor(b: Builder, column: Symbolic, unit: int = MICROS_PER_DAY) -> Symbolic:
    """The start of the unit (in microseconds, a divisor of a day) that a timestamp lies in; normalize is floor to days."""
    require_dtype(column, ("timestamp",), "a timestamp")
    if unit <= 0 or MICROS_PER_DAY % unit:
        raise NotLowerableError("a timestamp can be cut to days and to units that divide a day; take another unit")
    shifted = _add(b, value_of(b, column), _SHIFT)
    return _time(b, column, _add(b, _mul(b, _div(b, shifted, unit), unit), -_SHIFT), "timestamp")


def normalize(b: Builder, column: Symbolic) -> Symbolic:
    """Midnight of the day of a timestamp."""
    return floor(b, column)


def total_seconds(b: Builder, column: Symbolic) -> Symbolic:
    """A timedelta as float64 seconds, NaN where missing."""
    require_dtype(column, ("timedelta",), "a timedelta, e.g. the difference of two timestamps")
    value = value_of(b, column)
    seconds = b.op("Div", b.cast(value, "float64"), b.const([[1e6]], "float64"))
    if column.nullable:
        seconds = where(b, mask_of(b, value, "int64"), b.const([[math.nan]], "float64"), seconds)
    return new("float64", seconds, nullable=column.nullable)


def timedelta_parts(b: Builder, column: Symbolic, name: str) -> Symbolic:
    """days (rounded down), seconds (0 to 86,399) or microseconds (0 to 999,999) of a timedelta, as pandas gives them."""
    require_dtype(column, ("timedelta",), "a timedelta, e.g. the difference of two timestamps")
    shifted = _add(b, value_of(b, column), _SHIFT)
    if name == "days":
        return _number(b, column, _add(b, _div(b, shifted, MICROS_PER_DAY), -_SHIFT_DAYS))
    if name == "seconds":
        return _number(b, column, _mod(b, _div(b, shifted, SECOND), 86_400))
    if name == "microseconds":
        return _number(b, column, _mod(b, shifted, SECOND))
    raise NotLowerableError(f"dt.{name} of a timedelta has no compiled form. There is: days, seconds, microseconds, total_seconds")


# ---- texts to timestamps --------------------------------------------------------------------------------------------------

_DAY_31: Final = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_DAY_30: Final = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_DAY_28: Final = "02-(?:0[1-9]|1[0-9]|2[0-8])"
_YEAR: Final = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP: Final = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_TIME: Final = r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
_ZONE: Final = "(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
#: the whole grammar of rtml_core.timestamps, calendar included, as one regular expression
GRAMMAR: Final = f"(?:{_YEAR}-(?:{_DAY_31}|{_DAY_30}|{_DAY_28})|{_LEAP}-02-29){_TIME}{_ZONE}"
#: pieces of a valid text that ends in one more "+00:00"
_PIECES: Final = (
    "^([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9.]+))?)?"
    "Z?([+-])([0-9]{2}):?([0-9]{2}).*$"
)
_TOKENS: Final = r"\1 \2 \3 0\4 0\5 0\6 \71 0\8 0\9"
#: days of the months before each month, in a year that starts in March; index 1 is January
_BEFORE: Final = (0, 306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275)


def parse_strings(b: Builder, column: Symbolic, errors: str = "raise") -> Symbolic:
    """Texts as timestamps, by the grammar of rtml_core.timestamps.

    errors: "raise" refuses the row (a row check), "coerce" makes it missing. Missing stays missing.
    """
    require_dtype(column, ("string",), "a string")
    text = value_of(b, column)
    valid = b.op("RegexFullMatch", text, dtype="bool", pattern=GRAMMAR)
    safe = where(b, valid, text, b.const([["1970-01-01"]], "string"))
    micros = _micros(b, safe)
    if errors == "coerce" or column.nullable:
        result = where(b, valid, micros, _int(b, MISSING_TIME))
    else:
        result = micros
    if errors == "raise":
        ok = b.op("Or", valid, mask_of(b, text, "string")) if column.nullable else valid
        b.check(ok, "to_datetime: the text is no ISO timestamp such as 2026-01-31 or 2026-01-31T10:15:00Z")
    elif errors != "coerce":
        raise NotLowerableError(f"errors={errors!r} has no compiled form; use 'raise' or 'coerce'")
    return new("timestamp", result, nullable=errors == "coerce" or column.nullable)


def _micros(b: Builder, text: ir.Value) -> ir.Value:
    """int64 [N, 1] microseconds of texts that are all valid."""
    ended = b.op("StringConcat", text, b.const([["+00:00"]], "string"))
    pattern, rewrite = b.const([_PIECES], "string"), b.const([_TOKENS], "string")
    tokens = b.ext("StringRegexReplace", ended, pattern, rewrite)
    pieces, _ = b.multi("StringSplit", tokens, dtypes=["string", "int64"], shapes=[["N", 1, 9], ["N", 1]], delimiter=" ")
    rows = b.op("Shape", text, dtype="int64", shape=[1], start=0, end=1)
    shape = b.op("Concat", rows, b.const([9], "int64"), shape=[2], axis=0)
    numbers = b.cast(b.op("Reshape", pieces, shape, width=9, allowzero=1), "float64")
    year, month, day, clock, second, zone = (b.take(numbers, i) for i in ([0], [1], [2], [3, 4], [5], [6, 7, 8]))
    days = _days(b, year, month, day)
    # seconds with their fraction: digits beyond microseconds are cut off, an error of the product is below 1e-8
    fraction = b.op("Floor", b.op("Add", b.op("Mul", second, b.const([[1e6]])), b.const([[5e-4]])))
    within = b.op("MatMul", clock, b.const([[float(HOUR)], [float(MINUTE)]]), width=1)
    sign, offset = b.take(zone, [0]), b.op("MatMul", b.take(zone, [1, 2]), b.const([[float(HOUR)], [float(MINUTE)]]), width=1)
    of_day = b.op("Sub", b.op("Add", within, fraction), b.op("Mul", sign, offset))
    return b.op("Add", _mul(b, b.cast(days, "int64"), MICROS_PER_DAY), b.cast(of_day, "int64"))


def _days(b: Builder, year: ir.Value, month: ir.Value, day: ir.Value) -> ir.Value:
    """Days since 1970 of a date, float64 [N, 1]: years that start in March, so that the leap day comes last."""
    early = b.cast(b.op("Less", month, b.const([[3.0]]), dtype="bool"), "float64")
    y = b.op("Sub", year, early)
    leaps = b.op("Floor", b.op("Div", y, b.const([[4.0, 100.0, 400.0]]), width=3))
    leap_days = b.op("MatMul", leaps, b.const([[1.0], [-1.0], [1.0]]), width=1)
    before = b.op("Gather", b.const([float(n) for n in _BEFORE]), b.cast(month, "int64"), width=1, dtype="float64", axis=0)
    whole = b.op("Add", b.op("Mul", y, b.const([[365.0]])), leap_days)
    return b.op("Add", b.op("Add", whole, before), b.op("Add", day, b.const([[-1.0 - _MARCH_DAYS]])))
