"""What models read: columns as they are, or, where many of them came out of tables, the columns behind the tables.

A one-hot encoding, or a row of maps, costs nodes of its own. A model that reads a matrix can have all such columns from the
columns behind them: one LabelEncoder for all texts and one TreeEnsemble for all tables (see tables), whatever stood between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.lowering.symbolic import IDENTITY, Lookup, Symbolic, lookup_value
from rtml_plugins.sklearn_ops.convert.packing import pack_parts
from rtml_plugins.sklearn_ops.convert.registry import Columns
from rtml_plugins.sklearn_ops.convert.tables import Entry, Table, countable, look_up

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: beyond so many keys a column is read as it is
_MAX_KEYS: Final = 5_000
#: with fewer tables than this, each a LabelEncoder of its own, nothing is won
_FEW: Final = 3


def read_columns(b: Builder, columns: Sequence[Symbolic], *, extras: bool = True) -> tuple[ir.Value, list[int]]:
    """One float64 matrix [N, k] for all columns, and the slot of each in it.

    extras: slots that no column names may lie between, which is right for trees.
    """
    tables = [_table_of(column) for column in columns]
    if not _worth_it([table for table in tables if table is not None], columns):
        tables = [None] * len(columns)
    plain = [i for i, table in enumerate(tables) if table is None]
    parts, slots, start = pack_parts(b, [columns[i] for i in plain], extras=extras)
    places = dict(zip(plain, slots, strict=True))
    looked_up = {i: table for i, table in enumerate(tables) if table is not None}
    if looked_up:
        parts = [*parts, _decoded(b, list(looked_up.values()))]
        places.update({i: start + position for position, i in enumerate(looked_up)})
    return b.concat(parts), [places[i] for i in range(len(columns))]


def _table_of(column: Symbolic) -> Lookup | None:
    """The table that a column of numbers came out of, where it can be read from there."""
    table = column.meaning or column.lookup
    if table is None or table.default is IDENTITY or len(table.table) > _MAX_KEYS:
        return None
    return table if countable(table.source, table.table) else None


def _worth_it(tables: Sequence[Lookup], columns: Sequence[Symbolic]) -> bool:
    """Whether reading behind the tables saves nodes: always for columns that took several, else for enough of them."""
    computed = any(column.meaning is not None for column in columns)
    return bool(tables) and (computed or len({id(column.tensor) for column in columns if column.lookup is not None}) >= _FEW)


def _decoded(b: Builder, tables: Sequence[Lookup]) -> ir.Value:
    """float64 [N, k]: what each table says."""
    groups: dict[tuple[int, int], list[int]] = {}
    for target, table in enumerate(tables):
        groups.setdefault((id(table.source.tensor), table.source.index), []).append(target)
    sources, wanted = [], []
    for targets in groups.values():
        merged = _merged({target: tables[target] for target in targets})
        for entries in merged or [_table({target: tables[target]}) for target in targets]:
            sources.append(tables[targets[0]].source)
            wanted.append(entries)
    return look_up(b, Columns(sources), wanted, len(tables))


def _merged(tables: Mapping[int, Lookup]) -> list[Table] | None:
    """Tables over one column as one, where no value means something else than 0 in two of them, as in a one-hot encoding."""
    keys = dict.fromkeys(key for table in tables.values() for key in table.table)
    for key in [*keys, object()]:
        if sum(lookup_value(table.table, key, table.default) != 0 for table in tables.values()) > 1:
            return None
    return [_table(tables)]


def _table(tables: Mapping[int, Lookup]) -> Table:
    """What each value of one column adds to the targets of these tables; at most one of them is not 0."""
    first = next(iter(tables))

    def entry(key: Any) -> Entry:
        values = ((target, float(lookup_value(table.table, key, table.default))) for target, table in tables.items())
        return next((Entry(target, value) for target, value in values if value != 0), Entry(first, 0.0))

    keys = dict.fromkeys(key for table in tables.values() for key in table.table)
    return Table({key: entry(key) for key in keys}, entry(object()))
