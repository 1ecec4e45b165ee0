"""Comparisons of compiled functions, as Python has them: whole numbers and floats compare exactly, kinds that differ do not
equal, and order of kinds that have none raises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.arithmetic import as_float, as_integer, folded
from rtml_core.lowering.functions.conditions import FALSE, Condition, both, constant, either, literal, negate
from rtml_core.lowering.functions.interpreter import EXACT, INT64
from rtml_core.lowering.functions.machine import Machine, Raises, constants
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
    tensor,
    truth_of,
)
from rtml_core.lowering.functions.vocabulary import COMPARE
from rtml_core.lowering.strings import plain
from rtml_core.lowering.symbolic import Symbolic, lookup, new, value_of, where

_ORDER: Final = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}
_FLIPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def compare(m: Machine, operator: str, one: Alternative, two: Alternative, guard: Condition) -> Alternative:
    """one <operator> two, a boolean."""
    if operator in ("in", "not in"):
        found = contains(m, one, two, guard)
        return boolean(found if operator == "in" else negate(found))
    if operator in ("is", "is not"):
        found = _is(one, two)
        return boolean(found if operator == "is" else negate(found))
    if constants([one, two]):
        return folded(COMPARE[operator], one, two)
    if operator == "!=":
        return boolean(negate(equal(m, one, two)))
    return boolean(equal(m, one, two) if operator == "==" else _ordered(m, operator, one, two))


def _is(one: Alternative, two: Alternative) -> Condition:
    for item, other in ((one, two), (two, one)):
        if item.kind == NONE:
            return constant(other.kind == NONE)
        if item.kind == BOOL and item.constant:
            if other.kind != BOOL:
                return FALSE
            return truth_of(other) if item.carried else negate(truth_of(other))
    raise NotLowerableError("'is' can be compiled with None, True and False only; use ==")


def equal(m: Machine, one: Alternative, two: Alternative) -> Condition:
    """Where two values are equal."""
    if constants([one, two]):
        return truth_of(folded(COMPARE["=="], one, two))
    kinds = {one.kind, two.kind}
    if TIME in kinds and kinds <= {TIME, STR}:
        raise NotLowerableError("times can't be compared here; use a Pandas step before, e.g. eval")
    if kinds == {BOOL}:
        x, y = truth_of(one), truth_of(two)
        return either(both(x, y), both(negate(x), negate(y)))
    if kinds <= set(NUMBERS):
        return _numbers(m.b, "==", one, two)
    if kinds == {STR}:
        return literal(m.b.op("Equal", _text(m.b, one), _text(m.b, two), dtype="bool"), there(one, two))
    if kinds <= {TUPLE, CONSTANT} and TUPLE in kinds:
        raise NotLowerableError("tuples can't be compared; compare their items")
    return FALSE


def _text(b: Builder, item: Alternative) -> Any:
    if item.constant:
        plain(item.carried)
    return tensor(b, item)


def _ordered(m: Machine, operator: str, one: Alternative, two: Alternative) -> Condition:
    kinds = {one.kind, two.kind}
    if kinds <= set(NUMBERS):
        return _numbers(m.b, operator, one, two)
    if kinds == {STR}:
        raise NotLowerableError("ONNX has no order of texts; compare with == and !=, or look a number up in a dict")
    if kinds == {TIME} or kinds <= {TUPLE, CONSTANT}:
        raise NotLowerableError("times and tuples have no order here; use a Pandas step before")
    raise Raises("TypeError")


def _numbers(b: Builder, operator: str, one: Alternative, two: Alternative) -> Condition:
    one, two = as_integer(b, one), as_integer(b, two)
    if one.kind == two.kind:
        if one.kind == INT and (known := _by_bounds(operator, one, two)) is not None:
            return known
        return _emit(b, operator, tensor(b, one), tensor(b, two), there(one, two))
    if one.kind == FLOAT:
        one, two, operator = two, one, _FLIPPED[operator]
    if two.constant:
        return _with_constant(b, operator, one, float(two.carried))
    if max(abs(one.low), abs(one.high)) <= EXACT:
        return _emit(b, operator, as_float(b, one), tensor(b, two), there(two))
    return _exactly(b, operator, one, two)


def _by_bounds(operator: str, one: Alternative, two: Alternative) -> Condition | None:
    if operator in ("<", "<="):
        one, two, operator = two, one, _FLIPPED[operator]
    if one.low > two.high:
        return constant(operator in (">", ">="))
    if one.high < two.low:
        return FALSE
    return None


def _emit(b: Builder, operator: str, x: Any, y: Any, implied: Condition | None = None) -> Condition:
    return literal(b.op("Equal" if operator == "==" else _ORDER[operator], x, y, dtype="bool"), implied)


def there(*items: Alternative) -> Condition | None:
    """What a comparison that holds says about its operands: the one whose tensor may be missing is there.

    A missing float is NaN, which compares as false; a missing text is a mark that equals no text that is there.
    """
    gone = [item for item in items if item.gone is not FALSE]
    return negate(gone[0].gone) if len(gone) == 1 or (gone and gone[0].kind == FLOAT) else None


def _with_constant(b: Builder, operator: str, one: Alternative, limit: float) -> Condition:
    """A whole number against a float: against the whole number next to it."""
    if math.isnan(limit):
        return FALSE
    if math.isinf(limit) or not INT64[0] <= limit < 2.0**63:
        return constant(operator in (("<", "<=") if limit > 0 else (">", ">=")))
    if operator == "==":
        return _numbers(b, "==", one, constant_of(int(limit))) if limit.is_integer() else FALSE
    whole = math.floor(limit) if operator in ("<=", ">") else math.ceil(limit)
    return _numbers(b, operator, one, constant_of(whole))


def _exactly(b: Builder, operator: str, one: Alternative, two: Alternative) -> Condition:
    """A whole number beyond 2 ** 53 against a float. Rounding keeps the order; where both round to the same float, that is a
    whole number, and is compared as one (2 ** 63 itself is beyond every int64)."""
    x, y = tensor(b, one), tensor(b, two)
    rounded = b.cast(x, "float64")
    tie = literal(b.op("Equal", rounded, y, dtype="bool"))
    beyond = literal(b.op("Equal", y, b.const([[2.0**63]], "float64"), dtype="bool"))
    inside = b.op("Less", b.op("Abs", y), b.const([[2.0**63]], "float64"), dtype="bool")
    safe = where(b, inside, y, b.const([[-(2.0**63)]], "float64"))
    whole = b.cast(safe, "int64")
    within = _emit(b, operator, x, whole)
    if operator == "==":
        return both(tie, negate(beyond), within)
    at_end = constant(operator in ("<", "<="))
    inner = either(both(beyond, at_end), both(negate(beyond), within))
    strict = _emit(b, operator[0], rounded, y)
    return either(both(negate(tie), strict), both(tie, inner))


# ---- in ---------------------------------------------------------------------------------------------------------------


def contains(m: Machine, one: Alternative, two: Alternative, guard: Condition) -> Condition:
    """one in two: in a collection of constants, in a tuple of values, or in a text."""
    if constants([one, two]):
        return truth_of(folded(COMPARE["in"], one, two))
    if two.kind == CONSTANT:
        if isinstance(two.carried, (set, frozenset, Mapping)) and one.kind == TUPLE:
            raise NotLowerableError("a tuple of values can't be looked up")
        return member(m, one, list(two.carried))
    if two.kind == TUPLE:
        if two.keys is not None:
            return member(m, one, list(two.keys))
        found = [both(item.when, equal(m, one, item)) for value in two.carried for item in value]
        return either(*found)
    if two.kind == STR:
        if one.kind != STR:
            raise Raises("TypeError")
        return _substring(m, one, two)
    if two.kind == TIME:
        raise NotLowerableError("a time holds nothing")
    raise Raises("TypeError")


def _substring(m: Machine, one: Alternative, two: Alternative) -> Condition:
    from rtml_core.lowering.string_search import contains as search

    if not one.constant:
        raise NotLowerableError("'in' can look for a constant text only")
    return literal(value_of(m.b, search(m.b, two.symbolic, one.carried, regex_=False)), there(two))


def member(m: Machine, one: Alternative, items: list[Any]) -> Condition:
    """Whether a value is one of the constants."""
    if one.kind in (NONE, CONSTANT) or one.constant:
        value = None if one.kind == NONE else one.carried
        return constant(value in items)
    keys = matching(one, items)
    if one.kind == BOOL:
        x = truth_of(one)
        return either(x if True in keys else FALSE, negate(x) if False in keys else FALSE)
    if one.kind not in (INT, FLOAT, STR) or not keys:
        return FALSE
    if len(keys) == 1:
        return equal(m, one, constant_of(keys[0]))
    found = lookup(m.b, key_column(one), dict.fromkeys(keys, True), False, "bool", nullable=False)
    return literal(value_of(m.b, found), there(one))


def key_column(one: Alternative) -> Symbolic:
    """The column of an alternative as one that a lookup takes."""
    column = one.symbolic
    return column if column.carrier in ("string", "int64", "float64") else new("float64", column.tensor)


def matching(one: Alternative, items: list[Any]) -> list[Any]:
    """Those constants that a value of this kind can equal, as its own kind, each once: 1, 1.0 and True are one key."""
    found: dict[Any, None] = {}
    for item in items:
        number = isinstance(item, (bool, int, float))
        if one.kind == STR and isinstance(item, str):
            found[plain(item)] = None
        elif one.kind == BOOL and number and item in (0, 1):
            found[bool(item)] = None
        elif one.kind == INT and number and math.isfinite(item) and item == int(item) and INT64[0] <= item <= INT64[1]:
            found[int(item)] = None
        elif one.kind == FLOAT and number and float(item) == item:
            found[float(item)] = None
    return list(found)
