"""What is recorded: values (one column at one moment) and the steps that make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtml_plugins.recording.errors import Place

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Column
    from rtml_plugins.recording.expressions import Tree
    from rtml_plugins.recording.forms import Form


@dataclass(eq=False)
class Value:
    """A column at one moment of the recording; never changed afterwards.

    `column`: what is known of it without rows. `hint`: a name for people. `step` made it; None for a field of the request.
    `refusal`: why it can't be part of a graph (the label, a column of lists); then nothing made from it can.
    """

    column: Column | None
    native: pd.Series
    hint: str
    step: Step | None = None
    refusal: str | None = None
    is_label: bool = False
    assigned: list[str] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """What people call it: the column it was last written to, or its hint."""
        return self.assigned[-1] if self.assigned else self.hint

    def named(self, name: str) -> None:
        """Remember that it was written to a column of the frame."""
        if name not in self.assigned:
            self.assigned.append(name)


@dataclass(eq=False)
class Step:
    """One operation. `form` builds its operators; `place` is the line of the user's code where it stands."""

    form: Form
    inputs: list[Value]
    outputs: list[Value]
    place: Place


class Names:
    """Names of values while operators are built, the expressions that take the place of some, and which nobody needs later."""

    def __init__(
        self, names: Mapping[Value, str], inlined: Mapping[Value, Tree] | None = None, spent: Iterable[Value] | None = None
    ):
        self._names = names
        self._inlined = inlined or {}
        self._spent = set(spent or ())

    def name(self, value: Value) -> str:
        """The column that holds the value."""
        return self._names[value]

    def is_spent(self, value: Value) -> bool:
        """Whether no later step needs the value."""
        return value in self._spent

    def leaf(self, value: Value) -> Tree | str:
        """What stands for the value in an expression: its name, or a tree."""
        found = self._inlined.get(value)
        return self._names[value] if found is None else found

    def text(self, value: Value) -> str:
        """The value as an expression."""
        from rtml_plugins.recording.expressions import Leaf, written

        return written(Leaf(value), self.leaf)


@dataclass(frozen=True)
class ColumnOf:
    """Stands for a value among arguments: {"column": its name}."""

    value: Value


@dataclass(frozen=True)
class Condition:
    """Stands for a value among arguments: a condition, an expression or the name of a column of booleans."""

    value: Value


@dataclass(frozen=True)
class Name:
    """Stands for a value among arguments: its name."""

    value: Value


@dataclass(frozen=True)
class FieldOf:
    """Stands for a value in an operation of FieldOps: {"field": its name}."""

    value: Value


def filled(argument: Any, names: Names) -> Any:
    """An argument with names in the places of values."""
    if isinstance(argument, ColumnOf):
        return {"column": names.name(argument.value)}
    if isinstance(argument, FieldOf):
        return {"field": names.name(argument.value)}
    if isinstance(argument, Condition):
        return names.text(argument.value)
    if isinstance(argument, Name):
        return names.name(argument.value)
    if isinstance(argument, dict):
        return {key: filled(item, names) for key, item in argument.items()}
    if isinstance(argument, list):
        return [filled(item, names) for item in argument]
    if isinstance(argument, tuple):
        return tuple(filled(item, names) for item in argument)
    return argument


def used(argument: Any) -> Iterable[Any]:
    """The stand-ins among arguments."""
    if isinstance(argument, (ColumnOf, FieldOf, Condition, Name)):
        yield argument
    elif isinstance(argument, dict):
        for item in argument.values():
            yield from used(item)
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from used(item)
