"""astype, and to_datetime on texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx_ir as ir

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import casting
from rtml_core.lowering.blocks import FLOATS, Block
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import together
from rtml_plugins.pandas_ops.lowered.python_only import float_text


def astype(call: Call) -> list[Symbolic]:
    """astype; a column that may be missing does not become whole numbers, and an infinite row is refused when scored."""
    call.only("dtype", "copy")
    dtype = call.get("dtype")
    if isinstance(dtype, Mapping):
        if not call.whole:
            raise NotLowerableError(
                "an object of dtypes goes by columns and is for the whole frame; leave 'cols' out, or give one dtype"
            )
        results = [
            together(call.one(n), _step(call.one(n), dtype[n])) if n in dtype else call.one(n).symbols for n in call.columns
        ]
        return [result[0] for result in results]
    return (
        [together(call.one(name), _step(call.one(name), dtype))[0] for name in call.columns]
        if _guards(call)
        else together(call, _step(call, dtype))
    )


def _guards(call: Call) -> bool:
    """Whether a column may need a row check of its own, which names it."""
    return any(not column.finite for column in call.symbols)


def _step(call: Call, dtype: Any) -> Any:
    if not isinstance(dtype, str):
        raise NotLowerableError(f"argument 'dtype' must be the name of a dtype; got {describe(dtype)}")
    name = call.columns[0]

    def guard(ok: ir.Value) -> None:
        call.b.check(ok, f"column '{name}' is infinite here, and infinity has no whole number")

    def step(block: Block) -> Block:
        wants_int = casting.DTYPE_NAMES.get(dtype) in ("int64", "int32")
        if wants_int and block.nullable and block.dtype in ("float64", "float32", "bool"):
            raise NotLowerableError(_missing_has_no_integer(call, block))
        if casting.DTYPE_NAMES.get(dtype) == "string" and block.dtype in FLOATS:
            return float_text(call, block)
        return casting.astype(call.b, block, dtype, guard)

    return step


def _missing_has_no_integer(call: Call, block: Block) -> str:
    columns = [n for n, c in zip(call.columns, call.symbols, strict=True) if c.nullable and c.dtype == block.dtype]
    name, value = columns[0], "False" if block.dtype == "bool" else "0"
    return (
        f"column '{name}' may be missing here, and a missing value has no integer. Fill it first, e.g."
        f' Pandas(import_="fillna", cols="{name}", kwargs={{"value": {value}}}, inplace=True)'
    )


def to_datetime(call: Call) -> list[Symbolic]:
    """Texts in ISO 8601, each by itself; what is no timestamp is refused when scored, or missing with errors="coerce"."""
    errors = call.get("errors", "raise")
    if errors not in ("raise", "coerce"):
        raise NotLowerableError(f'errors must be "raise" or "coerce"; got {describe(errors)}')

    call.only("errors", "utc", "cache", *(["format"] if call.get("format") == "ISO8601" else []))
    for name, column in zip(call.columns, call.symbols, strict=True):
        if column.dtype not in ("timestamp", "string"):
            raise NotLowerableError(
                f"column '{name}' is {column.dtype}, and a number does not say its unit; make it microseconds and use"
                ' astype("datetime64[us]")'
            )
    from rtml_core.lowering.dates import parse_columns

    texts = [column for column in call.symbols if column.dtype == "string"]
    read = iter(parse_columns(call.b, texts, errors) if texts else [])
    return [next(read) if column.dtype == "string" else column for column in call.symbols]
