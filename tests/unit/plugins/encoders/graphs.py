"""Lowering a chain of operators over packed inputs, and what it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtml_core.assemble import assemble
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, matrix


def chain_nodes(
    steps: Sequence[Any], names: Sequence[str], dtype: str = "string", *, results: Sequence[str] | None = None
) -> list[str]:
    """Types of the ONNX nodes of fitted operators over one packed input of nullable columns; the results are packed again."""
    b = Builder()
    packed = b.input("x", dtype, len(names))
    columns = {name: Symbolic(dtype, packed, i, nullable=dtype != "int64") for i, name in enumerate(names)}
    for step in steps:
        columns = step.lower(b, columns)
    wanted = [columns[name] for name in results or columns]
    assembled = assemble(b, {"out": matrix(b, wanted, wanted[0].carrier)})
    return op_types(assembled.model)


def op_types(model: bytes) -> list[str]:
    """Operator types of a model's nodes, in order."""
    import onnx

    return [node.op_type for node in onnx.load_from_string(model).graph.node]
