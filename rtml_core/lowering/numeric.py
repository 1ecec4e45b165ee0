"""Arithmetic on blocks, equal to pandas on canonical frames: dtype promotion, wrapping integers, NaN, infinities.

Every function takes a builder and blocks (see blocks) and gives a block. `division` holds floor division and modulo,
`compare` comparisons and logic, `casting` conversions.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import FLOATS, TIMES, Block, missing, promote, scalar, tensor_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import integer_extreme, where

_OPS: Final = {"add": "Add", "sub": "Sub", "mul": "Mul"}
#: a whole number is raised to a whole power by multiplication up to here
_MAX_POWER: Final = 64
_INT_ENDS: Final = (-(2**63), 2**63 - 1)
#: up to here 10 ** decimals is an exact float64, and so is numpy's
_MAX_DECIMALS: Final = 22
#: functions whose values are bounded; that keep a finite number finite; that make no NaN of a finite number, of infinity
_BOUNDED: Final = ("sin", "cos", "tanh", "arctan", "arctan2")
_KEEP_FINITE: Final = ("floor", "ceil", "sqrt", "abs")
_TAKE_INFINITY: Final = ("exp", "expm1", "floor", "ceil", "tanh", "arctan", "abs")
_TOTAL: Final = (*_TAKE_INFINITY, "sin", "cos", "sinh", "cosh", "arctan2")


#: so large a float times any whole number of 64 bits is finite
_FAR: Final = 1e280


def binary(b: Builder, name: str, one: Block, two: Block, *, numpy_zero: bool = False) -> Block:
    """one <name> two for add, sub, mul, truediv, floordiv, mod, pow. Two scalars are computed here and now.

    numpy_zero: see division.
    """
    if one.is_scalar and two.is_scalar:
        return scalar(_on_scalars(name, one.value, two.value))
    if one.dtype in TIMES or two.dtype in TIMES:
        from rtml_core.lowering.timemath import time_binary

        return time_binary(b, name, one, two)
    if name in _OPS:
        return _add_sub_mul(b, name, one, two)
    if name == "truediv":
        return truediv(b, one, two)
    if name == "pow":
        return power(b, one, two)
    if name in ("floordiv", "mod"):
        from rtml_core.lowering.division import floordiv, mod

        return (floordiv if name == "floordiv" else mod)(b, one, two, numpy_zero=numpy_zero)
    raise NotLowerableError(f"there is no arithmetic called '{name}'")


def _on_scalars(name: str, one: Any, two: Any) -> Any:
    import operator

    try:
        return getattr(operator, name)(one, two)
    except (ArithmeticError, TypeError) as error:
        raise NotLowerableError(f"the constants {one} and {two} can't be combined by '{name}': {error}") from None


def _add_sub_mul(b: Builder, name: str, one: Block, two: Block) -> Block:
    dtype = promote(one, two)
    nullable = one.nullable or two.nullable
    if dtype == "bool":
        return _bool_arithmetic(b, name, one, two)
    tensor = b.op(_OPS[name], tensor_of(b, one, dtype), tensor_of(b, two, dtype))
    if dtype == "int64":
        return Block("int64", tensor)
    # inf - inf and inf * 0 make NaN; a finite constant that is not 0 can't
    steady = any(x.is_scalar and x.finite and (name != "mul" or x.value != 0) for x in (one, two))
    shrinks = name == "mul" and any(x.is_scalar and abs(x.value) <= 1 for x in (one, two))
    # a whole number is far from the largest float, so that a constant leaves it finite: 2 * pi * hour
    whole = {x.dtype for x in (one, two) if not x.is_scalar} <= {"int64", "bool"}
    near = whole and all(abs(x.value) <= _FAR for x in (one, two) if x.is_scalar)
    finite = one.finite and two.finite
    return Block(dtype, tensor, nullable or not (finite or steady), finite and (shrinks or near))


def _bool_arithmetic(b: Builder, name: str, one: Block, two: Block) -> Block:
    """numpy: True + True is True (or), times is and; there is no minus."""
    from rtml_core.lowering.compare import logical

    if name == "sub":
        raise NotLowerableError("booleans can't be subtracted (pandas refuses it too); cast them to int64 first")
    if one.nullable or two.nullable:
        raise NotLowerableError("arithmetic between booleans that may be missing has no exact form; cast them to float64 first")
    return logical(b, "or" if name == "add" else "and", one, two)


def truediv(b: Builder, one: Block, two: Block) -> Block:
    """one / two in floats; x / 0 is inf, 0 / 0 is missing."""
    dtype = promote(one, two)
    if dtype == "bool":
        raise NotLowerableError("booleans can't be divided by booleans (pandas refuses it too); cast them to int64 first")
    dtype = dtype if dtype in FLOATS else "float64"
    tensor = b.op("Div", tensor_of(b, one, dtype), tensor_of(b, two, dtype))
    plain = two.is_scalar and two.finite and two.value != 0
    finite = plain and one.finite and abs(two.value) >= 1
    return Block(dtype, tensor, one.nullable or two.nullable or not plain, finite)


def power(b: Builder, one: Block, two: Block) -> Block:
    """one ** two. Squares, roots and whole powers of whole numbers are exact, the rest agrees to 1 ulp."""
    if "bool" in (one.dtype, two.dtype):
        raise NotLowerableError("powers of booleans are 8-bit numbers in pandas; cast to int64 or float64 first")
    dtype = promote(one, two)
    if dtype == "int64":
        return _int_power(b, one, two)
    base = tensor_of(b, one, dtype)
    exponent = two.value if two.is_scalar else None
    if exponent == 0:  # also NaN ** 0
        return Block(dtype, b.op("Pow", base, b.const([[0.0]], dtype)))
    nullable = one.nullable or two.nullable
    if exponent == 1:
        return replace(one, dtype=dtype, tensor=base)
    if exponent == 2:
        return Block(dtype, b.op("Mul", base, base), nullable, False)
    if exponent == 0.5:
        return Block(dtype, b.op("Sqrt", base), True, one.finite)
    if exponent == -1:
        return Block(dtype, b.op("Reciprocal", base), nullable, False)
    if dtype == "float32":
        raise NotLowerableError("powers of float32 columns differ in their last digit; cast the column to float64 first")
    whole = exponent is not None and float(exponent).is_integer()
    return Block(dtype, b.op("Pow", base, tensor_of(b, two, dtype)), nullable or not whole, False)


def _int_power(b: Builder, one: Block, two: Block) -> Block:
    if not two.is_scalar:
        raise NotLowerableError(
            "a whole number to the power of a column wraps around or fails, row by row; cast one to float64 first"
        )
    exponent = int(two.value)
    if exponent < 0:
        raise NotLowerableError(
            f"whole numbers have no power of {exponent} (pandas refuses it too); cast the column to float64 first"
        )
    if exponent > _MAX_POWER:
        raise NotLowerableError(f"the power {exponent} of a whole number is beyond int64; cast the column to float64 first")
    base = tensor_of(b, one, "int64")
    if exponent == 0:
        return Block("int64", b.op("Sub", b.op("Add", b.const([[1]], "int64"), base), base))
    result = None
    while exponent:
        if exponent & 1:
            result = base if result is None else b.op("Mul", result, base)
        exponent >>= 1
        if exponent:
            base = b.op("Mul", base, base)
    return Block("int64", result)


def negative(b: Builder, block: Block) -> Block:
    """-block"""
    if block.is_scalar:
        return scalar(-block.value)
    if block.dtype == "bool":
        raise NotLowerableError("a boolean has no negative; use not, or cast it to int64 first")
    if block.dtype == "timestamp" or block.dtype not in (*FLOATS, "int64", "timedelta"):
        raise NotLowerableError(f"needs numbers; got a {block.dtype} column")
    tensor = b.op("Neg", tensor_of(b, block, block.carrier))
    return replace(block, tensor=tensor)  # -INT64_MIN is itself: NaT stays NaT


def absolute(b: Builder, block: Block) -> Block:
    """abs(block); the smallest int64 stays what it is, as in numpy."""
    if block.is_scalar:
        return scalar(abs(block.value))
    if block.dtype == "bool":
        return block
    if block.dtype not in (*FLOATS, "int64", "timedelta"):
        raise NotLowerableError(f"needs numbers; the column is {block.dtype}")
    return replace(block, tensor=b.op("Abs", tensor_of(b, block, block.carrier)))


def rounded(b: Builder, block: Block, decimals: int = 0) -> Block:
    """Round half to even at `decimals`, with numpy's steps: scale by 10 ** decimals, round, scale back."""
    if block.dtype == "int64" and decimals < 0:
        floats = tensor_of(b, block, "float64")
        scale = b.const([[10.0**-decimals]], "float64")
        return Block("int64", b.cast(b.op("Mul", b.op("Round", b.op("Div", floats, scale)), scale), "int64"))
    if block.dtype not in FLOATS:
        return block
    value = tensor_of(b, block, block.dtype)
    if decimals == 0:
        return replace(block, tensor=b.op("Round", value))
    if abs(decimals) > _MAX_DECIMALS:
        raise NotLowerableError(f"decimals must lie between -{_MAX_DECIMALS} and {_MAX_DECIMALS}; got {decimals}")
    scale = b.const([[10.0 ** abs(decimals)]], block.dtype)
    there, back = ("Mul", "Div") if decimals > 0 else ("Div", "Mul")
    tensor = b.op(back, b.op("Round", b.op(there, value, scale)), scale)
    return replace(block, tensor=tensor, finite=False)


