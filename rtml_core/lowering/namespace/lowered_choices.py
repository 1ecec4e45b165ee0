"""Comparisons, logic, choices, tables and conversions as ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.columns import MISSING_STRING, carrier_of
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block, tensor_of, time_scalar
from rtml_core.lowering.compare import compare, invert, logical
from rtml_core.lowering.namespace.eager_choices import (
    MISSING_INTEGER,
    check_comparison,
    check_conversion,
    check_full_like,
    check_select,
    check_table,
    constants_for,
)
from rtml_core.lowering.namespace.lowered_numbers import finite_of, nan_of, number, whole
from rtml_core.lowering.namespace.meeting import FLOATS, NUMBERS, dtype_of_operand, meet
from rtml_core.lowering.namespace.scalars import carried
from rtml_core.lowering.strings import plain as plain_text
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, lookup, mask_of, missing_of, new, value_of, where
from rtml_core.lowering.traced import Traced, Tracer

_METHODS: Final = {
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge",
}  # fmt: skip


def made(tracer: Tracer, dtype: str, tensor: ir.Value, *, nullable: bool = False, finite: bool = True) -> Traced:
    """A tensor [N, 1] or [1, 1] as a column of this dtype."""
    return Traced.of(tracer, new(dtype, tensor, nullable=nullable, finite=finite))


def tell(tracer: Tracer, constants: Iterable[Any]) -> None:
    """Texts among these are tried by the parity gate."""
    tracer.b.texts.update(text for text in constants if isinstance(text, str))


def _block(value: Any) -> Block:
    if isinstance(value, Traced):
        return Block(value.dtype, value.value, value.nullable)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return time_scalar("timestamp" if isinstance(value, np.datetime64) else "timedelta", carried(value))
    return Block("string", value=plain_text(value))


def _comparison(name: str) -> Callable[..., Traced]:
    def call(tracer: Tracer, one: Any, two: Any) -> Traced:
        check_comparison(name, one, two)
        tell(tracer, [one, two])
        if dtype_of_operand(one) in NUMBERS:
            return _numbers(tracer, name, number(one), number(two))
        if not isinstance(one, Traced) and name in ("equal", "not_equal"):
            one, two = two, one
        history = isinstance(one, Traced) and one.symbolic.dtype == "string" and (one.symbolic.lookup or one.symbolic.cased)
        if history and isinstance(two, str):
            found = _one_of(tracer, one.symbolic, [plain_text(two)])
            return Traced(tracer, tracer.b.op("Not", found)) if name == "not_equal" else Traced(tracer, found)
        answer = compare(tracer.b, _METHODS[name], _block(one), _block(two))
        return Traced(tracer, tensor_of(tracer.b, answer, "bool"))

    return call


def _numbers(tracer: Tracer, name: str, one: Any, two: Any) -> Traced:
    booleans = {dtype_of_operand(one), dtype_of_operand(two)} == {"bool"}
    if booleans and name not in ("equal", "not_equal"):
        one, two = whole(one), whole(two)  # onnxruntime has no order of booleans
    for x, constant in ((one, two), (two, one)):
        if isinstance(x, Traced) and not isinstance(constant, Traced) and math.isfinite(constant):
            tracer.b.threshold(x.value, [float(constant)])
    if booleans and name in ("equal", "not_equal"):
        equal = tracer.b.op("Equal", tracer.lift(one).value, tracer.lift(two).value, dtype="bool")
        return Traced(tracer, equal if name == "equal" else tracer.b.op("Not", equal))
    found: Traced = getattr(tracer, _METHODS[name])(one, two)
    return found


# ---- logic ------------------------------------------------------------------------------------------------------------------


def _condition(tracer: Tracer, value: Any) -> Block:
    """A boolean block: booleans as they are, numbers true unless 0."""
    lifted = tracer.lift(value)
    if lifted.dtype == "bool":
        return Block("bool", lifted.value, lifted.nullable)
    return Block("bool", tracer._bool(lifted))


def holds(tracer: Tracer, value: Any) -> ir.Value:
    """bool: where a condition is true; a missing one is not."""
    block = _condition(tracer, value)
    assert block.tensor is not None
    if not block.nullable:
        return block.tensor
    return tracer.b.op("Equal", block.tensor, tracer.b.const([[1.0]], "float64"), dtype="bool")


def _of_block(tracer: Tracer, block: Block) -> Traced:
    assert block.tensor is not None
    return made(tracer, "bool", block.tensor, nullable=block.nullable)


def _logic(name: str) -> Callable[..., Traced]:
    def call(tracer: Tracer, one: Any, two: Any) -> Traced:
        return _of_block(tracer, logical(tracer.b, name, _condition(tracer, one), _condition(tracer, two)))

    return call


def _not(tracer: Tracer, x: Any) -> Traced:
    return _of_block(tracer, invert(tracer.b, _condition(tracer, x)))


def _bits(op: str, logic: Callable[..., Traced]) -> Callable[..., Traced]:
    def call(tracer: Tracer, one: Any, two: Any) -> Traced:
        if meet(one, two, "a bitwise operator") == "bool":
            return logic(tracer, one, two)
        for x in (one, two):
            _require_present(x, "int64")
        return Traced(tracer, tracer.b.op(op, *(tracer.lift(whole(x)).value for x in (one, two))))

    return call


def _invert(tracer: Tracer, x: Any) -> Traced:
    return _not(tracer, x) if x.dtype == "bool" else Traced(tracer, tracer.b.op("BitwiseNot", x.value))


# ---- choices ----------------------------------------------------------------------------------------------------------------


def may_miss(value: Any) -> bool:
    """Whether an operand may be missing."""
    return value is None or nan_of(value) or (isinstance(value, (np.datetime64, np.timedelta64)) and bool(np.isnat(value)))


def carried_as(value: Any, carrier: str) -> Any:
    """A plain constant, None too, in the form of a tensor's element type."""
    if value is None:
        return missing_of(carrier)
    value = carried(value)
    return float(value) if carrier in FLOATS else plain_text(value) if carrier == "string" else value


