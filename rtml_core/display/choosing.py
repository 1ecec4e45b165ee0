"""Which part of this room shows a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from rtml_core.columns import Column, Field, Schema
from rtml_core.compiler import Compiled
from rtml_core.display import compiled, graphs, operators, reports, schemas
from rtml_core.display.styling import wrapped
from rtml_core.errors import ParityError
from rtml_core.graph import Graph
from rtml_core.operator import Operator
from rtml_core.parity import Report


def shown_as(value: Any) -> Markup:
    """The HTML of a value, with its styles. Raises TypeError."""
    return wrapped(_body(value))


def _body(value: Any) -> Markup:
    if isinstance(value, Graph):
        return graphs.body(value)
    if isinstance(value, Operator):
        return operators.body(value)
    if isinstance(value, type) and issubclass(value, Operator):
        return operators.body_of_class(value)
    if isinstance(value, Compiled):
        return compiled.body(value)
    if isinstance(value, Report):
        return reports.body(value)
    if isinstance(value, ParityError):
        return reports.body_of_error(value)
    if isinstance(value, Schema):
        return schemas.columns(list(value.values()))
    if isinstance(value, (Column, Field)):
        value = [value]
    if isinstance(value, Sequence) and value and not isinstance(value, str):
        if all(isinstance(item, Column) for item in value):
            return schemas.columns(value)
        if all(isinstance(item, Field) for item in value):
            return schemas.fields(value)
    raise TypeError(
        f"there is no display of a {type(value).__name__}; there is one of graphs, operators, compiled packages, parity reports"
        " and errors, schemas, and lists of columns or fields"
    )
