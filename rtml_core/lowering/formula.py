"""One formula, two readings: run on arrays it is the eager reference, traced it is the lowering.

An operator that implements `columns` and `compute(xp, ...)` gets both, and so does the body of a custom operator of kind
"function". `xp` is an array namespace: the functions of namespace.catalogue, with numpy's names. Columns are numbers,
booleans, texts, timestamps and timedeltas, and may be missing; what can't be traced - a branch on a value, a numpy function,
an item assignment - is refused at the author's line, in both readings.

Two functions take a formula that is any `function(xp, *columns, **arguments)`, and return what it returns, a value, a tuple
or an object of them:

- `namespace.eager.eager_values(function, arrays, arguments, dtypes=...)`: arrays [N] in, arrays out
- `trace_values(b, function, symbolics, arguments)`: symbolic columns in, symbolic columns out, each its own value [N, 1];
  `b.inputs` may as well be those of an ONNX function

`Traced.of(tracer, symbolic)` is a symbolic column inside of a formula, and its `.symbolic` is the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import ColumnError, ExecutionError, NotLowerableError, describe
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.namespace.eager import ArrayEngine, each, from_outside, to_outside
from rtml_core.lowering.namespace.lines import at_author_line
from rtml_core.lowering.namespace.values import Value
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.traced import Traced, Tracer

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator

#: functions of numbers that NumpyArrays shares with formulas; each is a function of the same name in numpy
FUNCTIONS = (
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp",
    "expm1", "log", "log1p", "log2", "log10", "sqrt", "square", "abs", "absolute", "sign", "floor", "ceil", "trunc", "rint",
    "radians", "degrees", "deg2rad", "rad2deg", "isnan", "isfinite", "isinf", "where", "minimum", "maximum", "clip",
    "logical_and", "logical_or", "logical_not", "add", "subtract", "multiply", "divide", "power", "mod", "hypot", "negative",
    "reciprocal",
)  # fmt: skip


def run_eager(operator: Operator, frame: pd.DataFrame) -> pd.DataFrame:
    """The formula on arrays of the named columns; new columns are added, named ones replaced."""
    engine = ArrayEngine(len(frame))
    inputs = [_input(engine, frame, name) for name in operator.columns()]
    results = at_author_line(lambda: operator.compute(engine.namespace, *inputs))
    made = {name: _series(engine, name, value, frame) for name, value in _results(operator, results).items()}
    return frame.assign(**made)


def _input(engine: ArrayEngine, frame: pd.DataFrame, name: str) -> Value:
    from rtml_core.columns import missing_column

    if name not in frame.columns:
        raise ColumnError(missing_column(name, map(str, frame.columns)))
    return from_outside(engine, frame[name].to_numpy() if frame[name].dtype.kind in "fi" else frame[name])


def _series(engine: ArrayEngine, name: str, value: Any, frame: pd.DataFrame) -> Any:
    import pandas as pd

    from rtml_core.frames import string_dtype

    array = to_outside(value, len(frame), engine)
    column = engine.lift(value)
    if column.dtype == "string":
        texts = np.array([np.nan if item is None else item for item in array], dtype=object)
        return pd.Series(texts, index=frame.index, dtype=string_dtype())
    if column.dtype == "bool" and array.dtype == object:
        return pd.Series(pd.array([pd.NA if item is None else item for item in array], dtype="boolean"), index=frame.index)
    return pd.Series(array, index=frame.index)


def _results(operator: Operator, results: Any) -> Mapping[str, Any]:
    if not isinstance(results, Mapping) or not results or not all(isinstance(name, str) and name for name in results):
        raise ExecutionError(
            f"compute of {operator.name} must return an object of column names and values, {{'name': value}}; got"
            f" {describe(results)}"
        )
    for name, value in results.items():
        if value is None or isinstance(value, (list, tuple, dict, set)) or (isinstance(value, np.ndarray) and value.ndim):
            raise ExecutionError(
                f"compute of {operator.name} gave {describe(value)} for the column '{name}'; expected a column of the formula or"
                f" a constant"
            )
    return results


def lower_formula(operator: Operator, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
    """The formula traced into ONNX; refusals carry the author's line."""
    from rtml_core.lowering.trace import require_column

    inputs = [require_column(columns, name) for name in operator.columns()]
    return {**columns, **trace_values(b, lambda xp, *given: _results(operator, operator.compute(xp, *given)), inputs)}


def trace_values(b: Builder, function: Any, symbolics: Sequence[Symbolic], arguments: Mapping[str, Any] | None = None) -> Any:
    """`function(xp, *columns, **arguments)` traced into `b`: what it returns, with a symbolic column for every value.

    A value, a tuple or list of them, or an object by name keep their form (a list becomes a tuple). Constants become columns,
    as long as the first of `symbolics`. Raises NotLowerableError and ExecutionError with the author's line. xp.astype to int64
    may leave row checks in `b.checks`.
    """
    tracer = Tracer(b, symbolics[0].tensor if symbolics else None)
    inputs = [Traced.of(tracer, column) for column in symbolics]
    with np.errstate(all="ignore"):  # a constant may overflow in float32
        results = at_author_line(lambda: function(tracer.namespace, *inputs, **(arguments or {})))
    return each(results, lambda value: _symbolic(tracer, value))


def _symbolic(tracer: Tracer, value: Any) -> Symbolic:
    from rtml_core.lowering.namespace.scalars import plain

    if isinstance(value, Value) and not tracer.owns(value):
        raise NotLowerableError("a formula gave a column of another formula; a column is good for the run that it was made in")
    return tracer.lift(value if isinstance(value, Traced) else plain(value)).symbolic
