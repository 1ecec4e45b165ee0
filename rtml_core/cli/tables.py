"""Aligned text tables."""

from __future__ import annotations

from collections.abc import Sequence

#: narrowest last column before wrapping gives up
_NARROW = 24


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: bool = False) -> str:
    """Left-aligned columns, two blanks apart. wrap: fold the last column into the width of the terminal."""
    import shutil
    import textwrap

    widths = [max((len(row[i]) for row in (header, *rows)), default=0) for i in range(len(header))]
    lines: list[str] = []
    room = shutil.get_terminal_size((100, 24)).columns - sum(widths[:-1]) - 2 * (len(widths) - 1)
    for row in (header, *rows):
        start = "".join(cell.ljust(width + 2) for cell, width in zip(row[:-1], widths[:-1], strict=True))
        folded = textwrap.wrap(row[-1], max(room, _NARROW)) if wrap and row[-1] else [row[-1]]
        lines.append((start + folded[0]).rstrip())
        lines.extend(" " * len(start) + more for more in folded[1:])
    return "\n".join(lines)


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '1,234 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
