"""Elementary functions in float64 from the operators for which onnxruntime has float64 kernels.

onnxruntime 1.31 has no float64 kernel for Atan, Asin, Acos, Sinh, Cosh, Asinh, Acosh, Atanh. Errors are of a few units in
the last place.
"""

from __future__ import annotations

import math

import onnx_ir as ir

from rtml_core.lowering.builder import Builder, dtype_of
from rtml_core.lowering.symbolic import where

#: beyond this the arctangent is pi / 2 to the last digit
_HUGE = 1e300


def _const(b: Builder, value: float) -> ir.Value:
    return b.const([[value]], "float64")


def arctan(b: Builder, x: ir.Value) -> ir.Value:
    """atan(x) from float32's y: y + (x cos y - sin y) / (cos y + x sin y), the tangent of what is missing, below 1e-7, whose
    arctangent is itself to the last digit. Errors up to 5 units in the last place."""
    bounded = b.op("Clip", x, b.const(-_HUGE, "float64"), b.const(_HUGE, "float64"))
    rough = b.cast(b.op("Atan", b.cast(bounded, "float32")), "float64")
    sine, cosine = b.op("Sin", rough), b.op("Cos", rough)
    rest = b.op("Sub", b.op("Mul", bounded, cosine), sine)
    return b.op("Add", rough, b.op("Div", rest, b.op("Add", cosine, b.op("Mul", bounded, sine))))


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
    """atan2(y, x) for all arguments, infinite ones and zeros of both signs too (C11, F.10.1.4)."""
    one, zero = _const(b, 1.0), _const(b, 0.0)
    high, wide = b.op("Abs", y), b.op("Abs", x)
    # of equal sizes the quotient is 1, which inf / inf is not; 0 / 0 is the angle 0 or pi
    equal = b.op("And", b.op("Equal", high, wide, dtype="bool"), b.op("Greater", high, zero, dtype="bool"))
    slope = where(b, equal, one, b.op("Div", high, where(b, b.op("Equal", high, zero, dtype="bool"), one, wide)))
    base = arctan(b, slope)
    turned = where(b, negative(b, x), b.op("Sub", _const(b, math.pi), base), base)
    return b.op("Mul", where(b, b.op("IsNaN", x, dtype="bool"), x, turned), signs(b, y))


def signs(b: Builder, x: ir.Value) -> ir.Value:
    """-1 where x has the sign of a negative number, else 1. A product keeps -0.0, which onnxruntime's Where turns into 0.0."""
    dtype = dtype_of(x)
    return where(b, negative(b, x), b.const([[-1.0]], dtype), b.const([[1.0]], dtype))


def negative(b: Builder, x: ir.Value) -> ir.Value:
    """bool: where x has the sign of a negative number, as -0.0 has; NaN has none."""
    zero = b.const([[0.0]], dtype_of(x))
    return b.op("Or", b.op("Less", x, zero, dtype="bool"), b.op("Less", b.op("Reciprocal", x), zero, dtype="bool"))


def arcsinh(b: Builder, x: ir.Value) -> ir.Value:
    """asinh(x) = sign(x) log1p(a + a^2 / (1 + sqrt(1 + a^2))) with a = |x| (fdlibm s_asinh.c); log(a) + log(2) from 2^28 on."""
    size, one = b.op("Abs", x), _const(b, 1.0)
    large = b.op("Greater", size, _const(b, 2.0**28), dtype="bool")
    a = where(b, large, one, size)
    square = b.op("Mul", a, a)
    small = log1p(b, b.op("Add", a, b.op("Div", square, b.op("Add", one, b.op("Sqrt", b.op("Add", one, square))))))
    made = where(b, large, b.op("Add", b.op("Log", size), _const(b, math.log(2.0))), small)
    return _odd(b, x, size, made)


def arccosh(b: Builder, x: ir.Value) -> ir.Value:
    """acosh(x) = log1p(t + sqrt(2 t + t^2)) with t = x - 1 (fdlibm e_acosh.c); log(x) + log(2) from 2^28 on."""
    large = b.op("Greater", x, _const(b, 2.0**28), dtype="bool")
    t = b.op("Sub", where(b, large, _const(b, 1.0), x), _const(b, 1.0))
    root = b.op("Sqrt", b.op("Add", b.op("Mul", t, _const(b, 2.0)), b.op("Mul", t, t)))
    small = where(b, b.op("Less", t, _const(b, 0.0), dtype="bool"), _const(b, math.nan), log1p(b, b.op("Add", t, root)))
    return where(b, large, b.op("Add", b.op("Log", x), _const(b, math.log(2.0))), small)


