"""Lowering a node by itself, into a builder of its own: for schemas, for parity cases, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtml_core.columns import Schema, carrier_of
from rtml_core.errors import NotFittedError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    from rtml_core.operator import Operator


@dataclass
class LoweredNode:
    """One node lowered alone: every input column is a model input of its own, under its name."""

    builder: Builder
    schema: Schema
    result: dict[str, Symbolic]


def lower_alone(operator: Operator, schema: Schema) -> LoweredNode:
    """Lower an operator for columns of this schema; raises what its lowering raises, NotFittedError before `fit`."""
    if not operator.fitted:
        raise NotFittedError(f"{operator.name} has to learn first: call its fit(frame)")
    b = Builder()
    columns = {
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
    with b.node("node"):
        return LoweredNode(b, schema, operator.lower(b, columns))


def schema_by_lowering(operator: Operator, schema: Schema) -> Schema:
    """The output schema of an operator for an input schema; raises what the lowering raises."""
    return Schema(symbolic.column(name) for name, symbolic in lower_alone(operator, schema).result.items())
