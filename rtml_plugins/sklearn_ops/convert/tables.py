"""Lookups of many columns at once: one LabelEncoder for all strings, then one TreeEnsemble for everything.

A column's table says for each of its values which targets get which weights; a TreeEnsemble holds the tables of all
columns as trees, so that one-hot, ordinal and bin encodings of any number of columns are one or two ONNX nodes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, fold
from rtml_plugins.sklearn_ops.convert.packing import NUMBERS, pack
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Flat, Trees, intervals

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.convert.registry import Columns

#: whole numbers beyond it have neighbours that float64 can't tell apart
_EXACT: Final = 2**53


@dataclass(frozen=True)
class Entry:
    """What a value adds: `weight` to `target`."""

    target: int
    weight: float


@dataclass(frozen=True)
class Table:
    """The entries of one column by value (NaN and MISSING_STRING stand for missing), and that of every other value."""

    entries: Mapping[Any, Entry]
    default: Entry


def look_up(b: Builder, columns: Columns, tables: Sequence[Table], targets: int) -> ir.Value:
    """float64 [N, targets]: for each row, the sums of what the columns' values add."""
    trees = Trees()
    keyed: dict[int, tuple[Symbolic, Table]] = {}
    plain: list[int] = []
    for position, (column, table) in enumerate(zip(columns, tables, strict=True)):
        if column.dtype == "string":
            keyed[position] = _folded(column, table)
        elif column.dtype in NUMBERS:
            plain.append(position)
        else:
            raise NotLowerableError(f"column '{columns.names[position]}' is a {column.dtype}; strings and numbers can be encoded")
    parts, start = [], 0
    for group in _by_carrier(keyed):
        coded, flats = _string_group(b, [keyed[position] for position in group])
        for feature, flat, entries in flats:
            _add(trees, flat, feature + start, entries)
        parts.append(coded)
        start += _width(coded)
    if plain:
        packed = pack(b, columns.pick(plain))
        for position, slot in zip(plain, packed.at, strict=True):
            flat, entries = _number_tree(tables[position], columns.names[position])
            _add(trees, flat, slot + start, entries)
        parts.append(packed.value)
    return trees.emit(b, b.concat(parts), targets)


def _folded(column: Symbolic, table: Table) -> tuple[Symbolic, Table]:
    """The lookup on the column that this one was looked up from, where its values are strings or exact numbers."""
    source, entries, default = fold(column, table.entries, table.default)
    return (source, Table(entries, default)) if countable(source, entries) else (column, table)


def countable(source: Symbolic, keys: Iterable[Any]) -> bool:
    """Whether values of this column can be told apart as strings or exact float64 numbers, these keys among them."""
    if source.dtype == "string":
        return True
    return source.dtype in NUMBERS and all(isinstance(key, float) or abs(int(key)) < _EXACT for key in keys)


def _width(value: ir.Value) -> int:
    from rtml_core.lowering.builder import width_of

    return width_of(value)


def _add(trees: Trees, flat: Flat, feature: int, entries: Sequence[Entry]) -> None:
    moved = Flat(flat.left, flat.right, np.full(len(flat.left), feature), flat.threshold, flat.missing_left, flat.modes)
    trees.add(moved, np.array([entry.weight for entry in entries]), np.array([entry.target for entry in entries]))


def _by_carrier(keyed: Mapping[int, tuple[Symbolic, Table]]) -> list[list[int]]:
    """Positions of the columns whose sources have one element type, so that one LabelEncoder can number them all."""
    groups: dict[str, list[int]] = {}
    for position, (source, _) in keyed.items():
        groups.setdefault(source.carrier, []).append(position)
    return list(groups.values())


def _string_group(b: Builder, columns: Sequence[tuple[Symbolic, Table]]) -> tuple[ir.Value, list[tuple[int, Flat, list[Entry]]]]:
    """Columns of one element type: their values numbered by one LabelEncoder, and a tree over the numbers for each."""
    sources = [source for source, _ in columns]
    carrier = sources[0].carrier
    packed = pack(b, sources, carrier)
    if carrier != "string":
        flats = [(slot, *_number_tree(table, "?")) for slot, (_, table) in zip(packed.at, columns, strict=True)]
        return b.cast(packed.value, "float64"), flats
    # values that only one column knows are still numbered for all: a tree tells them from its own
    known = list(dict.fromkeys(key for _, table in columns for key in table.entries))
    numbered = b.label_encode(
        packed.value, known or [MISSING_STRING], list(range(max(len(known), 1))), -1, keys_dtype="string", values_dtype="float64"
    )
    result = []
    for slot, (_, table) in zip(packed.at, columns, strict=True):
        entries = [table.default, *(table.entries.get(key, table.default) for key in known)]
        result.append((slot, *_runs(entries)))
    return numbered, result


def _runs(entries: Sequence[Entry]) -> tuple[Flat, list[Entry]]:
    """A tree over the whole numbers -1, 0, 1, ...: entry i belongs to number i - 1; equal neighbours share a leaf."""
    edges, kept = [], [entries[0]]
    for number, entry in enumerate(entries[1:]):
        if entry != kept[-1]:
            edges.append(number - 0.5)
            kept.append(entry)
    return intervals(0, np.array(edges), np.zeros(len(edges), bool)), kept


def _number_tree(table: Table, name: str) -> tuple[Flat, list[Entry]]:
    """A tree that finds exact numbers: at each, and between them, the right entry; NaN has a leaf of its own."""
    missing = table.default
    values: dict[float, Entry] = {}
    for key, entry in table.entries.items():
        if isinstance(key, (int, np.integer)) and abs(int(key)) >= _EXACT:
            raise NotLowerableError(
                f"column '{name}': the category {key} reaches 2^53, where float64 can't tell whole numbers apart any more"
            )
        number = float(key)
        if math.isnan(number):
            missing = entry
        else:
            values[number] = entry
    edges, strict, entries = [-math.inf], [True], [missing, table.default]
    for number in sorted(values):
        edges += [number, number]
        strict += [True, False]
        entries += [values[number], table.default]
    return intervals(0, np.array(edges), np.array(strict), missing_first=True), entries
