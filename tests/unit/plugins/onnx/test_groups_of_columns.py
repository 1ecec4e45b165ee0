"""Inputs of an ONNX model that take several columns each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from rtml_core import operators as op
from rtml_core.errors import ColumnError
from rtml_core.testing import assert_parity


def model(path: Path, kind: int = TensorProto.INT64, width: int | str = 3) -> str:
    """total = sum over the ids that the mask keeps, of a table's values; inputs ids and mask [N, width]."""
    table = numpy_helper.from_array(np.arange(10, dtype=np.float32) ** 2, "table")
    axes = numpy_helper.from_array(np.array([1]), "axes")
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["values"]),
        helper.make_node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["values", "kept"], ["parts"]),
        helper.make_node("ReduceSum", ["parts", "axes"], ["total"]),
    ]
    inputs = [helper.make_tensor_value_info(name, kind, ["N", width]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("total", TensorProto.FLOAT, ["N", 1])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [table, axes])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(made.SerializeToString())
    return str(path)


FRAME = pd.DataFrame(
    {f"{name}_{i}": [(i + k) % 2 if name == "mask" else i * k for k in range(4)] for name in ("mask", "ids") for i in range(3)}
)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("width", [3, "L"])
def test_numbered_columns_feed_the_input_of_their_name(tmp_path: Path, kind: int, width: int | str) -> None:
    node = op.ONNXNode(path=model(tmp_path / "m.onnx", kind, width))
    frame = FRAME.assign(other=1.5)
    total = node.process(frame).data["total"]
    wanted = [sum((i * k) ** 2 * ((i + k) % 2) for i in range(3)) for k in range(4)]
    assert total.tolist() == wanted
    nodes = assert_parity(node, frame)
    if kind == TensorProto.INT64:
        assert nodes <= 8  # two Concats at most for six columns, not one step for each


def test_an_input_without_its_columns_is_named(tmp_path: Path) -> None:
    node = op.ONNXNode(path=model(tmp_path / "m.onnx"))
    with pytest.raises(ColumnError, match=r"ids, mask \(of several columns: <input>_0, .* Column 'mask' does not exist"):
        node.process(FRAME.drop(columns=[f"mask_{i}" for i in range(3)]))
    with pytest.raises(ColumnError, match=r"takes 3 column\(s\), the features are 2"):
        node.process(FRAME.drop(columns="mask_2"))
