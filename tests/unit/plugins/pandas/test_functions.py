"""map and apply with a Python function: pandas itself runs the function, the node its tree, the graph its branches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.dsl import dumps
from rtml_core.errors import ParamError
from rtml_core.frames import canonical
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.pandas_ops.node import Pandas

FRAME = canonical(
    pd.DataFrame(
        {
            "x": [1.5, None, -2.0, math.inf, 0.1],
            "n": [1, 2, -(2**63), 2**53 + 1, 0],
            "s": ["VW ", None, "straße", "", "ΑΣ"],
            "b": [True, False, True, True, False],
        }
    )
)

CELLS: list[tuple[str, Any]] = [
    ("x", lambda v: v * 2 if v > 1 else -1),
    ("x", lambda v: "missing" if v != v else "there"),
    ("x", lambda v: 0.0 if pd.isna(v) else round(v, 1)),
    ("n", lambda v: v % 7 if v > 0 else None),
    ("n", lambda v: str(v)),
    ("s", lambda v: v.strip().lower() if isinstance(v, str) else v),
    ("s", lambda v: len(v) if isinstance(v, str) and v else None),
    ("s", lambda v: v == "VW " or v != v),
    ("b", lambda v: not v),
    ("b", lambda v: 1 if v else 2.5),
]


@pytest.mark.parametrize(("column", "function"), CELLS, ids=range(len(CELLS)))
@pytest.mark.parametrize("method", ["map", "apply"])
def test_a_function_of_a_cell_is_what_pandas_makes_of_it(column: str, function: Any, method: str) -> None:
    node = Pandas(import_=method, cols=column, kwargs={"func": function}, into="y")
    made = canonical(node.process(FRAME).data)["y"]
    wanted = canonical(getattr(FRAME[column], method)(function).to_frame("y"))["y"]
    pd.testing.assert_series_equal(made, wanted)
    assert_parity(node, FRAME)


def test_missing_cells_are_left_alone_when_asked() -> None:
    node = Pandas(import_="map", cols="s", kwargs={"arg": lambda v: v.upper(), "na_action": "ignore"}, into="y")
    made = canonical(node.process(FRAME).data)["y"]
    pd.testing.assert_series_equal(made, canonical(FRAME["s"].map(lambda v: v.upper(), na_action="ignore").to_frame("y"))["y"])
    assert_parity(node, FRAME)
    assert_parity(
        Pandas(import_="map", cols=["x", "n"], args=[lambda v: v + 1, "ignore"], into=["p", "q"]), FRAME.iloc[[0, 1, 3]]
    )


def test_a_row_has_python_cells() -> None:
    def label(row: Any) -> Any:
        if row["s"] != row["s"]:
            return None
        return f"{row.n}:{row['s'].strip()}" if row.b or row["x"] > 0 else "-"

    node = Pandas(import_="apply", kwargs={"func": label, "axis": 1}, into="y")
    made = canonical(node.process(FRAME).data)["y"]
    wanted = canonical(FRAME.astype(object).apply(label, axis=1).to_frame("y"))["y"]
    pd.testing.assert_series_equal(made, wanted)
    assert_parity(node, FRAME)
    numbers = FRAME[["x", "n"]]
    assert_parity(Pandas(import_="apply", kwargs={"func": lambda row: row["x"] / row["n"], "axis": "columns"}), numbers)


def test_a_function_folds_into_a_lookup() -> None:
    graph = (
        op.Receiver(schema={"s": "string?"})
        >> Pandas(import_="map", cols="s", kwargs={"arg": {"VW": "a", "Audi": "bb"}}, into="y")
        >> Pandas(import_="fillna", cols="y", kwargs={"value": "none"}, inplace=True)
        >> Pandas(import_="map", cols="y", kwargs={"func": lambda v: len(v) * 2 if v != "none" else 0}, inplace=True)
        >> Pandas(import_="filter", kwargs={"items": ["y"]})
    )
    compiled = graph.compile()
    assert compiled.score([{"s": "Audi"}, {"s": "VW"}, {"s": None}]) == [{"y": 4}, {"y": 2}, {"y": 0}]
    assert str(compiled.explain()).splitlines()[-1].split() == ["total", "1", "yes"]


def test_the_graph_keeps_the_function() -> None:
    graph = op.Receiver(schema={"x": "float", "n": "int"}) >> Pandas(
        import_="apply", kwargs={"func": lambda row: row.x * row.n, "axis": 1}, into="y"
    )
    text = dumps(graph)
    again = Graph.from_dsl(text)
    assert dumps(again) == text
    assert again.compile().score({"x": 1.5, "n": 2})["y"] == 3.0


def test_functions_of_the_mathematical_library_have_a_tolerance() -> None:
    node = Pandas(import_="map", cols="x", kwargs={"func": lambda v: math.log(v) if v > 0 else v}, into="y")
    assert node.tolerance != (0.0, 0.0)
    assert_parity(node, FRAME)
    assert Pandas(import_="map", cols="x", kwargs={"func": lambda v: v + 1}, into="y").tolerance == (0.0, 0.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"import_": "apply", "kwargs": {"func": lambda column: 1}}, "takes axis=1, a row at a time"),
        ({"import_": "apply", "cols": "x"}, "'apply' takes a function"),
        ({"import_": "map", "cols": "x", "kwargs": {"func": lambda a, b: a}}, "calls the function with one cell; it takes a, b"),
        ({"import_": "apply", "cols": "x", "kwargs": {"func": len, "args": [1]}}, "argument 'args' can't be kept"),
        ({"import_": "map", "cols": "x", "kwargs": {"func": lambda v: input(v)}}, "'input' can't be compiled"),
        ({"import_": "map", "cols": "x", "kwargs": {"func": np.log}}, "can't be read"),
    ],
)
def test_what_can_not_be_kept_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Pandas(**given)
    assert words in str(caught.value)


def test_missing_booleans_are_refused() -> None:
    frame = canonical(pd.DataFrame({"b": pd.array([True, None], dtype="boolean")}))
    assert_refuses(Pandas(import_="map", cols="b", kwargs={"func": lambda v: 1}, into="y"), frame, "fill it first", "'b'")
