"""map, replace, isin: tables over a column. pandas itself fills the table, from the values that can matter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, lookup, missing_of, new, value_of
from rtml_plugins.pandas_ops.folding import by_pandas, carried, is_finite
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import micros, one_by_one

#: float64 holds every whole number up to here
_EXACT: Final = 2**53


def mapped(call: Call) -> list[Symbolic]:
    """map by an object of values; what it does not list becomes missing."""
    call.only("func", "na_action")
    table = call.get("func")
    return [_mapped(call.one(name), column, table) for name, column in zip(call.columns, call.symbols, strict=True)]


def _mapped(call: Call, column: Symbolic, table: Mapping[Any, Any]) -> Symbolic:
    keys = candidates(column, table)
    if table and not keys and not any(_is_missing(key) for key in table):
        raise NotLowerableError(
            f"column '{call.columns[0]}': no key of the mapping can be met by a {column.dtype} column: the first one is"
            f" {describe(next(iter(table)))}. In JSON, keys that are no text are written as pairs:"
            f' {{"$pairs": [[1, "a"], [2, "b"]]}}'
        )
    closed = closed_values(column)
    if closed is not None:
        return from_values(call, column, closed, None)
    return from_values(call, column, [*with_missing(column, keys), unlisted(column, keys)], -1)


def from_values(call: Call, column: Symbolic, values: Sequence[Any], default: int | None) -> Symbolic:
    """A lookup whose answers pandas gives for `values`; values[default] stands for all that are not listed."""
    answers = _answers(call, column, values)
    found, dtype, nullable = answers
    other = found[0] if default is None else found[default]
    listed = list(values) if default is None else list(values)[:default]
    table = {value: answer for value, answer in zip(listed, found, strict=False) if not _same(answer, other)}
    finite = is_finite(found, dtype)
    if not table:  # an all-equal table still needs an entry
        table = {listed[0] if listed else values[0]: other}
    return _lookup(call, column, table, other, dtype, nullable, finite)


def _lookup(
    call: Call, column: Symbolic, table: dict[Any, Any], default: Any, dtype: str, nullable: bool, finite: bool
) -> Symbolic:
    categories = None
    if dtype in ("string", "int64"):
        missing = missing_of("string") if dtype == "string" else None
        categories = tuple(v for v in dict.fromkeys([*table.values(), default]) if v != missing)
    source = keyed(call.b, column)
    narrow = source.carrier == "float64" and carrier_of(dtype, nullable) == "float32"
    made = lookup(
        call.b, source, table, default, "float64" if narrow else dtype, nullable=nullable, finite=finite, categories=categories
    )
    return new("float32", call.b.cast(value_of(call.b, made), "float32"), nullable=nullable, finite=finite) if narrow else made


def keyed(b: Builder, column: Symbolic) -> Symbolic:
    """The column in an element type that onnxruntime's LabelEncoder takes as keys."""
    if column.carrier == "bool":
        return new("int64", b.cast(value_of(b, column), "int64"))
    if column.carrier == "float32":
        return new("float64", b.cast(value_of(b, column), "float64"), nullable=column.nullable, finite=column.finite)
    return column


_KINDS: Final = (
    "the values would be of several kinds, or pandas refuses them; give values of one kind, all numbers, all strings or all"
    " booleans"
)
_BOTH_KINDS: Final = "replacing some values by another kind leaves a column of both kinds; use map, which turns every value over"


def _answers(call: Call, column: Symbolic, values: Sequence[Any], refusal: str = _KINDS) -> tuple[list[Any], str, bool]:
    """What pandas gives for the values, in carrier form; dtype; whether one is missing."""
    result = by_pandas(call, call.columns[0], column, values)
    if result is None:
        raise NotLowerableError(f"column '{call.columns[0]}': {refusal}")
    return carried(result)


