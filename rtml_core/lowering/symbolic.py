"""Symbolic columns: what a column is while a graph is lowered, and the pieces that every lowering shares.

A symbolic column is a slot of a packed tensor plus what is known about its values. Missing values are in band: NaN for
floats and nullable booleans, U+FDD0 for strings, INT64_MIN for times. A column that came out of a lookup remembers the
lookup, so that a chain of lookups folds into one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING, MISSING_TIME, Column, carrier_of
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, dtype_of, width_of

#: what plugins may use (docs/reference/plugin-api-policy)
__all__ = [
    "IDENTITY",
    "Symbolic",
    "as_float",
    "keep_missing",
    "lookup",
    "mask_of",
    "matrix",
    "missing_mask",
    "missing_of",
    "new",
    "require_dtype",
    "unpack",
    "value_of",
    "where",
]


class _Identity:
    """The default of a lookup that leaves unlisted values as they are."""

    def __repr__(self) -> str:
        return "IDENTITY"


IDENTITY: Final = _Identity()
#: beyond this many keys a lookup is not folded further
_MAX_TABLE: Final = 100_000


@dataclass(frozen=True)
class Lookup:
    """`source` value -> this column's value, both in carrier form; `default` for values that are no key, or IDENTITY."""

    source: Symbolic
    table: Mapping[Any, Any]
    default: Any


@dataclass(frozen=True)
class Cased:
    """`source`, a string column, in upper case or in lower case.

    `original` is the column before missing values were filled with `filling` (None: they were not), `fast` what StringUpper
    makes of that.
    """

    source: Symbolic
    upper: bool
    original: Symbolic
    fast: Symbolic
    filling: str | None = None


@dataclass(frozen=True)
class Symbolic:
    """One column during lowering: column `index` of `tensor` [N, k].

    dtype is the column's dtype; a nullable bool is carried as float64 with NaN. `nullable`, `finite`, `categories`: see
    Column. `lookup` says that the values come from a table over another column, `cased` that they are another column in
    upper or lower case. `meaning` says that the values are those of a table over another column, too, but were computed in
    another way (several columns at once, say): for a model that can read the other column instead.
    """

    dtype: str
    tensor: ir.Value
    index: int = 0
    nullable: bool = False
    finite: bool = True
    categories: tuple[Any, ...] | None = None
    lookup: Lookup | None = None
    cased: Cased | None = None
    meaning: Lookup | None = None

    @property
    def carrier(self) -> str:
        """Tensor element type that holds this column."""
        return carrier_of(self.dtype, self.nullable)

    def column(self, name: str) -> Column:
        """The schema entry of this symbolic column."""
        return Column(name, self.dtype, self.nullable, self.finite, self.categories)

    def same_as(self, other: Symbolic) -> bool:
        """Whether both are the very same slot."""
        return self.tensor is other.tensor and self.index == other.index and self.dtype == other.dtype


def missing_of(carrier: str) -> Any:
    """The in-band missing value of a tensor element type; None where there is none."""
    return {"float64": math.nan, "float32": math.nan, "string": MISSING_STRING, "int64": MISSING_TIME}.get(carrier)


def value_of(b: Builder, column: Symbolic) -> ir.Value:
    """The column as its own [N, 1] value."""
    return b.take(column.tensor, [column.index])


def as_float(b: Builder, column: Symbolic) -> ir.Value:
    """A numeric or boolean column as float64 [N, 1]."""
    require_dtype(column, ("float64", "float32", "int64", "bool"), "a number")
    return b.cast(value_of(b, column), "float64")


def require_dtype(column: Symbolic, allowed: Sequence[str], what: str) -> None:
    """Raise NotLowerableError unless the column's dtype is one of `allowed`."""
    if column.dtype not in allowed:
        raise NotLowerableError(f"needs {what}; the column is {column.dtype}")


def new(dtype: str, tensor: ir.Value, **known: Any) -> Symbolic:
    """A symbolic column that is the whole of a [N, 1] value; its element type must fit the dtype."""
    column = Symbolic(dtype, tensor, 0, **known)
    if dtype_of(tensor) != column.carrier:
        raise NotLowerableError(f"a {dtype} column travels as {column.carrier}; got a tensor of {dtype_of(tensor)}")
    return column


def unpack(tensor: ir.Value, dtype: str, **known: Any) -> list[Symbolic]:
    """The k columns of a packed tensor [N, k]."""
    return [Symbolic(dtype, tensor, index, **known) for index in range(width_of(tensor))]


