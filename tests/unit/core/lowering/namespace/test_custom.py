"""Custom operators inside of formulas: xp.custom on arrays and traced, and formulas as bodies of functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp, Operator
from rtml_core.errors import RtmlError
from rtml_core.frames import string_dtype
from rtml_core.testing import assert_parity, assert_refuses


def difference(xp: Any, x: Any, y: Any, *, scale: float) -> Any:
    """A formula whose answer for infinite operands is filled."""
    return xp.fill_missing((x - y) * scale, -1.0), xp.nan_to_num(x, posinf=5.0)


def reversed_text(texts: Any) -> Any:
    return np.array([text[::-1] for text in texts], dtype=object)


FORMULA = CustomOp(
    "example.formulas", "difference", 1, ("float64", "float64"), ("float64", "float64"), difference,
    "x - y, scaled.", {"scale": "float"}, kind="function",
)  # fmt: skip
PYTHON = CustomOp("example.formulas", "reversed", 1, ("string",), ("string",), reversed_text, "A text from its end.")


class Both(Operator):
    """Custom operators of two kinds in one formula."""

    def columns(self) -> Sequence[str]:
        return ["x", "y", "s"]

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        x, y, s = columns
        one, two = xp.custom(FORMULA, x, y, scale=2.0)
        three, _ = xp.custom(FORMULA, x, 1.0, scale=0.5)
        back = xp.custom(PYTHON, xp.strings.upper(s))
        return {"one": one + 1.0, "two": two, "three": three, "back": xp.fill_missing(back, "none"), "same": back == s}


def rows() -> pd.DataFrame:
    ends = [1.0, -2.5, np.inf, -np.inf, np.nan, 0.0]
    frame = pd.DataFrame([(x, y) for x in ends for y in ends], columns=["x", "y"])
    return frame.assign(s=pd.array((["ABA", "ab", None, "", "ß", "Σ"] * 6), dtype=string_dtype()))


def test_custom_operators_of_a_formula_are_the_same_in_both_readings() -> None:
    frame = rows()
    made = Both().process(frame).data
    assert made["one"][frame["x"].eq(np.inf) & frame["y"].eq(np.inf)].tolist() == [0.0]
    assert made["two"][frame["x"].eq(np.inf) & frame["y"].eq(0.0)].tolist() == [5.0]
    assert made["back"].tolist()[:3] == ["ABA", "BA", "none"]
    assert assert_parity(Both(), frame) > 0


class Wrong(Both):
    """A custom operator on the wrong columns."""

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        return {"back": xp.custom(PYTHON, columns[0])}


def test_a_column_of_the_wrong_dtype_is_refused_at_the_line() -> None:
    with pytest.raises(RtmlError, match=r"example\.formulas:reversed"):
        Wrong().process(rows())
    assert_refuses(Wrong(), rows(), "example.formulas:reversed", "xp.custom(PYTHON, columns[0])")
