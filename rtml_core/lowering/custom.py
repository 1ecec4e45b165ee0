"""Custom operators on symbolic columns: which dtype comes out, what may be missing, and folding into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir

from rtml_core.custom_ops import CustomOp
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, apply_table, mask_of, matrix, unpack, value_of, where


def custom(b: Builder, op: CustomOp, *columns: Symbolic, **arguments: Any) -> tuple[Symbolic, ...]:
    """The operator on columns, one for each of its inputs: one column for each of its outputs.

    A whole number or a boolean comes out as float64 or as nullable bool where an input may be missing, as everywhere. Raises
    NotLowerableError for columns that the operator does not take.
    """
    if len(columns) == len(op.inputs) == len(op.outputs) == 1:
        return (custom_each(b, op, columns, **arguments)[0],)
    _check(op, columns)
    values = b.custom(op, *(value_of(b, column) for column in columns), **arguments)
    return tuple(_named(b, op, dtype, value, columns)[0] for dtype, value in zip(op.outputs, values, strict=True))


def custom_each(b: Builder, op: CustomOp, columns: Sequence[Symbolic], **arguments: Any) -> list[Symbolic]:
    """An operator of one input and one output on each of several columns. A column that comes out of a table is folded into
    it, which leaves no custom operator; the others go through one node together (numbers and booleans by nullability)."""
    results: dict[int, Symbolic] = {}
    groups: dict[bool, list[int]] = {}
    for position, column in enumerate(columns):
        _check(op, [column])
        folded = _folded(b, op, column, arguments)
        if folded is not None:
            results[position] = folded
        else:
            groups.setdefault(column.nullable and op.outputs[0] in ("int64", "bool"), []).append(position)
    for positions in groups.values():
        members = [columns[position] for position in positions]
        packed = matrix(b, members, members[0].carrier)
        whole = Symbolic(members[0].dtype, packed, 0, any(member.nullable for member in members))
        (value,) = b.custom(op, packed, **arguments)
        made = _named(b, op, op.outputs[0], value, [whole])
        for position, member, symbolic in zip(positions, members, made, strict=True):
            results[position] = replace(symbolic, nullable=symbolic.nullable and (member.nullable or op.gives_missing))
    return [results[position] for position in range(len(columns))]


def _check(op: CustomOp, columns: Sequence[Symbolic]) -> None:
    dtypes = tuple(column.dtype for column in columns)
    if dtypes != op.inputs:
        raise NotLowerableError(f"the custom operator {op} takes ({', '.join(op.inputs)}); got ({', '.join(dtypes)})")
    if any(column.dtype == "bool" and column.nullable for column in columns):
        raise NotLowerableError(f"the custom operator {op} takes booleans, and a missing value is neither; fill it first")


def _named(b: Builder, op: CustomOp, dtype: str, value: ir.Value, columns: Sequence[Symbolic]) -> list[Symbolic]:
    """The columns of an output tensor [N, k], with what is known of them."""
    nullable = any(column.nullable for column in columns)
    if dtype not in ("int64", "bool"):
        return unpack(value, dtype, nullable=nullable or op.gives_missing, finite=dtype not in ("float64", "float32"))
    if not nullable or op.sees_missing:
        return unpack(value, dtype)
    dtype = "float64" if dtype == "int64" else dtype
    value = b.cast(value, "float64")
    for column in columns:
        if column.nullable:
            mask = mask_of(b, column.tensor if len(columns) == 1 else value_of(b, column), column.carrier)
            value = where(b, mask, b.const([[np.nan]], "float64"), value)
    return unpack(value, dtype, nullable=True)


def _folded(b: Builder, op: CustomOp, column: Symbolic, arguments: Mapping[str, Any]) -> Symbolic | None:
    """The operator on a column out of a table, run now on the table's values; None where there is no table, or where it is
    not that simple."""
    dtype = op.outputs[0]
    if column.lookup is None or op.sees_missing or (dtype in ("int64", "bool") and column.nullable):
        return None
    from rtml_core.custom_ops.hosting import run_body

    def answer(value: Any) -> Any:
        tensor = np.array([value], dtype=object if column.carrier == "string" else column.carrier)
        return run_body(op, (tensor,), dict(arguments))[0].tolist()[0]

    return apply_table(b, column, answer, dtype)
