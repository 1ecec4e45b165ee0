"""FieldOps on frames: the reference. Arrays [N] in carrier form (see columns.py), missing values in band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME, missing_column
from rtml_core.errors import ColumnError, RtmlError
from rtml_core.frames import canonical_series, dtype_word, from_carrier, to_carrier
from rtml_plugins.fields.kinds import common, require_kind, scalar_as
from rtml_plugins.fields.operations import Choice, Concat, Flag, Listed, Operation
from rtml_plugins.fields.terms import Combined, Condition, Constant, Expression, FieldRef, Test, Value

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Operand:
    """Values [N] of a dtype, booleans as float64 with NaN; or, with `data` None, a constant."""

    dtype: str
    data: Array | None
    constant: Constant | None = None

    def array(self, dtype: str, rows: int) -> Array:
        """The values as `dtype`, [N]."""
        if self.data is None:
            assert self.constant is not None
            scalar = scalar_as(self.constant, dtype, nullable=True)
            return np.full(rows, scalar, dtype=object if dtype == "string" else carrier(dtype))
        return self.data.astype(carrier(dtype)) if dtype != self.dtype else self.data


def carrier(dtype: str) -> str:
    """numpy's dtype for the values of a column; booleans as float64."""
    return {"string": "object", "bool": "float64", "timestamp": "int64", "timedelta": "int64"}.get(dtype, dtype)


def missing(values: Array) -> Array:
    """bool [N]: where carried values are missing; whole numbers never are."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == MISSING_STRING, dtype=bool) if values.dtype.kind == "O" else np.zeros(len(values), dtype=bool)


def missing_of_dtype(values: Array, dtype: str) -> Array:
    """The same where whole numbers may be times."""
    return values == MISSING_TIME if dtype in ("timestamp", "timedelta") else missing(values)


def apply(operation: Operation, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the operation's field set. Errors name the operation."""
    try:
        for name in operation.fields():
            if name not in frame.columns:
                raise ColumnError(missing_column(name, map(str, frame.columns)))
        made = _Eager(frame).made(operation)
    except RtmlError as error:
        error.args = (f"{operation.place}: {error}",)
        raise
    frame = frame.copy(deep=False)
    frame[operation.field] = made
    return frame


def choose(what: Choice, field: str, frame: pd.DataFrame) -> tuple[str, Array]:
    """dtype and carried values [N] of a choice, on a frame."""
    return _Eager(frame).choice(what, field)


