"""Formulas at the ends of float64: a product may underflow, a square may overflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rtml_core import Operator
from rtml_core.testing import assert_parity


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
