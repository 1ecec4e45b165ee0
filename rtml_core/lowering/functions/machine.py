"""What the parts of a compiled function share: the builder, the rows that would raise, and where we are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.conditions import FALSE, TRUE, Condition, both, compact, either, emit, literal, negate
from rtml_core.lowering.functions.text import show
from rtml_core.lowering.functions.tree import Node
from rtml_core.lowering.functions.values import (
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    TUPLE,
    UNBOUND,
    Alternative,
    Value,
    boolean,
    joined,
    rows,
    tensor,
    truth_of,
)

#: literals of a test, and of all tests that lead to a place, up to which it is looked into what they say about each other
LARGE: Final = 12
LARGE_GUARD: Final = 40
#: expressions that one function may come to when its loops and calls are written out
MAX_WORK: Final = 20_000


class Raises(Exception):
    """Python raises this for these kinds of operands, in every row: "TypeError"."""


@dataclass
class Machine:
    """One function being compiled. `place` is where: name of the function, line, expression."""

    b: Builder
    failures: dict[str, Condition] = field(default_factory=dict)
    work: int = 0
    name: str = ""
    line: int = 0
    node: Node | None = None

    def fail(self, condition: Condition, error: str) -> None:
        """Rows in which the condition holds are refused: Python raises `error` there."""
        if condition is FALSE:
            return
        where = f" in '{show(self.node)}'" if self.node is not None else ""
        message = f"a row for which '{self.name}' raises {error}{where} (line {self.line})"
        self.failures[message] = compact(self.b, either(self.failures.get(message, FALSE), condition), LARGE_GUARD)

    def inside(self, guard: Condition, test: Condition) -> Condition:
        """The guard of what runs where a test holds, too."""
        return compact(self.b, both(guard, test), LARGE_GUARD)

    def count(self) -> None:
        """One more expression; raises NotLowerableError when they are too many."""
        self.work += 1
        if self.work > MAX_WORK:
            raise NotLowerableError(f"{self.name} comes to more than {MAX_WORK:,} steps when its loops and calls are written out")

    def checks(self) -> None:
        """Emit the row checks, one a place."""
        for message, condition in self.failures.items():
            self.b.check(rows_of(self.b, negate(condition)), message)

    def spread(
        self, operands: Sequence[Value], guard: Condition, step: Callable[[list[Alternative], Condition], Alternative | Value]
    ) -> Value:
        """`step` for every combination of the operands' alternatives that is possible under the guard, put together.

        `step` gets the guard of its combination, and gives an alternative or several; it raises Raises where Python raises.
        """
        made: list[Alternative] = []
        for choice in _combinations(operands):
            when = both(*(item.when for item in choice))
            inner = both(guard, when)
            if inner is FALSE:
                continue
            try:
                _require_bound(choice)
                result = step(choice, inner)
            except Raises as error:
                self.fail(inner, str(error))
                continue
            for item in (result,) if isinstance(result, Alternative) else result:
                both_hold = both(when, item.when)
                if both_hold is not FALSE:
                    made.append(replace(item, when=both_hold))
        return joined(self.b, made)

    def truth(self, value: Value, guard: Condition) -> Condition:
        """Where a value counts as true."""
        answer = self.spread([value], guard, lambda items, inner: _truth(self.b, items[0]))
        if not answer:
            return FALSE
        return compact(self.b, either(*(both(item.when, truth_of(item)) for item in answer)), LARGE)


def _require_bound(choice: Sequence[Alternative]) -> None:
    if any(item.kind == UNBOUND for item in choice):
        raise Raises("UnboundLocalError")


def _combinations(operands: Sequence[Value]) -> list[list[Alternative]]:
    found: list[list[Alternative]] = [[]]
    for value in operands:
        found = [[*before, item] for before in found for item in value]
    return found


def _truth(b: Builder, item: Alternative) -> Alternative:
    if item.kind == NONE:
        return boolean(FALSE)
    if item.kind == BOOL:
        return item
    if item.kind == TUPLE:
        return boolean(TRUE if item.carried else FALSE)
    if item.constant:
        return boolean(TRUE if item.carried else FALSE)
    if item.kind in (INT, FLOAT, STR):
        nothing: Any = {INT: 0, FLOAT: 0.0, STR: ""}[item.kind]
        if item.kind == INT and (item.low > 0 or item.high < 0):
            return boolean(TRUE)
        dtype = {INT: "int64", FLOAT: "float64", STR: "string"}[item.kind]
        zero = b.op("Equal", tensor(b, item), b.const([[nothing]], dtype), dtype="bool")
        return boolean(negate(literal(zero)))
    return boolean(TRUE)  # a Timestamp


def rows_of(b: Builder, condition: Condition) -> Any:
    """A condition as a boolean tensor with a row for every row of the inputs."""
    return rows(b, emit(b, condition))


def constants(items: Sequence[Alternative]) -> bool:
    """Whether all alternatives are Python constants."""
    return all(item.constant or item.kind == NONE for item in items)


def python(item: Alternative) -> Any:
    """The Python value of a constant alternative."""
    return None if item.kind == NONE else item.carried
