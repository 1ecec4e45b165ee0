"""What a hostile or broken model meets before onnxruntime does."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from rtml_core import CustomOp, Operator, package
from rtml_core.errors import PackageError
from rtml_core.runtime import guards
from tests.unit.core.operators_for_tests import Scale, Source


@pytest.fixture(scope="module")
def good() -> package.Archive:
    graph = Source(schema={"a": "float?"}) >> Scale(col="a", by=0.5)
    return package.read_archive(graph.compile(pd.DataFrame({"a": [1.0]})).data)


def model(*nodes: Any, initializers: Any = (), functions: Any = (), opset: int = 21, ir: int = 10) -> onnx.ModelProto:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes),
        "g",
        [value("x", TensorProto.DOUBLE, ["N", 1])],
        [value("y", TensorProto.DOUBLE, ["N", 1])],
        list(initializers),
    )
    imports = [
        helper.make_opsetid("", opset),
        *{helper.make_opsetid(f.domain, 1).domain: helper.make_opsetid(f.domain, 1) for f in functions}.values(),
    ]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir, functions=list(functions))


def manifest_for(good: package.Archive, made: onnx.ModelProto, *ops: tuple[str, str]) -> package.Manifest:
    opsets = {entry.domain: entry.version for entry in made.opset_import}
    entries = tuple(package.OpEntry(domain, op, "core", 1) for domain, op in ops)
    return msgspec.structs.replace(good.manifest, opsets=opsets, ops=entries)


def refusal(good: package.Archive, made: onnx.ModelProto, *ops: tuple[str, str]) -> str:
    with pytest.raises(PackageError) as raised:
        guards.check(made.SerializeToString(), manifest_for(good, made, *ops), "m.rtml")
    return str(raised.value)


IDENTITY = helper.make_node("Identity", ["x"], ["y"])


def test_what_the_compiler_writes_passes(good: package.Archive) -> None:
    guards.check(good.model, good.manifest, "m.rtml")
    facts = guards.inspect(good.model, "m.rtml")
    assert facts.ir_version == 10
    assert facts.opsets == good.manifest.opsets
    assert facts.ops == {(op.domain, op.op): op.count for op in good.manifest.ops}


def test_versions_beyond_the_ceilings(good: package.Archive) -> None:
    assert "IR version 14; this runtime loads 3 to 13" in refusal(good, model(IDENTITY, ir=14), ("", "Identity"))
    assert "needs opset 27 of 'ai.onnx'; this runtime guarantees up to 26" in refusal(
        good, model(IDENTITY, opset=27), ("", "Identity")
    )


def test_operators_that_the_manifest_does_not_list(good: package.Archive) -> None:
    assert "does not list: ai.onnx:Identity" in refusal(good, model(IDENTITY))


def test_external_data(good: package.Archive) -> None:
    tensor = numpy_helper.from_array(np.zeros(1), "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/hostname"
    assert "external data" in refusal(good, model(IDENTITY, initializers=[tensor]), ("", "Identity"))
    constant = helper.make_node("Constant", [], ["c"], value=tensor)
    assert "external data" in refusal(good, model(constant, IDENTITY), ("", "Identity"), ("", "Constant"))


def test_control_flow_and_sub_graphs(good: package.Archive) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])], "b", [], [helper.make_tensor_value_info("z", TensorProto.DOUBLE, None)]
    )
    branch = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    assert "control flow" in refusal(good, model(branch), ("", "If"))
    assert "control flow (Loop)" in refusal(good, model(helper.make_node("Loop", ["x"], ["y"])), ("", "Loop"))


def test_constants_that_claim_terabytes(good: package.Archive) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.DOUBLE, dims=[1 << 20, 1 << 20])
    assert "claims a constant of 1,099,511,627,776 elements" in refusal(
        good, model(IDENTITY, initializers=[tensor]), ("", "Identity")
    )


def function(name: str, *calls: str) -> onnx.FunctionProto:
    nodes = [helper.make_node(call, ["a"], [f"v{i}"], domain="f") for i, call in enumerate(calls)] or [
        helper.make_node("Neg", ["a"], ["v0"])
    ]
    return helper.make_function("f", name, ["a"], ["v0"], nodes, [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)])


def test_a_function_can_not_have_the_name_of_a_custom_operator(good: package.Archive) -> None:
    """onnxruntime would run the operator, if this process has it, and whose it is would not have been asked."""
    body = helper.make_function(
        "geo.near.v1", "near", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], [helper.make_opsetid("", 21)]
    )
    made = model(helper.make_node("near", ["x"], ["y"], domain="geo.near.v1"), functions=[body])
    assert "holds a function geo.near.v1:near, which has the name of a custom operator" in refusal(good, made, ("", "Neg"))


@pytest.mark.parametrize("domain", ["ai.onnx.contrib", "com.microsoft", "ai.onnx.ml"])
def test_a_function_can_not_have_the_name_of_a_standard_operator(good: package.Archive, domain: str) -> None:
    body = [helper.make_node("Neg", ["x"], ["y"])]
    function = helper.make_function(domain, "StringUpper", ["x"], ["y"], body, [helper.make_opsetid("", 21)])
    made = model(helper.make_node("StringUpper", ["x"], ["y"], domain=domain), functions=[function])
    words = f"holds a function {domain}:StringUpper, which has the name of a standard operator"
    assert words in refusal(good, made, ("", "Neg"), (domain, "StringUpper"))


def test_functions_that_explode_or_recur(good: package.Archive) -> None:
    nest = [function(f"f{n}", *[f"f{n - 1}"] * 4) if n else function("f0") for n in range(12)]
    call = helper.make_node("f11", ["x"], ["y"], domain="f")
    assert "expands to" in refusal(good, model(call, functions=nest), ("", "Neg"))
    loop = [function("f0", "f1"), function("f1", "f0")]
    call = helper.make_node("f0", ["x"], ["y"], domain="f")
    assert "expands to" in refusal(good, model(call, functions=loop))


@pytest.mark.parametrize("order", [1, -1])
def test_functions_that_nest_without_end(good: package.Archive, order: int) -> None:
    """A loader follows them by recursion, and so does the guard."""

    def nest(depth: int) -> onnx.ModelProto:
        chain = [function(f"f{n}", *[f"f{n - 1}"] if n else []) for n in range(depth)]
        calls = [helper.make_node(f"f{n}", ["x"], ["y"], domain="f") for n in (0, depth // 2, depth - 1)]
        return model(*calls[::order], functions=chain)

    for depth in (66, 4000):
        assert "nests its functions deeper than 64, which rtml does not write" in refusal(good, nest(depth), ("", "Neg"))
    guards.check(nest(60).SerializeToString(), manifest_for(good, nest(60), ("", "Neg")), "p.rtml")


@pytest.fixture(scope="module")
def with_functions() -> package.Archive:
    graph = Source(schema={"a": "float?", "b": "float"}) >> Near()
    return package.read_archive(graph.compile(parity=False).data)


class Near(Operator):
    """Calls an ONNX function, twice."""

    def columns(self) -> list[str]:
        return ["a", "b"]

    def compute(self, xp: Any, a: Any, b: Any) -> dict[str, Any]:
        near = CustomOp(
            "guards",
            "near",
            1,
            ("float64", "float64"),
            ("float64",),
            lambda xp, a, b, by: xp.where(xp.abs(a - b) < by, a, xp.exp(b)),
            "Near.",
            {"by": "float"},
            kind="function",
        )
        return {"near": xp.custom(near, a, b, by=0.5), "nearer": xp.custom(near, a, b, by=0.25)}


@pytest.mark.parametrize("which", ["good", "with_functions"])
@given(st.data())
def test_damaged_bytes_never_get_through_as_another_error(
    which: str, good: package.Archive, with_functions: package.Archive, data: st.DataObject
) -> None:
    whole = with_functions if which == "with_functions" else good
    broken = bytearray(whole.model)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PackageError):
        guards.check(bytes(broken), whole.manifest, "m.rtml")
        assert guards.inspect(bytes(broken), "m.rtml").opsets == whole.manifest.opsets
