"""Floor division and modulo with Python's signs, as numpy and pandas compute them.

onnxruntime's integer Div truncates, and its division of the smallest int64 by -1 ends the process: no node here may ever
divide by 0 or by -1.

By 0, pandas has two answers for whole numbers, a column by a column: the operators (a // b, eval) give an infinite or
missing float64; the methods (a.floordiv(b)) give numpy's 0. `numpy_zero` says which is wanted.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block, promote, tensor_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where


def floordiv(b: Builder, one: Block, two: Block, *, numpy_zero: bool = False) -> Block:
    """one // two. By 0: infinite, or missing for 0 // 0. Whole numbers by a column give float64, unless `numpy_zero`."""
    dtype = _dtype(one, two)
    if dtype == "int64":
        return _int_floordiv(b, one, two, numpy_zero)
    x, y = tensor_of(b, one, dtype), tensor_of(b, two, dtype)
    if two.is_scalar and (two.value == 0 or math.isnan(two.value)):
        return Block(dtype, b.op("Div", x, y), True, False)
    tensor = _float_floordiv(b, x, y, two.value if two.is_scalar else None, dtype)
    if not two.is_scalar:
        zero = b.op("Equal", y, b.const([[0.0]], dtype), dtype="bool")
        return Block(dtype, where(b, zero, b.op("Div", x, y), tensor), True, False)
    return Block(dtype, tensor, one.nullable or not one.finite, one.finite and abs(two.value) >= 1)


def mod(b: Builder, one: Block, two: Block, *, numpy_zero: bool = False) -> Block:
    """one % two, with the sign of `two`. By 0: missing. Whole numbers by a column give float64, unless `numpy_zero`."""
    dtype = _dtype(one, two)
    if dtype == "int64":
        return _int_mod(b, one, two, numpy_zero)
    x, y = tensor_of(b, one, dtype), tensor_of(b, two, dtype)
    rest = b.op("Mod", x, y, fmod=1)
    zero = b.const([[0.0]], dtype)
    # adding +0.0 makes of -0.0 the +0.0 that numpy gives
    tensor = b.op("Add", rest, where(b, _signs_differ(b, rest, y, two.value if two.is_scalar else None, dtype), y, zero))
    plain = two.is_scalar and two.value != 0 and two.finite and not two.nullable
    return Block(dtype, tensor, one.nullable or not (plain and one.finite), two.finite)


def _dtype(one: Block, two: Block) -> str:
    if "bool" in (one.dtype, two.dtype):
        raise NotLowerableError(
            "floor division and modulo of booleans give 8-bit numbers in pandas; cast to int64 or float64 first"
        )
    return promote(one, two)


def _signs_differ(b: Builder, rest: ir.Value, y: ir.Value, constant: float | None, dtype: str) -> ir.Value:
    """bool: where the remainder `rest` is not 0 and has another sign than the divisor."""
    zero = b.const([[0]], dtype)
    if constant is not None:
        return b.op("Less" if constant > 0 else "Greater", rest, zero, dtype="bool")
    # signs, not the numbers: a product of tiny ones could vanish
    return b.op("Less", b.op("Mul", b.op("Sign", rest), b.op("Sign", y)), zero, dtype="bool")


def _float_floordiv(b: Builder, x: ir.Value, y: ir.Value, constant: float | None, dtype: str) -> ir.Value:
    """numpy's npy_floor_divide, step by step, for a divisor that is not 0."""
    rest = b.op("Mod", x, y, fmod=1)
    quotient = b.op("Div", b.op("Sub", x, rest), y)
    quotient = b.op("Sub", quotient, b.cast(_signs_differ(b, rest, y, constant, dtype), dtype))
    floor = b.op("Floor", quotient)
    above = b.op("Greater", b.op("Sub", quotient, floor), b.const([[0.5]], dtype), dtype="bool")
    return b.op("Add", floor, b.cast(above, dtype))


def _int_floordiv(b: Builder, one: Block, two: Block, numpy_zero: bool) -> Block:
    if not two.is_scalar:
        return _int_by_column(b, one, two, numpy_zero)
    x, divisor = tensor_of(b, one, "int64"), int(two.value)
    if divisor == 0:
        return Block("float64", b.op("Div", b.cast(x, "float64"), b.const([[0.0]], "float64")), True, False)
    if divisor in (1, -1):
        return Block("int64", x if divisor == 1 else b.op("Neg", x))
    return Block("int64", _floor_of_truncated(b, x, b.const([[divisor]], "int64"), divisor))


def _floor_of_truncated(b: Builder, x: ir.Value, y: ir.Value, constant: int) -> ir.Value:
    """The quotient, less 1 where truncation went up: there the rest has another sign than the divisor."""
    quotient = b.op("Div", x, y)
    rest = b.op("Sub", x, b.op("Mul", quotient, y))
    other = b.op("Less" if constant > 0 else "Greater", rest, b.const([[0]], "int64"), dtype="bool")
    return b.op("Sub", quotient, b.cast(other, "int64"))


def _int_by_column(b: Builder, one: Block, two: Block, numpy_zero: bool) -> Block:
    x, y = tensor_of(b, one, "int64"), tensor_of(b, two, "int64")
    zero, minus = _equals(b, y, 0), _equals(b, y, -1)
    safe = where(b, b.op("Or", zero, minus), b.const([[1]], "int64"), y)
    quotient = b.op("Div", x, safe)
    rest = b.op("Sub", x, b.op("Mul", quotient, safe))
    null = b.const([[0]], "int64")
    differ = b.op("Xor", b.op("Less", rest, null, dtype="bool"), b.op("Less", safe, null, dtype="bool"))
    opposite = b.op("And", differ, b.op("Not", _equals(b, rest, 0)))
    floor = b.op("Sub", quotient, b.cast(opposite, "int64"))
    floor = where(b, minus, b.op("Neg", x), floor)
    if numpy_zero:
        return Block("int64", where(b, zero, b.const([[0]], "int64"), floor))
    endless = b.op("Div", b.cast(x, "float64"), b.cast(y, "float64"))
    return Block("float64", where(b, zero, endless, b.cast(floor, "float64")), True, False)


def _int_mod(b: Builder, one: Block, two: Block, numpy_zero: bool) -> Block:
    x = tensor_of(b, one, "int64")
    if two.is_scalar:
        divisor = int(two.value)
        if divisor == 0:
            return Block("float64", b.op("Mul", b.cast(x, "float64"), b.const([[math.nan]], "float64")), True)
        if divisor in (1, -1):
            return Block("int64", b.op("Sub", x, x))
        return Block("int64", b.op("Mod", x, b.const([[divisor]], "int64")))
    y = tensor_of(b, two, "int64")
    zero = _equals(b, y, 0)
    safe = where(b, b.op("Or", zero, _equals(b, y, -1)), b.const([[1]], "int64"), y)
    rest = b.op("Mod", x, safe)  # by 1 in place of 0 and -1: nothing is left
    if numpy_zero:
        return Block("int64", rest)
    return Block("float64", where(b, zero, b.const([[math.nan]], "float64"), b.cast(rest, "float64")), True)


def _equals(b: Builder, x: ir.Value, value: int) -> ir.Value:
    return b.op("Equal", x, b.const([[value]], "int64"), dtype="bool")
