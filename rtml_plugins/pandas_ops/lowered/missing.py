"""Missing values: fillna, isna, notna, combine_first, and where and mask, which make them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import ColumnError, NotLowerableError, RtmlError, describe
from rtml_core.lowering import compare, numeric
from rtml_core.lowering.blocks import FLOATS, Block, block_of, promote, tensor_of
from rtml_core.lowering.expressions import ExpressionLowering, parse
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, lookup, missing_of, where
from rtml_plugins.pandas_ops.arguments import column_named, is_column_reference
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import constant, operand_of, together


def fillna(call: Call) -> list[Symbolic]:
    """fillna with a value, another column, or (for the whole frame) an object of columns and values."""
    call.only("value")
    value = call.get("value")
    if isinstance(value, Mapping) and not is_column_reference(value):
        if not call.whole:
            raise NotLowerableError(
                "an object of values goes by columns and is for the whole frame; leave 'cols' out, or give one value"
            )
        return [_fill_one(call.one(name), value[name]) if name in value else call.frame[name] for name in call.columns]
    texts = [name for name, column in zip(call.columns, call.symbols, strict=True) if column.dtype == "string"]
    if not texts or column_named(value, call.frame, "string") is not None:
        return _fill_together(call, value)
    filled = {name: _fill_one(call.one(name), value) for name in texts}
    others = [name for name in call.columns if name not in filled]
    if others:
        filled.update(zip(others, _fill_together(replace(call, columns=others), value), strict=True))
    return [filled[name] for name in call.columns]


def _fill_one(call: Call, value: Any) -> Symbolic:
    """One column; text goes through a lookup, so that a following map or replace is the same lookup."""
    (name,), (column,) = call.columns, call.symbols
    if column.dtype != "string" or column_named(value, call.frame, "string") is not None:
        return _fill_together(call, value)[0]
    if not column.nullable or _is_missing(value):
        return column
    if not isinstance(value, str):
        raise NotLowerableError(
            f"column '{name}': {describe(value)} in a string column makes it neither text nor number; fill it with text"
        )
    kinds = column.categories
    if kinds is not None and value not in kinds:
        kinds = (*kinds, value)
    return lookup(call.b, column, {MISSING_STRING: value}, IDENTITY, "string", nullable=False, categories=kinds)


def _fill_together(call: Call, value: Any) -> list[Symbolic]:
    return together(call, lambda block: _fill_block(call, block, value))


def _fill_block(call: Call, block: Block, value: Any) -> Block:
    column = column_named(value, call.frame, block.dtype)
    if not block.nullable or _is_missing(value):
        return block
    if column is not None:
        return choose(call, compare.isna(call.b, block), operand_of(call, value, block, "value"), block)
    return numeric.fill(call.b, block, fill_value(value, block.dtype))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def fill_value(value: Any, dtype: str) -> Any:
    """A constant that may stand in a column of `dtype`, in carrier form."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if dtype in FLOATS and number:
        return float(value)
    if dtype == "bool" and isinstance(value, bool):
        return float(value)
    if dtype in ("timestamp", "timedelta"):
        made = constant(value, dtype)
        if made.dtype == dtype:
            return made.value
    raise NotLowerableError(f"{describe(value)} does not fit a {dtype} column; use a value of its own kind")


def isna(call: Call) -> list[Symbolic]:
    """isna, isnull"""
    return together(call, lambda block: compare.isna(call.b, block))


def notna(call: Call) -> list[Symbolic]:
    """notna, notnull"""
    return together(call, lambda block: compare.invert(call.b, compare.isna(call.b, block)))


def combine_first(call: Call) -> list[Symbolic]:
    """The column, and another column's value where it is missing."""
    if call.whole:
        raise NotLowerableError("name the columns in 'cols': 'other' is one column, not a frame of them")
    other = call.get("other")

    def step(block: Block) -> Block:
        name = column_named(other, call.frame, "")
        if name is None:
            raise NotLowerableError("argument 'other' must be a column; for a constant use fillna")
        return choose(call, compare.isna(call.b, block), block_of(call.b, [call.frame[name]]), block) if block.nullable else block

    return together(call, step)


def where_or_mask(call: Call) -> list[Symbolic]:
    """where keeps a value where the condition is true, mask where it is false; a missing condition keeps in neither."""
    call.only("cond", "other")
    if call.whole:
        raise NotLowerableError("name the columns in 'cols': the condition is one column, not a frame of them")
    condition = condition_of(call, call.get("cond"))
    swapped = call.name == "mask" and not condition.nullable
    if call.name == "mask" and not swapped:
        condition = compare.invert(call.b, condition)
    keep = numeric.fill(call.b, condition, 0.0)
    other = call.arguments.get("other")

    def step(block: Block) -> Block:
        replacement = None if _is_missing(other) else operand_of(call, other, block, "other")
        return choose(call, keep, block, replacement, swapped=swapped)

    return together(call, step)


def condition_of(call: Call, text: Any) -> Block:
    """A condition as a boolean block [N, 1]; a column's own name is one too."""
    if not isinstance(text, str):
        raise NotLowerableError(
            f'the condition must be an expression such as "age > 18", or a column\'s name; got {describe(text)}'
        )
    try:
        if text in call.frame:
            block = block_of(call.b, [call.frame[text]])
        else:
            statement = parse(text)[0]
            block = ExpressionLowering(call.b, call.frame, constant).lower(statement.tree)
    except ColumnError:
        raise
    except RtmlError as error:
        raise NotLowerableError(f"the condition '{text}' can't be compiled: {error}") from error
    if block.dtype != "bool" or block.is_scalar:
        raise NotLowerableError(f"the condition '{text}' must be true or false in every row; it gives {block.dtype} values")
    return block


def choose(call: Call, keep: Block, yes: Block, no: Block | None, *, swapped: bool = False) -> Block:
    """`yes` where keep is true, else `no`, or missing when `no` is None; dtypes meet as in pandas' where.

    swapped: the other way round, `no` where keep is true.
    """
    b = call.b
    dtype = _meeting(yes, no)
    nullable = no is None or yes.nullable or no.nullable
    result = Block(dtype, None, nullable, yes.finite and (no is None or no.finite))
    carrier = result.carrier
    other = b.const([[missing_of(carrier)]], carrier) if no is None else tensor_of(b, no, carrier)
    pair = (tensor_of(b, yes, carrier), other)
    return replace(result, tensor=where(b, tensor_of(b, keep, "bool"), *(reversed(pair) if swapped else pair)))


def _meeting(yes: Block, no: Block | None) -> str:
    if no is None:
        return "float64" if yes.dtype == "int64" else yes.dtype
    if yes.dtype == no.dtype and not no.is_scalar:
        return yes.dtype
    mixed = yes.dtype != no.dtype and ("bool" in (yes.dtype, no.dtype) or no.dtype not in ("int64", *FLOATS))
    if mixed or yes.dtype not in ("bool", "int64", *FLOATS):
        if yes.dtype == no.dtype:
            return yes.dtype
        raise NotLowerableError(f"{_shown(no)} does not fit a {yes.dtype} column; use a value of its own kind")
    if no.is_scalar and yes.dtype == "int64" and isinstance(no.value, float):
        if abs(no.value) >= 2**63 and no.value.is_integer():
            raise NotLowerableError(
                f"pandas puts no {describe(no.value)} into an int64 column; make the column float64 first, with astype"
            )
        return "int64" if no.value.is_integer() else "float64"
    return promote(yes, no)


def _shown(block: Block) -> str:
    return describe(block.value) if block.is_scalar else f"a {block.dtype} column"
