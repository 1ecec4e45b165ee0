"""One-hot encoding of columns, with as few ONNX nodes as it takes: one lookup, however long the chain of lookups before it.

One column becomes LabelEncoder, Equal, Cast. Several columns of one carrier share one LabelEncoder over the union of their
vocabularies, and the rows of ones are fetched from a table: LabelEncoder, Add, Gather, Reshape for all of them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Lookup, Symbolic, fold, lookup, lookup_value, matrix, new, unpack, value_of

#: largest table of ones, in elements, that several columns may share
_MAX_ONES: Final = 1_000_000


@dataclass(frozen=True)
class Encoding:
    """What is wanted of one column: its categories in carrier form, and how many of the first of them to leave out."""

    column: Symbolic
    categories: tuple[Any, ...]
    skip: int = 0

    @property
    def codes(self) -> dict[Any, int]:
        return {category: code for code, category in enumerate(self.categories)}

    @property
    def width(self) -> int:
        return len(self.categories) - self.skip


def category_code(b: Builder, encoding: Encoding) -> Symbolic:
    """int64 column: the position of the value among the categories, or their number when it is none of them."""
    plain = _countable(b, encoding)
    return lookup(b, plain.column, plain.codes, len(plain.categories), "int64", nullable=False)


def one_hot(b: Builder, encodings: Sequence[Encoding]) -> list[list[Symbolic]]:
    """For each encoding, a float64 column of 0 and 1 for each category; a value that is no category is 0 in all of them.

    Missing is no category unless it is listed. Every encoding has at least one category.
    """
    plain = [_countable(b, encoding) for encoding in encodings]
    done: dict[int, list[Symbolic]] = {}
    for group in _groups(plain):
        shared = _shared(b, [plain[i] for i in group]) if len(group) > 1 else None
        if shared is None:
            shared = [_single(b, plain[i]) for i in group]
        done.update((i, _with_meaning(plain[i], columns)) for i, columns in zip(group, shared, strict=True))
    return [done[i] for i in range(len(plain))]


def _with_meaning(encoding: Encoding, columns: Sequence[Symbolic]) -> list[Symbolic]:
    """The columns of 0 and 1, each saying which values of the column behind it make it 1: trees read that one instead."""
    source, table, default = fold(encoding.column, encoding.codes, -1)
    found = []
    for category, column in enumerate(columns, start=encoding.skip):
        hot = {key: float(code == category) for key, code in table.items() if category in (code, default)}
        found.append(replace(column, meaning=Lookup(source, hot, float(default == category))))
    return found


def _countable(b: Builder, encoding: Encoding) -> Encoding:
    """Booleans as int64, which a LabelEncoder takes."""
    if encoding.column.carrier != "bool":
        return encoding
    column = new("int64", b.cast(value_of(b, encoding.column), "int64"))
    return Encoding(column, tuple(int(category) for category in encoding.categories), encoding.skip)


def _groups(encodings: Sequence[Encoding]) -> list[list[int]]:
    """Positions of encodings whose values, once lookups are folded, come from columns of one carrier."""
    groups: dict[str, list[int]] = {}
    for i, encoding in enumerate(encodings):
        source, _, _ = fold(encoding.column, encoding.codes, -1)
        groups.setdefault(source.carrier, []).append(i)
    return list(groups.values())


def _single(b: Builder, encoding: Encoding) -> list[Symbolic]:
    code = value_of(b, category_code(b, encoding))
    positions = b.const([list(range(encoding.skip, len(encoding.categories)))], "int64")
    hot = b.op("Equal", code, positions, dtype="bool", width=encoding.width)
    return unpack(b.cast(hot, "float64"), "float64")


def _shared(b: Builder, encodings: Sequence[Encoding]) -> list[list[Symbolic]] | None:
    """Several columns through one lookup; None when the table of ones would grow too large.

    Values fall into classes: those that mean the same category in every one of the columns.
    """
    folded = [fold(encoding.column, encoding.codes, -1) for encoding in encodings]
    classes: dict[tuple[int, ...], int] = {tuple(default for _, _, default in folded): 0}
    keys: dict[Any, int] = {}
    for key in _union([table for _, table, _ in folded]):
        meaning = tuple(lookup_value(table, key, default) for _, table, default in folded)
        keys[key] = classes.setdefault(meaning, len(classes))
    width = max(encoding.width for encoding in encodings)
    if len(encodings) * len(classes) * width > _MAX_ONES:
        return None
    sources = [source for source, _, _ in folded]
    carrier = sources[0].carrier
    values = matrix(b, sources, carrier)
    code = b.label_encode(values, list(keys), list(keys.values()), 0, keys_dtype=carrier, values_dtype="int64")
    ones = np.zeros((len(encodings), len(classes), width))
    for meaning, row in classes.items():
        for position, (encoding, category) in enumerate(zip(encodings, meaning, strict=True)):
            if category >= encoding.skip:
                ones[position, row, category - encoding.skip] = 1.0
    return _fetch(b, code, ones, encodings)


def _fetch(b: Builder, code: ir.Value, ones: np.ndarray[Any, Any], encodings: Sequence[Encoding]) -> list[list[Symbolic]]:
    """The rows of `ones` [columns, classes, width] that `code` [N, columns] names, as columns of one packed tensor."""
    columns, classes, width = ones.shape
    first = b.const(np.arange(columns)[None, :] * classes, "int64")
    rows = b.op(
        "Gather",
        b.const(ones.reshape(columns * classes, width), "float64"),
        b.op("Add", code, first),
        shape=["N", columns, width],
        axis=0,
    )
    flat = unpack(b.op("Reshape", rows, b.const([-1, columns * width], "int64"), width=columns * width), "float64")
    return [flat[i * width : i * width + encoding.width] for i, encoding in enumerate(encodings)]


def _union(tables: Sequence[Mapping[Any, Any]]) -> list[Any]:
    """All keys once, in order; NaN is one key."""
    found: dict[Any, Any] = {}
    for table in tables:
        for key in table:
            found.setdefault("NaN" if isinstance(key, float) and key != key else (key,), key)
    return list(found.values())
