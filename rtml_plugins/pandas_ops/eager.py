"""The eager form: pandas itself, on the frame. The reference for everything that compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ExecutionError
from rtml_plugins.pandas_ops import functions
from rtml_plugins.pandas_ops.arguments import for_pandas
from rtml_plugins.pandas_ops.moments import iso_timestamps, reads_iso
from rtml_plugins.pandas_ops.rowsums import added_in_order, adds_in_order
from rtml_plugins.pandas_ops.textnumbers import numbers, reads_texts

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.pandas_ops.names import Target
    from rtml_plugins.pandas_ops.node import Pandas


def run(node: Pandas, frame: pd.DataFrame) -> pd.DataFrame:
    """The node on a frame; a new frame comes back."""
    import numpy as np

    with np.errstate(all="ignore"):
        if node.target.on_frame or node.params.columns is None:
            return _on_frame(node, frame)
        return _on_columns(node, frame)


def targets(node: Pandas, columns: list[str], present: list[str]) -> list[str]:
    """Names of the result columns. Raises ColumnError when an automatic name is taken."""
    if node.params.inplace is True:
        return columns
    named: list[str] | None = node.params.target_names
    if named is not None:
        return named
    made = [f"{column}_{node.target.method}" for column in columns]
    taken = [name for name in made if name in present]
    if taken:
        raise ColumnError(f"Column '{taken[0]}' is there already; name the new one with 'into', or set 'inplace' to true")
    return made


def require(names: list[str], frame: pd.DataFrame) -> None:
    """Raise ColumnError unless the frame has all the columns."""
    for name in names:
        if name not in frame.columns:
            raise ColumnError(missing_column(name, map(str, frame.columns)))


# ---- column by column ---------------------------------------------------------------------------------------------------


def _on_columns(node: Pandas, frame: pd.DataFrame) -> pd.DataFrame:
    columns: list[str] = node.params.columns
    require(columns, frame)
    names = targets(node, columns, list(frame.columns))
    results = {}
    for position, column in enumerate(columns):
        result = on_series(node, frame, frame[column])
        results.update(_named(node, result, column, names if len(columns) == 1 else [names[position]], frame))
    made = frame.copy(deep=False)
    for name, result in results.items():
        made[name] = result
    return made


def on_series(node: Pandas, frame: pd.DataFrame, series: pd.Series) -> Any:
    """The node's method on one column; `frame` is where other columns are looked up."""
    function = functions.function_of(node.bound)
    if function is not None:
        return functions.on_series(node, function, series)
    arguments = for_pandas(node.target.name, node.bound, frame, series)
    if node.target.name == "to_datetime" and reads_iso(series, arguments):
        return iso_timestamps(series, arguments.get("errors", "raise"))
    if node.target.name == "to_numeric" and reads_texts(series) and set(arguments) <= {"errors"}:
        return numbers(series, arguments.get("errors", "raise"))
    result = _call(node.target, series, arguments)
    if node.target.name == "map":
        result = _typed_by_values(result, node.bound["func"])
    return result


def _call(target: Target, subject: Any, arguments: dict[str, Any]) -> Any:
    import pandas as pd

    if target.kind == "function":
        return getattr(pd, target.method)(subject, **arguments)
    owner = getattr(subject, target.accessor) if target.accessor else subject
    member = getattr(owner, target.member)
    return member if target.attribute else member(**arguments)


def _typed_by_values(result: Any, mapping: Any) -> Any:
    """The result of map, with the dtype of the mapping's values even where no row has one of them."""
    kinds = {type(value) for value in mapping.values() if value is not None and value == value}
    if not kinds or not result.isna().all():
        return result
    if kinds <= {int, float}:
        return result.astype("float64")
    return result.astype("str" if kinds == {str} else "boolean") if len(kinds) == 1 and kinds <= {str, bool} else result


