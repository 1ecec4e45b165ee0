"""Functions with constant tables: matrix products, polynomials, bins, interpolation, picks of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import ParamError, describe
from rtml_plugins.numpy_ops.arrays import Array, Lowered

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def numbers(given: Any, what: str, *, dims: int = 1, finite: bool = True) -> Array:
    """A list of numbers (dims=1), or of lists of them (2), as float64; raises ParamError."""
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(())
    if array.ndim != dims or not array.size or (finite and not np.isfinite(array).all()):
        kind = "a list of numbers" if dims == 1 else "a list of equally long lists of numbers, one for each column"
        raise ParamError(f"{what} must be {kind}; got {describe(given)}")
    return array


# ---- dot ------------------------------------------------------------------------------------------------------------------


def matrix(given: Any) -> Array:
    """The second factor of dot: [k] or [k, m]."""
    flat = not (isinstance(given, (list, tuple)) and given and isinstance(given[0], (list, tuple)))
    return numbers(given, "the matrix of 'dot'", dims=1 if flat else 2)


def check_height(table: Array, width: int) -> None:
    """Raise ParamError unless the matrix has one row for each column."""
    if len(table) != width:
        raise ParamError(f"the matrix of 'dot' has {len(table)} rows for {width} columns; it needs one for each")


def eager_dot(values: Array, table: Array) -> Array:
    """[N, k] @ [k, m], a vector as [k, 1]."""
    check_height(table, values.shape[1])
    return np.asarray(values @ (table if table.ndim == 2 else table[:, None]))


def lowered_dot(b: Builder, values: Lowered, table: Array) -> Lowered:
    """One matrix product."""
    check_height(table, values.width)
    table = table if table.ndim == 2 else table[:, None]
    made = b.op("MatMul", values.tensor, b.const(table, "float64"), dtype="float64", width=table.shape[1])
    return Lowered(made, "float64", True, False)


# ---- polyval --------------------------------------------------------------------------------------------------------------


def lowered_polyval(b: Builder, values: Lowered, coefficients: Array) -> Lowered:
    """np.polyval: Horner's rule, highest power first, started from 0 * x as numpy does."""
    x = values.tensor
    total: ir.Value
    first = b.const([[coefficients[0]]], "float64")
    if values.nan or not values.finite or len(coefficients) == 1:
        total = b.op(
            "Add", b.op("Mul", x, b.const([[0.0]], "float64"), dtype="float64"), first, dtype="float64", width=values.width
        )
        rest = coefficients[1:]
    else:
        total = b.op("Add", b.op("Mul", x, first, dtype="float64"), b.const([[coefficients[1]]], "float64"), dtype="float64")
        rest = coefficients[2:]
    for number in rest:
        total = b.op("Add", b.op("Mul", total, x, dtype="float64"), b.const([[number]], "float64"), dtype="float64")
    return Lowered(total, "float64", True, False)


# ---- bins -----------------------------------------------------------------------------------------------------------------


def edges(given: Any, what: str, *, decreasing: bool = False) -> Array:
    """Sorted edges; raises ParamError."""
    found = numbers(given, what)
    if not (np.diff(found) >= 0).all() and not (decreasing and (np.diff(found) <= 0).all()):
        raise ParamError(f"{what} must be sorted; got {describe(given)}")
    return found


def lowered_searchsorted(b: Builder, values: Lowered, bounds: Array, side: str) -> Lowered:
    """How many of the sorted bounds lie before a value: those below it ("left"), or not above it ("right"); NaN comes last."""
    width, count = values.width, len(bounds)
    x = values.tensor
    if width > 1:
        x = b.op("Unsqueeze", x, b.const([2], "int64"), shape=["N", width, 1])
    shape: list[int | str | None] = ["N", width, count] if width > 1 else ["N", count]
    table = b.const(bounds[None, None, :] if width > 1 else bounds[None, :], "float64")
    # NaN is neither less nor greater: asked this way round, every bound lies before it
    beyond = b.op("LessOrEqual" if side == "left" else "Less", x, table, dtype="bool", shape=shape)
    counted = b.cast(b.op("Not", beyond, shape=shape), "int64")
    axis = b.const([2 if width > 1 else 1], "int64")
    found = b.op("ReduceSum", counted, axis, dtype="int64", shape=["N", width], keepdims=0 if width > 1 else 1)
    for position in range(width):
        b.threshold(b.take(values.tensor, [position]), bounds.tolist())
    return Lowered(found, "int64")


