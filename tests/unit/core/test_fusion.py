"""Columns that go through the same steps travel as one tensor, and no number changes on the way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import operators as op
from rtml_core.package import read_archive
from tests.unit.core.operators_for_tests import Scale, Source

COLUMNS = [f"c{number}" for number in range(6)]


def frame(columns: list[str] = COLUMNS, rows: int = 40) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({name: np.where(random.random(rows) < 0.2, np.nan, random.normal(0, 50, rows)) for name in columns})


def source(columns: list[str] = COLUMNS) -> Source:
    return Source(schema=dict.fromkeys(columns, "float?"))


def ops(compiled: Any) -> Counter[str]:
    """How often each operator stands in the model, but for the Split that hands out the results by name."""
    model = onnx.load_from_string(read_archive(compiled.data).model)
    return Counter(node.op_type for node in model.graph.node if node.op_type != "Split")


def chain(graph: Any, *steps: Any) -> Any:
    for step in steps:
        graph = graph >> step
    return graph


def test_the_same_step_on_six_columns_is_one_node_whatever_its_constants() -> None:
    graph = chain(source(), *(Scale(col=name, by=1.5 + number) for number, name in enumerate(COLUMNS)))
    assert ops(graph.compile(frame())) == {"Mul": 1}


def test_chains_move_together() -> None:
    steps = []
    for number, name in enumerate(COLUMNS):
        steps += [
            op.Pandas(import_="fillna", cols=name, kwargs={"value": float(number)}, inplace=True),
            op.Pandas(import_="mul", cols=name, kwargs={"other": 2.5 + number}, inplace=True),
            op.Pandas(import_="abs", cols=name, inplace=True),
        ]
    assert ops(chain(source(), *steps).compile(frame())) == {"IsNaN": 1, "Where": 1, "Mul": 1, "Abs": 1}


def test_clips_with_bounds_of_their_own() -> None:
    columns = [f"c{number}" for number in range(12)]
    steps = [
        op.Pandas(import_="clip", cols=name, kwargs={"lower": -5.0 - number, "upper": 5.0}, inplace=True)
        for number, name in enumerate(columns)
    ]
    assert ops(chain(source(columns), *steps).compile(frame(columns))) == {"Less": 1, "Greater": 1, "Where": 2}


def test_columns_out_of_order_and_shared_columns() -> None:
    graph = chain(
        source(),
        *(Scale(col=name, by=3.0, into=f"t_{name}") for name in reversed(COLUMNS)),
        *(Scale(col="c0", by=float(number), into=f"u{number}") for number in range(2, 6)),
    )
    made = graph.compile(frame())
    assert ops(made)["Mul"] == 1
    row = dict.fromkeys(COLUMNS, 2.0)
    assert made.score(row) == graph.run(pd.DataFrame([row])).iloc[0].to_dict()


def test_two_columns_are_left_alone_when_picking_them_costs_as_much() -> None:
    graph = chain(source(), Scale(col="c1", by=3.0, into="x"), Scale(col="c3", by=4.0, into="y"))
    graph.outputs = {"x": "x", "y": "y"}
    assert ops(graph.compile(frame()))["Mul"] <= 2


STEPS = [
    ("fillna", {"value": 1.25}),
    ("fillna", {"value": -3.0}),
    ("mul", {"other": 2.5}),
    ("mul", {"other": -0.75}),
    ("add", {"other": 1e-3}),
    ("abs", {}),
    ("clip", {"lower": -10.0, "upper": 20.0}),
    ("clip", {"lower": -1.0}),
    ("round", {"decimals": 1}),
    ("where", {"cond": "c0 > 0.5", "other": 0.0}),
    ("isna", {}),
]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(COLUMNS), st.sampled_from(STEPS)), min_size=2, max_size=14))
def test_any_mix_of_steps_keeps_parity(steps: list[tuple[str, tuple[str, dict[str, Any]]]]) -> None:
    graph: Any = source()
    for number, (column, (method, kwargs)) in enumerate(steps):
        graph = graph >> op.Pandas(import_=method, cols=column, kwargs=kwargs, into=f"n{number}")
    made = graph.compile(frame())
    assert made.report.rows > 500
    assert made.node_count <= 6 * len(steps) + 6
