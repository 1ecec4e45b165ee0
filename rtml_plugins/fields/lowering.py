"""FieldOps as ONNX: the same rules as eager.py, on symbolic columns."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.errors import ColumnError, RtmlError
from rtml_core.lowering.blocks import TIMES, Block, symbols, time_scalar
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.expressions import ExpressionLowering
from rtml_core.lowering.string_search import contains, endswith, startswith
from rtml_core.lowering.symbolic import (
    IDENTITY,
    Symbolic,
    integer_extreme,
    keep_missing,
    lookup,
    mask_of,
    missing_mask,
    missing_of,
    new,
    value_of,
    where,
)
from rtml_core.lowering.trace import require_column
from rtml_plugins.fields.eager import fitting, listable
from rtml_plugins.fields.kinds import common, require_kind, scalar_as
from rtml_plugins.fields.operations import Choice, Concat, Flag, Listed, Operation
from rtml_plugins.fields.terms import Combined, Condition, Constant, Expression, FieldRef, Test, Value

if TYPE_CHECKING:
    Columns = dict[str, Symbolic]


@dataclass(frozen=True)
class Operand:
    """A column, or a constant where `column` is None."""

    dtype: str
    column: Symbolic | None
    constant: Constant | None = None

    @property
    def nullable(self) -> bool:
        """Whether a row may be missing."""
        return self.dtype == "null" if self.column is None else self.column.nullable

    @property
    def finite(self) -> bool:
        """Whether no row is infinite."""
        if self.column is not None:
            return self.column.finite
        assert self.constant is not None
        return self.constant.value not in (float("inf"), float("-inf"))

    def tensor(self, b: Builder, dtype: str, nullable: bool) -> ir.Value:
        """[N, 1], or [1, 1] for a constant, in the carrier of `dtype`."""
        carrier = carrier_of(dtype, nullable)
        if self.column is None:
            assert self.constant is not None
            return b.const([[scalar_as(self.constant, dtype, nullable=nullable)]], carrier)
        return b.cast(value_of(b, self.column), carrier)


def apply(operation: Operation, b: Builder, columns: Columns) -> Columns:
    """The columns with the operation's field set. Errors name the operation."""
    try:
        for name in operation.fields():
            require_column(columns, name)
        return {**columns, operation.field: _Lowering(b, columns).made(operation)}
    except RtmlError as error:
        error.args = (f"{operation.place}: {error}",)
        raise


def text_operand(text: str, dtype: str) -> Block:
    """A text constant that meets a column of another kind: a moment, for timestamps."""
    from rtml_core.timestamps import EXPECTED, parse_timestamp

    micros = parse_timestamp(text) if dtype == "timestamp" else None
    if micros is None:
        raise ColumnError(
            f"a {dtype} field and the text '{text}' do not mix" + (f"; write {EXPECTED}" if dtype == "timestamp" else "")
        )
    return time_scalar("timestamp", micros)


