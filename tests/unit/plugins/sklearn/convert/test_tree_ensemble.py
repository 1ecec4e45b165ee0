"""TreeEnsemble as a piecewise constant function."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.assemble import assemble
from rtml_core.lowering.builder import Builder
from rtml_core.testing import run_model
from rtml_plugins.sklearn_ops.convert.tree_ensemble import LEQ, MEMBER, Flat, Trees, constant, intervals, steps


def evaluate(trees: Trees, x: Any, targets: int = 1) -> np.ndarray:
    b = Builder()
    source = b.input("x", "float64", x.shape[1])
    made = assemble(b, {"y": trees.emit(b, source, targets)})
    assert made.node_count == 1
    return run_model(made.model, {"x": x})["y"]


EDGES = st.lists(st.floats(-10, 10, allow_nan=False), min_size=0, max_size=9, unique=True).map(sorted)


@given(EDGES, st.lists(st.floats(-11, 11), max_size=20))
def test_steps_count_the_edges_up_to_a_value(edges: list[float], extra: list[float]) -> None:
    near = [n for e in edges for n in (e, np.nextafter(e, -np.inf), np.nextafter(e, np.inf))]
    x = np.array([*near, *extra, 1e300, -1e300])
    trees = Trees()
    trees.add(steps(0, np.array(edges)), np.arange(len(edges) + 1, dtype=float))
    expected = np.searchsorted(np.array(edges), x, side="right")
    assert evaluate(trees, x[:, None])[:, 0].tolist() == expected.tolist()


def test_one_leaf_nan_and_mixed_comparisons() -> None:
    trees = Trees()
    trees.constant(0.25, 1)
    edges, strict = np.array([-np.inf, 1.0, 1.0, 2.0]), np.array([True, True, False, True])
    trees.add(intervals(1, edges, strict, missing_first=True), np.array([100.0, 10, 20, 30, 40]), 0)
    trees.constant(0.5, 0)
    above = float(np.nextafter(1.0, 2))
    x = np.array([[0, np.nan], [0, -1e300], [0, np.nextafter(1.0, 0)], [0, 1.0], [np.nan, above], [0, 2.0]])
    assert evaluate(trees, x, 3).tolist() == [[v + 0.5, 0.25, 0.0] for v in (100.0, 10.0, 10.0, 20.0, 30.0, 40.0)]
    assert evaluate(trees, x[:0], 3).shape == (0, 3)


def test_sets_send_their_members_to_the_left_and_nan_where_it_is_told() -> None:
    for missing in (True, False):
        flat = Flat(
            np.array([1, -1, -1]),
            np.array([2, -1, -1]),
            np.zeros(3, int),
            np.zeros(3),
            np.full(3, missing),
            modes=np.array([MEMBER, LEQ, LEQ], np.uint8),
            members={0: np.array([0.0, 3.0, 200.0])},
        )
        trees = Trees()
        trees.add(flat, np.array([1.0, 2.0]))
        x = np.array([0, 1, 3, 200, 199, 300, np.nan, -1])[:, None]
        assert evaluate(trees, x)[:, 0].tolist() == [1, 2, 1, 1, 2, 2, 1 if missing else 2, 2]


def test_a_constant_reads_only_the_number_of_rows() -> None:
    b = Builder()
    value = constant(b, b.input("x", "float64", 2), 0.1)
    found = run_model(assemble(b, {"y": value}).model, {"x": np.array([[np.nan, np.inf], [1, 2]])})
    assert found["y"].tolist() == [[0.1], [0.1]]
