"""What the lowerings share: columns of one kind together, operands, constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtml_core.errors import ColumnError, NotLowerableError, RtmlError, describe
from rtml_core.lowering.blocks import TIMES, Block, block_of, scalar, symbols, time_scalar
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.arguments import column_named
from rtml_plugins.pandas_ops.lower import Call, at_column

Step = Callable[[Block], Block]


def together(call: Call, step: Step) -> list[Symbolic]:
    """Apply `step` to the call's columns; those of one dtype and nullability go through it as one tensor [N, k].

    A column whose block `step` gives back unchanged stays the same object. A refusal names the column.
    """
    columns = call.symbols
    groups: dict[Any, list[int]] = {}
    for position, column in enumerate(columns):
        groups.setdefault((column.dtype, column.nullable, column.finite), []).append(position)
    results: list[Symbolic] = list(columns)
    for members in groups.values():
        before = block_of(call.b, [columns[i] for i in members])
        try:
            after = step(before)
            if after is before:
                continue
            made = symbols(after)
        except ColumnError:
            raise
        except RtmlError as error:
            raise at_column(call.columns[members[0]], error) from error
        for i, symbolic in zip(members, made, strict=True):
            results[i] = symbolic
    return results


def one_by_one(call: Call, step: Callable[[Symbolic], Symbolic]) -> list[Symbolic]:
    """Apply `step` to each column by itself. A refusal names the column."""
    results = []
    for name, column in zip(call.columns, call.symbols, strict=True):
        try:
            results.append(step(column))
        except ColumnError:
            raise
        except RtmlError as error:
            raise at_column(name, error) from error
    return results


def operand(call: Call, argument: str, block: Block) -> Block:
    """The argument as an operand that meets `block`: a column [N, 1], or a constant. See arguments.column_named."""
    return operand_of(call, call.get(argument), block, argument)


def operand_of(call: Call, value: Any, block: Block, argument: str) -> Block:
    """The same for a value at hand."""
    column = column_named(value, call.frame, block.dtype)
    if column is not None:
        if call.whole:
            raise NotLowerableError(f"argument '{argument}' is a column, so name the columns it meets in 'cols'")
        return block_of(call.b, [call.frame[column]])
    if value is None:
        raise NotLowerableError(f"argument '{argument}' is missing; give a value or the name of a column")
    if isinstance(value, (list, dict)):
        raise NotLowerableError(
            f"argument '{argument}' must be one value, the same for all rows, or a column; got {describe(value)}"
        )
    return constant(value, block.dtype)


def constant(value: Any, dtype: str) -> Block:
    """A constant that meets a column of `dtype`. Raises NotLowerableError where text and numbers would meet."""
    if dtype in TIMES:
        return _time(value, dtype)
    if dtype == "string":
        if not isinstance(value, str):
            raise NotLowerableError(f"a string column and {describe(value)} do not mix; make both strings or both numbers first")
        return Block("string", value=value)
    if isinstance(value, str):
        raise NotLowerableError(
            f"a {dtype} column and the text {describe(value)} do not mix; make both strings or both numbers first"
        )
    return scalar(value)


def _time(value: Any, dtype: str) -> Block:
    import pandas as pd

    from rtml_plugins.pandas_ops.values import utc_naive

    if isinstance(value, pd.Timedelta):
        return time_scalar("timedelta", micros(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and dtype == "timedelta":
        return scalar(value)
    try:
        if dtype == "timedelta" and isinstance(value, str):
            return time_scalar("timedelta", micros(pd.Timedelta(value)))
        if isinstance(value, (str, pd.Timestamp)):
            return time_scalar("timestamp", micros(utc_naive(pd.Timestamp(value))))
    except ValueError:
        raise NotLowerableError(f"{describe(value)} is neither a column nor a time") from None
    raise NotLowerableError(f'a {dtype} column and {describe(value)} do not mix; a moment is written as text, e.g. "2026-01-31"')


def micros(value: Any) -> int:
    """A Timestamp or Timedelta in microseconds."""
    return int(value.as_unit("us")._value)
