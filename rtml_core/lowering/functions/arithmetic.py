"""Arithmetic of compiled functions, as Python computes it: whole numbers that overflow and divisions by 0 refuse the row.

Every function takes alternatives (see values) and the guard under which they matter, and gives an alternative.
"""

from __future__ import annotations

import math
from typing import Any, Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.division import floordiv, mod
from rtml_core.lowering.functions import interpreter
from rtml_core.lowering.functions.conditions import TRUE, Condition, both, constant, either, literal, negate
from rtml_core.lowering.functions.interpreter import EXACT, INT64
from rtml_core.lowering.functions.machine import Machine, Raises, constants, python
from rtml_core.lowering.functions.values import (
    BOOL,
    CONSTANT,
    FLOAT,
    INT,
    NONE,
    NUMBERS,
    STR,
    TIME,
    TUPLE,
    Alternative,
    constant_of,
    integer,
    number,
    tensor,
    text,
)

_OPS: Final = {"+": "Add", "-": "Sub", "*": "Mul"}
#: highest power of a whole number that is worth multiplying out
_MAX_POWER: Final = 64


def folded(compute: Any, *items: Alternative) -> Alternative:
    """What Python computes from constants; Raises with its exception."""
    try:
        result = compute(*(python(item) for item in items))
    except RecursionError:
        raise
    except Exception as error:  # whatever it is, the function raises it too
        raise Raises(type(error).__name__) from None
    if type(result) is int and not INT64[0] <= result <= INT64[1]:
        raise Raises("OverflowError")
    return constant_of(result)


