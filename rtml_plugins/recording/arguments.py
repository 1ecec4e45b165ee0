"""Arguments of calls on recorded columns: their native form for pandas, and stand-ins for the graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtml_core.errors import describe
from rtml_plugins.recording.errors import refuse


def is_recorded(value: Any) -> bool:
    """Whether a value is a recorded column or frame."""
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame

    return isinstance(value, (RecordedColumn, RecordedFrame))


def is_column(value: Any) -> bool:
    """Whether a value is a recorded column."""
    from rtml_plugins.recording.columns import RecordedColumn

    return isinstance(value, RecordedColumn)


def native_of(value: Any) -> Any:
    """The value as pandas takes it: real columns and frames in the places of recorded ones."""
    if is_recorded(value):
        return value._native
    if type(value) in (list, tuple, set):
        return type(value)(native_of(item) for item in value)
    if type(value) is dict:
        return {key: native_of(item) for key, item in value.items()}
    return value


def recorded_in(values: Iterable[Any]) -> list[Any]:
    """Recorded columns and frames among values, in lists, tuples and objects too."""
    found: list[Any] = []
    for value in values:
        if is_recorded(value):
            found.append(value)
        elif type(value) in (list, tuple):
            found += recorded_in(value)
        elif type(value) is dict:
            found += recorded_in(value.values())
    return found


def is_scalar(value: Any) -> bool:
    """Whether a value is one value, the same in every row."""
    import numpy as np
    import pandas as pd

    return pd.api.types.is_scalar(value) or (isinstance(value, np.ndarray) and value.ndim == 0)


def plain(value: Any) -> Any:
    """A scalar as Python has it: numbers of numpy as numbers, an array without dimensions as its value."""
    import numpy as np

    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (np.bool_, np.integer, np.floating, np.str_)):
        return value.item()
    return value


def refuse_rows(value: Any) -> None:
    """Raise RecordingError for what has one value for each row of the training frame."""
    refuse(
        f"{describe(value)} has one value for each row of this frame, and a request has one row. Make it from columns of t, or"
        " give one value"
    )


def constants(values: Any) -> list[Any]:
    """A collection of constants as a list, in an order that does not change from run to run."""
    import numpy as np
    import pandas as pd

    if isinstance(values, (set, frozenset)):
        return sorted(values, key=lambda item: (str(type(item)), item))
    if isinstance(values, (pd.Series, pd.Index, np.ndarray)) or hasattr(values, "tolist"):
        return [plain(item) for item in values.tolist()]
    return [plain(item) for item in values]
