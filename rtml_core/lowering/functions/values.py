"""Values of a compiled function: which kinds a value can be, under which condition, and the tensor that holds each.

Python has one type a value, ONNX one type a tensor, and a row may be None where the next is a number. So a value is a list
of alternatives, of which exactly one holds in each row: kind, condition, and what carries it. What an alternative's tensor
says in rows where its condition is false means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, dtype_of
from rtml_core.lowering.functions.conditions import FALSE, TRUE, Condition, both, compact, either, emit, negate
from rtml_core.lowering.functions.interpreter import INT64
from rtml_core.lowering.symbolic import Symbolic, new, value_of, where

NONE: Final = "none"
BOOL: Final = "bool"
INT: Final = "int"
FLOAT: Final = "float"
STR: Final = "str"
TIME: Final = "time"
#: tuples and lists of values, dicts with constant keys
TUPLE: Final = "tuple"
#: a set or dict of constants, as a Python object
CONSTANT: Final = "constant"
#: a variable that was not assigned
UNBOUND: Final = "unbound"
#: as Python names them in messages
PYTHON_NAMES: Final = {NONE: "NoneType", TIME: "Timestamp", TUPLE: "tuple", CONSTANT: "set or dict"}
NUMBERS: Final = (BOOL, INT, FLOAT)
#: literals of a condition up to which it stays a formula
_LARGE: Final = 12
_DTYPES: Final = {INT: "int64", FLOAT: "float64", STR: "string", TIME: "timestamp"}


@dataclass(frozen=True)
class Alternative:
    """One kind of a value, where `when` holds.

    carried: a Python constant if `constant`, else a Symbolic (int, float, str, time), a Condition (bool), or a tuple of values
    (tuple). `low`, `high` bound whole numbers. `keys`: those of a dict whose values are `carried`; None for a tuple. `gone`:
    where the tensor holds the missing value already (NaN, U+FDD0), so that a column made of it needs no step for that. `spare`:
    where it holds a constant already, outside of its own condition, and that constant.
    """

    kind: str
    when: Condition = TRUE
    carried: Any = None
    constant: bool = False
    low: int = INT64[0]
    high: int = INT64[1]
    keys: tuple[Any, ...] | None = None
    sequence: type = tuple
    gone: Condition = FALSE
    spare: tuple[Condition, Any] | None = None

    @property
    def symbolic(self) -> Symbolic:
        """The column that carries it."""
        assert isinstance(self.carried, Symbolic)
        return self.carried

    @property
    def missing(self) -> bool:
        """Whether it is None, or the constant NaN, which a column takes for missing."""
        return self.kind == NONE or (self.constant and isinstance(self.carried, float) and math.isnan(self.carried))


Value = tuple[Alternative, ...]


def constant_of(value: Any) -> Alternative:
    """A Python constant."""
    if value is None:
        return Alternative(NONE, constant=True)
    if isinstance(value, bool):
        return Alternative(BOOL, carried=value, constant=True)
    if isinstance(value, int):
        return Alternative(INT, carried=value, constant=True, low=value, high=value)
    if isinstance(value, float):
        return Alternative(FLOAT, carried=value, constant=True)
    if isinstance(value, str):
        return Alternative(STR, carried=value, constant=True)
    return Alternative(CONSTANT, carried=value, constant=True)


def boolean(condition: Condition) -> Alternative:
    """A truth value."""
    if condition.kind in ("true", "false"):
        return Alternative(BOOL, carried=condition is TRUE, constant=True)
    return Alternative(BOOL, carried=condition)


def carried(kind: str, symbolic: Symbolic, low: int = INT64[0], high: int = INT64[1]) -> Alternative:
    """A column as an alternative that holds everywhere."""
    return Alternative(kind, carried=symbolic, low=max(low, INT64[0]), high=min(high, INT64[1]))


def integer(tensor: ir.Value, low: int = INT64[0], high: int = INT64[1]) -> Alternative:
    """int64 [N, 1] as a whole number between low and high."""
    return carried(INT, new("int64", tensor), low, high)


def number(tensor: ir.Value, *sources: Alternative) -> Alternative:
    """float64 [N, 1] as a float; NaN is a float like any other.

    With `sources`, the operands of a step that makes NaN of nothing but NaN and infinity: they say whether it may be NaN.
    """
    made = carried(FLOAT, new("float64", tensor, nullable=not sources or not all(map(is_plain, sources)), finite=False))
    gone = either(*(item.gone for item in sources if item.kind == FLOAT))
    return made if gone is FALSE else replace(made, gone=gone)


def is_plain(item: Alternative) -> bool:
    """Whether a number is neither NaN nor infinite in the rows where it holds."""
    if item.kind != FLOAT:
        return True
    return math.isfinite(item.carried) if item.constant else item.symbolic.finite and not item.symbolic.nullable


def may_be_nan(item: Alternative) -> bool:
    """Whether a number may be NaN in the rows where it holds."""
    if item.kind != FLOAT:
        return False
    return math.isnan(item.carried) if item.constant else item.symbolic.nullable


def text(tensor: ir.Value) -> Alternative:
    """string [N, 1] as a text."""
    return carried(STR, new("string", tensor))


def truth_of(alternative: Alternative) -> Condition:
    """A boolean alternative as a condition."""
    if alternative.constant:
        return TRUE if alternative.carried else FALSE
    assert isinstance(alternative.carried, Condition)
    return alternative.carried


def tensor(b: Builder, alternative: Alternative, dtype: str | None = None) -> ir.Value:
    """What carries an alternative, as [N, 1] (a constant as [1, 1]), cast to `dtype`."""
    natural = _DTYPES.get(alternative.kind, "bool")
    if alternative.kind == BOOL:
        if alternative.constant:
            return b.const([[alternative.carried]], dtype or "bool")
        return b.cast(emit(b, truth_of(alternative)), dtype or "bool")
    if alternative.constant:
        return b.const([[alternative.carried]], dtype or ("int64" if natural == "timestamp" else natural))
    value = value_of(b, alternative.symbolic)
    return value if dtype is None else b.cast(value, dtype)


# ---- putting values together ----------------------------------------------------------------------------------------


def under(value: Value, condition: Condition) -> Value:
    """The alternatives that are possible where the condition holds."""
    return tuple(item for item in value if both(item.when, condition) is not FALSE)


def limited(value: Value, condition: Condition) -> Value:
    """The alternatives, each where the condition holds too; the others are left out."""
    made = (replace(item, when=both(item.when, condition)) for item in value)
    return tuple(item for item in made if item.when is not FALSE)


def select(b: Builder, condition: Condition, yes: Value, no: Value) -> Value:
    """`yes` where the condition holds, `no` elsewhere. A side without alternatives (it raised) gives way to the other."""
    if condition in (TRUE, FALSE):
        return yes if condition is TRUE else no
    if not yes or not no:
        return yes or no
    if yes == no:
        return yes
    return joined(b, [*limited(yes, condition), *limited(no, negate(condition))])


def joined(b: Builder, alternatives: Sequence[Alternative]) -> Value:
    """Alternatives that exclude each other as a value: those of one kind become one."""
    groups: dict[Any, list[Alternative]] = {}
    for item in alternatives:
        groups.setdefault(_group(item), []).append(item)
    made = [_united(b, members) for members in groups.values()]
    return (replace(made[0], when=TRUE),) if len(made) == 1 else tuple(made)


def _group(item: Alternative) -> Any:
    if item.kind == TUPLE:
        return (TUPLE, len(item.carried), item.keys, item.sequence)
    if item.kind == CONSTANT:
        return (CONSTANT, id(item.carried))
    # NaN as a constant stands for "missing" beside texts, so it stays apart from other floats
    return (item.kind, item.missing and item.kind == FLOAT)


def _united(b: Builder, members: list[Alternative]) -> Alternative:
    first = members[0]
    for other in members[1:]:
        first = _pair(b, first, other)
    return first


def _pair(b: Builder, one: Alternative, two: Alternative) -> Alternative:
    """Two alternatives of one kind as one, which holds where one of them does."""
    when = compact(b, either(one.when, two.when), _LARGE)
    if one.kind in (NONE, CONSTANT, UNBOUND) or same(one, two):
        return replace(one, when=when)
    if one.kind == BOOL:
        chosen = either(both(one.when, truth_of(one)), both(negate(one.when), truth_of(two)))
        return replace(boolean(compact(b, chosen, _LARGE)), when=when)
    if one.kind == TUPLE:
        pairs = zip(one.carried, two.carried, strict=True)
        return replace(one, when=when, carried=tuple(select(b, one.when, x, y) for x, y in pairs))
    for fixed, other in ((one, two), (two, one)):
        if _holds_already(other, fixed):
            return replace(other, when=when, gone=FALSE, spare=None, low=min(one.low, two.low), high=max(one.high, two.high))
    made = where(b, emit(b, one.when), tensor(b, one), tensor(b, two))
    low, high = min(one.low, two.low), max(one.high, two.high)
    gone = either(both(one.when, one.gone), both(negate(one.when), two.gone))
    if one.kind == INT:
        return replace(integer(made, low, high), when=when)
    if one.kind == FLOAT:
        plain = is_plain(one) and is_plain(two)
        known = new("float64", made, nullable=may_be_nan(one) or may_be_nan(two), finite=plain)
        return replace(carried(FLOAT, known), when=when, gone=gone)
    if one.kind == STR:  # a method of texts keeps a missing one where it is told that there may be some
        return replace(carried(STR, new("string", made, nullable=gone is not FALSE)), when=when, gone=gone)
    result = Alternative(TIME, carried=new("timestamp", made))
    return replace(result, when=when, gone=gone)


def _holds_already(item: Alternative, fixed: Alternative) -> bool:
    """Whether the tensor of one alternative holds the constant of another where that one holds."""
    if item.spare is None or not fixed.constant or item.gone is not FALSE:
        return False
    return both(fixed.when, negate(item.spare[0])) is FALSE and repr(item.spare[1]) == repr(fixed.carried)


def same(one: Alternative, two: Alternative) -> bool:
    """Whether two alternatives of one kind carry the very same."""
    if one.constant != two.constant or one.kind != two.kind:
        return False
    if one.constant:
        mine, yours = one.carried, two.carried
        if isinstance(mine, float) and isinstance(yours, float):
            return repr(mine) == repr(yours)
        return bool(mine == yours)
    return bool(one.carried.same_as(two.carried)) if isinstance(one.carried, Symbolic) else bool(one.carried == two.carried)


def kind_name(alternative: Alternative) -> str:
    """The kind as Python names the type."""
    return PYTHON_NAMES.get(alternative.kind, alternative.kind)


def rows(b: Builder, value: ir.Value) -> ir.Value:
    """A constant [1, 1] as [N, 1]; any other value as it is."""
    assert value.shape is not None
    if not isinstance(value.shape[0], int):
        return value
    if not b.inputs:
        raise NotLowerableError("a constant column needs at least one input column")
    count = b.op("Shape", b.inputs[0], dtype="int64", shape=[1], start=0, end=1)
    shape = b.op("Concat", count, b.const([1], "int64"), shape=[2], axis=0)
    return b.op("Expand", value, shape, dtype=dtype_of(value), shape=["N", 1])
