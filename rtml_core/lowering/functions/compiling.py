"""From columns to columns: the whole way of one function through the executor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.errors import NotLowerableError, listing
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.columns import Missing, argument, result
from rtml_core.lowering.functions.conditions import FALSE, either, negate
from rtml_core.lowering.functions.execute import Executor
from rtml_core.lowering.functions.machine import Machine
from rtml_core.lowering.functions.tables import by_table
from rtml_core.lowering.functions.values import (
    CONSTANT,
    NONE,
    TUPLE,
    Alternative,
    Value,
    constant_of,
    joined,
    limited,
    select,
    under,
)
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    from rtml_core.lowering.functions import PythonFunction


def lower_function(
    function: PythonFunction, b: Builder, columns: Sequence[Symbolic], missing: Missing, results: Sequence[str] | None
) -> list[Symbolic]:
    """See PythonFunction.lower."""
    if results is None and len(columns) == 1:
        found = by_table(function, b, columns[0], missing)
        if found is not None:
            return [found]
    m = Machine(b)
    names = function.columns if function.row else function.args
    values = []
    for name, column in zip(names, columns, strict=True):
        try:
            values.append(argument(b, column, missing))
        except NotLowerableError as error:
            raise NotLowerableError(f"argument '{name}': {error}") from None
    skipped = FALSE
    if missing == "ignore":
        skipped = either(*(item.when for value in values for item in value if item.kind == NONE))
        values = [under(value, negate(skipped)) for value in values]
    executor = Executor(m, function.functions, dict(zip(names, values, strict=True)) if function.row else {})
    given = [] if function.row else values
    try:
        answer = executor.run(plain_name(function.name), function.args, function.body, given, negate(skipped))
    except RecursionError:
        raise NotLowerableError(f"'{plain_name(function.name)}' and what it calls are nested too deeply") from None
    answer = select(b, skipped, (constant_of(None),), answer)
    said = f"'{plain_name(function.name)}'"
    made = [result(m, answer, said)] if results is None else _unpacked(m, answer, said, list(results))
    m.checks()
    return made


def plain_name(name: str) -> str:
    """A function's name, for messages."""
    return "lambda" if name == "<lambda>" else name


def _unpacked(m: Machine, answer: Value, said: str, names: list[str]) -> list[Symbolic]:
    """The items of a tuple or list, or the values of a dict, that a function gives in every row, as columns."""
    if not answer:
        raise NotLowerableError(f"{said} raises in every row")
    places: list[list[Value]] = [[] for _ in names]
    for item in answer:
        for place, value in zip(places, _items(item, said, names), strict=True):
            place.append(limited(value, item.when))
    return [result(m, joined(m.b, [item for value in place for item in value]), said) for place in places]


def _items(item: Alternative, said: str, names: list[str]) -> list[Value]:
    given: Any = item.carried
    if item.kind == TUPLE and item.keys is not None:
        given = dict(zip(item.keys, item.carried, strict=True))
    if isinstance(given, dict):
        if sorted(map(str, given)) != sorted(names):
            raise NotLowerableError(f"{said} gives a dict with the keys {listing(map(str, given))}; wanted are {listing(names)}")
        given = [given[name] for name in names]
    if item.kind not in (TUPLE, CONSTANT) or not isinstance(given, (tuple, list)):
        raise NotLowerableError(f"{said} must give {len(names)} values in every branch, as a tuple or dict")
    if len(given) != len(names):
        raise NotLowerableError(f"{said} gives {len(given)} values in a branch; {len(names)} columns are named")
    return list(given) if item.kind == TUPLE else [(constant_of(value),) for value in given]
