"""A custom operator eagerly: its reference on columns as a transform() has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.custom_ops.declaration import CustomOp
from rtml_core.custom_ops.hosting import run_body
from rtml_core.errors import ColumnError, CustomOpError, NotLowerableError, PluginError, describe, said

Array = np.ndarray[Any, Any]

_NUMBERS: Final = {"float64": np.dtype(np.float64), "float32": np.dtype(np.float32)}
_TIMES: Final = {"timestamp": "M", "timedelta": "m"}


def apply(op: CustomOp, /, *arrays: Any, **arguments: Any) -> tuple[Array, ...]:
    """The reference of an operator of any kind on columns [N]: arrays or pandas Series, one for each input.

    Returns one array [N] for each output: float64, float32, int64, bool, datetime64[us], timedelta64[us], or objects that are str
    or None. A row in which an input is missing answers missing, unless the operator sees missing values; whole numbers are
    float64 with NaN then, and booleans objects with None. Raises ColumnError for columns that it does not take, PluginError for
    arguments that it does not take, CustomOpError for a body that fails.
    """
    if not isinstance(op, CustomOp):
        raise PluginError(f"apply() takes a CustomOp and its columns; got {describe(op)}")
    op.encode(arguments)
    if len(arrays) != len(op.inputs):
        raise ColumnError(f"the custom operator {op} takes {len(op.inputs)} columns, {op.signature}; got {len(arrays)}")
    tensors = tuple(_carried(op, dtype, array) for dtype, array in zip(op.inputs, arrays, strict=True))
    if len({len(tensor) for tensor in tensors}) != 1:
        raise ColumnError(f"the custom operator {op} got columns of {', '.join(str(len(tensor)) for tensor in tensors)} rows")
    found = call(op, tensors, arguments)
    gone = np.zeros(len(tensors[0]), dtype=bool)
    if not op.sees_missing:
        for dtype, tensor in zip(op.inputs, tensors, strict=True):
            gone |= missing(dtype, tensor)
    return tuple(_shown(dtype, values, gone) for dtype, values in zip(op.outputs, found, strict=True))


def call(op: CustomOp, tensors: tuple[Array, ...], arguments: dict[str, Any]) -> tuple[Array, ...]:
    """The reference on tensors of one shape in the form that tensors travel in (see hosting.run_body).

    Raises CustomOpError for a body that fails, whatever it raises, and for an answer that is not what the operator declares;
    NotLowerableError for a formula that does what formulas can't.
    """
    try:
        return run_body(op, tensors, arguments, _formula(op) if op.kind == "function" else None)
    except (CustomOpError, PluginError):
        raise
    except NotLowerableError as error:
        raise NotLowerableError(f"the custom operator {op} ({op.body_name}): {error}") from error
    except Exception as error:  # a stranger's body may raise anything
        raise CustomOpError(f"the custom operator {op} ({op.body_name}) failed: {said(error)}") from error


def _formula(op: CustomOp) -> Callable[..., Any]:
    """The body of a function on arrays: the formula's eager reading, which answers as a Python body does."""
    from rtml_core.lowering.namespace.eager import eager_values

    function = op.function

    def body(*columns: Array, **arguments: Any) -> Any:
        return eager_values(function, columns, arguments, dtypes=op.inputs)

    return body


def missing(dtype: str, tensor: Array) -> Array:
    """bool [N]: where a column in the form that it travels in is missing."""
    if dtype == "string":
        return np.asarray(tensor == MISSING_STRING, dtype=bool)
    if dtype in _TIMES:
        return np.asarray(tensor == MISSING_TIME)
    if dtype in _NUMBERS:
        return np.asarray(np.isnan(tensor))
    return np.zeros(tensor.shape, dtype=bool)


def _carried(op: CustomOp, dtype: str, given: Any) -> Array:
    """A column [N] in the form that it travels in."""
    array = np.asarray(given, dtype=object) if dtype == "string" else np.asarray(given)
    if array.ndim != 1:
        raise ColumnError(f"the custom operator {op} takes columns [N]; got an array of shape {array.shape}")
    if dtype == "string":
        return _texts(op, array)
    if dtype in _TIMES and array.dtype.kind == _TIMES[dtype]:
        return array.astype(f"{_TIMES[dtype]}8[us]").view(np.int64)
    if dtype in _NUMBERS and array.dtype == _NUMBERS[dtype]:
        return array.copy()
    if dtype == "int64" and array.dtype.kind == "i":
        return array.astype(np.int64)
    if dtype == "bool" and (array.dtype == bool or all(isinstance(item, (bool, np.bool_)) for item in array.tolist())):
        return array.astype(bool)
    if dtype == "bool" and array.dtype == object:
        raise ColumnError(f"the custom operator {op} takes booleans, and a missing value is neither; fill it first")
    raise ColumnError(f"the custom operator {op} takes {op.signature}; got a column of {array.dtype} for its {dtype}")


def _texts(op: CustomOp, array: Array) -> Array:
    texts = np.empty(array.shape, dtype=object)
    for position, item in enumerate(array.tolist()):
        if isinstance(item, str):
            texts[position] = str(item)
        elif item is None or type(item).__name__ in ("NAType", "NaTType") or item != item:
            texts[position] = MISSING_STRING
        else:
            raise ColumnError(f"the custom operator {op} takes {op.signature}; got {describe(item)} among texts")
    return texts


def _shown(dtype: str, values: Array, gone: Array) -> Array:
    """A column that travelled, as apply() gives it. gone: rows with a missing input, which have no answer."""
    if dtype == "string":
        shown = values.astype(object)
        shown[values == MISSING_STRING] = None
        return shown
    if dtype in _TIMES:
        return values.view(f"{_TIMES[dtype]}8[us]")
    if dtype == "int64" and gone.any():
        return np.where(gone, np.nan, values.astype(np.float64))
    if dtype == "bool" and gone.any():
        shown = values.astype(object)
        shown[gone] = None
        return shown
    return values
