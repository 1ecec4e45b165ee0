"""One formula, two readings: run on numpy it is the eager reference, traced it is the lowering.

An operator that implements `columns` and `compute(xp, ...)` gets both. `xp` is an array namespace: numpy's names for what
ONNX can say in float64. Values are floats (NaN is missing), whole numbers, booleans; what can't be traced - a branch on a
value, a conversion to a Python number - is refused at the author's line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import ColumnError, ExecutionError, NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, as_float, new, value_of
from rtml_core.lowering.traced import Traced, Tracer

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator

#: functions of the namespace; each is a function of the same name in numpy
FUNCTIONS = (
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "arctan2",
    "asin",
    "acos",
    "atan",
    "atan2",
    "sinh",
    "cosh",
    "tanh",
    "exp",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "sqrt",
    "square",
    "abs",
    "absolute",
    "sign",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "radians",
    "degrees",
    "deg2rad",
    "rad2deg",
    "isnan",
    "isfinite",
    "isinf",
    "where",
    "minimum",
    "maximum",
    "clip",
    "logical_and",
    "logical_or",
    "logical_not",
    "add",
    "subtract",
    "multiply",
    "divide",
    "power",
    "mod",
    "hypot",
    "negative",
    "reciprocal",
)
#: constants of the namespace
CONSTANTS = ("pi", "e", "nan", "inf")


class EagerNamespace:
    """numpy, restricted to what can be traced as well."""

    def __getattr__(self, name: str) -> Any:
        if name in CONSTANTS:
            return getattr(np, name)
        if name in FUNCTIONS:
            return getattr(np, name)
        raise NotLowerableError(unknown_function(name))


def unknown_function(name: str) -> str:
    """The one sentence about a function that the namespace does not have."""
    from rtml_core.errors import close_match

    return f"xp.{name} is not in the array namespace of formulas.{close_match(name, FUNCTIONS)} It has: {', '.join(FUNCTIONS)}"


def run_eager(operator: Operator, frame: pd.DataFrame) -> pd.DataFrame:
    """The formula on numpy arrays of the named columns; new columns are added, named ones replaced."""
    names = list(operator.columns())
    arrays = [_array(frame, name) for name in names]
    with np.errstate(all="ignore"):
        results = operator.compute(EagerNamespace(), *arrays)
    added = {}
    for name, value in _results(operator, results).items():
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ExecutionError(f"compute gave a {array.dtype} for '{name}'; a formula gives numbers or booleans")
        added[name] = np.broadcast_to(array, (len(frame),))
    return frame.assign(**added)


def _array(frame: pd.DataFrame, name: str) -> Any:
    from rtml_core.columns import missing_column
    from rtml_core.frames import dtype_word

    if name not in frame.columns:
        raise ColumnError(missing_column(name, map(str, frame.columns)))
    word = dtype_word(frame[name])
    if word not in ("float64", "float32", "int64", "bool"):
        raise ColumnError(f"Column '{name}' is a {word} column; a formula takes numbers and booleans")
    if word == "bool":
        return (
            frame[name].to_numpy(dtype="float64", na_value=np.nan)
            if frame[name].isna().any()
            else frame[name].to_numpy(dtype=bool)
        )
    return frame[name].to_numpy()


def _results(operator: Operator, results: Any) -> dict[str, Any]:
    if not isinstance(results, dict) or not results or not all(isinstance(name, str) for name in results):
        raise ExecutionError(
            f"compute of {operator.name} must return an object of column names and values; got {type(results).__name__}"
        )
    return results


def lower_formula(operator: Operator, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
    """The formula traced into ONNX; refusals carry the author's line."""
    from rtml_core.lowering.trace import require_column

    tracer = Tracer(b)
    inputs = []
    for name in operator.columns():
        column = require_column(columns, name)
        if column.dtype not in ("float64", "float32", "int64", "bool"):
            raise NotLowerableError(f"column '{name}' is a {column.dtype} column; a formula takes numbers and booleans")
        value = as_float(b, column) if column.dtype == "bool" and column.nullable else value_of(b, column)
        inputs.append(Traced(tracer, value))
    results = _at_author_line(operator, lambda: operator.compute(tracer, *inputs))
    return {**columns, **{name: _column(tracer, value) for name, value in _results(operator, results).items()}}


def _column(tracer: Tracer, value: Any) -> Symbolic:
    traced = tracer.lift(value)
    dtype = traced.dtype
    return new(dtype, tracer.full(traced), nullable=dtype in ("float64", "float32"), finite=dtype not in ("float64", "float32"))


def _at_author_line(operator: Operator, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except NotLowerableError as error:
        raise NotLowerableError(f"{error}{_line(operator, error)}") from error
    except TypeError as error:
        raise NotLowerableError(f"compute can't be traced: {error}{_line(operator, error)}") from error


def _line(operator: Operator, error: BaseException) -> str:
    code = type(operator).compute.__code__
    for entry in reversed(traceback.extract_tb(error.__traceback__)):
        if entry.filename == code.co_filename:
            return f" ({entry.filename}, line {entry.lineno}: {entry.line})"
    return ""
