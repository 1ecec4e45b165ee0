"""Built-in functions and functions of math, as Python has them, domain errors included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.arithmetic import as_float, as_integer, binary, folded, negative
from rtml_core.lowering.functions.conditions import FALSE, Condition, both, either, literal, negate
from rtml_core.lowering.functions.interpreter import INT64, call
from rtml_core.lowering.functions.machine import Machine, Raises, constants
from rtml_core.lowering.functions.rounding import round_decimals
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
    boolean,
    constant_of,
    integer,
    number,
    tensor,
    text,
)
from rtml_core.lowering.number_texts import NUMBER, emit, emit_whole
from rtml_core.lowering.numeric import function
from rtml_core.lowering.symbolic import where

#: names that differ from those of the array namespace
_NAMES: Final = {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
#: a text is not longer than this
_LONGEST: Final = 2**40


def call_function(m: Machine, name: str, items: list[Alternative], guard: Condition) -> Alternative:
    """A function of vocabulary.CALLS other than min and max, on one alternative each."""
    if constants(items):
        return folded(lambda *values: call(name, list(values)), *items)
    first = items[0]
    if name == "math.pow":
        _numbers_only(items)
        return binary(m, "**", _float(m, first), _float(m, items[1]), guard)
    if name.startswith("math."):
        _numbers_only(items)
        if name == "math.log" and len(items) == 2:
            top, bottom = (_math(m, "log", item, guard) for item in items)
            return binary(m, "/", top, bottom, guard)
        return _math(m, name.removeprefix("math."), first, guard)
    if name == "round":
        return _round(m, items, guard)
    return _BUILTINS[name](m, first, guard)


def _numbers_only(items: list[Alternative]) -> None:
    if any(item.kind not in NUMBERS for item in items):
        raise Raises("TypeError")


def _float(m: Machine, item: Alternative) -> Alternative:
    if item.kind == FLOAT:
        return item
    return constant_of(float(item.carried)) if item.constant else number(as_float(m.b, item))


def _compared(m: Machine, op: str, value: ir.Value, limit: float) -> Condition:
    return literal(m.b.op(op, value, m.b.const([[limit]], "float64"), dtype="bool"))


def _infinite(m: Machine, value: ir.Value) -> Condition:
    return literal(m.b.op("IsInf", value, dtype="bool"))


# ---- math -----------------------------------------------------------------------------------------------------------


def _math(m: Machine, name: str, item: Alternative, guard: Condition) -> Alternative:
    if item.constant:
        return folded(lambda value: call(f"math.{name}", [value]), item)
    if name in ("floor", "ceil", "trunc"):
        return item if item.kind == INT else _whole(m, name, as_integer(m.b, item), guard)
    if name in ("isnan", "isinf", "isfinite"):
        return _question(m, name, item)
    x = as_float(m.b, item)
    if name == "fabs":
        return number(m.b.op("Abs", x), item)
    if name in ("radians", "degrees"):
        factor = math.pi / 180.0 if name == "radians" else 180.0 / math.pi
        return number(m.b.op("Mul", x, m.b.const([[factor]], "float64")), item)
    outside = _outside(m, name, x)
    if outside is not None:
        m.fail(both(guard, outside), "ValueError (math domain error)")
    result = (
        m.b.op("Sqrt", x) if name == "sqrt" else function(m.b, _NAMES.get(name, name), Block("float64", x, True, False)).tensor
    )
    assert result is not None
    if name == "cosh":
        result = _large_cosh(m.b, x, result)
    if name in ("exp", "expm1", "sinh", "cosh"):
        m.fail(both(guard, _infinite(m, result), negate(_infinite(m, x))), "OverflowError (math range error)")
    return number(result, item)


def _large_cosh(b: Builder, x: ir.Value, general: ir.Value) -> ir.Value:
    """cosh where exp(x) overflows and its half does not: exp(x / 2) / 2 * exp(x / 2)."""
    size = b.op("Abs", x)
    root = b.op("Exp", b.op("Mul", size, b.const([[0.5]], "float64")))
    large = b.op("Mul", b.op("Mul", root, b.const([[0.5]], "float64")), root)
    return where(b, b.op("Greater", size, b.const([[700.0]], "float64"), dtype="bool"), large, general)


def _outside(m: Machine, name: str, x: ir.Value) -> Condition | None:
    """Where Python raises ValueError: outside of the function's domain."""
    if name in ("log", "log2", "log10"):
        return _compared(m, "LessOrEqual", x, 0.0)
    if name == "log1p":
        return _compared(m, "LessOrEqual", x, -1.0)
    if name == "sqrt":
        return _compared(m, "Less", x, 0.0)
    if name in ("asin", "acos"):
        return literal(m.b.op("Greater", m.b.op("Abs", x), m.b.const([[1.0]], "float64"), dtype="bool"))
    return _infinite(m, x) if name in ("sin", "cos", "tan") else None


def _question(m: Machine, name: str, item: Alternative) -> Alternative:
    if item.kind != FLOAT:
        return constant_of(name == "isfinite")
    x = tensor(m.b, item)
    nan, infinite = literal(m.b.op("IsNaN", x, dtype="bool")), _infinite(m, x)
    return boolean({"isnan": nan, "isinf": infinite, "isfinite": negate(either(nan, infinite))}[name])


