"""Functions of the module pandas that know recorded columns while a recording is open.

pandas does not ask the arguments of pd.to_datetime and its like. So inside of the with block these names of the module are
wrapped: whatever has no recorded column among its arguments goes to pandas itself, also from other threads.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rtml_plugins.recording.arguments import constants, is_column, is_recorded, recorded_in
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Dummies, Form, Method
from rtml_plugins.recording.methods import bound, recorded, refuse_method
from rtml_plugins.recording.values import Value

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame

_lock = threading.Lock()
_open = 0
_real: dict[str, Callable[..., Any]] = {}


def wrap() -> None:
    """A recording begins."""
    global _open
    import pandas as pd

    with _lock:
        _open += 1
        if _open == 1:
            for name, function in FUNCTIONS.items():
                _real[name] = getattr(pd, name)
                setattr(pd, name, _wrapper(_real[name], function))


def unwrap() -> None:
    """A recording ends; with the last one, pandas is as it was."""
    global _open
    import pandas as pd

    with _lock:
        _open -= 1
        if _open == 0:
            for name, function in _real.items():
                if getattr(getattr(pd, name), "_rtml_wraps", None) is function:
                    setattr(pd, name, function)
            _real.clear()


def _wrapper(real: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not recorded_in([*args, *kwargs.values()]):
            return real(*args, **kwargs)
        return function(real, *args, **kwargs)

    wrapped._rtml_wraps = real  # type: ignore[attr-defined]
    return wrapped


# ---- functions of one column --------------------------------------------------------------------------------------------


def _conversion(name: str) -> Callable[..., Any]:
    """to_datetime and its like: one column in, one out."""

    def function(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        given = bound(real, args, kwargs)
        first = next(iter(given))
        column = given.pop(first)
        if name == "to_datetime" and (isinstance(column, dict) or hasattr(column, "_values")):
            return _from_parts(real, column, given)
        if not is_column(column):
            refuse(f"pd.{name} of a frame can't be recorded; give it one column")
        if recorded_in(given.values()):
            refuse(f"pd.{name}: of its arguments only the first can be a column of t")
        native = real(column._native, **given)
        encoded = {key: value for key, value in given.items() if value is not None}
        if name == "to_timedelta":
            column = _of_bearable_length(column, given.get("unit"))
        return recorded(column, name, [Method(name, column._value, encoded)], native, f"{column._value.shown}_{name}")

    return function


#: days between the first and the last day of the calendar
_CALENDAR: Final = 3_652_058


def longest(number, most):  # type: ignore[no-untyped-def] # read from its source: a row with a longer time is refused
    """The number of days, hours, ... itself, as long as it stays within the calendar."""
    if number > most or number < -most:
        raise ValueError("a time that is longer than the calendar")
    return number


def _of_bearable_length(column: RecordedColumn, unit: Any) -> RecordedColumn:
    import pandas as pd

    if column._native.dtype.kind not in "iuf" or column._value.column is None:
        return column
    from rtml_plugins.recording.methods import read_function

    one = pd.Timedelta(1, unit=unit or "ns")
    most = min(_CALENDAR * 86_400_000_000_000 // one.value, 2**63 - 1)
    forms: list[Form] = [Method("map", column._value, {"func": read_function(functools.partial(longest, most=most))})]
    (value,) = column._tape.record("to_timedelta", forms, [column._native], hint=column._value.shown)
    return type(column)(column._native, value, column._tape)


def _from_parts(real: Callable[..., Any], parts: Any, given: Mapping[str, Any]) -> Any:
    """to_datetime of columns for year, month and day: the date as a text, which is read."""
    columns = {key: parts[key] for key in (parts if isinstance(parts, dict) else parts.columns)}
    wanted = ("year", "month", "day")
    if set(columns) != set(wanted) or given or not all(is_column(column) for column in columns.values()):
        refuse("pd.to_datetime of columns can be recorded for 'year', 'month' and 'day'; add hours with pd.to_timedelta")
    first = columns["year"]
    texts = {key: columns[key].astype("int64").astype(str) for key in wanted}
    for key, width in (("year", 4), ("month", 2), ("day", 2)):
        texts[key] = texts[key].str.zfill(width)
    text = texts["year"] + "-" + texts["month"] + "-" + texts["day"]
    native = real({key: column._native for key, column in columns.items()})
    return recorded(first, "to_datetime", [Method("to_datetime", text._value, {})], native, "date")


def _method(name: str) -> Callable[..., Any]:
    """pd.isna(t["x"]) is t["x"].isna()."""

    def function(real: Callable[..., Any], obj: Any) -> Any:
        return getattr(obj, name)()

    return function


def _cut(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """pd.cut; a number of bins becomes the edges that pandas found in the training frame."""
    given = bound(real, args, kwargs)
    column, bins = given.pop("x"), given.pop("bins")
    return _binned(real, "cut", column, bins, given, {"bins": bins})


def _qcut(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """pd.qcut: the edges are quantiles of the training frame, constants from here on."""
    given = bound(real, args, kwargs)
    column, q = given.pop("x"), given.pop("q")
    return _binned(real, "qcut", column, None, given, {"q": q})


def _binned(real: Callable[..., Any], name: str, column: Any, bins: Any, given: dict[str, Any], own: Mapping[str, Any]) -> Any:
    import numpy as np

    if not is_column(column) or recorded_in([bins, *given.values()]):
        refuse(f"pd.{name} takes one column of t, and constants beside it")
    retbins = given.pop("retbins", False)
    native, edges = real(column._native, **own, **given, retbins=True)
    options = dict(given)
    if bins is None or isinstance(bins, (int, np.integer)):
        column._tape.constant(f"edges of pd.{name}({column._value.shown})", [float(edge) for edge in edges])
        listed = [float(edge) for edge in edges]
        if name == "qcut":
            options["include_lowest"] = True
    else:
        listed = constants(bins)
    options |= {"labels": constants(given["labels"])} if hasattr(given.get("labels"), "__len__") else {}
    found = recorded(
        column, "cut", [Method("cut", column._value, {"bins": listed, **options})], native, f"{column._value.shown}_bin"
    )
    return (found, edges) if retbins else found


def _get_dummies(real: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """pd.get_dummies of a column or a frame; the values are those of the training frame."""
    from rtml_plugins.recording.joining import side_by_side

    given = bound(real, args, kwargs)
    data = given.pop("data")
    native = real(data._native, **given)
    columns, prefix, between = (given.pop(key, None) for key in ("columns", "prefix", "prefix_sep"))
    between = "_" if between is None else between
    if is_column(data):
        return _dummies(real, data, native, prefix or "", between if prefix else "", given)
    if columns is None:
        columns = [n for n in data.columns if str(data._native[n].dtype) in ("str", "object", "category", "string")]
    columns = [columns] if isinstance(columns, str) else list(columns)
    kept = data[[name for name in data.columns if name not in columns]]
    parts = [kept] if len(kept.columns) else []
    for place, name in enumerate(columns):
        own = prefix[name] if isinstance(prefix, dict) else prefix[place] if isinstance(prefix, (list, tuple)) else prefix or name
        sep = between[name] if isinstance(between, dict) else between[place] if isinstance(between, (list, tuple)) else between
        only = real(data._native[[name]], columns=[name], prefix=own, prefix_sep=sep, **given)
        parts.append(_dummies(real, data._column(name), only, own, sep, given))
    made: RecordedFrame = side_by_side(parts)
    return made[list(native.columns)]


def _dummies(
    real: Callable[..., Any], column: RecordedColumn, native: Any, prefix: str, between: str, given: Mapping[str, Any]
) -> RecordedFrame:
    import pandas as pd

    from rtml_plugins.recording.frame import RecordedFrame

    series = column._native
    if isinstance(series.dtype, pd.CategoricalDtype):
        values = series.cat.categories.tolist()
    else:
        values = sorted(series.dropna().unique().tolist())
    column._tape.constant(f"values of pd.get_dummies({column._value.shown})", values)
    endings = [str(name) for name in real(series.to_frame("x"), columns=["x"], prefix="", prefix_sep="", **given).columns]
    kwargs = {key: value for key, value in given.items() if key != "sparse" and value is not None}
    if "dtype" in kwargs and isinstance(kwargs["dtype"], type):
        kwargs["dtype"] = kwargs["dtype"].__name__
    native.columns = [str(name) for name in native.columns]
    form = Dummies(column._value, values, kwargs, endings, f"{prefix}{between}")
    natives = [native.iloc[:, place] for place in range(native.shape[1])]
    made: list[Value] = column._tape.record("get_dummies", [form], natives, hint=f"{column._value.shown}_is")
    for name, value in zip(native.columns, made, strict=True):
        value.named(name)
    return RecordedFrame._of(native, dict(zip(native.columns, made, strict=True)), column._tape)


# ---- functions of several -----------------------------------------------------------------------------------------------


def _concat(real: Callable[..., Any], objs: Any, axis: Any = 0, **options: Any) -> Any:
    from rtml_plugins.recording.joining import side_by_side

    if axis not in (1, "columns"):
        refuse(
            "'concat' of rows cannot run in real time: every request gets one answer. With axis=1 columns are put side by side"
        )
    if set(options) - {"join", "sort"}:
        refuse(f"'concat' with {', '.join(options)} can't be recorded; put the columns side by side plainly")
    return side_by_side(list(objs))


def _merge(real: Callable[..., Any], left: Any, right: Any, how: str = "inner", on: Any = None, **options: Any) -> Any:
    if not is_recorded(left):
        refuse("'merge' keeps the rows of t: write t.merge(table, on=..., how=\"left\")")
    return left.merge(right, how=how, on=on, **options)


def _factorize(real: Callable[..., Any], values: Any, **options: Any) -> Any:
    return values.factorize(**options)


def _unique(real: Callable[..., Any], values: Any) -> Any:
    return values.unique()


def _refused(name: str) -> Callable[..., Any]:
    def function(real: Callable[..., Any], *args: Any, **kwargs: Any) -> NoReturn:
        refuse_method(name)

    return function


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _conversion(name) for name in ("to_datetime", "to_numeric", "to_timedelta")},
    **{name: _method(name) for name in ("isna", "isnull", "notna", "notnull")},
    "cut": _cut,
    "qcut": _qcut,
    "get_dummies": _get_dummies,
    "concat": _concat,
    "merge": _merge,
    "factorize": _factorize,
    "unique": _unique,
    **{
        name: _refused(name)
        for name in ("crosstab", "pivot_table", "pivot", "melt", "merge_asof", "merge_ordered", "wide_to_long")
    },
}