def arctanh(b: Builder, x: ir.Value) -> ir.Value:
    """atanh(x) = sign(x) log1p(2 a / (1 - a)) / 2 with a = |x|; infinite at 1, NaN beyond (fdlibm e_atanh.c)."""
    size, one = b.op("Abs", x), _const(b, 1.0)
    ratio = b.op("Div", b.op("Mul", size, _const(b, 2.0)), b.op("Sub", one, size))
    made = b.op("Mul", log1p(b, ratio), _const(b, 0.5))
    made = where(b, b.op("Greater", size, one, dtype="bool"), _const(b, math.nan), made)
    return _odd(b, x, size, made)


def _odd(b: Builder, x: ir.Value, size: ir.Value, positive: ir.Value) -> ir.Value:
    """An odd function from its values at |x|; x itself where that is tiny, which keeps the sign of zero."""
    signed = where(b, b.op("Less", x, _const(b, 0.0), dtype="bool"), b.op("Neg", positive), positive)
    return where(b, b.op("Less", size, _const(b, 1e-9), dtype="bool"), x, signed)


def exp2(b: Builder, x: ir.Value) -> ir.Value:
    """2 ** x."""
    return b.op("Pow", _const(b, 2.0), x)


def log2(b: Builder, x: ir.Value) -> ir.Value:
    """log(x) / log(2), exact for powers of 2."""
    return _logarithm(b, x, 2.0)


def log10(b: Builder, x: ir.Value) -> ir.Value:
    """log(x) / log(10), exact for powers of 10."""
    return _logarithm(b, x, 10.0)


def _logarithm(b: Builder, x: ir.Value, base: float) -> ir.Value:
    """A quotient of logarithms may miss the whole number that it should be, and floor() would tell."""
    quotient = b.op("Div", b.op("Log", x), _const(b, math.log(base)))
    whole = b.op("Round", quotient)
    exact = b.op("Equal", b.op("Pow", _const(b, base), whole), x, dtype="bool")
    return where(b, exact, whole, quotient)


def logaddexp(b: Builder, one: ir.Value, two: ir.Value) -> ir.Value:
    """log(exp(one) + exp(two)) = max + log1p(exp(-|one - two|)); equal infinities, whose difference is NaN, by themselves."""
    larger = b.op("Max", one, two)
    made = b.op("Add", larger, log1p(b, b.op("Exp", b.op("Neg", b.op("Abs", b.op("Sub", one, two))))))
    same = b.op("Equal", one, two, dtype="bool")
    return where(b, same, b.op("Add", one, _const(b, math.log(2.0))), made)


def cosh(b: Builder, x: ir.Value) -> ir.Value:
    """cosh(x) = (u + 1/u) / 2 with u = exp(|x|); beyond 700, where u overflows before it is halved, (w / 2) w with
    w = exp(|x| / 2)."""
    size = b.op("Abs", x)
    half = _const(b, 0.5)
    up = b.op("Exp", size)
    small = b.op("Mul", b.op("Add", up, b.op("Reciprocal", up)), half)
    root = b.op("Exp", b.op("Mul", size, half))
    huge = b.op("Greater", size, _const(b, 700.0), dtype="bool")
    return where(b, huge, b.op("Mul", b.op("Mul", root, half), root), small)


def sinh(b: Builder, x: ir.Value) -> ir.Value:
    """sinh(x) through expm1, which keeps small arguments exact."""
    size = b.op("Abs", x)
    e = expm1(b, size)
    half = b.op("Mul", b.op("Add", e, b.op("Div", e, b.op("Add", e, _const(b, 1.0)))), _const(b, 0.5))
    huge = b.op("Greater", size, _const(b, 700.0), dtype="bool")
    large = b.op("Exp", b.op("Mul", size, _const(b, 0.5)))
    return _odd(b, x, size, where(b, huge, b.op("Mul", b.op("Mul", large, _const(b, 0.5)), large), half))


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
    fixed = b.op("Mul", b.op("Log", u), b.op("Div", x, less))
    tiny = b.op("Equal", less, _const(b, 0.0), dtype="bool")
    endless = b.op("Equal", x, _const(b, math.inf), dtype="bool")
    return where(b, tiny, x, where(b, endless, x, fixed))
