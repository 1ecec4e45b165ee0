"""Schemas read off lowerings: a node is lowered into a throw-away builder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtml_core.columns import Schema
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, carrier_of

if TYPE_CHECKING:
    from rtml_core.operator import Operator


def scratch_columns(b: Builder, schema: Schema) -> dict[str, Symbolic]:
    """Each column of the schema as an input of its own."""
    return {
        name: Symbolic(
            column.dtype,
            b.input(name, carrier_of(column.dtype, column.nullable), 1),
            0,
            column.nullable,
            column.finite,
            column.categories,
        )
        for name, column in schema.items()
    }


def schema_by_lowering(operator: Operator, schema: Schema) -> Schema:
    """The output schema of an operator for an input schema; raises what the lowering raises."""
    b = Builder()
    result = operator.lower(b, scratch_columns(b, schema))
    return Schema(symbolic.column(name) for name, symbolic in result.items())
