"""Encoders of categories."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts
from rtml_plugins.sklearn_ops.convert.tables import Entry, Table, look_up

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


@converts("sklearn.preprocessing.OneHotEncoder")
def one_hot_encoder(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """A 0/1 column for each category that is kept; drop, unknown and infrequent categories as fitted."""
    widths = [int(width) for width in estimator._n_features_outs]
    total = sum(widths)
    strict = estimator.handle_unknown == "error"
    tables, start = [], 0
    for i, width in enumerate(widths):
        unknown = Entry(total, 1.0) if strict else _hot(estimator, i, None, start)
        entries = {key: _hot(estimator, i, code, start) for key, code in _codes(estimator.categories_[i], columns[i])}
        tables.append(Table(entries, unknown))
        start += width
    if total == 0:
        raise NotLowerableError("OneHotEncoder drops every category, so it gives no column; leave it out")
    encoded = look_up(b, columns, tables, total + 1 if strict else total)
    if strict:
        _check_known(b, encoded, total, columns)
    return unpack(encoded, "float64")[:total]


def _codes(categories: Any, column: Symbolic) -> list[tuple[Any, int]]:
    """The categories of one column as carried values, with their positions."""
    found = []
    for code, value in enumerate(categories.tolist()):
        missing = value is None or (isinstance(value, float) and math.isnan(value))
        if column.dtype == "string":
            if not missing and not isinstance(value, str):
                continue  # a category that a column of strings can't hold
            found.append((MISSING_STRING if missing else value, code))
        elif missing or not isinstance(value, str):
            found.append((math.nan if missing else value, code))
    return found


def _grouped(encoder: Any, i: int, code: int | None) -> int | None:
    """Position of a category of column i once infrequent ones share a place; code None is an unknown category."""
    infrequent = encoder._infrequent_indices[i] if encoder._infrequent_enabled else None
    if code is None:
        if infrequent is None or encoder.handle_unknown not in ("infrequent_if_exist", "warn"):
            return None
        code = int(infrequent[0])
    mapping = encoder._default_to_infrequent_mappings[i] if encoder._infrequent_enabled else None
    return code if mapping is None else int(mapping[code])


def _hot(encoder: Any, i: int, code: int | None, start: int) -> Entry:
    """Which output column a category of column i turns on; none adds nothing."""
    position = _grouped(encoder, i, code)
    nothing = Entry(0, 0.0)
    if position is None:
        return nothing
    dropped = encoder._drop_idx_after_grouping
    if dropped is not None and dropped[i] is not None:
        if position == dropped[i]:
            return nothing
        position -= position > dropped[i]
    return Entry(start + position, 1.0)


def _check_known(b: Builder, encoded: ir.Value, at: int, columns: Columns) -> None:
    """Refuse rows with an unknown category: target `at` counts them."""
    count = b.take(encoded, [at])
    names = ", ".join(f"'{name}'" for name in columns.names)
    where = f"column {names}" if len(columns) == 1 else f"one of the columns {names}"
    b.check(
        b.op("Equal", count, b.const([[0.0]], "float64"), dtype="bool"),
        f"a category that was not seen in training in {where}; encode with handle_unknown='ignore' to let it pass",
    )


@converts("sklearn.preprocessing.OrdinalEncoder")
def ordinal_encoder(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The position of a category among those seen; unknown and missing ones as fitted."""
    count = len(columns)
    strict = estimator.handle_unknown == "error"
    tables, nullable = [], []
    for i in range(count):
        missing_code = estimator._missing_indices.get(i)
        entries = {}
        for key, code in _codes(estimator.categories_[i], columns[i]):
            if code == missing_code:
                entries[key] = Entry(i, float(estimator.encoded_missing_value))
            else:
                entries[key] = Entry(i, float(_ordinal_position(estimator, i, code)))
        unknown = Entry(count, 1.0) if strict else Entry(i, float(estimator.unknown_value))
        tables.append(Table(entries, unknown))
        nullable.append(any(math.isnan(entry.weight) for entry in [*entries.values(), unknown]))
    encoded = look_up(b, columns, tables, count + 1 if strict else count)
    if strict:
        _check_known(b, encoded, count, columns)
    return [Symbolic("float64", encoded, i, may) for i, may in enumerate(nullable)]


def _ordinal_position(encoder: Any, i: int, code: int) -> int:
    position = _grouped(encoder, i, code)
    assert position is not None
    return position


@converts("sklearn.preprocessing.TargetEncoder")
def target_encoder(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The learned mean of the target for each category, for several classes one column each; unknown ones get that of all."""
    per = len(estimator.classes_) if estimator.target_type_ == "multiclass" else 1
    means = [float(mean) for mean in np.atleast_1d(estimator.target_mean_)]
    tables, read = [], []
    for target, encoding in enumerate(estimator.encodings_):
        i = target // per
        entries = {key: Entry(target, float(encoding[code])) for key, code in _codes(estimator.categories_[i], columns[i])}
        tables.append(Table(entries, Entry(target, means[target % per])))
        read.append(i)
    return unpack(look_up(b, columns.pick(read), tables, len(tables)), "float64")
