"""Formulas at the ends of float64 and int64: a product may underflow, a square overflow; whole numbers stay whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Operator
from rtml_core import operators as op
from rtml_core.frames import schema_of
from rtml_core.testing import assert_parity, assert_refuses


class Ends(Operator):
    """mod and hypot of two columns."""

    tolerance = (1e-12, 0.0)

    def columns(self) -> Sequence[str]:
        return ["x", "y"]

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        x, y = columns
        return {"mod": xp.mod(x, y), "hypot": xp.hypot(x, y)}


def test_mod_and_hypot_at_the_ends() -> None:
    ends = [1e-300, -1e-300, 5e-324, 1e200, -1.7e308, 3.0, -3.0, 0.0, np.inf, -np.inf, np.nan]
    pairs = [(x, y) for x in ends for y in ends if not (abs(x) > 1e100 and 0 < abs(y) < 1e-100)]
    frame = pd.DataFrame(pairs, columns=["x", "y"])
    made = Ends().process(frame).data
    assert made["hypot"].max() == np.inf
    assert np.isfinite(made["hypot"][(frame["x"] == 1e200) & (frame["y"] == 3.0)]).all()
    assert_parity(Ends(), frame)


class Whole(Operator):
    """floor, ceil, trunc and sign of whole numbers, which numpy keeps whole."""

    def columns(self) -> Sequence[str]:
        return ["n"]

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        (n,) = columns
        return {"a": xp.floor(n) * 3, "b": xp.ceil(n) + 1, "c": xp.trunc(n), "d": xp.sign(n) * n}


def test_whole_numbers_stay_whole() -> None:
    frame = pd.DataFrame({"n": [0, 1, -1, 2**53 + 1, 2**62, -(2**62), -(2**63), 2**63 - 1]})
    made = Whole().process(frame).data
    assert [str(dtype) for dtype in made.dtypes] == ["int64"] * 5
    assert_parity(Whole(), frame)
    assert [column.dtype for column in Whole().schema(schema_of(frame)).values()] == ["int64"] * 5


def test_floor_and_ceil_of_whole_numbers_in_expressions() -> None:
    frame = pd.DataFrame({"n": [1, 2**53 + 1, 2**62, -(2**63)], "f": [True, False, True, False]})
    for expression in ("18 * ceil(n)", "floor(n) + 1", "floor(f)", "ceil(2) * n"):
        assert_parity(op.Pandas(import_="eval", kwargs={"expr": f"y = {expression}"}), frame)


def test_eval_divides_a_boolean_by_a_number_and_not_by_a_boolean() -> None:
    frame = pd.DataFrame({"f": [True, False], "g": [True, True], "n": [2, 0]})
    for expression in ("f / n", "2 / f", "f / 2"):
        assert_parity(op.Pandas(import_="eval", kwargs={"expr": f"y = {expression}"}), frame)
    both = op.Pandas(import_="eval", kwargs={"expr": "y = f / g"})
    with pytest.raises(NotImplementedError):
        both.process(frame)
    assert_refuses(both, frame, "booleans can't be divided by booleans")
