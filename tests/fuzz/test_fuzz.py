"""At least 200 random graphs, the same ones every time."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rtml_core import Graph, Operator
from rtml_core import operators as op
from rtml_core.columns import Field
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, new, value_of
from tests.fuzz import rows
from tests.fuzz.check import Mismatch, Tally, check
from tests.fuzz.graphs import Drawn, random_graph

EXAMPLES = 220


def test_a_compiled_graph_never_differs_from_the_authored_one() -> None:
    tally = Tally()

    @seed(20261121)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.data())
    def compare(data: st.DataObject) -> None:
        with np.errstate(all="ignore"):
            check(random_graph(data.draw), tally)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow on purpose: numpy warns, both forms go on
        compare()
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
