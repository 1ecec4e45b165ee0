"""assert_schema: what an operator promises about its columns without rows is what its rows show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rtml_core.columns import DTYPES, Column, Schema, missing_column
from rtml_core.errors import ColumnError, describe
from rtml_core.frames import column_of, schema_of
from rtml_core.testing.given import checked, processed

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator


def assert_schema(
    operator: Operator, frame: pd.DataFrame, expected: Mapping[str, str] | None = None, *, nullable: bool | None = None
) -> Schema:
    """Fail unless the columns that the operator gives are those that its `schema` says; returns that schema.

    frame: columns [N] as they reach the operator. Compared are names, order and dtypes, and that nothing is missing, infinite or
    of another category where the schema excludes it. expected: columns that must be among them, with their dtype and a ? where
    they may be missing: {"distance_km": "float64?"}. nullable: as in assert_parity.
    Raises ColumnError naming the column, what was promised and what came.
    """
    frame = checked("assert_schema", operator, frame)
    promised = operator.schema(schema_of(frame, nullable=nullable))
    given = processed(operator, frame)
    if list(given.columns) != list(promised):
        raise ColumnError(f"{operator!r}: its schema says the columns {list(promised)}, and it gives {list(given.columns)}")
    for name, column in promised.items():
        wrong = _broken(column, given[name])
        if wrong:
            raise ColumnError(f"{operator!r}, column '{name}': its schema says {wrong}")
    for name, word in (expected or {}).items():
        _assert_expected(operator, promised, name, word)
    return promised


def _broken(column: Column, series: pd.Series) -> str:
    """What the schema says and the column does not keep, in words; '' when it keeps all."""
    shown = column_of(series, column.name)
    missing = series.isna()
    unknown = bool(missing.all()) and len(series) > 0
    if shown.dtype != column.dtype and not (unknown and column.nullable):
        return f"{column.dtype}, and the column is {shown.dtype}"
    if not column.nullable and missing.any():
        return f"that no row is missing, and row {int(np.flatnonzero(missing)[0])} is"
    if column.finite and not shown.finite:
        row = int(np.flatnonzero(np.isinf(series.to_numpy(dtype=np.float64)))[0])
        return f"that no row is infinite, and row {row} is {series.iloc[row]!r}"
    if column.categories is not None:
        for row, value in enumerate(series):
            if not missing.iloc[row] and value not in column.categories:
                return f"that its values are {describe(column.categories)}, and row {row} is {describe(value)}"
    return ""


def _assert_expected(operator: Operator, promised: Schema, name: str, word: str) -> None:
    if word.removesuffix("?") not in DTYPES:
        raise ColumnError(
            f"column '{name}' must be expected as one of {', '.join(DTYPES)}, with a ? where it may be missing; got '{word}'"
        )
    if name not in promised:
        raise ColumnError(f"{operator!r}: {missing_column(name, promised)}")
    column = promised[name]
    says = f"{column.dtype}{'?' if column.nullable else ''}"
    if says != word:
        raise ColumnError(f"{operator!r}, column '{name}': must be {word}, and its schema says {says}")
