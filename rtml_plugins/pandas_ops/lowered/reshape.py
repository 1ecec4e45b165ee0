"""What picks, drops, renames, orders or makes columns: no ONNX node at all, or constants."""

from __future__ import annotations

from typing import Any

from rtml_core.columns import Schema
from rtml_core.errors import NotLowerableError, RtmlError
from rtml_core.frames import string_dtype
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.lower import Call


def picked(call: Call) -> dict[str, Symbolic]:
    """drop, filter, get, reindex, sort_index and the like: pandas names the columns that stay, on a frame without rows."""
    _columns_only(call)
    names = [str(name) for name in _by_pandas(call).columns]
    added = [name for name in names if name not in call.frame]
    if added:
        raise NotLowerableError(f"there is no column '{added[0]}' to keep; it would be missing in every row")
    return {name: call.frame[name] for name in names}


def of_dtypes(call: Call) -> dict[str, Symbolic]:
    """select_dtypes: the columns of some dtypes."""
    unsure = [name for name, column in call.frame.items() if column.dtype == "bool" and column.nullable]
    if unsure:
        raise NotLowerableError(
            f"column '{unsure[0]}' is a boolean that may be missing, and has another dtype in pandas where it is. Fill it first,"
            " or name the columns with filter"
        )
    return {str(name): call.frame[str(name)] for name in _by_pandas(call).columns}


def renamed(call: Call) -> dict[str, Symbolic]:
    """rename, add_prefix, add_suffix, set_axis: the same columns under other names."""
    _columns_only(call)
    names = [str(name) for name in _by_pandas(call).columns]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise NotLowerableError(f"two columns would be called '{twice[0]}'")
    return dict(zip(names, call.frame.values(), strict=True))


def _columns_only(call: Call) -> None:
    """Refuse the forms of these methods that are about rows."""
    by_name = {"drop": ("index",), "rename": ("index", "level"), "reindex": ("index", "fill_value", "method")}
    for argument in by_name.get(call.name, ()):
        if argument in call.node.bound and call.get(argument) is not None:
            raise NotLowerableError(
                f"cannot run in real time: argument '{argument}' is about rows of the frame. Name columns instead"
            )
    axis = call.get("axis")
    rows = axis in (0, "index", "rows") or (call.name == "reindex" and axis is None)
    about_rows = {
        "drop": "labels" in call.node.bound,
        "filter": call.node.bound.get("axis") is not None,
        "sort_index": True,
        "reindex": "labels" in call.node.bound,
        "set_axis": True,
    }
    if call.name == "rename" and "mapper" in call.node.bound and axis not in (1, "columns"):
        rows, about_rows["rename"] = True, True
    if rows and about_rows.get(call.name, False):
        raise NotLowerableError(
            f'cannot run in real time: \'{call.name}\' along the rows. Set "axis" to 1, or name columns in "columns"'
        )


def _by_pandas(call: Call) -> Any:
    """The method on a frame of the same columns without rows."""
    from rtml_plugins.pandas_ops.eager import run

    try:
        return run(call.node, empty_frame(call.frame))
    except RtmlError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise NotLowerableError(f"pandas refuses it: {type(error).__name__}: {error}") from None


def empty_frame(columns: dict[str, Symbolic]) -> Any:
    """A canonical frame without rows."""
    import pandas as pd

    schema = Schema(symbolic.column(name) for name, symbolic in columns.items())
    kinds = {"string": string_dtype(), "timestamp": "datetime64[us]", "timedelta": "timedelta64[us]"}
    return pd.DataFrame({n: pd.Series([], dtype=kinds.get(c.dtype, c.dtype)) for n, c in schema.items()})


def same(call: Call) -> list[Symbolic]:
    """copy and the like, on columns."""
    call.only("deep", "copy")
    return call.symbols


def unchanged(call: Call) -> dict[str, Symbolic]:
    """copy and the like."""
    return dict(call.frame)


def reset_index(call: Call) -> dict[str, Symbolic]:
    """reset_index with drop: rows have no labels in a compiled graph."""
    if call.get("drop") is not True:
        raise NotLowerableError('rows have no labels in real time, so there is no index to make a column of; set "drop" to true')
    return dict(call.frame)
