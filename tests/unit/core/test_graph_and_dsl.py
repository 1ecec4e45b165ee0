"""Graphs and their JSON: building, refusals, round trip."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Graph, Operator, hookimpl
from rtml_core.dsl import dumps, json_schema
from rtml_core.errors import DslError, ExecutionError, GraphError, NotFittedError, UnknownNameError
from rtml_core.testing import IsolatedPlugins
from tests.unit.core.operators_for_tests import ALL, Join, Mean, Scale, Source


@pytest.fixture(autouse=True)
def _registered(rtml_plugins: IsolatedPlugins) -> None:
    @hookimpl
    def rtml_operators() -> list[type[Operator]]:
        return ALL

    rtml_plugins.register(SimpleNamespace(rtml_operators=rtml_operators), "tests", distribution="rtml-tests", version="1.0")


def source() -> Source:
    return Source(schema={"a": "float?", "b": "float"})


def test_chains_fan_out_and_fan_in() -> None:
    graph = source() >> [Scale(col="a"), Scale(col="b", into="c")] >> Join()
    assert graph.order() == ["source", "scale", "scale_2", "join"]
    assert graph.before("join") == ["scale", "scale_2"]


def test_the_same_operator_object_is_one_node() -> None:
    scale = Scale(col="a")
    graph = source() >> scale >> Join()
    graph.connect("source", "scale")
    assert graph.edges == [("source", "scale"), ("scale", "join")]


def test_a_graph_stays_as_it_is_when_another_goes_on_from_it() -> None:
    base = source() >> Scale(col="a")
    one, two = base >> Join(id="one"), base >> [Scale(col="b"), Scale(col="a", by=3.0)] >> Join()
    assert (list(base.nodes), base.edges) == (["source", "scale"], [("source", "scale")])
    assert one.order() == ["source", "scale", "one"]
    assert two.order() == ["source", "scale", "scale_2", "scale_3", "join"]
    again = base >> Join(id="one")  # a cell that is run twice
    assert again.to_dsl() == one.to_dsl()


def test_an_operator_may_stand_in_two_graphs_under_two_ids() -> None:
    scale = Scale(col="a")
    first = source() >> Scale(col="b") >> scale
    second = Scale(col="b", id="scale_2") >> scale
    assert (list(first.nodes), list(second.nodes)) == (["source", "scale", "scale_2"], ["scale_2", "scale"])


def test_a_list_goes_before_a_graph() -> None:
    graph = [source(), source()] >> (Join() >> Scale(col="a"))
    assert graph.edges == [("join", "scale"), ("source", "join"), ("source_2", "join")]


def test_a_cycle_is_named() -> None:
    graph = source() >> Scale(col="a", id="one") >> Scale(col="a", id="two")
    graph.connect("two", "one")
    with pytest.raises(GraphError, match=r"cycle: (one -> two -> one|two -> one -> two)"):
        graph.validate()


def test_empty_unconnected_and_split_graphs_are_refused() -> None:
    with pytest.raises(GraphError, match="the graph is empty"):
        Graph().validate()
    graph = source() >> Scale(col="a")
    graph.add(Scale(col="b"), "loose")
    with pytest.raises(GraphError, match="not connected to the rest of the graph: loose"):
        graph.validate()
    graph.add(Scale(col="b"), "loose_too")
    graph.connect("loose", "loose_too")
    with pytest.raises(GraphError, match="falls apart: loose, loose_too"):
        graph.validate()


def test_unknown_nodes_in_edges_get_a_suggestion() -> None:
    graph = source() >> Scale(col="a")
    with pytest.raises(UnknownNameError, match="Did you mean 'scale'"):
        graph.connect("source", "scal")


def test_one_id_for_two_nodes_is_refused() -> None:
    with pytest.raises(GraphError, match="'x' is used twice"):
        Scale(col="a", id="x") >> Scale(col="b", id="x")


def test_an_error_inside_a_node_names_node_and_operator_and_keeps_the_cause() -> None:
    graph = source() >> Scale(col="a")
    graph.nodes["scale"].process = lambda *_: 1 / 0  # type: ignore[method-assign]
    with pytest.raises(ExecutionError, match=r"node 2 \(Scale\) failed: ZeroDivisionError") as raised:
        graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_missing_column_is_named_with_what_there_is() -> None:
    graph = source() >> Scale(col="bb")
    with pytest.raises(Exception, match=r"node 2 \(Scale\): Column 'bb' does not exist. It has: a, b. Did you mean 'b'\?"):
        graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_what_learns_must_be_fitted_first() -> None:
    graph = source() >> Mean(col="a")
    frame = pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, 0.0]})
    with pytest.raises(NotFittedError, match=r"node 2 \(Mean\): Mean has to learn first: call graph.fit"):
        graph.run(frame)
    assert graph.fit(frame).run(frame)["a"].tolist() == [-1.0, 1.0]


def test_outputs_choose_and_rename() -> None:
    graph = source() >> Scale(col="a", into="twice")
    graph.outputs = {"result": "twice"}
    assert list(graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]})).columns) == ["result"]
    graph.outputs = {"result": "twise"}
    with pytest.raises(GraphError, match="Did you mean 'twice'"):
        graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_an_output_without_a_name_is_refused_in_our_words() -> None:
    graph = source() >> Scale(col="a")
    graph.outputs = {"": "a"}
    with pytest.raises(GraphError, match="an output must have a name; got ''"):
        graph.compile()


def test_fan_in_of_one_name_with_two_meanings_is_refused() -> None:
    graph = source() >> [Scale(col="a"), Scale(col="a", by=3.0)] >> Join()
    with pytest.raises(Exception, match="Column 'a' comes changed from two inputs, 'scale' and 'scale_2'"):
        graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]}))


def test_where_branches_meet_the_one_that_changed_a_column_wins() -> None:
    graph = source() >> [Scale(col="a", by=10.0), Scale(col="b", into="c")] >> Join()
    frame = graph.run(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    assert frame.iloc[0].to_dict() == {"a": 10.0, "b": 2.0, "c": 4.0}


# ---- DSL --------------------------------------------------------------------------------------------------------------


def test_round_trip_is_stable_with_state_and_outputs() -> None:
    graph = source() >> Mean(col="a") >> [Scale(col="a", by=0.1), Scale(col="b", into="c")] >> Join()
    graph.outputs = {"x": "a"}
    graph.fit(pd.DataFrame({"a": [1.0, 2.5], "b": [0.0, 0.0]}))
    text = dumps(graph)
    again = Graph.from_dsl(text)
    assert dumps(again) == text
    assert again.nodes["mean"].state == {"mean": 1.75}
    assert json.loads(text)["nodes"][1]["plugin"] == "tests"


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.floats(allow_nan=False, allow_infinity=False), st.none() | st.text(min_size=1)),
        min_size=1,
        max_size=8,
    )
)
def test_round_trip_of_any_chain(steps: list[tuple[str, float, str | None]]) -> None:
    graph: Any = Graph.start(source())
    for col, by, into in steps:
        graph = graph >> Scale(col=col, by=by, into=into)
    text = dumps(graph)
    assert dumps(Graph.from_dsl(text)) == text


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[]", 'must be an object with "rtml": 1'),
        ({"rtml": 2, "nodes": []}, "format version 2; this rtml reads up to 1: upgrade rtml"),
        ({"rtml": "1", "nodes": []}, "must be the format version"),
        ({"rtml": 1}, "required field `nodes`"),
        ({"rtml": 1, "nodes": [{"id": "x", "operator": "Scale", "params": {"col": "a"}, "colour": 1}]}, "unknown field `colour`"),
        (
            {"rtml": 1, "nodes": [{"id": "x", "operator": "Scal"}]},
            "node 'x': Operator 'Scal' does not exist. Did you mean 'Scale'?",
        ),
        (
            {"rtml": 1, "nodes": [{"id": "x", "operator": "Haversine", "plugin": "geo", "distribution": "rtml-geo"}]},
            "brought by plugin 'geo' of rtml-geo: pip install rtml-geo",
        ),
        (
            {"rtml": 1, "nodes": [{"id": "x", "operator": "Scale", "version": "9"}]},
            "written for Scale version 9; installed is version 1",
        ),
        ({"rtml": 1, "nodes": [{"id": "x", "operator": "Scale"}]}, "Scale: parameter 'col' is missing"),
        ({"rtml": 1, "nodes": [{"id": "x", "operator": "Join"}] * 2}, "'x' is used twice"),
        ({"rtml": 1, "nodes": [{"id": "x", "operator": "Join"}], "edges": [["x", "y"]]}, "there is no node 'y'"),
    ],
)
def test_a_document_that_cannot_be_read_says_where(document: Any, words: str) -> None:
    with pytest.raises(DslError) as raised:
        Graph.from_dsl(document)
    assert words in str(raised.value)


def test_the_json_schema_describes_nodes_and_edges() -> None:
    schema = json_schema()
    node = schema["$defs"]["NodeDocument"]
    assert set(node["properties"]) == {"id", "operator", "params", "state", "version", "plugin", "distribution"}
    assert node["required"] == ["id", "operator"]


def test_a_parameter_that_is_not_json_is_named_when_written() -> None:
    graph = Graph.start(source())
    graph.nodes["source"].params.schema["a"] = object()
    with pytest.raises(DslError, match=r"node 'source' \(Source\): parameter 'schema' must be a JSON value"):
        graph.to_dsl()
