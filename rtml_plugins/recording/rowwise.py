"""Along the row: statistics with axis=1, and functions of a row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import RtmlError
from rtml_plugins.recording.columns import RecordedColumn
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Along, ByRow

if TYPE_CHECKING:
    from rtml_plugins.recording.frame import RecordedFrame

#: statistics of a frame; with axis=1 those of a row
STATISTICS: Final = (
    "mean", "median", "mode", "std", "var", "sem", "min", "max", "sum", "prod", "product", "count", "quantile", "nunique",
    "skew", "kurt", "any", "all", "idxmin", "idxmax", "agg", "aggregate",
)  # fmt: skip


def statistic(name: str) -> Callable[..., Any]:
    """A statistic: constants of the training frame, or with axis=1 a column."""

    def method(frame: RecordedFrame, *args: Any, **kwargs: Any) -> Any:
        first = args[0] if args and name not in ("agg", "aggregate", "quantile") else None
        axis = kwargs.get("axis", first if first is not None else 0)
        if axis not in (1, "columns"):
            result = getattr(frame._native, name)(*args, **kwargs)
            return frame._tape.constant(f"{list(frame._values)}.{name}()", result)
        if name in ("agg", "aggregate"):
            return _aggregated(frame, args, kwargs)
        return _along(frame, name, {key: value for key, value in kwargs.items() if key != "axis"})

    return method


def _aggregated(frame: RecordedFrame, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    how = args[0] if args else kwargs.get("func")
    if not isinstance(how, str):
        refuse("agg with axis=1 takes the name of a statistic, e.g. 'sum'; for a function of a row use apply(function, axis=1)")
    return getattr(frame, how)(axis=1)


def _along(frame: RecordedFrame, name: str, kwargs: Mapping[str, Any]) -> RecordedColumn:
    native = getattr(frame._native, name)(axis=1, **kwargs)
    used = frame._native
    if kwargs.get("numeric_only"):
        used = used.select_dtypes(("number", "bool"))
    rest = {key: value for key, value in kwargs.items() if key != "numeric_only" and not (key == "skipna" and value is True)}
    values = [frame._values[column] for column in used.columns]
    if not values:
        refuse(f"'{name}' needs columns; this frame has none of that kind")
    hint = f"{name}_of_{values[0].shown}" if len(values) == 1 else f"row_{name}"
    (made,) = frame._tape.record(name, [Along(name, values, rest)], [native], hint=hint)
    return RecordedColumn(native, made, frame._tape)


def applied(frame: RecordedFrame, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """apply(function, axis=1): the function is read from its source, and called by pandas with each row."""
    import pandas as pd

    from rtml_core.lowering.functions import PythonFunction

    if isinstance(function, str):
        return getattr(frame, function)(*args, axis=1, **kwargs)
    if args:
        refuse("apply with args can't be recorded; give the function its arguments by name, apply(function, axis=1, name=value)")
    called = functools.partial(function, **kwargs) if kwargs else function
    try:
        found = PythonFunction.read(called, row=True)
    except RtmlError as error:
        refuse(error)
    native = frame._native.apply(function, axis=1, **kwargs)
    if not isinstance(native, pd.Series):
        refuse("a function of a row must give one value; for several columns apply a function for each of them")
    missing = [name for name in found.columns if name not in frame._values]
    if missing:
        raise KeyError(missing[0])
    columns = {name: frame._values[name] for name in found.columns}
    hint = found.name if found.name.isidentifier() else "row_apply"
    (made,) = frame._tape.record("apply", [ByRow(found.to_json(), columns)], [native], hint=hint)
    return RecordedColumn(native, made, frame._tape)
