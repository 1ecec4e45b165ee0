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
    from rtml_plugins.encoders.lookups import Wanted


Strategy = Literal["mean", "median", "mode", "constant"]


class FillMissingParams(Params):
    """See FillMissing."""

    cols: Annotated[str | list[str], doc("The column or columns to fill.", "a column name or a list of them")]
    strategy: Annotated[
        Strategy | dict[str, Strategy],
        doc(
            "What a missing value becomes, for all columns or by column; all but constant are learned from the training frame.",
            "one of 'mean', 'median', 'mode', 'constant', or an object of column names and these",
        ),
    ]
    value: Annotated[
        Any,
        doc("For constant: the value, or an object of column names and values; an ISO text for a timestamp.", "a value"),
    ] = None

    def validate(self) -> None:
        values.check_cols(self.cols)
        self.value = values.plain(self.value)
        if isinstance(self.strategy, dict):
            for name in (*self.strategy, *self.columns):
                if name not in self.columns or name not in self.strategy:
                    raise ParamError(
                        f"parameter 'strategy' must name each column in 'cols', and no other; got it wrong for '{name}'"
                    )
        constant = [name for name in self.columns if self.strategy_of(name) == "constant"]
        if not constant:
            if self.value is not None:
                raise ParamError(f"parameter 'value' must be left out unless 'strategy' is 'constant'; got {self.value!r}")
            return
        by_column = self.value if isinstance(self.value, dict) else dict.fromkeys(constant, self.value)
        unknown = [name for name in by_column if name not in constant]
        if unknown:
            raise ParamError(f"parameter 'value' must be about the columns in 'cols' that get a constant; got '{unknown[0]}'")
        for name in constant:
            given = by_column.get(name)
            if not isinstance(given, (str, int, float, bool)) or given != given:
                raise ParamError(f"parameter 'value' must be a string, a number or a boolean for '{name}'; got {given!r}")

    @property
    def columns(self) -> list[str]:
        """`cols` as a list."""
        return values.as_list(self.cols)

    def strategy_of(self, column: str) -> str:
        """What is done about a column."""
        return self.strategy[column] if isinstance(self.strategy, dict) else self.strategy

    def constant(self, column: str) -> Any:
        """The constant of a column."""
        return self.value[column] if isinstance(self.value, dict) else self.value


class FillMissing(ColumnLearner):
    """Replaces the missing values of columns; dtypes stay, and the columns are never missing afterwards.

    mean (the correctly rounded sum of the values, divided by their number) and median (the middle one, or the mean of the
    two in the middle) take numbers; mode (the smallest of the most frequent values) and constant take every dtype.
    """

    Params = FillMissingParams
    state_key = "values"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(age="float?", rows=40)
        return [(cls(cols="age", strategy="median").fit(rows), rows)]

    def setup(self) -> None:
        constant = [name for name in self.params.columns if self.params.strategy_of(name) == "constant"]
        self.given = {name: [self.params.constant(name)] for name in constant}
        self.learns = len(constant) < len(self.params.columns)

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """What the strategy makes of the values that are there."""
        if series.isna().all():
            raise ColumnError(f"Column '{name}' has no value to learn from; fill it with strategy='constant'")
        values.refuse_infinite(series, name)
        return values.to_json(self._learn(series, name, dtype), dtype)

    def _learn(self, series: pd.Series, name: str, dtype: str) -> Any:
        import numpy as np

        strategy = self.params.strategy_of(name)
        if strategy == "mode":
            return values.counts(series)[0][0]
        if dtype not in ("float64", "float32", "int64"):
            raise ColumnError(f"Column '{name}' is {dtype} and has no {strategy}; use strategy='mode' or 'constant'")
        numbers = values.present(series).astype(np.float64)
        with np.errstate(over="ignore"):
            found = values.total(numbers, name) / len(numbers) if strategy == "mean" else np.median(numbers)
        if not np.isfinite(found):
            raise ColumnError(
                f"Column '{name}' holds numbers so large that their {strategy} is beyond float64; scale them down first"
            )
        return float(np.float32(found)) if dtype == "float32" else float(found)

    def value_of(self, column: str, dtype: str) -> Any:
        """What the column's missing values become, in carrier form."""
        if column in self.given:
            return values.carried(self.params.constant(column), dtype, column, "fill value")
        learned = ((self.state or {}).get("values") or {}).get(column)
        if learned is None:
            raise NotFittedError(f"FillMissing has to learn the {self.params.strategy_of(column)} of '{column}' first: call fit")
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
        from rtml_plugins.encoders.lookups import look_up_each

        values.require(self.params.columns, columns)
        result = dict(columns)
        nullable = [name for name in self.params.columns if columns[name].nullable]
        tables = {name: wanted for name in nullable if (wanted := self._table(columns[name], name)) is not None}
        result.update({name: found[0] for name, found in look_up_each(b, tables).items()})
        rest = [name for name in nullable if name not in tables]
        plain = [name for name in rest if columns[name].dtype == "float64"]
        result.update({name: self._fill(b, name, columns[name]) for name in rest if name not in plain})
        if plain:
            result.update(self._fill_packed(b, {name: columns[name] for name in plain}))
        return result

    def _table(self, column: Symbolic, name: str) -> Wanted | None:
        """For a column out of a table: the filled table; None for every other column."""
        from rtml_core.lowering.symbolic import missing_of
        from rtml_plugins.encoders.lookups import through

        if column.dtype == "bool":
            return None
        value, missing = self.value_of(name, column.dtype), missing_of(column.carrier)

        def filled(found: Any) -> Any:
            return value if found == missing or found != found else found

        return through(column, filled, column.dtype, categories=_with(column.categories, value))

    def _fill(self, b: Builder, name: str, column: Symbolic) -> Symbolic:
        """One column of texts, times, booleans or float32."""
        from rtml_core.lowering.symbolic import IDENTITY, lookup, missing_of, new, value_of, where

        value = self.value_of(name, column.dtype)
        if column.dtype == "bool":
            there = value_of(b, column)
            filled = where(b, b.op("IsNaN", there, dtype="bool"), b.const([[float(value)]], "float64"), there)
            return new("bool", b.cast(filled, "bool"))
        table = {missing_of(column.carrier): value}
        known = _with(column.categories, value)
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


def _with(categories: tuple[Any, ...] | None, value: Any) -> tuple[Any, ...] | None:
    return categories and tuple(dict.fromkeys((*categories, value)))
