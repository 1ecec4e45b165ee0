"""Functions of single elements: numpy's own when authoring, the tracer of formulas when compiled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import ParamError
from rtml_core.lowering.formula import FUNCTIONS
from rtml_plugins.numpy_ops.arrays import Array, Lowered

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_BINARY: Final = (
    "add", "subtract", "multiply", "divide", "power", "mod", "minimum", "maximum", "arctan2", "atan2", "hypot", "logical_and",
    "logical_or",
)  # fmt: skip
COMPARISONS: Final = {
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq", "not_equal": "ne",
}  # fmt: skip
UNARY: Final = tuple(name for name in FUNCTIONS if name not in (*_BINARY, "where", "clip"))
BINARY: Final = (*_BINARY, *COMPARISONS)
#: functions whose results are equal bit by bit; the others agree to a few units in the last place
EXACT: Final = (
    "sqrt", "square", "abs", "absolute", "sign", "floor", "ceil", "trunc", "rint", "isnan", "isfinite", "isinf", "where",
    "minimum", "maximum", "clip", "logical_and", "logical_or", "logical_not", "add", "subtract", "multiply", "divide", "mod",
    "negative", "reciprocal", "round", "nan_to_num", *COMPARISONS,
)  # fmt: skip
#: these keep NaN out where it was not
_TOTAL: Final = (
    "abs", "absolute", "sign", "floor", "ceil", "trunc", "rint", "minimum", "maximum", "clip", "negative", "square", "exp",
    "tanh", "arctan", "atan", "radians", "degrees", "deg2rad", "rad2deg", "expm1", "round", "cosh", "sinh",
)  # fmt: skip
_FINITE: Final = ("sign", "floor", "ceil", "trunc", "rint", "abs", "absolute", "minimum", "maximum", "negative", "tanh", "arctan")


def eager(name: str, values: Array, operands: Sequence[Array]) -> Array:
    """numpy's function on [N, k] and operands [1, 1], [1, k], [N, 1] or [N, k]."""
    return np.asarray(getattr(np, name)(values, *operands))


def lowered(name: str, b: Builder, values: Lowered, operands: Sequence[Lowered]) -> Lowered:
    """The same as ONNX."""
    from rtml_core.lowering.traced import Traced, Tracer

    tracer = Tracer(b)
    inputs = [Traced(tracer, item.tensor) for item in (values, *operands)]
    result = getattr(tracer, COMPARISONS.get(name, name))(*inputs)
    known = (values, *operands)
    nan = any(item.nan for item in known) or name not in _TOTAL
    finite = name in _FINITE and all(item.finite for item in known)
    return Lowered(result.value, result.dtype, result.dtype == "float64" and nan, result.dtype != "float64" or finite)


# ---- clip, round, nan_to_num ------------------------------------------------------------------------------------------------


def eager_clip(values: Array, low: Any, high: Any) -> Array:
    """np.clip with bounds [1, 1], [1, k] or None."""
    return np.asarray(np.clip(values, low, high))


def lowered_clip(b: Builder, values: Lowered, low: Any, high: Any) -> Lowered:
    """minimum(maximum(x, low), high), as numpy computes it."""
    tensor = values.tensor
    for op, bound in (("Max", low), ("Min", high)):
        if bound is not None:
            tensor = b.op(op, tensor, b.const(bound, "float64"), dtype="float64")
    bounded = all(bound is not None and np.isfinite(bound).all() for bound in (low, high))
    return Lowered(tensor, "float64", values.nan, values.finite or bounded)


def lowered_round(b: Builder, values: Lowered, decimals: int) -> Lowered:
    """np.round: half to even at `decimals`."""
    from rtml_core.lowering.blocks import Block
    from rtml_core.lowering.numeric import rounded

    made = rounded(b, Block("float64", values.tensor, values.nan, values.finite), decimals)
    assert made.tensor is not None
    return Lowered(made.tensor, "float64", values.nan or decimals != 0, made.finite)


def whole(value: Any, what: str) -> int:
    """A whole number among the arguments; raises ParamError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParamError(f"{what} must be a whole number; got {value!r}")
    return value


def nan_to_num_values(nan: Any, posinf: Any, neginf: Any) -> tuple[float, float, float]:
    """What stands for NaN, inf and -inf: numpy's defaults are 0 and the largest finite numbers."""
    largest = float(np.finfo(np.float64).max)
    ends = ((nan, 0.0), (posinf, largest), (neginf, -largest))
    first, second, third = (float(default if given is None else given) for given, default in ends)
    return first, second, third


def lowered_nan_to_num(b: Builder, values: Lowered, nan: float, posinf: float, neginf: float) -> Lowered:
    """np.nan_to_num, one Where for each of the three that can occur."""
    from rtml_core.lowering.symbolic import where

    def replaced(tensor: ir.Value, hit: ir.Value, by: float) -> ir.Value:
        return where(b, hit, b.const([[by]], "float64"), tensor)

    source = tensor = values.tensor
    if values.nan:
        tensor = replaced(tensor, b.op("IsNaN", source, dtype="bool"), nan)
    if not values.finite:
        for end, by in ((math.inf, posinf), (-math.inf, neginf)):
            tensor = replaced(tensor, b.op("Equal", source, b.const([[end]], "float64"), dtype="bool"), by)
    plain = all(map(math.isfinite, (nan, posinf, neginf)))
    return Lowered(tensor, "float64", any(map(math.isnan, (nan, posinf, neginf))), plain)


def lowered_where(b: Builder, values: Lowered, yes: Lowered, no: Lowered) -> Lowered:
    """np.where with the array as the condition: everything but 0 is true, NaN too."""
    from rtml_core.lowering.symbolic import where

    truth = values.tensor
    if values.dtype != "bool":
        truth = b.op("Not", b.op("Equal", truth, b.const([[0]], values.dtype), dtype="bool"))
    made = where(b, truth, yes.tensor, no.tensor)
    return Lowered(made, "float64", yes.nan or no.nan, yes.finite and no.finite)
