"""Timestamps inside a compiled graph: reading ISO texts, calendar parts, floors, parts of timedeltas.

Times travel as int64 microseconds since 1970 UTC; the smallest int64 is missing. Calendar arithmetic is Gregorian, right
before 1970 too, and exact from the year -290,000 to the year 290,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import (
    IDENTITY,
    Symbolic,
    apply_table,
    keep_missing,
    matrix,
    missing_mask,
    new,
    require_dtype,
    unpack,
    value_of,
)
from rtml_core.timestamps import EXPECTED, MICROS_PER_DAY, parse_timestamp

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = MICROS_PER_DAY
#: the Gregorian calendar repeats after 400 years
_ERA: Final = 146_097 * DAY
#: from 0000-03-01, where a year begins that ends with its leap day, to 1970-01-01
_TO_MARCH: Final = 719_468 * DAY

# ---- reading texts --------------------------------------------------------------------------------------------------

#: the grammar of timestamps.py with its calendar: February 29 only in leap years, no year 0
_VALID: Final = (
    r"(?:(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
    r"-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
)
#: most tokens that a text falls into: 20 24 -01-31 T10 :15 :30 .12 34 56 78 9 +05:30
_POSITIONS: Final = 12


def parse_strings(b: Builder, column: Symbolic, errors: str = "raise") -> Symbolic:
    """A string column as timestamps, see parse_columns."""
    return parse_columns(b, [column], errors)[0]


def parse_columns(b: Builder, columns: Sequence[Symbolic], errors: str = "raise") -> list[Symbolic]:
    """String columns as timestamps, by the grammar of rtml_core.timestamps; several cost hardly more than one.

    Missing stays missing. Other texts become missing (errors="coerce"), or their rows are refused (errors="raise").
    """
    for column in columns:
        require_dtype(column, ("string",), "texts to read timestamps from")
    if errors not in ("raise", "coerce"):
        raise NotLowerableError(f'errors must be "raise" or "coerce"; got {errors!r}')
    done = {i: found for i, column in enumerate(columns) if (found := _known_texts(b, column, errors)) is not None}
    rest = [i for i in range(len(columns)) if i not in done]
    if rest:
        done.update(zip(rest, _read_columns(b, [columns[i] for i in rest], errors), strict=True))
    return [done[i] for i in range(len(columns))]


def _known_texts(b: Builder, column: Symbolic, errors: str) -> Symbolic | None:
    inner = column.lookup
    if inner is None or inner.default is IDENTITY:
        return None
    known = {*inner.table.values(), inner.default} - {MISSING_STRING}
    if errors == "raise" and any(parse_timestamp(text) is None for text in known):
        return None  # the rows that come to such a text are refused one by one

    def read(text: str) -> int:
        micros = parse_timestamp(text)
        return MISSING_TIME if micros is None else micros

    return apply_table(b, column, read, "timestamp")


def _read_columns(b: Builder, columns: Sequence[Symbolic], errors: str) -> list[Symbolic]:
    texts = matrix(b, columns, "string")
    valid = b.op("RegexFullMatch", texts, dtype="bool", pattern=_VALID)
    micros = _read(
        b, len(columns), b.op("Where", valid, texts, b.const([["1970-01-01"]], "string"), dtype="string", width=len(columns))
    )
    nullable = errors == "coerce" or any(column.nullable for column in columns)
    if nullable:
        micros = b.op("Where", valid, micros, b.const([[MISSING_TIME]], "int64"), dtype="int64", width=len(columns))
    if errors == "raise":
        fine = valid
        if nullable:
            fine = b.op("RegexFullMatch", texts, dtype="bool", pattern=f"{_VALID}|\\x{{{ord(MISSING_STRING):x}}}")
        for position in range(len(columns)):
            b.check(b.take(fine, [position]), f"a text that is not {EXPECTED}")
    missing = [errors == "coerce" or column.nullable for column in columns]
    return [
        Symbolic("timestamp", slot.tensor, slot.index, nullable=maybe)
        for slot, maybe in zip(unpack(micros, "timestamp"), missing, strict=True)
    ]


def _read(b: Builder, width: int, texts: ir.Value) -> ir.Value:
    """Valid texts [N, width] -> microseconds int64 [N, width].

    A text falls into tokens (see _POSITIONS); all but the year is a sum of what the tokens say.
    """
    vocabulary, meanings = _tokens()
    axis = b.const([2], "int64")
    shape = ("N", width)
    ids = b.ext("TrieTokenizer", texts, dtype="int64", shape=[*shape, None], vocab=vocabulary)
    # so that every text has all positions, and no text as well
    padded = b.op("Pad", ids, b.const([0, 0, 0, 0, 0, _POSITIONS], "int64"), shape=[*shape, None])
    first = b.op("Slice", padded, b.const([0], "int64"), b.const([_POSITIONS], "int64"), axis, shape=[*shape, _POSITIONS])
    said = b.op("Gather", b.const(meanings, "int64"), first, shape=[*shape, _POSITIONS, 2], axis=0)
    flat = b.op("Reshape", said, b.const([0, 0, 2 * _POSITIONS], "int64"), shape=[*shape, 2 * _POSITIONS])
    total = b.op("MatMul", flat, b.const(_weights(), "int64"), shape=[*shape, 2])
    halves: list[list[int | str | None]] = [[*shape, 1], [*shape, 1]]
    year, rest = b.multi("Split", total, b.const([1, 1], "int64"), dtypes=["int64", "int64"], shapes=halves, axis=2)
    leaps = b.op("Div", year, b.const([1, 4, 100, 400], "int64"), shape=[*shape, 4])
    days = b.op("MatMul", leaps, b.const([[365 * DAY], [DAY], [-DAY], [DAY]], "int64"), shape=[*shape, 1])
    return b.op("Squeeze", b.op("Add", days, rest), axis, shape=shape)


@lru_cache(maxsize=1)
def _tokens() -> tuple[str, np.ndarray[Any, Any]]:
    """Vocabulary, and by id (0 is the padding) what a token says: a number that counts by its position, and minutes.

    Years begin in March, so that a leap day is the last of its year.
    """
    says: dict[str, tuple[int, int]] = {}
    for number in range(100):
        says.update({f"{mark}{number:02d}": (number, 0) for mark in ("", "T", " ", ":", ".")})
    for digit in range(10):
        # the last of an odd number of digits stands for ten of what a pair would
        says.update({f"{mark}{digit}": (10 * digit, 0) for mark in ("", ".")})
    for month in range(1, 13):
        before = (153 * ((month + 9) % 12) + 2) // 5
        for day in range(1, 32):
            says[f"-{month:02d}-{day:02d}"] = (-(month <= 2), (before + day - 1 - _TO_MARCH // DAY) * 1440)
    for minutes in range(24 * 60):
        hour, minute = divmod(minutes, 60)
        for colon in ("", ":"):
            says[f"+{hour:02d}{colon}{minute:02d}"] = (0, -minutes)
            says[f"-{hour:02d}{colon}{minute:02d}"] = (0, minutes)
    says["Z"] = (0, 0)
    lines = (f"{number} '{token}' {len(token)}" for number, token in enumerate(says, start=1))
    return "\n".join(lines), np.array([(0, 0), *says.values()], dtype=np.int64)


def _weights() -> np.ndarray[Any, Any]:
    """int64 [2 * positions, 2]: what each number at each position adds to the year and to the microseconds."""
    weights = np.zeros((_POSITIONS, 2, 2), dtype=np.int64)
    weights[0:3, 0, 0] = (100, 1, 1)
    weights[3:9, 0, 1] = (HOUR, MINUTE, SECOND, 10_000, 100, 1)
    weights[:, 1, 1] = MINUTE
    return weights.reshape(-1, 2)


# ---- parts of timestamps --------------------------------------------------------------------------------------------

#: unit that is counted, unit in which it is counted
_CLOCK: Final = {
    "hour": (DAY, HOUR), "minute": (HOUR, MINUTE), "second": (MINUTE, SECOND), "microsecond": (SECOND, 1), "nanosecond": (1, 1),
}  # fmt: skip
_WEEK: Final = ("dayofweek", "day_of_week", "weekday")
#: by day of a year that begins in March
_BY_DAY: Final = ("month", "day", "quarter", "is_month_start", "is_quarter_start", "is_year_start")
#: the day before a start
_ENDS: Final = {name.replace("start", "end"): name for name in _BY_DAY if name.endswith("start")}
_YEAR_DAY: Final = ("dayofyear", "day_of_year")
_MONTH_DAYS: Final = ("days_in_month", "daysinmonth")
#: names of Series.dt that `parts` knows
PARTS: Final = (*_CLOCK, *_WEEK, "year", *_BY_DAY, *_ENDS, *_YEAR_DAY, *_MONTH_DAYS, "is_leap_year")
TIMEDELTA_PARTS: Final = ("days", "seconds", "microseconds", "nanoseconds")


def parts(b: Builder, column: Symbolic, name: str) -> Symbolic:
    """A part of a timestamp by its name in Series.dt: int64, or float64 with NaN where the column may be missing.

    Questions (is_month_start, is_leap_year, ...) are bool, False where missing.
    """
    require_dtype(column, ("timestamp",), "a timestamp")
    micros = value_of(b, column)
    if name in _CLOCK:
        whole, unit = _CLOCK[name]
        return _number(b, column, _div(b, _mod(b, micros, whole), unit))
    if name in _WEEK:
        monday = _mod(b, b.op("Add", micros, b.const([[3 * DAY]], "int64")), 7 * DAY)
        return _number(b, column, _div(b, monday, DAY))
    if name not in PARTS:
        raise NotLowerableError(f"dt.{name} has no exact form; there are {', '.join(PARTS)}")
    if name in _ENDS:
        _, tomorrow = _march_day(b, b.op("Add", micros, b.const([[DAY]], "int64")))
        return _by_day(b, column, _ENDS[name], tomorrow)
    year_of_era, day = _march_day(b, micros)
    if name in _BY_DAY:
        return _by_day(b, column, name, day)
    if name in _MONTH_DAYS:
        longer = b.op("Mul", _looked_up(b, _LEAP[1:], year_of_era), _looked_up(b, _MARCH["february"], day))
        return _number(b, column, b.op("Add", _looked_up(b, _MARCH["days_in_month"], day), longer))
    if name in _YEAR_DAY:
        # days from March on come one later in a leap year
        later = b.op("Mul", _looked_up(b, _LEAP, year_of_era), _looked_up(b, _MARCH["from_march"], day))
        return _number(b, column, b.op("Add", _looked_up(b, _MARCH["dayofyear"], day), later))
    civil = b.op("Add", year_of_era, _looked_up(b, 1 - _MARCH["from_march"], day))
    if name == "is_leap_year":
        return _question(b, column, b.op("Gather", b.const(_LEAP, "bool"), civil, dtype="bool", width=1, axis=0))
    shifted = b.op("Add", micros, b.const([[_TO_MARCH]], "int64"))
    era_years = _div(b, b.op("Sub", shifted, _mod(b, shifted, _ERA)), _ERA // 400)
    return _number(b, column, b.op("Add", era_years, civil))


def _looked_up(b: Builder, table: np.ndarray[Any, Any], place: ir.Value) -> ir.Value:
    """The whole numbers of a table at places [N, 1]."""
    return b.op("Gather", b.const(table.astype(np.int64), "int64"), place, width=1, axis=0)


def _march_day(b: Builder, micros: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Year within its 400 years, and day within that year, both counted from 0 and from March 1."""
    day = _div(b, _mod(b, b.op("Add", micros, b.const([[_TO_MARCH]], "int64")), _ERA), DAY)
    leaps = b.op("Div", day, b.const([[1, 1460, 36_524, 146_096]], "int64"), width=4)
    year = _div(b, b.op("MatMul", leaps, b.const([[1], [-1], [1], [-1]], "int64"), width=1), 365)
    before = b.op("Div", year, b.const([[1, 4, 100]], "int64"), width=3)
    return year, b.op("Sub", day, b.op("MatMul", before, b.const([[365], [1], [-1]], "int64"), width=1))


