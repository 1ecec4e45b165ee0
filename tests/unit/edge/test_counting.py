"""Values in the bins of a baseline: every type of a field, missing ones, and what no bin was made for."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.baseline import BaselineEntry, Binning, ColumnBaseline
from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_plugins.edge.counting import MOST_BINS, Counter, inputs_of, outputs_of

NUMBERS = ColumnBaseline("n", "number", 0, (1, 2, 3), edges=(-1.5, 4.0))
TIMES = ColumnBaseline("t", "time", 0, (1, 1), edges=(1_700_000_000.0,))
TEXTS = ColumnBaseline("s", "category", 0, (5, 4, 1), values=("red", "blue"))
BOOLS = ColumnBaseline("b", "category", 0, (5, 4, 0), values=("false", "true"))


def counted(column: ColumnBaseline, *values: Any) -> list[int]:
    counter = Counter([(0, column)])
    counter.add([(value,) for value in values])
    return counter.counts[0]


@pytest.mark.parametrize(
    ("column", "values", "counts"),
    [
        (NUMBERS, (-9e99, -1.5, -1.4, 4, 4.0, 4.1, 2**62, None), [2, 3, 2, 1]),
        (TIMES, (1_700_000_000_000_000, 1_700_000_000_000_001, 0, MISSING_TIME, None), [2, 1, 2]),
        (TEXTS, ("red", "RED", "", "blue", "green", MISSING_STRING, None, "blue"), [1, 2, 3, 2]),
        (BOOLS, (True, False, False, None), [2, 1, 0, 1]),
    ],
)
def test_each_value_has_its_bin(column: ColumnBaseline, values: tuple[Any, ...], counts: list[int]) -> None:
    assert counted(column, *values) == counts


edges = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=6, unique=True).map(sorted)
whole = st.integers(-(2**63) + 1, 2**63 - 1)


@given(edges, st.one_of(whole, st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_are_counted_where_the_baseline_has_them(edges: list[float], value: float) -> None:
    column = ColumnBaseline("n", "number", 0, (0,) * (len(edges) + 1), edges=tuple(edges))
    assert counted(column, value).index(1) == Binning(column).bin_of(value)


@given(st.lists(st.text(max_size=3), max_size=5, unique=True), st.one_of(st.text(max_size=3), st.booleans()))
def test_categories_are_counted_where_the_baseline_has_them(values: list[str], value: str | bool) -> None:
    column = ColumnBaseline("s", "category", 0, (0,) * (len(values) + 1), values=tuple(values))
    assert counted(column, value).index(1) == Binning(column).bin_of(value)


@given(edges.map(lambda e: [x for x in e if abs(x) < 1e10]), st.integers(-(10**16), 10**16))
def test_times_are_counted_where_the_baseline_has_them(edges: list[float], micros: int) -> None:
    column = ColumnBaseline("t", "time", 0, (0,) * (len(edges) + 1), edges=tuple(edges))
    assert counted(column, micros).index(1) == Binning(column).bin_of(micros / 1_000_000)


def test_columns_are_found_by_name_and_those_that_do_not_fit_are_left_out() -> None:
    schema = {"x": "float", "when": "timestamp", "word": "string", "yes": "bool", "many": "int"}
    graph = op.Receiver(schema=schema) >> op.FieldOps(ops=[{"set": "says", "to": "x + 1"}])
    texts = [f"v{at}" for at in range(MOST_BINS)]
    wrong = [
        ColumnBaseline("word", "number", 0, (1, 1), edges=(0.5,)),  # of another kind
        ColumnBaseline("yes", "category", 0, (1, 1), values=("false", "true")),  # a bin too few
        ColumnBaseline("many", "number", 0, (), edges=()),  # no bin
        ColumnBaseline("gone", "number", 0, (1,)),  # no such field
        ColumnBaseline("word", "category", 0, (1,) * (MOST_BINS + 1), values=tuple(texts)),  # more than anyone needs
        ColumnBaseline("when", "odd", 0, (1,)),
    ]
    right = [ColumnBaseline("x", "number", 0, (1,)), ColumnBaseline("when", "time", 0, (1,))]
    says = ColumnBaseline("says", "number", 0, (1, 1), edges=(math.pi,))
    runtime = Runtime.from_bytes(graph.compile().data)  # a package with such a baseline is refused already when it is read
    manifest = msgspec.structs.replace(runtime.manifest, baseline=BaselineEntry(2, (*wrong, *right), (says, *wrong[:1])))
    ordered = runtime.signature.ordered
    assert {(ordered[at].name, column.kind) for at, column in inputs_of(manifest, ordered)} == {
        ("x", "number"),
        ("when", "time"),
    }
    assert [(manifest.outputs[at].name, column) for at, column in outputs_of(manifest)] == [("says", says)]


def test_a_package_without_a_baseline_has_no_columns() -> None:
    runtime = Runtime.from_bytes(
        (op.Receiver(schema={"x": "float"}) >> op.FieldOps(ops=[{"set": "y", "to": "x + 1"}])).compile().data
    )
    assert runtime.manifest.baseline is None
    assert (inputs_of(runtime.manifest, runtime.signature.ordered), outputs_of(runtime.manifest)) == ([], [])