def binary(m: Machine, operator: str, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    """one <operator> two. Raises NotLowerableError for what has no exact form."""
    if constants([one, two]):
        return folded(lambda x, y: interpreter.binary(operator, x, y), one, two)
    kinds = {one.kind, two.kind}
    if kinds <= set(NUMBERS):
        if FLOAT in kinds:
            return _floats(m, operator, one, two, guard)
        return _integers(m, operator, as_integer(m.b, one), as_integer(m.b, two), guard)
    if NONE in kinds and one.kind != STR:
        raise Raises("TypeError")
    if TIME in kinds:
        raise NotLowerableError("arithmetic with times can't be compiled here; use a Pandas step before, e.g. dt.hour or eval")
    if operator == "+" and kinds == {STR}:
        return text(m.b.op("StringConcat", tensor(m.b, one), tensor(m.b, two), width=1))
    if operator == "%" and one.kind == STR:
        raise NotLowerableError("formatting with % can't be compiled; use an f-string of texts and whole numbers")
    if operator == "*" and kinds & {STR, CONSTANT, TUPLE} and kinds & {INT, BOOL}:
        raise NotLowerableError("repeating can't be compiled; write the text out")
    if kinds <= {TUPLE, CONSTANT}:
        raise NotLowerableError("arithmetic with tuples can't be compiled; write the items out")
    raise Raises("TypeError")


def unary(m: Machine, operator: str, one: Alternative, guard: Condition) -> Alternative:
    """-one, +one"""
    if constants([one]):
        return folded((lambda x: -x) if operator == "-" else (lambda x: +x), one)
    if one.kind not in NUMBERS:
        raise Raises("TypeError")
    if one.kind == FLOAT:
        return number(m.b.op("Neg", tensor(m.b, one)), one) if operator == "-" else one
    whole = as_integer(m.b, one)
    return whole if operator == "+" else negative(m, whole, guard)


def negative(m: Machine, one: Alternative, guard: Condition) -> Alternative:
    """-one of a whole number; the smallest int64 has none."""
    value = tensor(m.b, one)
    if one.low == INT64[0]:
        m.fail(both(guard, _compared(m.b, "Equal", value, INT64[0])), "OverflowError (beyond 64 bits)")
    return integer(m.b.op("Neg", value), -one.high, -one.low)


def as_integer(b: Builder, item: Alternative) -> Alternative:
    """True and False as 1 and 0; whole numbers as they are."""
    if item.kind != BOOL:
        return item
    if item.constant:
        return constant_of(int(item.carried))
    return integer(tensor(b, item, "int64"), 0, 1)


def as_float(b: Builder, item: Alternative) -> ir.Value:
    """A number as float64 [N, 1], rounded as Python's float() rounds it."""
    return b.const([[float(item.carried)]], "float64") if item.constant else tensor(b, item, "float64")


def _compared(b: Builder, op: str, value: ir.Value, limit: float) -> Condition:
    dtype = "int64" if isinstance(limit, int) else "float64"
    return literal(b.op(op, value, b.const([[limit]], dtype), dtype="bool"))


# ---- whole numbers --------------------------------------------------------------------------------------------------


def _integers(m: Machine, operator: str, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    if operator in _OPS:
        return _sum_or_product(m, operator, one, two, guard)
    if operator == "/":
        for item in (one, two):
            within(m, item, EXACT, guard, "OverflowError (beyond 2 ** 53)")
        _not_zero(m, two, guard)
        return number(m.b.op("Div", as_float(m.b, one), as_float(m.b, two)))
    if operator == "**":
        return _integer_power(m, one, two, guard)
    _not_zero(m, two, guard)
    blocks = _block(m.b, one, "int64"), _block(m.b, two, "int64")
    if operator == "%":
        result = mod(m.b, *blocks, numpy_zero=True)
        low, high = (min(two.low + 1, 0), max(two.high - 1, 0))
    else:
        overflow = [_compared(m.b, "Equal", tensor(m.b, one), INT64[0]) if one.low == INT64[0] else constant(False)]
        if two.low <= -1 <= two.high:
            overflow.append(TRUE if two.constant else _compared(m.b, "Equal", tensor(m.b, two), -1))
            m.fail(both(guard, *overflow), "OverflowError (beyond 64 bits)")
        result = floordiv(m.b, *blocks, numpy_zero=True)
        low, high = _quotient_bounds(one, two)
    assert result.tensor is not None
    return integer(result.tensor, low, high)


def _quotient_bounds(one: Alternative, two: Alternative) -> tuple[int, int]:
    if two.low > 0 or two.high < 0:
        found = [x // y for x in (one.low, one.high) for y in (two.low, two.high)]
        return min(found), max(found)
    size = max(abs(one.low), abs(one.high))
    return -size - 1, size + 1


def _sum_or_product(m: Machine, operator: str, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    x, y = tensor(m.b, one), tensor(m.b, two)
    result = m.b.op(_OPS[operator], x, y)
    low, high = _bounds(operator, one, two)
    if low < INT64[0] or high > INT64[1]:
        m.fail(both(guard, _overflows(m.b, operator, one, two, x, y, result)), "OverflowError (beyond 64 bits)")
    return integer(result, low, high)


def _bounds(operator: str, one: Alternative, two: Alternative) -> tuple[int, int]:
    if operator == "+":
        return one.low + two.low, one.high + two.high
    if operator == "-":
        return one.low - two.high, one.high - two.low
    found = [x * y for x in (one.low, one.high) for y in (two.low, two.high)]
    return min(found), max(found)


def _overflows(
    b: Builder, operator: str, one: Alternative, two: Alternative, x: ir.Value, y: ir.Value, result: ir.Value
) -> Condition:
    """Where a wrapped int64 result is not the true one."""
    if operator != "*":
        # adding what is negative makes less, adding anything else does not; a wrapped result is on the other side
        less = b.op("Less" if operator == "+" else "Greater", result, x, dtype="bool")
        return literal(b.op("Xor", less, b.op("Less", y, b.const([[0]], "int64"), dtype="bool"), dtype="bool"))
    for factor, value, other in ((one, y, two), (two, x, one)):
        if factor.constant and factor.carried not in (0, 1):
            k = int(factor.carried)
            ends = sorted((_towards_zero(INT64[0], k), _towards_zero(INT64[1], k)))
            outside = [("Less", ends[0], other.low < ends[0]), ("Greater", ends[1], other.high > ends[1])]
            return either(*(_compared(b, op, value, end) for op, end, needed in outside if needed))
    # the product in float64 is off by less than 2 ** -50 of itself: beyond 1.5 * 2 ** 63 it did overflow, and within that the
    # wrapped product has the sign of the true one unless it overflowed
    approximate = b.op("Mul", b.cast(x, "float64"), b.cast(y, "float64"))
    huge = _compared(b, "Greater", b.op("Abs", approximate), 1.5 * 2.0**63)
    signs = b.op(
        "Xor",
        b.op("Less", approximate, b.const([[0.0]], "float64"), dtype="bool"),
        b.op("Less", result, b.const([[0]], "int64"), dtype="bool"),
        dtype="bool",
    )
    return either(huge, literal(signs))


def _towards_zero(end: int, factor: int) -> int:
    """The largest or smallest number whose product with the factor does not pass `end`."""
    quotient = abs(end) // abs(factor)
    return quotient if (end < 0) == (factor < 0) else -quotient


def within(m: Machine, item: Alternative, limit: int, guard: Condition, error: str) -> None:
    """Refuse rows in which a whole number is larger than `limit`, in either direction."""
    outside = []
    if item.low < -limit:
        outside.append(_compared(m.b, "Less", tensor(m.b, item), -limit))
    if item.high > limit:
        outside.append(_compared(m.b, "Greater", tensor(m.b, item), limit))
    m.fail(both(guard, either(*outside)), error)


def _not_zero(m: Machine, item: Alternative, guard: Condition) -> None:
    if item.constant:
        if item.carried == 0:
            raise Raises("ZeroDivisionError")
        return
    if item.kind == FLOAT or item.low <= 0 <= item.high:
        zero = _compared(m.b, "Equal", tensor(m.b, item), 0.0 if item.kind == FLOAT else 0)
        m.fail(both(guard, zero), "ZeroDivisionError")


def _block(b: Builder, item: Alternative, dtype: str) -> Block:
    if item.constant:
        value = int(item.carried) if dtype == "int64" else float(item.carried)
        finite = dtype == "int64" or math.isfinite(value)
        return Block(dtype, value=value, finite=finite, nullable=isinstance(value, float) and math.isnan(value))
    return Block(dtype, tensor(b, item, dtype), dtype != "int64", dtype == "int64")


def _integer_power(m: Machine, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    if not two.constant:
        raise NotLowerableError("a whole number to the power of another can't be compiled; make one a float, float(x) ** n")
    exponent = int(two.carried)
    if exponent < 0:
        return _float_power(m, one, two, guard)
    if exponent > _MAX_POWER:
        raise NotLowerableError(
            f"the power {exponent} of a whole number is beyond 64 bits; make it a float, float(x) ** {exponent}"
        )
    if exponent == 0:
        return constant_of(1)
    low, high = _power_ends(exponent)
    for op, end, needed in (("Less", low, one.low < low), ("Greater", high, one.high > high)):
        if needed:
            m.fail(both(guard, _compared(m.b, op, tensor(m.b, one), end)), "OverflowError (beyond 64 bits)")
    result: ir.Value | None = None
    base = tensor(m.b, one)
    while exponent:
        if exponent & 1:
            result = base if result is None else m.b.op("Mul", result, base)
        exponent >>= 1
        if exponent:
            base = m.b.op("Mul", base, base)
    assert result is not None
    return integer(result)


def _power_ends(exponent: int) -> tuple[int, int]:
    """The smallest and largest whole numbers whose power fits into int64."""
    high = round((2.0**63) ** (1 / exponent)) + 2
    while high**exponent > INT64[1]:
        high -= 1
    low = -high - 2
    while not INT64[0] <= low**exponent <= INT64[1]:
        low += 1
    return low, high


# ---- floats -----------------------------------------------------------------------------------------------------------


def _floats(m: Machine, operator: str, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    if operator in _OPS:
        return number(m.b.op(_OPS[operator], as_float(m.b, one), as_float(m.b, two)), one, two)
    if operator == "**":
        return _float_power(m, one, two, guard)
    if two.kind == BOOL:
        two = as_integer(m.b, two)
    _not_zero(m, two, guard)
    if operator == "/":
        return number(m.b.op("Div", as_float(m.b, one), as_float(m.b, two)), one, two)
    blocks = _block(m.b, one, "float64"), _block(m.b, two, "float64")
    result = (floordiv if operator == "//" else mod)(m.b, *blocks)
    assert result.tensor is not None
    return number(result.tensor)


def _float_power(m: Machine, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    """C's pow, to a few units in the last place; 0 to a negative power, complex and infinite results refuse the row."""
    x, y = as_float(m.b, one), as_float(m.b, two)
    result = m.b.op("Pow", x, y)
    negative_base = _compared(m.b, "Less", x, 0.0)
    if two.constant:
        exponent = float(two.carried)
        if -math.inf < exponent < 0:
            m.fail(both(guard, _compared(m.b, "Equal", x, 0.0)), "ZeroDivisionError")
        if math.isfinite(exponent) and not exponent.is_integer():
            # -inf to a broken power is a real number for C; Python asks for the sign of the finite base only
            m.fail(both(guard, negative_base, negate(_infinite(m, x))), "ArithmeticError (a complex number)")
        finite_power = constant(math.isfinite(exponent))
    else:
        below = _compared(m.b, "Less", y, 0.0)
        zero = _compared(m.b, "Equal", x, 0.0)
        finite_power = negate(_infinite(m, y))
        m.fail(both(guard, zero, below, finite_power), "ZeroDivisionError")
        broken = negate(literal(m.b.op("Equal", y, m.b.op("Floor", y), dtype="bool")))
        there = negate(literal(m.b.op("IsNaN", y, dtype="bool")))
        m.fail(
            both(guard, negative_base, negate(_infinite(m, x)), broken, there, finite_power), "ArithmeticError (a complex number)"
        )
    overflow = both(_infinite(m, result), negate(_infinite(m, x)), finite_power)
    zero_base = _compared(m.b, "Equal", x, 0.0)
    m.fail(both(guard, overflow, negate(zero_base)), "OverflowError")
    return number(result)


def _infinite(m: Machine, value: ir.Value) -> Condition:
    if value.const_value is not None:
        return constant(bool(math.isinf(float(value.const_value.numpy().ravel()[0]))))
    return literal(m.b.op("IsInf", value, dtype="bool"))
