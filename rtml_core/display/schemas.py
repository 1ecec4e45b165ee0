"""Columns and fields as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from rtml_core.columns import Column, Field
from rtml_core.display.parameters import text_of
from rtml_core.display.pruned import pruned
from rtml_core.display.tables import Cell, folded, table
from rtml_core.display.wording import count, number

#: values of a column that stand in a cell before they are folded
_FEW: Final = 6


def columns(found: Sequence[Column]) -> Markup:
    """The columns of a frame."""
    if not found:
        return Markup('<p class="soft">A schema without columns.</p>')
    rows = [
        (
            column.name,
            column.dtype,
            "yes" if column.nullable else "no",
            "no" if column.finite else "yes",
            _values(column),
        )
        for column in found
    ]
    return table(
        f"Schema of {count(len(found), 'column')}", ("column", "dtype", "may be missing", "may be infinite", "values"), rows
    )


def fields(found: Sequence[Field]) -> Markup:
    """The fields of a request, those that may be left out with what they then are."""
    if not found:
        return Markup('<p class="soft">It takes no fields.</p>')
    rows = [
        (
            entry.name,
            entry.type,
            "yes" if entry.nullable else "no",
            _value(entry.default) if entry.optional else Cell("default", "required"),
            _values(entry) or _range(entry),
            entry.doc,
        )
        for entry in found
    ]
    return table(
        count(len(found), "field"), ("field", "type", "may be null", "when left out", "range or values", "meaning"), rows
    )


def _value(given: Any) -> str:
    return text_of(pruned(given))


def _values(entry: Column | Field) -> Markup | str:
    """All the values that there can be, folded when there are many; "" when that is not known."""
    if entry.categories is None:
        return ""
    told = _value(list(entry.categories))
    if len(entry.categories) <= _FEW and len(told) <= 80:
        return told
    return folded(count(len(entry.categories), "value"), Markup('<pre tabindex="0">{}</pre>').format(told))


def _range(entry: Field) -> str:
    low, high = entry.minimum, entry.maximum
    if low is not None and high is not None:
        return f"{number(low)} to {number(high)}"
    return f"at least {number(low)}" if low is not None else f"at most {number(high)}" if high is not None else ""