def _march_tables() -> dict[str, np.ndarray[Any, Any]]:
    """For each day of a year from March 1 (a leap year at its end): what the calendar says of it."""
    days = np.arange("2019-03-01", "2020-03-01", dtype="datetime64[D]")
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (days - months).astype(np.int64) + 1
    year_start = np.where(month > 2, np.datetime64("2019-01-01"), np.datetime64("2020-01-01"))
    first = day == 1
    longest = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    return {
        "february": (month == 2).astype(np.int64),
        "days_in_month": longest[month - 1],
        "month": month,
        "day": day,
        "quarter": (month + 2) // 3,
        "dayofyear": (days - year_start).astype(np.int64) + 1,
        "from_march": (month > 2).astype(np.int64),
        "is_month_start": first,
        "is_quarter_start": first & (month % 3 == 1),
        "is_year_start": first & (month == 1),
    }


_MARCH: Final = _march_tables()
#: by year of 400, and the one after
_LEAP: Final = np.array([year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) for year in range(401)])


def _by_day(b: Builder, column: Symbolic, name: str, day: ir.Value) -> Symbolic:
    table = _MARCH[name]
    if table.dtype == np.bool_:
        return _question(b, column, b.op("Gather", b.const(table, "bool"), day, dtype="bool", width=1, axis=0))
    dtype = "float64" if column.nullable else "int64"
    return _number(b, column, b.op("Gather", b.const(table, dtype), day, dtype=dtype, width=1, axis=0))


