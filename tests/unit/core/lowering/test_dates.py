"""Reading timestamps inside a graph, parts of timestamps and timedeltas: against rtml_core.timestamps and pandas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.assemble import CHECKS, assemble
from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import NotLowerableError
from rtml_core.frames import canonical_series
from rtml_core.lowering import dates
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.dates import DAY, HOUR, MINUTE, PARTS, SECOND, TIMEDELTA_PARTS, parse_columns, parse_strings, parts
from rtml_core.lowering.probe import open_session
from rtml_core.lowering.symbolic import Symbolic, lookup, value_of
from rtml_core.timestamps import NAT, parse_timestamp, parse_timestamps
from tests.unit.core.lowering.one_column import Compiled, as_series
from tests.unit.core.test_timestamps import READ, REFUSED

COERCE = Compiled(lambda b, c: parse_strings(b, c, "coerce"), nullable=True)
YEARS = st.integers(-62135596800 * SECOND, 253402300800 * SECOND - 1)
WIDE = st.integers(-9_151_000_000_000_000_000, 9_151_000_000_000_000_000)
EDGES = [
    micros + delta
    for text in (
        "1970-01-01", "1969-12-31", "2000-02-29", "2000-03-01", "1900-03-01", "1600-02-29", "2024-02-29", "2023-12-31",
        "2400-01-01",
    )
    for micros in [parse_timestamp(text) or 0]
    for delta in (0, -1, 1, DAY - 1, HOUR, MINUTE, -SECOND)
] + [parse_timestamp("0001-01-01") or 0, parse_timestamp("9999-12-31T23:59:59.999999") or 0, 0, -1, -DAY]  # fmt: skip


# ---- reading --------------------------------------------------------------------------------------------------------


def test_the_grammar_is_that_of_the_runtime() -> None:
    texts = [text for text in (*READ, *REFUSED) if "\x00" not in text]
    assert COERCE(texts).tolist() == parse_timestamps(texts).tolist()


def test_every_day_of_the_calendar_and_every_offset() -> None:
    days = [f"{year:04d}-{month:02d}-{day:02d}" for year in (0, 1, 4, 100, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9996, 9999)
            for month in range(14) for day in range(33)]  # fmt: skip
    years = [f"{year:04d}-{day}" for year in range(0, 10000, 7) for day in ("02-28", "02-29", "12-31")]
    zones = [f"2024-03-01T00:00{sign}{hour:02d}{colon}{minute:02d}" for sign in "+-" for hour in range(25)
             for minute in range(0, 61, 4) for colon in ("", ":")]  # fmt: skip
    texts = [*days, *years, *zones]
    assert COERCE(texts).tolist() == parse_timestamps(texts).tolist()


def _text(date: object, clock: str, fraction: str, zone: str) -> str:
    return f"{date}{clock}{fraction if clock.count(':') == 2 else ''}{zone}"


TEXTS = st.builds(
    _text,
    st.dates(),
    st.sampled_from(["", "T23:59", " 00:00", "T10:15:30", " 23:59:59", "T24:00", "T10:60:00"]),
    st.text("0123456789", min_size=1, max_size=9).map(lambda digits: "." + digits) | st.just(""),
    st.sampled_from(["", "Z", "+00:00", "-0530", "+23:59", "-23:59", "+2400"]),
)


@given(st.lists(st.one_of(TEXTS, st.text("0123456789-T :.Z+", max_size=34)), max_size=30))
def test_random_texts(texts: list[str]) -> None:
    assert COERCE(texts).tolist() == parse_timestamps(texts).tolist()


@given(st.datetimes(), st.sampled_from(["minutes", "seconds", "milliseconds", "microseconds"]), st.sampled_from("T "))
def test_what_python_writes(moment: object, unit: str, separator: str) -> None:
    text = moment.isoformat(separator, timespec=unit)  # type: ignore[attr-defined]
    assert COERCE([text]).tolist() == [parse_timestamp(text)]


def test_missing_texts_are_missing_timestamps() -> None:
    assert COERCE([MISSING_STRING, "", "1970-01-01"]).tolist() == [NAT, NAT, 0]
    assert COERCE([]).tolist() == []
    assert (COERCE.result.dtype, COERCE.result.nullable) == ("timestamp", True)


def test_other_texts_are_refused_row_by_row() -> None:
    strict = Compiled(parse_strings)
    assert strict(["1970-01-01", "1970-01-01T00:00:01Z"]).tolist() == [0, SECOND]
    assert strict.checks.all()
    assert strict.result.nullable is False
    strict(["1970-01-01", "yesterday", "2023-02-29", MISSING_STRING])
    assert strict.checks[:, 0].tolist() == [True, False, False, False]
    (check,) = strict.builder.checks
    assert check.message == "a text that is not an ISO timestamp such as 2026-01-31 or 2026-01-31T10:15:00Z"


def test_a_missing_text_is_no_reason_to_refuse_a_row() -> None:
    strict = Compiled(parse_strings, nullable=True)
    assert strict([MISSING_STRING, "1970-01-01", "no"]).tolist() == [NAT, 0, NAT]
    assert strict.checks[:, 0].tolist() == [True, True, False]
    assert strict.result.nullable is True


def run_two(errors: str, rows: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray | None, int]:
    b = Builder()
    left, right = (Symbolic("string", b.input(name, "string", 1), nullable=name == "right") for name in ("left", "right"))
    read = parse_columns(b, [left, right], errors)
    built = assemble(b, {"y": b.concat([value_of(b, column) for column in read])})
    arrays = {name: np.array([[row[i]] for row in rows], dtype=object) for i, name in enumerate(("left", "right"))}
    session = open_session(built.model)
    names = [output.name for output in session.get_outputs()]
    found = dict(zip(names, session.run(names, arrays), strict=True))
    assert [column.nullable for column in read] == [errors == "coerce", True]
    return found["y"], found.get(CHECKS), built.node_count


def test_several_columns_are_read_together() -> None:
    rows = [("1970-01-01", "1970-01-02"), ("1970-01-01T00:00:00.5+00:01", MISSING_STRING), ("x", "y")]
    found, checks, nodes = run_two("raise", rows)
    assert found[:2].tolist() == [[0, DAY], [SECOND // 2 - MINUTE, NAT]]
    assert checks is not None
    assert checks.tolist() == [[True, True], [True, True], [False, False]]
    assert nodes < 30
    found, checks, _ = run_two("coerce", rows)
    assert found[2].tolist() == [NAT, NAT]
    assert checks is None


def test_texts_out_of_a_table_are_read_at_compile_time() -> None:
    def block(b: Builder, column: Symbolic, errors: str = "raise") -> Symbolic:
        table = {"a": "1970-01-01T00:00:01Z", "b": MISSING_STRING, "c": "nonsense"}
        return parse_strings(b, lookup(b, column, table, "1970-01-02", "string", nullable=True), errors)

    coerced = Compiled(lambda b, c: block(b, c, "coerce"))
    assert coerced(["a", "b", "c", "d"]).tolist() == [SECOND, NAT, NAT, DAY]
    assert coerced.ops == ["LabelEncoder"]
    strict = Compiled(block)
    assert strict(["a", "b", "d"]).tolist() == [SECOND, NAT, DAY]
    strict(["a", "c"])
    assert strict.checks[:, 0].tolist() == [True, False]


# ---- parts ----------------------------------------------------------------------------------------------------------


@cache
def part(name: str, nullable: bool) -> Compiled:
    return Compiled(lambda b, c: parts(b, c, name), "timestamp", nullable=nullable)


@cache
def timedelta_part(name: str, nullable: bool) -> Compiled:
    def block(b: Builder, column: Symbolic) -> Symbolic:
        return dates.total_seconds(b, column) if name == "total_seconds" else dates.timedelta_parts(b, column, name)

    return Compiled(block, "timedelta", nullable=nullable)


def check(compiled: Compiled, micros: list[int], expected: pd.Series) -> None:
    found = as_series(compiled, compiled(micros))
    expected = canonical_series(expected, "y")
    if compiled.result.dtype == "float64":
        expected = expected.astype("float64")
    pd.testing.assert_series_equal(found, expected, check_names=False)


def pandas_part(micros: list[int], name: str) -> pd.Series:
    # dayofweek, weekday, dayofyear and daysinmonth are on their way out of pandas
    today = {"dayofweek": "day_of_week", "weekday": "day_of_week", "dayofyear": "day_of_year", "daysinmonth": "days_in_month"}
    return getattr(times(micros).dt, today.get(name, name))


def times(micros: list[int], kind: str = "datetime64[us]") -> pd.Series:
    return pd.Series(np.array(micros, dtype=np.int64).view(kind))


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_what_pandas_gives(name: str, nullable: bool) -> None:
    days = np.arange(-800_000, 3_000_000, 367, dtype=np.int64) * DAY + 12_345_678_901
    for micros in (EDGES, days.tolist(), [*EDGES[:5], MISSING_TIME] if nullable else []):
        if micros:
            check(part(name, nullable), micros, pandas_part(micros, name))
    assert part(name, nullable)([]).shape == (0,)


@given(st.sampled_from(PARTS), st.lists(st.one_of(YEARS, WIDE), min_size=1, max_size=20))
def test_random_instants(name: str, micros: list[int]) -> None:
    check(part(name, False), micros, pandas_part(micros, name))


@pytest.mark.parametrize("name", [*TIMEDELTA_PARTS, "total_seconds"])
def test_parts_of_timedeltas(name: str) -> None:
    micros = [0, 1, -1, DAY, -DAY, DAY - 1, -DAY - 1, HOUR + 7, -SECOND, 2**53 + 1, -(2**62), 2**62 + 3]
    for nullable, values in ((False, micros), (True, micros), (True, [*micros, MISSING_TIME]), (True, [MISSING_TIME])):
        delta = times(values, "timedelta64[us]").dt
        check(timedelta_part(name, nullable), values, delta.total_seconds() if name == "total_seconds" else getattr(delta, name))


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_random_timedeltas(micros: list[int]) -> None:
    delta = times(micros, "timedelta64[us]").dt
    for name in TIMEDELTA_PARTS:
        check(timedelta_part(name, False), micros, getattr(delta, name))
    check(timedelta_part("total_seconds", False), micros, delta.total_seconds())


@pytest.mark.parametrize(("unit", "frequency"), [(DAY, "D"), (HOUR, "h"), (SECOND, "s"), (1, "us")])
def test_floors(unit: int, frequency: str) -> None:
    micros = [*EDGES, MISSING_TIME]
    floored = Compiled(lambda b, c: dates.floor(b, c, unit), "timestamp", nullable=True)
    check(floored, micros, times(micros).dt.floor(frequency))
    check(Compiled(lambda b, c: dates.floor(b, c, unit), "timedelta"), EDGES, times(EDGES, "timedelta64[us]").dt.floor(frequency))


def test_normalize_is_midnight() -> None:
    micros = [*EDGES, MISSING_TIME]
    check(Compiled(dates.normalize, "timestamp", nullable=True), micros, times(micros).dt.normalize())


@pytest.mark.parametrize(
    ("block", "dtype", "words"),
    [
        (lambda b, c: parts(b, c, "strftime"), "timestamp", "strftime"),
        (lambda b, c: parts(b, c, "hour"), "string", "needs a timestamp"),
        (lambda b, c: dates.timedelta_parts(b, c, "hours"), "timedelta", "hours"),
        (lambda b, c: dates.total_seconds(b, c), "timestamp", "needs a timedelta"),
        (lambda b, c: dates.normalize(b, c), "timedelta", "needs a timestamp"),
        (lambda b, c: parse_strings(b, c), "int64", "needs texts"),
        (lambda b, c: parse_strings(b, c, "ignore"), "string", "coerce"),
    ],
)
def test_what_is_not_available_is_refused(block: object, dtype: str, words: str) -> None:
    with pytest.raises(NotLowerableError, match=words):
        Compiled(block, dtype)  # type: ignore[arg-type]


def test_how_many_nodes_the_parts_take() -> None:
    counts = {name: len(part(name, False).ops) for name in PARTS}
    assert {counts[name] for name in ("hour", "minute", "second")} == {2}
    assert (counts["microsecond"], counts["dayofweek"], counts["year"], counts["dayofyear"]) == (1, 3, 14, 14)
    assert {counts[name] for name in ("month", "day", "quarter", "is_month_start", "is_year_start")} == {10}
    assert len(COERCE.ops) == 14
