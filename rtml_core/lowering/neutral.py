"""Around two rewrites by which onnxruntime changes numbers (seen in 1.31.1, at the default optimisation level).

NoopElimination drops an addition of 0 and a multiplication by 1, and compares a float64 constant with 0 or 1 after rounding
it to float32: x * 1.0000000001 comes back as x. So a factor closer to 1 than 6e-8, and a summand below 7e-46, would
silently vanish. DivMulFusion makes y / x of (1 / x) * y, which differs in the last digit. Such constants go another way
here, which is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import onnx_ir as ir

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder

#: operator -> the constant that it is neutral to, and the operands in which onnxruntime looks for it
_NEUTRAL: Final = {"Add": (0.0, (0, 1)), "Sub": (0.0, (1,)), "Mul": (1.0, (0, 1)), "Div": (1.0, (1,))}


def around(b: Builder, op_type: str, inputs: Sequence[ir.Value | None]) -> ir.Value | None:
    """The result of an operation that onnxruntime would drop or rewrite though it must not; None for all others."""
    if op_type not in _NEUTRAL:
        return None
    if op_type == "Div" and inputs[1] is not None and _single(inputs[0]) == 1.0:
        return b.op("Reciprocal", inputs[1])
    neutral, positions = _NEUTRAL[op_type]
    for position in positions:
        constant, other = inputs[position], inputs[1 - position]
        value = _single(constant)
        if value is None or other is None or value == neutral or not abs(value - neutral) < 1e-6:
            continue
        if np.float32(value) != np.float32(neutral):
            continue
        minus = b.const(np.full(_dims(constant), -value), "float64")
        if op_type in ("Mul", "Div"):
            return b.op(op_type, b.op("Neg", other), minus)
        return b.op("Sum", other, constant if op_type == "Add" else minus)
    return None


def _dims(value: ir.Value | None) -> list[int]:
    return [size for size in (value.shape if value is not None and value.shape is not None else ()) if isinstance(size, int)]


def _single(value: ir.Value | None) -> float | None:
    """The number of a constant float tensor with one element. (A float32 is never closer to 0 or 1 than it looks.)"""
    if value is None or value.const_value is None or value.dtype not in (ir.DataType.DOUBLE, ir.DataType.FLOAT):
        return None
    array = value.const_value.numpy()
    return float(array.ravel()[0]) if array.size == 1 else None
