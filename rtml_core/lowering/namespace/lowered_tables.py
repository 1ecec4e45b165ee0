"""Tables of constant numbers as ONNX: places among edges, pieces of lines, polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import onnx_ir as ir

from rtml_core.lowering.namespace.eager_numbers import check_interp, check_side, numbers_of, rising
from rtml_core.lowering.namespace.lowered_numbers import nan_of, number, told
from rtml_core.lowering.symbolic import where
from rtml_core.lowering.traced import Traced, Tracer


def _doubles(tracer: Tracer, x: Any, edges: list[float]) -> ir.Value:
    value = tracer.b.cast(number(x).value, "float64")
    tracer.b.threshold(number(x).value, edges)
    return value


def _places(tracer: Tracer, x: Any, edges: list[float], *, after_equal: bool) -> Traced:
    """int64: how many edges lie below x (after_equal: or are equal to it); NaN lies above all."""
    b = tracer.b
    value = _doubles(tracer, x, edges)
    # "not less" instead of "greater or equal", so that NaN lies above
    op = "Less" if after_equal else "LessOrEqual"
    above = b.op("Not", b.op(op, value, b.const([edges], "float64"), dtype="bool", width=len(edges)))
    ones = b.const([[1.0]] * len(edges), "float64")
    return Traced(tracer, b.cast(b.op("MatMul", b.cast(above, "float64"), ones, width=1), "int64"))


def _searchsorted(tracer: Tracer, edges: Any, x: Any, side: str) -> Traced:
    return _places(tracer, x, rising(edges), after_equal=check_side(side) == "right")


def _digitize(tracer: Tracer, x: Any, edges: Any, right: bool) -> Traced:
    return _places(tracer, x, rising(edges, "xp.digitize"), after_equal=not right)


def _interp(tracer: Tracer, x: Any, points: Any, values: Any) -> Traced:
    """The piece that x lies in by a lookup of its place; numpy's own formula for it."""
    at, to = check_interp(points, values)
    b = tracer.b
    value = _doubles(tracer, x, at)
    if len(at) == 1:
        return told(tracer, b.const([[to[0]]], "float64"), (False, True))  # for NaN too, in numpy
    slopes = [(to[i + 1] - to[i]) / (at[i + 1] - at[i]) for i in range(len(at) - 1)]
    place = _places(tracer, Traced(tracer, value), at, after_equal=True).value
    # before the first point and after the last, the slope is 0
    table = [[at[0], to[0], 0.0], *([at[i], to[i], slopes[i]] for i in range(len(slopes))), [at[-1], to[-1], 0.0]]
    columns = [
        b.op("Gather", b.const([row[i] for row in table], "float64"), place, dtype="float64", width=1, axis=0) for i in range(3)
    ]
    inside = b.op("Clip", value, b.const(at[0], "float64"), b.const(at[-1], "float64"))
    made = b.op("Add", b.op("Mul", columns[2], b.op("Sub", inside, columns[0])), columns[1])
    made = where(b, b.op("IsNaN", value, dtype="bool"), value, made)
    return told(tracer, made, (nan_of(x), True))


def _polyval(tracer: Tracer, coefficients: Any, x: Any) -> Traced:
    numbers = numbers_of(coefficients, "xp.polyval")
    b, value = tracer.b, tracer.b.cast(number(x).value, "float64")
    # numpy begins with 0 * x + c, which is NaN for an infinite x
    made = b.op("Add", b.op("Mul", b.const([[0.0]], "float64"), value), b.const([[numbers[0]]], "float64"))
    for coefficient in numbers[1:]:
        made = b.op("Add", b.op("Mul", made, value), b.const([[coefficient]], "float64"))
    return told(tracer, made, (True, False))


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "searchsorted": _searchsorted,
    "digitize": _digitize,
    "interp": _interp,
    "polyval": _polyval,
}
