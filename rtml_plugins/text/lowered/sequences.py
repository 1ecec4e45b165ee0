"""Rows of numbers with holes: moved up, cut, framed by special numbers, padded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: no number: larger than every one of a vocabulary
HOLE: Final = 1 << 30


def first_of(b: Builder, flat: ir.Value, count: int) -> ir.Value:
    """int64 [N, count]: of numbers and holes [N + 1, K] the first numbers, holes behind; the made-up row taken off."""
    padded = b.op("Pad", flat, b.const([0, 0, 0, count], "int64"), b.const(HOLE, "int64"), shape=[None, None])
    empty = b.cast(b.op("Equal", padded, b.const(HOLE, "int64"), dtype="bool", shape=[None, None]), "int64")
    # of equal ones TopK takes those with the lower position
    _, order = b.multi(
        "TopK",
        empty,
        b.const([count], "int64"),
        dtypes=["int64", "int64"],
        shapes=[[None, count]] * 2,
        axis=1,
        largest=0,
        sorted=1,
    )
    moved = b.op("GatherElements", padded, order, shape=[None, count], axis=1)
    return b.op("Slice", moved, b.const([0], "int64"), b.const([-1], "int64"), shape=["N", count])


def framed(
    b: Builder, body: ir.Value, length: int, first: int | None, last: int | None, padding: int
) -> tuple[ir.Value, ir.Value]:
    """int64 [N, length] twice: `first`, the numbers of `body`, `last` (None: left out), then padding; and 1 where no padding is.

    body: numbers with holes behind, [N, length] without the two.
    """
    whole = body
    if first is not None:
        whole = b.op(
            "Pad", whole, b.const([0, 1, 0, 0], "int64"), b.const(first, "int64"), shape=["N", length - (last is not None)]
        )
    if last is not None:
        whole = b.op("Pad", whole, b.const([0, 0, 0, 1], "int64"), b.const(HOLE, "int64"), shape=["N", length])
    hole = b.op("Equal", whole, b.const(HOLE, "int64"), dtype="bool")
    ids = b.op("Where", hole, b.const(padding, "int64"), whole, dtype="int64", width=length)
    if last is None:
        return ids, b.cast(b.op("Not", hole), "int64")
    end = b.op("ArgMax", b.cast(hole, "int64"), dtype="int64", width=1, axis=1, keepdims=1)
    places = b.const([list(range(length))], "int64")
    at_end = b.op("Equal", places, end, dtype="bool", width=length)
    ids = b.op("Where", at_end, b.const(last, "int64"), ids, dtype="int64", width=length)
    return ids, b.cast(b.op("LessOrEqual", places, end, dtype="bool", width=length), "int64")


def dense(b: Builder, flat: ir.Value, splits: ir.Value, width: int) -> ir.Value:
    """int64 [N, width]: the numbers [M] of row n are those from splits[n] to before splits[n + 1]; holes behind them."""
    far = 2**62
    starts = b.op("Slice", splits, b.const([0], "int64"), b.const([-1], "int64"), shape=["N"])
    ends = b.op("Slice", splits, b.const([1], "int64"), b.const([far], "int64"), shape=["N"])
    column = b.const([-1, 1], "int64")
    places = b.op("Add", b.op("Reshape", starts, column, shape=["N", 1]), b.const([list(range(width))], "int64"), width=width)
    inside = b.op("Less", places, b.op("Reshape", ends, column, shape=["N", 1]), dtype="bool", width=width)
    safe = b.op("Where", inside, places, b.const(-1, "int64"), dtype="int64", width=width)
    padded = b.op("Pad", flat, b.const([0, 1], "int64"), b.const(HOLE, "int64"), shape=[None])
    return b.op("Gather", padded, safe, dtype="int64", width=width, axis=0)
