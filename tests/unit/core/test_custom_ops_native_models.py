"""Models that call a native operator in another way than rtml writes it, and several versions of operators in one session."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper

from rtml_core import CustomOp, Runtime, package
from rtml_core.assemble import assemble
from rtml_core.errors import CustomOpError, PackageError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.registry import CustomOps, Origin
from rtml_core.running import run_model
from tests.unit.core.native.build import PLUGIN, build, put
from tests.unit.core.operators_for_tests import Source


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The plugin with native operators, and its library."""
    folder = tmp_path_factory.mktemp("site")
    build(folder / "built.so")
    sys.path.insert(0, str(put(folder, folder / "built.so")))
    try:
        yield importlib.import_module(PLUGIN)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(PLUGIN)]:
            del sys.modules[name]


@pytest.fixture
def made(tally: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A compiled graph with one native operator."""
    from rtml_core import explain

    found = CustomOps()
    found.add_all(tally.OPS, Origin("tally", "Rtml_Tally", "1.4"))
    monkeypatch.setattr(explain, "plugins", lambda: types.SimpleNamespace(custom_ops=found))
    graph: Any = Source(schema={"s": "string"}) >> tally.Marked(col="s", mark=">")
    return graph.compile()


def changed(made: Any, change: Callable[[Any, Any], None]) -> bytes:
    """The package with another node in its model; its manifest and digests are right."""
    archive = package.read_archive(made.data)
    model = onnx.load_from_string(archive.model)
    change(model, next(node for node in model.graph.node if node.op_type == "marked"))
    files = {"model.onnx": model.SerializeToString(), "graph.json": archive.graph, "sample.json": archive.sample}
    return package.write_archive(archive.manifest, files)


def without_argument(model: Any, node: Any) -> None:
    del node.attribute[:]


def with_a_number(model: Any, node: Any) -> None:
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("mark", 3))


def with_a_list(model: Any, node: Any) -> None:
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("mark", ["a", "b"]))


def with_two_inputs(model: Any, node: Any) -> None:
    node.input.append(node.input[0])


def with_a_number_for_a_text(model: Any, node: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.DOUBLE


def without_inputs(model: Any, node: Any) -> None:
    del node.input[:]


@pytest.mark.parametrize(
    "change", [without_argument, with_a_number, with_a_list, with_two_inputs, with_a_number_for_a_text, without_inputs]
)
def test_a_model_that_calls_it_in_another_way_is_refused_and_the_process_lives(made: Any, change: Any) -> None:
    assert made.score({"s": "a"}) == {"s": ">a"}
    with pytest.raises((PackageError, CustomOpError), match="tally:marked 1"):
        Runtime.from_bytes(changed(made, change), custom_ops=made.custom_ops).score({"s": "a"})
    assert made.score({"s": "b"}) == {"s": ">b"}


def test_a_package_can_not_call_itself_portable(made: Any) -> None:
    archive = package.read_archive(made.data)
    manifest = msgspec.structs.replace(archive.manifest, portable=True)
    files = {"model.onnx": archive.model, "graph.json": archive.graph, "sample.json": archive.sample}
    with pytest.raises(PackageError, match="says that it is portable, and it has operators that run code of a plugin"):
        Runtime.from_bytes(package.write_archive(manifest, files), custom_ops=made.custom_ops)


def test_an_attribute_that_nobody_declared_changes_nothing(made: Any) -> None:
    def more(model: Any, node: Any) -> None:
        node.attribute.append(helper.make_attribute("other", 3))

    assert Runtime.from_bytes(changed(made, more), custom_ops=made.custom_ops).score({"s": "a"}) == {"s": ">a"}


def test_versions_and_kinds_side_by_side_in_one_session(tally: Any) -> None:
    def op(version: int, kind: str, body: Any) -> CustomOp:
        return CustomOp("tally", "scaled", version, ("float64",), ("float64",), body, "Other versions.", kind=kind)

    b = Builder()
    x = Symbolic("float64", b.input("x", "float64", 1))
    given = {"factor": 2.0, "offset": None, "negate": False, "domain": []}
    ops = [
        (tally.SCALED, given),
        (op(2, "function", lambda xp, x: x * 3.0), {}),
        (op(3, "function", lambda xp, x: x * 4.0), {}),
        (op(4, "python", lambda x: x * 5.0), {}),
        (tally.ROOTED, {}),
    ]
    outputs = {f"out{position}": custom(b, one, x, **arguments)[0].tensor for position, (one, arguments) in enumerate(ops)}
    model = assemble(b, outputs)
    kinds = sorted(one.kind for one in model.custom_ops.values())
    assert kinds == ["function", "function", "native", "native", "python"]
    found = run_model(model.model, {"x": np.array([[4.0]])}, model.custom_ops.values())
    assert [found[f"out{position}"].item() for position in range(5)] == [8.0, 12.0, 16.0, 20.0, 2.0]
