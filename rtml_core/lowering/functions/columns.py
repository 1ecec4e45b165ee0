"""Columns as the arguments of a function, and its answer as a column."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final, Literal

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.conditions import FALSE, Condition, both, either, emit, literal, negate
from rtml_core.lowering.functions.machine import Machine
from rtml_core.lowering.functions.values import (
    BOOL,
    FLOAT,
    INT,
    STR,
    TIME,
    Alternative,
    Value,
    carried,
    constant_of,
    kind_name,
    may_be_nan,
    rows,
    tensor,
)
from rtml_core.lowering.symbolic import Symbolic, missing_mask, missing_of, new, value_of, where

#: what a function sees for a missing cell: None; NaN as in a pandas Series; or nothing, it is not called (pandas' na_action)
Missing = Literal["none", "nan", "ignore"]
_CARRIERS: Final = {"bool": "float64", "int64": "int64", "float64": "float64", "string": "string", "timestamp": "int64"}
_KIND_WORDS: Final = {BOOL: "True or False", INT: "a number", FLOAT: "a number", STR: "a text", TIME: "a time"}


def argument(b: Builder, column: Symbolic, missing: Missing) -> Value:
    """A column as the value of an argument. Raises NotLowerableError for a column that has no Python value here."""
    if column.dtype == "timedelta":
        raise NotLowerableError("a function takes no time spans; take dt.total_seconds before")
    present = _present(b, column)
    if not column.nullable or (column.dtype in ("float64", "float32") and missing == "nan"):
        return (present,)
    if missing == "nan" and column.dtype in ("bool", "timestamp"):
        raise NotLowerableError(f"a {column.dtype} column may be missing here, and pandas hands over NA or NaT; fill it first")
    gone = literal(missing_mask(b, column))
    absent = constant_of(math.nan if missing == "nan" else None)
    if present.kind == FLOAT:
        present = replace(present, carried=replace(present.symbolic, nullable=False))
    in_band = FALSE if present.kind == BOOL else gone  # a nullable boolean travels as a float, and is no boolean tensor here
    return (replace(absent, when=gone), replace(present, when=negate(gone), gone=in_band))


def _present(b: Builder, column: Symbolic) -> Alternative:
    if column.dtype == "bool":
        value = value_of(b, column)
        if column.nullable:
            value = b.op("Equal", value, b.const([[1.0]], "float64"), dtype="bool")
        return Alternative(BOOL, carried=literal(value))
    if column.dtype == "int64":
        return carried(INT, column)
    if column.dtype == "string":
        return carried(STR, column)
    if column.dtype == "timestamp":
        return carried(TIME, column)
    if column.dtype == "float32":
        value = b.cast(value_of(b, column), "float64")
        return carried(FLOAT, new("float64", value, nullable=column.nullable, finite=column.finite))
    return carried(FLOAT, column)


def result(m: Machine, value: Value, what: str) -> Symbolic:
    """The answer of a function as a column. Raises NotLowerableError where its kinds do not make one."""
    if not value:
        raise NotLowerableError(f"{what} raises in every row")
    present = [item for item in value if not item.missing]
    absent = either(*(item.when for item in value if item.missing))
    dtype = dtype_of_kinds(present, what)
    if not present:
        return _all_missing(m.b)
    nullable = absent is not FALSE
    if dtype == "int64" and nullable:
        dtype = "float64"
    if len(value) == 1 and isinstance(value[0].carried, Symbolic) and value[0].carried.dtype == dtype:
        return value[0].carried
    return _column(m.b, present, absent, dtype, nullable)


def dtype_of_kinds(present: list[Alternative], what: str) -> str:
    """The dtype of a column of these answers. Raises NotLowerableError where they make none."""
    kinds = {item.kind for item in present}
    odd = next((item for item in present if item.kind not in _KIND_WORDS), None)
    if odd is not None:
        raise NotLowerableError(
            f"{what} gives a {kind_name(odd)}, which is no cell of a column; give a number, a text, True or False"
        )
    if not kinds or kinds <= {INT, FLOAT}:
        return "int64" if kinds == {INT} else "float64"
    if len(kinds) > 1:
        words = sorted(dict.fromkeys(_KIND_WORDS[kind] for kind in kinds))
        raise NotLowerableError(f"{what} gives {' in one branch and '.join(words[:2])} in another; a column holds one kind")
    return {BOOL: "bool", STR: "string", TIME: "timestamp"}[kinds.pop()]


def _all_missing(b: Builder) -> Symbolic:
    return new("float64", rows(b, b.const([[math.nan]], "float64")), nullable=True)


def _column(b: Builder, present: list[Alternative], absent: Condition, dtype: str, nullable: bool) -> Symbolic:
    carrier = dtype if dtype != "bool" and dtype != "timestamp" else _carrier(dtype, nullable)
    made = tensor(b, present[-1], carrier if dtype != "timestamp" else None)
    gone = both(present[-1].when, present[-1].gone) if len(present) > 1 else present[-1].gone
    for item in reversed(present[:-1]):
        made = where(b, emit(b, item.when), tensor(b, item, carrier if dtype != "timestamp" else None), made)
        gone = either(both(item.when, item.gone), both(negate(item.when), gone))
    if nullable and both(absent, negate(gone)) is not FALSE:
        made = where(b, emit(b, absent), b.const([[missing_of(carrier)]], carrier), made)
    finite = dtype != "float64" or all(item.kind != FLOAT or _finite(item) for item in present)
    nullable = nullable or (dtype == "float64" and any(map(may_be_nan, present)))
    return new(dtype, rows(b, made), nullable=nullable, finite=finite)


def _carrier(dtype: str, nullable: bool) -> str:
    return "int64" if dtype == "timestamp" else ("float64" if nullable else "bool")


def _finite(item: Alternative) -> bool:
    return math.isfinite(item.carried) if item.constant else item.symbolic.finite
