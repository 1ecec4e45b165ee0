"""Nested documents <-> frames of dotted columns, without loss.

A document is an object; each of its values that is no object with keys is a cell of the column that its path names (paths).
Objects without keys, and arrays, are cells too. Nothing there is NaN (or NA), null is None, so that absent, null, "", [] and {}
stay what they are. to_documents(to_frame(documents)) == documents, in value and type, for all documents of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import pandas as pd

from rtml_core.errors import RtmlError, describe
from rtml_plugins.xdm import cells
from rtml_plugins.xdm.flattening import Flattener, Layout, Way
from rtml_plugins.xdm.paths import EVERY, Path, PatternStep, Step, join, join_pattern, split

if TYPE_CHECKING:
    from rtml_plugins.xdm.schema import Schema

Arrays = Literal["cell", "index"] | Mapping[str, Literal["cell", "index", "explode"]]
Maps = Literal["cell", "columns"] | Mapping[str, Literal["cell", "columns"]]

#: the index of a frame with a row for each element of an array
EXPLODED: Final = ("document", "element")


def to_frame(
    documents: Iterable[Any],
    paths: Sequence[str] | Mapping[str, Any] | None = None,
    schema: Schema | None = None,
    arrays: Arrays = "cell",
    maps: Maps = "cell",
) -> pd.DataFrame:
    """A frame of N documents: a row each, a column for each path.

    documents: objects, or JSON texts (str or bytes) of objects. paths: only these columns, as texts, or by name as XDM2Frame
    takes them ({"views": {"path": "productListItems", "take": "count"}}, no types needed): nothing else is looked at then.
    schema: says which objects are maps. arrays: "cell", one cell each; "index", a column for each element, `items[0].SKU`; or by
    path, where one may be "explode": a row for each of its elements, in columns `items[*].SKU`, under an index of document and
    element. maps: objects whose keys are data: "cell", one cell each; "columns", as other objects; or by path, which is how maps
    are told without a schema.

    dtypes: str, float64, int64, bool, masked Int64 and boolean where some documents have nothing there, else object, never by the
    look of a text; date-times stay texts. Raises InputError for what is no document, RtmlError for options that say nothing.
    """
    items = [_document(document, row) for row, document in enumerate(documents)]
    if paths is not None:
        from rtml_plugins.xdm.selecting import selected

        return selected(items, paths, schema)
    layout = _Chosen(arrays, maps, schema)
    flattened = _columns(items, layout, range(len(items)))
    if layout.exploded is None:
        made = {join(path): cells.series(values, path, whole=is_whole(schema, path)) for path, values in flattened}
        return cells.frame(made, pd.RangeIndex(len(items)))
    return _exploded(len(items), flattened, layout)


def to_documents(frame: pd.DataFrame, schema: Schema | None = None) -> list[dict[str, Any]]:
    """The documents of a frame whose columns are paths: the inverse of to_frame, also where arrays are columns, or rows.

    Cells with nothing in them (NaN, NA, NaT) are left out, None is null, instants become RFC 3339 texts in UTC. schema: whole
    numbers of fields that it calls integers are written without a fraction where they come as a column of floats (float64, which
    pandas makes of whole numbers and missing ones). Raises InputError where two columns contradict each other, PathError for a
    name that is no path.
    """
    from rtml_plugins.xdm.nesting import nested

    return nested(frame, schema)


def _document(document: Any, row: int) -> Any:
    if isinstance(document, (str, bytes, bytearray)):
        from rtml_plugins.xdm.text import read

        text = document.encode(errors="surrogatepass") if isinstance(document, str) else bytes(document)
        return read(text, f"/{row}")
    return document


def _columns(documents: Sequence[Any], layout: Layout, rows: Sequence[int]) -> list[tuple[Path, list[Any]]]:
    flattener = Flattener(layout, len(documents))
    for row, document in zip(rows, documents, strict=True):
        flattener.add(document, row)
    return list(flattener.columns)


_WHOLE: Final = ("byte", "short", "int", "long", "integer")


def is_whole(schema: Schema | None, steps: Sequence[PatternStep]) -> bool:
    """Whether a schema says that a field holds whole numbers."""
    if schema is None:
        return False
    kind = schema.type_at([0 if step is EVERY else step for step in steps])  # type: ignore[misc]
    return kind is not None and kind.type in _WHOLE


class _Chosen(Layout):
    """The layout that the options of to_frame say."""

    def __init__(self, arrays: Arrays, maps: Maps, schema: Schema | None):
        self._arrays = _by_path("arrays", arrays, ("cell", "index"), ("cell", "index", "explode"))
        self._maps = _by_path("maps", maps, ("cell", "columns"), ("cell", "columns"))
        self.schema = schema
        exploded = [path for path, way in self._arrays.items() if way == "explode"]
        if len(exploded) > 1:
            raise RtmlError(
                f"arrays: one array can become rows, not {len(exploded)}: {describe([join(path) for path in exploded])}"
            )
        self.exploded: Path | None = list(exploded[0]) if exploded else None
        if self.exploded is not None and not all(isinstance(step, str) for step in self.exploded):
            raise RtmlError(f"arrays: an array that becomes rows is named by keys alone; got {describe(join(self.exploded))}")

    def array(self, path: Path) -> Way:
        return "columns" if self._arrays.get(tuple(path), self._arrays[()]) == "index" else "cell"

    def object(self, path: Path) -> Way:
        chosen = self._maps.get(tuple(path))
        if chosen is None and self.schema is not None and self._maps[()] == "cell":
            kind = self.schema.type_at(path)
            return "cell" if kind is not None and kind.type == "map" else "columns"
        return "cell" if chosen == "cell" else "columns"


def _by_path(name: str, given: Any, words: Sequence[str], each: Sequence[str]) -> dict[tuple[Step, ...], str]:
    """An option by path, its default under (). Raises RtmlError."""
    if isinstance(given, str) and given in words:
        return {(): given}
    if not isinstance(given, Mapping) or not all(way in each for way in given.values()):
        options = " or ".join(map(repr, words))
        raise RtmlError(f"{name} must be {options}, or one of {', '.join(map(repr, each))} by path; got {describe(given)}")
    return {(): words[0], **{tuple(split(path)): way for path, way in given.items()}}


def _exploded(count: int, flattened: list[tuple[Path, list[Any]]], layout: _Chosen) -> pd.DataFrame:
    """A row for each element of one array; a document without elements keeps one row."""
    assert layout.exploded is not None
    own = layout.exploded
    lists: list[Any] = next((values for path, values in flattened if path == own), [cells.ABSENT] * count)
    sizes = [len(value) if type(value) is list and value else 0 for value in lists]
    rows = [row for row, size in enumerate(sizes) for _ in range(max(size, 1))]
    numbers = [number for size in sizes for number in range(max(size, 1))]
    made: dict[str, Any] = {}
    for path, values in flattened:
        if path == own:
            values = [cells.ABSENT if size else value for value, size in zip(values, sizes, strict=True)]
            if all(value is cells.ABSENT for value in values):
                continue
        made[join(path)] = cells.series([values[row] for row in rows], path, rows, is_whole(layout.schema, path))
    # each element as a document of its own, under one key, which takes part in no path
    elements: list[dict[str, Any]] = [
        {"": lists[row][number]} if sizes[row] else {} for row, number in zip(rows, numbers, strict=True)
    ]
    for path, values in _columns(elements, _Below(layout, own), range(len(elements))):
        steps: list[PatternStep] = [*own, EVERY, *path[1:]]
        whole = is_whole(layout.schema, steps)
        made[join_pattern(steps)] = cells.series(values, [*own, "*", *path[1:]], rows, whole)
    index = pd.MultiIndex.from_arrays([rows, numbers], names=EXPLODED)
    return cells.frame(made, index)


class _Below(Layout):
    """The layout of the elements of an array."""

    def __init__(self, layout: _Chosen, array: Path):
        self._layout = layout
        self._array = array

    def array(self, path: Path) -> Way:
        return self._layout.array([*self._array, 0, *path[1:]])

    def object(self, path: Path) -> Way:
        return self._layout.object([*self._array, 0, *path[1:]])