def _number(b: Builder, column: Symbolic, value: ir.Value) -> Symbolic:
    if not column.nullable:
        return new("int64", value)
    return new("float64", keep_missing(b, column, b.cast(value, "float64")), nullable=True)


def _question(b: Builder, column: Symbolic, answer: ir.Value) -> Symbolic:
    if column.nullable:
        answer = b.op("And", answer, b.op("Not", missing_mask(b, column)))
    return new("bool", answer)


def _mod(b: Builder, value: ir.Value, unit: int) -> ir.Value:
    """The rest of a floor division, in [0, unit)."""
    return b.op("Mod", value, b.const([[unit]], "int64"))


def _div(b: Builder, value: ir.Value, unit: int) -> ir.Value:
    """value / unit for values without a rest, or that are not negative; onnxruntime cuts towards zero."""
    return value if unit == 1 else b.op("Div", value, b.const([[unit]], "int64"))


# ---- floors and timedeltas ------------------------------------------------------------------------------------------


def floor(b: Builder, column: Symbolic, unit: int) -> Symbolic:
    """A timestamp or timedelta rounded down to a multiple of `unit` microseconds."""
    require_dtype(column, ("timestamp", "timedelta"), "a time")
    value = value_of(b, column)
    if unit == 1:
        return column
    return new(column.dtype, keep_missing(b, column, b.op("Sub", value, _mod(b, value, unit))), nullable=column.nullable)


