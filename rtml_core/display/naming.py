"""The columns that parameters of a node name: read off the JSON, as operators are not asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

#: parameters that name no column that comes in
_NOT_TAKEN: Final = frozenset(
    {"import", "into", "outputs", "func", "value", "categories", "graph", "schema", "model", "model_params", "params", "id"}
)
_NAME: Final = re.compile(r"[^\W\d]\w*")


def made(params: Mapping[str, Any]) -> list[str]:
    """Columns that parameters say are made, for packages that do not tell of columns on the way."""
    for key in ("into", "outputs"):
        given = params.get(key)
        if isinstance(given, str):
            return [given]
        if isinstance(given, (list, dict)):
            return [name for name in given if isinstance(name, str)]
    return []


def taken(params: Mapping[str, Any], coming: Mapping[str, None]) -> list[str]:
    """The columns that parameters name, of those that come in; where nothing is known of them, those under the usual keys."""
    found: dict[str, None] = {}
    for key, value in params.items():
        if key in _NOT_TAKEN or (key == "function" and params.get("cols")):
            continue
        usual = key in ("cols", "columns", "features")
        for text in _texts(value):
            if text in coming or usual:
                found[text] = None
            elif not usual and len(text) < 1000:
                found |= dict.fromkeys(word for word in _NAME.findall(text) if word in coming and text != word)
    return list(found)


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value but the keys of its objects, and what stands under keys of words, not columns."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        if "python" in value and "body" in value:
            yield from _read(value["body"]) if value.get("row") else _texts(value.get("args"))
            return
        for key, item in value.items():
            if key == "func":  # of a row, it names columns; of a cell, its argument is a cell
                function = item.get("$function") if isinstance(item, dict) else None
                if isinstance(function, dict) and function.get("row"):
                    yield from _texts(function)
            elif key not in ("value", "set"):
                yield from _texts(item)


def _read(tree: Any) -> Iterator[str]:
    """The columns that a function of a row reads: its nodes ["column", name]."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            if len(part) == 2 and part[0] == "column" and isinstance(part[1], str):
                yield part[1]
            waiting += part
