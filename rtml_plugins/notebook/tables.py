"""What magics answer: tables and facts that draw themselves in a notebook, print as text, and can be kept in a variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final

from rtml_plugins.serving.tables import table

if TYPE_CHECKING:
    import pandas as pd

#: colours and borders are the notebook's own
_CELL: Final = 'style="text-align:left;vertical-align:top"'
#: characters of a cell of text that are kept on one line
_FOLD: Final = 70

Row = Mapping[str, Any]


def html_table(columns: Sequence[str], rows: Sequence[Row], links: Sequence[str] = ()) -> str:
    """A table as HTML; what stands in a cell of a column of `links` and is an address can be followed."""
    head = "".join(f"<th {_CELL}>{escape(column)}</th>" for column in columns)
    lines = "".join(
        "<tr>" + "".join(f"<td {_CELL}>{_cell(row.get(column), column in links)}</td>" for column in columns) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: Any, link: bool) -> str:
    text = escape(shown(value))
    return link_to(str(value)) if link and str(value).startswith(("http://", "https://")) else text


def link_to(address: str, text: str | None = None) -> str:
    """A link that opens in a new tab."""
    return f'<a href="{escape(address)}" target="_blank" rel="noopener">{escape(text or address)}</a>'


def shown(value: Any) -> str:
    """A value of a cell as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    return str(value)


class Listing(Sequence[Row]):
    """Rows with the same columns: `listing[0]["service"]`, `listing["p99 ms"]`, `listing.frame`, `len(listing)`.

    title: a line above them; note: one below; empty: what is said when there are none.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Row], *, title: str = "", note: str = "", empty: str = "nothing"):
        self.columns = tuple(columns)
        self.rows = tuple(dict(row) for row in rows)
        self.title, self.note, self.empty = title, note, empty

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(self.columns))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            if key not in self.columns:
                raise KeyError(f"there is no column '{key}'; there are: {', '.join(self.columns)}")
            return [row.get(key) for row in self.rows]
        return self.rows[key]

    def __repr__(self) -> str:
        if not self.rows:
            return self.empty
        cells = [[shown(row.get(column)) for column in self.columns] for row in self.rows]
        folds = {at: _FOLD for at, _ in enumerate(self.columns) if any(len(line[at]) > _FOLD for line in cells)}
        return "\n".join(part for part in (self.title, table(self.columns, cells, folds), self.note) if part)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(self.empty)}</p>"
        title = f"<p><b>{escape(self.title)}</b></p>" if self.title else ""
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return title + html_table(self.columns, self.rows, links=("address", "link")) + note


class Facts:
    """Something with facts and tables about it. The facts are attributes of `facts`, a dict; `tables` is by title."""

    def __init__(self, title: str, facts: Mapping[str, Any], tables: Mapping[str, Listing] | None = None, code: str = ""):
        self.title, self.facts, self.tables, self.code = title, dict(facts), dict(tables or {}), code

    def __repr__(self) -> str:
        facts = {name: value for name, value in self.facts.items() if shown(value)}
        width = max(map(len, facts), default=0)
        lines = [self.title, *(f"{name:<{width}}  {shown(value)}" for name, value in facts.items())]
        for title, listing in self.tables.items():
            lines += ["", f"{title}:" if title else "", repr(listing)]
        return "\n".join([*lines, *(["", self.code] if self.code else [])])

    def _repr_html_(self) -> str:
        facts = [{"": name, " ": value} for name, value in self.facts.items() if shown(value)]
        body = "".join(
            f'<tr><th {_CELL} scope="row">{escape(row[""])}</th><td {_CELL}>{_cell(row[" "], True)}</td></tr>' for row in facts
        )
        parts = [f"<p><b>{escape(self.title)}</b></p>", f"<table><tbody>{body}</tbody></table>"]
        for title, listing in self.tables.items():
            parts += [f"<p>{escape(title)}</p>" if title else "", listing._repr_html_()]
        if self.code:
            parts.append(f'<pre style="white-space:pre-wrap">{escape(self.code)}</pre>')
        return "".join(parts)


class Link:
    """An address to follow."""

    def __init__(self, address: str, text: str, note: str = ""):
        self.address, self.text, self.note = address, text, note

    def __repr__(self) -> str:
        return f"{self.text}: {self.address}" + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self) -> str:
        return f"<p>{link_to(self.address, self.text)}{f' ({escape(self.note)})' if self.note else ''}</p>"