def matrix(b: Builder, columns: Sequence[Symbolic], carrier: str = "float64") -> ir.Value:
    """The columns side by side as [N, k] of one element type, with as few nodes as the slots allow."""
    runs: list[tuple[ir.Value, list[int]]] = []
    for column in columns:
        if runs and runs[-1][0] is column.tensor:
            runs[-1][1].append(column.index)
        else:
            runs.append((column.tensor, [column.index]))
    parts: list[ir.Value] = []
    pending: list[ir.Value] = []
    for tensor, indices in runs:
        part = b.take(tensor, indices)
        if pending and dtype_of(pending[-1]) != dtype_of(part):
            parts.append(b.cast(b.concat(pending), carrier))
            pending = []
        pending.append(part)
    parts.append(b.cast(b.concat(pending), carrier))
    return b.concat(parts)


def missing_mask(b: Builder, column: Symbolic) -> ir.Value:
    """bool [N, 1]: where the column is missing. Ask only for nullable columns."""
    value = value_of(b, column)
    return mask_of(b, value, column.carrier)


def mask_of(b: Builder, value: ir.Value, carrier: str) -> ir.Value:
    """bool: where a carried value is missing."""
    if carrier in ("float64", "float32"):
        return b.op("IsNaN", value, dtype="bool")
    return b.op("Equal", value, b.const([[missing_of(carrier)]], carrier), dtype="bool")


def where(b: Builder, condition: ir.Value, yes: ir.Value, no: ir.Value) -> ir.Value:
    """Where, with the detour over int64 that boolean operands need (onnxruntime has no boolean kernel)."""
    dtype = dtype_of(yes)
    if dtype == "bool":
        both = b.op("And", condition, yes)
        neither = b.op("And", b.op("Not", condition), no)
        return b.op("Or", both, neither)
    return b.op("Where", condition, yes, no, dtype=dtype)


def integer_extreme(b: Builder, replaced: str, x: ir.Value, y: ir.Value) -> ir.Value:
    """int64 maximum (replaced="Less": x gives way where it is less) or minimum ("Greater").

    onnxruntime 1.31's own Max, Min, Clip and Sign of int64 are wrong from 2^31 on, for batches at least.
    """
    return where(b, b.op(replaced, x, y, dtype="bool"), y, x)


def keep_missing(b: Builder, column: Symbolic, result: ir.Value, carrier: str | None = None) -> ir.Value:
    """`result` where the column is there, missing where it is missing."""
    if not column.nullable:
        return result
    carrier = carrier or dtype_of(result)
    return where(b, missing_mask(b, column), b.const([[missing_of(carrier)]], carrier), result)


def lookup(
    b: Builder,
    column: Symbolic,
    table: Mapping[Any, Any],
    default: Any,
    dtype: str,
    *,
    nullable: bool,
    finite: bool = True,
    categories: tuple[Any, ...] | None = None,
) -> Symbolic:
    """Map the column through a table (keys and values in carrier form), folding it into the lookup it came from.

    `default` is a value, or IDENTITY (then source and result have one dtype). A missing value is a key like any other.
    """
    source, table, default = fold(column, table, default)
    carrier = carrier_of(dtype, nullable)
    value = value_of(b, source)
    if default is IDENTITY:
        result = _replace(b, value, table, carrier)
    else:
        result = _encode(b, value, table, default, source.carrier, carrier)
    return new(dtype, result, nullable=nullable, finite=finite, categories=categories, lookup=Lookup(source, table, default))


def _encode(b: Builder, value: ir.Value, table: Mapping[Any, Any], default: Any, keys_dtype: str, carrier: str) -> ir.Value:
    """One LabelEncoder; it has no boolean values, and needs a key even where there is none."""
    table = table or {missing_of(keys_dtype): default}
    if carrier == "bool":
        codes = [int(target) for target in table.values()]
        encoded = b.label_encode(value, list(table), codes, int(default), keys_dtype=keys_dtype, values_dtype="int64")
        return b.cast(encoded, "bool")
    return b.label_encode(value, list(table), list(table.values()), default, keys_dtype=keys_dtype, values_dtype=carrier)


