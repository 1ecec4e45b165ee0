"""Columns as matrices, with as few ONNX nodes as their slots allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.convert.registry import Columns

NUMBERS = ("float64", "float32", "int64", "bool")
#: a tensor is taken whole, unneeded slots included, while it is at most this many times wider than what is needed
_SLACK = 4


@dataclass(frozen=True)
class Packed:
    """Columns side by side in one tensor [N, width]; column i is at `at[i]`. Slots that no column names may lie between."""

    value: ir.Value
    at: tuple[int, ...]
    width: int

    def spread(self, values: Any, fill: float = 0.0) -> np.ndarray[Any, Any]:
        """One value a column -> one a slot, float64 [1, width]; `fill` for slots that no column names."""
        row = np.full((1, self.width), fill, dtype=np.float64)
        row[0, list(self.at)] = values
        return row

    def unpack(self, result: ir.Value, dtype: str = "float64", *, like: Sequence[Symbolic] | None = None) -> list[Symbolic]:
        """Symbolic columns of an elementwise result [N, width] on this tensor; missing and infinite where `like` is."""
        if like is None:
            return [Symbolic(dtype, result, slot) for slot in self.at]
        return [Symbolic(dtype, result, slot, old.nullable, old.finite) for slot, old in zip(self.at, like, strict=True)]


def pack(b: Builder, columns: Sequence[Symbolic], carrier: str = "float64", *, extras: bool = True) -> Packed:
    """The columns in one tensor of element type `carrier`, in whatever order needs the fewest nodes.

    extras: slots that nobody asked for may come along; right for elementwise steps and for trees.
    """
    parts, at, width = pack_parts(b, columns, carrier, extras=extras)
    return Packed(b.concat(parts), at, width)


def pack_parts(
    b: Builder, columns: Sequence[Symbolic], carrier: str = "float64", *, extras: bool = True
) -> tuple[list[ir.Value], tuple[int, ...], int]:
    """What `pack` puts side by side: the parts, where each column is in them, and their width together."""
    from rtml_core.lowering.builder import dtype_of, width_of

    groups: dict[int, tuple[ir.Value, set[int]]] = {}
    for column in columns:
        groups.setdefault(id(column.tensor), (column.tensor, set()))[1].add(column.index)
    start, places, parts = 0, {}, []
    # tensors of one element type side by side: they share one Cast
    for tensor, used in sorted(groups.values(), key=lambda group: dtype_of(group[0])):
        width = width_of(tensor)
        whole = len(used) == width or (extras and width <= _SLACK * len(used))
        slots = list(range(width)) if whole else sorted(used)
        parts.append(b.take(tensor, slots))
        places.update({(id(tensor), slot): start + position for position, slot in enumerate(slots)})
        start += len(slots)
    return _of_carrier(b, parts, carrier), tuple(places[id(column.tensor), column.index] for column in columns), start


def _of_carrier(b: Builder, parts: list[ir.Value], carrier: str) -> list[ir.Value]:
    """The parts in one element type, in their order; those of another one share a Cast."""
    from rtml_core.lowering.builder import dtype_of

    by_dtype: dict[str, list[ir.Value]] = {}
    for part in parts:
        by_dtype.setdefault(dtype_of(part), []).append(part)
    joined: list[ir.Value] = []
    for dtype, same in by_dtype.items():
        joined += same if dtype == carrier else [b.cast(b.concat(same), carrier)]
    return joined


def ordered(b: Builder, columns: Sequence[Symbolic]) -> ir.Value:
    """The columns as float64 [N, k], in their order."""
    from rtml_core.lowering.symbolic import matrix

    return matrix(b, columns, "float64")


def numbers(b: Builder, columns: Columns, estimator: Any, *, missing: bool) -> None:
    """Refuse columns that are no numbers, and, unless `missing`, columns that may be missing; names column and cure.

    A column that is never missing but may come out of arithmetic as NaN (not `finite`) is looked at in every row instead.
    """
    name = type(estimator).__name__
    for column, label in zip(columns, columns.names, strict=True):
        if column.dtype not in NUMBERS:
            raise NotLowerableError(
                f"column '{label}' is a {column.dtype}, and {name} takes numbers; encode it first, e.g. with OneHotEncoder"
            )
        if column.nullable and not missing:
            raise NotLowerableError(
                f"column '{label}' may be missing here, and {name} takes no missing values. Fill it first, e.g."
                f' Pandas(import_="fillna", cols="{label}", kwargs={{"value": 0}}), or put a SimpleImputer before it'
            )
    doubtful = [] if missing else [i for i, column in enumerate(columns) if not column.finite]
    if doubtful:
        part = columns.pick(doubtful)
        b.check(_all_numbers(b, part), f"{_list(part.names)} is not a number here, and {name} takes no missing values")


def _list(names: Sequence[str]) -> str:
    quoted = ", ".join(f"'{label}'" for label in names)
    return f"column {quoted}" if len(names) == 1 else f"one of the columns {quoted}"


def _all_numbers(b: Builder, columns: Columns) -> ir.Value:
    """bool [N, 1]: no column is NaN."""
    packed = pack(b, columns, extras=False)
    odd = b.op("IsNaN", packed.value, dtype="bool")
    if packed.width > 1:
        odd = b.op("ReduceMax", odd, b.const([1], "int64"), dtype="bool", width=1, keepdims=1)
    return b.op("Not", odd)


def refuse_infinite(estimator: Any) -> None:
    """Refuse columns that may be infinite, for an estimator whose arithmetic makes NaN of them in an order of its own."""
    from rtml_plugins.sklearn_ops.convert.registry import may_be_infinite

    if may_be_infinite():
        raise NotLowerableError(
            f"{type(estimator).__name__} takes no columns that may be infinite, and one of these may be; bound it first, e.g."
            f' Pandas(import_="clip", kwargs={{"lower": -1e9, "upper": 1e9}})'
        )


def accepts_missing(estimator: Any) -> bool:
    """Whether scikit-learn says that the fitted estimator takes NaN."""
    return bool(estimator.__sklearn_tags__().input_tags.allow_nan)