def cells(tracer: Tracer, value: Any, carrier: str) -> ir.Value:
    """A column or constant as a tensor of this element type."""
    if isinstance(value, Traced):
        return tracer.b.cast(value.value, carrier)
    return tracer.b.const([[carried_as(value, carrier)]], carrier)


def chosen(tracer: Tracer, hit: ir.Value, yes: Any, no: Any, what: str) -> Traced:
    """`yes` where `hit`, else `no`, in the dtype in which they meet."""
    dtype = meet(yes, no, what)
    nullable = may_miss(yes) or may_miss(no)
    carrier = carrier_of(dtype, nullable)
    tensor = where(tracer.b, hit, cells(tracer, yes, carrier), cells(tracer, no, carrier))
    finite = dtype not in FLOATS or all(x is None or finite_of(x) for x in (yes, no))
    return made(tracer, dtype, tensor, nullable=nullable, finite=finite)


def _where(tracer: Tracer, condition: Any, yes: Any, no: Any) -> Traced:
    if not isinstance(condition, Traced):
        meet(yes, no, "xp.where")
        return (
            tracer.lift(yes if condition else no)
            if meet(yes, no, "") == dtype_of_operand(yes if condition else no)
            else (chosen(tracer, tracer.b.const([[bool(condition)]], "bool"), yes, no, "xp.where"))
        )
    return chosen(tracer, holds(tracer, condition), yes, no, "xp.where")


def _select(tracer: Tracer, conditions: Any, values: Any, default: Any) -> Any:
    conditions, values = check_select(conditions, values)
    result = default
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        result = tracer.namespace.where(condition, value, result)
    return result


def _is_missing(tracer: Tracer, x: Any) -> Traced:
    if not x.nullable:
        return Traced(tracer, tracer.b.const([[False]], "bool"))
    return Traced(tracer, mask_of(tracer.b, x.value, carrier_of(x.dtype, True)))


