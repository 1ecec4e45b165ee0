"""Methods on the frame that take `cols` as the columns they are about: drop, filter, rename, get_dummies, sums of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtml_core.errors import ParamError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.pandas_ops.node import Pandas


def frame_arguments(node: Pandas, frame: pd.DataFrame, arguments: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """What the method is called on, and its arguments, with `cols`, `into` and `categories` put in their places."""
    columns: list[str] | None = node.params.columns
    found = dict(arguments)
    name = node.target.name
    if name == "get_dummies":
        return _with_vocabulary(node, frame), dummy_arguments(node, found)
    if columns is None:
        return frame, found
    if name == "drop":
        found["columns"] = columns
    elif name == "filter":
        found["items"] = columns
    elif name == "rename":
        found["columns"] = dict(zip(columns, _new_names(node, columns), strict=True))
    else:  # a statistic of each row, axis=1
        return frame[columns], found
    return frame, found


def _new_names(node: Pandas, columns: list[str]) -> list[str]:
    named: list[str] | None = node.params.target_names
    if named is None:
        raise ParamError("'rename' with 'cols' needs the new names in 'into'")
    return named


def dummy_arguments(node: Pandas, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """get_dummies' arguments, `cols` being the columns to encode."""
    found = dict(arguments)
    if node.params.columns is not None:
        found["columns"] = node.params.columns
    if found.get("columns") is None and node.params.categories is not None:
        found["columns"] = list(node.params.categories)
    return found


def _with_vocabulary(node: Pandas, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with each column of `categories` limited to its vocabulary, so that one row has all the columns."""
    import pandas as pd

    from rtml_plugins.pandas_ops.eager import require

    vocabulary: dict[str, list[Any]] = node.params.categories or {}
    require(list(vocabulary), frame)
    known = {name: frame[name].where(frame[name].isin(values)) for name, values in vocabulary.items()}
    limited = {name: pd.Categorical(known[name], categories=values) for name, values in vocabulary.items()}
    return frame.assign(**limited) if limited else frame
