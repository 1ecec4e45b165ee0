"""Examples of the catalogue as operators, and the rows they are tried on: hard values of every dtype, in all pairs."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from rtml_core import CustomOp, Operator
from rtml_core.frames import canonical, string_dtype

FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.0, 100.0, 0.3, 1e-9, -1e-9, 5e-324, -5e-324, 2.2e-308, 1e15,
    4503599627370497.5,
    1e308, -1.7e308, 710.0, -745.2, 2.0**53 + 2, 9.2e18, 9.3e18, 1e-300, np.pi / 2, np.inf, -np.inf, np.nan,
]  # fmt: skip
INTS = [0, 1, -1, 2, 7, -7, 255, 10**6, -(10**9), 2**31, -(2**31) - 1, 2**53 + 1, -(2**62), 2**63 - 1, -(2**63)]
TEXTS = [
    "", "a", "ab", "b", " a b ", "a-b-c", "-", "--", "12", "+7", "-3.5", "A-Z", "Straße", "ÀÉ", "ΟΔΟΣ", "ǅ", "ß", "9", "a.b",
    "\\1", "\t\n",
    "a\nb", "😀b", "١٢", "2024-02-29", "2024-02-29T10:11:12.5Z", "2023-02-29", "xa12b", "1e5", " .5 ", "inf", "nan", "1_000",
    "0x10", "12.", "1e309", "yes", "none", "²",
]  # fmt: skip
TIMES = [
    "1970-01-01", "1969-12-31T23:59:59.999999", "2024-02-29", "2024-02-29T12:30:00", "2023-12-31T23:59:59.5", "1900-03-01",
    "2000-01-01",
    "2024-06-01T00:30:00", "2026-11-21T10:15:00.000001", "0001-01-01", "9999-12-31T23:59:59.999999", "2024-07-27T06:00:00",
]  # fmt: skip
SPANS = [0, 1, -1, 1_500_000, -1_500_000, 86_400_000_000, -86_400_000_001, 1_800_000_000, 5_400_000_000, 10**15]


COLUMNS = ("x", "y", "n", "m", "p", "q", "s", "u", "t", "v", "d")


def _cross(values: Sequence[Any], rows: int, *, second: bool = False) -> list[Any]:
    """The first, or the second, of all pairs, over and over."""
    pairs = list(itertools.product(values, values))
    chosen = [pair[1 if second else 0] for pair in pairs]
    return list(itertools.islice(itertools.cycle(chosen), rows))


@lru_cache(maxsize=4)
def frame(*, missing: bool = True, narrow: bool = False, rows: int = 961) -> pd.DataFrame:
    """Columns x, y of floats, n, m of whole numbers, p, q of booleans, s, u of texts, t, v of times, d of timedeltas.

    missing: with missing texts, times and booleans, and NaN; narrow: float32 columns.
    """
    made: dict[str, Any] = {}
    gap: list[Any] = [None] if missing else []
    floats = [value for value in FLOATS if missing or not np.isnan(value)]
    with np.errstate(over="ignore"):
        for name, second in (("x", False), ("y", True)):
            made[name] = np.array(_cross(floats, rows, second=second), dtype=np.float32 if narrow else np.float64)
    for name, second in (("n", False), ("m", True)):
        made[name] = np.array(_cross(INTS, rows, second=second), dtype=np.int64)
    for name, second in (("p", False), ("q", True)):
        made[name] = pd.array(_cross([True, False, *gap], rows, second=second), dtype="boolean")
    for name, second in (("s", False), ("u", True)):
        made[name] = pd.array(
            [np.nan if text is None else text for text in _cross([*TEXTS, *gap], rows, second=second)], string_dtype()
        )
    for name, second in (("t", False), ("v", True)):
        made[name] = np.array([text or "NaT" for text in _cross([*TIMES, *gap], rows, second=second)], dtype="datetime64[us]")
    made["d"] = np.array(_cross([*SPANS, *(["NaT"] if missing else [])], rows), dtype="timedelta64[us]")
    return canonical(pd.DataFrame(made))


def halved(x: Any) -> Any:
    """The body of a custom operator."""
    return x * 0.5


HALF = CustomOp("example", "half", 1, ("float64",), ("float64",), body=halved, doc="Half of a number.")


def dt(text: str) -> datetime.datetime:
    """A time constant."""
    return datetime.datetime.fromisoformat(text)


class Example(Operator):
    """Examples of the catalogue as one operator: a new column for each, named by its code."""

    def __init__(self, *codes: str, near: bool = False):
        self.codes = {code: compile(code, "<example>", "eval") for code in codes}
        used = {name for code in self.codes.values() for name in code.co_names}
        self.used = [name for name in COLUMNS if name in used] or ["x"]
        super().__init__()
        self.tolerance = (1e-9, 1e-9) if near else (0.0, 0.0)  # type: ignore[misc]

    def columns(self) -> Sequence[str]:
        return self.used

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        names = {"xp": xp, "dt": dt, "half": HALF, **dict(zip(self.used, columns, strict=True))}
        return {text: eval(code, names) for text, code in self.codes.items()}

    def __repr__(self) -> str:
        return "; ".join(self.codes)


def rows_for(operator: Example, *, missing: bool = True, narrow: bool = False) -> pd.DataFrame:
    """The columns that the examples take, each combination of values once."""
    return frame(missing=missing, narrow=narrow)[operator.used].drop_duplicates().reset_index(drop=True)