def clipped(b: Builder, block: Block, lower: Any = None, upper: Any = None) -> Block:
    """Values below `lower` become `lower`, above `upper` become `upper`; missing stays. Bounds are numbers or None."""
    low, high = _bound(lower), _bound(upper)
    if low is not None and high is not None and low > high:
        low, high = high, low
    ends = _INT_ENDS if block.dtype == "int64" else (-math.inf, math.inf)  # what no value can pass
    low = None if low is not None and low <= ends[0] else low
    high = None if high is not None and high >= ends[1] else high
    if low is None and high is None:
        return block
    if block.dtype not in ("int64", *FLOATS):
        raise NotLowerableError(f"needs numbers; the column is {block.dtype}")
    whole = all(bound is None or (float(bound).is_integer() and abs(bound) < 2**63) for bound in (low, high))
    dtype = "float64" if block.dtype == "int64" and not whole else block.dtype
    tensor = tensor_of(b, block, dtype)
    if dtype == "int64":
        tensor = tensor if low is None else integer_extreme(b, "Less", tensor, b.const([[int(low)]], dtype))
        tensor = tensor if high is None else integer_extreme(b, "Greater", tensor, b.const([[int(high)]], dtype))
    else:
        # left out, a bound of Clip is the largest finite number, which would change infinity
        low_end, high_end = (end if bound is None else bound for bound, end in ((low, -math.inf), (high, math.inf)))
        tensor = b.op("Clip", tensor, b.const(float(low_end), dtype), b.const(float(high_end), dtype))
    bounded = low is not None and high is not None and math.isfinite(low) and math.isfinite(high)
    return Block(dtype, tensor, block.nullable, block.finite or bounded)


