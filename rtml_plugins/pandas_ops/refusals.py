"""Why a method does not compile, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rtml_core.errors import NotLowerableError
from rtml_plugins.pandas_ops.catalogue import NOT_ROW_WISE

#: method -> why its compiled form would differ from pandas, and what to use instead
NO_EXACT_FORM: Final[Mapping[str, str]] = {
    "str.decode": "bytes are no column",
    "str.encode": "bytes are no column",
    "str.findall": "a list is no column; use str.count for how many there are, str.extract for the first one",
    "dt.date": "a date is no column of its own; use dt.normalize, the day's first moment",
    "dt.time": "a time of day is no column of its own; take dt.hour, dt.minute and dt.second",
    "dt.timetz": "a time of day is no column of its own; take dt.hour, dt.minute and dt.second",
    "dt.to_period": "a period is no column; use dt.floor, or take dt.year and dt.month",
    "dt.tz_localize": "timestamps are UTC throughout; convert when the event is stored",
    "dt.tz_convert": "timestamps are UTC throughout; convert when the event is stored",
}


def not_lowerable(name: str, *, along_rows: bool = False) -> NotLowerableError:
    """The error for a method without a lowering. along_rows: it is applied to each row by itself (axis=1)."""
    if along_rows:
        return NotLowerableError('has no compiled form along a row; write it out for eval, e.g. "total = a + b"')
    if name in NOT_ROW_WISE:
        return NotLowerableError(NOT_ROW_WISE[name])
    if name in NO_EXACT_FORM:
        return NotLowerableError(f"has no exact compiled form: {NO_EXACT_FORM[name]}")
    return NotLowerableError(
        "has no compiled form; it runs when authoring only. Use eval, map or another row-wise method, or compute the value before"
        " the request is made"
    )
