"""Methods of recorded columns: native pandas at once, and the same method as a node."""

from __future__ import annotations

import copy
import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rtml_core.errors import RtmlError, describe
from rtml_plugins.recording.arguments import (
    constants,
    is_column,
    is_recorded,
    is_scalar,
    native_of,
    plain,
    recorded_in,
    refuse_rows,
)
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Form, Method
from rtml_plugins.recording.operators import SIGNS, binary, check_condition, time_of
from rtml_plugins.recording.values import ColumnOf, Condition

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.values import Value

#: methods that deal with missing values: a field they are used on may be empty in a request
_ABOUT_MISSING: Final = ("fillna", "isna", "isnull", "notna", "notnull", "combine_first")
_WITH_NA: Final = tuple(f"str.{name}" for name in ("contains", "startswith", "endswith", "match", "fullmatch"))
_TRUTH_OF_TEXTS: Final = _WITH_NA + tuple(
    f"str.is{name}" for name in ("alnum", "alpha", "ascii", "decimal", "digit", "lower", "numeric", "space", "title", "upper")
)
#: arguments that hold a list of constants
_LISTS: Final = {"isin": "values"}
_FLEX: Final = {method: sign for sign, (_, method) in SIGNS.items() if method} | {
    "subtract": "-", "multiply": "*", "div": "/", "divide": "/",
}  # fmt: skip


