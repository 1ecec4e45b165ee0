"""Missing values: filling them, and telling where they were."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError, listing
from rtml_core.lowering.symbolic import IDENTITY, Lookup, Symbolic
from rtml_plugins.sklearn_ops.convert.packing import NUMBERS, numbers, pack
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


@converts("sklearn.impute.SimpleImputer")
def simple_imputer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Missing -> the learned value of the column; then, where asked, a column that says so for each that had missing ones."""
    _refuse_nan(b, estimator, columns)
    kept, fills = _statistics(estimator, columns)
    filled = _fill(b, estimator, columns.pick(kept), fills)
    if not estimator.add_indicator:
        return filled
    return [*filled, *indicate(b, estimator.indicator_, columns)]


def _refuse_nan(b: Builder, estimator: Any, columns: Columns) -> None:
    """Where something else than NaN stands for missing, NaN itself is refused, as scikit-learn does."""
    if not _is_nan(estimator.missing_values):
        numbers(b, columns.pick(i for i, column in enumerate(columns) if column.dtype in NUMBERS), estimator, missing=False)


def _statistics(estimator: Any, columns: Columns) -> tuple[list[int], list[Any]]:
    """Positions of the columns that are kept, and what fills each."""
    kept, fills = [], []
    for position, value in enumerate(estimator.statistics_.tolist()):
        unknown = value is None or (isinstance(value, float) and math.isnan(value))
        if unknown and not estimator.keep_empty_features:
            continue  # a column without any value in training is dropped, as scikit-learn does
        kept.append(position)
        fills.append(value)
    return kept, fills


def _fill(b: Builder, estimator: Any, columns: Columns, fills: list[Any]) -> list[Symbolic]:
    result: list[Symbolic] = list(columns)
    strings = [i for i, column in enumerate(columns) if column.dtype == "string"]
    numeric = [i for i, column in enumerate(columns) if column.dtype in NUMBERS]
    if len(strings) + len(numeric) < len(columns):
        other = next(i for i in range(len(columns)) if i not in strings and i not in numeric)
        raise NotLowerableError(
            f"column '{columns.names[other]}' is a {columns[other].dtype}, and SimpleImputer takes numbers and strings"
        )
    for chosen, fill in ((strings, _fill_strings), (numeric, _fill_numbers)):
        if chosen:
            parts = fill(b, estimator.missing_values, columns.pick(chosen), [fills[i] for i in chosen])
            for i, part in zip(chosen, parts, strict=True):
                result[i] = part
    return result


def _is_nan(value: Any) -> bool:
    # pandas.NA stands for missing as NaN does
    return (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"


def _fill_numbers(b: Builder, missing: Any, columns: Columns, fills: list[Any]) -> list[Symbolic]:
    if _is_nan(missing):
        chosen = [i for i, column in enumerate(columns) if column.nullable or not column.finite]
    elif isinstance(missing, (int, float)) and not isinstance(missing, bool):
        chosen = list(range(len(columns)))
    else:
        raise NotLowerableError(f"SimpleImputer(missing_values={missing!r}) looks for what a column of numbers can't hold")
    result: list[Symbolic] = list(columns)
    if not chosen:
        return result
    part = columns.pick(chosen)
    packed = pack(b, part)
    empty = _missing(b, packed.value, missing)
    fill = b.const(packed.spread([float(fills[i]) for i in chosen]), "float64")
    value = b.op("Where", empty, fill, packed.value, dtype="float64")
    for i, column in zip(chosen, packed.unpack(value, like=None if _is_nan(missing) else part), strict=True):
        result[i] = column
    return result


def _missing(b: Builder, x: ir.Value, missing: Any) -> ir.Value:
    if _is_nan(missing):
        return b.op("IsNaN", x, dtype="bool")
    return b.op("Equal", x, b.const([[float(missing)]], "float64"), dtype="bool")


def _fill_strings(b: Builder, missing: Any, columns: Columns, fills: list[Any]) -> list[Symbolic]:
    """One Where over all columns; each also remembers it as a lookup, so that a later lookup can swallow it."""
    wanted = MISSING_STRING if _is_nan(missing) else missing
    if not isinstance(wanted, str):
        raise NotLowerableError(f"SimpleImputer(missing_values={missing!r}) looks for what a column of strings can't hold")
    chosen = [i for i, column in enumerate(columns) if column.nullable or wanted != MISSING_STRING]
    result: list[Symbolic] = list(columns)
    if not chosen:
        return result
    part = columns.pick(chosen)
    packed = pack(b, part, "string")
    texts = [str(fills[i]) for i in chosen]
    row = np.full((1, packed.width), "", dtype=object)
    row[0, list(packed.at)] = texts
    empty = b.op("Equal", packed.value, b.const([[wanted]], "string"), dtype="bool")
    value = b.op("Where", empty, b.const(row, "string"), packed.value, dtype="string")
    made = packed.unpack(value, "string", like=None if wanted == MISSING_STRING else part)
    for i, column, before, text in zip(chosen, made, part, texts, strict=True):
        result[i] = replace(column, lookup=Lookup(before, {wanted: text}, IDENTITY))
    return result


@converts("sklearn.impute.MissingIndicator")
def missing_indicator(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Where values are missing, as booleans."""
    _refuse_nan(b, estimator, columns)
    if estimator.features == "missing-only" and estimator.error_on_new:
        _refuse_new(b, estimator, columns)
    flags = indicate(b, estimator, columns)
    return [Symbolic("bool", b.cast(flag.tensor, "bool"), flag.index) for flag in flags]


def _refuse_new(b: Builder, estimator: Any, columns: Columns) -> None:
    """Columns in which nothing was missing in training: refused where they may be missing, else looked at where they might."""
    others = sorted(set(range(len(columns))) - set(np.asarray(estimator.features_).tolist()))
    by_nan = _is_nan(estimator.missing_values)
    for position in others:
        if by_nan and columns[position].nullable:
            raise NotLowerableError(
                f"column '{columns.names[position]}' may be missing here and never was in training, which"
                f" MissingIndicator(error_on_new=True) refuses; pass error_on_new=False or fill the column first"
            )
    doubtful = [i for i in others if columns[i].dtype in NUMBERS and not (by_nan and columns[i].finite)]
    if doubtful:
        part = columns.pick(doubtful)
        packed = pack(b, part, extras=False)
        missing = _missing(b, packed.value, estimator.missing_values)
        if packed.width > 1:
            missing = b.op("ReduceMax", missing, b.const([1], "int64"), dtype="bool", width=1, keepdims=1)
        b.check(b.op("Not", missing), f"one of {listing(part.names)} is missing here and never was in training")


def indicate(b: Builder, indicator: Any, columns: Columns) -> list[Symbolic]:
    """float64 0/1 columns, one for each feature of a MissingIndicator."""
    positions = [int(position) for position in indicator.features_]
    result: dict[int, Symbolic] = {}
    for kind in ("string", "number"):
        chosen = [p for p in positions if (columns[p].dtype == "string") == (kind == "string")]
        if not chosen:
            continue
        packed = pack(b, columns.pick(chosen), "string" if kind == "string" else "float64")
        if kind == "string":
            wanted = MISSING_STRING if _is_nan(indicator.missing_values) else str(indicator.missing_values)
            flags = b.op("Equal", packed.value, b.const([[wanted]], "string"), dtype="bool")
        else:
            flags = _missing(b, packed.value, indicator.missing_values)
        result.update(zip(chosen, packed.unpack(b.cast(flags, "float64")), strict=True))
    return [result[position] for position in positions]