def _fill_missing(tracer: Tracer, x: Any, value: Any) -> Traced:
    if value is None:
        raise NotLowerableError("xp.fill_missing needs a value that is not missing; got None")
    if not isinstance(x, Traced):
        x = tracer.lift(x)
    dtype = meet(value, x, "xp.fill_missing")
    if not x.nullable:
        return made(tracer, dtype, tracer.b.cast(x.value, dtype), finite=x.finite) if dtype != x.dtype else x
    if dtype == "string" and isinstance(value, str):
        return Traced.of(
            tracer, lookup(tracer.b, x.symbolic, {MISSING_STRING: plain_text(value)}, IDENTITY, "string", nullable=False)
        )
    filled = chosen(tracer, mask_of(tracer.b, x.value, carrier_of(x.dtype, True)), value, x, "xp.fill_missing")
    if may_miss(value):
        return filled
    # what filled says may be missing never is now
    return made(tracer, dtype, tracer.b.cast(filled.value, carrier_of(dtype, False)), finite=x.finite and finite_of(value))


def _full_like(tracer: Tracer, x: Any, value: Any) -> Traced:
    check_full_like(x, value)
    nullable = may_miss(value)
    return made(tracer, x.dtype, cells(tracer, value, carrier_of(x.dtype, nullable)), nullable=nullable, finite=finite_of(value))


# ---- tables -----------------------------------------------------------------------------------------------------------------


def _one_of(tracer: Tracer, column: Symbolic, keys: list[Any]) -> ir.Value:
    table = dict.fromkeys(keys, True)
    return value_of(tracer.b, lookup(tracer.b, column, table, False, "bool", nullable=False))


def _key_column(tracer: Tracer, x: Traced) -> Symbolic:
    """A column of numbers in the form in which it is looked up: whole numbers, times and texts as they are, others doubles."""
    if x.dtype in ("float32", "bool"):
        return new("float64", tracer.full(Traced(tracer, tracer.b.cast(x.value, "float64"))), nullable=x.nullable)
    return x.symbolic


def _isin(tracer: Tracer, x: Any, values: Any) -> Traced:
    wanted = constants_for("xp.isin", x.dtype, values)
    tell(tracer, wanted)
    wanted = [value for value in wanted if not may_miss(value)]  # missing values equal nothing
    if not wanted:
        return Traced(tracer, tracer.b.const([[False]], "bool"))
    if x.dtype == "float32":
        with np.errstate(over="ignore"):
            wanted = [float(np.float32(value)) for value in wanted]
    if x.dtype in NUMBERS:
        tracer.b.threshold(x.value, [float(value) for value in wanted if math.isfinite(value)])
    column = _key_column(tracer, x)
    if x.dtype != "int64":
        keys = [float(value) if column.dtype == "float64" else carried_as(value, column.carrier) for value in wanted]
        return Traced(tracer, _one_of(tracer, column, keys))
    exact = [int(value) for value in wanted if not isinstance(value, float)]
    floats = [value for value in wanted if isinstance(value, float)]
    found = [_one_of(tracer, column, exact)] if exact else []
    if floats:  # numpy compares whole numbers with floats as floats
        as_float = new("float64", tracer.b.cast(value_of(tracer.b, column), "float64"))
        found.append(_one_of(tracer, as_float, floats))
    return Traced(tracer, found[0] if len(found) == 1 else tracer.b.op("Or", *found))


def _exact_keys(dtype: str, keys: list[Any], values: list[Any]) -> dict[Any, Any]:
    """Keys in the form of the column; one that no value of the column can equal is left out."""
    table: dict[Any, Any] = {}
    for key, value in zip(keys, values, strict=True):
        key = carried_as(key, "string" if dtype == "string" else "")
        if dtype in NUMBERS:
            own = (int(key) if float(key).is_integer() else None) if dtype == "int64" else float(key)
            if own is None or own != key:
                continue
            key = own
        table[key] = value
    return table


