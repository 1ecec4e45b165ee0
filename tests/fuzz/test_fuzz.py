"""At least 200 random graphs, the same ones every time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph, Operator
from rtml_core import operators as op
from rtml_core.columns import Field
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, new, value_of
from tests.fuzz import rows
from tests.fuzz.check import Mismatch, Tally, check, compare_random
from tests.fuzz.graphs import Drawn

EXAMPLES = 220


def test_a_compiled_graph_never_differs_from_the_authored_one() -> None:
    tally = Tally()
    compare_random(20261121, EXAMPLES, tally)
    assert tally.graphs >= 200
    assert tally.rows > 50 * tally.graphs / 2


class Doubles(Operator):
    """Twice column x, a float64 column; compiled it is something else above 40, or refuses rows below 3."""

    lie = "value"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(y=frame["x"] * 2)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        x = value_of(b, columns["x"])
        if self.lie == "refusal":
            b.check(b.op("Greater", x, b.const([[3.0]]), dtype="bool"), "too small")
        factor = b.op(
            "Where", b.op("Greater", x, b.const([[40.0]]), dtype="bool"), b.const([[3.0]]), b.const([[2.0]]), dtype="float64"
        )
        made = b.op("Mul", x, factor if self.lie == "value" else b.const([[2.0]]))
        return {**columns, "y": new("float64", made, nullable=False)}


class Doubtful(Doubles):
    """As above, with a refusal that nobody authored."""

    lie = "refusal"


@pytest.mark.parametrize(("operator", "said"), [(Doubles, "output 'y' differs"), (Doubtful, "refuses a row that the authored")])
def test_a_lowering_that_lies_is_found(operator: type[Operator], said: str) -> None:
    rng = np.random.default_rng(1)
    entries = [Field("x", "float")]
    training = rows.frame(entries, rows.columns(entries, 20, rng))
    drawn = Drawn(Graph.start(op.Receiver(schema={"x": "float"})) >> operator(), entries, training, rng)
    drawn.settle()
    with pytest.raises(Mismatch, match=said):
        check(drawn, Tally())
