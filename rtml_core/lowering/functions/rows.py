"""Running a function on the cells of a frame, and its answers as a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.columns import Schema, carrier_of
from rtml_core.errors import ColumnError, ExecutionError, RtmlError, describe
from rtml_core.frames import canonical_series, dtype_word
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.functions import PythonFunction


def cells(series: pd.Series, absent: Any) -> list[Any]:
    """A canonical column as Python values (int, float, bool, str, Timestamp), `absent` for missing ones; no timedelta."""
    if dtype_word(series) == "timedelta":
        raise ColumnError(f"Column '{series.name}' holds time spans; a function takes numbers: use dt.total_seconds")
    values = series.astype(object).tolist()
    return [absent if gone else value for value, gone in zip(values, series.isna().tolist(), strict=True)]


def run_rows(function: PythonFunction, columns: Mapping[str, Sequence[Any]], count: int) -> list[Any]:
    """The function on `count` rows; columns by name, in the order of its arguments. Raises ExecutionError naming the row."""
    answers = []
    for row in range(count):
        values = {name: column[row] for name, column in columns.items()}
        try:
            answers.append(function(values) if function.row else function(*values.values()))
        except Exception as error:  # the function's own, whatever it is
            raise ExecutionError(
                f"'{function.name}' raises {type(error).__name__} in row {row}, {describe(values, 200)}: {error}"
            ) from error
    return answers


def column(answers: Sequence[Any], index: Any, name: str, dtype: Callable[[], str]) -> pd.Series:
    """Answers as a canonical column; `dtype` is asked where no row has one (all are missing, or there are none)."""
    import numpy as np
    import pandas as pd

    series = pd.Series(list(answers), index=index, dtype=object)
    if series.notna().any():
        return canonical_series(series.where(series.notna(), None), name)
    try:
        word = dtype()
    except RtmlError:
        return series.astype("float64")
    empty: dict[str, Any] = {"string": "str", "bool": "boolean", "timestamp": "datetime64[us]"}
    made = pd.Series(np.nan if word != "timestamp" else pd.NaT, index=index, dtype=empty.get(word, "float64"))
    if not len(made) and word in ("int64", "bool"):
        return made.astype(word)
    return canonical_series(made, name) if word != "bool" else made


def symbols(b: Builder, schema: Schema) -> list[Symbolic]:
    """A model input for every column of a schema, to lower something on for a look at its dtype."""
    return [
        Symbolic(c.dtype, b.input(c.name, carrier_of(c.dtype, c.nullable), 1), 0, c.nullable, c.finite, c.categories)
        for c in schema.values()
    ]