def _lookup(tracer: Tracer, x: Any, table: Any, default: Any) -> Traced:
    keys, values, dtype = check_table(x, table, default)
    column = _key_column(tracer, x)
    tell(tracer, keys)
    if x.dtype in NUMBERS:
        tracer.b.threshold(x.value, [float(key) for key in keys])
    missing = any(map(may_miss, values))
    if isinstance(default, Traced):
        nullable = missing or default.nullable
        carrier = carrier_of(dtype, nullable)
        entries = {key: carried_as(value, carrier) for key, value in _exact_keys(column.dtype, keys, values).items()}
        if default is x and dtype == column.dtype and not missing:
            return Traced.of(tracer, lookup(tracer.b, column, entries, IDENTITY, dtype, nullable=x.nullable, finite=x.finite))
        if not entries:
            return made(tracer, dtype, cells(tracer, default, carrier), nullable=nullable, finite=default.finite)
        known = _one_of(tracer, column, list(entries))
        found = lookup(tracer.b, column, entries, next(iter(entries.values())), dtype, nullable=nullable, finite=False)
        tensor = where(tracer.b, known, value_of(tracer.b, found), cells(tracer, default, carrier))
        return made(tracer, dtype, tensor, nullable=nullable, finite=default.finite and all(map(finite_of, values)))
    nullable = missing or may_miss(default)
    carrier = carrier_of(dtype, nullable)
    entries = {key: carried_as(value, carrier) for key, value in _exact_keys(column.dtype, keys, values).items()}
    finite = all(value is None or finite_of(value) for value in (*values, default))
    result = lookup(tracer.b, column, entries, carried_as(default, carrier), dtype, nullable=nullable, finite=finite)
    return Traced.of(tracer, result)


# ---- conversions ------------------------------------------------------------------------------------------------------------


def _require_present(x: Any, dtype: str) -> None:
    if isinstance(x, Traced) and x.nullable:
        raise NotLowerableError(MISSING_INTEGER.format("whole number" if dtype == "int64" else "truth"))


def _astype(tracer: Tracer, x: Any, dtype: str) -> Traced:
    check_conversion(x, dtype)
    b = tracer.b
    if x.dtype == dtype:
        return x  # type: ignore[no-any-return]
    if dtype == "string":
        return _to_text(tracer, x)
    if dtype == "bool":
        return Traced(tracer, tracer._bool(x))
    if dtype == "int64":
        _require_present(x, dtype)
        if x.dtype in FLOATS:
            low, high = (b.const([[edge]], x.dtype) for edge in (-(2.0**63), 2.0**63))
            fits = b.op("GreaterOrEqual", x.value, low, dtype="bool"), b.op("Less", x.value, high, dtype="bool")
            b.check(tracer.full(Traced(tracer, b.op("And", *fits))), "a number that fits into int64, for xp.astype")
        return Traced(tracer, b.cast(x.value, "int64"))
    finite = x.finite and not (dtype == "float32" and x.dtype == "float64")
    return Traced(tracer, b.cast(number(x).value, dtype), nullable=x.nullable, finite=finite)


def _to_text(tracer: Tracer, x: Traced) -> Traced:
    b = tracer.b
    if x.dtype == "int64":
        return made(tracer, "string", b.cast(x.value, "string"))
    text = where(b, holds(tracer, x), b.const([["True"]], "string"), b.const([["False"]], "string"))
    if x.nullable:
        text = where(b, mask_of(b, x.value, "float64"), b.const([[MISSING_STRING]], "string"), text)
    return made(tracer, "string", text, nullable=x.nullable)


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _comparison(name) for name in _METHODS},
    "logical_and": _logic("and"),
    "logical_or": _logic("or"),
    "logical_xor": _logic("xor"),
    "logical_not": _not,
    "bitwise_and": _bits("BitwiseAnd", _logic("and")),
    "bitwise_or": _bits("BitwiseOr", _logic("or")),
    "bitwise_xor": _bits("BitwiseXor", _logic("xor")),
    "bitwise_invert": _invert,
    "where": _where,
    "select": _select,
    "isin": _isin,
    "lookup": _lookup,
    "is_missing": _is_missing,
    "fill_missing": _fill_missing,
    "full_like": _full_like,
    "astype": _astype,
}
