"""merge and join with a table of constants, and pd.concat of columns side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_plugins.recording.arguments import is_column, is_recorded, plain
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Method

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.recording.frame import RecordedFrame
    from rtml_plugins.recording.values import Value

_CURE = (
    'cannot run in real time in this form. A table with one row for each key can be looked up: t.merge(table, on="key",'
    ' how="left"); other rows have to come with the request, or out of a profile (ProfileReader)'
)


def merged(frame: RecordedFrame, right: Any, how: str, on: Any, options: Mapping[str, Any]) -> RecordedFrame:
    """merge with a table that has each key once: every column of the table is looked up."""
    import pandas as pd

    left_key, right_key = options.get("left_on", on), options.get("right_on", on)
    left_key, right_key = (key[0] if isinstance(key, list) and len(key) == 1 else key for key in (left_key, right_key))
    known = {"left_on", "right_on", "right_index", "validate", "sort", "copy", "suffixes"}
    if isinstance(right, pd.Series) and right.name is not None:
        right = right.to_frame()
    table = right.index if options.get("right_index") else None
    if is_recorded(right) or not isinstance(right, pd.DataFrame) or how != "left" or set(options) - known or options.get("sort"):
        refuse(f"'merge' {_CURE}")
    if not isinstance(left_key, str) or (table is None and not isinstance(right_key, str)):
        refuse(f"'merge' with several keys {_CURE}")
    keys = table if table is not None else right[right_key]
    columns = [name for name in right.columns if table is not None or name != right_key]
    native = frame._native.merge(right, how=how, on=on, **options)
    return _looked_up(frame, native, left_key, keys, {name: right[name] for name in columns}, "merge")


def joined(frame: RecordedFrame, other: Any, on: Any, how: str, options: Mapping[str, Any]) -> RecordedFrame:
    """join with a table whose index holds each key once, or with another frame made of t."""
    import pandas as pd

    if isinstance(other, type(frame)) and on is None and not options:
        return side_by_side([frame, other])
    if isinstance(other, pd.Series) and other.name is not None:
        other = other.to_frame()
    if is_recorded(other) or not isinstance(other, pd.DataFrame) or how != "left" or options or not isinstance(on, str):
        refuse(f"'join' {_CURE}")
    native = frame._native.join(other, on=on)
    return _looked_up(frame, native, on, other.index, {name: other[name] for name in other.columns}, "join")


def _looked_up(
    frame: RecordedFrame, native: pd.DataFrame, key: str, keys: Any, columns: Mapping[Any, pd.Series], what: str
) -> RecordedFrame:
    if not keys.is_unique:
        refuse(f"'{what}': the table has some keys twice, and a request gets one answer; make it one row for each '{key}' first")
    overlap = next((name for name in columns if name in frame._values), None)
    if overlap is not None:
        refuse(f"'{what}': column '{overlap}' is in both tables; rename it in one of them first")
    column = frame._column(key)
    values = dict(frame._values)
    for name, series in columns.items():
        table = {plain(item): plain(value) for item, value in zip(keys.tolist(), series.tolist(), strict=True)}
        (made,) = frame._tape.record("map", [Method("map", column._value, {"func": table})], [native[name]], hint=str(name))
        made.named(str(name))
        values[name] = made
    return type(frame)._of(native, values, frame._tape)


def side_by_side(parts: Sequence[Any]) -> RecordedFrame:
    """pd.concat(..., axis=1) of recorded frames and columns."""
    import pandas as pd

    from rtml_plugins.recording.frame import RecordedFrame

    values: dict[Any, Value] = {}
    for part in parts:
        if not is_recorded(part):
            refuse("concat puts columns of t side by side; this one has one value for each row of the training frame")
        found = {part.name: part._value} if is_column(part) else part._values
        twice = next((name for name in found if name in values), None)
        if twice is not None:
            refuse(f"'concat': column '{twice}' is there twice; drop or rename one of them")
        values |= found
    native = pd.concat([part._native for part in parts], axis=1)
    return RecordedFrame._of(native, values, parts[0]._tape)
