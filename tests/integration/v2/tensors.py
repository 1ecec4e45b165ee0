"""Rows as tensors for tritonclient, and its answers as rows, so that they can be compared with Runtime.score."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

#: field of edges.SCHEMA -> datatype of its tensor and dtype of numpy
FIELDS: dict[str, tuple[str, Any]] = {
    "quote": ("FP64", np.float64),
    "age": ("FP64", np.float64),
    "visits": ("INT64", np.int64),
    "children": ("INT64", np.int64),
    "member": ("BOOL", np.bool_),
    "vip": ("BOOL", np.bool_),
    "country": ("BYTES", np.object_),
    "city": ("BYTES", np.object_),
    "seen_at": ("BYTES", np.object_),
    "left_at": ("BYTES", np.object_),
}
_FILL = {"FP64": math.nan, "INT64": 0, "BOOL": False, "BYTES": ""}


def column(rows: list[dict[str, Any]], name: str) -> tuple[np.ndarray[Any, Any], str]:
    """A field of all rows as an array [N, 1], and the rows that are missing, as the parameter "missing" has them."""
    datatype, dtype = FIELDS[name]
    values = [row[name] for row in rows]
    missing = ",".join(str(at) for at, value in enumerate(values) if value is None and datatype != "FP64")
    filled = [_FILL[datatype] if value is None else value for value in values]
    return np.array(filled, dtype).reshape(len(rows), 1), missing


def python(values: np.ndarray[Any, Any], missing: str) -> list[Any]:
    """An output [N, 1] as Runtime.score would give it."""
    assert values.ndim == 2
    assert values.shape[1] == 1
    gone = {int(at) for at in missing.split(",") if at}
    found = []
    for at, value in enumerate(values[:, 0].tolist()):
        if at in gone or (isinstance(value, float) and math.isnan(value)):
            found.append(None)
        else:
            found.append(value.decode() if isinstance(value, bytes) else value)
    return found


def rows_of(outputs: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Columns as rows."""
    return [dict(zip(outputs, values, strict=True)) for values in zip(*outputs.values(), strict=True)]
