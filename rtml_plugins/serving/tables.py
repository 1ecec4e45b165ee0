"""Aligned text tables of the commands, as `rtml plugins list` draws them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], folds: Mapping[int, int] | None = None) -> str:
    """Left-aligned columns, two blanks apart, without blanks at the ends of lines.

    folds: {column: most characters} of columns whose longer cells are folded into several lines. ValueError when a row has more
    or fewer cells than there are headers.
    """
    limits = dict(folds or {})
    lines = [headers, *(row for row in rows)]
    if any(len(row) != len(headers) for row in rows):
        raise ValueError(f"every row of a table has {len(headers)} cells")
    cells = [[_folded(_plain(cell), limits.get(at)) for at, cell in enumerate(row)] for row in lines]
    widths = [max(len(part) for row in cells for part in row[at]) for at in range(len(headers))]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for row in cells
        for parts in zip_longest(*row, fillvalue="")
    )


def _plain(cell: str) -> str:
    """The cell on one line and without control characters: what a stranger named must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in cell)


def _folded(cell: str, limit: int | None) -> list[str]:
    return [cell] if limit is None else textwrap.wrap(cell, limit) or [""]


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '1,234 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