def fold(column: Symbolic, table: Mapping[Any, Any], default: Any) -> tuple[Symbolic, Mapping[Any, Any], Any]:
    """A lookup on a column as one on the column that it was itself looked up from: source, table, default.

    For a lowering that emits its lookups itself, e.g. those of several columns of one tensor as one operator. A table
    over a column in upper or lower case becomes one over the original, where its keys have few enough spellings.
    """
    inner = column.lookup
    if inner is None or len(inner.table) + len(table) > _MAX_TABLE:
        return _spelled(column, table, default)

    def through(value: Any) -> Any:
        found = _get(table, value)
        if found is not _ABSENT:
            return found
        return value if default is IDENTITY else default

    folded = {key: through(value) for key, value in inner.table.items()}
    if inner.default is not IDENTITY:
        return inner.source, folded, through(inner.default)
    if inner.source.carrier != column.carrier:
        return column, table, default
    for key, value in table.items():
        if _get(folded, key) is _ABSENT:
            folded[key] = value
    return _spelled(inner.source, folded, default)


def _spelled(source: Symbolic, table: Mapping[Any, Any], default: Any) -> tuple[Symbolic, Mapping[Any, Any], Any]:
    from rtml_core.lowering.casing import mapped, spelled_table

    cased = source.cased
    if cased is None or default is IDENTITY:
        return source, table, default
    behind, keyed = cased.original, spelled_table(table, default, cased.upper, fast=False)
    if keyed is None:
        behind, keyed = cased.fast, spelled_table(table, default, cased.upper)
    if keyed is None:
        return source, table, default
    if cased.filling is not None:
        keyed[MISSING_STRING] = lookup_value(table, mapped(cased.filling, cased.upper), default)
    return behind, keyed, default


_ABSENT: Final = object()


def _get(table: Mapping[Any, Any], key: Any) -> Any:
    if isinstance(key, float) and math.isnan(key):
        return next((v for k, v in table.items() if isinstance(k, float) and math.isnan(k)), _ABSENT)
    return table.get(key, _ABSENT)


def lookup_value(table: Mapping[Any, Any], key: Any, default: Any) -> Any:
    """What a lookup gives for one value; NaN is found as a key."""
    found = _get(table, key)
    return default if found is _ABSENT else found


def apply_table(
    b: Builder, column: Symbolic, function: Callable[[Any], Any], dtype: str, *, missing: Any = None
) -> Symbolic | None:
    """`function` of each value (in carrier form) of a column that comes out of a table, folded into it; else None.

    A missing value becomes `missing`, by default the missing value of the result; `function` may return that too.
    """
    inner = column.lookup
    if inner is None or inner.default is IDENTITY:
        return None
    absent = missing_of(carrier_of(dtype, nullable=True))

    def through(value: Any) -> Any:
        if _same(value, missing_of(column.carrier)):
            return absent if missing is None else missing
        return function(value)

    results = {key: through(value) for key, value in inner.table.items()}
    default = through(inner.default)
    nullable = any(_same(value, absent) for value in (*results.values(), default))
    return lookup(b, inner.source, results, default, dtype, nullable=nullable)


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) or (isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other))


def _replace(b: Builder, value: ir.Value, table: Mapping[Any, Any], carrier: str) -> ir.Value:
    """Listed values become others, the rest stays: a chain of Where, or one lookup with a marker when that is shorter."""
    if len(table) <= 2:
        result = value
        for key, target in table.items():
            result = where(b, _equals(b, value, key, carrier), b.const([[target]], carrier), result)
        return result
    known = b.label_encode(value, list(table), [1] * len(table), 0, keys_dtype=carrier, values_dtype="int64")
    targets = b.label_encode(
        value, list(table), list(table.values()), missing_of(carrier), keys_dtype=carrier, values_dtype=carrier
    )
    return where(b, b.cast(known, "bool"), targets, value)


def _equals(b: Builder, value: ir.Value, key: Any, carrier: str) -> ir.Value:
    if isinstance(key, float) and math.isnan(key):
        return b.op("IsNaN", value, dtype="bool")
    return b.op("Equal", value, b.const([[key]], carrier), dtype="bool")


def map_matrix(
    b: Builder, columns: Sequence[Symbolic], emit: Callable[[Builder, ir.Value], ir.Value], dtype: str, **known: Any
) -> list[Symbolic]:
    """Apply one elementwise step to several columns of one carrier, as one tensor; one symbolic column each comes back."""
    packed = matrix(b, columns, columns[0].carrier)
    return unpack(emit(b, packed), dtype, **known)


def without_lookup(column: Symbolic) -> Symbolic:
    """The same column with its history forgotten."""
    return replace(column, lookup=None, cased=None)
