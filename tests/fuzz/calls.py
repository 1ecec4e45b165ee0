"""Calls of pandas methods that a graph may make, by the dtype of the column they are made on."""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st

Call = tuple[str, dict[str, Any]]

_NUMBERS: Final = st.one_of(st.integers(-3, 20), st.sampled_from([0.5, -1.5, 18.0, 2.0**53, 0.1, 1e300]))
_TEXTS: Final = st.sampled_from(["red", "Red", "", "ß", "a", " ", "none", "ÉTÉ", "x"])
_EDGES: Final = st.lists(st.integers(-5, 30), min_size=2, max_size=5, unique=True).map(sorted)


def _call(name: str, **arguments: Any) -> st.SearchStrategy[Call]:
    return st.tuples(
        st.just(name),
        st.fixed_dictionaries({k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in arguments.items()}),
    )


def _dict(keys: st.SearchStrategy[Any], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(keys, values, min_size=1, max_size=4)


_ANY: Final = [_call(name) for name in ("isna", "notna")]
_NUMERIC: Final = [
    *_ANY,
    *[_call(name, other=_NUMBERS) for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "rsub", "rtruediv")],
    *[_call(name, other=_NUMBERS) for name in ("eq", "ne", "lt", "le", "gt", "ge")],
    _call("pow", other=st.sampled_from([2, 0.5, 3])),
    _call("clip", lower=st.integers(-5, 5), upper=st.integers(6, 50)),
    _call("between", left=st.integers(-5, 5), right=st.integers(6, 50)),
    _call("round", decimals=st.integers(-1, 3)),
    _call("abs"),
    _call("fillna", value=st.integers(-2, 40)),
    _call("isin", values=st.lists(_NUMBERS, min_size=1, max_size=3)),
    _call("replace", to_replace=_dict(st.integers(-3, 8), st.integers(-3, 8))),
    _call("map", func=_dict(st.integers(-3, 8), _TEXTS)),
    _call("astype", dtype=st.sampled_from(["float64", "int64", "bool", "float32", "str"])),
    _call("cut", bins=_EDGES, right=st.booleans(), labels=False),
    _call("cut", bins=_EDGES),
    _call("where", cond=st.sampled_from(["COLUMN > 5", "COLUMN <= 18"]), other=_NUMBERS),
]
_STRING: Final = [
    *_ANY,
    *[_call(name) for name in ("str.lower", "str.upper", "str.strip", "str.len", "str.lstrip", "str.isdigit")],
    _call("fillna", value=_TEXTS),
    _call("map", func=_dict(_TEXTS, st.one_of(_TEXTS))),
    _call("map", func=_dict(_TEXTS, st.integers(0, 5))),
    _call("replace", to_replace=_dict(_TEXTS, _TEXTS)),
    _call("isin", values=st.lists(_TEXTS, min_size=1, max_size=3)),
    *[_call(name, other=_TEXTS) for name in ("eq", "ne")],
    _call("add", other=_TEXTS),
    _call("str.contains", pat=st.sampled_from(["e", "a+", "[0-9]", "ß"]), regex=True),
    _call("str.startswith", pat=_TEXTS),
    _call("str.endswith", pat=_TEXTS),
    _call("str.slice", start=st.integers(0, 2), stop=st.integers(2, 5)),
    _call("str.replace", pat=st.sampled_from(["e", " ", "ß"]), repl=_TEXTS, regex=False),
    _call("str.zfill", width=st.integers(0, 6)),
    *[_call(name) for name in ("str.title", "str.casefold", "str.swapcase", "str.isalpha", "str.isspace")],
    _call("str.count", pat=st.sampled_from(["e", "[0-9]"])),
    _call("str.find", sub=st.sampled_from(["e", ""])),
    _call("str.removeprefix", prefix=_TEXTS),
    *[_call(name) for name in ("str.islower", "str.isupper", "str.istitle", "str.isascii")],
    _call("str.count", pat=st.sampled_from(["e", "[a-z]", "ß|É"])),
    *[_call(name, sub=_TEXTS) for name in ("str.find", "str.rfind")],
    _call("str.repeat", repeats=st.integers(0, 3)),
    _call("str.slice_replace", start=st.integers(0, 2), stop=st.integers(0, 4), repl=_TEXTS),
    _call("str.translate", table=st.just({101: "E", 223: "ss", 32: None})),
    _call("str.join", sep=_TEXTS),
    _call("to_numeric", errors="coerce"),
]
_BOOL: Final = [
    *_ANY,
    _call("map", func=st.just({True: "yes", False: "no"})),
    _call("map", func=st.just({True: 1, False: 0})),
    _call("astype", dtype=st.sampled_from(["int64", "float64", "bool", "str"])),
    _call("fillna", value=st.booleans()),
    _call("eq", other=st.booleans()),
]
_TIMESTAMP: Final = [
    *_ANY,
    *[_call(f"dt.{part}") for part in ("year", "month", "day", "hour", "minute", "second", "dayofweek", "dayofyear", "quarter")],
    *[_call(f"dt.{part}") for part in ("normalize", "days_in_month", "is_month_end", "is_leap_year", "day_name")],
    _call("dt.floor", freq=st.sampled_from(["h", "15min", "D"])),
    _call("dt.strftime", date_format=st.sampled_from(["%Y-%m-%d", "%H:%M"])),
    *[_call(f"dt.{part}") for part in ("days_in_month", "is_month_end", "is_quarter_end", "is_year_end", "nanosecond")],
    *[_call(f"dt.{name}", freq=st.sampled_from(["D", "h", "7min", "90s", "ms"])) for name in ("floor", "ceil", "round")],
    _call("sub", other=st.just("2020-02-29")),
    _call("ge", other=st.just("1999-12-31T23:59:59")),
]
_TIMEDELTA: Final = [*_ANY, _call("dt.total_seconds"), _call("dt.days"), _call("dt.round", freq="h")]

#: dtype -> calls on a column of it
CALLS: Final[dict[str, st.SearchStrategy[Call]]] = {
    "float64": st.one_of(_NUMERIC),
    "float32": st.one_of(_NUMERIC),
    "int64": st.one_of(_NUMERIC),
    "string": st.one_of(_STRING),
    "bool": st.one_of(_BOOL),
    "timestamp": st.one_of(_TIMESTAMP),
    "timedelta": st.one_of(_TIMEDELTA),
}
