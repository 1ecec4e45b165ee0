"""Statistics over the columns of one row: sum, mean, prod, min, max, any, all, count, the place of the extreme.

Floats are added and multiplied from the first column to the last: in floating point the order is part of the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import FLOATS, NUMBERS, Block, block_of, promote
from rtml_core.lowering.builder import Builder, width_of
from rtml_core.lowering.compare import invert, isna
from rtml_core.lowering.symbolic import Symbolic, integer_extreme, matrix, new, where

_LOWEST: Final = {"max": -math.inf, "min": math.inf}


def total(b: Builder, columns: Sequence[Symbolic], *, skipna: bool = True) -> Symbolic:
    """The sum of each row: int64 for whole numbers (wrapping) and for booleans, else float64; all missing gives 0."""
    dtype = _one_dtype(columns)
    if dtype in ("int64", "bool"):
        ones = b.const([[1]] * len(columns), "int64")
        return new("int64", b.op("MatMul", b.cast(matrix(b, columns, dtype), "int64"), ones, width=1))
    values = matrix(b, columns, dtype)
    gone = _gone(columns)
    if gone and skipna:
        values = where(b, b.op("IsNaN", values, dtype="bool"), b.const([[0.0]], dtype), values)
    return new(dtype, _in_order(b, values, _add), nullable=_may_be_nan(columns, gone and not skipna), finite=False)


def mean(b: Builder, columns: Sequence[Symbolic], *, skipna: bool = True) -> Symbolic:
    """The mean of each row in float64, missing where all values are."""
    dtype = _one_dtype(columns)
    if dtype in ("int64", "bool"):
        parts = b.cast(matrix(b, columns, dtype), "float64")
        return new("float64", b.op("Div", _in_order(b, parts, _add), b.const([[float(len(columns))]], "float64")))
    added = total(b, columns, skipna=skipna)
    gone = _gone(columns) and skipna
    if gone:
        there = b.cast(b.op("Not", b.op("IsNaN", matrix(b, columns, dtype), dtype="bool")), dtype)
        number = b.op("MatMul", there, b.const([[1.0]] * len(columns), dtype), width=1)
    else:
        number = b.const([[float(len(columns))]], dtype)
    return new(dtype, b.op("Div", added.tensor, number), nullable=added.nullable or gone, finite=False)


def product(b: Builder, columns: Sequence[Symbolic], *, skipna: bool = True) -> Symbolic:
    """The product of each row: int64 for whole numbers (wrapping) and for booleans, else float64; all missing gives 1."""
    dtype = _one_dtype(columns)
    if dtype in ("int64", "bool"):
        return new("int64", _in_order(b, b.cast(matrix(b, columns, dtype), "int64"), _multiply))
    values = matrix(b, columns, dtype)
    gone = _gone(columns)
    if gone and skipna:
        values = where(b, b.op("IsNaN", values, dtype="bool"), b.const([[1.0]], dtype), values)
    # a product of finite numbers may become infinite on its way, and infinity times 0 is missing
    return new(dtype, _in_order(b, values, _multiply), nullable=True, finite=False)


def extreme(b: Builder, columns: Sequence[Symbolic], name: str, *, skipna: bool = True) -> Symbolic:
    """The largest ("max") or smallest ("min") value of each row, in the columns' common dtype; missing where all are."""
    dtype = _one_dtype(columns, narrow=True)
    if dtype == "bool":
        raise NotLowerableError(f"'{name}' of booleans is any or all: use {'any' if name == 'max' else 'all'}")
    values = matrix(b, columns, dtype)
    if dtype == "int64":
        return new("int64", _halved(b, values, "Less" if name == "max" else "Greater"))
    gone = b.op("IsNaN", values, dtype="bool") if _gone(columns) else None
    filled = values if gone is None else where(b, gone, b.const([[_LOWEST[name]]], dtype), values)
    result = b.op(f"Reduce{name.capitalize()}", filled, b.const([1], "int64"), width=1, keepdims=1)
    if gone is None:
        return new(dtype, result, finite=all(column.finite for column in columns))
    missing = _any(b, gone) if not skipna else _all(b, gone)
    finite = all(column.finite for column in columns)
    return new(dtype, where(b, missing, b.const([[math.nan]], dtype), result), nullable=True, finite=finite)


def place(b: Builder, columns: Sequence[Symbolic], name: str, refuse: Callable[[ir.Value], None]) -> ir.Value:
    """int64 [N, 1]: the first column that holds the row's largest ("max") or smallest ("min") value.

    refuse: told where a row may stay (bool [N, 1]); one of missing values only has no such column.
    """
    dtype = _one_dtype(columns)
    if dtype != "float64":
        raise NotLowerableError("needs float64 columns; cast them first")
    values = matrix(b, columns, dtype)
    if _gone(columns):
        gone = b.op("IsNaN", values, dtype="bool")
        refuse(b.op("Not", _all(b, gone)))
        values = where(b, gone, b.const([[_LOWEST[name]]], dtype), values)
    return b.op(f"Arg{name.capitalize()}", values, dtype="int64", width=1, axis=1, keepdims=1)


