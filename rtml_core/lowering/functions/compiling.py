"""From columns to columns: the whole way of one function through the executor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.columns import Missing, argument, result
from rtml_core.lowering.functions.conditions import TRUE
from rtml_core.lowering.functions.execute import Executor
from rtml_core.lowering.functions.machine import Machine
from rtml_core.lowering.functions.values import CONSTANT, TUPLE, Value, constant_of, joined, limited
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    from rtml_core.lowering.functions import PythonFunction


def lower_function(
    function: PythonFunction, b: Builder, columns: Sequence[Symbolic], missing: Missing, count: int | None
) -> list[Symbolic]:
    """See PythonFunction.lower."""
    m = Machine(b, name=function.name)
    names = function.columns if function.row else function.args
    values = []
    for name, column in zip(names, columns, strict=True):
        try:
            values.append(argument(b, column, missing))
        except NotLowerableError as error:
            raise NotLowerableError(f"column of '{name}': {error}") from None
    executor = Executor(m, function.functions, dict(zip(names, values, strict=True)) if function.row else {})
    answer = executor.run(function.name, function.args, function.body, [] if function.row else values, TRUE)
    made = [result(m, answer, f"'{function.name}'")] if count is None else _unpacked(m, answer, function.name, count)
    m.checks()
    return made


def _unpacked(m: Machine, answer: Value, name: str, count: int) -> list[Symbolic]:
    """The items of a tuple, list or dict that a function gives in every row, as columns."""
    places: list[list[Value]] = [[] for _ in range(count)]
    for item in answer:
        if item.kind == CONSTANT and isinstance(item.carried, (tuple, list, dict)):
            given = item.carried.values() if isinstance(item.carried, dict) else item.carried
            items: list[Value] = [(constant_of(value),) for value in given]
        elif item.kind == TUPLE:
            items = list(item.carried)
        else:
            raise NotLowerableError(f"'{name}' must give {count} values in every branch, as a tuple or dict")
        if len(items) != count:
            raise NotLowerableError(f"'{name}' gives {len(items)} values in a branch; {count} columns are named")
        for place, value in zip(places, items, strict=True):
            place.append(limited(value, item.when))
    if not answer:
        raise NotLowerableError(f"'{name}' raises in every row")
    return [result(m, joined(m.b, [item for value in place for item in value]), f"'{name}'") for place in places]
