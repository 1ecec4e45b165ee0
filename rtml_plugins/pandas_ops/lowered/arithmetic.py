"""Arithmetic, comparisons, abs, round, clip, between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import compare, numeric, strings
from rtml_core.lowering.blocks import Block, missing, tensor_of
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.arguments import column_named
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one, operand, operand_of, together

_SAME: Final = {"subtract": "sub", "multiply": "mul", "div": "truediv", "divide": "truediv", "rdiv": "rtruediv"}


def arithmetic(call: Call) -> list[Symbolic]:
    """add, sub, mul, truediv, floordiv, mod, pow and their reflections, with a number, a moment or another column."""
    call.only("other", "fill_value", *_axis(call))
    name = _SAME.get(call.name, call.name)
    reflected = name.startswith("r") and name != "round"

    if name in ("add", "radd") and all(column.dtype == "string" for column in call.symbols):
        return _joined(call, reflected)

    def step(block: Block) -> Block:
        if block.dtype == "string":
            raise NotLowerableError("texts have no arithmetic beside add, which joins them")
        one, two = _filled(call, block, operand(call, "other", block))
        by_column = not two.is_scalar
        if reflected:
            return numeric.binary(call.b, name[1:], two, one, numpy_zero=by_column)
        return numeric.binary(call.b, name, one, two, numpy_zero=by_column)

    return together(call, step)


def _axis(call: Call) -> list[str]:
    """The argument `axis` of the form with the whole frame, which says nothing where the other operand is a constant."""
    return ["axis"] if call.whole and call.get("axis") in (0, 1, "index", "columns", "rows") else []


def _joined(call: Call, reflected: bool) -> list[Symbolic]:
    """add on texts: the other text behind, or before; missing where one of them is."""

    def step(column: Symbolic) -> Symbolic:
        value = call.get("other")
        name = column_named(value, call.frame, "string")
        if name is not None:
            other = call.frame[name]
            return strings.concat(call.b, [other, column] if reflected else [column, other])
        if not isinstance(value, str):
            raise NotLowerableError(f"a text can be joined with a text only; got {describe(value)}")
        return strings.concat(call.b, [column], prefix=value if reflected else "", suffix="" if reflected else value)

    call.only("other")
    return one_by_one(call, step)


def _filled(call: Call, one: Block, two: Block) -> tuple[Block, Block]:
    """Both operands, with fill_value where one of them is missing, and only one."""
    value = call.get("fill_value")
    if value is None:
        return one, two
    if isinstance(value, bool) or not isinstance(value, (int, float)) or one.dtype not in ("float64", "float32", "int64"):
        raise NotLowerableError(f"fill_value is for numbers; got {describe(value)}")
    value = float(value)
    if two.is_scalar:
        return (numeric.fill(call.b, one, value) if one.dtype != "int64" else one), two
    return _fill_unless_both(call, one, two, value), _fill_unless_both(call, two, one, value)


def _fill_unless_both(call: Call, block: Block, other: Block, value: float) -> Block:
    if not block.nullable:
        return block
    gone = missing(call.b, block)
    if other.nullable:
        gone = call.b.op("And", gone, call.b.op("Not", missing(call.b, other)))
    filled = call.b.op(
        "Where", gone, call.b.const([[value]], block.carrier), tensor_of(call.b, block, block.carrier), dtype=block.carrier
    )
    return replace(block, tensor=filled, nullable=other.nullable)


def comparison(call: Call) -> list[Symbolic]:
    """eq, ne, lt, le, gt, ge with a constant or another column."""
    call.only("other", *_axis(call))
    return together(call, lambda block: compare.compare(call.b, call.name, block, operand(call, "other", block)))


def between(call: Call) -> list[Symbolic]:
    """left <= x <= right, with the sides that `inclusive` names."""
    inclusive = call.get("inclusive")
    if inclusive not in ("both", "neither", "left", "right"):
        raise NotLowerableError(f"inclusive must be both, neither, left or right; got {describe(inclusive)}")
    lower = "ge" if inclusive in ("both", "left") else "gt"
    upper = "le" if inclusive in ("both", "right") else "lt"

    def step(block: Block) -> Block:
        above = compare.compare(call.b, lower, block, operand(call, "left", block))
        below = compare.compare(call.b, upper, block, operand(call, "right", block))
        return compare.logical(call.b, "and", above, below)

    return together(call, step)


def absolute(call: Call) -> list[Symbolic]:
    """abs"""
    return together(call, lambda block: numeric.absolute(call.b, block))


def rounded(call: Call) -> list[Symbolic]:
    """round: half to even, at `decimals` (for the whole frame also an object of columns and decimals)."""
    decimals = call.get("decimals", 0)
    if isinstance(decimals, dict) and call.whole:
        return one_by_one_by_name(call, decimals)
    return together(call, lambda block: numeric.rounded(call.b, block, _whole_number(decimals)))


def one_by_one_by_name(call: Call, decimals: dict[str, Any]) -> list[Symbolic]:
    """Round each named column at its own decimals."""
    results = []
    for name in call.columns:
        if name not in decimals:
            results += call.one(name).symbols
            continue
        number = _whole_number(decimals[name])
        results += together(call.one(name), lambda block, n=number: numeric.rounded(call.b, block, n))  # type: ignore[misc]
    return results


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotLowerableError(f"decimals must be a whole number; got {describe(value)}")
    return value


def clipped(call: Call) -> list[Symbolic]:
    """clip at numbers, or at other columns."""
    call.only("lower", "upper")
    lower, upper = call.get("lower"), call.get("upper")
    if not any(isinstance(bound, (str, dict)) for bound in (lower, upper)):
        if isinstance(lower, list) or isinstance(upper, list):
            raise NotLowerableError("a bound must be one number or a column; a list has one value a row of one frame only")
        return together(call, lambda block: numeric.clipped(call.b, block, lower, upper))

    def step(block: Block) -> Block:
        low, high = (
            None if bound is None else operand_of(call, bound, block, argument)
            for argument, bound in (("lower", lower), ("upper", upper))
        )
        return numeric.clipped_by(call.b, block, low, high)

    return together(call, step)
