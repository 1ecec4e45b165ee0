"""Small ONNX models for the tests of this folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE, INT64, INT32, BOOL, STRING = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.INT32,
    TensorProto.BOOL,
    TensorProto.STRING,
)


def model(
    nodes: list[Any], inputs: dict[str, tuple[int, list[Any]]], outputs: list[str], weights: dict[str, Any] | None = None
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def scaled_sum(width: int, kind: int = FLOAT, name: str = "float_input") -> onnx.ModelProto:
    """y [N, 1] = x . (1, 2, 3, ...): tells the order of the columns."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weights = {"w": np.arange(1, width + 1).astype(dtype)[:, None]}
    return model([helper.make_node("MatMul", [name, "w"], ["y"])], {name: (kind, [None, width])}, ["y"], weights)


def classifier() -> onnx.ModelProto:
    """A linear classifier of two columns: "label" [N] of strings, "probabilities" [N, 3]."""
    node = helper.make_node(
        "LinearClassifier",
        ["features"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        coefficients=[1.0, -1.0, 0.5, 0.5, -1.0, 1.0],
        intercepts=[0.1, 0.0, -0.1],
        classlabels_strings=["no", "perhaps", "yes"],
        post_transform="SOFTMAX",
    )
    return model([node], {"features": (FLOAT, ["N", 2])}, ["label", "probabilities"])
