"""FillMissing: missing values become the mean, median or most frequent value of the training frame, or a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import Params, doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_plugins.encoders import values
from rtml_plugins.encoders.learned import ColumnLearner

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class FillMissingParams(Params):
    """See FillMissing."""

    cols: Annotated[str | list[str], doc("The column or columns to fill.", "a column name or a list of them")]
    strategy: Annotated[
        Literal["mean", "median", "mode", "constant"],
        doc("What a missing value becomes; all but constant are learned from the training frame."),
    ]
    value: Annotated[
        Any,
        doc("For constant: the value, or an object of column names and values; an ISO text for a timestamp.", "a value"),
    ] = None

    def validate(self) -> None:
        values.check_cols(self.cols)
        self.value = values.plain(self.value)
        if self.strategy != "constant":
            if self.value is not None:
                raise ParamError(f"parameter 'value' must be left out unless 'strategy' is 'constant'; got {self.value!r}")
            return
        by_column = self.value if isinstance(self.value, dict) else dict.fromkeys(self.columns, self.value)
        unknown = [name for name in by_column if name not in self.columns]
        if unknown:
            raise ParamError(f"parameter 'value' must be about the columns in 'cols'; got '{unknown[0]}'")
        for name in self.columns:
            given = by_column.get(name)
            if not isinstance(given, (str, int, float, bool)) or given != given:
                raise ParamError(f"parameter 'value' must be a string, a number or a boolean for '{name}'; got {given!r}")

    @property
    def columns(self) -> list[str]:
        """`cols` as a list."""
        return values.as_list(self.cols)

    def constant(self, column: str) -> Any:
        """The constant of a column."""
        return self.value[column] if isinstance(self.value, dict) else self.value


class FillMissing(ColumnLearner):
    """Replaces the missing values of columns; dtypes stay, and the columns are never missing afterwards.

    mean and median take numbers; mode (the smallest of the most frequent values) and constant take every dtype.
    """

    Params = FillMissingParams
    state_key = "values"

    def setup(self) -> None:
        self.given = {}
        self.learns = self.params.strategy != "constant"

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """What the strategy makes of the values that are there."""
        if series.isna().all():
            raise ColumnError(f"Column '{name}' has no value to learn from; fill it with strategy='constant'")
        return values.to_json(self._learn(series, name, dtype), dtype)

    def _learn(self, series: pd.Series, name: str, dtype: str) -> Any:
        import numpy as np

        if self.params.strategy == "mode":
            return values.counts(series)[0][0]
        if dtype not in ("float64", "float32", "int64"):
            raise ColumnError(f"Column '{name}' is {dtype} and has no {self.params.strategy}; use strategy='mode' or 'constant'")
        numbers = values.present(series).astype(np.float64)
        found = numbers.mean() if self.params.strategy == "mean" else np.median(numbers)
        return float(np.float32(found)) if dtype == "float32" else float(found)

    def value_of(self, column: str, dtype: str) -> Any:
        """What the column's missing values become, in carrier form."""
        if not self.learns:
            return values.carried(self.params.constant(column), dtype, column, "fill value")
        learned = ((self.state or {}).get("values") or {}).get(column)
        if learned is None:
            raise NotFittedError(f"FillMissing has to learn the {self.params.strategy} of '{column}' first: call fit")
        return values.carried(learned, dtype, column, "fill value")

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame).copy(deep=False)
        values.require(self.params.columns, frame.columns)
        for name in self.params.columns:
            series, dtype = frame[name], dtype_word(frame[name])
            if dtype == "int64" or not series.isna().any():
                continue  # nothing can be, or is, missing
            value = self.value_of(name, dtype)
            filled = series.fillna(np.datetime64(value, "us") if dtype == "timestamp" else value)
            frame[name] = filled.astype(bool) if dtype == "bool" else filled
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        values.require(self.params.columns, columns)
        result = dict(columns)
        plain: list[str] = []
        for name in self.params.columns:
            column = columns[name]
            if not column.nullable:
                continue
            if column.dtype == "float64" and column.lookup is None:
                plain.append(name)
            else:
                result[name] = self._fill(b, name, column)
        if plain:
            result.update(self._fill_packed(b, {name: columns[name] for name in plain}))
        return result

    def _fill(self, b: Builder, name: str, column: Symbolic) -> Symbolic:
        """One column, through a lookup that folds into those before and after it."""
        from rtml_core.lowering.symbolic import IDENTITY, lookup, missing_of, new, value_of, where

        value = self.value_of(name, column.dtype)
        if column.dtype == "bool":
            there = value_of(b, column)
            filled = where(b, b.op("IsNaN", there, dtype="bool"), b.const([[float(value)]], "float64"), there)
            return new("bool", b.cast(filled, "bool"))
        known = column.categories and tuple(dict.fromkeys((*column.categories, value)))
        table = {missing_of(column.carrier): value}
        return lookup(b, column, table, IDENTITY, column.dtype, nullable=False, finite=column.finite, categories=known)

    def _fill_packed(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """Float columns side by side: one IsNaN and one Where for all of them."""
        from dataclasses import replace

        from rtml_core.lowering.symbolic import matrix, unpack

        together = matrix(b, list(columns.values()))
        fills = b.const([[self.value_of(name, "float64") for name in columns]], "float64")
        filled = b.op("Where", b.op("IsNaN", together, dtype="bool"), fills, together, dtype="float64")
        made = unpack(filled, "float64")
        return {name: replace(new, finite=columns[name].finite) for name, new in zip(columns, made, strict=True)}