def call(column: RecordedColumn, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A method of a column. Raises RecordingError at the line for what can't be recorded."""
    kwargs = dict(kwargs)
    if kwargs.pop("inplace", False) is True:
        if column._of_frame:
            shown = f"t[{column._native.name!r}]"
            refuse(f"'{name}' with inplace=True changes a copy of the column; write {shown} = {shown}.{name}(...)")
        made = call(column, name, args, kwargs)
        column._native, column._value = made._native, made._value
        return None
    if name in _ABOUT_MISSING:
        column._tape.may_be_missing(column._value)
    special = _SPECIAL.get(name)
    if special is not None:
        return special(column, *args, **kwargs)
    if name in _FLEX and len(args) == 1 and not kwargs:
        return binary(column, _FLEX[name], args[0])
    return generic(column, name, column._native, name, args, kwargs)


def generic(column: RecordedColumn, name: str, owner: Any, member: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """A method that the graph has under the same name: `member` of `owner`, which is the Series or one of its accessors."""
    from rtml_plugins.pandas_ops.methods import COLUMN_METHODS, SEVERAL_COLUMNS

    if name not in COLUMN_METHODS and name not in SEVERAL_COLUMNS:
        refuse_method(name)
    function = getattr(owner, member)
    given = bound(function, args, kwargs)
    given = {key: _called(column, value) for key, value in given.items()}
    _check_truth_of_texts(column, name, given)
    native = function(**native_of(given)) if callable(function) else function
    encoded = {key: encoded_argument(column, name, key, value) for key, value in given.items()}
    return recorded(column, name, [Method(name, column._value, encoded)], native)


def _check_truth_of_texts(column: RecordedColumn, name: str, given: Mapping[str, Any]) -> None:
    """Of texts in a column of objects, such as parts of a split, pandas leaves missing ones missing: neither true nor false."""
    known = column._value.column
    if name not in _TRUTH_OF_TEXTS or known is None or not known.nullable or column._native.dtype != object or "na" in given:
        return
    cure = "give na=False" if name in _WITH_NA else 'fill it before, .fillna("")'
    refuse(f"'{name}' of a text that may be missing in a request is neither true nor false in pandas here; {cure}")


def recorded(column: RecordedColumn, name: str, forms: list[Form], native: Any, hint: str = "") -> Any:
    """What pandas gave, one column or several, as recorded ones."""
    import pandas as pd

    from rtml_plugins.recording.columns import RecordedArray, RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame

    if isinstance(native, pd.DataFrame):
        natives = [native.iloc[:, place] for place in range(native.shape[1])]
        made = column._tape.record(name, forms, natives, hint=hint)
        return RecordedFrame._of(native, dict(zip(native.columns, made, strict=True)), column._tape)
    if not isinstance(native, pd.Series):
        if isinstance(native, pd.Index) or not hasattr(native, "__len__") or len(native) != len(column):
            refuse(f"'{name}' gives {describe(native)}, which is no column")
        native = pd.Series(native, index=column._native.index, name=column._native.name)
    (value,) = column._tape.record(name, forms, [native], hint=hint)
    return (RecordedArray if isinstance(column, RecordedArray) else RecordedColumn)(native, value, column._tape)


def same(column: RecordedColumn, native: Any) -> Any:
    """The same values, in another dress."""
    return type(column)(native, column._value, column._tape)


def refuse_method(name: str) -> NoReturn:
    """Raise RecordingError with the reason and the cure of a method that does not compile."""
    from rtml_plugins.pandas_ops.refusals import not_lowerable

    more = " For what came before in time, use a profile aggregate." if name in ("sort_values", "rank") else ""
    refuse(f"'{name}' {not_lowerable(name)}{more}")


def bound(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name. Raises TypeError as the call would."""
    if not callable(function):
        return {}
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return dict(kwargs)
    found = dict(signature.bind(*args, **kwargs).arguments)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= found.pop(parameter.name, {})
    return found


def _called(column: RecordedColumn, value: Any) -> Any:
    """A function of the column as what it gives for it: pandas calls it so."""
    return value(column) if isinstance(value, types.FunctionType) else value


def encoded_argument(column: RecordedColumn, name: str, argument: str, value: Any) -> Any:
    """An argument as it stands in a node. Raises RecordingError for rows of the training frame."""
    import numpy as np
    import pandas as pd

    if name in ("where", "mask") and argument == "cond":
        if not is_column(value):
            refuse_rows(value)
        return condition_of(value)
    if name == "case_when":
        return _cases(column, value)
    if is_column(value):
        return ColumnOf(value._value)
    if recorded_in([value]):
        refuse(f"'{name}': argument '{argument}' can't hold recorded columns; give one column or a constant")
    if name in _LISTS and _LISTS[name] == argument:
        return constants(value)
    if name == "replace" and isinstance(value, (pd.Series, Mapping)):
        return dict(value.items())
    if isinstance(value, (pd.Series, pd.DataFrame, pd.Index, np.ndarray)) and np.ndim(value) > 0:
        if isinstance(value, (pd.Series, pd.DataFrame)) or (len(value) == len(column) and name != "cut"):
            refuse_rows(value)
        return constants(value)
    if isinstance(value, str) and argument in ("other", "left", "right", "lower", "upper", "value"):
        return time_of(column._value, value)
    return plain(value) if is_scalar(value) else value


def condition_of(column: RecordedColumn) -> Condition:
    """A column as a condition. Raises RecordingError for one that is missing in some rows: it is no condition to pandas."""
    check_condition(column)
    return Condition(column._value)


def _cases(column: RecordedColumn, cases: Any) -> list[list[Any]]:
    found = []
    for condition, value in cases:
        if not is_column(condition):
            refuse_rows(condition)
        found.append([condition_of(condition), ColumnOf(value._value) if is_column(value) else plain(value)])
    return found


# ---- methods that need more than their name -----------------------------------------------------------------------------


def _map(column: RecordedColumn, arg: Any = None, na_action: Any = None, **kwargs: Any) -> Any:
    """map with an object of values, a Series, or a function."""
    import numpy as np
    import pandas as pd

    arg = kwargs.pop("func", arg)
    if is_recorded(arg):
        refuse("map takes an object of values, a Series of constants or a function; to look up in another column use np.where")
    if isinstance(arg, np.ufunc):
        return arg(column)
    if isinstance(arg, dict) and hasattr(arg, "__missing__"):
        return _mapped_with_default(column, arg)
    extra = {"na_action": na_action} if na_action is not None else {}
    if isinstance(arg, (Mapping, pd.Series)):
        if isinstance(arg, pd.Series) and not arg.index.is_unique:
            refuse("map takes a Series with each value once in its index; this one has some twice")
        table = {plain(key): plain(value) for key, value in arg.items()}
        return recorded(column, "map", [Method("map", column._value, {"func": table, **extra})], column._native.map(arg, **extra))
    if kwargs:
        arg = functools.partial(arg, **kwargs)
    native = column._native.map(arg, **extra)
    return recorded(
        column, "map", [Method("map", column._value, {"func": read_function(arg), **extra})], native, _function_hint(column, arg)
    )


def _mapped_with_default(column: RecordedColumn, table: Any) -> Any:
    """map with a defaultdict or Counter: what stands in it, and its default for all other values and missing ones."""
    given = {plain(key): plain(value) for key, value in table.items()}
    default = plain(copy.copy(table)[object()])
    if any(value != value or value is None for value in [default, *given.values()]):
        refuse("map with a default and missing values among its values can't be recorded; give a plain dict")
    native = column._native.map(copy.copy(table))
    found = _map(column, given)
    filled = column._tape.record("fillna", [Method("fillna", found._value, {"value": default})], [found._native.fillna(default)])[
        0
    ]
    forms: list[Form] = [Method("astype", filled, {"dtype": str(native.dtype)})]
    if str(native.dtype) != "int64":
        return type(column)(native, filled, column._tape)
    return recorded(column, "map", forms, native)


def read_function(function: Any) -> Any:
    """A function from its source. Raises RecordingError at the line where it is given."""
    from rtml_core.lowering.functions import PythonFunction

    try:
        return {"$function": PythonFunction.read(function).to_json()}
    except RtmlError as error:
        names = getattr(getattr(function, "__code__", None), "co_names", ())
        patterns = " Patterns are for methods of the column: .str.replace(..., regex=True), .str.extract, .str.contains"
        refuse(f"{error}{patterns if 're' in names else ''}")


def _function_hint(column: RecordedColumn, function: Any) -> str:
    name = getattr(function, "__name__", "")
    return f"{column._value.shown}_{name}" if name.isidentifier() else f"{column._value.shown}_map"


def _apply(column: RecordedColumn, func: Any, args: tuple[Any, ...] = (), **kwargs: Any) -> Any:
    """apply with a function of one cell."""
    if isinstance(func, str):
        return getattr(column, func)(*args, **kwargs)
    if args:
        refuse("apply with args can't be recorded; give the function its arguments by name, apply(function, name=value)")
    kwargs.pop("by_row", None)
    return _map(column, func, **kwargs)


def _astype(column: RecordedColumn, dtype: Any, **options: Any) -> Any:
    """astype; categories are values to a graph."""
    import pandas as pd

    native = column._native.astype(dtype, **options)
    if isinstance(dtype, pd.CategoricalDtype) and dtype.categories is not None:
        known = column.where(column.isin(list(dtype.categories)))
        return same(known, known._native.astype(dtype))
    if isinstance(native.dtype, pd.CategoricalDtype):
        return same(column, native)
    word = {object: "object", str: "str"}.get(dtype, dtype)
    if column._value.column is not None and column._value.column.dtype == "string" and str(word) in ("object", "str", "string"):
        return same(column, native)
    word = _word(dtype)
    forms: list[Form] = [Method("astype", column._value, {"dtype": "int64" if _is_small(word) else word})]
    hint = f"{column._value.shown}_{word}"
    kind = column._value.column.dtype if column._value.column is not None else ""
    if word in ("str", "string", "object") and kind == "float64" and is_whole(column._native):
        # whole numbers of the training frame that may be missing in a request: floats would be written as "1.0"
        numbers = column._native.astype("int64")
        (whole,) = column._tape.record("astype", [Method("map", column._value, {"func": read_function(int)})], [numbers])
        forms = [Method("astype", whole, {"dtype": word})]
    if native.dtype.kind in "iu" or (native.dtype.kind == "f" and kind == "string"):
        # read cell by cell: a request whose value is none, or no number, is refused, as pandas refuses the row
        forms.append(Method("map", column._value, {"func": read_function(float if native.dtype.kind == "f" else int)}))
    made = recorded(column, "astype", forms, native, hint)
    return made if kind == "bool" else held_by_dtype(made)


def held(number, lowest, highest):  # type: ignore[no-untyped-def] # read from its source: a row beyond the limits is refused
    """The number itself, as long as its dtype holds it."""
    if number < lowest or number > highest:
        raise ValueError("a number that its dtype does not hold: pandas begins again at the other end")
    return number


def held_by_dtype(column: RecordedColumn) -> Any:
    """A column of int8, uint16 and their like: a graph counts in 64 bits, so what is beyond the dtype is refused."""
    import numpy as np

    dtype = column._native.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iu" or dtype.name == "int64" or column._value.column is None:
        return column
    limits = np.iinfo(dtype)
    check = functools.partial(held, lowest=int(limits.min), highest=min(int(limits.max), 2**63 - 1))
    return recorded(column, "astype", [Method("map", column._value, {"func": read_function(check)})], column._native)


def is_whole(native: Any) -> bool:
    """Whether a column of the training frame holds whole numbers in its canonical form."""
    from rtml_core.frames import canonical_series, dtype_word

    return dtype_word(canonical_series(native, "column")) == "int64"


def _is_small(word: str) -> bool:
    """Whether a dtype is one of the small whole numbers, which are int64 in a graph."""
    return word.lower() in ("int8", "int16", "int32", "uint8", "uint16", "uint32")


def _word(dtype: Any) -> str:
    return {"int": "int64", "float": "float64"}.get(*[dtype.__name__ if isinstance(dtype, type) else str(dtype)] * 2)


def _pipe(column: RecordedColumn, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return func(column, *args, **kwargs)


def _transform(column: RecordedColumn, func: Any, **kwargs: Any) -> Any:
    if isinstance(func, str):
        return getattr(column, func)(**kwargs)
    return func(column, **kwargs) if not isinstance(func, types.FunctionType) else _apply(column, func, **kwargs)


def _copy(column: RecordedColumn, deep: bool = True) -> Any:
    return same(column, column._native.copy(deep))


def _rename(column: RecordedColumn, index: Any = None, **options: Any) -> Any:
    if not (isinstance(index, str) or index is None) or options:
        refuse("rename of a column gives it another name; what is about labels of rows can't be recorded")
    return same(column, column._native.rename(index))


def _reset_index(column: RecordedColumn, drop: bool = False, **options: Any) -> Any:
    if not drop or options:
        refuse("reset_index makes a column of the labels of rows, and a request has none; set drop=True")
    return same(column, column._native.reset_index(drop=True))


def _to_frame(column: RecordedColumn, name: Any = None) -> Any:
    from rtml_plugins.recording.frame import RecordedFrame

    native = column._native.to_frame(*(() if name is None else (name,)))
    return RecordedFrame._of(native, {native.columns[0]: column._value}, column._tape)


def _factorize(column: RecordedColumn, sort: bool = False, use_na_sentinel: bool = True) -> Any:
    """factorize: the code of each value that the training frame has, -1 for missing and unknown ones; and these values."""
    if not use_na_sentinel:
        refuse("factorize with use_na_sentinel=False can't be recorded; fill missing values first")
    codes, uniques = column._native.factorize(sort=sort)
    column._tape.constant(f"{column._value.shown}.factorize()", list(uniques))
    return coded(column, {plain(value): code for code, value in enumerate(uniques)}, codes, array=True), uniques


def coded(column: RecordedColumn, table: Mapping[Any, int], codes: Any, *, array: bool = False) -> Any:
    """A number for each value of a table, -1 for all others."""
    import pandas as pd

    from rtml_plugins.recording.columns import RecordedArray, RecordedColumn

    value: Value = column._value
    index = column._native.index
    numbers = pd.Series(codes, index=index)
    found = numbers.where(numbers >= 0).astype("float64")
    (looked_up,) = column._tape.record("map", [Method("map", value, {"func": dict(table)})], [found])
    (filled,) = column._tape.record("fillna", [Method("fillna", looked_up, {"value": -1})], [found.fillna(-1)])
    native = numbers.astype("int64")
    (made,) = column._tape.record("astype", [Method("astype", filled, {"dtype": "int64"})], [native], hint=f"{value.hint}_code")
    return (RecordedArray if array else RecordedColumn)(native, made, column._tape)


def _replace(column: RecordedColumn, to_replace: Any = None, value: Any = None, *, regex: Any = False, **options: Any) -> Any:
    """replace; with regex=True patterns in texts, one after the other."""
    if isinstance(regex, (str, Mapping)):
        to_replace, regex = regex, True
    given = {"to_replace": to_replace, **({} if isinstance(to_replace, Mapping) else {"value": value}), **options}
    if regex is not True:
        return generic(column, "replace", column._native, "replace", (), given)
    native = column._native.replace(**given, regex=True)
    if isinstance(to_replace, Mapping):
        pairs = list(to_replace.items())
    else:
        olds = to_replace if isinstance(to_replace, list) else [to_replace]
        pairs = list(zip(olds, value if isinstance(value, list) else [value] * len(olds), strict=True))
    if not all(isinstance(old, str) and isinstance(new, str) for old, new in pairs):
        refuse("replace with regex=True can be recorded for texts by texts; replace other values in a call of their own")
    made = column
    for old, new in pairs:
        made = made.str.replace(old, new, regex=True)
    return same(made, native)


def _to_numpy(column: RecordedColumn, dtype: Any = None, **options: Any) -> Any:
    """The values as an array of numpy, recorded as well."""
    from rtml_plugins.recording.columns import RecordedArray

    if options:
        refuse(f"to_numpy with {', '.join(options)} can't be recorded; use fillna and astype before")
    made = column if dtype is None else column.astype(dtype)
    return RecordedArray(made._native, made._value, made._tape)


def _round(column: RecordedColumn, decimals: int = 0) -> Any:
    return generic(column, "round", column._native, "round", (decimals,), {})


_SPECIAL: Final[Mapping[str, Callable[..., Any]]] = {
    "map": _map,
    "apply": _apply,
    "astype": _astype,
    "pipe": _pipe,
    "transform": _transform,
    "copy": _copy,
    "rename": _rename,
    "reset_index": _reset_index,
    "to_frame": _to_frame,
    "factorize": _factorize,
    "round": _round,
    "replace": _replace,
    "to_numpy": _to_numpy,
}
