"""GroupRare: the frequent values of a column stay, all others become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Params, doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError, describe
from rtml_plugins.encoders import values
from rtml_plugins.encoders.learned import ColumnLearner

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class GroupRareParams(Params):
    """See GroupRare."""

    cols: Annotated[str | list[str], doc("The column or columns to group.", "a column name or a list of them")]
    top: Annotated[
        int | None, doc("How many of the most frequent values of the training frame stay.", "a whole number from 1")
    ] = None
    min_count: Annotated[
        int | None, doc("How many rows of the training frame have to hold a value that stays.", "a whole number from 1")
    ] = None
    keep: Annotated[
        list[Any] | dict[str, list[Any]] | None,
        doc(
            "The values that stay, instead of what is learned: a list, or by column.",
            "a list of values or an object of column names and lists of values",
        ),
    ] = None
    other: Annotated[
        str | int | float, doc("What every other value becomes; a number in a column of numbers.", "a string or a number")
    ] = "Others"

    def validate(self) -> None:
        values.check_cols(self.cols)
        self.keep, self.other = values.plain(self.keep), values.plain(self.other)
        listed = values.by_column(self.keep, self.columns, "keep")
        values.check_listed(listed, "keep")
        limits = {"top": self.top, "min_count": self.min_count}
        for name, limit in limits.items():
            if limit is not None and limit < 1:
                raise ParamError(f"parameter '{name}' must be a whole number from 1; got {limit}")
        open_columns = [name for name in self.columns if name not in (listed or {})]
        if open_columns and self.top is None and self.min_count is None:
            raise ParamError(
                f"parameter 'top' must say how many values of '{open_columns[0]}' stay, or 'min_count' how frequent they are, or"
                f" 'keep' must list them; got none of these"
            )
        for name, limit in limits.items():
            if not open_columns and limit is not None:
                raise ParamError(
                    f"parameter '{name}' must be left out where 'keep' lists the values of every column; got {limit}"
                )
        if isinstance(self.other, bool) or self.other != self.other:
            raise ParamError(f"parameter 'other' must be a string or a number; got {describe(self.other)}")

    @property
    def columns(self) -> list[str]:
        """`cols` as a list."""
        return values.as_list(self.cols)


class GroupRare(ColumnLearner):
    """Replaces every value of a column that is rare in the training frame, or not listed, by `other`.

    What stays is the `top` most frequent values, those that `min_count` rows hold, or, with both, what meets both. Takes
    string and number columns, dtype and missing values stay. Ties at the edge of `top` go to the value that comes first in
    ascending order, so that equal frames teach equal groups.
    """

    Params = GroupRareParams
    state_key = "keep"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(brand="string?", rows=40)
        return [(cls(cols="brand", top=3).fit(rows), rows)]

    def setup(self) -> None:
        self.given = values.by_column(self.params.keep, self.params.columns, "keep") or {}
        self.learns = any(name not in self.given for name in self.params.columns)

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """The most frequent values."""
        values.refuse_infinite(series, name)
        found = values.counts(series)
        if not found:
            raise ColumnError(f"Column '{name}' has no value to learn from; list the values that stay in 'keep'")
        _require_groupable(name, dtype)
        kept = [value for value, count in found[: self.params.top] if count >= (self.params.min_count or 1)]
        return [values.to_json(value, dtype) for value in kept]

    def kept(self, column: str, dtype: str) -> tuple[tuple[Any, ...], Any]:
        """The values that stay, and what the others become, in carrier form."""
        _require_groupable(column, dtype)
        listed = self.given.get(column) or ((self.state or {}).get("keep") or {}).get(column)
        if listed is None:
            raise NotFittedError(f"GroupRare has to learn which values of '{column}' stay: call fit, or list them in 'keep'")
        kept = tuple(values.carried(value, dtype, column, "value to keep") for value in listed)
        return kept, values.carried(self.params.other, dtype, column, "value of 'other' for the rest")

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame).copy(deep=False)
        values.require(self.params.columns, frame.columns)
        for name in self.params.columns:
            series = frame[name]
            kept, other = self.kept(name, dtype_word(series))
            fill = np.array(other, dtype=series.dtype) if isinstance(series.dtype, np.dtype) else other
            frame[name] = series.where(series.isin(list(kept)) | series.isna(), fill)
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.symbolic import missing_of
        from rtml_plugins.encoders.lookups import Wanted, look_up_each

        values.require(self.params.columns, columns)
        wanted = {}
        for name in self.params.columns:
            column = columns[name]
            kept, other = self.kept(name, column.dtype)
            table = {value: (value,) for value in kept}
            if column.nullable:
                missing = missing_of(column.carrier)
                table[missing] = (missing,)
            known = kept if other in kept else (*kept, other)
            wanted[name] = Wanted(column, table, (other,), column.dtype, column.nullable, known)
        return {**columns, **{name: found[0] for name, found in look_up_each(b, wanted).items()}}

    def parity_cases(self) -> pd.DataFrame | None:
        """Values that stay, and what is close to one of them; None when a column is not one of strings."""
        import pandas as pd

        rows: dict[str, list[str]] = {}
        for name in self.params.columns:
            listed = self.given.get(name) or ((self.state or {}).get("keep") or {}).get(name)
            if not listed or not all(isinstance(value, str) for value in listed):
                return None
            rows[name] = [*listed, "", str(self.params.other), *(f"{value} " for value in listed[:3]), listed[0].swapcase()]
        length = max(map(len, rows.values()))
        return pd.DataFrame({name: [texts[i % len(texts)] for i in range(length)] for name, texts in rows.items()})


def _require_groupable(column: str, dtype: str) -> None:
    if dtype not in ("string", "int64", "float64", "float32"):
        raise ColumnError(f"Column '{column}' is a {dtype}; GroupRare takes strings and numbers")
