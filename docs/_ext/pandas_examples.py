"""An example of every pandas method that compiles, in each form in which it does: what the table of methods is made from."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pandas as pd

from rtml_core.frames import canonical, string_dtype
from rtml_plugins.pandas_ops import Pandas
from rtml_plugins.pandas_ops.arguments import ARITHMETIC, COMPARISONS
from rtml_plugins.pandas_ops.lowered.rows import ROW_METHODS

Arguments = dict[str, Any]


def frame() -> pd.DataFrame:
    """The rows of the examples, hard ones among them; x, text, at and lasted have missing values.

    x, y: floats; n, m: whole numbers; yes, more: booleans; text, word: strings; at, later: timestamps; lasted, spent: timedeltas.
    """
    nan = float("nan")
    at = np.array(["2024-02-29T12:34:56.789", "NaT", "1969-12-31T23:59:59.999999", "1900-03-01", "2023-12-31T22:30"], "M8[us]")
    later = np.array(["2024-03-01", "2000-01-01", "1970-01-01", "1900-02-28T23:00", "2024-12-30T00:30"], dtype="M8[us]")
    texts = ["Ärger-2", None, " vw\n", "", "İß3"]
    words = ["12", "b-a-d", "Title Case", "straße", "a,b"]
    rows = {
        "x": [1.5, nan, -2.5, float("inf"), 0.0],
        "y": [2.0, 0.5, -0.0, 1e300, 65.00000000000001],
        "n": [1, 0, -7, 2**53 + 1, -(2**63) + 1],
        "m": [3, 1, 2, -1, 7],
        "yes": [True, False, True, False, True],
        "more": [True, True, False, False, True],
        "text": pd.Series(texts, dtype=string_dtype()),
        "word": pd.Series(words, dtype=string_dtype()),
        "at": at,
        "later": later,
        "lasted": at - later,
        "spent": later - np.datetime64("1999-12-31"),
    }
    return canonical(pd.DataFrame(rows))


#: the second column of the form with a list
BESIDE: Final = {
    "x": "y", "y": "x", "n": "m", "m": "n", "yes": "more", "text": "word", "word": "text", "at": "later", "lasted": "spent",
}  # fmt: skip
NUMBERS: Final = ("x", "y")
_WHOLE_NUMBERS: Final = ("n", "m")
_EVERYTHING: Final = tuple(frame().columns)

#: what Python functions look like in the table, where JSON has their trees
IN_WORDS: Final = {"apply": "lambda value: value * 3 if value > 0 else None"}
_FUNCTION: Final = lambda value: value * 3 if value > 0 else None  # noqa: E731
_OF_ROW: Final = lambda row: row["x"] - row["y"]  # noqa: E731

#: method -> column and arguments: the forms with a column and with a list of them
COLUMN: Final[dict[str, tuple[str, Arguments]]] = {
    **{name: ("x", {"other": 3.0}) for name in (*ARITHMETIC, *COMPARISONS)},
    "between": ("x", {"left": 0, "right": "y"}),
    "abs": ("x", {}),
    "round": ("x", {"decimals": 1}),
    "clip": ("x", {"lower": 0, "upper": 18}),
    "fillna": ("x", {"value": 0}),
    **{name: ("text", {}) for name in ("isna", "isnull", "notna", "notnull")},
    "combine_first": ("x", {"other": "y"}),
    **{name: ("x", {"cond": "n > 0", "other": 0.5}) for name in ("where", "mask")},
    "case_when": ("x", {"caselist": [["n > 0", 1.0], ["yes", {"column": "y"}]]}),
    "apply": ("y", {"func": _FUNCTION}),
    "map": ("word", {"arg": {"12": "dozen", "a,b": "letters"}}),
    "replace": ("word", {"to_replace": {"12": "dozen"}}),
    "isin": ("word", {"values": ["12", "x"]}),
    "astype": ("m", {"dtype": "float64"}),
    "cut": ("y", {"bins": [0, 1, 65], "labels": ["low", "high"]}),
    "copy": ("x", {}),
    "infer_objects": ("x", {}),
    "to_datetime": ("text", {"errors": "coerce"}),
    "to_timedelta": ("m", {"unit": "h"}),
    "to_numeric": ("word", {"errors": "coerce"}),
    **{
        f"str.{name}": ("text", {})
        for name in (
            "lower", "upper", "title", "capitalize", "swapcase", "casefold", "len", "strip", "lstrip", "rstrip", "isalnum",
            "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace", "islower", "isupper", "istitle", "isascii",
        )
    },
    **{f"str.{name}": ("text", {"pat": "[a-z]+"}) for name in ("contains", "match", "fullmatch", "count")},
    **{f"str.{name}": ("text", {"pat": "Ä"}) for name in ("startswith", "endswith")},
    "str.replace": ("text", {"pat": "ß", "repl": "ss"}),
    "str.slice": ("text", {"start": 1, "stop": 3}),
    "str.slice_replace": ("text", {"start": 1, "stop": 2, "repl": "_"}),
    "str.get": ("text", {"i": 0}),
    **{f"str.{name}": ("text", {"width": 9}) for name in ("pad", "ljust", "rjust", "center", "zfill")},
    "str.wrap": ("word", {"width": 5}),
    "str.removeprefix": ("text", {"prefix": "Ä"}),
    "str.removesuffix": ("text", {"suffix": "3"}),
    **{f"str.{name}": ("text", {"sub": "r"}) for name in ("find", "rfind")},
    **{f"str.{name}": ("text", {"sub": ""}) for name in ("index", "rindex")},
    "str.repeat": ("text", {"repeats": 2}),
    "str.join": ("text", {"sep": "-"}),
    "str.translate": ("text", {"table": {223: "ss", 45: " "}}),
    "str.cat": ("text", {"others": "word", "sep": "-"}),
    "str.normalize": ("text", {"form": "NFKC"}),
    "str.split": ("word", {"pat": "-", "n": 1, "expand": True}),
    "str.rsplit": ("word", {"pat": "-", "n": 1, "expand": True}),
    "str.partition": ("word", {"sep": "-"}),
    "str.rpartition": ("word", {"sep": "-"}),
    "str.extract": ("word", {"pat": "([a-z])-([a-z])"}),
    **{
        f"dt.{name}": ("at", {})
        for name in (
            "year", "month", "day", "hour", "minute", "second", "microsecond", "nanosecond", "quarter", "dayofweek",
            "day_of_week", "weekday",
            "dayofyear", "day_of_year", "days_in_month", "daysinmonth", "is_month_start", "is_month_end",
            "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end", "is_leap_year", "isocalendar", "day_name",
            "month_name", "normalize",
        )
    },
    **{f"dt.{name}": ("at", {"freq": "15min"}) for name in ("floor", "ceil", "round")},
    "dt.as_unit": ("at", {"unit": "s"}),
    "dt.strftime": ("at", {"date_format": "%Y-%m-%d"}),
    **{f"dt.{name}": ("lasted", {}) for name in ("days", "seconds", "microseconds", "nanoseconds", "components")},
    "dt.total_seconds": ("lasted", {}),
    # these take the frame, and `cols` says which columns they are about
    "drop": ("x", {}),
    "filter": ("x", {}),
    "rename": ("x", {}),
    "get_dummies": ("word", {}),
    **{name: ("x", {"axis": 1}) for name in ROW_METHODS},
}  # fmt: skip

#: method -> columns of the frame, and arguments: the form with the whole frame
WHOLE: Final[dict[str, tuple[tuple[str, ...], Arguments]]] = {
    **{name: (NUMBERS, {"other": 3.0}) for name in (*ARITHMETIC, *COMPARISONS)},
    "abs": (NUMBERS, {}),
    "round": (NUMBERS, {"decimals": {"x": 1}}),
    "clip": (NUMBERS, {"lower": 0, "upper": 18}),
    "fillna": (_EVERYTHING, {"value": {"x": 0, "text": "none"}}),
    **{name: (_EVERYTHING, {}) for name in ("isna", "isnull", "notna", "notnull", "copy", "infer_objects")},
    "replace": (_WHOLE_NUMBERS, {"to_replace": {1: 10}}),
    "isin": (_WHOLE_NUMBERS, {"values": [1, 7]}),
    "astype": (_EVERYTHING, {"dtype": {"m": "float64", "yes": "int64"}}),
    "drop": (_EVERYTHING, {"columns": ["x"]}),
    "filter": (_EVERYTHING, {"regex": "^[xyn]$"}),
    "get": (_EVERYTHING, {"key": ["x", "y"]}),
    "reindex": (_EVERYTHING, {"columns": ["y", "x"]}),
    "sort_index": (_EVERYTHING, {"axis": 1}),
    "select_dtypes": (_EVERYTHING, {"include": "number"}),
    "rename": (_EVERYTHING, {"columns": {"x": "z"}}),
    "add_prefix": (_EVERYTHING, {"prefix": "p_"}),
    "add_suffix": (_EVERYTHING, {"suffix": "_s"}),
    "set_axis": (NUMBERS, {"labels": ["a", "b"], "axis": 1}),
    "reset_index": (_EVERYTHING, {"drop": True}),
    "eval": (NUMBERS, {"expr": "z = x / y + 1"}),
    "apply": (NUMBERS, {"func": _OF_ROW, "axis": 1}),
    "assign": (NUMBERS, {"one": 1, "z": {"eval": "x > y"}}),
    "insert": (NUMBERS, {"loc": 0, "column": "z", "value": {"column": "y"}}),
    "get_dummies": (("word", "x"), {"columns": ["word"]}),
    **{name: (NUMBERS, {"axis": 1}) for name in ROW_METHODS},
}

#: number of columns that a method makes of one
_SEVERAL: Final = {
    "str.split": 2,
    "str.rsplit": 2,
    "str.partition": 3,
    "str.rpartition": 3,
    "str.extract": 2,
    "dt.isocalendar": 3,
}


def example(name: str, form: str) -> tuple[Pandas, pd.DataFrame] | None:
    """The example of a method in a form ("column", "list", "frame") as a node and its rows; None where it has none."""
    categories = {"word": ["12", "a,b"], "text": ["", "x"]} if name == "get_dummies" else None
    if form == "frame":
        if name not in WHOLE:
            return None
        columns, arguments = WHOLE[name]
        made = "made" if name in (*ROW_METHODS, "apply") else None
        if categories:
            categories = {"word": categories["word"]}
        return Pandas(import_=name, kwargs=arguments, into=made, categories=categories), frame()[list(columns)]
    if name not in COLUMN:
        return None
    column, arguments = COLUMN[name]
    columns = (column,) if form == "column" else (column, BESIDE[column])
    if form == "list" and name in ("str.split", "str.rsplit"):
        return None  # one column a node: `into` names its parts
    if categories:
        categories = {key: categories[key] for key in columns}
    into: Any = ["made"] if name in ROW_METHODS else [f"made_{key}" for key in columns]
    if name in _SEVERAL and form == "column":
        into = [f"made_{number}" for number in range(_SEVERAL[name])]
    if name in ("drop", "filter", "get_dummies", "dt.components") or (name in _SEVERAL and form == "list"):
        into = None
    cols: Any = column if form == "column" else list(columns)
    told = f"{arguments} {' '.join(columns)}"
    rows = frame()
    if name in ("drop", "filter", "rename"):
        return Pandas(import_=name, cols=cols, kwargs=arguments, into=into), rows
    used = [key for key in rows if re.search(rf"\b{key}\b", told)]
    return Pandas(import_=name, cols=cols, kwargs=arguments, into=into, categories=categories), rows[used]
