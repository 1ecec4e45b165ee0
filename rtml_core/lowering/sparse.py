"""Wide rows that are mostly zero, times a matrix: only what is not zero is looked at.

A text has some twenty words of a vocabulary of twenty thousand. The counts are written out as a whole row either way, in
float32, which is quick; weighting, norm and product touch only the few that are there. Whoever makes such a tensor notes what
it is made of; whoever multiplies it may use the note, and the tensor itself is dropped when nobody needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.lowering.builder import Builder, width_of
from rtml_core.lowering.symbolic import Symbolic

#: narrower rows are multiplied as they are
LEAST: Final = 3_000
_NOTE: Final = "rtml.sparse"


@dataclass(frozen=True)
class Weighted:
    """float32 counts [N, V], of which `tfidf` makes weights: see there."""

    counts: ir.Value
    idf: tuple[float, ...] | None
    norm: str | None
    sublinear: bool


def note(value: ir.Value, made_of: Weighted) -> None:
    """Say what a tensor is made of."""
    value.meta[_NOTE] = made_of


def made_of(columns: Sequence[Symbolic]) -> Weighted | None:
    """What the columns are made of, when they are all of one wide tensor that has a note, in its order."""
    tensor = columns[0].tensor if columns else None
    found = None if tensor is None else tensor.meta.get(_NOTE)
    if tensor is None or found is None or width_of(tensor) < LEAST or len(columns) != width_of(tensor):
        return None
    whole = all(column.tensor is tensor and column.index == at for at, column in enumerate(columns))
    return found if whole and isinstance(found, Weighted) else None


def product(b: Builder, x: Weighted, weights: np.ndarray[Any, Any]) -> ir.Value:
    """float64 [N, k]: the weighted rows [N, V] times weights [V, k]."""
    k = weights.shape[1]
    there = b.op("NonZero", x.counts, dtype="int64", shape=[2, None])
    places = b.op("Transpose", there, shape=[None, 2], perm=[1, 0])
    values = b.cast(b.op("GatherND", x.counts, places, dtype="float32", shape=[None]), "float64")
    rows = b.op("Gather", there, b.const(0, "int64"), dtype="int64", shape=[None], axis=0)
    columns = b.op("Gather", there, b.const(1, "int64"), dtype="int64", shape=[None], axis=0)
    if x.sublinear:
        values = b.op("Add", b.op("Log", values), b.const(1.0, "float64"), shape=[None])
    if x.idf is not None:
        idf = b.op("Gather", b.const(list(x.idf), "float64"), columns, dtype="float64", shape=[None], axis=0)
        values = b.op("Mul", values, idf, shape=[None])
    count = b.op("Shape", x.counts, dtype="int64", shape=[1], end=1)
    last = b.const([1], "int64")
    parts = b.op("Gather", b.const(weights, "float64"), columns, dtype="float64", shape=[None, k], axis=0)
    parts = b.op("Mul", parts, b.op("Unsqueeze", values, last, shape=[None, 1]), shape=[None, k])
    size = b.op("Concat", count, b.const([k], "int64"), axis=0, shape=[2])
    zeros = b.op("Expand", b.const([[0.0]], "float64"), size, shape=["N", k])
    at = b.op("Unsqueeze", rows, last, shape=[None, 1])
    total = b.op("ScatterND", zeros, at, parts, shape=["N", k], reduction="add")
    return total if x.norm is None else b.op("Div", total, _norm(b, x.norm, values, rows, count))


def _norm(b: Builder, norm: str, values: ir.Value, rows: ir.Value, count: ir.Value) -> ir.Value:
    """float64 [N, 1]: the norms of the rows, the least positive number for 0."""
    sizes = b.op("Abs", values) if norm == "l1" else b.op("Mul", values, values, shape=[None])
    zeros = b.op("Expand", b.const([0.0], "float64"), count, shape=["N"])
    total = b.op("ScatterElements", zeros, rows, sizes, shape=["N"], axis=0, reduction="add")
    total = total if norm == "l1" else b.op("Sqrt", total)
    return b.op("Unsqueeze", b.op("Max", total, b.const([5e-324], "float64")), b.const([1], "int64"), shape=["N", 1])
