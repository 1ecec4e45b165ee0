"""case_when: the first condition that holds chooses the value."""

from __future__ import annotations

from dataclasses import replace

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import numeric
from rtml_core.lowering.blocks import Block, promote, tensor_of
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import operand_of, together
from rtml_plugins.pandas_ops.lowered.missing import choose, condition_of


def case_when(call: Call) -> list[Symbolic]:
    """case_when with a list of [condition, value]; where no condition holds, the column's own value stays.

    The values and the column meet in one dtype, whether or not a row needs it.
    """
    cases = call.get("caselist")
    if not isinstance(cases, list) or not cases or not all(isinstance(case, (list, tuple)) and len(case) == 2 for case in cases):
        raise NotLowerableError(f"argument 'caselist' must be a list of [condition, value]; got {describe(cases)}")
    conditions = [condition_of(call, condition) for condition, _ in cases]

    def step(block: Block) -> Block:
        values = [operand_of(call, value, block, "caselist") for _, value in cases]
        dtype = _common(block, values)
        result = _as(call, block, dtype)
        for condition, value in reversed(list(zip(conditions, values, strict=True))):
            holds = numeric.fill(call.b, condition, 1.0)  # pandas masks where the condition is missing, too
            result = choose(call, holds, _as(call, value, dtype), result)
        return result

    return together(call, step)


def _common(block: Block, values: list[Block]) -> str:
    dtype = block
    for value in values:
        if value.dtype != dtype.dtype:
            if "bool" in (value.dtype, dtype.dtype) or not {value.dtype, dtype.dtype} <= {"float64", "int64", "float32"}:
                raise NotLowerableError(f"values of {value.dtype} and {dtype.dtype} do not meet; give all of them one kind")
            dtype = Block(promote(replace(dtype, tensor=block.tensor), replace(value, tensor=block.tensor)))
    return dtype.dtype


def _as(call: Call, block: Block, dtype: str) -> Block:
    """The block in `dtype`, as a tensor."""
    if block.dtype == dtype and not block.is_scalar:
        return block
    if block.nullable and block.is_scalar and dtype == "bool":
        raise NotLowerableError("a missing value is no value to choose; leave the case out, or use where")
    return replace(block, dtype=dtype, tensor=tensor_of(call.b, block, replace(block, dtype=dtype).carrier), value=None)