def truth(b: Builder, columns: Sequence[Symbolic], name: str, *, skipna: bool = True) -> Symbolic:
    """bool: whether any, or all, values of a row are true or not 0. A missing one is left out, or counts as true."""
    dtype = _one_dtype(columns, narrow=True)
    values = matrix(b, columns, dtype)
    if dtype == "bool":
        return new("bool", (_any if name == "any" else _all)(b, values))
    true = b.op("Not", b.op("Equal", values, b.const([[0]], dtype), dtype="bool"))
    if _gone(columns) and skipna:
        gone = b.op("IsNaN", values, dtype="bool")
        true = b.op("And", true, b.op("Not", gone)) if name == "any" else b.op("Or", true, gone)
    return new("bool", (_any if name == "any" else _all)(b, true))


def count(b: Builder, columns: Sequence[Symbolic]) -> Symbolic:
    """int64: how many values of each row are there; the columns may be of any dtypes."""
    groups: dict[tuple[str, bool], list[Symbolic]] = {}
    for column in columns:
        groups.setdefault((column.dtype, column.nullable), []).append(column)
    masks = [invert(b, isna(b, block_of(b, members))).tensor for members in groups.values()]
    there = b.cast(b.concat([mask for mask in masks if mask is not None]), "int64")
    return new("int64", b.op("MatMul", there, b.const([[1]] * len(columns), "int64"), width=1))


# ---- pieces ---------------------------------------------------------------------------------------------------------


def _one_dtype(columns: Sequence[Symbolic], *, narrow: bool = False) -> str:
    """The dtype in which the columns meet. Booleans meet no numbers here, and float32 nothing that is added up."""
    if not columns:
        raise NotLowerableError("needs at least one column")
    for column in columns:
        if column.dtype not in NUMBERS:
            raise NotLowerableError(f"needs numbers; one of the columns is {column.dtype}. Name those that are numbers in 'cols'")
        if column.dtype == "bool" and column.nullable:
            raise NotLowerableError("needs numbers; one of the columns is a boolean that may be missing. Fill it first")
    dtypes = {column.dtype for column in columns}
    if "bool" in dtypes and len(dtypes) > 1:
        raise NotLowerableError("booleans and numbers side by side are objects in pandas; cast the booleans to int64 first")
    if "float32" in dtypes and not (narrow and len(dtypes) == 1):
        raise NotLowerableError("float32 columns lose digits on the way; cast them to float64 first")
    dtype = Block(columns[0].dtype)
    for column in columns[1:]:
        dtype = Block(promote(Block(dtype.dtype, columns[0].tensor), Block(column.dtype, column.tensor)))
    return dtype.dtype


def _gone(columns: Sequence[Symbolic]) -> bool:
    return any(column.nullable for column in columns)


def _may_be_nan(columns: Sequence[Symbolic], gone: bool) -> bool:
    """Whether a sum may be missing: infinity minus infinity is."""
    return gone or not all(column.finite for column in columns) or any(column.dtype in FLOATS for column in columns)


def _in_order(b: Builder, values: ir.Value, step: Callable[[Builder, Sequence[ir.Value]], ir.Value]) -> ir.Value:
    """The columns of [N, k] combined from the first to the last, [N, 1]."""
    width = width_of(values)
    return step(b, [b.take(values, [position]) for position in range(width)]) if width > 1 else values


def _add(b: Builder, parts: Sequence[ir.Value]) -> ir.Value:
    """onnxruntime's Sum adds its inputs one after the other."""
    return b.op("Sum", *parts, width=1)


def _multiply(b: Builder, parts: Sequence[ir.Value]) -> ir.Value:
    result = parts[0]
    for part in parts[1:]:
        result = b.op("Mul", result, part)
    return result


def _halved(b: Builder, values: ir.Value, replaced: str) -> ir.Value:
    """The extreme of whole numbers, half against half: see integer_extreme."""
    width = width_of(values)
    while width > 1:
        half = width // 2
        kept = b.take(values, range(half))
        made = integer_extreme(b, replaced, kept, b.take(values, range(half, 2 * half)))
        values = b.concat([made, b.take(values, [width - 1])]) if width % 2 else made
        width = width_of(values)
    return values


def _any(b: Builder, mask: ir.Value) -> ir.Value:
    return b.op("ReduceMax", mask, b.const([1], "int64"), width=1, keepdims=1) if width_of(mask) > 1 else mask


def _all(b: Builder, mask: ir.Value) -> ir.Value:
    return b.op("ReduceMin", mask, b.const([1], "int64"), width=1, keepdims=1) if width_of(mask) > 1 else mask
