"""Rows as they are scored, turned back into rows as a plain request holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.package import FieldEntry
from rtml_core.timestamps import format_timestamp


def reader(kind: str) -> Callable[[Any], Any]:
    """From a value of a row (see runtime.json_rows.Row) to that of a plain request. kind: type of the field."""
    return {"timestamp": _moment, "string": _text, "float": _number}.get(kind, _same)


def plain_rows(fields: Sequence[FieldEntry], rows: Iterable[Sequence[Any]]) -> bytes:
    """A JSON list of these rows. fields: in the order of a row."""
    readers = [(entry.name, reader(entry.type)) for entry in fields]
    return msgspec.json.encode([{name: read(value) for (name, read), value in zip(readers, row, strict=True)} for row in rows])


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> Any:
    return None if value == MISSING_STRING else value


def _number(value: Any) -> Any:
    return None if value is not None and math.isnan(value) else value


def _moment(value: Any) -> Any:
    return None if value == MISSING_TIME else format_timestamp(value)
