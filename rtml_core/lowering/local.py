"""Custom operators of kind "function": their formula, traced once for each set of arguments into a graph of its own.

The graph becomes an ONNX model-local function when the model is assembled (assemble.functions). It takes and gives values [N, 1],
in the form that columns travel in. Rows with missing inputs are the caller's affair (lowering.custom), unless the operator sees
missing values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.custom_ops import CustomOp
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, dtype_of
from rtml_core.lowering.symbolic import Symbolic, value_of

#: operators on float64 that answer NaN where any of their inputs is NaN; others (Max, Pow, Sign) do not, or not always
_STRICT: Final = frozenset(
    ("Add", "Sub", "Mul", "Div", "Mod", "Neg", "Abs", "Sqrt", "Exp", "Log", "Sin", "Cos", "Reciprocal", "Floor", "Ceil", "Round")
)


@dataclass
class LocalFunction:
    """A traced formula: the ONNX domain and name under which it is called, the arguments that are in it as JSON, and its graph
    from `builder.inputs` to `outputs`.

    strict: for each output the inputs whose NaN makes it NaN by itself. made: the ONNX function, once it was made (assemble).
    """

    domain: str
    name: str
    arguments: str
    builder: Builder
    outputs: list[ir.Value]
    strict: list[frozenset[int]]
    made: ir.Function | None = None


def local_function(op: CustomOp, arguments: Mapping[str, Any]) -> LocalFunction:
    """Trace the body of an operator of kind "function" for these arguments.

    Raises NotLowerableError, naming the operator, for a formula that can't be traced, that refuses rows, that gives something
    else than the operator declares, or that needs code of a plugin.
    """
    b = Builder()
    columns = [
        Symbolic(
            dtype,
            b.input(f"input_{position}", carrier_of(dtype, False), 1),
            nullable=op.sees_missing and dtype not in ("bool", "int64"),
            finite=dtype not in ("float64", "float32"),
        )
        for position, dtype in enumerate(op.inputs)
    ]
    made = _traced(b, op, columns, arguments)
    if len(made) != len(op.outputs):
        raise NotLowerableError(
            f"the custom operator {op}: its formula gave {len(made)} columns, it has {len(op.outputs)} outputs"
        )
    outputs = []
    for position, (dtype, column) in enumerate(zip(op.outputs, made, strict=True)):
        outputs.append(b.alias(_declared(b, op, dtype, column, position)))
    if b.checks:
        raise NotLowerableError(
            f"the custom operator {op}: its formula refuses rows ({b.checks[0].message}), and an ONNX function can't; answer such"
            f" rows with a missing value, or declare it of kind python"
        )
    foreign = next((inner for inner in b.custom_ops.values() if not inner.portable), None)
    if foreign is not None:
        raise NotLowerableError(
            f"the custom operator {op}: its formula calls the {foreign.kind} operator {foreign}, which an ONNX function must not;"
            f" call it in compute() of an operator"
        )
    return LocalFunction(op.domain_with(arguments), op.name, op.encode(arguments), b, outputs, _strict(b, outputs))


def _traced(b: Builder, op: CustomOp, columns: Sequence[Symbolic], arguments: Mapping[str, Any]) -> list[Symbolic]:
    """What the formula gives for the columns, traced."""
    from rtml_core.lowering.formula import trace_values

    where = f"the custom operator {op} ({op.body_name})"
    function = op.function
    try:
        answer = trace_values(b, function, columns, arguments)
    except NotLowerableError as error:
        raise NotLowerableError(f"{where}: {error}") from error
    except Exception as error:  # a stranger's formula may raise anything
        raise NotLowerableError(f"{where} can't be traced: {error}") from error
    if isinstance(answer, dict):
        raise NotLowerableError(f"{where}: its formula gave an object; return the column, or a tuple of columns in order")
    return list(answer) if isinstance(answer, tuple) else [answer]


def _declared(b: Builder, op: CustomOp, dtype: str, column: Symbolic, position: int) -> ir.Value:
    """The value of an output; NotLowerableError when it is not what the operator declares."""
    where = f"the custom operator {op}: output {position} of its formula"
    if column.dtype != dtype:
        raise NotLowerableError(f"{where} is a {column.dtype} column, declared is {dtype}")
    value = value_of(b, column)
    floats = dtype in ("float64", "float32")
    if column.nullable and not floats and (dtype in ("int64", "bool") or not (op.gives_missing or op.sees_missing)):
        cure = "fill it" if dtype in ("int64", "bool") else "fill it, or declare gives_missing=True"
        raise NotLowerableError(f"{where}, a {dtype} column, may be missing where all inputs are there: {cure}")
    if dtype_of(value) != carrier_of(dtype, False):
        raise NotLowerableError(f"{where} travels as {dtype_of(value)}, and a {dtype} column as {carrier_of(dtype, False)}")
    return value


def _strict(b: Builder, outputs: Sequence[ir.Value]) -> list[frozenset[int]]:
    """For each output the inputs, all float64, whose NaN makes it NaN by itself: they need no mask around the function."""
    everything = frozenset(range(len(b.inputs)))
    known = {id(value): frozenset([position]) for position, value in enumerate(b.inputs) if dtype_of(value) == "float64"}
    for value in b.initializers:
        if value.const_value is not None and dtype_of(value) == "float64" and np.isnan(value.const_value.numpy()).all():
            known[id(value)] = everything
    for node in b.nodes:
        found = [known.get(id(value), frozenset()) for value in node.inputs]
        if node.domain or len(node.outputs) != 1 or node.outputs[0].dtype != ir.DataType.DOUBLE:
            continue
        if node.op_type in _STRICT and all(value is not None and value.dtype == ir.DataType.DOUBLE for value in node.inputs):
            known[id(node.outputs[0])] = frozenset().union(*found)
        elif node.op_type == "Where":
            known[id(node.outputs[0])] = found[1] & found[2]
        elif node.op_type == "Identity":
            known[id(node.outputs[0])] = found[0]
    return [known.get(id(value), frozenset()) for value in outputs]
