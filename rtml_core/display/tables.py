"""Tables, and values in them: what is long is folded, what comes from elsewhere is text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape

from rtml_core.display.parameters import Row
from rtml_core.display.wording import shown

#: characters of a word that is not broken
_WORD: Final = 32
#: rows of a table; of more the first are shown, and how many there are
MOST_ROWS: Final = 300

_TABLE: Final = Markup(
    '<div class="scroll" tabindex="0" role="group" aria-label="{label}"><table>{head}<tbody>{rows}</tbody></table></div>{more}'
)
_HEAD: Final = Markup("<thead><tr>{}</tr></thead>")
_FOLDED: Final = Markup('<details><summary class="{}">{}</summary>{}</details>')


def text(value: object) -> Markup:
    """Whatever it is, as text that a page can hold; markup of our own as it is."""
    return value if isinstance(value, Markup) else escape(shown(str(value)))


def joined(parts: Iterable[Markup]) -> Markup:
    """Markup in a row."""
    return Markup("").join(parts)


def table(label: str, head: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: Collection[int] = ()) -> Markup:
    """A table with a heading for each row. label: what it is, for screen readers; numbers: columns that stand on the right."""
    made = joined(_line(row, numbers) for row in rows[:MOST_ROWS])
    more = Markup('<p class="soft">and {:,} more</p>').format(len(rows) - MOST_ROWS) if len(rows) > MOST_ROWS else ""
    titles = joined(
        Markup('<th scope="col" class="{}">{}</th>').format("n" if at in numbers else "", text(title))
        for at, title in enumerate(head)
    )
    return _TABLE.format(label=text(label), head=_HEAD.format(titles), rows=made, more=more)


def _line(row: Sequence[object], numbers: Collection[int]) -> Markup:
    cells = [Markup('<th scope="row" class="{}">{}</th>').format(_long(row[0]), text(row[0]))]
    for at, cell in enumerate(row[1:], 1):
        cells.append(cell if isinstance(cell, Cell) else Cell("n" if at in numbers else "", cell))
    return Markup("<tr>{}</tr>").format(joined(cells))


class Cell(Markup):
    """A cell with a class of its own."""

    def __new__(cls, css: str, value: object) -> Cell:
        return super().__new__(cls, Markup('<td class="{}">{}</td>').format(f"{css} {_long(value)}".strip(), text(value)))


def _long(value: object) -> str:
    """The class of a cell with a word that may be broken anywhere, as it is longer than anybody wants a column to be."""
    plain = value.striptags() if isinstance(value, Markup) else str(value)
    return "long" if any(len(word) > _WORD for word in plain[:2000].split()) else ""


def folded(summary: object, inside: Markup) -> Markup:
    """What is unfolded by a click."""
    return _FOLDED.format("" if len(str(summary)) > 2 * _WORD else "short", text(summary), inside)


def value(row: Row) -> Markup:
    """The value of a parameter: what is long, or made of parts, is folded."""
    if not row.full and not row.rows:
        return text(row.text)
    inside = Markup("")
    if row.full:
        inside += Markup('<pre class="{}" tabindex="0">{}</pre>').format("code" if row.code else "", text(row.full))
    if row.rows:
        inside += parts(row.rows)
    return folded(row.text, inside)


def parts(rows: Iterable[Row]) -> Markup:
    """What a value is made of."""
    lines = joined(Markup('<tr><th scope="row">{}</th>{}</tr>').format(text(row.name), Cell("", value(row))) for row in rows)
    return Markup("<table><tbody>{}</tbody></table>").format(lines)
