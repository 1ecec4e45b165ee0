"""Grafting model fragments: equal answers, shared work, and one clear sentence for what can't be served."""

from __future__ import annotations

import itertools
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtml_core.assemble import assemble
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.graft import graft, origin_of
from rtml_core.lowering.probe import open_session

FLOAT, DOUBLE, INT64, STRING = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.STRING
ML, EXT = "ai.onnx.ml", "ai.onnx.contrib"


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: list[str],
    *,
    weights: dict[str, np.ndarray] | None = None,
    opsets: dict[str, int] | None = None,
    functions: list[onnx.FunctionProto] | None = None,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "fragment",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    imports = [helper.make_opsetid(domain, version) for domain, version in {"": 21, ML: 3, EXT: 1, **(opsets or {})}.items()]
    return helper.make_model(graph, opset_imports=imports, functions=functions or [], ir_version=8)


def run(fragment: onnx.ModelProto, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = [output.name for output in fragment.graph.output]
    return dict(zip(names, open_session(fragment.SerializeToString()).run(names, feed), strict=True))


def grafted(
    fragment: onnx.ModelProto, feed: dict[str, np.ndarray], outputs: list[str] | None = None
) -> tuple[dict[str, np.ndarray], int]:
    """Answers of the fragment grafted into a graph of its own, and the number of nodes of that graph."""
    b = Builder()
    words = {name: "string" if array.dtype == object else str(array.dtype) for name, array in feed.items()}
    bindings = {name: b.input(name, words[name], array.shape[1]) for name, array in feed.items()}
    found = graft(b, fragment, bindings, outputs)
    built = assemble(b, found)
    onnx.checker.check_model(built.model)
    answers = open_session(built.model).run(list(found), feed)
    return dict(zip(found, answers, strict=True)), built.node_count


def linear(opset: int = 21) -> onnx.ModelProto:
    """y = relu(x @ w + b), [N, 3] -> [N, 2]."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["z"]),
        helper.make_node("Relu", ["z"], ["y"]),
    ]
    weights = {"w": np.arange(6, dtype=np.float32).reshape(3, 2) - 2, "b": np.array([0.5, -1], dtype=np.float32)}
    return model(nodes, {"x": (FLOAT, ["rows", 3])}, ["y"], weights=weights, opsets={"": opset})


ROWS = np.random.default_rng(7).normal(size=(17, 3)).astype(np.float32)


# ---- equal answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [7, 11, 13, 17, 20, 21, 22, 23])
def test_opsets_around_ours_give_the_same_numbers(opset: int) -> None:
    found, nodes = grafted(linear(opset), {"x": ROWS})
    assert nodes == 3
    np.testing.assert_array_equal(found["y"], run(linear(21), {"x": ROWS})["y"])


def test_an_operator_that_changed_its_form_is_converted() -> None:
    """ReduceSum took axes as an attribute before opset 13, as an input since."""
    fragment = model(
        [helper.make_node("ReduceSum", ["x"], ["y"], axes=[1], keepdims=1)], {"x": (FLOAT, ["N", 3])}, ["y"], opsets={"": 11}
    )
    found, _ = grafted(fragment, {"x": ROWS})
    np.testing.assert_array_equal(found["y"], run(fragment, {"x": ROWS})["y"])


def test_conversion_survives_a_lookup_behind_a_custom_operator() -> None:
    """onnx's own inference dies by a segmentation fault here, so this runs in a process of its own."""
    script = textwrap.dedent(
        """
        import numpy as np
        from onnx import helper, numpy_helper
        from tests.unit.core.lowering.test_graft import FLOAT, ML, EXT, STRING, grafted, model, run
        tensors = {"keys_tensor": ["a", "b"], "values_tensor": [10.0, 20.0], "default_tensor": [-1.0]}
        given = {
            name: numpy_helper.from_array(np.array(values, dtype=object if isinstance(values[0], str) else np.float32))
            for name, values in tensors.items()
        }
        nodes = [
            helper.make_node("StringLower", ["s"], ["low"], domain=EXT),
            helper.make_node("LabelEncoder", ["low"], ["code"], domain=ML, **given),
            helper.make_node("ReduceSum", ["code"], ["y"], axes=[1], keepdims=1),
        ]
        fragment = model(nodes, {"s": (STRING, ["N", 2])}, ["y"], opsets={"": 11, ML: 4})
        rows = np.array([["A", "b"], ["x", "B"]], dtype=object)
        found, _ = grafted(fragment, {"s": rows})
        print(found["y"].ravel().tolist())
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[30.0, 19.0]", done.stderr[-2000:]


def test_label_encoders_of_the_first_version_are_read() -> None:
    nodes = [
        helper.make_node("LabelEncoder", ["s"], ["code"], domain=ML, classes_strings=["red", "green"], default_int64=-7),
        helper.make_node("LabelEncoder", ["code"], ["again"], domain=ML, classes_strings=["RED", "GREEN"], default_string="?"),
    ]
    fragment = model(nodes, {"s": (STRING, ["N", 1])}, ["code", "again"], opsets={ML: 1})
    found, _ = grafted(fragment, {"s": np.array([["green"], ["red"], ["blue"]], dtype=object)})
    assert found["code"].ravel().tolist() == [1, 0, -7]
    assert found["again"].ravel().tolist() == ["GREEN", "RED", "?"]


def test_ml_operators_pass_through() -> None:
    nodes = [
        helper.make_node("Scaler", ["x"], ["scaled"], domain=ML, offset=[0.1, 0.2, 0.3], scale=[1.0, 2.0, 0.5]),
        helper.make_node("Normalizer", ["scaled"], ["unit"], domain=ML, norm="L2"),
        helper.make_node(
            "LinearClassifier",
            ["unit"],
            ["label", "scores"],
            domain=ML,
            coefficients=[0.5, -1.0, 2.0, 1.0, 1.0, -1.0],
            intercepts=[0.1, -0.1],
            classlabels_strings=["no", "yes"],
            post_transform="SOFTMAX",
        ),
    ]
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["label", "scores"], opsets={ML: 1})
    wanted = run(fragment, {"x": ROWS})
    found, nodes_made = grafted(fragment, {"x": ROWS})
    assert found["label"].shape == (17, 1)  # [N] comes back as [N, 1]
    assert found["label"][:, 0].tolist() == wanted["label"].tolist()
    np.testing.assert_array_equal(found["scores"], wanted["scores"])
    assert nodes_made == 4


@pytest.mark.parametrize("norm", ["L1", "L2", "MAX"])
@pytest.mark.parametrize("last", [False, True])
def test_a_normalizer_is_not_run_in_place(norm: str, last: bool) -> None:
    """onnxruntime computes L2 wrongly where it may overwrite the input, which it decides by the shapes that it is told."""
    nodes = [helper.make_node("Neg", ["x"], ["n"]), helper.make_node("Normalizer", ["n"], ["u"], domain=ML, norm=norm)]
    nodes.append(helper.make_node("Identity" if last else "Neg", ["u"], ["y"]))
    b = Builder()
    y = graft(b, model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"]), {"x": b.input("x", "float32", 3)})["y"]
    built = assemble(b, {"y": b.op("Neg", y)})
    found = open_session(built.model).run(None, {"x": ROWS})[0]
    size = {"L1": np.abs(ROWS).sum(1), "L2": np.sqrt((ROWS.astype(float) ** 2).sum(1)), "MAX": (-ROWS).max(1)}[norm]
    np.testing.assert_allclose(found, (ROWS if last else -ROWS) / size[:, None], rtol=1e-6)


def test_a_zipmap_gives_its_scores() -> None:
    zipmap = helper.make_node("ZipMap", ["p"], ["z"], domain=ML, classlabels_int64s=[0, 1, 2])
    nodes = [helper.make_node("Relu", ["x"], ["p"]), zipmap]
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["z"])
    found, nodes_made = grafted(fragment, {"x": ROWS})
    np.testing.assert_array_equal(found["z"], np.maximum(ROWS, 0))
    assert nodes_made == 1


def test_local_functions_are_written_out() -> None:
    opset = [helper.make_opsetid("", 21)]
    double = helper.make_function("mine", "Double", ["v"], ["w"], [helper.make_node("Add", ["v", "v"], ["w"])], opset)
    fragment = model(
        [helper.make_node("Double", ["x"], ["d"], domain="mine"), helper.make_node("Double", ["d"], ["y"], domain="mine")],
        {"x": (FLOAT, ["N", 3])},
        ["y"],
        opsets={"mine": 1},
        functions=[double],
    )
    found, nodes = grafted(fragment, {"x": ROWS})
    np.testing.assert_array_equal(found["y"], ROWS * 4)
    assert nodes == 2


def test_constants_of_every_form_become_initializers() -> None:
    nodes = [
        helper.make_node("Constant", [], ["one"], value_float=1.5),
        helper.make_node("Constant", [], ["many"], value_floats=[1.0, 2.0, 3.0]),
        helper.make_node("Constant", [], ["axes"], value_ints=[1]),
        helper.make_node("Constant", [], ["tensor"], value=numpy_helper.from_array(np.array([[2.0]], dtype=np.float32))),
        helper.make_node("Add", ["x", "one"], ["a"]),
        helper.make_node("Mul", ["a", "many"], ["m"]),
        helper.make_node("ReduceSum", ["m", "axes"], ["r"]),
        helper.make_node("Identity", ["r"], ["i"]),
        helper.make_node("Cast", ["i"], ["c"], to=FLOAT),
        helper.make_node("Div", ["c", "tensor"], ["y"]),
    ]
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"])
    found, made = grafted(fragment, {"x": ROWS})
    np.testing.assert_array_equal(found["y"], run(fragment, {"x": ROWS})["y"])
    assert made == 4  # Identity and the cast to what it is already are gone


def test_outputs_that_nobody_asks_for_are_left_out() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Exp", ["x"], ["e"]), helper.make_node("Neg", ["e"], ["b"])]
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["a", "b"])
    found, made = grafted(fragment, {"x": ROWS}, ["a"])
    assert (list(found), made) == (["a"], 1)


def test_equal_fragments_are_computed_once() -> None:
    b = Builder()
    x = b.input("x", "float32", 3)
    one, two = graft(b, linear(), {"x": x})["y"], graft(b, linear(), {"x": x})["y"]
    assert one is two
    assert assemble(b, {"y": one}).node_count == 3


def test_an_optional_output_that_is_left_out_stays_out() -> None:
    """A recurrent network of one step that gives its last state only: outputs "", "h"."""
    nodes = [
        helper.make_node("Unsqueeze", ["x", "zero"], ["steps"]),
        helper.make_node("RNN", ["steps", "w", "r"], ["", "h"], hidden_size=2),
        helper.make_node("Squeeze", ["h", "zero"], ["y"]),
    ]
    rng = np.random.default_rng(3)
    weights = {"w": rng.normal(size=(1, 2, 3)).astype(np.float32), "r": np.zeros((1, 2, 2), np.float32), "zero": np.array([0])}
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"], weights=weights)
    found, _ = grafted(fragment, {"x": ROWS})
    np.testing.assert_allclose(found["y"], np.tanh(ROWS @ weights["w"][0].T), rtol=1e-5, atol=1e-6)


def test_every_value_carries_dtype_and_shape() -> None:
    b = Builder()
    graft(b, linear(), {"x": b.input("x", "float32", 3)})
    described = [(node.op_type, str(out.dtype), list(out.shape or ())) for node in b.nodes for out in node.outputs]
    assert [(op, dtype) for op, dtype, _ in described] == [("MatMul", "FLOAT"), ("Add", "FLOAT"), ("Relu", "FLOAT")]
    assert [[str(dim) for dim in shape] for *_, shape in described] == [["N", "2"]] * 3


def test_types_that_appear_only_inside_are_carried() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["half"], ["small"], to=TensorProto.INT8),
        helper.make_node("Cast", ["small"], ["y"], to=FLOAT),
    ]
    fragment = model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"])
    found, _ = grafted(fragment, {"x": ROWS})
    np.testing.assert_array_equal(found["y"], np.trunc(ROWS.astype(np.float16)).astype(np.float32))


def test_split_points_reach_the_parity_gate() -> None:
    """A tree's splits are told for the model input that its feature is, through Cast, Concat and columns of a tensor."""
    trees = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain=ML,
        n_targets=1,
        nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[1, 0, 0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.25, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=[0, 0],
        target_nodeids=[1, 2],
        target_ids=[0, 0],
        target_weights=[1.0, 2.0],
    )
    b = Builder()
    packed = b.input("float64", "float64", 4)
    x = b.cast(b.concat([b.take(packed, [3]), b.take(packed, [0, 2])]), "float32")
    assert origin_of(x, 2) == (packed, 2)
    graft(b, model([trees], {"x": (FLOAT, ["N", 3])}, ["y"]), {"x": x})
    assert b.thresholds == {id(b.take(packed, [0])): {0.25}}


# ---- refusals -----------------------------------------------------------------------------------------------------------


def refusal(fragment: Any, outputs: list[str] | None = None, **bindings: tuple[str, int]) -> str:
    b = Builder()
    given = {name: b.input(name, dtype, width) for name, (dtype, width) in (bindings or {"x": ("float32", 3)}).items()}
    with pytest.raises(NotLowerableError) as caught:
        graft(b, fragment, given, outputs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def one_node(op: str, domain: str = "", opsets: dict[str, int] | None = None, **attributes: Any) -> onnx.ModelProto:
    node = helper.make_node(op, ["x"], ["y"], domain=domain, **attributes)
    foreign = {domain: 1} if domain not in ("", ML, EXT) else {}
    return model([node], {"x": (FLOAT, ["N", 3])}, ["y"], opsets={**foreign, **(opsets or {})})


def test_what_is_no_model_is_refused() -> None:
    assert "not an ONNX model" in refusal(b"PK\x03\x04 not a model")
    assert "there is no graph in it" in refusal(b"")


def test_a_model_that_onnxruntime_refuses_is_refused_with_its_reason() -> None:
    fragment = model([helper.make_node("Add", ["x", "s"], ["y"])], {"x": (FLOAT, ["N", 3]), "s": (STRING, ["N", 3])}, ["y"])
    assert "onnxruntime refuses the ONNX model" in refusal(fragment, x=("float32", 3), s=("string", 3))


def test_newer_opsets_are_refused_only_where_the_meaning_changed() -> None:
    assert grafted(one_node("Relu", opsets={"": 23}), {"x": ROWS})[1] == 1
    later = one_node("Swish", opsets={"": 24})
    assert "Swish" in refusal(later)
    changed = model([helper.make_node("RMSNormalization", ["x", "s"], ["y"])], {"x": (FLOAT, ["N", 3])}, ["y"], opsets={"": 23})
    assert "export it" in refusal(changed) or "does not know" in refusal(changed)
    assert "opset 22" in refusal(one_node("Elu", opsets={"": 22}))
    assert "ai.onnx.ml 6" in refusal(one_node("Scaler", ML, {ML: 6}, offset=[0.0], scale=[1.0]))


def test_control_flow_is_refused() -> None:
    branch = helper.make_graph([helper.make_node("Identity", ["x"], ["r"])], "branch", [], [onnx.ValueInfoProto(name="r")])
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
    ]
    assert "control flow (If)" in refusal(model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"]))


def test_foreign_domains_random_numbers_and_sequences_are_refused() -> None:
    assert "domain 'com.example' (Magic)" in refusal(one_node("Magic", "com.example"))
    assert "draws random numbers (RandomNormalLike)" in refusal(one_node("RandomNormalLike"))
    assert "only tensors can be served" in refusal(one_node("SequenceConstruct"))


def test_external_data_is_refused() -> None:
    fragment = linear()
    tensor = fragment.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    assert "keeps 'w' in another file" in refusal(fragment)


def test_functions_that_recurse_or_explode_are_refused_before_they_are_inlined() -> None:
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]

    def calls(name: str, target: str, times: int) -> onnx.FunctionProto:
        chain = ["v", *(f"t{i}" for i in range(times - 1)), "w"]
        domain = "" if target == "Neg" else "f"
        nodes = [helper.make_node(target, [a], [c], domain=domain) for a, c in itertools.pairwise(chain)]
        return helper.make_function("f", name, ["v"], ["w"], nodes, opsets)

    bomb = [calls("L0", "Neg", 10), *(calls(f"L{i}", f"L{i - 1}", 10) for i in range(1, 12))]
    top = [helper.make_node("L11", ["x"], ["y"], domain="f")]
    assert "more than 100,000 nodes" in refusal(model(top, {"x": (FLOAT, ["N", 3])}, ["y"], opsets={"f": 1}, functions=bomb))
    loop = [calls("L11", "L11", 1)]
    assert "calls itself" in refusal(model(top, {"x": (FLOAT, ["N", 3])}, ["y"], opsets={"f": 1}, functions=loop))


def test_bindings_must_fit_what_the_model_declares() -> None:
    assert "takes float32; got float64" in refusal(linear(), x=("float64", 3))
    assert "takes 3 column(s); got 2" in refusal(linear(), x=("float32", 2))
    assert "no input 'features'. It has: x" in refusal(linear(), features=("float32", 3))
    fragment = model([helper.make_node("Add", ["x", "z"], ["y"])], {"x": (FLOAT, ["N", 3]), "z": (FLOAT, ["N", 3])}, ["y"])
    assert "input 'z' of the ONNX model is not fed" in refusal(fragment)
    assert "no output 'scores'" in refusal(linear(), ["scores"])


def test_a_fixed_batch_is_refused_with_the_cure() -> None:
    fragment = model([helper.make_node("Relu", ["x"], ["y"])], {"x": (FLOAT, [1, 3])}, ["y"])
    assert "exactly 1 row(s) at a time; export it with a free first dimension" in refusal(fragment)


def test_a_zipmap_in_the_middle_is_refused() -> None:
    nodes = [
        helper.make_node("ZipMap", ["x"], ["z"], domain=ML, classlabels_strings=["a", "b", "c"]),
        helper.make_node("DictVectorizer", ["z"], ["y"], domain=ML, string_vocabulary=["a", "b", "c"]),
    ]
    assert "goes on after a ZipMap" in refusal(model(nodes, {"x": (FLOAT, ["N", 3])}, ["y"]))
