"""Counting values in the bins of a package's baseline: the innermost part of what an edge measures.

Values are as the runtime has them (JsonRows.decode) and as the predictions say them; what is counted is equal to Binning.bin_of,
done without a call for each value.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.baseline import ColumnBaseline
from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.timestamps import parse_timestamp

if TYPE_CHECKING:
    from rtml_core.package import Manifest

#: bins of a column at most: what compile makes has fewer, and what others make should not fill the memory
MOST_BINS: Final = 128
#: the kind of a baseline for each type of a field and each dtype of an output
_KINDS: Final = {
    **dict.fromkeys(("float", "int", "float64", "float32", "int64", "timedelta"), "number"),
    **dict.fromkeys(("string", "bool"), "category"),
    "timestamp": "time",
}
_MICROS: Final = 1_000_000


class Counter:
    """Counts of the columns of one side, the inputs or the outputs of a version.

    columns: (position in a row, baseline) of each. counts: for each of them its bins and, last, how many were missing.
    """

    __slots__ = ("_categories", "_numbers", "_times", "counts", "names")

    def __init__(self, columns: Iterable[tuple[int, ColumnBaseline]]):
        self.names: list[str] = []
        self.counts: list[list[int]] = []
        self._numbers: list[tuple[int, tuple[float, ...], list[int]]] = []
        self._times: list[tuple[int, tuple[float, ...], list[int]]] = []
        self._categories: list[tuple[int, Callable[[Any, int], int], int, list[int]]] = []
        for position, column in columns:
            bins = len(column.counts)
            counts = [0] * (bins + 1)
            self.names.append(column.name)
            self.counts.append(counts)
            if column.kind == "category":
                self._categories.append((position, _places(column).get, bins - 1, counts))
            else:
                (self._times if column.kind == "time" else self._numbers).append((position, column.edges, counts))

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Count rows. Missing: None, and missing texts and timestamps as they travel; timestamps are microseconds."""
        numbers, times, categories = self._numbers, self._times, self._categories
        for row in rows:
            for at, edges, counts in numbers:
                value = row[at]
                if value is None:
                    counts[-1] += 1
                else:
                    counts[bisect_left(edges, value)] += 1
            for at, place, other, counts in categories:
                counts[place(row[at], other)] += 1
            for at, edges, counts in times:
                value = row[at]
                if value is None or value == MISSING_TIME:
                    counts[-1] += 1
                else:
                    counts[bisect_left(edges, value / _MICROS)] += 1


def _places(column: ColumnBaseline) -> dict[Any, int]:
    """Where each value of a category is counted; all others in the last bin but one."""
    bins = len(column.counts)
    places: dict[Any, int] = {value: at for at, value in enumerate(column.values)}
    for text, value in (("false", False), ("true", True)):
        places[value] = places.get(text, bins - 1)
    places[None] = places[MISSING_STRING] = bins
    return places


def inputs_of(manifest: Manifest, ordered: Sequence[Any]) -> list[tuple[int, ColumnBaseline]]:
    """The fields that have a baseline, with their positions in a row. ordered: fields as they lie in the tensors."""
    if manifest.baseline is None:
        return []
    return _fitting(manifest.baseline.inputs, {entry.name: (at, entry.type) for at, entry in enumerate(ordered)})


def outputs_of(manifest: Manifest) -> list[tuple[int, ColumnBaseline]]:
    """The outputs that have a baseline, with their positions in a prediction."""
    if manifest.baseline is None:
        return []
    return _fitting(manifest.baseline.outputs, {o.name: (at, o.dtype) for at, o in enumerate(manifest.outputs)})


def _fitting(columns: Iterable[ColumnBaseline], known: Mapping[str, tuple[int, str]]) -> list[tuple[int, ColumnBaseline]]:
    """Columns that are there and whose baseline is one of their type: a package may come from anyone."""
    found = {}
    for column in columns:
        at, kind = known.get(column.name, (-1, ""))
        bins = len(column.values if column.kind == "category" else column.edges) + 1
        if at >= 0 and column.kind == _KINDS.get(kind) and len(column.counts) == bins <= MOST_BINS:
            found[column.name] = (at, column)
    return list(found.values())


def moment(text: Any) -> int | None:
    """Microseconds of a timestamp among predictions; None of a missing one."""
    return None if text is None else parse_timestamp(text)
