"""What the rows that a model was made with looked like, column by column: what live traffic is held against.

A baseline is a histogram with how many values were missing. Its bins are also those in which edges count live values, so that the
two can be compared. Imports nothing heavy: edges read it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import Any, Final

import msgspec

#: bins of a column of numbers or times at most, and values of a column of texts that are counted by themselves
MOST_BINS: Final = 10
MOST_VALUES: Final = 20
#: bins of a column that a reader takes
READ_BINS: Final = 128
_QUANTILES: Final = 7


class ColumnBaseline(msgspec.Struct, omit_defaults=True, frozen=True):
    """A field or an output in the rows that the package was made with.

    kind: "number" (timedeltas in microseconds, as in answers), "time" (seconds since 1970 in UTC) or "category" (texts, and
    booleans as "false" and "true"). counts: of the bins, of which a number falls into the first whose edge is not below it:
    edges (-inf, e0], (e0, e1], ..., (en, inf), so one more than edges; of a category the counts of `values` and, last, of all
    other ones. missing: not in counts. whole: numbers are whole ones. quantiles: of the finite values there at 0, 5, 25, 50, 75,
    95 and 100 %; empty for categories and when there are none.
    """

    name: str
    kind: str
    missing: int
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    whole: bool = False
    quantiles: tuple[float, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows it is of."""
        return self.missing + sum(self.counts)


class BaselineEntry(msgspec.Struct, frozen=True):
    """The baseline of a package. rows: that it is of; inputs: of its fields; outputs: of what it gives for those rows."""

    rows: int
    inputs: tuple[ColumnBaseline, ...] = ()
    outputs: tuple[ColumnBaseline, ...] = ()


class Binning:
    """Where values of a column are counted."""

    __slots__ = ("_edges", "_places", "bins")

    def __init__(self, column: ColumnBaseline):
        self._edges = column.edges
        self._places: Mapping[str, int] | None = (
            {value: at for at, value in enumerate(column.values)} if column.kind == "category" else None
        )
        self.bins = len(column.counts)

    def bin_of(self, value: Any) -> int:
        """The bin of a value that is not missing: a number (times in seconds), a bool or a text."""
        if self._places is not None:
            text = value if type(value) is str else ("true" if value else "false")
            return self._places.get(text, self.bins - 1)
        return bisect_left(self._edges, value)


def unsound(entry: BaselineEntry, fields: Collection[str], outputs: Collection[str]) -> str:
    """What is wrong with a baseline that anybody may have made, in words; "" when nothing is."""
    for side, columns, names in (("field", entry.inputs, fields), ("output", entry.outputs, outputs)):
        told: set[str] = set()
        for column in columns:
            if column.name not in names or column.name in told:
                return f"the {side} '{column.name[:100]}' {'comes twice' if column.name in told else 'is none of the package'}"
            told.add(column.name)
            what = _unsound(column, entry.rows)
            if what:
                return f"the {side} '{column.name[:100]}' {what}"
    return ""


def _unsound(column: ColumnBaseline, rows: int) -> str:
    category = column.kind == "category"
    if not category and column.kind not in ("number", "time"):
        return f"is of the kind '{column.kind[:100]}', which is none"
    bins = len(column.values if category else column.edges) + 1
    if len(column.counts) != bins or bins > READ_BINS or (column.edges if category else column.values):
        return f"has {len(column.counts)} counts, where {min(bins, READ_BINS)} are right"
    if min(column.missing, *column.counts) < 0 or column.rows != rows:
        return f"counts {column.rows} rows of {rows}"
    if len(set(column.values)) < len(column.values):
        return "has a value twice"
    numbers = (*column.edges, *column.quantiles)
    if not all(map(math.isfinite, numbers)) or any(low >= high for low, high in pairwise(column.edges)):
        return "has edges that do not rise"
    if len(column.quantiles) not in (0, _QUANTILES) or any(low > high for low, high in pairwise(column.quantiles)):
        return "has quantiles that are none"
    return ""
