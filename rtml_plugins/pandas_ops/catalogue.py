"""What every public name of pandas is to a graph: it compiles, or the reason why not, and what to use instead.

`refusals` holds what is row-wise and has no exact form; `methods` what compiles. A test holds that every name of the
installed pandas is in one of the groups, so that a new release of pandas shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OTHERS: Final = "cannot run in real time: it needs other rows of the frame. "
_ALL: Final = "cannot run in real time: it needs all rows of the frame. "
_ROWS: Final = "cannot run in real time: it changes which rows there are, and every request gets one answer. "
_NO_COLUMN: Final = "cannot run in real time: it gives no column for a row. "
_ABOUT_LABELS: Final = (
    "cannot run in real time: it is about the labels of rows, and a request has none. Pick and name columns with 'filter',"
    " 'drop', 'rename' and 'reindex'."
)
_ABOUT_CATEGORIES: Final = "cannot run in real time: a frame between two nodes holds values, not categories. "

_PROFILE: Final = "Compute the value when the event is stored, as a profile aggregate, and read it with ProfileReader."
_ALONG_ROW: Final = " Over the columns of one row it compiles: set 'axis' to 1."
_CONSTANT: Final = "Compute the value once on the training data and write it into the graph as a constant."
_FILL: Final = "To fill what is missing with it, use FillMissing, which learns it in fit; else write the value as a constant."
_SCALE: Final = "To scale with it, use Scaler, which learns it in fit; else write the value as a constant."
_EDGES: Final = 'Use QuantileBins, which learns the edges in fit, or cut with edges of your own as "bins".'
_CODES: Final = "Use OrdinalEncoder, which learns the values in fit, or map with an object of your own."
_COUNTS: Final = "Use FrequencyEncoder or GroupRare, which learn the counts in fit, or map with an object of your own."
_KEEP: Final = (
    "Keep the row: fill what is missing with fillna, or compute a flag with eval and decide on it later. Rows to train on are"
    " chosen before the graph."
)
_ONE_EVENT: Final = "Have one event a row before the graph; read a customer's history with ProfileReader."
_COLUMNS: Final = "Add columns with assign or eval; pick and rename them with filter, drop and rename."

#: needs rows before or after this one
OTHER_ROWS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "shift", "diff", "pct_change", "rolling", "expanding", "ewm", "cumsum", "cumprod", "cummax", "cummin", "resample",
            "asof", "asfreq", "first_valid_index", "last_valid_index", "duplicated", "align", "compare", "update",
            "reindex_like", "dot", "combine",
        ),
        _PROFILE,
    ),
    **dict.fromkeys(("ffill", "bfill", "interpolate"), f"Use fillna, or FillMissing with a learned value. {_PROFILE}"),
    "groupby": f"For the mean target of a category use TargetEncoder, for its frequency FrequencyEncoder. {_PROFILE}",
    **dict.fromkeys(
        ("merge", "join", "merge_asof", "merge_ordered", "concat"),
        "Let two branches of the graph meet, or read the other columns with ProfileReader.",
    ),
}  # fmt: skip

#: needs every row
ALL_ROWS: Final[Mapping[str, str]] = {
    "mean": _FILL + _ALONG_ROW,
    **dict.fromkeys(("median", "mode"), _FILL),
    **dict.fromkeys(("min", "max"), _SCALE + _ALONG_ROW),
    **dict.fromkeys(("std", "var", "sem"), _SCALE),
    **dict.fromkeys(("sum", "prod", "product", "count", "any", "all", "idxmin", "idxmax"), _CONSTANT + _ALONG_ROW),
    **dict.fromkeys(("quantile", "qcut", "rank", "describe"), _EDGES),
    **dict.fromkeys(("factorize", "argsort"), _CODES),
    **dict.fromkeys(("nunique", "value_counts", "unique"), _COUNTS),
    **dict.fromkeys(
        (
            "skew", "kurt", "kurtosis", "argmin", "argmax", "agg", "aggregate", "corr", "cov", "corrwith", "autocorr", "hasnans",
            "is_unique", "is_monotonic_increasing", "is_monotonic_decreasing", "memory_usage", "size", "shape", "searchsorted",
            "convert_dtypes", "empty", "equals", "nbytes", "crosstab", "infer_freq",
        ),
        _CONSTANT,
    ),
    "str.get_dummies": "Its columns are the words of all rows: use str.contains once for each word.",
}  # fmt: skip

#: gives fewer rows, more rows, or rows in another order
CHANGES_ROWS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "dropna", "drop_duplicates", "query", "sample", "head", "tail", "truncate", "take", "nlargest", "nsmallest", "xs",
            "at_time", "between_time",
        ),
        _KEEP,
    ),
    **dict.fromkeys(
        (
            "sort_values", "pivot", "pivot_table", "melt", "stack", "unstack", "wide_to_long", "lreshape", "transpose", "T",
            "explode", "repeat", "str.extractall",
        ),
        _ONE_EVENT,
    ),
}  # fmt: skip

#: about the index
LABELS: Final = (
    "axes", "droplevel", "index", "rename_axis", "reorder_levels", "set_index", "swaplevel", "tz_convert", "tz_localize",
    "to_period", "to_timestamp", "at", "iat", "iloc", "loc",
)  # fmt: skip

#: looks at a frame, takes it apart, draws it, or makes another one out of nothing
NO_COLUMN: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "attrs", "columns", "dtype", "dtypes", "flags", "info", "keys", "name", "ndim", "set_flags", "dt.freq", "dt.tz",
            "dt.unit", "cat.ordered", "cat.categories",
        ),
        "Ask the frame itself, before the graph.",
    ),
    **dict.fromkeys(
        ("array", "item", "items", "iterrows", "itertuples", "pop", "squeeze", "values", "to_frame", "select"), _COLUMNS
    ),
    **dict.fromkeys(("boxplot", "hist", "style"), "Draw from the frame, before the graph."),
    **dict.fromkeys(
        (
            "bdate_range", "date_range", "interval_range", "period_range", "timedelta_range", "from_arrow", "from_dict",
            "from_records", "from_dummies", "json_normalize",
        ),
        "Rows come out of the request: Receiver declares its fields, JSONToDataframe unpacks objects.",
    ),
    **dict.fromkeys(("divmod", "rdivmod"), "It gives a pair: use floordiv for the one and mod for the other."),
    "isetitem": "Columns go by name: use assign.",
    **dict.fromkeys(("dt.to_pydatetime", "dt.to_pytimedelta"), "Times are a column already; take their parts, e.g. dt.hour."),
}  # fmt: skip

#: about categorical columns
CATEGORIES: Final[Mapping[str, str]] = {
    "cat.codes": _CODES,
    **dict.fromkeys(
        (
            "cat.add_categories", "cat.as_ordered", "cat.as_unordered", "cat.remove_categories", "cat.remove_unused_categories",
            "cat.rename_categories", "cat.reorder_categories", "cat.set_categories",
        ),
        "Use replace or map on the values, or OneHotEncoder or OrdinalEncoder with a vocabulary.",
    ),
}  # fmt: skip

#: method -> the reason and the cure, for all that is not row-wise
NOT_ROW_WISE: Final[Mapping[str, str]] = {
    **{name: _OTHERS + cure for name, cure in OTHER_ROWS.items()},
    **{name: _ALL + cure for name, cure in ALL_ROWS.items()},
    **{name: _ROWS + cure for name, cure in CHANGES_ROWS.items()},
    **dict.fromkeys(LABELS, _ABOUT_LABELS),
    **{name: _NO_COLUMN + cure for name, cure in NO_COLUMN.items()},
    **{name: _ABOUT_CATEGORIES + cure for name, cure in CATEGORIES.items()},
}

#: refused when a node is written: they take functions of whole columns
TAKES_FUNCTIONS: Final = ("pipe", "transform")


def outside(name: str) -> bool:
    """Whether a name reads or writes outside the graph, or leaves pandas; refused when a node is written."""
    from rtml_plugins.pandas_ops.names import CONVERSIONS

    return name == "tolist" or (name.startswith(("read_", "to_")) and name not in CONVERSIONS)


def group_of(name: str) -> str:
    """The group of a public name of pandas: "compiles", "no exact form", ...; KeyError for a name that has none."""
    from rtml_plugins.pandas_ops.methods import compiled_methods
    from rtml_plugins.pandas_ops.refusals import NO_EXACT_FORM

    groups = {
        "compiles": compiled_methods(),
        "no exact form": NO_EXACT_FORM,
        "needs other rows": OTHER_ROWS,
        "needs all rows": ALL_ROWS,
        "changes the rows": CHANGES_ROWS,
        "about labels of rows": LABELS,
        "gives no column": NO_COLUMN,
        "about categories": CATEGORIES,
        "takes a function": TAKES_FUNCTIONS,
    }
    for group, names in groups.items():
        if name in names:
            return group
    if outside(name):
        return "outside the graph"
    raise KeyError(name)