def _bound(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise NotLowerableError(f"a bound must be a number; got {value!r}")
    scalar(value)
    return value


def clipped_by(b: Builder, block: Block, lower: Block | None, upper: Block | None) -> Block:
    """Clip at bounds of their own for every row; a missing bound leaves the row alone.

    As in pandas, both bounds are compared with the value as it came, and `upper` wins.
    """
    dtype = block.dtype
    for bound in (lower, upper):
        if bound is not None:
            dtype = promote(Block(dtype, block.tensor, block.nullable), bound)
    if dtype == "bool":
        raise NotLowerableError("needs numbers; the columns are booleans")
    value = result = tensor_of(b, block, dtype)
    for bound, op in ((lower, "Less"), (upper, "Greater")):
        if bound is not None:
            limit = tensor_of(b, bound, dtype)
            result = b.op("Where", b.op(op, value, limit, dtype="bool"), limit, result, dtype=dtype)
    finite = all(x.finite for x in (block, lower, upper) if x is not None)
    return Block(dtype, result, block.nullable, finite)


def fill(b: Builder, block: Block, value: Any) -> Block:
    """A float, boolean or time block with `value` (in its carrier's form) where it is missing."""
    if not block.nullable:
        return block
    tensor = where(b, missing(b, block), b.const([[value]], block.carrier), tensor_of(b, block, block.carrier))
    if block.dtype == "bool":
        return Block("bool", b.cast(tensor, "bool"))
    finite = block.finite and not (isinstance(value, float) and math.isinf(value))
    return replace(block, tensor=tensor, nullable=False, finite=finite)


def function(b: Builder, name: str, *operands: Block) -> Block:
    """A function of the array namespace (sin, exp, log1p, ...; see formula.FUNCTIONS) on numbers, in floats."""
    from rtml_core.lowering.traced import Traced, Tracer

    tracer = Tracer(b)
    if all(operand.is_scalar for operand in operands):
        import numpy as np

        with np.errstate(all="ignore"):
            return scalar(getattr(np, name)(*(operand.value for operand in operands)).item())
    if name in ("floor", "ceil") and operands[0].dtype in ("int64", "bool"):
        return operands[0]  # numpy leaves whole numbers and booleans as they are
    values = [Traced(tracer, tensor_of(b, _numeric(x), "float64")) for x in operands]
    result = getattr(tracer, name)(*values)
    finite = name in _BOUNDED or (name in _KEEP_FINITE and all(x.finite for x in operands))
    nullable = (
        any(x.nullable for x in operands)
        or name not in _TOTAL
        or (name not in _TAKE_INFINITY and not all(x.finite for x in operands))
    )
    return Block(result.dtype, result.value, nullable, finite)


def _numeric(block: Block) -> Block:
    if block.dtype in ("string", *TIMES):
        raise NotLowerableError(f"needs numbers; got a {block.dtype} column")
    if block.dtype == "float32":
        raise NotLowerableError("functions of float32 columns differ in their last digit; cast the column to float64 first")
    return block
