"""Functions of numpy on recorded columns: what numpy gives at once, and an operator that says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import ParamError
from rtml_core.lowering.expressions import FUNCTIONS as IN_EXPRESSIONS
from rtml_plugins.recording.arguments import is_column, is_scalar, native_of, plain, recorded_in, refuse_rows
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.expressions import Apply, Constant, Leaf, Tree
from rtml_plugins.recording.forms import Expression, Form, Method, Numpy, Operations
from rtml_plugins.recording.methods import condition_of
from rtml_plugins.recording.operators import binary, unary
from rtml_plugins.recording.values import ColumnOf, FieldOf, Name

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.recording.columns import RecordedColumn

#: ufuncs that are operators
_SIGNS: Final = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "floor_divide": "//", "remainder": "%",
    "mod": "%", "power": "**", "float_power": "**", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "logical_and": "&",
    "logical_or": "|", "logical_xor": "^", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
    "not_equal": "!=",
}  # fmt: skip
#: ufuncs and functions that are methods of a column
_METHODS: Final = {"absolute": "abs", "abs": "abs", "isnan": "isna", "isnat": "isna"}
_SWAPPED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


# ---- ufuncs -------------------------------------------------------------------------------------------------------------


def ufunc_called(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """np.log1p(t["x"]) and its like. Raises RecordingError for what has no form in a graph."""
    name = ufunc.__name__
    if method != "__call__" or kwargs:
        refuse(f"np.{name} with {'.' + method if method != '__call__' else ', '.join(kwargs)} can't be recorded; call it plainly")
    column = next(item for item in inputs if is_column(item))
    if len(inputs) == 1:
        return _one(ufunc, name, column)
    if len(inputs) != 2:
        refuse(f"np.{name} can't be recorded: it has no form in a graph")
    one, two = inputs
    if name in _SIGNS:
        sign = _SIGNS[name]
        if is_column(one):
            return binary(one, sign, two)
        return binary(two, _SWAPPED[sign], one) if sign in _SWAPPED else binary(two, sign, one, reflected=True)
    return _two(ufunc, name, one, two)


def _one(ufunc: Any, name: str, column: RecordedColumn) -> Any:
    if name in ("negative", "invert", "logical_not", "positive"):
        return unary(column, {"negative": "-", "positive": "+"}.get(name, "~"))
    if name in _METHODS:
        return getattr(column, _METHODS[name])()
    native = ufunc(column._native)
    value = column._value
    whole = value.column is not None and value.column.dtype == "int64"
    if whole and name in ("floor", "ceil", "trunc", "rint"):
        return type(column)(native, value, column._tape)
    forms: list[Form] = [Expression(Apply(name, (Leaf(value),)))] if name in IN_EXPRESSIONS else []
    return _made(column, name, [*forms, *_numpy(name, value)], native)


def _two(ufunc: Any, name: str, one: Any, two: Any) -> Any:
    column = one if is_column(one) else two
    other = two if is_column(one) else one
    if not is_column(other) and not is_scalar(other):
        refuse_rows(other)
    native = ufunc(*native_of([one, two]))
    value = column._value
    given = ColumnOf(other._value) if is_column(other) else plain(other)
    forms: list[Form] = []
    if name in ("maximum", "minimum"):  # whole numbers stay whole so; missing ones count in numpy, as they do in clip
        kinds = {item._value.column.dtype for item in (column, other) if is_column(item) and item._value.column is not None}
        whole = kinds == {"int64"} and (is_column(other) or isinstance(given, int))
        if whole:
            forms.append(Method("clip", value, {"lower" if name == "maximum" else "upper": given}))
    if name == "arctan2":
        forms.append(Expression(Apply(name, (_leaf(one), _leaf(two)))))
    if is_column(one):
        listed = {"cols": [Name(other._value)]} if is_column(other) else given
        forms += _numpy(name, value, [listed])
    elif name in ("maximum", "minimum", "hypot"):
        forms += _numpy(name, value, [given])
    return _made(column, name, forms, native)


def _leaf(item: Any) -> Tree:
    return Leaf(item._value) if is_column(item) else Constant(plain(item))


def _numpy(name: str, value: Any, args: Sequence[Any] = ()) -> list[Form]:
    from rtml_plugins.numpy_ops.node import NumpyArrays

    try:
        NumpyArrays(function=name, cols=["x"], args=[1.0 for _ in args])
    except ParamError:
        return []
    return [Numpy(name, value, args)]


def _made(column: RecordedColumn, name: str, forms: list[Form], native: Any) -> Any:
    if not forms:
        refuse(
            f"np.{name} can't be recorded: it has no form in a graph; write it with functions that have one, or as .map(function)"
        )
    (value,) = column._tape.record(f"np.{name}", forms, [native], hint=f"{name}_{column._value.shown}")
    return type(column)(native, value, column._tape)


# ---- functions ----------------------------------------------------------------------------------------------------------


def function_called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """np.where(t["x"] > 0, ...) and its like. Raises RecordingError for what has no form in a graph."""
    name = function.__name__
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](*args, **kwargs)
    statistics = ("mean", "std", "var", "min", "max", "sum", "prod", "median", "amin", "amax", "any", "all", "ptp", "unique",
                  "quantile", "percentile", "nanmean", "nanmedian", "nanstd", "nanmin", "nanmax", "nansum", "nanquantile",
                  "nanpercentile", "histogram", "shape", "size", "ndim")  # fmt: skip
    column = recorded_in([*args, *kwargs.values()])[0]
    if name in statistics:
        result = function(*native_of(args), **native_of(dict(kwargs)))
        return column._tape.constant(f"np.{name}({column._value.shown})", result)
    refuse(
        f"np.{name} can't be recorded: it has no form in a graph. Use methods of the column, np.where, np.select, or .map with a"
        " function of one cell"
    )


def _array(column: RecordedColumn, native: Any, forms: list[Form], what: str, hint: str) -> Any:
    import pandas as pd

    from rtml_plugins.recording.columns import RecordedArray

    series: pd.Series = pd.Series(native, index=column._native.index)
    (value,) = column._tape.record(what, forms, [series], hint=hint)
    return RecordedArray(series, value, column._tape)


def _where(condition: Any, *choices: Any) -> Any:
    """np.where(condition, x, y)"""
    import numpy as np

    if len(choices) != 2:
        refuse("np.where without values gives places of rows, and a request has one row; give the two values to choose from")
    x, y = choices
    column = recorded_in([condition, x, y])[0]
    for item in (condition, x, y):
        if not is_column(item) and not is_scalar(item):
            refuse_rows(item)
    if not is_column(condition):
        refuse("np.where needs a condition on columns of t")
    native = np.where(*native_of([condition, x, y]))
    test = condition_of(condition)
    forms: list[Form] = []
    if is_column(x):
        forms.append(Method("where", x._value, {"cond": test, "other": _other(y)}))
    elif is_column(y):
        forms.append(Method("mask", y._value, {"cond": test, "other": _other(x)}))
    forms.append(Operations({"if": test, "then": _value(x), "else": _value(y)}))
    return _array(column, native, forms, "np.where", f"where_{condition._value.shown}")


def _other(item: Any) -> Any:
    return ColumnOf(item._value) if is_column(item) else plain(item)


def _value(item: Any) -> Any:
    """A value in an operation of FieldOps."""
    import pandas as pd

    if is_column(item):
        return FieldOf(item._value)
    item = plain(item)
    if item is None or item is pd.NaT or item is pd.NA or item != item:
        return None
    if hasattr(item, "isoformat") or type(item).__name__ == "datetime64":
        from rtml_plugins.pandas_ops.values import utc_naive

        return {"timestamp": utc_naive(pd.Timestamp(item)).isoformat()}
    return item


def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """np.select(conditions, choices, default)"""
    import numpy as np

    conditions, choices = list(condlist), list(choicelist)
    for item in conditions:
        if not is_column(item):
            refuse_rows(item)
    for item in [*choices, default]:
        if not is_column(item) and not is_scalar(item):
            refuse_rows(item)
    native = np.select(native_of(conditions), native_of(choices), native_of(default))
    cases = [{"if": condition_of(c), "then": _value(x)} for c, x in zip(conditions, choices, strict=True)]
    return _array(conditions[0], native, [Operations({"cases": cases, "else": _value(default)})], "np.select", "selected")


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    given = {key: value for key, value in (("lower", low), ("upper", high)) if value is not None}
    return a.clip(**given)


def _isin(element: Any, test_elements: Any, **options: Any) -> Any:
    return element.isin(list(test_elements))


def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    import numpy as np

    native = np.nan_to_num(x._native, nan=nan, posinf=posinf, neginf=neginf)
    return _array(x, native, [Numpy("nan_to_num", x._value, [nan, posinf, neginf])], "np.nan_to_num", f"{x._value.shown}_filled")


def _digitize(x: Any, bins: Any, right: bool = False) -> Any:
    import numpy as np

    edges = [float(edge) for edge in bins]
    forms: list[Form] = [Numpy("digitize", x._value, [edges, right])]
    return _array(x, np.digitize(x._native, bins, right), forms, "np.digitize", f"{x._value.shown}_bin")


def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    import numpy as np

    if period is not None:
        refuse("np.interp with period can't be recorded; take the remainder first, t[...] % period")
    table = [[float(item) for item in points] for points in (xp, fp)]
    forms: list[Form] = [Numpy("interp", x._value, [*table, *(() if left is right is None else (left, right))])]
    return _array(x, np.interp(x._native, xp, fp, left, right), forms, "np.interp", f"{x._value.shown}_interp")


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "where": _where,
    "select": _select,
    "clip": _clip,
    "round": lambda a, decimals=0, out=None: a.round(decimals),
    "around": lambda a, decimals=0, out=None: a.round(decimals),
    "isin": _isin,
    "nan_to_num": _nan_to_num,
    "digitize": _digitize,
    "interp": _interp,
}
