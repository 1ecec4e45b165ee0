"""round(x, digits) as Python computes it: the decimal number nearest to the float itself, ties to even.

numpy scales by a power of ten, rounds, and scales back, which differs: Python's round(2.675, 2) is 2.67, since the float lies
below 2.675. Here the product x * 10 ** digits is computed exactly, as a sum of two floats (T. J. Dekker, A floating-point
technique for extending the available precision, Numerische Mathematik 18, 1971), and rounded to the whole number that is
nearest to that sum. Dividing this by the power of ten, which is exact up to 10 ** 22, rounds once, as reading the decimal does.
"""

from __future__ import annotations

from typing import Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where

#: splits a float64 into halves of 26 bits
_SPLITTER: Final = 2.0**27 + 1
_MOST: Final = 22


def round_decimals(b: Builder, x: ir.Value, digits: int) -> ir.Value:
    """float64 [N, 1] -> the same, rounded; NaN and infinities stay."""
    if not 0 <= digits <= _MOST:
        raise NotLowerableError(f"round() takes 0 to {_MOST} digits here; got {digits}")
    if digits == 0:
        return b.op("Round", x)

    def const(value: float) -> ir.Value:
        return b.const([[value]], "float64")

    scale = 10.0**digits
    high = scale * _SPLITTER - (scale * _SPLITTER - scale)
    product = b.op("Mul", x, const(scale))
    wide = b.op("Mul", x, const(_SPLITTER))
    upper = b.op("Sub", wide, b.op("Sub", wide, x))
    lower = b.op("Sub", x, upper)
    error = b.op("Sub", b.op("Mul", upper, const(high)), product)
    error = b.op("Add", error, b.op("Mul", upper, const(scale - high)))
    error = b.op("Add", error, b.op("Mul", lower, const(high)))
    error = b.op("Add", error, b.op("Mul", lower, const(scale - high)))
    nearest = b.op("Round", product)
    # exactly half way, and the error decides: the product was rounded to a tie that is none
    rest = b.op("Sub", product, nearest)
    up = b.op("And", _is(b, "Equal", rest, 0.5), _is(b, "Greater", error, 0.0))
    down = b.op("And", _is(b, "Equal", rest, -0.5), _is(b, "Less", error, 0.0))
    nearest = b.op("Add", nearest, b.op("Sub", b.cast(up, "float64"), b.cast(down, "float64")))
    rounded = b.op("Div", nearest, const(scale))
    # from 2 ** 53 on the float has no such digits: it is its own rounding
    small = _is(b, "Less", b.op("Abs", product), 2.0**53)
    return where(b, small, rounded, x)


def _is(b: Builder, op: str, value: ir.Value, limit: float) -> ir.Value:
    return b.op(op, value, b.const([[limit]], "float64"), dtype="bool")