class _Lowering:
    def __init__(self, b: Builder, columns: Columns):
        self.b = b
        self.columns = columns

    def made(self, operation: Operation) -> Symbolic:
        what = operation.what
        if isinstance(what, Flag):
            found = self.condition(what.condition)
            return new("int64", self.b.cast(found, "int64")) if what.as_int else new("bool", found)
        if isinstance(what, Choice):
            return self.choice(what, operation.field)
        if isinstance(what, Concat):
            return self.concat(what)
        if isinstance(what, Listed):
            return self.listed(what, operation.field)
        operand = self.value(what)
        if operand.column is not None:
            return operand.column
        present = self.columns.get(operation.field)
        known = [present.dtype] if operand.dtype == "null" and present is not None else []
        return self.constant(operand, common([operand.dtype, *known], f"'{operation.field}'"))

    def constant(self, operand: Operand, dtype: str) -> Symbolic:
        """A column of one value, as the lookup that gives it for every key, so that what follows folds into it."""
        b, nullable = self.b, operand.nullable
        assert operand.constant is not None
        value = scalar_as(operand.constant, dtype, nullable=nullable)
        if not self.columns:
            raise ColumnError("a constant needs a frame with at least one field")
        source = next((c for c in self.columns.values() if c.carrier in ("int64", "string", "float64")), None)
        if source is None:
            source = new("int64", b.cast(value_of(b, next(iter(self.columns.values()))), "int64"))
        key: Any = "" if source.carrier == "string" else 0
        if carrier_of(dtype, nullable) == "float32":
            raise ColumnError("a float32 field has no constant; cast it to float64 first")
        plain = replace(source, lookup=None, cased=None)
        return lookup(b, plain, {key: value}, value, dtype, nullable=nullable, finite=operand.finite)

    # ---- values ---------------------------------------------------------------------------------------------------

    def value(self, term: Value) -> Operand:
        if isinstance(term, Constant):
            return Operand(term.dtype, None, term)
        if isinstance(term, FieldRef):
            return self._operand(self.columns[term.name])
        if isinstance(term.tree, ast.Name):
            return self._operand(self.columns[term.tree.id])
        block = self.evaluated(term)
        if block.is_scalar:
            found = Constant(block.value, block.dtype) if block.value == block.value else Constant(None, "null")
            return Operand(found.dtype, None, found)
        return self._operand(symbols(block)[0])

    def _operand(self, column: Symbolic) -> Operand:
        return Operand(column.dtype, column)

    def evaluated(self, term: Expression) -> Block:
        return ExpressionLowering(self.b, self.columns, text_operand).lower(term.tree)

    # ---- conditions -----------------------------------------------------------------------------------------------

    def condition(self, term: Condition) -> ir.Value:
        """bool [N, 1]; a condition that is missing is false."""
        b = self.b
        if isinstance(term, Combined):
            parts = [self.condition(part) for part in term.parts]
            result = parts[0]
            for part in parts[1:]:
                result = b.op("And" if term.how == "all" else "Or", result, part)
            return b.op("Not", result) if term.how == "not" else result
        if isinstance(term, Test):
            return self._test(term)
        operand = self.value(term)
        require_kind(operand.dtype, ("bool",), f"'{term.text}'", "to be true or false in every row to be a condition")
        if operand.column is None:
            raise ColumnError(f"'{term.text}' is the same for every row; a condition compares a field with something")
        if operand.nullable:
            return b.op("Equal", value_of(b, operand.column), b.const([[1.0]], "float64"), dtype="bool")
        return value_of(b, operand.column)

    def _test(self, term: Test) -> ir.Value:
        b, column = self.b, self.columns[term.field]
        if term.how in ("missing", "present"):
            gone = self._missing(column)
            return gone if term.how == "missing" else b.op("Not", gone)
        if term.how == "in":
            return self._in(term, column)
        require_kind(column.dtype, ("string",), f"'{term.how}' of '{term.field}'", "texts")
        if term.how == "contains":
            found = contains(b, column, term.operand, regex_=False)
        else:
            found = (startswith if term.how == "starts_with" else endswith)(b, column, term.operand)
        return value_of(b, found)

    def _missing(self, column: Symbolic) -> ir.Value:
        """bool [N, 1]; all false, at the price of a node, for a column that is always there."""
        b = self.b
        if not column.nullable:
            return self._never(column)
        if column.lookup is not None:
            absent = missing_of(column.carrier)
            return value_of(b, self._asked(column, [absent]))
        return mask_of(b, value_of(b, column), column.carrier)

    def _never(self, column: Symbolic) -> ir.Value:
        b, value = self.b, value_of(self.b, column)
        same = value if column.carrier == "bool" else b.op("Equal", value, value, dtype="bool")
        return b.op("Xor", same, same)

    def _asked(self, column: Symbolic, keys: Sequence[Any]) -> Symbolic:
        """Whether the column is one of the keys, as a lookup."""
        return lookup(self.b, column, dict.fromkeys(keys, True), False, "bool", nullable=False)

    def _in(self, term: Test, column: Symbolic) -> ir.Value:
        b = self.b
        texts = isinstance(term.operand[0], str)
        require_kind(column.dtype, listable(texts), f"'in' of '{term.field}'", "texts" if texts else "numbers")
        keys = fitting(term.operand, column.dtype)
        if not keys:
            return self._never(column)
        if column.dtype == "float32":
            column = new("float64", b.cast(value_of(b, column), "float64"), nullable=column.nullable, finite=column.finite)
        return value_of(b, self._asked(column, keys))

    # ---- operations -----------------------------------------------------------------------------------------------

    def choice(self, what: Choice, field: str) -> Symbolic:
        from rtml_plugins.fields.tables import folded

        table = folded(what, field, self.columns)
        if table is not None:
            return table.look_up(self.b, self.columns)
        operands = [self.value(value) for _, value in what.cases]
        if what.otherwise is not None:
            operands.append(self.value(what.otherwise))
        else:
            present = self.columns.get(field)
            operands.append(self._operand(present) if present is not None else Operand("null", None, Constant(None, "null")))
        dtype = common([operand.dtype for operand in operands], f"'{field}'")
        nullable = any(operand.nullable for operand in operands)
        conditions = [self.condition(test) for test, _ in what.cases]
        result = operands[-1].tensor(self.b, dtype, nullable)
        for test, operand in reversed(list(zip(conditions, operands, strict=False))):
            result = where(self.b, test, operand.tensor(self.b, dtype, nullable), result)
        categories = None
        if dtype == "string" and all(operand.constant is not None for operand in operands):
            texts = [operand.constant.value for operand in operands if operand.constant is not None]
            categories = tuple(dict.fromkeys(text for text in texts if text is not None))
        return new(dtype, result, nullable=nullable, finite=all(o.finite for o in operands), categories=categories)

    def listed(self, what: Listed, field: str) -> Symbolic:
        operands = [self.value(value) for value in what.values]
        if what.how == "count":
            return self.count(operands)
        dtype = common([operand.dtype for operand in operands], f"'{field}'")
        if what.how == "coalesce":
            return self.coalesce(operands, dtype)
        require_kind(dtype, ("float64", "float32", "int64", *TIMES), f"'{what.how}'", "numbers or times")
        return self.extreme(operands, dtype, what.how)

    def count(self, operands: Sequence[Operand]) -> Symbolic:
        b = self.b
        sure = sum(not operand.nullable for operand in operands)
        result: ir.Value | None = None
        for operand in operands:
            if operand.nullable and operand.column is not None:
                there = b.cast(b.op("Not", self._missing(operand.column)), "int64")
                result = there if result is None else b.op("Add", result, there)
        if result is None:
            constant = Constant(sure, "int64")
            return self.constant(Operand("int64", None, constant), "int64")
        return new("int64", b.op("Add", result, b.const([[sure]], "int64")) if sure else result)

    def coalesce(self, operands: Sequence[Operand], dtype: str) -> Symbolic:
        b = self.b
        used: list[Operand] = []
        for operand in operands:  # nothing behind one that is always there is ever asked
            used.append(operand)
            if not operand.nullable:
                break
        if used[0].column is None:
            return self.constant(used[0], dtype) if used[0].dtype != "null" else self.coalesce(operands[1:], dtype)
        result, nullable = used[-1], used[-1].nullable
        if len(used) == 1:
            return new(dtype, result.tensor(b, dtype, nullable), nullable=nullable, finite=result.finite)
        if len(used) == 2 and result.constant is not None and not nullable and dtype == used[0].dtype == "string":
            table = {missing_of("string"): result.constant.value}
            return lookup(b, used[0].column, table, IDENTITY, dtype, nullable=False)
        value = result.tensor(b, dtype, True)
        for operand in reversed(used[:-1]):
            one = operand.tensor(b, dtype, True)
            value = where(b, mask_of(b, one, carrier_of(dtype, True)), value, one) if operand.nullable else one
        value = b.cast(value, carrier_of(dtype, nullable))
        return new(dtype, value, nullable=nullable, finite=all(o.finite for o in used))

    def extreme(self, operands: Sequence[Operand], dtype: str, how: str) -> Symbolic:
        """Pair by pair; onnxruntime's own Min and Max do not pass over missing values, nor take large whole numbers."""
        b = self.b
        nullable = all(operand.nullable for operand in operands)
        carrier = carrier_of(dtype, False)
        maybe = operands[0].nullable
        result = operands[0].tensor(b, dtype, False)
        for operand in operands[1:]:
            other = operand.tensor(b, dtype, False)
            if not maybe and not operand.nullable and dtype != "float32":
                result = self._sure_extreme(result, other, dtype, how)
                continue
            better = b.op("Less" if how == "min" else "Greater", other, result, dtype="bool")
            if maybe:
                better = b.op("Or", better, mask_of(b, result, carrier))
            if operand.nullable and dtype in TIMES:  # a missing time is the smallest number, NaN is neither less nor greater
                better = b.op("And", better, b.op("Not", mask_of(b, other, carrier)))
            result, maybe = b.op("Where", better, other, result, dtype=carrier), maybe and operand.nullable
        if all(operand.column is None for operand in operands):
            raise ColumnError(f"'{how}' of constants only; write the value itself")
        return new(dtype, result, nullable=nullable, finite=all(o.finite for o in operands))

    def _sure_extreme(self, one: ir.Value, two: ir.Value, dtype: str, how: str) -> ir.Value:
        if carrier_of(dtype, False) == "int64":
            return integer_extreme(self.b, "Greater" if how == "min" else "Less", one, two)
        return self.b.op("Min" if how == "min" else "Max", one, two, dtype=dtype)

    def concat(self, what: Concat) -> Symbolic:
        b = self.b
        parts: list[Symbolic | str] = []  # constants next to each other become one
        for number, value in enumerate(what.values):
            if number and what.sep:
                _append(parts, what.sep)
            part = self._part(value)
            if part is None and what.missing is None:
                raise ColumnError("'concat' of a missing constant is missing in every row")
            _append(parts, (what.missing or "") if part is None else part)
        if not any(isinstance(part, Symbolic) for part in parts):
            raise ColumnError("'concat' of constants only; write the text itself")
        joined: ir.Value | None = None
        gone = []
        for part in parts:
            if isinstance(part, str):
                tensor = b.const([[part]], "string")
            elif part.nullable and what.missing is not None:
                tensor = where(b, missing_mask(b, part), b.const([[what.missing]], "string"), value_of(b, part))
            else:
                tensor = value_of(b, part)
                gone += [part] if part.nullable else []
            joined = tensor if joined is None else b.op("StringConcat", joined, tensor, width=1)
        assert joined is not None
        for column in gone:
            joined = keep_missing(b, column, joined)
        return new("string", joined, nullable=bool(gone))

    def _part(self, value: Value) -> Symbolic | str | None:
        operand = self.value(value)
        require_kind(operand.dtype, ("string", "int64", "null"), "'concat'", "texts or whole numbers")
        if operand.column is None:
            assert operand.constant is not None
            return None if operand.dtype == "null" else str(operand.constant.value)
        if operand.dtype == "int64":
            return new("string", self.b.cast(value_of(self.b, operand.column), "string"))
        return operand.column


def _append(parts: list[Symbolic | str], part: Symbolic | str) -> None:
    if part == "":
        return
    if isinstance(part, str) and parts and isinstance(parts[-1], str):
        parts[-1] += part
    else:
        parts.append(part)
