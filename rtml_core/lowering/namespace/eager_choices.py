"""Comparisons, logic, choices, tables and conversions on arrays, row by row as numpy and Python have them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.errors import ExecutionError, NotLowerableError, close_match
from rtml_core.lowering.namespace.eager import Array, ArrayEngine, EagerValue, missing_array, missing_rows
from rtml_core.lowering.namespace.eager_numbers import number
from rtml_core.lowering.namespace.meeting import NUMBERS, dtype_of_operand, meet
from rtml_core.lowering.namespace.scalars import carried, dtype_of_constant, plain
from rtml_core.lowering.namespace.values import Value

_COMPARE: Final = {
    "equal": operator.eq, "not_equal": operator.ne, "less": operator.lt, "less_equal": operator.le, "greater": operator.gt,
    "greater_equal": operator.ge,
}  # fmt: skip
#: dtypes of astype
DTYPES: Final = ("float64", "float32", "int64", "bool", "string")


def _comparison(name: str) -> Callable[..., EagerValue]:
    compare = _COMPARE[name]

    def call(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
        check_comparison(name, one, two)
        if dtype_of_operand(one) in NUMBERS:
            return engine.wrap(np.asarray(compare(number(one), number(two))))
        left, right = np.broadcast_arrays(engine.lift(one).array, engine.lift(two).array)
        if left.dtype == object:
            pairs = zip(left, right, strict=True)
            same = np.array([x is not None and y is not None and x == y for x, y in pairs], dtype=bool)
            return engine.wrap(same if name == "equal" else ~same)
        return engine.wrap(compare(left, right))

    return call


def check_comparison(name: str, one: Any, two: Any) -> None:
    """Raise NotLowerableError for operands that can't be compared so: of two kinds, None, or texts by their order."""
    if one is None or two is None:
        raise NotLowerableError("nothing equals a missing value; ask with xp.is_missing(x)")
    dtype = meet(one, two, f"xp.{name}")
    if dtype == "string" and name not in ("equal", "not_equal"):
        raise NotLowerableError(
            "ONNX has no order of texts; compare them with == and !=, or map them to numbers first, with xp.lookup(x, {...})"
        )


def truth(value: Any) -> Array:
    """object [N] of True, False and None: a condition; a number is true unless 0 (NaN is)."""
    if not isinstance(value, EagerValue):
        return np.array([bool(value)], dtype=object)
    if value.dtype == "bool":
        made: Array = value.array.astype(object)
        return made
    return np.asarray(value.array != 0).astype(object)


