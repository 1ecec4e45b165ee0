"""Tables on several columns at once: however many columns are encoded, the graph gets three or four ONNX nodes for them.

A single table is one LabelEncoder, folded into the lookups before it (symbolic.lookup). Several tables on columns of one
carrier share a LabelEncoder that numbers the values, and one Gather fetches what each column's table says: LabelEncoder,
Add, Gather, and a Reshape where a column becomes several. The results remember their tables, so that what follows folds
into them, and a model reads the column behind them; then nothing of this is left in the graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: largest shared table, in elements
_MAX_ELEMENTS: Final = 1_000_000
#: dtypes of results that a table holds as they are
_SHARED: Final = ("float64", "float32", "int64", "string")
#: with fewer results than this, each a LabelEncoder of its own, nothing is won
_FEW: Final = 3


@dataclass(frozen=True)
class Wanted:
    """What a column becomes: for each listed value (carrier form) a row of results, `default` for every other value.

    dtype: of all results; nullable: whether one of them is missing. A missing value of the column is a key like any other.
    """

    column: Symbolic
    table: Mapping[Any, tuple[Any, ...]]
    default: tuple[Any, ...]
    dtype: str = "float64"
    nullable: bool = False
    categories: tuple[Any, ...] | None = None

    @property
    def width(self) -> int:
        """How many columns come out."""
        return len(self.default)

    @property
    def finite(self) -> bool:
        """Whether no result is infinite."""
        results = (value for row in (*self.table.values(), self.default) for value in row)
        return not any(isinstance(value, float) and math.isinf(value) for value in results)


def through(column: Symbolic, function: Callable[[Any], Any], dtype: str, **known: Any) -> Wanted | None:
    """`function` of the values (carrier form) of a column that comes out of a table, as a table on the column behind it.

    None for every other column. known: further fields of Wanted.
    """
    from rtml_core.lowering.symbolic import IDENTITY

    behind = column.lookup
    if behind is None or behind.default is IDENTITY:
        return None
    table = {key: (function(value),) for key, value in behind.table.items()}
    return Wanted(behind.source, table, (function(behind.default),), dtype, **known)


def look_up(b: Builder, wanted: Sequence[Wanted]) -> list[list[Symbolic]]:
    """The results of each, as symbolic columns that remember their tables. All have one dtype that is no boolean."""
    wanted = [_countable(b, one) for one in wanted]
    done: dict[int, list[Symbolic]] = {}
    for group in _groups(wanted):
        members = [wanted[i] for i in group]
        shared = _shared(b, members) if _pays(members) else None
        done.update(zip(group, shared or [_singles(b, one) for one in members], strict=True))
    return [done[i] for i in range(len(wanted))]


def look_up_each(b: Builder, wanted: Mapping[str, Wanted]) -> dict[str, list[Symbolic]]:
    """look_up of results of several dtypes, by name."""
    by_dtype: dict[str, dict[str, Wanted]] = {}
    for name, one in wanted.items():
        by_dtype.setdefault(one.dtype, {})[name] = one
    found: dict[str, list[Symbolic]] = {}
    for members in by_dtype.values():
        found.update(zip(members, look_up(b, list(members.values())), strict=True))
    return {name: found[name] for name in wanted}


def _countable(b: Builder, one: Wanted) -> Wanted:
    """Booleans as int64, and float32 as float64 unless it stays float32: keys that a LabelEncoder takes with such results."""
    from rtml_core.lowering.symbolic import new, value_of

    carrier = one.column.carrier
    if carrier not in ("bool", "float32") or carrier == one.dtype:
        return one
    dtype, kind = ("int64", int) if carrier == "bool" else ("float64", float)
    column = new(dtype, b.cast(value_of(b, one.column), dtype), nullable=one.column.nullable, finite=one.column.finite)
    return replace(one, column=column, table={kind(key): row for key, row in one.table.items()})


def _folded(one: Wanted) -> tuple[Symbolic, Mapping[Any, Any], Any]:
    from rtml_core.lowering.symbolic import fold

    return fold(one.column, one.table, one.default)


def _groups(wanted: Sequence[Wanted]) -> list[list[int]]:
    """Positions of those whose values, once lookups are folded, come from columns of one carrier."""
    groups: dict[str, list[int]] = {}
    for position, one in enumerate(wanted):
        groups.setdefault(_folded(one)[0].carrier, []).append(position)
    return list(groups.values())


def _pays(members: Sequence[Wanted]) -> bool:
    return members[0].dtype in _SHARED and sum(one.width for one in members) >= _FEW


def _singles(b: Builder, one: Wanted) -> list[Symbolic]:
    from rtml_core.lowering.symbolic import lookup

    known: dict[str, Any] = {"nullable": one.nullable, "finite": one.finite, "categories": one.categories}
    return [
        lookup(b, one.column, {key: row[i] for key, row in one.table.items()}, one.default[i], one.dtype, **known)
        for i in range(one.width)
    ]


def _shared(b: Builder, members: Sequence[Wanted]) -> list[list[Symbolic]] | None:
    """All through one lookup; None when the shared table would grow too large.

    Values fall into classes: those that mean the same to every column. Class 0 is that of values which no table lists.
    """
    from rtml_core.lowering.symbolic import matrix, unpack

    dtype = members[0].dtype
    folded = [_folded(one) for one in members]
    sources = [source for source, _, _ in folded]
    carrier = sources[0].carrier
    keys = _union([table for _, table, _ in folded])
    alike = _alike(folded, keys)
    if alike is not None:
        values, default = alike
        found = b.label_encode(matrix(b, sources, carrier), keys, values, default, keys_dtype=carrier, values_dtype=dtype)
        return [_remembering(one, [slot], *way) for one, slot, way in zip(members, unpack(found, dtype), folded, strict=True)]
    meanings = _meanings([(table, default) for _, table, default in folded], keys)
    classes: dict[Any, int] = {(): 0}
    codes = [classes.setdefault(tuple((at, tuple(map(_same, row))) for at, row in found), len(classes)) for found in meanings]
    width = max(one.width for one in members)
    if len(members) * len(classes) * width > _MAX_ELEMENTS or not keys:
        return None
    code = b.label_encode(matrix(b, sources, carrier), keys, codes, 0, keys_dtype=carrier, values_dtype="int64")
    rows = _rows([default for _, _, default in folded], dict(zip(codes, meanings, strict=True)), len(classes), width, dtype)
    slots = _fetch(b, code, rows, dtype)
    return [_remembering(one, slots[i * width : i * width + one.width], *folded[i]) for i, one in enumerate(members)]


def _meanings(
    tables: Sequence[tuple[Mapping[Any, Any], tuple[Any, ...]]], keys: Sequence[Any]
) -> list[list[tuple[int, tuple[Any, ...]]]]:
    """For each key, the columns to which it means something else than all unlisted values do, and what."""
    found: dict[Any, list[tuple[int, tuple[Any, ...]]]] = {_one_key(key): [] for key in keys}
    for position, (table, default) in enumerate(tables):
        usual = tuple(map(_same, default))
        for key, row in table.items():
            if tuple(map(_same, row)) != usual:
                found[_one_key(key)].append((position, row))
    return list(found.values())


def _rows(defaults: Sequence[tuple[Any, ...]], meanings: Mapping[int, Any], classes: int, width: int, dtype: str) -> Any:
    """What each class means to each column, as an array [columns, classes, width]; narrow columns are filled up."""
    import numpy as np

    rows = np.empty((len(defaults), classes, width), dtype=object if dtype == "string" else dtype)
    for position, default in enumerate(defaults):
        rows[position, :] = [*default, *default[:1] * (width - len(default))]
    for number, found in meanings.items():
        for position, row in found:
            rows[position, number, : len(row)] = row
    return rows


def _alike(folded: Sequence[tuple[Symbolic, Mapping[Any, Any], Any]], keys: Sequence[Any]) -> tuple[list[Any], Any] | None:
    """What each key means to every column that can hold it, and what all else means, where they agree; else None.

    A column whose categories are known holds nothing else.
    """
    from rtml_core.lowering.symbolic import lookup_value

    if not keys or any(len(default) > 1 for _, _, default in folded):
        return None
    known = [None if source.categories is None else frozenset(source.categories) for source, _, _ in folded]
    values = []
    for key in keys:
        found = [
            lookup_value(table, key, default)[0]
            for (source, table, default), only in zip(folded, known, strict=True)
            if only is None or key in only or (source.nullable and _is_missing(key))
        ]
        if len(set(map(_same, found))) > 1:
            return None
        values.append(found[0] if found else folded[0][2][0])
    others = [default[0] for source, table, default in folded if _can_hold_others(source, table)]
    if len(set(map(_same, others))) > 1:
        return None
    return values, others[0] if others else folded[0][2][0]


def _can_hold_others(source: Symbolic, table: Mapping[Any, Any]) -> bool:
    if source.categories is None or (source.nullable and not any(map(_is_missing, table))):
        return True
    return any(value not in table for value in source.categories)


def _is_missing(key: Any) -> bool:
    from rtml_core.columns import MISSING_STRING

    return key == MISSING_STRING or bool(key != key)


def _same(value: Any) -> Any:
    """Results that are the same value, NaN and NaN included, but not 0.0 and -0.0."""
    return repr(value) if isinstance(value, float) else value


def _fetch(b: Builder, code: Any, rows: Any, dtype: str) -> list[Symbolic]:
    """Row `code` [N, columns] of each column's `rows` [columns, classes, width], as columns of one packed tensor."""
    import numpy as np

    from rtml_core.lowering.symbolic import unpack

    columns, classes, width = rows.shape
    if columns > 1:
        code = b.op("Add", code, b.const(np.arange(columns)[None, :] * classes, "int64"))
    if width == 1:
        fetched = b.op("Gather", b.const(rows.ravel(), dtype), code, dtype=dtype, width=columns, axis=0)
        return unpack(fetched, dtype)
    table = b.const(rows.reshape(columns * classes, width), dtype)
    fetched = b.op("Gather", table, code, dtype=dtype, shape=["N", columns, width], axis=0)
    return unpack(b.op("Reshape", fetched, b.const([-1, columns * width], "int64"), width=columns * width), dtype)


def _remembering(
    one: Wanted, slots: Sequence[Symbolic], source: Symbolic, table: Mapping[Any, Any], default: Any
) -> list[Symbolic]:
    from rtml_core.lowering.symbolic import Lookup

    made = []
    for i, slot in enumerate(slots):
        behind = Lookup(source, {key: row[i] for key, row in table.items()}, default[i])
        known = replace(slot, nullable=one.nullable, finite=one.finite, categories=one.categories, lookup=behind)
        made.append(replace(known, meaning=behind) if one.dtype == "float64" else known)
    return made


def _union(tables: Sequence[Mapping[Any, Any]]) -> list[Any]:
    """All keys once, in order; NaN is one key."""
    found: dict[Any, Any] = {}
    for table in tables:
        for key in table:
            found.setdefault(_one_key(key), key)
    return list(found.values())


def _one_key(key: Any) -> Any:
    return "NaN" if isinstance(key, float) and key != key else (key,)
