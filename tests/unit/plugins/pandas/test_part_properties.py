"""Random texts, times and rows of numbers through the methods that search, cut and add: compiled or refused, never different."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtml_core.errors import RtmlError
from rtml_core.frames import string_dtype
from rtml_plugins.pandas_ops import Pandas

CHECKS = list(HealthCheck)
LETTERS = st.characters(codec="utf-8", exclude_characters="\x00\ufdd0")
short = st.one_of(st.text(st.sampled_from("abAB-=. 1\n"), max_size=3), st.text(LETTERS, max_size=2))
texts = st.one_of(st.text(st.sampled_from("abAB-=. 1\nßǅİ"), max_size=8), st.text(LETTERS, max_size=6))
columns = st.one_of(st.lists(texts, min_size=1, max_size=6), st.lists(st.one_of(texts, st.none()), min_size=1, max_size=6)).map(
    lambda items: pd.DataFrame({"x": pd.Series(items, dtype=string_dtype())})
)
patterns = st.sampled_from(["a", "[ab]+", "a|b", "(?i)a", "-+", "^a", "b$", ".", "\\w", "\\s", "a{2}", "[^a]"])
groups = st.sampled_from(["([ab]+)", "(.)-(.*)", "([^=]*)=([^=]*)", "^(.)", "(.)$", "((a)b?)", "(\\w+)\\s", "(?P<n>\\d)"])
places = st.integers(0, 6)


def _call(name: str, into: int = 1, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any], int]]:
    return st.fixed_dictionaries(arguments).map(lambda found: (f"str.{name}", found, into))


calls = st.one_of(
    st.sampled_from(["islower", "isupper", "istitle", "isascii"]).flatmap(_call),
    st.sampled_from(["find", "rfind"]).flatmap(lambda name: _call(name, sub=short)),
    st.sampled_from(["partition", "rpartition"]).flatmap(lambda name: _call(name, 3, sep=short)),
    _call("rsplit", 2, pat=short, n=st.just(1), expand=st.just(True)),
    _call("count", pat=patterns),
    groups.flatmap(lambda pattern: _call("extract", pattern.count("(") - pattern.count("(?i"), pat=st.just(pattern))),
    _call("repeat", repeats=st.integers(-1, 4)),
    _call("slice_replace", start=st.none() | places, stop=st.none() | places, repl=short),
    _call("join", sep=short),
    _call("translate", table=st.dictionaries(st.sampled_from([97, 98, 45, 223]), st.none() | short, max_size=3)),
    st.sampled_from(["startswith", "endswith"]).flatmap(lambda name: _call(name, pat=st.lists(short, max_size=3))),
    _call("replace", pat=st.dictionaries(short, short, max_size=2)),
)


@settings(max_examples=80, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(frame=columns, call=calls)
def test_a_method_of_texts_never_differs_from_pandas(
    frame: pd.DataFrame, call: tuple[str, dict[str, Any], int], prove: Any
) -> None:
    name, arguments, width = call
    try:
        proof = prove(Pandas(import_=name, cols="x", kwargs=arguments, into=[f"y{n}" for n in range(width)]), frame)
    except RtmlError:
        assume(False)
    proof.holds()
    proof.holds_on(0)


# from the year 1 to the year 9999, in microseconds
moments = st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999)
near = st.builds(lambda day, micros: day * 86_400_000_000 + micros, st.integers(-800_000, 2_900_000), st.sampled_from([0, 1, -1]))
freqs = st.builds(lambda count, unit: f"{count}{unit}", st.integers(1, 90), st.sampled_from(["D", "h", "min", "s", "ms", "us"]))
PARTS = ["days_in_month", "is_month_end", "is_quarter_end", "is_year_end", "isocalendar", "is_leap_year", "dayofyear", "quarter"]


@settings(max_examples=30, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(
    values=st.lists(st.one_of(moments, near, st.just(-(2**63))), min_size=1, max_size=8),
    call=st.one_of(st.sampled_from(PARTS), st.tuples(st.sampled_from(["floor", "ceil", "round"]), freqs)),
)
def test_a_method_of_times_never_differs_from_pandas(values: list[int], call: Any, prove: Any) -> None:
    frame = pd.DataFrame({"t": np.array(values, dtype="datetime64[us]")})
    name, arguments = (call, []) if isinstance(call, str) else (call[0], [call[1]])
    proof = prove(Pandas(import_=f"dt.{name}", cols="t", args=arguments), frame)
    proof.holds()
    proof.holds_on(0)


floats = st.one_of(
    st.floats(allow_nan=False), st.sampled_from([0.0, -0.0, 1e308, -1e308, 0.1, 5e-324]), st.integers(-9, 9).map(float)
)
wholes = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-9, 9))


@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(
    data=st.data(),
    width=st.integers(1, 12),
    name=st.sampled_from(["sum", "mean", "prod", "min", "max", "any", "all", "count"]),
    skipna=st.booleans(),
)
def test_a_row_of_numbers_never_differs_from_pandas(data: Any, width: int, name: str, skipna: bool, prove: Any) -> None:
    def column() -> Any:
        kind = data.draw(st.sampled_from(["floats", "missing", "wholes"]))
        values = {"floats": floats, "missing": st.one_of(floats, st.just(float("nan"))), "wholes": wholes}[kind]
        return np.array(data.draw(st.lists(values, min_size=3, max_size=3)), dtype="int64" if kind == "wholes" else "float64")

    frame = pd.DataFrame({f"c{number}": column() for number in range(width)})
    arguments = {"axis": 1} if name == "count" else {"axis": 1, "skipna": skipna}
    proof = prove(Pandas(import_=name, kwargs=arguments, into="made"), frame)
    proof.holds()
    proof.holds_on(0)
