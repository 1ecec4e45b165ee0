"""Where Python's numbers and texts are hard to match: each form alone, on the values at which it could differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.lowering.functions.harness import FLOATS, TEXTS, WHOLE, assert_three_ways

LIMITS = {"VW": 1, "Audi": 2.5, "a": True, "straße": None, "": "text"}
LEVELS = (10, 20, 30)

NUMBERS: list[Callable[..., Any]] = [
    lambda n, m: n + m,
    lambda n, m: n - m,
    lambda n, m: n * m,
    lambda n, m: n * 3 + 1,
    lambda n, m: n * -7,
    lambda n, m: n // m,
    lambda n, m: n % m,
    lambda n, m: n / m,
    lambda n, m: n // -1,
    lambda n, m: n // 7 - n % -7,
    lambda n, m: -n,
    lambda n, m: abs(n),
    lambda n, m: n**2 + m**3 if abs(n) < 100 and abs(m) < 100 else n**5,
    lambda n, m: max(n, m) if n > 0 else min(n, m, 0),
    lambda n, m: n == m or n > m > 0,
    lambda n, m: str(n) + str(n > m),
    lambda n, m: n % 3 == 0 and m % 5 == 0,
    lambda n, m: float(n) * 0.1,
    lambda n, m: n > 9007199254740992.0,
    lambda n, m: n < 9.223372036854776e18,
    lambda n, m: n in (1, 2.0, True, 9007199254740993, "1"),
]
FLOAT_FORMS: list[Callable[..., Any]] = [
    lambda x, n: x + n,
    lambda x, n: x / n,
    lambda x, n: x // n,
    lambda x, n: x % n,
    lambda x, n: n // x,
    lambda x, n: n % x,
    lambda x, n: x // 2.5,
    lambda x, n: x % -2.5,
    lambda x, n: x < n,
    lambda x, n: x == n,
    lambda x, n: x >= n,
    lambda x, n: n != x,
    lambda x, n: int(x),
    lambda x, n: round(x),
    lambda x, n: math.floor(x) - math.ceil(x),
    lambda x, n: round(x, 2),
    lambda x, n: round(x, 0),
    lambda x, n: round(x, 5),
    lambda x, n: max(x, n, 0),
    lambda x, n: abs(x),
    lambda x, n: x and n,
    lambda x, n: x or n,
    lambda x, n: not x,
    lambda x, n: math.sqrt(x),
    lambda x, n: math.isnan(x) or math.isinf(x),
    lambda x, n: x in (0, 1, 2.5, 2**53 + 1),
    lambda x, n: LEVELS[n],
    lambda x, n: {1: "one", 2.5: "more", 0: "none"}.get(x, "other"),
    lambda x, n: sum(1 if x > level else 0 for level in LEVELS),
]
TEXT_FORMS: list[Callable[..., Any]] = [
    lambda s, t: s + t,
    lambda s, t: None if s is None else (s if t == "a" else s.strip())[1:],
    lambda s, t: None if s is None or s != s else (s.upper() if t == "a" else s).rjust(3) + t,
    lambda s, t: s == t,
    lambda s, t: s.lower() + t.upper(),
    lambda s, t: s.strip() or t,
    lambda s, t: len(s) - len(t),
    lambda s, t: s[0],
    lambda s, t: s[-1] + t[1:3],
    lambda s, t: s.split("-")[1],
    lambda s, t: s.split()[0],
    lambda s, t: s.split("-", 1)[0],
    lambda s, t: s.replace("a", "ß") if "a" in s else None,
    lambda s, t: "ß" in s.lower() and s.startswith(("s", "A")),
    lambda s, t: s.isdigit() or s.isalpha() or s.isspace(),
    lambda s, t: s.zfill(4) + s.rjust(3, "*"),
    lambda s, t: LIMITS[s] is None,
    lambda s, t: LIMITS.get(s, 1) == 1,
    lambda s, t: t in LIMITS or s in ("a", "A"),
    lambda s, t: f"{s}/{len(t)}/{s == t}",
    lambda s, t: s.removeprefix("a").removesuffix("b"),
    lambda s, t: any(word in s for word in ("a", "VW")) and all(word not in t for word in ("x", "-")),
    lambda s, t: {"VW": 1, "Audi": 2}[s.strip()],
]


@pytest.mark.parametrize("form", NUMBERS, ids=range(len(NUMBERS)))
def test_whole_numbers(form: Callable[..., Any]) -> None:
    assert_three_ways(form, {"n": "int64", "m": "int64"}, list(product(WHOLE, WHOLE)))


@pytest.mark.parametrize("form", FLOAT_FORMS, ids=range(len(FLOAT_FORMS)))
def test_floats_and_whole_numbers(form: Callable[..., Any]) -> None:
    rows = list(product([None, *FLOATS], WHOLE))
    assert_three_ways(form, {"x": "float64?", "n": "int64"}, rows)
    with_nan = [(math.nan if x is None else x, n) for x, n in rows]
    assert_three_ways(form, {"x": "float64?", "n": "int64"}, with_nan, "nan")


@pytest.mark.parametrize("form", TEXT_FORMS, ids=range(len(TEXT_FORMS)))
def test_texts(form: Callable[..., Any]) -> None:
    rows = list(product([None, *TEXTS], TEXTS))
    assert_three_ways(form, {"s": "string?", "t": "string"}, rows)
    with_nan = [(math.nan if s is None else s, t) for s, t in rows]
    assert_three_ways(form, {"s": "string?", "t": "string"}, with_nan, "nan")


@given(st.lists(st.floats(width=64), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_round_is_pythons(values: list[float]) -> None:
    assert_three_ways(lambda x: round(x, 3) if x > 0 else round(x, 7), {"x": "float64?"}, [(v,) for v in values], "nan")


def _nearly_ties(digits: int) -> list[float]:
    """Decimal ties, as floats and one step beside: where rounding a scaled float goes wrong."""
    chance = np.random.default_rng(digits)
    ties = (chance.integers(-(10**6), 10**6, 400) * 10 + 5) / 10.0 ** (digits + 1)
    large = chance.integers(-(2**53), 2**53, 200) / 10.0**digits
    both = np.concatenate([ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf), large])
    return [float(value) for value in both]


@pytest.mark.parametrize("digits", [1, 2, 3, 6])
def test_round_is_pythons_at_ties(digits: int) -> None:
    forms = {1: lambda x: round(x, 1), 2: lambda x: round(x, 2), 3: lambda x: round(x, 3), 6: lambda x: round(x, 6)}
    assert_three_ways(forms[digits], {"x": "float64"}, [(value,) for value in _nearly_ties(digits)])


LIBRARY: list[Callable[..., Any]] = [
    lambda x: math.exp(x), lambda x: math.log(x), lambda x: math.log(x, 3), lambda x: math.log1p(x), lambda x: math.sin(x),
    lambda x: math.asin(x), lambda x: math.tanh(x), lambda x: x**0.5, lambda x: x**-2, lambda x: x**2.5, lambda x: 2.0**x,
    lambda x: math.pow(x, 3), lambda x: math.expm1(x), lambda x: math.sinh(x), lambda x: math.log10(x), lambda x: math.cosh(x),
]  # fmt: skip


@pytest.mark.parametrize("form", LIBRARY, ids=range(len(LIBRARY)))
def test_functions_of_math_refuse_what_python_refuses(form: Callable[..., Any]) -> None:
    import pandas as pd

    from rtml_core.testing import assert_parity
    from rtml_plugins.functions.operator import Function

    values = [*FLOATS, 0.25, -0.25, 0.999, 700.0, 710.0, -745.0, None]
    assert assert_parity(Function(function=form, cols=["x"], into="y"), pd.DataFrame({"x": values})) > 0
