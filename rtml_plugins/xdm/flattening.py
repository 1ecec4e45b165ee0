"""Documents -> the values of dotted columns, in one walk over each document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

from rtml_core.errors import InputError, InputProblem, describe
from rtml_plugins.xdm.cells import ABSENT, DEEPEST, not_json, too_deep
from rtml_plugins.xdm.paths import Path, Step

#: what becomes of an array or a map: one cell, or a column for each of its values
Way = Literal["cell", "columns"]
#: cells of one frame; more are a map of many keys that was taken for an object
MOST_CELLS: Final = 200_000_000


class Layout:
    """Which arrays and maps become columns. Asked once for each place, whatever the number of documents."""

    def array(self, path: Path) -> Way:
        return "cell"

    def object(self, path: Path) -> Way:
        return "columns"


class _Place:
    """One object or array that becomes columns.

    kids, lists: the objects and arrays below it by key, None where they are one cell. cells: the values of columns by key.
    """

    __slots__ = ("cells", "depth", "key", "kids", "lists", "path")

    def __init__(self, path: Path, key: type = str):
        self.path = path
        self.depth = len(path)
        self.key = key  # type of the steps below
        self.kids: dict[Any, _Place | None] = {}
        self.lists: dict[Any, _Place | None] = {}
        self.cells: dict[Any, list[Any]] = {}


class Flattener:
    """Takes documents one by one; `columns` then has the values by path, in the order in which the paths appeared."""

    def __init__(self, layout: Layout, count: int):
        self._layout = layout
        self._count = count
        self._root = _Place([])
        self._order: list[tuple[_Place, Step]] = []

    def add(self, document: Any, row: int) -> None:
        """Row `row` of count. Raises InputError for what is no document."""
        if type(document) is not dict:
            raise InputError([InputProblem(f"/{row}", "a document: an object", describe(document))])
        self._object(document, self._root, row)

    @property
    def columns(self) -> Iterable[tuple[Path, list[Any]]]:
        return (([*place.path, key], place.cells[key]) for place, key in self._order)

    def _object(self, document: dict[str, Any], place: _Place, row: int) -> None:
        kids, cells = place.kids, place.cells
        for key, value in document.items():
            kind = value.__class__
            if kind is dict and value:
                try:
                    kid = kids[key]
                except KeyError:
                    kid = kids[key] = self._kid(place, key, row)
                if kid is not None:
                    self._object(value, kid, row)
                    continue
            elif kind is list and value:
                try:
                    kid = place.lists[key]
                except KeyError:
                    kid = place.lists[key] = self._list(place, key, row)
                if kid is not None:
                    self._object(dict(enumerate(value)), kid, row)  # type: ignore[arg-type]
                    continue
            try:
                cells[key][row] = value
            except KeyError:
                self._column(place, key, row)[row] = value

    def _kid(self, place: _Place, key: Step, row: int) -> _Place | None:
        path = self._below(place, key, row)
        return _Place(path) if self._layout.object(path) == "columns" else None

    def _list(self, place: _Place, key: Step, row: int) -> _Place | None:
        path = self._below(place, key, row)
        return _Place(path, int) if self._layout.array(path) == "columns" else None

    def _below(self, place: _Place, key: Step, row: int) -> Path:
        if place.depth + 1 >= DEEPEST:
            raise too_deep([row, *place.path])
        if type(key) is not place.key:
            raise not_json([row, *place.path], {key: ...})
        return [*place.path, key]

    def _column(self, place: _Place, key: Any, row: int) -> list[Any]:
        kind: object = type(key)
        if kind is not place.key:
            raise not_json([row, *place.path], {key: ...})
        if (len(self._order) + 1) * self._count > MOST_CELLS:
            raise InputError(
                [
                    InputProblem(
                        f"/{row}",
                        f"at most {MOST_CELLS // max(self._count, 1):,} different paths in {self._count:,} documents (name the"
                        ' maps, whose keys are data, in maps={"path": "cell"}, or choose paths)',
                        f"one more, in {describe('.'.join(map(str, place.path)))}",
                    )
                ]
            )
        values = place.cells[key] = [ABSENT] * self._count
        self._order.append((place, key))
        return values
