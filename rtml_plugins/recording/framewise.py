"""Methods of recorded frames: column by column, along the row, or about names only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_plugins.recording import rowwise
from rtml_plugins.recording.arguments import is_column, is_scalar, native_of, plain, recorded_in, refuse_rows
from rtml_plugins.recording.columns import RecordedColumn
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.methods import refuse_method
from rtml_plugins.recording.operators import SIGNS, binary

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.recording.frame import RecordedFrame
    from rtml_plugins.recording.values import Value


# ---- frames out of frames -----------------------------------------------------------------------------------------------


def picked(frame: RecordedFrame, native: pd.DataFrame) -> RecordedFrame:
    """A frame of some of the columns, as pandas picked them."""
    if len(native) != len(frame) or not set(native.columns) <= set(frame._values):
        refuse("picking rows can't be recorded: every request gets one answer. Pick columns, t[[...]]")
    if not native.columns.is_unique:
        refuse(f"column '{native.columns[native.columns.duplicated()][0]}' is picked twice; pick it once")
    return type(frame)._of(native.copy(), frame._values, frame._tape)


def replaced(frame: RecordedFrame, native: pd.DataFrame, values: Sequence[Value]) -> None:
    """Give the frame itself these columns."""
    object.__setattr__(frame, "_native", native)
    object.__setattr__(frame, "_values", dict(zip(native.columns, values, strict=True)))
    for name, value in frame._values.items():
        if value.step is not None:
            value.named(str(name))


def _in_place(frame: RecordedFrame, made: RecordedFrame, inplace: bool) -> RecordedFrame | None:
    if not inplace:
        return made
    replaced(frame, made._native, list(made._values.values()))
    return None


def each(frame: RecordedFrame, function: Callable[[RecordedColumn], Any]) -> RecordedFrame:
    """A frame of what a function gives for each column."""
    return assembled(frame, {name: function(frame._column(name)) for name in frame._values})


def assembled(frame: RecordedFrame, columns: Mapping[Any, RecordedColumn]) -> RecordedFrame:
    """A frame of these columns."""
    import pandas as pd

    native = pd.DataFrame({name: column._native for name, column in columns.items()}, index=frame._native.index)
    return type(frame)._of(native, {name: column._value for name, column in columns.items()}, frame._tape)


# ---- operators ----------------------------------------------------------------------------------------------------------


def combined(frame: RecordedFrame, sign: str, other: Any, *, reflected: bool = False, axis: Any = "columns") -> RecordedFrame:
    """frame <sign> other: a constant, one constant for each column, another frame, or with axis=0 a column."""
    import pandas as pd

    if isinstance(other, type(frame)):
        if set(other._values) != set(frame._values):
            refuse("frames of different columns are combined; give both the same columns")
        return each_named(frame, lambda name, column: binary(column, sign, other._column(name), reflected=reflected))
    if is_column(other):
        if axis not in (0, "index"):
            refuse(
                "pandas lines a column up with the names of the columns here; use the method with axis=0, as in"
                " .div(column, axis=0)"
            )
        return each(frame, lambda column: binary(column, sign, other, reflected=reflected))
    if isinstance(other, (pd.Series, Mapping)):
        if set(other.keys()) != set(frame._values):
            refuse_rows(other)
        return each_named(frame, lambda name, column: binary(column, sign, plain(other[name]), reflected=reflected))
    if not is_scalar(other):
        refuse_rows(other)
    return each(frame, lambda column: binary(column, sign, other, reflected=reflected))


def each_named(frame: RecordedFrame, function: Callable[[Any, RecordedColumn], Any]) -> RecordedFrame:
    """The same with the name of the column."""
    return assembled(frame, {name: function(name, frame._column(name)) for name in frame._values})


def _flex(sign: str, *, reflected: bool = False) -> Callable[..., Any]:
    def method(frame: RecordedFrame, other: Any, axis: Any = "columns", level: Any = None, fill_value: Any = None) -> Any:
        if level is not None or fill_value is not None:
            refuse("level and fill_value can't be recorded here; use fillna before")
        return combined(frame, sign, other, reflected=reflected, axis=axis)

    return method


# ---- column by column ---------------------------------------------------------------------------------------------------


def _by_columns(name: str, by_name: str = "") -> Callable[..., Any]:
    """A method that is applied to each column; an object given for `by_name` holds an argument for each of some columns."""

    def method(frame: RecordedFrame, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        args, kwargs = tuple(_called(frame, value) for value in args), {k: _called(frame, v) for k, v in kwargs.items()}
        table: Any = kwargs.get(by_name, args[0] if args else None) if by_name else None
        if hasattr(table, "keys") and not _is_table_of_values(name, table, frame):
            unknown = [key for key in table.keys() if key not in frame._values]  # noqa: SIM118 - a Series iterates over values
            if unknown and name != "fillna":
                raise KeyError(f"{unknown[0]!r} is no column of the frame")
            rest = {key: value for key, value in kwargs.items() if key != by_name}
            made = each_named(
                frame,
                lambda key, column: getattr(column, name)(table[key], *args[1:], **rest) if key in table.keys() else column,  # noqa: SIM118
            )
        else:
            made = each_named(
                frame,
                lambda key, column: getattr(column, name)(
                    *(_of_column(key, value) for value in args), **{k: _of_column(key, v) for k, v in kwargs.items()}
                ),
            )
        return _in_place(frame, made, inplace)

    return method


def _called(frame: RecordedFrame, value: Any) -> Any:
    import types

    return value(frame) if isinstance(value, types.FunctionType) else value


def _of_column(name: Any, value: Any) -> Any:
    """Of an argument that is a frame, the column of this name."""
    from rtml_plugins.recording.frame import RecordedFrame

    return value._column(name) if isinstance(value, RecordedFrame) else value


def _is_table_of_values(name: str, table: Any, frame: RecordedFrame) -> bool:
    """replace takes {old: new} for all columns, or {column: {old: new}}."""
    nested = any(isinstance(value, Mapping) for value in dict(table).values())
    return name == "replace" and not nested


def _mapped(frame: RecordedFrame, func: Any, na_action: Any = None, **kwargs: Any) -> RecordedFrame:
    return each(frame, lambda column: column.map(func, na_action=na_action, **kwargs))


def _apply(frame: RecordedFrame, func: Any, axis: Any = 0, args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
    """apply a function to each column, or with axis=1 to each row."""
    import pandas as pd

    kwargs.pop("result_type", None)
    if axis in (1, "columns"):
        return rowwise.applied(frame, func, args, kwargs)
    if isinstance(func, str):
        return getattr(frame, func)(*args, **kwargs)
    results = {name: func(frame._column(name), *args, **kwargs) for name in frame._values}
    if all(is_column(result) for result in results.values()):
        return assembled(frame, results)
    if recorded_in(results.values()):
        refuse("apply gives columns for some columns and single values for others; apply them apart")
    return pd.Series(results)


# ---- names only ---------------------------------------------------------------------------------------------------------


def _names(name: str) -> Callable[..., Any]:
    """A method that picks, drops or orders columns: pandas says which ones."""

    def method(frame: RecordedFrame, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        before = frame._native
        native = getattr(before, name)(*native_of(args), **native_of(kwargs))
        if len(native) != len(before) or not native.index.equals(before.index):
            refuse_method("query" if name == "drop" else name)
        return _in_place(frame, picked(frame, native), inplace)

    return method


def _renamed(name: str) -> Callable[..., Any]:
    """A method that gives columns other names: pandas says which."""

    def method(frame: RecordedFrame, *args: Any, inplace: bool = False, **kwargs: Any) -> Any:
        native = getattr(frame._native, name)(*native_of(args), **native_of(kwargs))
        if len(native) != len(frame) or not native.index.equals(frame._native.index):
            refuse(f"'{name}' changes labels of rows here, and a request has none; name columns, e.g. rename(columns={{...}})")
        if not native.columns.is_unique:
            refuse(f"two columns would be called '{native.columns[native.columns.duplicated()][0]}'; give them different names")
        values = dict(zip(native.columns, frame._values.values(), strict=True))
        for new, value in values.items():
            if value.step is not None:
                value.named(str(new))
        return _in_place(frame, type(frame)._of(native, values, frame._tape), inplace)

    return method


def _copied(frame: RecordedFrame, *args: Any, **kwargs: Any) -> RecordedFrame:
    return type(frame)._of(frame._native.copy(), frame._values, frame._tape)


def _to_numpy(frame: RecordedFrame, dtype: Any = None, **options: Any) -> Any:
    """The values as a table of numpy, to be written into as many columns."""
    from rtml_plugins.recording.frame import RecordedTable

    if options:
        refuse(f"to_numpy with {', '.join(options)} can't be recorded; use fillna and astype before")
    made = frame if dtype is None else frame.astype(dtype)
    return RecordedTable._of(made._native.copy(), made._values, made._tape)


def _reset_index(frame: RecordedFrame, *args: Any, drop: bool = False, inplace: bool = False, **kwargs: Any) -> Any:
    if not drop or args or kwargs:
        refuse("reset_index makes a column of the labels of rows, and a request has none; set drop=True")
    made = type(frame)._of(frame._native.reset_index(drop=True), frame._values, frame._tape)
    return _in_place(frame, made, inplace)


def _assigned(frame: RecordedFrame, **columns: Any) -> RecordedFrame:
    made = _copied(frame)
    for name, value in columns.items():
        made[name] = value(made) if callable(value) and not is_column(value) else value
    return made


def _inserted(frame: RecordedFrame, loc: int, column: Any, value: Any, allow_duplicates: bool = False) -> None:
    if column in frame._values:
        raise ValueError(f"cannot insert {column}, already exists")
    frame[column] = value
    order = [name for name in frame._values if name != column]
    order.insert(loc, column)
    values = dict(frame._values)
    replaced(frame, frame._native[order], [values[name] for name in order])


def _popped(frame: RecordedFrame, item: Any) -> RecordedColumn:
    column = frame._column(item)
    del frame[item]
    return column


def _piped(frame: RecordedFrame, func: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(func, tuple):
        function, argument = func
        return function(*args, **{**kwargs, argument: frame})
    return func(frame, *args, **kwargs)


def _item(frame: RecordedFrame, key: Any, default: Any = None) -> Any:
    return frame._column(key) if key in frame._values else default


def _items(frame: RecordedFrame) -> Any:
    return [(name, frame._column(name)) for name in frame._values]


def _squeezed(frame: RecordedFrame, axis: Any = None) -> Any:
    return frame._column(next(iter(frame._values))) if len(frame._values) == 1 else frame


def _eval(frame: RecordedFrame, expr: str, inplace: bool = False, **options: Any) -> Any:
    """eval: lines `name = expression`, or one expression."""
    from rtml_plugins.recording.evaluating import evaluated

    made = evaluated(frame, expr, options)
    return made if is_column(made) else _in_place(frame, made, inplace)


def _grouped(frame: RecordedFrame, by: Any = None, **options: Any) -> Any:
    from rtml_plugins.recording.grouping import Grouped

    return Grouped.of(frame, by, options)


def _merged(frame: RecordedFrame, right: Any, how: str = "inner", on: Any = None, **options: Any) -> Any:
    from rtml_plugins.recording.joining import merged

    return merged(frame, right, how, on, options)


def _joined(frame: RecordedFrame, other: Any, on: Any = None, how: str = "left", **options: Any) -> Any:
    from rtml_plugins.recording.joining import joined

    return joined(frame, other, on, how, options)


METHODS: Final[Mapping[str, Callable[..., Any]]] = {
    **{name: _flex(sign) for sign, (_, name) in SIGNS.items() if name},
    **{"r" + name: _flex(sign, reflected=True) for sign, (_, name) in SIGNS.items() if name},
    "div": _flex("/"),
    "rdiv": _flex("/", reflected=True),
    "subtract": _flex("-"),
    "multiply": _flex("*"),
    "divide": _flex("/"),
    **{name: _by_columns(name) for name in ("isna", "isnull", "notna", "notnull", "abs", "where", "mask", "clip")},
    "fillna": _by_columns("fillna", "value"),
    "astype": _by_columns("astype", "dtype"),
    "replace": _by_columns("replace", "to_replace"),
    "round": _by_columns("round", "decimals"),
    "isin": _by_columns("isin", "values"),
    "map": _mapped,
    "applymap": _mapped,
    "apply": _apply,
    **{name: rowwise.statistic(name) for name in rowwise.STATISTICS},
    **{name: _names(name) for name in ("drop", "filter", "reindex", "select_dtypes", "sort_index")},
    **{name: _renamed(name) for name in ("rename", "add_prefix", "add_suffix", "set_axis")},
    "copy": _copied,
    "infer_objects": _copied,
    "to_numpy": _to_numpy,
    "reset_index": _reset_index,
    "assign": _assigned,
    "insert": _inserted,
    "pop": _popped,
    "pipe": _piped,
    "get": _item,
    "items": _items,
    "squeeze": _squeezed,
    "eval": _eval,
    "groupby": _grouped,
    "merge": _merged,
    "join": _joined,
}
