"""t.loc of a recorded frame: columns by name, and values where a condition holds."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from rtml_plugins.recording.arguments import is_column, is_scalar, native_of, refuse_rows
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Form, Method, Operations
from rtml_plugins.recording.methods import condition_of
from rtml_plugins.recording.numpy_functions import _other, _value

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame


class Located:
    """t.loc"""

    __slots__ = ("_frame",)

    def __init__(self, frame: RecordedFrame):
        self._frame = frame

    def __getitem__(self, key: Any) -> Any:
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if not (isinstance(rows, slice) and rows == slice(None)):
            from rtml_plugins.recording.frame import refuse_rows_picked

            refuse_rows_picked()
        if isinstance(columns, str):
            return self._frame._column(columns)
        from rtml_plugins.recording.framewise import picked

        return picked(self._frame, self._frame._native.loc[:, columns])

    def __setitem__(self, key: Any, value: Any) -> None:
        frame = self._frame
        rows, columns = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        if isinstance(rows, types.FunctionType):
            rows = rows(frame)
        if isinstance(columns, slice):
            columns = list(frame._native.loc[:, columns].columns)
        names = columns if isinstance(columns, list) else [columns]
        if isinstance(rows, slice) and rows == slice(None):
            frame[columns] = value
            return
        if not is_column(rows):
            refuse(
                'rows go by a condition on columns of t here, t.loc[t[...] > 0, "column"] = ...; a request has no labels of rows'
            )
        values = list(value) if isinstance(value, (list, tuple)) and len(value) == len(names) else [value for _ in names]
        for name, item in zip(names, values, strict=True):
            _set(frame, rows, name, item)


def _set(frame: RecordedFrame, condition: RecordedColumn, name: Any, value: Any) -> None:
    if not is_column(value) and not is_scalar(value):
        refuse_rows(value)
    before = frame._native[name].dtype.kind if name in frame._values else ""
    if is_column(value) and before in "iu" and before and value._native.dtype.kind == "f":
        refuse(
            f"pandas does not write floats into '{name}', which holds whole numbers, when the condition is true; write"
            f" t[{name!r}] = t[{name!r}].astype(float) before"
        )
    native = frame._native[[name] if name in frame._values else []].copy()
    native.loc[condition._native, name] = native_of(value)
    if name in frame._tape.labels:
        frame[name] = native[name]
        return
    test = condition_of(condition)
    forms: list[Form] = []
    operation = {"if": test, "then": _value(value)}
    if name in frame._values:
        before = frame._values[name]
        forms.append(Method("mask", before, {"cond": test, "other": _other(value)}))
        from rtml_plugins.recording.values import FieldOf

        operation["else"] = FieldOf(before)
    else:
        operation["else"] = None
    forms.append(Operations(operation))
    (made,) = frame._tape.record(".loc", forms, [native[name]], hint=str(name))
    from rtml_plugins.recording.columns import RecordedColumn

    frame[name] = RecordedColumn(native[name], made, frame._tape)
