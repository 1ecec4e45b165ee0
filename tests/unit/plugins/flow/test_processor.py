"""Processor: a graph as one node - names in and out, learning, documents, nesting, and errors that name inner nodes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph, Operator
from rtml_core import operators as op
from rtml_core.errors import ColumnError, CompileError, DslError, ExecutionError, NotFittedError, ParamError, ParityError
from rtml_core.package import read_archive
from rtml_core.testing import assert_parity
from rtml_plugins.flow.processor import MAX_DEPTH, Processor

FRAME = pd.DataFrame({"price": [1.0, 2.0, np.nan, 5.0], "qty": [10.0, 20.0, 30.0, np.nan], "c": ["a", None, "b", "ß"]})
FIELDS = {"price": "float?", "qty": "float?", "c": "string?"}


def doubled() -> Graph:
    """x filled by its median, then, side by side, y = 2x and whether x is large."""
    return op.FillMissing(cols="x", strategy="median", id="fill") >> [
        op.Pandas(import_="eval", kwargs={"expr": "y = x * 2"}, id="double"),
        op.FieldOps(ops=[{"set": "large", "flag": "x > 3"}], id="large"),
    ]


def twice() -> Graph:
    """The same inner graph on two columns, each with what it learned itself."""
    inner = doubled()
    return (
        op.Receiver(schema=FIELDS)
        >> op.Processor(graph=inner, inputs={"x": "price"}, outputs={"price2": "y", "dear": "large"}, id="price")
        >> op.Processor(graph=inner, inputs={"x": "qty"}, outputs={"qty2": "y"}, id="qty")
    )


def test_one_graph_used_twice_learns_twice_and_its_columns_pass_by_their_names() -> None:
    graph = twice().fit(FRAME)
    assert graph.nodes["price"].state == {"fill": {"values": {"x": 2.0}}}
    assert graph.nodes["qty"].state == {"fill": {"values": {"x": 20.0}}}
    result = graph.run(FRAME)
    assert list(result.columns) == ["price", "qty", "c", "price2", "dear", "qty2"]
    assert result["price2"].tolist() == [2.0, 4.0, 4.0, 10.0]
    assert result["dear"].tolist() == [False, False, False, True]
    assert result["qty2"].tolist() == [20.0, 40.0, 60.0, 40.0]
    pd.testing.assert_series_equal(result["price"], FRAME["price"])


def test_it_compiles_to_what_its_nodes_cost_and_explain_names_them() -> None:
    graph = twice().fit(FRAME)
    compiled = Graph.from_dsl(json.dumps(graph.to_dsl())).compile(FRAME)
    assert compiled.score({"price": None, "qty": None, "c": "x"})["qty2"] == 40.0
    rows = {row.node: row for row in compiled.rows}
    assert list(rows)[:5] == ["receiver", "price", "price/fill", "price/double", "price/large"]
    assert (rows["price"].kind, rows["price"].onnx_nodes, rows["price/large"].onnx_nodes) == ("its graph", 0, 1)
    assert sum(row.onnx_nodes for row in compiled.rows) == compiled.node_count
    assert compiled.manifest.explain is not None
    told = {node.node: node for node in compiled.manifest.explain.nodes}
    assert list(told) == [name for name in rows if name != "(outputs)"]
    assert (told["price"].kind, told["price/fill"].plugin, told["price/large"].onnx_nodes) == ("its graph", "encoders", 1)
    explained = compiled.runtime.explained(read_archive(compiled.data, explain=True))
    assert [node.node for node in explained.nodes] == graph.order()  # of the inner ones nothing is told
    assert {plugin.name for plugin in compiled.manifest.plugins} == {"encoders", "fields", "flow", "pandas"}
    flat = (
        op.Receiver(schema=FIELDS)
        >> op.FillMissing(cols=["price", "qty"], strategy="constant", value={"price": 2.0, "qty": 20.0})
        >> op.Pandas(import_="eval", kwargs={"expr": "price2 = price * 2\nqty2 = qty * 2"})
        >> op.FieldOps(ops=[{"set": "dear", "flag": "price > 3"}])
        >> op.Pandas(import_="filter", kwargs={"items": ["price2", "qty2", "dear"]})
    )
    nested = twice().fit(FRAME) >> op.Pandas(import_="filter", kwargs={"items": ["price2", "qty2", "dear"]})
    assert nested.compile().node_count == flat.compile().node_count


def test_the_document_holds_the_inner_graph_once_and_its_state_as_the_state_of_the_node() -> None:
    graph = twice().fit(FRAME)
    document = graph.to_dsl()
    node = document["nodes"][1]
    assert [inner["id"] for inner in node["params"]["graph"]["nodes"]] == ["fill", "double", "large"]
    assert "state" not in node["params"]["graph"]["nodes"][0]
    assert node["state"] == {"fill": {"values": {"x": 2.0}}}
    again = Graph.from_dsl(json.dumps(document))
    assert again.to_dsl() == document
    pd.testing.assert_frame_equal(again.run(FRAME), graph.run(FRAME))


def test_a_graph_that_has_learned_already_keeps_it() -> None:
    inner = Graph.start(op.FillMissing(cols="x", strategy="mean", id="fill")).fit(pd.DataFrame({"x": [1.0, 3.0, None]}))
    node = Processor(graph=inner)
    assert node.fitted
    assert node.state == {"fill": {"values": {"x": 2.0}}}
    assert Processor(graph=json.dumps(inner.to_dsl())).state == node.state
    node.fit(pd.DataFrame({"x": [5.0]}))
    assert inner.nodes["fill"].state == {"values": {"x": 2.0}}


def test_without_names_the_whole_frame_goes_in_and_what_comes_out_replaces_it() -> None:
    inner = (
        op.FieldTrans(rename={"price": "p"}) >> op.FieldOps(ops=[{"set": "p", "to": "p + 1"}]) >> op.FieldTrans(keep=["p", "c"])
    )
    node = Processor(graph=inner)
    assert list(node.process(FRAME).data.columns) == ["p", "c"]
    assert_parity(node, FRAME)
    chosen = Graph(outputs={"total": "p"})
    for step in (op.FieldTrans(rename={"price": "p"}, id="a"), op.FieldOps(ops=[{"set": "p", "to": "p + 1"}], id="b")):
        chosen.add(step)
    chosen.connect("a", "b")
    assert list(Processor(graph=chosen).process(FRAME).data.columns) == ["total"]
    assert_parity(Processor(graph=chosen), FRAME)


def test_a_result_may_take_the_place_of_a_column_that_passes_by() -> None:
    inner = Graph.start(op.FieldOps(ops=[{"set": "x", "to": "x * 10"}]))
    node = Processor(graph=inner, inputs={"x": "qty"}, outputs={"price": "x"})
    assert list(node.process(FRAME).data.columns) == list(FRAME.columns)
    assert node.process(FRAME).data["price"].tolist()[:3] == [100.0, 200.0, 300.0]
    assert_parity(node, FRAME)
    assert_parity(Processor(graph=inner, inputs={"x": "qty"}), FRAME)
    assert_parity(Processor(graph=doubled(), inputs={"x": "qty"}).fit(FRAME), FRAME)


def nested(depth: int) -> Graph:
    """A step inside so many Processors."""
    graph = Graph.start(op.FieldOps(ops=[{"set": "z", "to": "qty + 1"}], id="step"))
    for _ in range(depth):
        graph = Graph.start(op.Processor(graph=graph, id="in"))
    return graph


def test_graphs_nest_to_a_bound() -> None:
    graph = op.Receiver(schema=FIELDS) >> nested(3)
    compiled = Graph.from_dsl(graph.to_dsl()).compile(FRAME)
    assert compiled.score({"price": None, "qty": 1.0, "c": None})["z"] == 2.0
    assert next(row.node for row in compiled.rows if row.onnx_nodes) == "in/in/in/step"
    assert nested(MAX_DEPTH).nodes["in"].fitted
    with pytest.raises(ParamError, match="nested more than 8 deep"):
        nested(MAX_DEPTH + 1)
    document: dict[str, Any] = nested(1).to_dsl()
    for _ in range(400):
        document = {"rtml": 1, "nodes": [{"id": "in", "operator": "Processor", "params": {"graph": document}}]}
    with pytest.raises(DslError, match="nested more than 8 deep"):
        Graph.from_dsl(document)


class Shout(Operator):
    """Upper case, with a mistake: its lowering forgets to strip."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(c=frame["c"].str.strip().str.upper())

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.strings import upper

        return {**columns, "c": upper(b, columns["c"])}


