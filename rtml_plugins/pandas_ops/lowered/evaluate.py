"""eval and assign: columns from expressions and constants."""

from __future__ import annotations

from typing import Any

from rtml_core.columns import carrier_of
from rtml_core.errors import NotLowerableError, RtmlError, describe
from rtml_core.lowering.blocks import symbols
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.expressions import ExpressionLowering, lower_statements, parse
from rtml_core.lowering.symbolic import Symbolic, lookup, new, value_of
from rtml_plugins.pandas_ops.arguments import column_named, is_column_reference, is_expression
from rtml_plugins.pandas_ops.folding import carried
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import constant
from rtml_plugins.pandas_ops.lowered.rows import new_name


def evaluated(call: Call) -> dict[str, Symbolic]:
    """eval: lines `name = expression`, or one expression, which becomes the column that `into` names."""
    call.only("expr")
    text = call.get("expr")
    if not isinstance(text, str):
        raise NotLowerableError(f"argument 'expr' must be text; got {describe(text)}")
    statements = parse(text)
    if len(statements) > 1 and any(statement.target is None for statement in statements):
        raise NotLowerableError("of several lines each must be `name = expression`")
    frame, value = lower_statements(call.b, text, call.frame, constant)
    if value is None:
        return frame
    return {**call.frame, new_name(call): value}


def assigned(call: Call) -> dict[str, Symbolic]:
    """assign: constants, {"column": name} or {"eval": expression}; all see the columns as they were before the node."""
    made = dict(call.frame)
    for name, value in call.node.bound.items():
        made[name] = _assigned(call, name, value)
    return made


def inserted(call: Call) -> dict[str, Symbolic]:
    """insert: a new column, as in assign, at a place of its own."""
    call.only("loc", "column", "value")
    place, name = call.get("loc"), call.get("column")
    if not isinstance(name, str) or name in call.frame:
        raise NotLowerableError(f"argument 'column' must be the name of a new column; got {describe(name)}")
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= len(call.frame):
        raise NotLowerableError(f"argument 'loc' must be a place from 0 to {len(call.frame)}; got {describe(place)}")
    columns = list(call.frame.items())
    columns.insert(place, (name, _assigned(call, name, call.get("value"))))
    return dict(columns)


def _assigned(call: Call, name: str, value: Any) -> Symbolic:
    if is_column_reference(value):
        column = column_named(value, call.frame, "")
        assert column is not None
        return call.frame[column]
    if is_expression(value):
        statement = parse(value["eval"])[0]
        block = ExpressionLowering(call.b, call.frame, constant).lower(statement.tree)
        if not block.is_scalar:
            return symbols(block)[0]
        value = block.value
    if isinstance(value, (list, dict)):
        raise NotLowerableError(
            f'column \'{name}\': a list has one value a row of one frame only; give one value, or {{"eval": "..."}}'
        )
    return constant_column(call.b, call.frame, value, name)


def constant_column(b: Builder, frame: dict[str, Symbolic], value: Any, name: str) -> Symbolic:
    """A column of one value, as the lookup that gives it for every key, so that what follows folds into it."""
    import pandas as pd

    from rtml_core.frames import canonical_series

    if not frame:
        raise NotLowerableError("a constant column needs a frame with at least one column")
    try:
        (carrier_value,), dtype, nullable = carried(canonical_series(pd.DataFrame({"x": [0]}).assign(x=value)["x"], name))
    except RtmlError as error:
        raise NotLowerableError(str(error)) from None
    source, key = _keys(b, frame)
    finite = carrier_value not in (float("inf"), float("-inf"))
    if carrier_of(dtype, nullable) == "float32":
        raise NotLowerableError("a constant of float32 is not available")
    return lookup(b, source, {key: carrier_value}, carrier_value, dtype, nullable=nullable, finite=finite)


def _keys(b: Builder, frame: dict[str, Symbolic]) -> tuple[Symbolic, Any]:
    """A column that a lookup can read, and one of its values."""
    for column in frame.values():
        if column.carrier in ("int64", "string", "float64"):
            return Symbolic(column.dtype, column.tensor, column.index, column.nullable), "" if column.carrier == "string" else 0
    first = next(iter(frame.values()))
    return new("int64", b.cast(value_of(b, first), "int64")), 0