def digitize_side(right: bool) -> str:
    """np.digitize in terms of searchsorted, for increasing bins."""
    return "left" if right else "right"


def lowered_digitize(b: Builder, values: Lowered, bins: Array, right: bool) -> Lowered:
    """np.digitize; decreasing bins are counted from the other end."""
    if len(bins) > 1 and bins[0] > bins[-1]:
        other = lowered_searchsorted(b, values, bins[::-1], digitize_side(right))
        made = b.op("Sub", b.const([[len(bins)]], "int64"), other.tensor, dtype="int64", width=values.width)
        return Lowered(made, "int64")
    return lowered_searchsorted(b, values, bins, digitize_side(right))


# ---- interp ---------------------------------------------------------------------------------------------------------------


def points(xp: Any, fp: Any) -> tuple[Array, Array]:
    """The points of interp; raises ParamError unless xp increases and both are of one length."""
    x, y = numbers(xp, "'xp' of 'interp'"), numbers(fp, "'fp' of 'interp'")
    if len(x) != len(y) or not (np.diff(x) > 0).all():
        raise ParamError(f"'xp' of 'interp' must increase and be as long as 'fp'; got {describe(xp)} and {describe(fp)}")
    return x, y


def lowered_interp(b: Builder, values: Lowered, xp: Array, fp: Array, left: float, right: float) -> Lowered:
    """np.interp: slope * (x - xp[j]) + fp[j] between the points, `left` and `right` outside, NaN for NaN."""
    from rtml_core.lowering.symbolic import where

    x, width = values.tensor, values.width
    if len(xp) == 1:
        inside = b.const([[fp[0]]], "float64")  # for NaN too, as numpy has it
    else:
        slopes = np.append(np.diff(fp) / np.diff(xp), 0.0)  # at the last point the value itself
        at = b.op("Sub", lowered_searchsorted(b, values, xp, "right").tensor, b.const([[1]], "int64"), dtype="int64", width=width)
        index = b.op("Where", b.op("Less", at, b.const([[0]], "int64"), dtype="bool"), b.const([[0]], "int64"), at, dtype="int64")
        slope, start, value = (
            b.op("Gather", b.const(table, "float64"), index, dtype="float64", shape=["N", width], axis=0)
            for table in (slopes, xp, fp)
        )
        away = b.op("Mul", slope, b.op("Sub", x, start, dtype="float64"), dtype="float64")
        inside = b.op("Add", away, value, dtype="float64")
    low = b.op("Less", x, b.const([[xp[0]]], "float64"), dtype="bool")
    high = b.op("Greater", x, b.const([[xp[-1]]], "float64"), dtype="bool")
    made = where(b, low, b.const([[left]], "float64"), where(b, high, b.const([[right]], "float64"), inside))
    return Lowered(made, "float64", values.nan or bool(np.isnan([left, right]).any()), bool(np.isfinite([left, right]).all()))


# ---- picks ----------------------------------------------------------------------------------------------------------------


def check_positions(given: Any) -> list[int]:
    """Positions for take; raises ParamError."""
    found = [given] if isinstance(given, int) else given
    if (
        not isinstance(found, (list, tuple))
        or not found
        or not all(isinstance(n, int) and not isinstance(n, bool) for n in found)
    ):
        raise ParamError(f"the positions of 'take' must be whole numbers; got {describe(given)}")
    return list(found)


def positions(given: Sequence[int], width: int) -> list[int]:
    """Positions counted from the front; raises ParamError for one that is not there."""
    out = [n for n in given if not -width <= n < width]
    if out:
        raise ParamError(f"'take' asks for position {out[0]} of {width} columns")
    return [n % width for n in given]
