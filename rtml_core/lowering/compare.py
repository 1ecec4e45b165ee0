"""Comparisons, logic and tests for missing values on blocks, equal to pandas on canonical frames.

A missing number, string or time compares unequal to everything; a boolean that may be missing stays missing.
"""

from __future__ import annotations

import math
from typing import Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import FLOATS, TIMES, Block, missing, promote, propagate, tensor_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where

_OPS: Final = {"eq": "Equal", "ne": "Equal", "lt": "Less", "le": "LessOrEqual", "gt": "Greater", "ge": "GreaterOrEqual"}
COMPARISONS: Final = tuple(_OPS)


def compare(b: Builder, name: str, one: Block, two: Block) -> Block:
    """one <name> two for eq, ne, lt, le, gt, ge; a boolean block."""
    kinds = {_kind(one), _kind(two)}
    if len(kinds) > 1:
        raise NotLowerableError(f"a {one.dtype} and a {two.dtype} can't be compared; give both one kind first, e.g. by astype")
    if kinds == {"string"}:
        result = _strings(b, name, one, two)
    elif kinds == {"number"}:
        return _numbers(b, name, one, two)
    else:
        result = _times(b, name, one, two)
    return Block("bool", b.op("Not", result) if name == "ne" else result)


def _kind(block: Block) -> str:
    return block.dtype if block.dtype == "string" or block.dtype in TIMES else "number"


def _numbers(b: Builder, name: str, one: Block, two: Block) -> Block:
    dtype = promote(one, two)
    masked = [x for x in (one, two) if x.dtype == "bool" and x.nullable]
    if dtype == "bool":
        dtype = "float64" if masked else "bool" if name in ("eq", "ne") else "int64"
    tensor = b.op(_OPS[name], tensor_of(b, one, dtype), tensor_of(b, two, dtype), dtype="bool")
    if name == "ne":
        tensor = b.op("Not", tensor)
    if not masked:
        return Block("bool", tensor)
    return Block("bool", propagate(b, b.cast(tensor, "float64"), "float64", *masked), nullable=True)


def _strings(b: Builder, name: str, one: Block, two: Block) -> ir.Value:
    if name not in ("eq", "ne"):
        raise NotLowerableError("ONNX has no order of strings; compare with == and !=, or map the strings to numbers first")
    equal = b.op("Equal", tensor_of(b, one, "string"), tensor_of(b, two, "string"), dtype="bool")
    return _and_there(b, equal, one) if one.nullable and two.nullable else equal


def _times(b: Builder, name: str, one: Block, two: Block) -> ir.Value:
    """NaT travels as the smallest number, which must neither be equal to itself nor less than the others."""
    tensor = b.op(_OPS[name], tensor_of(b, one, "int64"), tensor_of(b, two, "int64"), dtype="bool")
    if name in ("eq", "ne"):
        return _and_there(b, tensor, one) if one.nullable and two.nullable else tensor
    return _and_there(b, tensor, one if name in ("lt", "le") else two)


def _and_there(b: Builder, result: ir.Value, block: Block) -> ir.Value:
    if not block.nullable:
        return result
    if block.is_scalar:
        return b.op("And", result, b.const([[False]], "bool"))
    return b.op("And", result, b.op("Not", missing(b, block)))


def logical(b: Builder, name: str, one: Block, two: Block) -> Block:
    """one and/or/xor two on booleans; with missing values as pandas has it (Kleene): False and missing is False."""
    for block in (one, two):
        if block.dtype != "bool":
            raise NotLowerableError(
                f"'{name}' needs booleans; got {_article(block.dtype)}. Compare it with something first, e.g. x > 0"
            )
    if one.is_scalar and two.is_scalar:
        value = {"and": one.value and two.value, "or": one.value or two.value, "xor": one.value != two.value}[name]
        return Block("bool", value=value)
    if not (one.nullable or two.nullable):
        return Block("bool", b.op(name.capitalize(), tensor_of(b, one, "bool"), tensor_of(b, two, "bool")))
    x, y = tensor_of(b, one, "float64"), tensor_of(b, two, "float64")
    if name == "xor":
        return Block("bool", b.op("Abs", b.op("Sub", x, y)), nullable=True)
    # the value that decides alone: 0 for and, 1 for or; elsewhere the product is 0, 1 or NaN as it should be
    decisive = b.const([[0.0 if name == "and" else 1.0]], "float64")
    decided = b.op("Or", b.op("Equal", x, decisive, dtype="bool"), b.op("Equal", y, decisive, dtype="bool"))
    return Block("bool", where(b, decided, decisive, b.op("Mul", x, y)), nullable=True)


def _article(dtype: str) -> str:
    return f"an {dtype}" if dtype[0] in "aeiou" else f"a {dtype}"


def invert(b: Builder, block: Block) -> Block:
    """not block; missing stays missing."""
    if block.dtype != "bool":
        raise NotLowerableError(f"'not' needs booleans; got {_article(block.dtype)}. Compare it with something first, e.g. x > 0")
    if block.is_scalar:
        return Block("bool", value=not block.value)
    assert block.tensor is not None
    if block.nullable:
        return Block("bool", b.op("Sub", b.const([[1.0]], "float64"), block.tensor), nullable=True)
    return Block("bool", b.op("Not", block.tensor))


def isna(b: Builder, block: Block) -> Block:
    """Where the block is missing; a block that can't be is tested too, at the price of one node."""
    if block.is_scalar:
        return Block("bool", value=block.value is None or (isinstance(block.value, float) and math.isnan(block.value)))
    assert block.tensor is not None
    if block.nullable or block.dtype in FLOATS:
        return Block("bool", missing(b, block))
    if block.dtype == "bool":
        return Block("bool", b.op("Xor", block.tensor, block.tensor))
    if block.dtype == "string":
        return Block("bool", b.op("Equal", block.tensor, b.const([[MISSING_STRING]], "string"), dtype="bool"))
    return Block("bool", b.op("Less", block.tensor, b.const([[MISSING_TIME]], "int64"), dtype="bool"))
