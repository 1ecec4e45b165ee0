"""Parameters of a node, and what it has learned, as rows to read: models by class, functions as Python, long values shortened."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.display.source import source
from rtml_core.display.wording import count, duration, shown, size

#: characters of a value that stand in a table, and of what is shown when it is unfolded
SHORT: Final = 160
LONG: Final = 20_000
_MOST: Final = 200
_DEEP: Final = 4


@dataclass(frozen=True)
class Row:
    """A parameter. text: its value, short; full: all of it when that is longer, as lines; code: it is source; rows: what it is
    made of."""

    name: str
    text: str
    full: str = ""
    code: bool = False
    rows: Sequence[Row] = ()


def rows_of(values: Mapping[str, Any], depth: int = 0) -> list[Row]:
    """The rows of an object of JSON values."""
    items = list(values.items())
    rows = [_row(shown(str(name)), value, depth) for name, value in items[:_MOST]]
    return rows if len(items) <= _MOST else [*rows, Row("…", f"and {len(items) - _MOST:,} more")]


def _row(name: str, value: Any, depth: int) -> Row:
    if isinstance(value, Mapping):
        return _object(name, value, depth)
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value) and depth < _DEEP:
        return Row(
            name, count(len(value), "entry", "entries"), rows=rows_of({str(n): one for n, one in enumerate(value, 1)}, depth + 1)
        )
    return _plain(name, value)


def _object(name: str, value: Mapping[str, Any], depth: int) -> Row:
    if "class" in value and "$" in value:
        path = shown(str(value["class"]))
        state = value.get("state")
        inside = rows_of(state, depth + 1) if isinstance(state, Mapping) and depth < _DEEP else []
        return Row(name, path.rpartition(".")[2], full=path if "." in path else "", rows=inside)
    if "python" in value and "body" in value and (text := source(value)) is not None:
        return Row(name, "a Python function", full=_cut(text), code=True)
    if isinstance(function := value.get("$function"), Mapping):
        return _object(name, function, depth)
    if (text := _marked(value)) is not None:
        return Row(name, text)
    if not value or depth >= _DEEP:
        return _plain(name, value)
    if "nodes" in value and "rtml" in value:
        return Row(name, f"a graph of {count(len(value['nodes']), 'node')}")
    simple = json.dumps(value, ensure_ascii=False)
    if len(simple) <= 60 and not any(isinstance(item, (dict, list)) for item in value.values()):
        return Row(name, shown(", ".join(f"{key}: {text_of(item)}" for key, item in value.items())))
    return Row(name, count(len(value), "entry", "entries"), rows=rows_of(value, depth + 1))


def _marked(value: Mapping[str, Any]) -> str | None:
    """An object that stands for one value, in words; None for another one."""
    if len(value) != 1:
        return None
    ((mark, inner),) = value.items()
    if mark in ("$number", "$timestamp"):
        return shown(str(inner))
    if mark == "$timedelta" and isinstance(inner, int):
        return duration(inner)
    if mark == "$large" and isinstance(inner, list) and [type(part) for part in inner] == [int, str]:
        return f"{size(inner[0])}, too long to be shown (SHA-256 {inner[1][:12]}…)"
    return f"the column {shown(inner)}" if mark == "column" and isinstance(inner, str) else None


def _plain(name: str, value: Any) -> Row:
    text = text_of(value)
    if len(text) <= SHORT:
        return Row(name, text)
    return Row(name, text[:SHORT].rstrip() + "…", full=_cut(text))


def text_of(value: Any) -> str:
    """A JSON value in words: lists without brackets, texts in quotes only where they would be taken for something else."""
    if isinstance(value, list):
        if not value:
            return "an empty list"
        if all(isinstance(item, (str, int, float, bool)) or item is None for item in value):
            return ", ".join(_scalar(item) for item in value)
    if isinstance(value, Mapping):
        if not value:
            return "nothing"
        if (text := _marked(value)) is not None:
            return text
    if isinstance(value, (list, Mapping)):
        return shown(json.dumps(value, ensure_ascii=False))
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        like_other = not value or value != value.strip() or value in ("none", "yes", "no") or _is_number(value)
        return json.dumps(shown(value), ensure_ascii=False) if like_other else shown(value)
    if isinstance(value, float):
        return repr(value) if len(repr(value)) <= 12 else f"{value:.9g}"
    return repr(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _cut(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…\n({len(text) - LONG:,} characters more)"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values in an object of objects, each with the path to it: ("kwargs.value", 0.0). Lists and functions are values."""
    if isinstance(value, Mapping) and value and not any(str(key).startswith("$") for key in value) and "body" not in value:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Mapping) and value.get("$") == "object" and isinstance(value.get("state"), Mapping):
        yield f"{path}.class" if path else "class", value.get("class")
        yield from leaves(value["state"], path)
    else:
        yield path, value
