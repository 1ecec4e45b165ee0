"""Frames of dotted columns -> documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from rtml_core.errors import InputError, InputProblem, describe
from rtml_plugins.xdm.cells import ABSENT, DEEPEST, too_deep, values_of
from rtml_plugins.xdm.frames import is_whole
from rtml_plugins.xdm.paths import EVERY, PathError, PatternStep, join_pattern, pattern

if TYPE_CHECKING:
    from rtml_plugins.xdm.schema import Schema


class _Node:
    """One place of the documents to be: columns that end here, and the places below."""

    __slots__ = ("below", "path", "values")

    def __init__(self, path: list[PatternStep]):
        self.path = path
        self.values: list[Any] | None = None
        self.below: dict[PatternStep, _Node] = {}


def nested(frame: pd.DataFrame, schema: Schema | None) -> list[dict[str, Any]]:
    """See frames.to_documents."""
    root = _Node([])
    for name, column in frame.items():
        steps = pattern(name)
        if not steps:
            raise PathError("a column without a name stands for a whole document; name it by the path of a field")
        if isinstance(steps[0], int):
            raise PathError(f"column {describe(name)} begins with an index, and a document is an object")
        if len(steps) > DEEPEST:
            raise too_deep(steps)
        node = root
        for step in steps:
            if step not in node.below:
                node.below[step] = _Node([*node.path, step])
            node = node.below[step]
        if node.values is not None:
            raise PathError(f"two columns have the path {describe(join_pattern(steps))}; rename one of them")
        values = values_of(column, str(name))
        node.values = _whole(values) if column.dtype == np.float64 and is_whole(schema, steps) else values
    documents = [_object(root, row) for row in range(len(frame))]
    exploded = _exploded(root)
    return documents if exploded is None else _gathered(documents, frame, exploded)


def _whole(values: list[Any]) -> list[Any]:
    return [int(value) if type(value) is float and value.is_integer() else value for value in values]


def _object(node: _Node, row: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for step, below in node.below.items():
        value = _value(below, row)
        if value is not ABSENT:
            if type(step) is not str:
                raise _contradiction(node, below, row)
            made[step] = value
    return made


def _value(node: _Node, row: int) -> Any:
    value = ABSENT if node.values is None else node.values[row]
    if not node.below:
        return value
    indexes: dict[Any, Any] = {}
    keys: dict[str, Any] = {}
    for step, below in node.below.items():
        inner = _value(below, row)
        if inner is ABSENT:
            continue
        if value is not ABSENT or (keys if type(step) is not str else indexes):
            raise _contradiction(node, below, row)
        if type(step) is str:
            keys[step] = inner
        else:
            indexes[step] = inner
    if not indexes:
        return keys or value
    if EVERY in indexes and len(indexes) > 1:
        raise _contradiction(node, node.below[EVERY], row)
    return [indexes[EVERY]] if EVERY in indexes else _list(node, indexes, row)


def _list(node: _Node, indexes: dict[int, Any], row: int) -> list[Any]:
    made = []
    for index in range(len(indexes)):
        if index not in indexes:
            last = join_pattern([*node.path, max(indexes)])
            missing = join_pattern([*node.path, index])
            cure = "an array is whole, from [0] on" if min(indexes) >= 0 else "an index from the end is no place of its own"
            raise InputError([InputProblem(f"/{row}", f"something in '{missing}': {cure}", f"nothing there, and '{last}'")])
        made.append(indexes[index])
    return made


def _contradiction(node: _Node, below: _Node, row: int) -> InputError:
    one, other = join_pattern(node.path), join_pattern(below.path)
    expected = f"'{other}' alone, or something else in '{one}': a document has one value in one place"
    return InputError([InputProblem(f"/{row}", expected, "both")])


def _exploded(root: _Node) -> list[str] | None:
    """The path of the array whose elements are rows. Raises PathError when there are two."""
    found: list[list[PatternStep]] = []

    def walk(node: _Node) -> Iterator[_Node]:
        for step, below in node.below.items():
            if step is EVERY:
                found.append(node.path)
            yield below
            yield from walk(below)

    list(walk(root))
    if not found:
        return None
    if len(found) > 1 or not all(isinstance(step, str) for step in found[0]):
        raise PathError(f"rows can be the elements of one array; these columns have {describe([join_pattern(p) for p in found])}")
    return found[0]  # type: ignore[return-value]


def _gathered(documents: list[dict[str, Any]], frame: pd.DataFrame, array: list[str]) -> list[dict[str, Any]]:
    """Documents whose elements stand in rows of their own, by the first level of the index."""
    if frame.index.nlevels != 2:
        raise InputError(
            [InputProblem("/", "an index of document and element, as to_frame makes it", f"{frame.index.nlevels} level")]
        )
    made: dict[Any, dict[str, Any]] = {}
    for label, document in zip(frame.index.get_level_values(0), documents, strict=True):
        if label in made:
            elements = _at(document, array)
            if elements is not None:
                _at(made[label], array).extend(elements)
        else:
            made[label] = document
    return list(made.values())


def _at(document: dict[str, Any], path: list[str]) -> Any:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