def _named(node: Pandas, result: Any, column: str, names: list[str], frame: pd.DataFrame) -> dict[str, Any]:
    """The columns that one call gave, under their names."""
    import numpy as np
    import pandas as pd

    if isinstance(result, pd.DataFrame):
        return _several(node, result, column, names)
    if len(names) > 1:
        raise ExecutionError(f"'{node.target.name}' gives one column; 'into' names {len(names)}")
    if isinstance(result, (pd.Series, pd.Index, np.ndarray)) or pd.api.types.is_list_like(result):
        if isinstance(result, (tuple, list, dict, set)):
            raise ExecutionError(f"'{node.target.name}' gives a {type(result).__name__}, which is not a column")
        if not isinstance(result, pd.Series) and len(result) != len(frame):
            raise ExecutionError(f"'{node.target.name}' gives {len(result)} values for {len(frame)} rows, which is not a column")
        return {names[0]: plain(result)}
    if pd.api.types.is_scalar(result):
        return {names[0]: result}
    raise ExecutionError(f"'{node.target.name}' gives a {type(result).__name__}, which is not a column")


def _several(node: Pandas, result: pd.DataFrame, column: str, names: list[str]) -> dict[str, Any]:
    if node.target.name in ("str.partition", "str.rpartition"):
        result = _reindexed(result, 3)
    if node.target.name in ("str.split", "str.rsplit") and node.params.target_names is not None and result.shape[1] < len(names):
        result = _reindexed(result, len(names))  # as many parts as are named, whatever the rows hold
    count = result.shape[1]
    if len(names) != count:
        if node.params.target_names is not None and count > 1:
            raise ExecutionError(f"'{node.target.name}' gives {count} columns; 'into' names {len(names)}")
        base = names[0]
        names = names if count == 1 else [f"{base}_{position}" for position in range(count)]
    return {name: plain(result.iloc[:, position]) for position, name in enumerate(names)}


def _reindexed(result: pd.DataFrame, count: int) -> pd.DataFrame:
    """The parts of texts as `count` columns of texts, missing where no row has so many."""
    from rtml_core.frames import string_dtype

    return result.reindex(columns=range(count)).astype(string_dtype()) if result.shape[1] < count else result


def plain(result: Any) -> Any:
    """A column of intervals as text, "(0, 18]"; any other as it is."""
    import pandas as pd

    if not isinstance(result, pd.Series) or not isinstance(result.dtype, pd.CategoricalDtype):
        return result
    if not isinstance(result.cat.categories, pd.IntervalIndex):
        return result
    return result.cat.rename_categories([str(interval) for interval in result.cat.categories])


# ---- the whole frame ------------------------------------------------------------------------------------------------------


def _on_frame(node: Pandas, frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from rtml_plugins.pandas_ops.framewise import frame_arguments

    function = functions.function_of(node.bound)
    if function is not None:
        return _with_column(node, frame, functions.on_rows(node, function, frame))
    copy = frame.copy()
    columns = node.params.columns
    if columns is not None:
        require(columns, frame)
    subject, arguments = frame_arguments(node, copy, for_pandas(node.target.name, node.bound, frame, None))
    if adds_in_order(node.target.name, subject, arguments):
        return _with_column(node, frame, added_in_order(node.target.name, subject, skipna=arguments.get("skipna", True)))
    result = _call(node.target, subject, arguments)
    if result is None:  # insert, update: the copy was changed
        return copy
    if isinstance(result, pd.DataFrame):
        return result.apply(plain) if "category" in set(map(str, result.dtypes)) else result
    if isinstance(result, pd.Series) and len(result) == len(frame) and result.index.equals(frame.index):
        return _with_column(node, frame, result)
    if isinstance(result, pd.Series):
        return result.to_frame().T.infer_objects()  # one value a column: a frame of one row
    raise ExecutionError(f"'{node.target.name}' gives a {type(result).__name__}, which is not a frame")


def _with_column(node: Pandas, frame: pd.DataFrame, result: Any) -> pd.DataFrame:
    named = node.params.target_names
    if named is not None and len(named) != 1:
        raise ExecutionError(f"'{node.target.name}' gives one column; 'into' names {len(named)}")
    name = named[0] if named else node.target.method
    if not named and name in frame.columns:
        raise ColumnError(f"Column '{name}' is there already; name the new one with 'into'")
    made = frame.copy(deep=False)
    made[name] = plain(result)
    return made