def _logic(decide: Callable[[Any, Any], Any]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
        pairs = np.broadcast_arrays(truth(one), truth(two))
        return booleans(engine, [decide(x, y) for x, y in zip(*pairs, strict=True)])

    return call


def booleans(engine: ArrayEngine, answers: list[Any]) -> EagerValue:
    """A column of True, False and None."""
    kind: Any = object if None in answers else bool
    return engine.wrap(np.array(answers, dtype=kind), "bool")


def _and(one: Any, two: Any) -> Any:
    if one is False or two is False:
        return False
    return None if one is None or two is None else True


def _or(one: Any, two: Any) -> Any:
    if one is True or two is True:
        return True
    return None if one is None or two is None else False


def _xor(one: Any, two: Any) -> Any:
    return None if one is None or two is None else one != two


def _not(engine: ArrayEngine, x: Any) -> EagerValue:
    return booleans(engine, [None if item is None else not item for item in truth(x)])


def _bits(ufunc: Callable[..., Any], logic: Callable[..., EagerValue]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
        if meet(one, two, "a bitwise operator") == "bool":
            return logic(engine, one, two)
        return engine.wrap(np.asarray(ufunc(number(one, whole=True), number(two, whole=True))))

    return call


def _invert(engine: ArrayEngine, x: Any) -> EagerValue:
    return _not(engine, x) if x.dtype == "bool" else engine.wrap(np.invert(x.array))


# ---- choices ----------------------------------------------------------------------------------------------------------------


def cells(engine: ArrayEngine, value: Any, dtype: str) -> Array:
    """A column or constant as an array of a dtype in which it was found to fit; a missing constant is None or NaN there."""
    if not isinstance(value, EagerValue):
        value = engine.wrap(missing_array(dtype, 1), dtype) if value is None else engine.lift(value)
    if dtype in ("bool", "string", "timestamp", "timedelta"):
        kept: Array = value.array
        return kept
    made: Array = np.asarray(number(value)).astype(dtype)
    return made


def chosen(engine: ArrayEngine, hit: Array, yes: Any, no: Any, what: str) -> EagerValue:
    """`yes` where `hit`, else `no`, in the dtype in which they meet."""
    dtype = meet(yes, no, what)
    result = np.where(hit, cells(engine, yes, dtype), cells(engine, no, dtype))
    if dtype == "bool" and result.dtype == object:
        return booleans(engine, list(result))
    return engine.wrap(result, dtype)


def _where(engine: ArrayEngine, condition: Any, yes: Any, no: Any) -> EagerValue:
    hit = np.array([item is True for item in truth(condition)], dtype=bool)
    return chosen(engine, hit, yes, no, "xp.where")


def _select(engine: ArrayEngine, conditions: Any, values: Any, default: Any) -> Any:
    conditions, values = check_select(conditions, values)
    result = default
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        result = engine.namespace.where(condition, value, result)
    return result


def check_select(conditions: Any, values: Any) -> tuple[list[Any], list[Any]]:
    """As many values as conditions, at least one, or NotLowerableError."""
    conditions, values = list(conditions), list(values)
    if not conditions or len(conditions) != len(values):
        raise NotLowerableError(
            f"xp.select takes as many values as conditions, at least one; got {len(conditions)} conditions, {len(values)} values"
        )
    return conditions, values


def constants_for(what: str, dtype: str, values: Any) -> list[Any]:
    """Constants of a list that belong to a column of this dtype, plain; or NotLowerableError."""
    items: list[Any] = list(values)
    own_kind = {str} if dtype == "string" else {float} if dtype in NUMBERS else None
    if set(map(type, items)) == own_kind:  # a long table is checked at every call
        return items
    made = []
    for item in items:
        value = plain(item)
        own = dtype_of_constant(value)
        numeric = own in NUMBERS and dtype in NUMBERS
        if value is None or not (numeric or own == dtype):
            raise NotLowerableError(f"{what}: {item!r} can't be a value of {'an' if dtype[0] == 'i' else 'a'} {dtype} column")
        made.append(value)
    return made


def _isin(engine: ArrayEngine, x: Any, values: Any) -> EagerValue:
    wanted = constants_for("xp.isin", x.dtype, values)
    hits = [missing_rows(x) & False]
    for value in wanted:
        hits.append(_comparison("equal")(engine, one=x, two=value).array)
    return engine.wrap(np.logical_or.reduce(hits))


def check_table(x: Any, table: Any, default: Any) -> tuple[list[Any], list[Any], str]:
    """Keys and values of a lookup, plain, and the dtype of its answers; or NotLowerableError."""
    keys = constants_for("xp.lookup", x.dtype, table)
    if any(isinstance(key, float) and key != key for key in keys):
        raise NotLowerableError(
            "xp.lookup: NaN is no key, it equals nothing; use xp.where(xp.is_missing(x), value, xp.lookup(...))"
        )
    if x.dtype == "bool":
        raise NotLowerableError("xp.lookup: a boolean needs no table; use xp.where(x, yes, no)")
    if not keys:
        raise NotLowerableError("xp.lookup: the table is empty; give it a key at least")
    values = [value if type(value) is str or type(value) is float else plain(value) for value in table.values()]
    return keys, values, meet_of_constants([*values, *([None] if default is None else [])], default, "xp.lookup")


def meet_of_constants(values: list[Any], column: Any, what: str) -> str:
    """The dtype in which constants (None is missing) and one more operand meet."""
    kinds = list({type(value): value for value in values if value is not None}.values())  # the dtype of a constant is its type's
    if not kinds:
        raise NotLowerableError(f"{what}: all values are missing; give it one that is not")
    widest = kinds[0]
    for value in kinds[1:]:
        widest = value if meet(widest, value, what) != dtype_of_constant(widest) else widest
    dtype = meet(widest, column, what)
    return "float64" if dtype == "int64" and None in values else dtype


def _lookup(engine: ArrayEngine, x: Any, table: Any, default: Any) -> EagerValue:
    keys, values, dtype = check_table(x, table, default)
    known = dict(zip(keys, values, strict=True))
    others = np.broadcast_to(cells(engine, default, dtype), x.array.shape)
    rows = list(x.array.astype("int64")) if x.dtype in ("timestamp", "timedelta") else list(x.array)
    if x.dtype in ("timestamp", "timedelta"):
        known = {carried(key): value for key, value in known.items()}
    found = [cells(engine, known[item], dtype)[0] if item in known else other for item, other in zip(rows, others, strict=True)]
    if dtype == "bool":
        return booleans(engine, [None if item is None else bool(item) for item in found])
    return engine.wrap(np.array(found, dtype=others.dtype).reshape(x.array.shape), dtype)


def _is_missing(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap(missing_rows(x))


def _fill_missing(engine: ArrayEngine, x: Any, value: Any) -> EagerValue:
    if value is None:
        raise NotLowerableError("xp.fill_missing needs a value that is not missing; got None")
    return chosen(engine, missing_rows(x), value, x, "xp.fill_missing")


def _full_like(engine: ArrayEngine, x: Any, value: Any) -> EagerValue:
    check_full_like(x, value)
    return engine.wrap(np.broadcast_to(cells(engine, value, x.dtype), x.array.shape), x.dtype)


def check_full_like(x: Any, value: Any) -> None:
    """A constant that the dtype of x holds, or NotLowerableError."""
    if value is None or isinstance(value, Value) or meet(x, value, "xp.full_like") != x.dtype:
        raise NotLowerableError(f"xp.full_like needs a constant that fits into {x.dtype}; got {value!r}")


# ---- conversions ------------------------------------------------------------------------------------------------------------


def check_dtype(dtype: str) -> None:
    """A dtype of astype, or NotLowerableError."""
    if dtype not in DTYPES:
        raise NotLowerableError(
            f"xp.astype: the dtype must be one of {', '.join(DTYPES)}; got {dtype!r}.{close_match(dtype, DTYPES)}"
        )


#: (from, to) of astype without an exact answer -> why, and the cure
NO_CONVERSION: Final = {
    ("float64", "string"): "ONNX writes floats differently from Python; cast to int64 first, or keep the number",
    ("float32", "string"): "ONNX writes floats differently from Python; cast to int64 first, or keep the number",
    ("timestamp", "string"): "ONNX has no text of times; take the parts you need, e.g. xp.dates.year",
    ("timedelta", "string"): "ONNX has no text of times; take xp.dates.total_seconds",
    **{("timestamp", to): "subtract a time, and take xp.dates.total_seconds" for to in ("float64", "float32", "int64", "bool")},
    **{("timedelta", to): "take xp.dates.total_seconds" for to in ("float64", "float32", "int64", "bool")},
    ("string", "bool"): "say which texts are true, with xp.isin(x, ['yes'])",
    ("string", "int64"): "use xp.strings.to_number(x), fill it and round it",
    ("string", "float64"): "use xp.strings.to_number(x)",
    ("string", "float32"): "use xp.strings.to_number(x)",
}


def check_conversion(x: Any, dtype: str) -> None:
    """Raise NotLowerableError for a conversion that is not exact."""
    check_dtype(dtype)
    if (x.dtype, dtype) in NO_CONVERSION:
        raise NotLowerableError(f"xp.astype from {x.dtype} to {dtype} has no exact form; {NO_CONVERSION[(x.dtype, dtype)]}")


MISSING_INTEGER: Final = (
    "xp.astype: the column may be missing here, and a missing value has no {}; fill it first, xp.fill_missing(x, value)"
)


def _astype(engine: ArrayEngine, x: Any, dtype: str) -> EagerValue:
    check_conversion(x, dtype)
    if x.dtype == dtype:
        return engine.wrap(x.array, dtype)
    if dtype in ("int64", "bool") and x.dtype == "bool":
        return engine.wrap(_present(x, dtype).array.astype(dtype))
    if dtype == "string":
        return engine.wrap(np.array([None if item is None else str(item) for item in x.array.tolist()], dtype=object), "string")
    if dtype == "bool":
        return engine.wrap(number(x) != 0)
    array = number(x)
    if dtype == "int64":
        array = _present(x, "int64").array
        if not (np.isfinite(array) & (array >= -(2.0**63)) & (array < 2.0**63)).all():
            raise ExecutionError("xp.astype: a number that does not fit into int64; keep such numbers out, e.g. with xp.clip")
    return engine.wrap(array.astype(dtype))


def _present(x: Any, dtype: str) -> Any:
    if missing_rows(x).any():
        raise NotLowerableError(MISSING_INTEGER.format("whole number" if dtype == "int64" else "truth"))
    return x


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **{name: _comparison(name) for name in _COMPARE},
    "logical_and": _logic(_and),
    "logical_or": _logic(_or),
    "logical_xor": _logic(_xor),
    "logical_not": _not,
    "bitwise_and": _bits(np.bitwise_and, _logic(_and)),
    "bitwise_or": _bits(np.bitwise_or, _logic(_or)),
    "bitwise_xor": _bits(np.bitwise_xor, _logic(_xor)),
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