class Delicate(Operator):
    """The same, caught by edge rows of its own."""

    transform = Shout.transform
    lower = Shout.lower

    def parity_cases(self) -> pd.DataFrame:
        return pd.DataFrame({"c": ["a", " a"]})


def test_errors_and_differences_name_the_inner_node() -> None:
    inner = Graph.start(op.FieldTrans(copy={"c": "d"}))
    graph = op.Receiver(schema=FIELDS) >> op.Processor(graph=inner >> Shout())
    with pytest.raises(ParityError, match=r"differ at node 2 \(Processor\): node 2 \(Shout\), column 'c'"):
        graph.compile(FRAME)
    delicate = op.Receiver(schema=FIELDS) >> op.Processor(graph=Graph.start(Delicate()))
    with pytest.raises(
        ParityError, match=r"differ at node 2 \(Processor\): node 1 \(Delicate\), column 'c'.*the node's own cases"
    ):
        delicate.compile(FRAME)
    missing = op.Receiver(schema=FIELDS) >> op.Processor(graph=Graph.start(op.FieldTrans(drop="d")))
    with pytest.raises(ColumnError, match=r"Node 2 \(Processor\): Node 1 \(FieldTrans\): operation 1 \(drop\): Column 'd'"):
        missing.compile(FRAME)
    with pytest.raises(ColumnError, match=r"node 2 \(Processor\): node 1 \(FieldTrans\): operation 1 \(drop\): Column 'd'"):
        missing.run(FRAME)
    other_rows = op.Receiver(schema=FIELDS) >> op.Processor(graph=Graph.start(op.Pandas(import_="shift", cols="price")))
    with pytest.raises(CompileError, match=r"Node 2 \(Processor\): Node 1 \(Pandas 'shift'\) cannot run in real time"):
        other_rows.compile(FRAME)
    fewer = Processor(graph=Graph.start(op.Pandas(import_="dropna")))
    with pytest.raises(ExecutionError, match="gave 1 rows for 4"):
        fewer.process(FRAME)
    with pytest.raises(NotFittedError, match="Processor has to learn first"):
        twice().run(FRAME)


