"""Conversions between dtypes, equal to pandas' astype on canonical frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError, close_match, listing
from rtml_core.lowering.blocks import FLOATS, TIMES, Block, missing, tensor_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where

#: names of dtypes as pandas takes them -> what a canonical frame makes of them
DTYPE_NAMES: Final = {
    "int64": "int64", "int": "int64", "i8": "int64", "int32": "int32", "Int64": "Int64",
    "float64": "float64", "float": "float64", "f8": "float64", "Float64": "float64", "double": "float64",
    "float32": "float32", "f4": "float32",
    "bool": "bool", "boolean": "boolean",
    "str": "string", "string": "string",
    "object": "same", "O": "same", "category": "same",
    "datetime64[us]": "timestamp", "datetime64[ns]": "timestamp", "timedelta64[us]": "timedelta",
}  # fmt: skip
#: told which rows (bool [N, k]) may stay; the others have no value in the wanted dtype
Guard = Callable[[ir.Value], None]


def astype(b: Builder, block: Block, dtype: str, guard: Guard) -> Block:
    """The block as `dtype` (a name pandas takes). Rows without a value there are refused by `guard` when scored.

    Raises NotLowerableError where missing values, or the text form of floats and times, have no exact answer.
    """
    target = DTYPE_NAMES.get(dtype)
    if target is None:
        raise NotLowerableError(
            f"dtype '{dtype}' is not available.{close_match(dtype, DTYPE_NAMES)} Available are: {listing(DTYPE_NAMES)}"
        )
    if target in ("same", block.dtype):
        return _same(block, target)
    if target == "bool":
        return _to_bool(b, block)
    if target == "boolean":
        return _to_boolean(block)
    if target == "string":
        return _to_string(b, block)
    if target in FLOATS:
        return _to_float(b, block, target)
    if target in ("int64", "int32", "Int64"):
        return _to_int(b, block, target, guard)
    if dtype == "datetime64[us]" and block.dtype == "int64":
        return Block("timestamp", block.tensor, nullable=True)  # the smallest int64 is NaT
    cure = "use to_datetime" if block.dtype == "string" and target == "timestamp" else "make it from strings with to_datetime"
    raise NotLowerableError(f"a {block.dtype} column does not become a {target} by astype; {cure}")


def _same(block: Block, target: str) -> Block:
    if block.dtype == "bool" and block.nullable and target == "bool":
        raise NotLowerableError("the column may be missing here, and a missing value is neither true nor false; fill it first")
    return block


def _to_float(b: Builder, block: Block, target: str) -> Block:
    if block.dtype in TIMES:
        raise NotLowerableError(f"a {block.dtype} has no float form in pandas; take dt.total_seconds, or a part such as dt.hour")
    if block.dtype == "string":
        raise NotLowerableError("text becomes numbers only where every row holds one; map the strings to numbers instead")
    # a large float64 may overflow in float32
    finite = block.finite and not (target == "float32" and block.dtype == "float64")
    return Block(target, tensor_of(b, block, target), block.nullable, finite)


def _to_int(b: Builder, block: Block, target: str, guard: Guard) -> Block:
    if block.dtype == "string":
        raise NotLowerableError("text becomes whole numbers only where every row holds one; map the strings to numbers instead")
    if target == "Int64":
        return _to_nullable_int(b, block)
    if block.dtype in TIMES:
        if target == "int32":
            raise NotLowerableError("microseconds do not fit into int32; cast to int64")
        return Block("int64", block.tensor)
    if block.nullable:
        raise NotLowerableError("the column may be missing here, and a missing value has no integer; fill it first")
    if target == "int32":
        if block.dtype in FLOATS:
            raise NotLowerableError("floats beyond int32 have no defined form there; cast to int64")
        return Block("int64", b.cast(b.cast(tensor_of(b, block, "int64"), "int32"), "int64"))
    if not block.finite:
        guard(b.op("Not", b.op("IsInf", tensor_of(b, block, block.carrier), dtype="bool")))
    return Block("int64", tensor_of(b, block, "int64"))


def _to_nullable_int(b: Builder, block: Block) -> Block:
    """pandas' Int64, which a canonical frame keeps as int64, or as float64 when a value is missing."""
    if block.dtype in (*FLOATS, *TIMES):
        raise NotLowerableError(
            "Int64 takes whole numbers only and fails on others; round and fill the column, then cast to int64"
        )
    return Block(
        "float64" if block.nullable else "int64", tensor_of(b, block, "float64" if block.nullable else "int64"), block.nullable
    )


def _to_bool(b: Builder, block: Block) -> Block:
    """Not 0 and not empty; a missing float or string counts as true, as in pandas."""
    if block.dtype == "bool":
        return _same(block, "bool")
    if block.dtype in TIMES:
        raise NotLowerableError("a time is not a boolean; compare it with something")
    if block.dtype == "string":
        empty = b.op("Equal", tensor_of(b, block, "string"), b.const([[""]], "string"), dtype="bool")
        return Block("bool", b.op("Not", empty))
    return Block("bool", tensor_of(b, block, "bool"))


def _to_boolean(block: Block) -> Block:
    if block.dtype != "bool":
        raise NotLowerableError(
            "boolean takes booleans only and fails on other numbers; compare the column with something, e.g. ne 0"
        )
    return block


def _to_string(b: Builder, block: Block) -> Block:
    if block.dtype in FLOATS:
        raise NotLowerableError("ONNX writes floats differently from Python; cast to int64 first, or keep the number")
    if block.dtype in TIMES:
        raise NotLowerableError("ONNX has no text form of times; take the parts you need, e.g. dt.year, and cast those")
    if block.dtype == "int64":
        return Block("string", tensor_of(b, block, "string"))
    truth = tensor_of(b, replace(block, nullable=False), "bool")
    text = where(b, truth, b.const([["True"]], "string"), b.const([["False"]], "string"))
    if block.nullable:
        text = where(b, missing(b, block), b.const([[MISSING_STRING]], "string"), text)
    return Block("string", text, block.nullable)
