"""Chosen paths of documents as columns, in whatever type their values have: what to_frame does with `paths`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from rtml_core.errors import InputError, InputProblem, describe
from rtml_core.package import FieldEntry
from rtml_core.runtime.signature import describe_value
from rtml_plugins.xdm import cells
from rtml_plugins.xdm.choosing import Chosen, chosen, resolve_types
from rtml_plugins.xdm.paths import pointer
from rtml_plugins.xdm.plan import Choice, Plan, Wrong, located, several

if TYPE_CHECKING:
    from rtml_plugins.xdm.schema import Schema


def selected(documents: Sequence[Any], paths: Sequence[str] | Mapping[str, Any], schema: Schema | None) -> pd.DataFrame:
    """See frames.to_frame. A column with a type, or of something taken, is read as XDM2Frame reads it; others as they are."""
    columns = chosen(paths)
    made: dict[str, Any] = {}
    for column in columns:
        take = column.choice.take
        if take and (take not in ("first", "last") or "type" in column.field):
            resolve_types([column], schema)
        values = _typed(column, documents) if "type" in column.field else _plain(column, documents)
        made[column.name] = cells.series(values, column.steps)
    return cells.frame(made, pd.RangeIndex(len(documents)))


def _typed(column: Chosen, documents: Sequence[Any]) -> list[Any]:
    """Values in the type that the column says; nothing there is ABSENT."""
    from rtml_core.columns import parse_signature

    (entry,) = parse_signature({column.name: column.field})
    plan = Plan([FieldEntry.of(entry, None)], [column.choice])
    values = [plan.values(document, f"/{row}")[0] for row, document in enumerate(documents)]
    return [cells.ABSENT if value is None else value for value in values]


def _plain(column: Chosen, documents: Sequence[Any]) -> list[Any]:
    """Values as they are: null stays null where the path ends in it."""
    read = _reader(column.choice, column)
    values = []
    for row, document in enumerate(documents):
        if type(document) is not dict:
            raise InputError([InputProblem(f"/{row}", "a document: an object", describe(document))])
        try:
            values.append(read(document))
        except Wrong as wrong:
            where = pointer((row, *wrong.path))
            raise InputError([InputProblem(where, wrong.expected, describe_value(wrong.value))]) from None
    return values


def _reader(choice: Choice, column: Chosen) -> Callable[[dict[str, Any]], Any]:
    steps, many = tuple(column.steps), column.many
    if choice.take:
        which = 0 if choice.take == "first" else -1

        def taken(document: dict[str, Any]) -> Any:
            found = several(document, steps, many)
            return found[which][1] if found else cells.ABSENT

        return taken
    above, last = steps[:-1], steps[-1]

    def value(document: dict[str, Any]) -> Any:
        found = located(document, above)
        if not found:
            return cells.ABSENT
        path, inner = found[0]
        if type(last) is str:
            if type(inner) is not dict:
                raise Wrong(path, "an object", inner)
            return inner.get(last, cells.ABSENT)
        if type(inner) is not list:
            raise Wrong(path, "a list", inner)
        return inner[last] if -len(inner) <= last < len(inner) else cells.ABSENT  # type: ignore[operator,index]

    return value
