"""GraphBuilder: the DSL of nodes and edges, and what it refuses."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rtml_aep import document
from rtml_nodelibs.nodes.standard.ml.artifact_utils import ModelUpload
from rtml_nodelibs.nodes.standard.ml.onnx import ONNXNode
from rtml_nodelibs.nodes.standard.ml.scikitlearn import ScikitLearn
from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
from rtml_nodelibs.nodes.standard.preprocessing.one_hot_encoder import OneHotEncoder
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_nodelibs.nodes.standard.preprocessing.processor import Processor
from rtml_nodelibs.nodes.standard.preprocessing.splitter import Split
from rtml_sdk.graph.utils import GraphBuilder

from rtml_core import Operator
from rtml_core.errors import DslError, GraphError, NotFittedError

Line = tuple[list[Operator], list[tuple[Operator, Operator]]]


@pytest.fixture
def line(model_file: Path, home: Path) -> Callable[..., Line]:
    """Nodes from a sample to the model, some between them, and the edges of a line."""

    def made(*between: Operator) -> Line:
        model_id = ModelUpload(params={"model_path": str(model_file)}).process(None, 1).model["model_id"]
        source = JsonToDataframe(params={"json_payload": json.dumps({"a": {0: 1}, "b": {0: 2}})})
        nodes: list[Any] = [source, *between, ONNXNode(params={"features": ["a", "b"], "model_id": model_id})]
        return nodes, [(nodes[i], nodes[i + 1]) for i in range(len(nodes) - 1)]

    return made


def fill(column: str = "a") -> Operator:
    node: Operator = Pandas(params={"import": "fillna", "kwargs": {"value": 0}, "cols": column, "inplace": True})
    return node


def application(dsl: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dsl)["edge"]["applicationDsl"]
    return found


def test_the_dsl_is_an_edge_with_each_node_and_its_parameters(line: Callable[..., Line]) -> None:
    nodes, edges = line(fill())
    found = application(GraphBuilder.generate_dsl(nodes=nodes, edges=edges))
    assert [node["operator"] for node in found["nodes"]] == ["JsonToDataframe", "Pandas", "ONNXNode"]
    assert found["nodes"][1]["params"] == {"import": "fillna", "kwargs": {"value": 0}, "cols": "a", "inplace": True}
    assert all(str(uuid.UUID(node["id"])) == node["id"] for node in found["nodes"])
    assert len({node["id"] for node in found["nodes"]}) == 3


def test_the_same_nodes_have_the_same_dsl_and_may_be_part_of_several(line: Callable[..., Line]) -> None:
    nodes, edges = line(fill())
    first = GraphBuilder.generate_dsl(nodes=nodes, edges=edges)
    shorter = GraphBuilder.generate_dsl(nodes=[nodes[0], nodes[2]], edges=[(nodes[0], nodes[2])])
    assert GraphBuilder.generate_dsl(nodes=nodes, edges=edges) == first != shorter


def test_links_survive_another_id_of_a_node(line: Callable[..., Line]) -> None:
    nodes, edges = line(fill())
    parsed = json.loads(GraphBuilder.generate_dsl(nodes=nodes, edges=edges))
    parsed["edge"]["applicationDsl"]["nodes"][0]["id"] = "5f9c11f2-0000-4000-8000-000000000000"
    graph, _ = document.read(json.dumps(parsed))
    assert graph.edges == [("5f9c11f2-0000-4000-8000-000000000000", "fillna_a"), ("fillna_a", "onnxnode")]


def test_nodes_may_fan_out_and_in(line: Callable[..., Line]) -> None:
    one, two = fill("a"), fill("b")
    (source, _, _, model), _ = line(one, two)
    edges = [(source, one), (source, two), (one, model), (two, model)]
    graph, _ = document.read(GraphBuilder.generate_dsl(nodes=[source, one, two, model], edges=edges))
    assert graph.run({"a": {0: None}, "b": {0: None}})["variable"].tolist() == pytest.approx([1.0])


def test_a_node_that_was_trained_is_written_without_how_it_was_trained(tmp_path: Path) -> None:
    node = ScikitLearn(
        params={
            "features": ["a"],
            "label": "y",
            "mode": "train",
            "model_path": str(tmp_path / "model.onnx"),
            "params": {"model": "sklearn.linear_model.LinearRegression", "model_params": {}},
        }
    )
    node.process(pd.DataFrame({"a": [0.0, 1.0], "y": [1.0, 3.0]}))
    (written,) = application(GraphBuilder.generate_dsl(nodes=[node], edges=[]))["nodes"]
    assert set(written["params"]) == {"features", "label", "params"}
    assert written["state"]["features"] == ["a"]


# ---- what is refused ------------------------------------------------------------------------------------------------------


def test_a_graph_without_a_model_is_refused(line: Callable[..., Line]) -> None:
    nodes, edges = line(fill())
    with pytest.raises(GraphError, match=r"the graph has no model, .* end it with an ONNXNode\("):
        GraphBuilder.generate_dsl(nodes=nodes[:2], edges=edges[:1])


def test_a_model_inside_of_a_processor_is_one(line: Callable[..., Line]) -> None:
    (source, model), _ = line()
    outer = Processor(params={"graph": {"rtml": 1, "nodes": [{"id": "m", "operator": "ONNXNode", "params": model.to_json()}]}})
    assert application(GraphBuilder.generate_dsl(nodes=[source, outer], edges=[(source, outer)]))["edges"] == [[0, 1]]


def test_a_cycle_is_named(line: Callable[..., Line]) -> None:
    one, two = fill("a"), fill("b")
    nodes, edges = line(one, two)
    with pytest.raises(GraphError, match=r"the graph has a cycle: fillna_b -> fillna_a -> fillna_b\. Remove one"):
        GraphBuilder.generate_dsl(nodes=nodes, edges=[*edges, (two, one)])
    with pytest.raises(GraphError, match=r"edges\[3\] leads from nodes\[1\] \(Pandas 'fillna' of a\) to itself: remove it"):
        GraphBuilder.generate_dsl(nodes=nodes, edges=[*edges, (one, one)])


def test_an_edge_to_a_node_that_is_not_listed_is_named(line: Callable[..., Line]) -> None:
    nodes, edges = line()
    with pytest.raises(
        GraphError, match=r"edges\[1\] leads to a node \(Pandas 'fillna' of b\) that is not in nodes: add it there"
    ):
        GraphBuilder.generate_dsl(nodes=nodes, edges=[*edges, (nodes[0], fill("b"))])


def test_a_node_that_no_edge_leads_to_is_named(line: Callable[..., Line]) -> None:
    nodes, edges = line()
    with pytest.raises(GraphError, match=r"not connected to the rest of the graph: fillna_a\. Connect"):
        GraphBuilder.generate_dsl(nodes=[*nodes, fill()], edges=edges)


def test_a_node_for_authoring_is_named(line: Callable[..., Line]) -> None:
    nodes, edges = line(Split(params={"train_size": 0.7}))
    with pytest.raises(GraphError, match=r"nodes\[1\] \(Split\) is for authoring, .*: leave it out of nodes and edges"):
        GraphBuilder.generate_dsl(nodes=nodes, edges=edges)


def test_a_node_that_has_not_learned_is_named(line: Callable[..., Line]) -> None:
    nodes, edges = line(OneHotEncoder(params={"cols": "brand"}))
    with pytest.raises(NotFittedError, match=r"nodes\[1\] \(OneHotEncoder of brand\) has to learn first: call fit\(frame\)"):
        GraphBuilder.generate_dsl(nodes=nodes, edges=edges)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "nodes is empty"),
        ("onnx", "nodes must be a list of nodes"),
        (fill(), "nodes must be a list of nodes"),
        (["onnx"], r"nodes\[0\] is no node but 'onnx': make it of a class that NodeFactory.discover_nodes\(\) names"),
        ([lambda frame: frame], r"nodes\[0\] is no node but <function"),
        ([Pandas], r"nodes\[0\] is the class Pandas: make a node of it, Pandas\(params={...}\)"),
    ],
)
def test_what_is_no_node_is_named(nodes: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        GraphBuilder.generate_dsl(nodes=nodes, edges=[])


def test_a_node_that_is_listed_twice_is_named(line: Callable[..., Line]) -> None:
    nodes, edges = line()
    with pytest.raises(GraphError, match=r"nodes\[2\] \(ONNXNode\) is nodes\[1\] again: list every node once"):
        GraphBuilder.generate_dsl(nodes=[*nodes, nodes[1]], edges=edges)


@pytest.mark.parametrize(("edges", "message"), [("ab", "edges must be a list of pairs"), ([1], r"edges\[0\] must be a pair")])
def test_what_is_no_edge_is_named(line: Callable[..., Line], edges: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        GraphBuilder.generate_dsl(nodes=line()[0], edges=edges)


# ---- reading it again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(nodes={}), "the DSL must be what GraphBuilder.generate_dsl returns"),
        (lambda d: d["nodes"].append("x"), r'nodes\[2\] must be an object with an "id", a text; got \'x\''),
        (lambda d: d["nodes"][1].update(id=3), r'nodes\[1\] must be an object with an "id"'),
        (lambda d: d["nodes"].append(d["nodes"][0]), r"nodes\[0\] and nodes\[2\] have the same id '.*': give one another id"),
        (lambda d: d.update(edges=[[0, 2]]), r"edges\[0\] must be two positions in nodes, from 0 to 1; got \[0, 2\]"),
        (lambda d: d.update(edges=[["a", "b"]]), r"edges\[0\] must be two positions in nodes"),
        (lambda d: d.update(edges="0-1"), '"edges" must be a list of pairs of positions'),
        (lambda d: d["nodes"][1].update(operator="ONXNode"), "Did you mean 'ONNXNode'"),
        (lambda d: d["nodes"][0]["params"].update(payload="{}"), "unknown parameter 'payload'"),
        (lambda d: d.update(rtml=99), "format version 99"),
    ],
)
def test_a_dsl_that_was_changed_wrongly_is_refused_at_its_place(
    line: Callable[..., Line], change: Callable[[dict[str, Any]], object], message: str
) -> None:
    nodes, edges = line()
    parsed = json.loads(GraphBuilder.generate_dsl(nodes=nodes, edges=edges))
    change(parsed["edge"]["applicationDsl"])
    with pytest.raises(DslError, match=message):
        document.read(json.dumps(parsed))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"edge": []}', '{"edge": {"applicationDsl": 3}}'])
def test_what_is_no_dsl_is_refused(text: str) -> None:
    with pytest.raises(DslError, match=r"GraphBuilder\.generate_dsl returns"):
        document.read(text)
