"""Elementary functions in float64 from the operators for which onnxruntime has float64 kernels.

onnxruntime 1.31 has no float64 kernel for Atan, Asin, Acos, Sinh. Approximations are rational, after S. Moshier's Cephes
library (public domain), with errors of a few units in the last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx_ir as ir

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import where

_ATAN_P = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
_ATAN_Q = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)
_TAN_3PI8 = 2.41421356237309504880
_MORE_BITS = 6.123233995736765886130e-17


def _const(b: Builder, value: float) -> ir.Value:
    return b.const([[value]], "float64")


def _polynomial(b: Builder, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    """Horner's rule, highest power first; a leading 1.0 costs no multiplication."""
    if coefficients[0] == 1.0:
        result = b.op("Add", x, _const(b, coefficients[1]))
        rest = coefficients[2:]
    else:
        result = b.op("Add", b.op("Mul", x, _const(b, coefficients[0])), _const(b, coefficients[1]))
        rest = coefficients[2:]
    for coefficient in rest:
        result = b.op("Add", b.op("Mul", result, x), _const(b, coefficient))
    return result


def arctan(b: Builder, x: ir.Value) -> ir.Value:
    """atan(x), error below 2 ulp (Cephes atan.c)."""
    size = b.op("Abs", x)
    large = b.op("Greater", size, _const(b, _TAN_3PI8), dtype="bool")
    middle = b.op("Greater", size, _const(b, 0.66), dtype="bool")
    one = _const(b, 1.0)
    shifted = b.op("Div", b.op("Sub", size, one), b.op("Add", size, one))
    inverted = b.op("Neg", b.op("Reciprocal", size))
    reduced = where(b, large, inverted, where(b, middle, shifted, size))
    offset = where(b, large, _const(b, math.pi / 2), where(b, middle, _const(b, math.pi / 4), _const(b, 0.0)))
    more = where(b, large, _const(b, _MORE_BITS), where(b, middle, _const(b, 0.5 * _MORE_BITS), _const(b, 0.0)))
    z = b.op("Mul", reduced, reduced)
    ratio = b.op("Div", b.op("Mul", z, _polynomial(b, z, _ATAN_P)), _polynomial(b, z, _ATAN_Q))
    core = b.op("Add", b.op("Mul", reduced, ratio), reduced)
    result = b.op("Add", offset, b.op("Add", core, more))
    return where(b, b.op("Less", x, _const(b, 0.0), dtype="bool"), b.op("Neg", result), result)


def arcsin(b: Builder, x: ir.Value) -> ir.Value:
    """asin(x) = atan(x / sqrt((1 - x) (1 + x))); NaN outside [-1, 1]."""
    one = _const(b, 1.0)
    root = b.op("Sqrt", b.op("Mul", b.op("Sub", one, x), b.op("Add", one, x)))
    return arctan(b, b.op("Div", x, root))


def arccos(b: Builder, x: ir.Value) -> ir.Value:
    """acos(x) = 2 atan(sqrt((1 - x) / (1 + x))); NaN outside [-1, 1]."""
    one = _const(b, 1.0)
    half = arctan(b, b.op("Sqrt", b.op("Div", b.op("Sub", one, x), b.op("Add", one, x))))
    return b.op("Mul", half, _const(b, 2.0))


def arctan2(b: Builder, y: ir.Value, x: ir.Value) -> ir.Value:
    """atan2(y, x) for finite arguments; (0, 0) gives 0 and the sign of a negative zero is not kept."""
    zero, pi = _const(b, 0.0), _const(b, math.pi)
    base = arctan(b, b.op("Div", y, x))
    left = b.op("Less", x, zero, dtype="bool")
    below = b.op("Less", y, zero, dtype="bool")
    turned = where(b, below, b.op("Sub", base, pi), b.op("Add", base, pi))
    origin = b.op("And", b.op("Equal", x, zero, dtype="bool"), b.op("Equal", y, zero, dtype="bool"))
    return where(b, origin, zero, where(b, left, turned, base))


def sinh(b: Builder, x: ir.Value) -> ir.Value:
    """sinh(x) through expm1, which keeps small arguments exact."""
    size = b.op("Abs", x)
    e = expm1(b, size)
    half = b.op("Mul", b.op("Add", e, b.op("Div", e, b.op("Add", e, _const(b, 1.0)))), _const(b, 0.5))
    huge = b.op("Greater", size, _const(b, 700.0), dtype="bool")
    large = b.op("Exp", b.op("Mul", size, _const(b, 0.5)))
    half = where(b, huge, b.op("Mul", b.op("Mul", large, _const(b, 0.5)), large), half)
    return where(b, b.op("Less", x, _const(b, 0.0), dtype="bool"), b.op("Neg", half), half)


def expm1(b: Builder, x: ir.Value) -> ir.Value:
    """exp(x) - 1 without cancellation: (u - 1) x / log(u) with u = exp(x) (W. Kahan)."""
    one = _const(b, 1.0)
    u = b.op("Exp", x)
    less = b.op("Sub", u, one)
    fixed = b.op("Div", b.op("Mul", less, x), b.op("Log", u))
    tiny = b.op("Equal", u, one, dtype="bool")
    far = b.op("Greater", b.op("Abs", x), _const(b, 1.0), dtype="bool")
    return where(b, tiny, x, where(b, far, less, fixed))


def log1p(b: Builder, x: ir.Value) -> ir.Value:
    """log(1 + x) without cancellation: log(u) x / (u - 1) with u = 1 + x (W. Kahan)."""
    one = _const(b, 1.0)
    u = b.op("Add", x, one)
    less = b.op("Sub", u, one)
    fixed = b.op("Div", b.op("Mul", b.op("Log", u), x), less)
    tiny = b.op("Equal", less, _const(b, 0.0), dtype="bool")
    endless = b.op("Equal", x, _const(b, math.inf), dtype="bool")
    return where(b, tiny, x, where(b, endless, x, fixed))
