"""The gate: what it finds, how it says so, and that nothing wrong gets out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph, Operator, Runtime
from rtml_core import operators as op
from rtml_core.columns import Column, Field, Schema
from rtml_core.errors import CompileError, NotFittedError, NotLowerableError, ParityError, RtmlError
from rtml_core.package import read_archive
from rtml_core.parity import KEPT, constants_of
from rtml_core.parity_rows import edge_values
from rtml_core.testing import assert_parity, assert_refuses
from tests.unit.core.operators_for_tests import Crooked, Eager, Join, Mean, Positive, Scale, Source

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.5, 0.25, 0.125]})


def source(**schema: str) -> Source:
    return Source(schema=schema or {"a": "float", "b": "float"})


def test_a_difference_names_node_column_row_and_both_values() -> None:
    graph = source() >> Scale(col="b") >> Crooked(col="a", limit=2.5) >> Scale(col="a", by=10.0)
    with pytest.raises(ParityError) as raised:
        graph.compile(FRAME)
    text = str(raised.value)
    assert "Authored and compiled differ at node 3 (Crooked), column 'a', in 1 of 3 rows (sample); first: row 2" in text
    assert "{'a': 3.0, 'b': 0.125}, authored 4.0, compiled 5.0. The package was not written." in text


def test_the_graphs_own_constants_are_tried_when_the_sample_misses_them() -> None:
    graph = source() >> Crooked(col="a", limit=1e10)
    with pytest.raises(ParityError, match=r"\((edge|random) rows\)"):
        graph.compile(FRAME)


@pytest.mark.parametrize("field", [Field("a", "float"), Field("a", "float", nullable=True), Field("a", "int", nullable=True)])
def test_an_infinite_threshold_brings_no_row_that_a_request_may_not_hold(field: Field) -> None:
    # a tree that asks only whether a value is there has one
    values = edge_values(field, [np.inf, -np.inf, sys.float_info.max, 2.5], ())
    assert all(value is None or np.isfinite(value) for value in values)
    assert 2.5 in values if field.type == "float" else 2 in values and 3 in values


def test_a_threshold_is_tried_one_ulp_beside_it() -> None:
    class Step(Operator):
        """Off only exactly at its limit."""

        class Params(Scale.Params):
            limit: float = 12345.678

        def transform(self, frame: Any) -> Any:
            return frame.assign(a=(frame["a"] >= self.params.limit).astype(float))

        def lower(self, b: Any, columns: Any) -> Any:
            from rtml_core.lowering.symbolic import new, value_of

            above = b.op("Greater", value_of(b, columns["a"]), b.const([[self.params.limit]]), dtype="bool")
            return {**columns, "a": new("float64", b.cast(above, "float64"))}

    with pytest.raises(ParityError, match=r"'a': 12345.678, .*authored 1.0, compiled 0.0"):
        (source() >> Step(col="a", limit=12345.678)).compile(FRAME)


def test_a_nodes_own_cases_are_compared_alone() -> None:
    class Secretive(Crooked):
        """Off where only its own cases look."""

        def to_json(self) -> dict[str, Any]:
            return {}

        def parity_cases(self) -> Any:
            return pd.DataFrame({"a": [self.params.limit * 2.0], "b": [0.0]})

    with pytest.raises(ParityError, match=r"node 2 \(Secretive\), column 'a', in 1 of 1 rows \(the node's own cases\)"):
        (source() >> Secretive(col="a", limit=1000.0)).compile(FRAME)


def test_a_row_that_only_the_authored_graph_refuses_stops_the_build() -> None:
    class Strict(Positive):
        """Refuses eagerly, forgets to when compiled."""

        def lower(self, b: Any, columns: Any) -> Any:
            return columns

    with pytest.raises(ParityError, match=r"the authored graph refuses a row, .* that the compiled one scores"):
        (source() >> Strict(col="a")).compile(FRAME)


def test_a_row_that_only_the_compiled_graph_refuses_stops_the_build() -> None:
    class Lenient(Positive):
        """Accepts eagerly what it refuses when compiled."""

        def transform(self, frame: Any) -> Any:
            return frame

    with pytest.raises(ParityError, match=r"the compiled graph refuses row .*, the authored one scores it"):
        (source() >> Lenient(col="a")).compile(FRAME)


def test_a_row_of_its_own_cases_that_only_the_compiled_node_refuses_stops_the_build() -> None:
    class Lenient(Positive):
        """Accepts eagerly what it refuses when compiled."""

        def transform(self, frame: Any) -> Any:
            return frame

        def parity_cases(self) -> Any:
            return pd.DataFrame({"a": [1.0, -1.0], "b": [0.0, 0.0]})

    with pytest.raises(ParityError, match=r"at node 2 \(Lenient\): compiled it refuses row 1 \(the node's own cases\)"):
        (source() >> Lenient(col="a")).compile(FRAME)


def test_the_report_counts_rows_and_the_sample_travels() -> None:
    made = (source() >> Scale(col="a")).compile(FRAME)
    assert made.report is not None
    assert made.report.rows > 500
    assert str(made.report).endswith("rows, 0 differences")
    assert made.manifest.parity.rows == made.report.rows
    assert Runtime.from_bytes(made.data).verify(read_archive(made.data).sample) == len(made.report.sample["rows"]) > 10


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (FRAME[["a"]], "the sample does not fit the graph: Column 'b' does not exist. It has: a. The graph needs: a, b"),
        (FRAME.assign(a=["x", "y", "z"]), "row 0, column 'a' must be float; got 'x'"),
        (FRAME.assign(a=[1.0, np.nan, 2.0]), "row 1, column 'a' must be float; got a missing value. Declare it 'float?'"),
        (FRAME.assign(a=[1.0, np.inf, 2.0]), "row 1, column 'a' must be float; got inf"),
        (FRAME.assign(a=[1.0, 10**400, 2.0]), "row 1, column 'a' must be float; got 1000"),
        (pd.concat([FRAME, FRAME[["b"]]], axis=1), "it has several columns 'b', expected one. Rename or drop the others"),
    ],
)
def test_a_sample_that_does_not_fit_is_refused(sample: pd.DataFrame, words: str) -> None:
    with pytest.raises(RtmlError) as raised:
        (source() >> Scale(col="a")).compile(sample)
    assert words in str(raised.value)


@pytest.mark.parametrize("large", [2**63, -(2**63), 2**64 - 1, pytest.param(10**400, id="1e400"), float(2**63)])
def test_a_whole_number_of_more_than_64_bits_is_refused(large: float) -> None:
    graph = source(a="int", b="float") >> Scale(col="b")
    sample = pd.DataFrame({"a": pd.Series([1, 2, 2**63 - 1], dtype=object), "b": [1.0, 2.0, 3.0]})
    assert graph.compile(sample).manifest.parity.checked
    with pytest.raises(RtmlError, match=r"row 2, column 'a' must be int; got -?[0-9]"):
        graph.compile(sample.assign(a=pd.Series([1, 2, large], dtype=object)))


def test_a_column_of_uint64_beyond_int64_is_refused_with_its_cure() -> None:
    sample = pd.DataFrame({"a": np.array([1, 2**64 - 1], dtype="uint64"), "b": [1.0, 2.0]})
    with pytest.raises(RtmlError, match=r"row 1, column 'a' must be int; got 18446744073709551615\. A whole number has 64 bits"):
        (source(a="int", b="float") >> Scale(col="b")).compile(sample)


def test_without_a_source_the_sample_gives_the_signature() -> None:
    from rtml_core import Graph

    graph = Graph.start(Scale(col="a"))
    made = graph.compile(FRAME)
    assert [(f.name, f.type, f.nullable) for f in made.manifest.fields] == [("a", "float", True), ("b", "float", True)]
    with pytest.raises(CompileError, match="start it with Receiver"):
        graph.compile()


def test_what_does_not_lower_is_refused_with_its_node() -> None:
    with pytest.raises(CompileError, match=r"Node 2 \(Eager\): Eager has no lowering: it runs when authoring"):
        (source() >> Eager()).compile(FRAME)
    with pytest.raises(NotFittedError, match=r"Node 2 \(Mean\) has to learn first: call graph.fit\(train\) before compiling"):
        (source() >> Mean(col="a")).compile(FRAME)


def test_branches_meet_compiled_as_they_do_eagerly() -> None:
    graph = source() >> [Scale(col="a", by=10.0), Scale(col="b", into="c")] >> Join()
    assert graph.compile(FRAME).score({"a": 1.0, "b": 2.0}) == {"a": 10.0, "b": 2.0, "c": 4.0}
    graph = source() >> [Scale(col="a"), Scale(col="a", by=3.0)] >> Join()
    with pytest.raises(CompileError, match=r"Node 4 \(Join\): Column 'a' comes changed from two inputs"):
        graph.compile(FRAME)


def test_only_what_the_outputs_need_is_fed() -> None:
    graph = source() >> Scale(col="a", into="c")
    graph.outputs = {"c": "c"}
    made = graph.compile(FRAME)
    assert {f.name: f.tensor for f in made.manifest.fields} == {"a": "float64", "b": None}
    assert made.score({"a": 1.0, "b": 5.0}) == {"c": 2.0}
    with pytest.raises(RtmlError, match="/b: expected a finite number"):
        made.score({"a": 1.0, "b": "x"})


def test_schema_is_read_off_the_lowering() -> None:
    schema = Scale(col="a", into="c").schema(Schema([Column("a", "int64"), Column("s", "string", True)]))
    assert [str(column) for column in schema.values()] == ["a: int64", "s: string?", "c: float64"]


def test_helpers_for_authors_find_what_the_gate_finds() -> None:
    assert assert_parity(Scale(col="a"), FRAME) == 1
    with pytest.raises(ParityError, match="column 'a': 1 of 3 rows differ; first: row 2"):
        assert_parity(Crooked(col="a", limit=2.5), FRAME)
    assert assert_parity(Positive(col="a"), FRAME.assign(a=[1.0, -1.0, 2.0])) >= 1
    assert "no lowering" in assert_refuses(Eager(), FRAME, "has no lowering")
    with pytest.raises(AssertionError, match="it should have been refused"):
        assert_refuses(Scale(col="a"), FRAME)


def test_an_unfitted_operator_says_what_to_do() -> None:
    with pytest.raises(NotFittedError, match="Mean has to learn first"):
        assert_parity(Mean(col="a"), FRAME)


def test_an_explained_graph_counts_every_onnx_node() -> None:
    made = (source() >> Scale(col="a") >> Scale(col="b", by=1e9)).compile(FRAME)
    assert sum(row.onnx_nodes for row in made.rows) == made.node_count
    assert "Scale" in made.explain()
    with pytest.raises(NotLowerableError):
        Eager().lower(None, {})  # type: ignore[arg-type]


def test_texts_inside_expressions_are_tried() -> None:
    from rtml_core.parity_rows import constants

    numbers, texts = constants([{"ops": [{"set": "x", "if": "country == 'DE' or c in [\"A B\", 'C']", "then": 7}]}])
    assert {"DE", "A B", "C"} <= texts
    assert numbers == {7.0}


def test_names_and_types_of_a_schema_are_no_values_of_rows_but_its_defaults_and_categories_are() -> None:
    schema = {
        "customer": "string?",
        "country": {"type": "string", "default": "DE", "doc": "where to"},
        "size": {"type": "string", "categories": ["S", "M"]},
        "age": {"type": "float?", "min": 18},
    }
    receiver = op.Receiver(schema=schema, extra="ignore")
    assert constants_of(receiver) == ({18.0}, {"DE", "S", "M"})
    filled = op.Pandas(import_="fillna", cols="customer", kwargs={"value": "nobody"}, inplace=True)
    assert {"nobody", "fillna"} <= constants_of(filled)[1]
    rows = json.loads(read_archive((receiver >> filled).compile().data).sample)["rows"]
    first = rows[:KEPT]  # made up, and shown to people
    assert {row["customer"] for row in first} - {None} <= {"DE", "S", "M", "nobody", "value"}
    assert {row["country"] for row in first} <= {"DE", "S", "M", "nobody", "value"}


def whole_or_half(n, whole):
    return n if whole else 0.5


STEPS: dict[str, Callable[[], Operator]] = {
    "map": lambda: op.Pandas(import_="map", cols="n", kwargs={"func": {1: 10, 2: 20}}, into="made"),
    "function": lambda: op.Function(function=whole_or_half, cols=["n", "b"], into="made"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_dtype_that_depends_on_the_other_rows_is_found_where_it_shows(step: str) -> None:
    def start() -> Graph:
        return op.Receiver(schema={"n": "int", "b": "bool"}) >> STEPS[step]()  # type: ignore[no-any-return]

    def text() -> Operator:
        return op.Pandas(import_="astype", cols="made", kwargs={"dtype": "str"}, into="text")

    with pytest.raises(ParityError, match=r"row otherwise alone than among others: output 'text'.*astype.*float64"):
        (start() >> text()).compile()
    said = op.Pandas(import_="astype", cols="made", kwargs={"dtype": "float64"}, inplace=True)
    package = (start() >> said >> text()).compile()
    assert package.score({"n": 1, "b": True})["text"] in ("10.0", "1.0")


def test_a_row_that_fails_alone_is_no_difference() -> None:
    graph = (
        op.Receiver(schema={"s": "string?"})
        >> op.Pandas(import_="map", cols="s", kwargs={"func": {"a": "x"}}, inplace=True)
        >> op.Pandas(import_="str.upper", cols="s", inplace=True)
    )
    assert graph.compile().score([{"s": "a"}, {"s": "b"}]) == [{"s": "X"}, {"s": None}]
