"""Why a method does not compile, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rtml_core.errors import NotLowerableError

_OTHERS: Final = (
    "cannot run in real time: it needs other rows of the frame. Compute the value when the event is stored, as a profile"
    " aggregate, and read it with ProfileReader."
)
_LEARNED: Final = (
    "cannot run in real time: it needs all rows of the frame. Compute the value once on the training data and write it into"
    " the graph as a constant."
)
_EDGES: Final = (
    "cannot run in real time: it needs all rows of the frame. Take the edges once on the training data, pandas.qcut(...,"
    ' retbins=True), and use cut with them as "bins".'
)
_DROPS: Final = (
    "cannot run in real time: it leaves rows out, and every request gets an answer. Keep the row: fill what is missing with"
    " fillna, or compute a flag with eval and decide on it later."
)

_ROWS: Final = (
    "shift", "diff", "pct_change", "rank", "ffill", "bfill", "pad", "backfill", "interpolate", "rolling", "expanding", "ewm",
    "cumsum", "cumprod", "cummax", "cummin", "groupby", "resample", "sort_values", "sort_index", "merge", "join", "merge_asof",
    "merge_ordered", "concat", "pivot", "pivot_table", "melt", "stack", "unstack", "wide_to_long", "crosstab", "transpose", "T",
    "asof", "asfreq", "at_time", "between_time", "first_valid_index", "last_valid_index", "explode", "duplicated", "lreshape",
    "compare", "align", "combine", "corrwith", "reindex_like",
)  # fmt: skip
_STATISTICS: Final = (
    "mean", "median", "mode", "min", "max", "sum", "prod", "std", "var", "sem", "skew", "kurt", "kurtosis", "quantile", "count",
    "nunique", "value_counts", "unique", "describe", "idxmin", "idxmax", "argmin", "argmax", "argsort", "any", "all", "agg",
    "aggregate", "corr", "cov", "autocorr", "factorize", "hasnans", "is_unique", "is_monotonic_increasing",
    "is_monotonic_decreasing", "memory_usage", "size", "shape", "searchsorted", "dot", "infer_objects", "convert_dtypes",
)  # fmt: skip
_FEWER_ROWS: Final = (
    "dropna", "drop_duplicates", "query", "sample", "head", "tail", "truncate", "take", "nlargest", "nsmallest", "xs",
)  # fmt: skip

#: method -> the reason and the cure, for what is not row-wise
NOT_ROW_WISE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_ROWS, _OTHERS),
    **dict.fromkeys(_STATISTICS, _LEARNED),
    **dict.fromkeys(_FEWER_ROWS, _DROPS),
    "qcut": _EDGES,
}

#: method -> why its compiled form would differ from pandas, and what to use instead
NO_EXACT_FORM: Final[Mapping[str, str]] = {
    "str.cat": "it joins the rows of a column; to join columns use add",
    "dt.date": "a date is no column of its own; use dt.normalize, the day's first moment",
    "dt.time": "a time of day is no column of its own; take dt.hour, dt.minute and dt.second",
    "dt.tz_localize": "timestamps are UTC throughout; convert when the event is stored",
    "dt.tz_convert": "timestamps are UTC throughout; convert when the event is stored",
}


def not_lowerable(name: str, *, along_rows: bool = False) -> NotLowerableError:
    """The error for a method without a lowering. along_rows: it is applied to each row by itself (axis=1)."""
    if along_rows:
        return NotLowerableError('has no compiled form along a row; write it out for eval, e.g. "total = a + b"')
    if name in NOT_ROW_WISE:
        return NotLowerableError(NOT_ROW_WISE[name])
    if name in NO_EXACT_FORM:
        return NotLowerableError(f"has no exact compiled form: {NO_EXACT_FORM[name]}")
    return NotLowerableError(
        "has no compiled form; it runs when authoring only. Use eval, map or another row-wise method, or compute the value before"
        " the request is made"
    )
