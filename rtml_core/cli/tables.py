"""Aligned text tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

#: narrowest last column before wrapping gives up
_NARROW = 24


def table(header: Sequence[str], rows: Sequence[Sequence[str]], folds: Mapping[int, int] | None = None) -> str:
    """Left-aligned columns, two blanks apart.

    folds: {column: most characters} of columns that are folded; with it, the last column is folded into the terminal.
    """
    limits = dict(folds or {})
    last = len(header) - 1
    widths = [min(max(len(row[i]) for row in (header, *rows)), limits.get(i, 10_000)) for i in range(len(header))]
    if folds is not None:
        import shutil

        room = shutil.get_terminal_size((100, 24)).columns - sum(widths[:-1]) - 2 * last
        limits[last] = widths[last] = max(room, _NARROW)
    lines = [line for row in (header, *rows) for line in _lines(row, widths, limits)]
    return "\n".join(lines)


def _lines(row: Sequence[str], widths: Sequence[int], limits: Mapping[int, int]) -> list[str]:
    import textwrap

    cells = [textwrap.wrap(cell, limits[i]) if i in limits else [cell] for i, cell in enumerate(row)]
    return [
        "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*cells, fillvalue="")
    ]


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '1,234 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
