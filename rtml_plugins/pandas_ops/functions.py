"""Python functions given to map (a cell at a time) and apply (a cell, or with axis=1 a row at a time).

A function is read when the node is made and kept as {"$function": tree}. Eagerly, pandas' own Series.map calls the tree on the
cells that it hands to any function: int, float, bool, str, Timestamp, and NaN for what is missing. Along rows, a function gets
a row whose cells are these same Python values; pandas itself would hand over numpy's numbers where all columns are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import NotLowerableError, ParamError
from rtml_core.lowering.functions import PythonFunction
from rtml_core.lowering.functions.rows import cells, column, run_rows

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.pandas_ops.lower import Call
    from rtml_plugins.pandas_ops.node import Pandas

#: methods that take a function
METHODS: Final = ("apply", "map")
_NAMES: Final = ("func", "arg")


def kept(method: str, cols: Any, args: list[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Arguments with a function among them as the object that stands for it in JSON; others as they are."""
    if method not in METHODS:
        return args, dict(kwargs)
    row = method == "apply" and cols is None
    arguments = {name: to_json(value, row) if name in _NAMES else value for name, value in kwargs.items()}
    return [to_json(args[0], row), *args[1:]] if args else args, arguments


def to_json(value: Any, row: bool) -> Any:
    """A function as {"$function": tree}; any other value as it is."""
    if callable(value) and not hasattr(value, "dtype") and not isinstance(value, Mapping):
        return {"$function": PythonFunction.read(value, row=row).to_json()}
    return value


def check(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ParamError unless apply has a function, and along rows axis=1."""
    function = function_of(arguments)
    if name == "apply" and function is None:
        raise ParamError(
            "'apply' takes a function: a def or lambda that can be read; for a method of pandas, name it in 'import'"
        )
    if function is None:
        return
    if not function.row and len(function.args) != 1:
        raise ParamError(f"'{name}' calls the function with one cell; it takes {', '.join(function.args) or 'none'}")
    if function.row and arguments.get("axis") not in (1, "columns"):
        raise ParamError("'apply' on the whole frame takes axis=1, a row at a time; a column at a time it needs other rows")
    allowed = ("func", "axis") if function.row else ("func", "na_action")
    for argument, value in arguments.items():
        if argument not in allowed and value:
            raise ParamError(
                f"'{name}': argument '{argument}' can't be kept; give the function defaults, or use functools.partial"
            )


def function_of(arguments: Mapping[str, Any]) -> PythonFunction | None:
    """The function among a node's arguments."""
    found = arguments.get("func")
    return found if isinstance(found, PythonFunction) else None


# ---- eager ------------------------------------------------------------------------------------------------------------


def on_series(node: Pandas, function: PythonFunction, series: pd.Series) -> pd.Series:
    """The function on every cell of a column, by pandas' own Series.map."""
    result = series.map(function, na_action=node.bound.get("na_action"))
    if result.notna().any():
        return result
    return column(result.tolist(), series.index, str(series.name), lambda: _dtype(node, series.to_frame()))


def on_rows(node: Pandas, function: PythonFunction, frame: pd.DataFrame) -> pd.Series:
    """The function on every row of a frame."""
    from rtml_core.frames import canonical
    from rtml_plugins.pandas_ops.eager import require

    require(function.columns, frame)
    given = canonical(frame[function.columns])
    columns = {name: cells(given[name], math.nan) for name in function.columns}
    answers = run_rows(function, columns, len(frame))
    return column(answers, frame.index, function.name, lambda: _dtype(node, given))


def _dtype(node: Pandas, frame: pd.DataFrame) -> str:
    """The dtype that the compiled form gives, for a frame in which every answer is missing."""
    from rtml_core.frames import canonical, schema_of
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.functions.rows import symbols

    function = function_of(node.bound)
    assert function is not None
    b = Builder()
    columns = symbols(b, schema_of(canonical(frame)))
    return function.lower(b, columns, _missing(node.bound))[0].dtype


def _missing(arguments: Mapping[str, Any]) -> Any:
    return "ignore" if arguments.get("na_action") == "ignore" else "nan"


# ---- compiled ---------------------------------------------------------------------------------------------------------


def mapped(call: Call) -> list[Symbolic]:
    """map or apply on columns: by a function, or by an object of values."""
    from rtml_plugins.pandas_ops.lowered import mapping

    function = function_of(call.arguments)
    if function is None:
        return mapping.mapped(call)
    made = []
    for name, symbolic in zip(call.columns, call.symbols, strict=True):
        try:
            made += function.lower(call.b, [symbolic], _missing(call.node.bound))
        except NotLowerableError as error:
            raise NotLowerableError(f"column '{name}': {error}") from error
    return made


def along_rows(call: Call) -> dict[str, Symbolic]:
    """apply with axis=1: one new column."""
    from rtml_core.lowering.trace import require_column
    from rtml_plugins.pandas_ops.lowered.rows import new_name

    function = function_of(call.arguments)
    assert function is not None
    columns = [require_column(call.frame, name) for name in function.columns]
    if not columns:
        raise NotLowerableError(f"'{function.name}' takes no cell of its row; use assign for a constant")
    return {**call.frame, new_name(call): function.lower(call.b, columns, "nan")[0]}
