"""Text cells of a CSV file as values, by the declared type of their column; an empty cell is null.

A cell that does not fit its type stays text, so that the one who checks the row can say what came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
#: what is a number without doubt: no leading zero, so that "02134" stays a code
_PLAIN_INT: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_PLAIN_FLOAT: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOOL: Final = {"true": True, "false": False}

Cell = Callable[[str], Any]


def text(cell: str) -> str | None:
    """A string; never guessed to be anything else."""
    return cell or None


def number(cell: str) -> Any:
    """A float; words such as "nan" and "inf" are no numbers."""
    return (float(cell) if _NUMBER.fullmatch(cell.strip()) else cell) if cell else None


def whole(cell: str) -> Any:
    """A whole number; "3.0" is one, as pandas writes it when the column has missing values."""
    if not cell:
        return None
    stripped = cell.strip()
    if not _NUMBER.fullmatch(stripped):
        return cell
    try:
        return int(stripped)
    except ValueError:
        value = float(stripped)
        return int(value) if value.is_integer() else value


def truth(cell: str) -> Any:
    """true or false, in any case."""
    return _BOOL.get(cell.strip().lower(), cell) if cell else None


CELLS: Final[dict[str, Cell]] = {"float": number, "int": whole, "bool": truth, "string": text, "timestamp": text}


def guess(cells: Iterable[str]) -> Cell:
    """The type of a column that nobody declared: bool, int or float when every cell that is not empty says so, else string."""
    present = [cell for cell in cells if cell]
    if not present:
        return text
    if all(cell.lower() in _BOOL for cell in present):
        return truth
    if all(_PLAIN_INT.fullmatch(cell) for cell in present):
        return whole
    return number if all(_PLAIN_FLOAT.fullmatch(cell) for cell in present) else text