class _Eager:
    def __init__(self, frame: pd.DataFrame):
        self.frame = frame
        self.rows = len(frame)

    def made(self, operation: Operation) -> pd.Series:
        what = operation.what
        if isinstance(what, Flag):
            found = self.condition(what.condition)
            return self.series("int64", found.astype(np.int64)) if what.as_int else self.series("bool", found)
        if isinstance(what, Choice):
            return self.series(*self.choice(what, operation.field))
        if isinstance(what, Concat):
            return self.series("string", self.concat(what))
        if isinstance(what, Listed):
            return self.series(*self.listed(what, operation.field))
        operand = self.value(what)
        dtype = common([operand.dtype, *self._present(operation.field, operand)], f"'{operation.field}'")
        return self.series(dtype, operand.array(dtype, self.rows))

    def _present(self, field: str, operand: Operand) -> list[str]:
        """A field that becomes missing in every row keeps its dtype."""
        return [self.field(field).dtype] if operand.dtype == "null" and field in self.frame.columns else []

    def series(self, dtype: str, values: Array) -> pd.Series:
        import pandas as pd

        return pd.Series(from_carrier(values, dtype), index=self.frame.index)

    # ---- values ---------------------------------------------------------------------------------------------------

    def field(self, name: str) -> Operand:
        return self._operand(self.frame[name], name)

    def _operand(self, series: pd.Series, name: str) -> Operand:
        series = canonical_series(series, name)
        return Operand(dtype_word(series), to_carrier(series, True))

    def value(self, term: Value) -> Operand:
        if isinstance(term, Constant):
            return Operand(term.dtype, None, term)
        if isinstance(term, FieldRef):
            return self.field(term.name)
        found = self.evaluated(term)
        if np.ndim(found) == 0:
            from rtml_plugins.fields.terms import constant

            plain = constant(found.item() if isinstance(found, np.generic) else found, term.text)
            return Operand(plain.dtype, None, plain)
        return self._operand(found, term.text)

    def evaluated(self, term: Expression) -> Any:
        """What pandas gives for an expression: a Series, or a scalar for one without fields."""
        try:
            with np.errstate(all="ignore"):
                return self.frame.eval(term.text, engine="python")
        except RtmlError:
            raise
        except Exception as error:  # pandas raises all kinds
            raise ColumnError(f"'{term.text}' can't be computed: {type(error).__name__}: {error}") from error

    # ---- conditions -----------------------------------------------------------------------------------------------

    def condition(self, term: Condition) -> Array:
        """bool [N]; a condition that is missing is false."""
        if isinstance(term, Combined):
            parts = [self.condition(part) for part in term.parts]
            if term.how == "not":
                return ~parts[0]
            together = np.logical_and if term.how == "all" else np.logical_or
            return np.asarray(together.reduce(parts), dtype=bool)
        if isinstance(term, Test):
            return self._test(term)
        operand = self.value(term)
        require_kind(operand.dtype, ("bool",), f"'{term.text}'", "to be true or false in every row to be a condition")
        return np.asarray(operand.array("bool", self.rows) == 1.0)

    def _test(self, term: Test) -> Array:
        operand = self.field(term.field)
        assert operand.data is not None
        values = operand.data
        gone = missing_of_dtype(values, operand.dtype)
        if term.how in ("missing", "present"):
            return gone if term.how == "missing" else ~gone
        if term.how == "in":
            return self._in(term, operand) & ~gone
        require_kind(operand.dtype, ("string",), f"'{term.how}' of '{term.field}'", "texts")
        ask = {"contains": str.__contains__, "starts_with": str.startswith, "ends_with": str.endswith}[term.how]
        found: Array = np.array([bool(ask(text, term.operand)) for text in values], dtype=np.bool_)
        return found & ~gone

    def _in(self, term: Test, operand: Operand) -> Array:
        texts = isinstance(term.operand[0], str)
        require_kind(operand.dtype, listable(texts), f"'in' of '{term.field}'", "texts" if texts else "numbers")
        values = operand.array("float64" if operand.dtype == "float32" else operand.dtype, self.rows)
        found = np.zeros(self.rows, dtype=bool)
        for item in fitting(term.operand, operand.dtype):
            found |= np.asarray(values == item, dtype=bool)
        return found

    # ---- operations -----------------------------------------------------------------------------------------------

    def choice(self, what: Choice, field: str) -> tuple[str, Array]:
        operands = [self.value(value) for _, value in what.cases]
        operands.append(self.otherwise(what, field))
        dtype = common([operand.dtype for operand in operands], f"'{field}'")
        result = operands[-1].array(dtype, self.rows)
        for (test, _), operand in reversed(list(zip(what.cases, operands, strict=False))):
            result = np.where(self.condition(test), operand.array(dtype, self.rows), result)
        return dtype, result

    def otherwise(self, what: Choice, field: str) -> Operand:
        if what.otherwise is not None:
            return self.value(what.otherwise)
        return self.field(field) if field in self.frame.columns else self.value(Constant(None, "null"))

    def listed(self, what: Listed, field: str) -> tuple[str, Array]:
        operands = [self.value(value) for value in what.values]
        if what.how == "count":
            count = np.zeros(self.rows, dtype=np.int64)
            for o in operands:
                count += ~missing_of_dtype(o.array(o.dtype, self.rows), o.dtype) if o.dtype != "null" else 0
            return "int64", count
        dtype = common([operand.dtype for operand in operands], f"'{field}'")
        arrays = [operand.array(dtype, self.rows) for operand in operands]
        if what.how == "coalesce":
            return dtype, first_present(arrays, dtype)
        require_kind(dtype, ("float64", "float32", "int64", "timestamp", "timedelta"), f"'{what.how}'", "numbers or times")
        return dtype, extreme(arrays, dtype, what.how)

    def concat(self, what: Concat) -> Array:
        parts = []
        for value in what.values:
            operand = self.value(value)
            require_kind(operand.dtype, ("string", "int64", "null"), "'concat'", "texts or whole numbers")
            texts = operand.array(operand.dtype if operand.dtype != "null" else "string", self.rows)
            parts.append(np.array([str(text) for text in texts], dtype=object))
        rows = []
        for row in zip(*parts, strict=True):
            filled = [what.missing if t == MISSING_STRING and what.missing is not None else t for t in row]
            rows.append(MISSING_STRING if MISSING_STRING in filled else what.sep.join(filled))
        return np.array(rows, dtype=object)


def listable(texts: bool) -> Sequence[str]:
    """Dtypes of the fields that 'in' takes with a list of texts, or of numbers."""
    return ("string",) if texts else ("float64", "float32", "int64")


def fitting(listed: Sequence[Any], dtype: str) -> list[Any]:
    """The listed values that a field of `dtype` can equal: no fraction is a whole number."""
    if dtype != "int64":
        return list(listed) if dtype == "string" else [float(item) for item in listed]
    return [int(item) for item in listed if math.isfinite(item) and item == int(item) and -(2**63) <= item < 2**63]


def first_present(arrays: Sequence[Array], dtype: str) -> Array:
    """The first value that is there, row by row."""
    result = arrays[-1]
    for values in reversed(arrays[:-1]):
        result = np.where(missing_of_dtype(values, dtype), result, values)
    return result


def extreme(arrays: Sequence[Array], dtype: str, how: str) -> Array:
    """The smallest or largest value of each row; missing ones are passed over."""
    result = arrays[0]
    for values in arrays[1:]:
        better = values < result if how == "min" else values > result
        taken = (better | missing_of_dtype(result, dtype)) & ~missing_of_dtype(values, dtype)
        result = np.where(taken, values, result)
    return result