def ceil(b: Builder, column: Symbolic, unit: int) -> Symbolic:
    """A timestamp or timedelta rounded up to a multiple of `unit` microseconds."""
    require_dtype(column, ("timestamp", "timedelta"), "a time")
    value = value_of(b, column)
    if unit == 1:
        return column
    up = b.op("Add", value, _mod(b, b.op("Neg", value), unit))
    return new(column.dtype, keep_missing(b, column, up), nullable=column.nullable)


def rounded(b: Builder, column: Symbolic, unit: int) -> Symbolic:
    """A timestamp or timedelta rounded to a multiple of `unit` microseconds; halves go to the even multiple."""
    require_dtype(column, ("timestamp", "timedelta"), "a time")
    value = value_of(b, column)
    if unit == 1:
        return column
    # the rest after an even multiple: up by one unit past a half, by two from one and a half on
    rest = _mod(b, value, 2 * unit)
    past = b.op("Greater", rest, b.const([[unit // 2, (3 * unit - 1) // 2]], "int64"), dtype="bool", width=2)
    up = b.op("MatMul", b.cast(past, "int64"), b.const([[unit], [unit]], "int64"), width=1)
    result = b.op("Add", b.op("Sub", value, rest), up)
    return new(column.dtype, keep_missing(b, column, result), nullable=column.nullable)


def iso_calendar(b: Builder, column: Symbolic) -> list[Symbolic]:
    """Series.dt.isocalendar: year and week of ISO 8601, and the day of the week from 1; dtypes as in `parts`."""
    require_dtype(column, ("timestamp",), "a timestamp")
    micros = value_of(b, column)
    weekday = value_of(b, parts(b, new("timestamp", micros), "day_of_week"))
    # a week belongs to the year of its Thursday
    days = b.op("Sub", b.const([[3]], "int64"), weekday)
    thursday = new("timestamp", b.op("Add", micros, b.op("Mul", days, b.const([[DAY]], "int64"))))
    day = value_of(b, parts(b, thursday, "day_of_year"))
    week = b.op("Div", b.op("Add", day, b.const([[6]], "int64")), b.const([[7]], "int64"))
    numbers = value_of(b, parts(b, thursday, "year")), week, b.op("Add", weekday, b.const([[1]], "int64"))
    return [_number(b, column, number) for number in numbers]


def normalize(b: Builder, column: Symbolic) -> Symbolic:
    """Series.dt.normalize: midnight of the day."""
    require_dtype(column, ("timestamp",), "a timestamp")
    return floor(b, column, DAY)


def timedelta_parts(b: Builder, column: Symbolic, name: str) -> Symbolic:
    """days, seconds (of the day) or microseconds (of the second) of a timedelta; dtype as in `parts`."""
    require_dtype(column, ("timedelta",), "a timedelta")
    value = value_of(b, column)
    if name == "days":
        return _number(b, column, _div(b, b.op("Sub", value, _mod(b, value, DAY)), DAY))
    if name == "seconds":
        return _number(b, column, _div(b, _mod(b, value, DAY), SECOND))
    if name == "microseconds":
        return _number(b, column, _mod(b, value, SECOND))
    if name == "nanoseconds":
        return _number(b, column, _mod(b, value, 1))
    raise NotLowerableError(
        f"dt.{name} of a timedelta has no exact form; there are {', '.join(TIMEDELTA_PARTS)} and total_seconds"
    )


def components(b: Builder, column: Symbolic) -> list[Symbolic]:
    """Series.dt.components of a timedelta: days, hours, minutes, seconds, milliseconds, microseconds, nanoseconds."""
    clock = ((DAY, HOUR), (HOUR, MINUTE), (MINUTE, SECOND), (SECOND, 1000), (1000, 1), (1, 1))
    days = timedelta_parts(b, column, "days")
    value = value_of(b, column)
    return [days, *(_number(b, column, _div(b, _mod(b, value, whole), unit)) for whole, unit in clock)]


def total_seconds(b: Builder, column: Symbolic) -> Symbolic:
    """Series.dt.total_seconds of a timedelta: float64."""
    require_dtype(column, ("timedelta",), "a timedelta")
    seconds = b.op("Div", b.cast(value_of(b, column), "float64"), b.const([[1e6]], "float64"))
    return new("float64", keep_missing(b, column, seconds), nullable=column.nullable)