def test_a_model_inside_brings_its_tolerance_and_learns_with_the_graph() -> None:
    from sklearn.linear_model import LogisticRegression

    train = pd.DataFrame({"price": [1.0, 2.0, 3.0, 4.0], "qty": [1.0, 0.0, 2.0, 5.0], "c": list("abab"), "y": [0, 0, 1, 1]})
    model = op.ScikitLearn(model=LogisticRegression(), features=["x"], label="y", outputs={"p": "probability[1]"}, id="model")
    inner = op.FieldTrans(rename={"price": "x"}, id="name") >> model
    graph = op.Receiver(schema={"price": "float", "qty": "float", "c": "string"}) >> op.Processor(
        graph=inner, outputs=["p"], id="in"
    )
    graph.fit(train)
    compiled = Graph.from_dsl(json.dumps(graph.to_dsl())).compile(train)
    outputs = {output.name: output for output in compiled.manifest.outputs}
    assert outputs["p"].rtol > 0
    assert compiled.score({"price": 4.0, "qty": 0.0, "c": "x"})["p"] == pytest.approx(graph.run(train)["p"].iloc[3], rel=1e-9)


def test_ids_that_look_like_those_of_inner_nodes_are_refused_where_they_meet_one() -> None:
    graph = op.Receiver(schema=FIELDS) >> nested(2) >> op.Processor(graph=nested(0), id="in/in")
    with pytest.raises(CompileError, match="two nodes are called 'in/in', one of them inside a node"):
        graph.compile(FRAME)


def test_a_row_check_inside_refuses_the_row() -> None:
    graph = op.Receiver(schema=FIELDS) >> op.Processor(graph=Graph.start(op.FieldTrans(require="c")), id="inner")
    compiled = graph.compile()
    assert [check.node for check in compiled.manifest.checks] == ["inner/field_trans"]
    assert compiled.report is not None
    assert compiled.report.refused > 0


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "parameter 'graph' is missing; it must be a Graph, or the document that its to_dsl() gives"),
        ({"graph": 3}, "parameter 'graph' must be a Graph, or the document that its to_dsl() gives; got 3"),
        ({"graph": {"nodes": []}}, "parameter 'graph': the DSL must be an object"),
        ({"graph": Graph()}, "parameter 'graph': the graph is empty"),
        ({"graph": nested(0), "inputs": []}, "parameter 'inputs' must be a list of columns, or an object"),
        ({"graph": nested(0), "outputs": ["z", "z"]}, "at least one and none twice; got ['z', 'z']"),
        ({"graph": nested(0), "output": ["z"]}, "Did you mean 'outputs'?"),
        ({"graph": Graph.start(op.Receiver(schema=FIELDS))}, "node 'receiver' (Receiver) declares a request"),
        ({"graph": Graph.start(op.Split(test_size=0.5))}, "node 'split' (Split) is for authoring"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Processor(params)
    assert words in str(caught.value)


def test_cycles_and_names_that_are_not_there() -> None:
    graph = nested(0)
    graph.add(op.FieldTrans(copy={"z": "y"}, id="other"))
    graph.connect("step", "other")
    graph.connect("other", "step")
    with pytest.raises(ParamError, match="parameter 'graph': the graph has a cycle"):
        Processor(graph=graph)
    with pytest.raises(ColumnError, match=r"Column 'prize' does not exist.*Did you mean 'price'"):
        Processor(graph=nested(0), inputs={"qty": "prize"}).process(FRAME)
    with pytest.raises(ColumnError, match="Column 'zz' does not exist at the inner graph"):
        Processor(graph=nested(0), outputs=["zz"]).process(FRAME)
    document = twice().fit(FRAME).to_dsl()
    document["nodes"][1]["state"] = {"fil": {}}
    with pytest.raises(ParamError, match="the state is about a node 'fil'"):
        Graph.from_dsl(document)