def _same(one: Any, two: Any) -> bool:
    return bool(one == two) or (isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


# ---- the values that can matter -------------------------------------------------------------------------------------------


def candidates(column: Symbolic, values: Iterable[Any]) -> list[Any]:
    """Those of `values` that a present row of the column can equal, in carrier form, each once."""
    found: dict[Any, None] = {}
    values = list(values)
    if column.dtype == "int64":
        _require_exact(values)
    for value in values:
        made = _fitting(value, column)
        if made is not None:
            found[made] = None
    return list(found)


def _fitting(value: Any, column: Symbolic) -> Any:
    import pandas as pd

    # True and 1 are the same to some methods and not to others: pandas is asked
    number = isinstance(value, (int, float)) and not _is_missing(value)
    if column.dtype == "string":
        return value if isinstance(value, str) else None
    if column.dtype == "bool":
        return (float(value) if column.nullable else bool(value)) if value in (0, 1) else None
    if column.dtype == "int64" and number:
        return _whole(value)
    if column.dtype in ("float64", "float32") and number:
        return _as_float(value, column.dtype)
    if column.dtype == "timestamp" and isinstance(value, pd.Timestamp):
        return micros(value)
    if column.dtype == "timedelta" and isinstance(value, pd.Timedelta):
        return micros(value)
    return None


def _require_exact(values: Sequence[Any]) -> None:
    """Among floats pandas compares whole numbers as floats, and beyond 2 ** 53 one float stands for several of them."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not _is_missing(value)]
    if any(isinstance(value, float) for value in numbers) and any(abs(value) >= _EXACT for value in numbers):
        raise NotLowerableError("floats stand for several whole numbers beyond 2 ** 53; write all the values as whole numbers")


def _whole(value: float | int) -> int | None:
    return int(value) if float(value).is_integer() and -(2**63) <= value < 2**63 else None


def _as_float(value: float | int, dtype: str) -> float:
    import numpy as np

    return float(np.float32(value)) if dtype == "float32" else float(value)


def with_missing(column: Symbolic, values: Sequence[Any]) -> list[Any]:
    """The values, and the missing one where the column may be missing."""
    return [*values, missing_of(column.carrier)] if column.nullable else list(values)


def unlisted(column: Symbolic, values: Sequence[Any]) -> Any:
    """A value in carrier form that is none of `values`. A boolean has at most two: then one that is listed."""
    taken = set(values)
    if column.dtype == "bool":
        choices: list[Any] = [0.0, 1.0] if column.nullable else [False, True]
        return next((v for v in choices if v not in taken), choices[0])
    if column.dtype == "string":
        return next(text for text in ("", *(f"\x1f{n}" for n in range(len(taken) + 1))) if text not in taken)
    start = 0.5 if column.dtype in ("float64", "float32") else 0
    return next(start + n for n in range(len(taken) + 1) if start + n not in taken)


def closed_values(column: Symbolic) -> list[Any] | None:
    """All values the column can have, in carrier form, when they are few and certain: booleans. None otherwise."""
    if column.dtype == "bool":
        return with_missing(column, [0.0, 1.0] if column.nullable else [False, True])
    return None


# ---- replace, isin ----------------------------------------------------------------------------------------------------------


def replaced(call: Call) -> list[Symbolic]:
    """replace by an object of values, or a value or list and what takes its place; other values stay."""
    call.only("to_replace", "value", "regex")
    if call.get("regex"):
        raise NotLowerableError('patterns are for text columns: use str.replace with "regex": true')
    wanted = call.get("to_replace")
    if wanted is None:
        raise NotLowerableError("argument 'to_replace' must be given")
    if not isinstance(wanted, Mapping) and "value" not in call.node.bound:
        raise NotLowerableError("argument 'value' must be given: it says what takes the place of 'to_replace'")
    if call.whole and isinstance(wanted, Mapping) and any(isinstance(value, Mapping) for value in wanted.values()):
        if "value" in call.node.bound or not all(isinstance(value, Mapping) for value in wanted.values()):
            raise NotLowerableError("an object for each column must hold objects of values only, and no 'value'")
        return _column_by_column(call, "to_replace", wanted, {})
    if call.whole and isinstance(call.get("value"), Mapping):
        raise NotLowerableError("an object for each column is not available; use one node a column, with 'cols'")
    values = list(wanted) if isinstance(wanted, (Mapping, list)) else [wanted]
    return [_replaced(call.one(name), column, values) for name, column in zip(call.columns, call.symbols, strict=True)]


def _replaced(call: Call, column: Symbolic, wanted: Sequence[Any]) -> Symbolic:
    keys = candidates(column, wanted)
    values = with_missing(column, keys)
    if not values:
        return column
    closed = closed_values(column)
    if closed is not None:
        made = from_values(call, column, closed, None)
        return made if made.dtype != column.dtype or _changes(call, column, closed) else column
    other = unlisted(column, keys)
    answers, dtype, _ = _answers(call, column, [*values, other], _BOTH_KINDS)
    if dtype != column.dtype:
        return _replaced_as(call, column, values, answers, dtype)
    table = {value: answer for value, answer in zip(values, answers, strict=False) if not _same(value, answer)}
    if not table:
        return column
    gone = missing_of(column.carrier) if column.dtype != "int64" else None
    left = column.nullable and not any(_same(key, gone) for key in table)
    nullable = left or any(_same(answer, gone) for answer in table.values())
    finite = column.finite and is_finite(list(table.values()), dtype)
    return _identity_lookup(call, column, table, nullable, finite)


def _changes(call: Call, column: Symbolic, values: Sequence[Any]) -> bool:
    return any(not _same(value, answer) for value, answer in zip(values, _answers(call, column, values)[0], strict=True))


def _replaced_as(call: Call, column: Symbolic, values: Sequence[Any], answers: Sequence[Any], dtype: str) -> Symbolic:
    """Whole numbers of which some become floats or missing: all of them become float64, as in pandas."""
    if column.dtype != "int64" or dtype != "float64":
        raise NotLowerableError(f"column '{call.columns[0]}': {_BOTH_KINDS}")
    if any(abs(value) >= _EXACT for value in values):
        raise NotLowerableError("whole numbers beyond 2 ** 53 are not exact as floats; replace them by whole numbers")
    floats = new("float64", call.b.cast(value_of(call.b, column), "float64"))
    table = {float(value): answer for value, answer in zip(values, answers, strict=False) if float(value) != answer}
    nullable = any(math.isnan(answer) for answer in table.values())
    return _identity_lookup(call, floats, table, nullable, is_finite(list(table.values()), "float64"))


def _identity_lookup(call: Call, column: Symbolic, table: dict[Any, Any], nullable: bool, finite: bool) -> Symbolic:
    b = call.b
    if column.carrier in ("bool", "float32") or carrier_of(column.dtype, nullable) != column.carrier:
        return _by_where(b, column, table, nullable, finite)
    return lookup(b, column, table, IDENTITY, column.dtype, nullable=nullable, finite=finite)


def _by_where(b: Builder, column: Symbolic, table: Mapping[Any, Any], nullable: bool, finite: bool) -> Symbolic:
    """The same without a lookup, for element types that have none."""
    if column.dtype == "bool":
        raise NotLowerableError("booleans are replaced with map: it lists both")
    value = value_of(b, column)
    result: ir.Value = value
    for key, target in table.items():
        gone = isinstance(key, float) and math.isnan(key)
        hit = b.op("IsNaN", value, dtype="bool") if gone else b.op("Equal", value, b.const([[key]], column.carrier), dtype="bool")
        result = b.op("Where", hit, b.const([[target]], column.carrier), result, dtype=column.carrier)
    return new(column.dtype, result, nullable=nullable, finite=finite)


def _column_by_column(call: Call, argument: str, by_column: Mapping[str, Any], other: Any) -> list[Symbolic]:
    """A method of the frame whose argument goes by columns, as one node a column; `other` is for columns without one."""
    from rtml_plugins.pandas_ops.node import Pandas

    made = []
    for name, column in zip(call.columns, call.symbols, strict=True):
        value = by_column.get(name, other)
        if not value and argument == "to_replace":
            made.append(column)
            continue
        node = Pandas(import_=call.name, cols=name, kwargs={argument: value}, inplace=True)
        made.append(node.lower(call.b, call.frame)[name])
    return made


def isin(call: Call) -> list[Symbolic]:
    """isin a list of values, or for the whole frame an object of columns and lists."""
    values = call.get("values")
    if call.whole and isinstance(values, Mapping):
        return _column_by_column(call, "values", values, [])
    if not isinstance(values, list):
        raise NotLowerableError(f"argument 'values' must be a list; got {describe(values)}")

    def step(column: Symbolic) -> Symbolic:
        keys = candidates(column, values)
        name = call.columns[next(i for i, symbolic in enumerate(call.symbols) if symbolic is column)]
        closed = closed_values(column)
        if closed is not None:
            return from_values(call.one(name), column, closed, None)
        return from_values(call.one(name), column, [*with_missing(column, keys), unlisted(column, keys)], -1)

    return one_by_one(call, step)
