"""A child process of test_custom_ops_host: an operator that fails in each way named on the command line, one after the other.

Prints a line for each: the way, what the failing call gave or raised, and the answer of the next call, separated by tabs.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime as ort

from rtml_core.custom_ops import CustomOp, guarding, hosting
from rtml_core.errors import RtmlError

HOW = [""]
AGAIN = np.array([["again"]], dtype=object)


def texts(*items: Any) -> Any:
    made = np.empty(len(items), dtype=object)
    made[:] = items
    return made


def deep(number: int) -> int:
    return deep(number + 1)


def interrupt() -> None:
    raise KeyboardInterrupt


ANSWERS: dict[str, Any] = {
    "exception": lambda: 1 / 0,
    "none": lambda: None,
    "list": lambda: ["a", "b"],
    "too_many": lambda: (texts("a", "b"), texts("a", "b")),
    "dtype_of_the_same_size": lambda: np.array([1.5, 2.5]),
    "shape": lambda: texts("a", "b", "c"),
    "rank": lambda: texts("a", "b").reshape(2, 1),
    "a_number_among_texts": lambda: texts("a", 3),
    "half_a_character": lambda: texts("a", "b\ud800"),
    "a_zero": lambda: texts("a", "b\0c"),
    "missing": lambda: texts("a", None),
    "the_mark": lambda: texts("a", "\ufdd0"),
    "recursion": lambda: deep(0),
    "exit": lambda: sys.exit(3),
    "interrupt": interrupt,
}


def body(column: Any, mark: str) -> Any:
    if column[0] == "again":
        return texts(mark + "fine")
    if HOW[0] == "writing":
        column[0] = "changed"
    return ANSWERS[HOW[0]]()


def numbers(column: Any) -> Any:
    if column[0] == 7:
        return column * 2.0
    return column.astype(np.int64).view(np.int64)


def model(op: CustomOp, dtype: ir.DataType, attributes: dict[str, Any]) -> bytes:
    x = ir.Value(name="x", type=ir.TensorType(dtype), shape=ir.Shape(["N", 1]))
    node = ir.node(op.name, [x], attributes, domain=op.onnx_domain, name="n")
    (y,) = node.outputs
    y.name, y.type, y.shape = "y", ir.TensorType(dtype), ir.Shape(["N", 1])
    graph = ir.Graph([x], [y], nodes=[node], opset_imports={"": 21, op.onnx_domain: 1}, name="g")
    return ir.to_proto(ir.Model(graph, ir_version=10)).SerializeToString()


def session(op: CustomOp, dtype: ir.DataType, attributes: dict[str, Any]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.register_custom_ops_library(hosting.library())
    return ort.InferenceSession(model(op, dtype, attributes), options, providers=["CPUExecutionProvider"])


def call(run: Any, array: Any) -> str:
    try:
        return str(run(["y"], {"x": array})[0].ravel().tolist())
    except (RtmlError, KeyboardInterrupt, SystemExit) as error:
        return f"{type(error).__name__}: {error}"


OP = CustomOp("bad", "body", 1, ("string",), ("string",), body, "fails", {"mark": "string"})
NUMBERS = CustomOp("bad", "numbers", 1, ("float64",), ("float64",), numbers, "numbers")
ATTRIBUTES = {"attribute_text": "{", "attribute_names": '{"marc": ""}', "attribute_type": '{"mark": 3}'}


def texts_of(op: CustomOp, arguments: str) -> Any:
    return guarding.guarded(session(op, ir.DataType.STRING, {"arguments": arguments}).run)


def fail(how: str) -> tuple[str, str]:
    HOW[0] = how
    if how == "late":
        return late()
    if how == "number":
        run = guarding.guarded(session(NUMBERS, ir.DataType.DOUBLE, {"arguments": "{}"}).run)
        return call(run, np.array([[1.0]])), call(run, np.array([[7.0]]))
    good = texts_of(OP, '{"mark": ""}')
    if how in ATTRIBUTES:
        return call(texts_of(OP, ATTRIBUTES[how]), AGAIN), call(good, AGAIN)
    return call(good, np.array([["x"], ["y"]], dtype=object)), call(good, AGAIN)


def late() -> tuple[str, str]:
    """Operators declared while sessions are open: each in a domain of its own."""
    runs = []
    for version in range(2, 42):
        op = CustomOp("bad", "body", version, ("string",), ("string",), body, "fails", {"mark": "string"})
        hosting.declare([op])
        runs.append(texts_of(op, f'{{"mark": "{version}"}}'))
    return str([call(run, AGAIN) for run in runs] == [f"['{version}fine']" for version in range(2, 42)]), call(runs[0], AGAIN)


hosting.declare([OP, NUMBERS])
for one in sys.argv[1:]:
    print(one, *fail(one), sep="\t", flush=True)
