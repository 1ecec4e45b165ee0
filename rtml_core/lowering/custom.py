"""Custom operators on symbolic columns: which dtype comes out, what may be missing, and folding into tables.

All three kinds give the same here, see CustomOp: a Python operator and a native one answer for missing inputs by themselves, and
work on several columns at once; for a function the rows with missing inputs are masked around it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from rtml_core.custom_ops import CustomOp
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.builder import Builder, dtype_of, width_of
from rtml_core.lowering.symbolic import Symbolic, apply_table, mask_of, matrix, missing_of, unpack, value_of, where


def custom(b: Builder, op: CustomOp, /, *columns: Symbolic, **arguments: Any) -> tuple[Symbolic, ...]:
    """The operator on columns, one for each of its inputs: one column for each of its outputs.

    A whole number or a boolean comes out as float64 or as nullable bool where an input may be missing, as everywhere. Raises
    NotLowerableError for columns that the operator does not take.
    """
    if not isinstance(op, CustomOp):
        raise NotLowerableError(f"custom() takes a CustomOp and its columns; got {describe(op)}")
    if len(columns) == len(op.inputs) == len(op.outputs) == 1:
        return (_each(b, op, columns, arguments)[0],)
    _check(op, columns)
    values = b.custom(op, *(value_of(b, column) for column in columns), **arguments)
    made = []
    for position, (dtype, value) in enumerate(zip(op.outputs, values, strict=True)):
        made.append(_named(b, op, dtype, value, columns, _strict(b, op, arguments, position))[0])
    return tuple(made)


def custom_each(b: Builder, op: CustomOp, columns: Sequence[Symbolic], **arguments: Any) -> list[Symbolic]:
    """An operator of one input and one output on each of several columns. A column that comes out of a table is folded into
    it, which leaves no custom operator; the others go through one node together (numbers and booleans by nullability), or of a
    function through one node each."""
    return _each(b, op, columns, arguments)


def _each(b: Builder, op: CustomOp, columns: Sequence[Symbolic], arguments: Mapping[str, Any]) -> list[Symbolic]:
    results: dict[int, Symbolic] = {}
    groups: dict[Any, list[int]] = {}
    for position, column in enumerate(columns):
        _check(op, [column])
        folded = _folded(b, op, column, arguments)
        if folded is not None:
            results[position] = folded
        elif op.kind == "function":
            groups[position] = [position]
        else:
            groups.setdefault(column.nullable and op.outputs[0] in ("int64", "bool"), []).append(position)
    for positions in groups.values():
        members = [columns[position] for position in positions]
        packed = matrix(b, members, members[0].carrier)
        whole = Symbolic(members[0].dtype, packed, 0, any(member.nullable for member in members))
        (value,) = b.custom(op, packed, **arguments)
        made = _named(b, op, op.outputs[0], value, [whole], _strict(b, op, arguments, 0))
        for position, member, symbolic in zip(positions, members, made, strict=True):
            nullable = symbolic.nullable and (member.nullable or _gives_missing(op, symbolic.dtype))
            results[position] = replace(symbolic, nullable=nullable)
    return [results[position] for position in range(len(columns))]


def _check(op: CustomOp, columns: Sequence[Symbolic]) -> None:
    dtypes = tuple(column.dtype for column in columns)
    if dtypes != op.inputs:
        raise NotLowerableError(f"the custom operator {op} takes ({', '.join(op.inputs)}); got ({', '.join(dtypes)})")
    if any(column.dtype == "bool" and column.nullable for column in columns):
        raise NotLowerableError(f"the custom operator {op} takes booleans, and a missing value is neither; fill it first")


def _strict(b: Builder, op: CustomOp, arguments: Mapping[str, Any], output: int) -> frozenset[int]:
    """The inputs of a function whose missing value makes an output missing by itself."""
    if op.kind != "function":
        return frozenset()
    found: frozenset[int] = b.functions[op.domain_with(arguments)].strict[output]
    return found


def _named(
    b: Builder, op: CustomOp, dtype: str, value: ir.Value, columns: Sequence[Symbolic], strict: frozenset[int]
) -> list[Symbolic]:
    """The columns of an output tensor [N, k], with what is known of them. strict: inputs that need no mask."""
    nullable = any(column.nullable for column in columns)
    if dtype not in ("int64", "bool"):
        if op.kind == "function" and not op.sees_missing:
            value = _masked(b, value, [column for position, column in enumerate(columns) if position not in strict])
        return unpack(value, dtype, nullable=nullable or _gives_missing(op, dtype), finite=dtype not in ("float64", "float32"))
    if not nullable or op.sees_missing:
        return unpack(value, dtype)
    dtype = "float64" if dtype == "int64" else dtype
    return unpack(_masked(b, b.cast(value, "float64"), columns), dtype, nullable=True)


def _gives_missing(op: CustomOp, dtype: str) -> bool:
    """Whether an output may be missing where all inputs are there: arithmetic of a formula gives NaN by itself."""
    return op.gives_missing or (op.kind == "function" and dtype in ("float64", "float32"))


def _masked(b: Builder, value: ir.Value, columns: Sequence[Symbolic]) -> ir.Value:
    """An output tensor, missing where an input is: of the only column [N, k] elementwise, of several [N, 1] where any is."""
    masks = [
        mask_of(b, column.tensor if len(columns) == 1 and width_of(value) > 1 else value_of(b, column), column.carrier)
        for column in columns
        if column.nullable
    ]
    if not masks:
        return value
    gone = masks[0]
    for mask in masks[1:]:
        gone = b.op("Or", gone, mask)
    return where(b, gone, b.const([[missing_of(dtype_of(value))]], dtype_of(value)), value)


def _folded(b: Builder, op: CustomOp, column: Symbolic, arguments: Mapping[str, Any]) -> Symbolic | None:
    """The operator on a column out of a table, run now on the table's values; None where there is no table, or where it is
    not that simple."""
    dtype = op.outputs[0]
    if column.lookup is None or op.sees_missing or (dtype in ("int64", "bool") and column.nullable):
        return None
    from rtml_core.custom_ops.reference import call

    def answer(value: Any) -> Any:
        tensor = np.array([value], dtype=object if column.carrier == "string" else column.carrier)
        return call(op, (tensor,), dict(arguments))[0].tolist()[0]

    return apply_table(b, column, answer, dtype)