def _whole(m: Machine, name: str, item: Alternative, guard: Condition) -> Alternative:
    """floor, ceil, trunc or round of a float, as a whole number; NaN, infinity and what is beyond int64 refuse the row."""
    if item.kind == INT:
        return item
    x = tensor(m.b, item)
    m.fail(both(guard, literal(m.b.op("IsNaN", x, dtype="bool"))), "ValueError (NaN has no whole number)")
    far = literal(m.b.op("GreaterOrEqual", m.b.op("Abs", x), m.b.const([[2.0**63]], "float64"), dtype="bool"))
    lowest = literal(m.b.op("Equal", x, m.b.const([[-(2.0**63)]], "float64"), dtype="bool"))
    m.fail(both(guard, far, negate(lowest)), "OverflowError (beyond 64 bits)")
    op = {"floor": "Floor", "ceil": "Ceil", "round": "Round"}.get(name)
    return integer(m.b.cast(x if op is None else m.b.op(op, x), "int64"))


# ---- built-in functions -----------------------------------------------------------------------------------------------


def _abs(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    _numbers_only([item])
    if item.kind == FLOAT:
        return number(m.b.op("Abs", tensor(m.b, item)), item)
    whole = as_integer(m.b, item)
    if whole.low >= 0:
        return whole
    if whole.low == INT64[0]:
        negative(m, whole, guard)
    ends = (abs(whole.low), abs(whole.high))
    return integer(m.b.op("Abs", tensor(m.b, whole)), 0, max(ends))


def _round(m: Machine, items: list[Alternative], guard: Condition) -> Alternative:
    item, digits = items[0], items[1] if len(items) == 2 else constant_of(None)
    if item.kind not in NUMBERS:
        raise Raises("TypeError")
    if not (digits.constant or digits.kind == NONE):
        raise NotLowerableError("round() to a number of digits that varies can't be compiled; write the number")
    places = None if digits.kind == NONE else digits.carried
    if places is not None and not isinstance(places, int):
        raise Raises("TypeError")
    if item.kind != FLOAT:
        if places is not None and places < 0:
            raise NotLowerableError("round() of a whole number to tens or hundreds can't be compiled; use // and *")
        return as_integer(m.b, item)
    if places is None:
        return _whole(m, "round", item, guard)
    return number(round_decimals(m.b, tensor(m.b, item), int(places)), item)


def _int(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    if item.kind == STR:
        value, fine = emit_whole(m.b, tensor(m.b, item))
        m.fail(both(guard, negate(literal(fine))), "ValueError (a text that says no whole number)")
        return integer(value)
    _numbers_only([item])
    return _whole(m, "trunc", as_integer(m.b, item), guard)


def _float_of(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    if item.kind == STR:
        texts = tensor(m.b, item)
        fine = literal(m.b.op("RegexFullMatch", texts, dtype="bool", pattern=NUMBER))
        m.fail(both(guard, negate(fine)), "ValueError (a text that says no number)")
        return number(emit(m.b, texts))
    _numbers_only([item])
    return _float(m, item)


def text_of(m: Machine, item: Alternative) -> Alternative:
    """str(item)"""
    if item.kind == STR:
        return item
    if item.constant:
        return folded(str, item)
    if item.kind == INT:
        return text(tensor(m.b, item, "string"))
    if item.kind == BOOL:
        return text(where(m.b, tensor(m.b, item), m.b.const([["True"]], "string"), m.b.const([["False"]], "string")))
    if item.kind == FLOAT:
        raise NotLowerableError("ONNX writes floats differently from Python; make it a whole number first, e.g. int(x)")
    raise NotLowerableError(f"str() of a {item.kind} can't be compiled")


def _bool(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    return boolean(m.truth((item,), guard))


def _len(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    if item.kind == STR:
        if item.symbolic.nullable:
            counted = m.b.ext("StringLength", tensor(m.b, item), dtype="int64")
            return integer(counted, 0, _LONGEST)
        from rtml_core.lowering.strings import length

        return Alternative(INT, carried=length(m.b, item.symbolic), low=0, high=_LONGEST)
    if item.kind == TUPLE:
        return constant_of(len(item.carried))
    raise Raises("TypeError")


def _isna(m: Machine, item: Alternative, guard: Condition) -> Alternative:
    if item.kind == FLOAT:
        return boolean(literal(m.b.op("IsNaN", tensor(m.b, item), dtype="bool")))
    return boolean(FALSE)


_BUILTINS: Final[dict[str, Callable[[Machine, Alternative, Condition], Alternative]]] = {
    "abs": _abs, "int": _int, "float": _float_of, "bool": _bool, "len": _len, "isna": _isna,
    "str": lambda m, item, guard: text_of(m, item),
}  # fmt: skip


def is_kind(item: Alternative, names: list[str]) -> bool:
    """isinstance of an alternative; True and False are whole numbers, too."""
    kinds = {*names, *(["bool"] if "int" in names else [])}
    return item.kind in kinds if item.kind not in (CONSTANT, TIME, NONE) else False
