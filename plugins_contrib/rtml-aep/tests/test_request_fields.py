"""The fields of a request, of a graph whose first node is no source."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from rtml_nodelibs.nodes.standard.ml.artifact_utils import ModelUpload
from rtml_nodelibs.nodes.standard.ml.onnx import ONNXNode
from rtml_nodelibs.nodes.standard.ml.scikitlearn import ScikitLearn
from rtml_nodelibs.nodes.standard.preprocessing.fieldops import FieldOps
from rtml_nodelibs.nodes.standard.preprocessing.fieldtrans import FieldTrans
from rtml_nodelibs.nodes.standard.preprocessing.json_to_df import JsonToDataframe
from rtml_nodelibs.nodes.standard.preprocessing.one_hot_encoder import OneHotEncoder
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_sdk.graph.utils import GraphBuilder

from rtml_core import Operator, hookimpl, operators
from rtml_core.errors import GraphError, RtmlError
from rtml_core.testing import IsolatedPlugins


def step(name: str, cols: Any = None, inplace: Any = True, **kwargs: Any) -> Operator:
    params = {"import": name, "kwargs": kwargs, **({} if cols is None else {"cols": cols, "inplace": inplace})}
    node: Operator = Pandas(params=params)
    return node


@pytest.fixture
def model_id(model_file: Path, home: Path) -> str:
    found: str = ModelUpload(params={"model_path": str(model_file)}).process(None, 1).model["model_id"]
    return found


def fields(*nodes: Operator, **more: Any) -> Any:
    edges = list(pairwise(nodes))
    return json.loads(GraphBuilder.generate_dsl(nodes=list(nodes), edges=edges, **more))["edge"]["applicationDsl"].get("fields")


def model(model_id: str, *features: str) -> Operator:
    node: Operator = ONNXNode(params={"features": list(features), "model_id": model_id})
    return node


def test_the_documented_graph_takes_texts_where_they_are_mapped_and_numbers_elsewhere(model_id: str) -> None:
    device = step("map", "device", arg={"Desktop": 1, "Mobile": 0}, na_action=0)
    assert fields(device, model(model_id, "device", "pages")) == {"device": "string?", "pages": "float?"}


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (step("map", "a", arg={"x": 1.0}), "string?"),
        (step("map", "a", arg={1: 2.0, 3: 4.0}), "float?"),
        (step("map", "a", arg={True: 2.0, False: 4.0}), "bool?"),
        (step("map", "a", arg=lambda x: x * 2), "float?"),
        (step("map", "a", arg=lambda x: float(len(x))), "string?"),
        (step("str.len", "a"), "string?"),
        (step("dt.hour", "a"), "timestamp?"),
        (step("to_datetime", "a"), "string?"),
        (step("fillna", "a", value=0), "float?"),
        (step("fillna", "a", value="none"), "string?"),
        (step("fillna", value={"a": "none"}), "string?"),
        (step("replace", "a", to_replace={"x": "y"}), "string?"),
        (step("replace", "a", to_replace="x", value="y"), "string?"),
        (step("isin", "a", values=["x", "y"]), "string?"),
        (step("eq", "a", other="x"), "string?"),
        (step("gt", "a", other=3), "float?"),
        (step("clip", "a", lower=0, upper=9), "float?"),
        (step("cut", "a", bins=[0, 10, 20], labels=["u", "o"]), "float?"),
        (step("add", "b", other="a"), "float?"),
        (step("str.cat", "b", others=["a"]), "string?"),
        (step("combine_first", "b", other={"column": "a"}), "float?"),
        (step("where", "b", cond="a == 'x'", other=0), "string?"),
        (step("case_when", "b", caselist=[["a == 'x'", 1.0]]), "string?"),
        (step("apply", func=lambda row: row["a"] * 2, axis=1), "float?"),
        (step("apply", func=lambda row: row["a"].upper() == "X", axis=1), "string?"),
        (step("filter", items=["a", "f", "g"]), "float?"),
        (step("eval", expr="c = a * 2"), "float?"),
        (step("eval", expr="c = a == 'x'"), "string?"),
        (step("get_dummies", "a"), "float?"),
        (Pandas(params={"import": "get_dummies", "cols": ["a"], "categories": {"a": ["x", "y"]}}), "string?"),
        (OneHotEncoder(params={"cols": "a", "categories": ["x", "y"]}), "string?"),
        (OneHotEncoder(params={"cols": "a", "categories": [1, 2]}), "float?"),
        (FieldTrans(params={"default": {"a": "x"}}), "string?"),
        (FieldOps(params={"ops": [{"set": "c", "to": "a / 2"}]}), "float?"),
        (FieldOps(params={"ops": [{"set": "c", "flag": {"field": "a", "in": ["x", "y"]}}]}), "string?"),
        (FieldOps(params={"ops": [{"set": "c", "flag": {"all": ["b > 1", {"field": "a", "contains": "x"}]}}]}), "string?"),
        (
            FieldOps(params={"ops": [{"set": "c", "if": "a == 'x'", "then": 1, "else": 0}, {"set": "d", "to": "c * 2"}]}),
            "string?",
        ),
        (FieldOps(params={"ops": [{"set": "c", "concat": ["a", "b"]}]}), "string?"),
    ],
    ids=repr,
)
def test_what_a_node_says_of_its_column(model_id: str, node: Operator, kind: str) -> None:
    assert fields(node, model(model_id, "f", "g"))["a"] == kind


def test_a_column_that_a_node_makes_is_none_of_the_request(model_id: str) -> None:
    hour = Pandas(params={"import": "dt.hour", "cols": "seen", "into": "hour"})
    made = Pandas(params={"import": "assign", "kwargs": {"ratio": {"eval": "price / km"}}})
    found = fields(step("to_datetime", "seen"), hour, made, model(model_id, "hour", "ratio"))
    assert found == {"seen": "string?", "price": "float?", "km": "float?"}


def test_columns_that_a_method_numbers_and_that_are_made_of_made_ones_are_none_of_the_request(model_id: str) -> None:
    split = {"pat": "-", "n": 1, "expand": True}
    parts = Pandas(params={"import": "str.split", "cols": "route", "kwargs": split, "into": ["start", "end"]})
    upper = Pandas(params={"import": "str.upper", "cols": "start", "inplace": True})
    hot = OneHotEncoder(params={"cols": "start", "categories": ["FRA", "JFK"]})
    totalled = Pandas(params={"import": "sum", "cols": ["x", "y"], "kwargs": {"axis": 1}, "into": "total"})
    found = fields(parts, upper, hot, totalled, model(model_id, "start_FRA", "total"))
    assert found == {"route": "string?", "x": "float?", "y": "float?"}


def test_fields_that_operations_set_are_none_of_the_request(model_id: str) -> None:
    ops = [{"set": "ratio", "to": "price / km"}, {"set": "price", "to": "price * 2"}, {"set": "twice", "to": "ratio * 2"}]
    found = fields(FieldOps(params={"ops": ops}), step("fillna", "price", value=0), model(model_id, "ratio", "twice"))
    assert found == {"price": "float?", "km": "float?"}


def test_a_column_that_is_renamed_is_asked_for_by_its_old_name(model_id: str) -> None:
    renamed = step("rename", columns={"_tenant.age": "age"})
    trans = FieldTrans(params={"rename": {"land": "country"}})
    mapped = step("map", "country", arg={"DE": 1})
    found = fields(renamed, trans, mapped, model(model_id, "age", "country"))
    assert found == {"_tenant.age": "float?", "land": "string?"}


def test_a_column_that_is_only_filled_is_what_later_nodes_say(model_id: str) -> None:
    found = fields(step("fillna", value=0), step("fillna", "a", value="n"), step("str.len", "a"), model(model_id, "a", "b"))
    assert found == {"a": "string?", "b": "float?"}


def test_branches_are_followed(model_id: str) -> None:
    one, two, end = step("map", "a", arg={"x": 1}), step("map", "b", arg={"y": 1}), model(model_id, "a", "b")
    dsl = GraphBuilder.generate_dsl(nodes=[one, two, end], edges=[(one, end), (two, end)])
    assert json.loads(dsl)["edge"]["applicationDsl"]["fields"] == {"a": "string?", "b": "string?"}


def test_what_a_model_learned_from_is_known() -> None:
    node = ScikitLearn(params={"features": ["a", "g"], "label": "y", "model": "sklearn.ensemble.RandomForestClassifier"})
    node.fit(pd.DataFrame({"a": [1, 2], "g": [True, False], "y": [0, 1]}))
    assert fields(node) == {"a": "float?", "g": "bool?"}


def test_a_formula_is_tried(rtml_plugins: IsolatedPlugins) -> None:
    class Gap(Operator):
        """What lies between two number columns, as `gap`."""

        def columns(self) -> list[str]:
            return ["a", "b"]

        def compute(self, xp: Any, a: Any, b: Any) -> dict[str, Any]:
            return {"gap": xp.abs(a - b)}

    brought = SimpleNamespace(rtml_operators=hookimpl(lambda: [Gap]))
    rtml_plugins.register(brought, "tests", distribution="rtml-tests", version="1.0")
    node = ScikitLearn(params={"features": ["gap"], "label": "y", "model": "sklearn.linear_model.LinearRegression"})
    node.fit(pd.DataFrame({"gap": [1.0, 2.0], "y": [0.0, 1.0]}))
    assert fields(Gap(), node) == {"a": "float?", "b": "float?"}


# ---- what can't be known --------------------------------------------------------------------------------------------------


def test_a_model_that_names_no_features_is_refused_with_the_cure(model_id: str) -> None:
    node = ONNXNode(params={"model_id": model_id})
    with pytest.raises(GraphError, match=r"node 2 \(ONNXNode\) names no 'features'.* or say generate_dsl\(..., schema="):
        fields(step("fillna", value=0), node)


def test_a_node_that_does_not_say_its_columns_is_refused_with_the_cure(model_id: str) -> None:
    inner = {"id": "ratio", "operator": "FieldOps", "params": {"ops": [{"set": "c", "to": "a / b"}]}}
    node = operators.Processor(graph={"rtml": 1, "nodes": [inner]})
    with pytest.raises(GraphError, match=r"node 1 \(Processor\) does not say .* begin the graph with a JsonToDataframe"):
        fields(node, model(model_id, "a", "c"))
    assert fields(node, model(model_id, "a", "c"), schema={"a": "float", "b": "float?"}) == {"a": "float", "b": "float?"}


def test_a_column_that_is_two_things_is_refused_with_both_nodes(model_id: str) -> None:
    nodes = [step("str.len", "a", inplace="length"), step("dt.hour", "a", inplace="hour"), model(model_id, "length", "hour")]
    with pytest.raises(
        GraphError, match=r"'a' is a string at node 1 \(Pandas 'str.len'\) and a timestamp at node 2 \(Pandas 'dt.hou"
    ):
        fields(*nodes)


def test_a_schema_beside_a_source_is_refused(model_id: str) -> None:
    source = JsonToDataframe(params={"json_payload": json.dumps({"a": {0: 1}, "b": {0: 2}})})
    with pytest.raises(GraphError, match=r"schema must be left out: node 1 \(JsonToDataframe\) says"):
        fields(source, model(model_id, "a", "b"), schema={"a": "float"})
    assert fields(source, model(model_id, "a", "b")) is None


def test_a_schema_of_unknown_words_is_refused(model_id: str) -> None:
    with pytest.raises(RtmlError, match="field 'a' must have one of the types"):
        fields(model(model_id, "a", "b"), schema={"a": "number", "b": "float"})
