"""Texts joined, split and hashed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rtml_core.columns import MISSING_STRING
from rtml_core.lowering.builder import ORT
from rtml_core.lowering.strings import plain
from rtml_core.lowering.symbolic import Symbolic, keep_missing, matrix, missing_mask, new, unpack, value_of, where

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


def joined_there(b: Builder, columns: Sequence[Symbolic], separator: str) -> Symbolic:
    """The texts that are there, with separators between them; missing where none is."""
    absent, nothing = b.const([[MISSING_STRING]], "string"), b.const([[""]], "string")
    between = b.const([[plain(separator)]], "string")
    total = (
        where(b, missing_mask(b, columns[0]), nothing, value_of(b, columns[0]))
        if columns[0].nullable
        else value_of(b, columns[0])
    )
    none = missing_mask(b, columns[0]) if columns[0].nullable else None
    for column in columns[1:]:
        piece = value_of(b, column)
        spaced = b.op("StringConcat", between, piece, width=1) if separator else piece
        if none is not None and separator:
            spaced = where(b, none, piece, spaced)
        if column.nullable:
            gone = missing_mask(b, column)
            spaced = where(b, gone, nothing, spaced)
            none = None if none is None else b.op("And", none, gone)
        else:
            none = None
        total = b.op("StringConcat", total, spaced, width=1)
    return new("string", total if none is None else where(b, none, absent, total), nullable=none is not None)


def split_parts(b: Builder, column: Symbolic, separator: str, count: int, *, rest: bool) -> list[Symbolic]:
    """The first `count` parts, missing where a text has fewer; all of them out of one StringSplit."""
    if rest and count == 1:
        return [column]
    absent = b.const([[MISSING_STRING]], "string")
    # a row that has every part keeps the slices below from being empty
    full = b.const([["x" + plain(separator) * count]], "string")
    rows = b.op("Concat", value_of(b, column), full, axis=0, shape=[None, 1])
    parts, counts = b.multi(
        "StringSplit",
        rows,
        dtypes=["string", "int64"],
        shapes=[[None, 1, None], [None, 1]],
        delimiter=separator,
        maxsplit=count - 1 if rest else count,
    )
    bounds = b.const([0, 0], "int64"), b.const([-1, count], "int64"), b.const([0, 2], "int64")
    first = b.op("Slice", parts, *bounds, shape=["N", 1, count])
    own = b.op("Slice", counts, b.const([0], "int64"), b.const([-1], "int64"), b.const([0], "int64"), shape=["N", 1])
    # StringSplit finds no part in an empty text, where Python finds an empty one
    there = b.op("Greater", own, b.const([[-1, *range(1, count)]], "int64"), dtype="bool", width=count)
    flat = b.op("Squeeze", first, b.const([1], "int64"), shape=["N", count])
    found = b.op("Where", there, flat, absent, dtype="string", width=count)
    if column.nullable:
        found = b.op("Where", missing_mask(b, column), absent, found, dtype="string", width=count)
    return unpack(found, "string", nullable=True)


def hashed(b: Builder, columns: Sequence[Symbolic], buckets: int, seed: int) -> list[Symbolic]:
    """Bucket numbers: int64, or float64 with NaN where the text may be missing."""
    packed = matrix(b, columns, "string")
    raw = b.op("MurmurHash3", packed, domain=ORT, dtype="uint32", positive=1, seed=seed)
    numbers = unpack(b.op("Mod", b.cast(raw, "int64"), b.const(buckets, "int64")), "int64")
    result = []
    for column, number in zip(columns, numbers, strict=True):
        if not column.nullable:
            result.append(number)
            continue
        value = keep_missing(b, column, b.cast(value_of(b, number), "float64"))
        result.append(new("float64", value, nullable=True))
    return result
