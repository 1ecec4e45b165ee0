"""Blocks: columns of one dtype side by side, or a Python scalar, as operands of the numeric lowerings.

A step on several columns of one dtype is one ONNX operation on [N, k]. Promotion follows numpy 2 and pandas: a Python
scalar is weak (float32 column + 0.1 stays float32), whole numbers meet float32 in float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.builder import Builder, width_of
from rtml_core.lowering.symbolic import Symbolic, mask_of, matrix, missing_of, unpack, where

FLOATS: Final = ("float64", "float32")
TIMES: Final = ("timestamp", "timedelta")
NUMBERS: Final = ("float64", "float32", "int64", "bool")
_INT_RANGE: Final = (-(2**63), 2**63 - 1)
_FLOAT32_MAX: Final = 3.4028234663852886e38


@dataclass(frozen=True)
class Block:
    """k columns of one dtype as a tensor [N, k] of its carrier; or, with `tensor` None, the scalar `value`.

    `nullable`: a value may be missing; `finite`: none is infinite (floats).
    """

    dtype: str
    tensor: ir.Value | None = None
    nullable: bool = False
    finite: bool = True
    value: Any = None

    @property
    def is_scalar(self) -> bool:
        return self.tensor is None

    @property
    def carrier(self) -> str:
        """Tensor element type in which the block travels."""
        return carrier_of(self.dtype, self.nullable)

    @property
    def width(self) -> int:
        """Number of columns; 1 for a scalar."""
        return 1 if self.tensor is None else width_of(self.tensor)


def block_of(b: Builder, columns: Sequence[Symbolic]) -> Block:
    """Columns of one dtype and nullability as one block."""
    first = columns[0]
    tensor = matrix(b, columns, first.carrier)
    return Block(first.dtype, tensor, any(c.nullable for c in columns), all(c.finite for c in columns))


def symbols(block: Block) -> list[Symbolic]:
    """The columns of a block as symbolic columns."""
    if block.tensor is None:
        raise NotLowerableError("the result is a constant; use assign to make a column of it")
    return unpack(block.tensor, block.dtype, nullable=block.nullable, finite=block.finite)


def scalar(value: Any) -> Block:
    """A Python number or boolean as an operand. Raises NotLowerableError for what has no carrier."""
    if isinstance(value, bool):
        return Block("bool", value=value)
    if isinstance(value, int):
        if not _INT_RANGE[0] <= value <= _INT_RANGE[1]:
            raise NotLowerableError(f"the number {value} does not fit into int64; write it as a float, {value}.0")
        return Block("int64", value=value)
    if isinstance(value, float):
        return Block("float64", value=value, nullable=math.isnan(value), finite=not math.isinf(value))
    raise NotLowerableError(f"a number or a boolean is needed here; got {describe(value)}")


def time_scalar(dtype: str, microseconds: int) -> Block:
    """A timestamp or timedelta constant, in microseconds."""
    return Block(dtype, value=microseconds, nullable=microseconds == missing_of("int64"))


def tensor_of(b: Builder, block: Block, carrier: str) -> ir.Value:
    """The block as a tensor of element type `carrier` (a scalar as [1, 1])."""
    if block.tensor is not None:
        return b.cast(block.tensor, carrier)
    value: Any = block.value
    if carrier == "int64":
        value = int(value)
    if carrier == "float32" and _FLOAT32_MAX < abs(value) < math.inf:
        raise NotLowerableError(f"the number {value} is beyond float32; cast the column to float64 first")
    return b.const([[value]], carrier)


def missing(b: Builder, block: Block) -> ir.Value:
    """bool [N, k]: where a nullable block is missing."""
    assert block.tensor is not None
    return mask_of(b, block.tensor, block.carrier)


def propagate(b: Builder, result: ir.Value, carrier: str, *operands: Block) -> ir.Value:
    """`result`, missing where one of the nullable operands is."""
    masks = [missing(b, operand) for operand in operands if operand.nullable and not operand.is_scalar]
    if not masks:
        return result
    mask = masks[0]
    for other in masks[1:]:
        mask = b.op("Or", mask, other)
    return where(b, mask, b.const([[missing_of(carrier)]], carrier), result)


def promote(one: Block, two: Block) -> str:
    """The dtype in which two numeric or boolean operands meet, as numpy 2 has it.

    A boolean that may be missing meets whole numbers in float64, which is where a masked result ends up.
    """
    dtypes = {one.dtype, two.dtype}
    for operand in (one, two):
        if operand.dtype not in NUMBERS:
            raise NotLowerableError(f"needs numbers; got a {operand.dtype} column")
    if dtypes == {"bool"}:
        return "bool"
    masked = any(operand.dtype == "bool" and operand.nullable for operand in (one, two))
    if "float32" in dtypes:
        return _promote_float32(one, two, masked)
    return "float64" if "float64" in dtypes or masked else "int64"


def _promote_float32(one: Block, two: Block, masked: bool) -> str:
    if masked:
        raise NotLowerableError(
            "a boolean that may be missing and a float32 column do not mix exactly; cast one to float64 first"
        )
    narrow = all(operand.dtype in ("float32", "bool") or operand.is_scalar for operand in (one, two))
    return "float32" if narrow else "float64"
