"""int64 near 2^31, 2^53 and 2^63, in batches: where some of onnxruntime's own integer kernels are wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Operator
from rtml_core import operators as op
from rtml_core.testing import assert_parity

LARGE = [0, 1, -1, 7, -7, 2**31 - 1, 2**31, 2**31 + 1, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**62, -(2**62), 2**63 - 1]
FRAME = pd.DataFrame({"a": LARGE, "b": LARGE[::-1]})


class Extremes(Operator):
    """Smallest, largest and clipped of two whole numbers."""

    def columns(self) -> list[str]:
        return ["a", "b"]

    def compute(self, xp: Any, a: Any, b: Any) -> dict[str, Any]:
        return {"low": xp.minimum(a, b), "high": xp.maximum(a, b), "clipped": xp.clip(a, -3, 5)}


def test_extremes_of_a_formula() -> None:
    assert assert_parity(Extremes(), FRAME) > 0


@pytest.mark.parametrize(
    "node",
    [
        {"import": "clip", "kwargs": {"lower": -3, "upper": 5}},
        {"import": "clip", "kwargs": {"lower": 2**31}},
        {"import": "clip", "kwargs": {"upper": -(2**53)}},
        {"import": "floordiv", "kwargs": {"other": 7}},
        {"import": "floordiv", "kwargs": {"other": -7}},
        {"import": "mod", "kwargs": {"other": -7}},
        {"import": "eval", "args": ["c = a // b"], "cols": None},
        {"import": "abs"},
    ],
)
def test_pandas_methods(node: dict[str, Any]) -> None:
    frame = FRAME[(FRAME["b"] != 0) & (FRAME["a"] != 0)].reset_index(drop=True)
    assert assert_parity(op.Pandas(params={"cols": "a", "inplace": node["import"] != "eval", **node}), frame) > 0


@given(st.lists(st.tuples(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-(2**63) + 1, 2**63 - 1)), min_size=1, max_size=9))
def test_any_batch(rows: list[tuple[int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype=np.int64)
    assert assert_parity(Extremes(), frame) > 0
