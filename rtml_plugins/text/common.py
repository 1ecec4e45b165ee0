"""What the text operators share: their one text column, and names of new columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.symbolic import Symbolic


def text_values(frame: pd.DataFrame, name: str, operator: str, *, missing: bool = False) -> list[Any]:
    """The texts of a column, None where one is missing. Raises ColumnError: no such column, no texts, or missing ones."""
    from rtml_core.frames import dtype_word

    if name not in frame.columns:
        raise ColumnError(missing_column(name, map(str, frame.columns)))
    series = frame[name]
    require_text(name, dtype_word(series), operator)
    gone = series.isna()
    if gone.any() and not missing:
        raise ColumnError(
            f"Column '{name}' is missing in {int(gone.sum())} row(s), and {operator} needs a text. Fill it first, e.g."
            f' Pandas(import_="fillna", cols="{name}", kwargs={{"value": ""}}, inplace=True)'
        )
    return list(series.astype(object).where(~gone, None))


def text_column(columns: Mapping[str, Symbolic], name: str, operator: str) -> Symbolic:
    """The same of symbolic columns."""
    if name not in columns:
        raise ColumnError(missing_column(name, columns))
    require_text(name, columns[name].dtype, operator)
    return columns[name]


def require_text(name: str, dtype: str, operator: str) -> None:
    """Raise ColumnError unless the column holds texts."""
    if dtype != "string":
        raise ColumnError(
            f"Column '{name}' is a {dtype}, and {operator} takes texts. Make it one first, e.g. Pandas(import_=\"astype\","
            f' cols="{name}", kwargs={{"dtype": "str"}}, inplace=True)'
        )


def require_free(new: Iterable[str], taken: Iterable[str], cure: str) -> None:
    """Raise ColumnError when a new column is there already; the cure says what to change."""
    known = set(taken)
    for name in new:
        if name in known:
            raise ColumnError(f"Column '{name}' is there already; {cure}")


def require_distinct(names: Iterable[str], parameter: str) -> None:
    """Raise ParamError when a name is there twice, or none is."""
    listed = list(names)
    if not listed or len(set(listed)) != len(listed):
        raise ParamError(f"parameter '{parameter}' must name at least one column, each once; got {listed!r}")


def text_series(values: list[Any], index: Any) -> pd.Series:
    """Texts and None as a string column."""
    import numpy as np
    import pandas as pd

    from rtml_core.frames import string_dtype

    return pd.Series([np.nan if value is None else value for value in values], index=index, dtype=object).astype(string_dtype())


def with_columns(frame: pd.DataFrame, made: Mapping[str, Any]) -> pd.DataFrame:
    """The frame with columns replaced where they are there already, new ones behind."""
    import pandas as pd

    old = frame.assign(**{name: values for name, values in made.items() if name in frame.columns})
    new = {name: values for name, values in made.items() if name not in frame.columns}
    return pd.concat([old, pd.DataFrame(new, index=frame.index)], axis=1) if new else old


def new_names(cols: str | list[str], into: str | list[str] | None) -> dict[str, str]:
    """Column -> the column its result goes to: itself, or that of `into`. Raises ParamError."""
    names = [cols] if isinstance(cols, str) else cols
    targets = names if into is None else [into] if isinstance(into, str) else into
    require_distinct(names, "cols")
    require_distinct(targets, "into")
    if len(targets) != len(names):
        raise ParamError(f"parameter 'into' must name one new column for each of the {len(names)} in 'cols'; got {into!r}")
    return dict(zip(names, targets, strict=True))
