"""ONNXNode: any input name and type, equal in both forms, and found again by digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper

from rtml_core import Graph
from rtml_core.errors import ColumnError, CompileError, InputError, NotLowerableError, ParamError, RtmlError
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.onnx_ops.model_upload import ModelUpload
from rtml_plugins.onnx_ops.onnx_node import ONNXNode
from rtml_plugins.onnx_ops.store import ModelStore, digest

from .models import BOOL, DOUBLE, FLOAT, INT32, INT64, STRING, classifier, model, scaled_sum  # type: ignore[import-not-found]

FRAME = pd.DataFrame({"a": [1.0, 2.5, -3.0], "b": [0, 7, 2**40], "c": [True, False, True]})


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "home"))


def node(proto: onnx.ModelProto, **params: Any) -> ONNXNode:
    return ONNXNode(model_id=ModelStore().put(proto.SerializeToString()), **params)


def test_features_go_in_in_order_under_any_input_name() -> None:
    for name in ("float_input", "features", "X"):
        scored = node(scaled_sum(2, name=name), features=["c", "a"])
        assert scored.process(FRAME).data["y"].tolist() == [3.0, 5.0, -5.0]
        assert list(scored.process(FRAME).data.columns) == ["y"]  # only what the model says
        assert_parity(scored, FRAME)


@pytest.mark.parametrize("kind", [FLOAT, DOUBLE])
def test_numbers_are_cast_to_what_the_model_declares(kind: int) -> None:
    scored = node(scaled_sum(3, kind))
    result = scored.process(FRAME).data["y"]
    assert str(result.dtype) == ("float32" if kind == FLOAT else "float64")
    assert_parity(scored, pd.DataFrame({"a": [1e-320, np.nan, 3e38, 1e39, 0.1], "b": [2**53 + 1, 0, 1, 2, 3], "c": [1.5] * 5}))


def test_missing_booleans_arrive_as_nan() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": [True, None]})
    assert np.isnan(node(scaled_sum(2)).process(frame).data["y"].iloc[1])
    assert_parity(node(scaled_sum(2)), frame)


@pytest.mark.parametrize(("kind", "word"), [(INT64, "int64"), (INT32, "int32")])
def test_whole_numbers_are_taken_and_others_refused_in_both_forms(kind: int, word: str) -> None:
    echo = model([helper.make_node("Neg", ["x"], ["y"])], {"x": (kind, ["N", 2])}, ["y"])
    frame = pd.DataFrame({"a": [1.0, 2.5, np.nan, 1e30, -7.0], "b": [1, 2, 3, 4, 2**31 if word == "int32" else 5]})
    assert_parity(node(echo), frame)
    with pytest.raises(InputError, match=rf"/1/a: expected a whole number \({word}\), which the ONNX model takes, got 2\.5"):
        node(echo).process(frame)
    good = node(echo).process(frame.iloc[:1]).data
    assert good.to_numpy().tolist() == [[-1, -1]]
    assert [str(dtype) for dtype in good.dtypes] == ["int64", "int64"]


def test_booleans_and_strings_one_input_a_column() -> None:
    table = {"keys_strings": ["VW"], "values_strings": ["vw"], "default_string": "?"}
    nodes = [
        helper.make_node("Not", ["flag"], ["no_flag"]),
        helper.make_node("LabelEncoder", ["brand"], ["code"], domain="ai.onnx.ml", **table),
        helper.make_node("Mul", ["price", "two"], ["double"]),
    ]
    inputs = {"flag": (BOOL, ["N", 1]), "brand": (STRING, ["N", 1]), "price": (FLOAT, ["N"])}
    proto = model(nodes, inputs, ["no_flag", "code", "double"], {"two": np.float32(2)})
    frame = pd.DataFrame({"price": [1.5, 2.0, np.nan], "brand": ["VW", "日本", None], "flag": [True, False, True]}).assign(more=1)
    result = node(proto).process(frame).data
    assert result["no_flag"].tolist() == [False, True, False]
    assert result["code"].tolist() == ["vw", "?", "?"]
    assert_parity(node(proto), frame)
    assert_parity(node(proto), frame.assign(flag=[True, None, False]))


def test_inputs_of_other_names_are_fed_by_order() -> None:
    proto = model([helper.make_node("Sub", ["i0", "i1"], ["y"])], {"i0": (FLOAT, ["N", 1]), "i1": (FLOAT, ["N", 1])}, ["y"])
    assert node(proto, features=["b", "a"]).process(FRAME.head(2)).data["y"].tolist() == [-1.0, 4.5]
    with pytest.raises(ColumnError, match="has an input for each column: i0, i1"):
        node(proto).process(FRAME)


def test_outputs_by_name_and_position() -> None:
    frame = pd.DataFrame({"a": [0.0, 5.0, -5.0], "b": [0.0, 0.0, 1.0]})
    everything = ["label", "probabilities_0", "probabilities_1", "probabilities_2"]
    assert list(node(classifier()).process(frame).data.columns) == everything
    scored = node(classifier(), outputs={"propensity": "probabilities[2]", "answer": "label"})
    result = scored.process(frame).data
    assert list(result.columns) == ["propensity", "answer"]
    assert result["answer"].tolist() == ["no", "no", "yes"]
    assert_parity(scored, frame)
    assert_parity(node(classifier()), frame)
    assert assert_parity(node(classifier(), outputs={"p": "probabilities[0]"}), frame) <= 5


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"p": "probability"}, "no output 'probability'. It has: label, probabilities. Did you mean 'probabilities'?"),
        ({"p": "probabilities"}, "has 3 column(s), 'probabilities[0]' to 'probabilities[2]'; got 'probabilities'"),
        ({"p": "probabilities[3]"}, "got 'probabilities[3]'"),
        ({"p": "label[1]"}, "output 'label' has 1 column(s), 'label'; got 'label[1]'"),
    ],
)
def test_outputs_that_are_not_there_are_named(outputs: dict[str, str], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        node(classifier(), outputs=outputs).process(pd.DataFrame({"a": [1.0], "b": [2.0]}))
    assert words in str(caught.value)
    assert str(caught.value).startswith("ONNXNode: parameter 'outputs', 'p'")


def test_a_sklearn_forest_with_a_zipmap_is_equal_and_small() -> None:
    import skl2onnx
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 3))
    forest = RandomForestClassifier(10, max_depth=4, random_state=0).fit(x, (x[:, 0] > x[:, 1]).astype(int) + (x[:, 2] > 1))
    proto = skl2onnx.to_onnx(forest, x[:1].astype(np.float32), target_opset={"": 21, "ai.onnx.ml": 3})
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    scored = node(proto, outputs={"label": "output_label", "p": "output_probability[1]"})
    assert np.abs(scored.process(frame).data["p"] - forest.predict_proba(x)[:, 1]).max() < 1e-6
    assert assert_parity(scored, frame) == 5  # Concat, Cast, TreeEnsemble, ArgMax; Slice for one of the columns


def test_a_graph_that_ends_in_an_onnx_node_scores() -> None:
    graph = Graph.start(Receiver(schema={"a": "float?", "b": "int"})) >> node(scaled_sum(2))
    package = graph.compile()
    assert package.score({"a": 0.5, "b": 2}) == {"y": 4.5}
    assert package.score({"a": None, "b": 2}) == {"y": None}
    again = Graph.from_dsl(json.dumps(graph.to_dsl()))
    assert again.compile().id == package.id


def test_a_file_is_known_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(scaled_sum(2).SerializeToString())
    graph = Graph.start(Receiver(schema={"a": "float", "b": "int"})) >> ONNXNode(path=str(path), id="model")
    document = json.dumps(graph.to_dsl())
    assert graph.nodes["model"].state == {"model": digest(path.read_bytes())}
    first = Graph.from_dsl(document).compile().id
    ModelUpload(model_path=str(path)).process(None, 1)
    path.write_bytes(scaled_sum(2, name="other").SerializeToString())
    assert Graph.from_dsl(document).compile().id == first  # out of the store
    path.unlink()
    assert Graph.from_dsl(document).compile().id == first
    with pytest.raises(RtmlError, match=r"model\.onnx' can't be read"):
        ONNXNode(model_path=str(path)).process(FRAME)


def test_a_file_that_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(scaled_sum(2).SerializeToString())
    graph = Graph.start(Receiver(schema={"a": "float", "b": "int"})) >> ONNXNode(path=str(path))
    document = graph.to_dsl()
    path.write_bytes(scaled_sum(2, name="other").SerializeToString())
    with pytest.raises(RtmlError, match="has changed since the graph was made"):
        Graph.from_dsl(document).compile()


def test_features_that_the_file_names_are_the_default() -> None:
    proto = scaled_sum(2)
    entry = proto.metadata_props.add()
    entry.key, entry.value = "rtml.features", '["b", "a"]'
    assert node(proto).process(FRAME.head(1)).data["y"].tolist() == [2.0]


def test_row_checks_of_a_file_that_rtml_wrote_are_kept() -> None:
    """ScikitLearn writes such an output, where a category must be known: rows with false are refused, in both forms."""
    nodes = [helper.make_node("Neg", ["x"], ["y"]), helper.make_node("Greater", ["x", "zero"], ["__checks__"])]
    scored = node(model(nodes, {"x": (FLOAT, ["N", 1])}, ["y", "__checks__"], {"zero": np.float32(0)}), features=["a"])
    assert list(scored.process(FRAME.head(2)).data.columns) == ["y"]
    with pytest.raises(InputError, match="/2: expected a row that the ONNX model accepts, got one that fails its check number"):
        scored.process(FRAME)
    assert_parity(scored, FRAME)


@pytest.mark.parametrize("fields", [{"a": "float"}, {"a": "float", "b": "float"}])
def test_splits_of_trees_are_rows_of_the_parity_gate(fields: dict[str, str]) -> None:
    """The points are told for the field, be its tensor one column or two; a model of ai.onnx.ml 5 is read too."""
    from rtml_core.assemble import assemble
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.forest import Branch, Forest, Tree, tree_ensemble
    from rtml_core.lowering.trace import lower_graph
    from rtml_core.parity import _points_by_field

    b = Builder()
    stump = Tree([Branch(0, 0, 0.123, False, 1, 2), [(0, 1.0)], [(0, 2.0)]])
    trees = tree_ensemble(b, b.input("x", "float64", len(fields)), Forest([stump], "float64"), 1)
    proto = onnx.load_model_from_string(assemble(b, {"y": trees}).model)
    graph = Graph.start(Receiver(schema=fields)) >> node(proto)
    points = _points_by_field(lower_graph(graph, graph.nodes["receiver"].source_fields()), set())
    assert points["a"] == {0.123}
    assert graph.compile().score(dict.fromkeys(fields, 0.123)) == {"y": 1.0}


def test_outputs_that_rtml_renamed_get_their_names_back() -> None:
    proto = scaled_sum(1, name="label")
    entry = proto.metadata_props.add()
    entry.key, entry.value = "rtml.outputs", '{"y": "label"}'
    assert list(node(proto, features=["a"]).process(FRAME).data.columns) == ["label"]


def test_models_that_mix_rows_are_refused_at_compile() -> None:
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], axes=[0]), helper.make_node("Sub", ["x", "m"], ["y"])]
    proto = model(nodes, {"x": (FLOAT, ["N", 2])}, ["y"])
    assert_refuses(node(proto), FRAME[["a", "b"]], "depends on the other rows of a batch", "treats every row by itself")


def test_columns_that_do_not_fit_are_named_with_the_cure() -> None:
    frame = pd.DataFrame({"s": ["x"], "t": pd.to_datetime(["2020-01-01"])})
    with pytest.raises(ColumnError, match="'s' is a string; input 'float_input' of the ONNX model takes float32: encode"):
        node(scaled_sum(1), features=["s"]).process(frame)
    with pytest.raises(ColumnError, match=r"Column 't' is a timestamp.+take a part of it first"):
        node(scaled_sum(1), features=["t"]).process(frame)
    with pytest.raises(ColumnError, match=r"takes 3 column\(s\), the features are 2: a, b"):
        node(scaled_sum(3), features=["a", "b"]).process(FRAME)
    with pytest.raises(ColumnError, match=r"Column 'aa' does not exist\. It has: a, b, c\. Did you mean 'a'"):
        node(scaled_sum(1), features=["aa"]).process(FRAME)
    strings = model([helper.make_node("Identity", ["x"], ["y"])], {"x": (STRING, ["N", 1])}, ["y"])
    with pytest.raises(ColumnError, match="make it text first"):
        node(strings, features=["a"]).process(FRAME)
    for operator in (node(scaled_sum(1), features=["s"]), node(scaled_sum(3), features=["s"])):
        assert_refuses(operator, frame, "the ONNX model")


def test_shapes_that_are_no_columns_are_refused() -> None:
    cube = model([helper.make_node("Neg", ["x"], ["y"])], {"x": (FLOAT, ["N", 2, 2])}, ["y"])
    with pytest.raises(NotLowerableError, match="has 3 dimensions; columns make two"):
        node(cube).process(FRAME)
    total = model([helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)], {"x": (FLOAT, ["N", 3])}, ["y"])
    with pytest.raises(NotLowerableError, match="must have a fixed number of columns"):
        node(total).process(FRAME)


def test_the_compile_error_names_the_node() -> None:
    loop = helper.make_graph([helper.make_node("Identity", ["x"], ["r"])], "branch", [], [onnx.ValueInfoProto(name="r")])
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=onnx.numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["y"], then_branch=loop, else_branch=loop),
    ]
    graph = Graph.start(Receiver(schema={"a": "float"})) >> node(model(nodes, {"x": (FLOAT, ["N", 1])}, ["y"]))
    with pytest.raises(CompileError, match=r"Node 2 \(ONNXNode\): the ONNX model has control flow \(If\)"):
        graph.compile()


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "parameter 'model_id' or 'path' must say which model, one of them; got none"),
        ({"path": "a.onnx", "model_path": "b.onnx"}, "got path and model_path"),
        ({"model_id": "abc"}, "parameter 'model_id' must be what ModelUpload gives, 64 digits and letters; got 'abc'"),
        ({"path": "a.onnx", "features": []}, "parameter 'features' must name at least one column, each once; got []"),
        ({"path": "a.onnx", "features": ["a", "a"]}, "each once; got ['a', 'a']"),
        ({"path": "a.onnx", "features": "a"}, "parameter 'features' must be a list of strings or null; got 'a'"),
        ({"path": "a.onnx", "outputs": {}}, "parameter 'outputs' must name at least one column"),
        ({"path": "a.onnx", "feature": ["a"]}, "Did you mean 'features'?"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        ONNXNode(params)
    assert words in str(caught.value)
