"""Functions along a row (axis 1), in the order of numpy's own arithmetic, so that sums are equal bit by bit.

numpy adds the elements of a contiguous row pairwise: fewer than 8 one after the other, up to 128 in 8 running sums that are
added as a tree, more by halves (numpy/_core/src/umath/loops_utils.h.src describes it). The lowering emits those additions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import ParamError
from rtml_plugins.numpy_ops.arrays import Array, Lowered

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_LANES: Final = 8
_BLOCK: Final = 128


def eager(name: str, values: Array, *args: Any) -> Array:
    """[N, k] -> [N, 1] (or [N, k'] for cumsum, diff, sort, flip, softmax), by numpy."""
    values = np.ascontiguousarray(values)
    if name == "norm":
        return np.asarray(np.linalg.norm(values, ord=_order(args[0]), axis=1, keepdims=True))
    if name == "softmax":
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(powers / np.ascontiguousarray(powers).sum(axis=1, keepdims=True))
    if name in ("var", "std"):
        return np.asarray(getattr(np, name)(values, axis=1, keepdims=True, ddof=args[0]))
    if name in ("cumsum", "diff", "sort", "flip"):
        return np.asarray(getattr(np, name)(values, axis=1))
    result = np.asarray(getattr(np, name)(values, axis=1, keepdims=True))
    return result.astype(np.int64) if result.dtype.kind == "i" else result


def _order(given: Any) -> Any:
    if given in (None, 1, 2) and not isinstance(given, bool):
        return given
    if given in ("inf", math.inf):
        return np.inf
    raise ParamError(f"'norm': 'ord' must be 1, 2 or \"inf\"; got {given!r}")


# ---- sums -----------------------------------------------------------------------------------------------------------------


def row_sum(b: Builder, tensor: ir.Value, width: int) -> ir.Value:
    """The sum of each row of a float64 tensor [N, width], as [N, 1], in numpy's order."""
    return _pairwise(b, tensor, 0, width)


def _pairwise(b: Builder, tensor: ir.Value, start: int, count: int) -> ir.Value:
    if count < _LANES:
        return _in_turn(b, tensor, start, count)
    if count <= _BLOCK:
        return _in_lanes(b, tensor, start, count)
    half = count // 2
    half -= half % _LANES
    return b.op("Add", _pairwise(b, tensor, start, half), _pairwise(b, tensor, start + half, count - half), width=1)


def _in_turn(b: Builder, tensor: ir.Value, start: int, count: int, first: ir.Value | None = None) -> ir.Value:
    total = first
    for position in range(start, start + count):
        item = b.take(tensor, [position])
        total = item if total is None else b.op("Add", total, item, width=1)
    assert total is not None
    return total


def _in_lanes(b: Builder, tensor: ir.Value, start: int, count: int) -> ir.Value:
    """Eight running sums side by side, then ((0+1)+(2+3)) + ((4+5)+(6+7)), then what is left over, in turn."""
    whole = count - count % _LANES
    lanes = b.take(tensor, range(start, start + _LANES))
    for at in range(start + _LANES, start + whole, _LANES):
        lanes = b.op("Add", lanes, b.take(tensor, range(at, at + _LANES)), width=_LANES)
    width = _LANES
    while width > 1:
        even, odd = (b.take(lanes, range(side, width, 2)) for side in (0, 1))
        width //= 2
        lanes = b.op("Add", even, odd, width=width)
    return _in_turn(b, tensor, start + whole, count - whole, lanes) if count > whole else lanes


# ---- the functions -----------------------------------------------------------------------------------------------------------


def _known(values: Lowered, tensor: ir.Value, *, nan: bool | None = None, finite: bool = False) -> Lowered:
    maybe = values.nan or not values.finite
    return Lowered(tensor, "float64", maybe if nan is None else nan, finite)


def _sum(b: Builder, values: Lowered) -> Lowered:
    # finite numbers may add up to inf, and inf and -inf to NaN only within a row that had one already or overflowed twice
    return _known(values, row_sum(b, values.tensor, values.width), nan=True)


def _mean(b: Builder, values: Lowered) -> Lowered:
    return _over(b, _sum(b, values), float(values.width))


def _over(b: Builder, values: Lowered, number: float) -> Lowered:
    return _known(values, b.op("Div", values.tensor, b.const([[number]], "float64"), dtype="float64"), nan=True)


def _extreme(op: str) -> Callable[[Builder, Lowered], Lowered]:
    def lower(b: Builder, values: Lowered) -> Lowered:
        # variadic: onnxruntime's Reduce forms lose NaN
        parts = [b.take(values.tensor, [position]) for position in range(values.width)]
        tensor = parts[0] if len(parts) == 1 else b.op(op, *parts, dtype="float64", width=1)
        return _known(values, tensor, nan=values.nan, finite=values.finite)

    return lower


def _ptp(b: Builder, values: Lowered) -> Lowered:
    high, low = _extreme("Max")(b, values), _extreme("Min")(b, values)
    return _known(values, b.op("Sub", high.tensor, low.tensor, dtype="float64"))


def _prod(b: Builder, values: Lowered) -> Lowered:
    total = b.take(values.tensor, [0])
    for position in range(1, values.width):
        total = b.op("Mul", total, b.take(values.tensor, [position]), width=1)
    return _known(values, total, nan=True)


def _arg(op: str) -> Callable[[Builder, Lowered], Lowered]:
    def lower(b: Builder, values: Lowered) -> Lowered:
        found = b.op(op, values.tensor, dtype="int64", width=1, axis=1, keepdims=1)
        if values.nan:  # numpy: the first NaN is both the largest and the smallest
            gone = b.cast(b.op("IsNaN", values.tensor, dtype="bool"), "float64")
            first = b.op("ArgMax", gone, dtype="int64", width=1, axis=1, keepdims=1)
            count = b.op("ReduceMax", gone, b.const([1], "int64"), dtype="float64", width=1, keepdims=1)
            some = b.cast(count, "bool")
            found = b.op("Where", some, first, found, dtype="int64")
        return Lowered(found, "int64")

    return lower


def _squares(b: Builder, values: Lowered) -> Lowered:
    return _known(values, b.op("Mul", values.tensor, values.tensor, dtype="float64"))


def _root(b: Builder, values: Lowered) -> Lowered:
    return _known(values, b.op("Sqrt", values.tensor, dtype="float64"), nan=values.nan)


def _norm(b: Builder, values: Lowered, given: Any) -> Lowered:
    order = _order(given)
    if order in (None, 2):
        return _root(b, _sum(b, _squares(b, values)))
    sizes = Lowered(b.op("Abs", values.tensor), "float64", values.nan, values.finite)
    return _sum(b, sizes) if order == 1 else _extreme("Max")(b, sizes)


def _var(b: Builder, values: Lowered, ddof: int) -> Lowered:
    away = b.op("Sub", values.tensor, _mean(b, values).tensor, dtype="float64", width=values.width)
    total = _sum(b, _squares(b, Lowered(away, "float64", True, False)))
    return _over(b, total, float(max(values.width - ddof, 0)))


def _flags(b: Builder, values: Lowered, op: str) -> ir.Value:
    truth = b.op("Not", b.op("Equal", values.tensor, b.const([[0]], values.dtype), dtype="bool"))
    counted = b.cast(truth, "int64")
    return b.op(op, counted, b.const([1], "int64"), dtype="int64", width=1, keepdims=1)


def _any(b: Builder, values: Lowered) -> Lowered:
    return Lowered(b.cast(_flags(b, values, "ReduceMax"), "bool"), "bool")


def _all(b: Builder, values: Lowered) -> Lowered:
    return Lowered(b.cast(_flags(b, values, "ReduceMin"), "bool"), "bool")


def _count_nonzero(b: Builder, values: Lowered) -> Lowered:
    return Lowered(_flags(b, values, "ReduceSum"), "int64")


def _present(b: Builder, values: Lowered, instead: float) -> tuple[Lowered, ir.Value]:
    """NaN replaced, and int64 [N, 1]: how many were there."""
    gone = b.op("IsNaN", values.tensor, dtype="bool")
    filled = b.op("Where", gone, b.const([[instead]], "float64"), values.tensor, dtype="float64", width=values.width)
    there = b.cast(b.op("Not", gone), "int64")
    return Lowered(filled, "float64", False, False), b.op("ReduceSum", there, b.const([1], "int64"), width=1, keepdims=1)


def _nansum(b: Builder, values: Lowered) -> Lowered:
    return _sum(b, _present(b, values, 0.0)[0] if values.nan else values)


def _nanmean(b: Builder, values: Lowered) -> Lowered:
    if not values.nan:
        return _mean(b, values)
    filled, count = _present(b, values, 0.0)
    total = _sum(b, filled)
    return _known(values, b.op("Div", total.tensor, b.cast(count, "float64"), dtype="float64"), nan=True)


def _nan_extreme(op: str, instead: float) -> Callable[[Builder, Lowered], Lowered]:
    def lower(b: Builder, values: Lowered) -> Lowered:
        if not values.nan:
            return _extreme(op)(b, values)
        filled, count = _present(b, values, instead)
        found = _extreme(op)(b, filled).tensor
        none = b.op("Equal", count, b.const([[0]], "int64"), dtype="bool")
        tensor = b.op("Where", none, b.const([[math.nan]], "float64"), found, dtype="float64")
        return _known(values, tensor, nan=True, finite=values.finite)

    return lower


def _cumsum(b: Builder, values: Lowered) -> Lowered:
    return _known(values, b.op("CumSum", values.tensor, b.const(1, "int64"), dtype="float64"), nan=True)


def _diff(b: Builder, values: Lowered) -> Lowered:
    k = values.width
    if k < 2:
        raise ParamError("'diff' needs at least two columns")
    later, earlier = b.take(values.tensor, range(1, k)), b.take(values.tensor, range(k - 1))
    return _known(values, b.op("Sub", later, earlier, dtype="float64", width=k - 1))


def _flip(b: Builder, values: Lowered) -> Lowered:
    return Lowered(b.take(values.tensor, range(values.width - 1, -1, -1)), values.dtype, values.nan, values.finite)


def _sort(b: Builder, values: Lowered) -> Lowered:
    """Ascending; numpy puts NaN last, onnxruntime anywhere: they go in as infinity, and the last ones come out as NaN."""
    k = values.width
    tensor = values.tensor
    if values.nan:
        filled, count = _present(b, values, math.inf)
        tensor = filled.tensor
    ordered = b.multi("TopK", tensor, b.const([k], "int64"), dtypes=["float64", "int64"], widths=[k, k], axis=1, largest=0)[0]
    if values.nan:
        beyond = b.op("LessOrEqual", count, b.const([list(range(k))], "int64"), dtype="bool", width=k)
        ordered = b.op("Where", beyond, b.const([[math.nan]], "float64"), ordered, dtype="float64", width=k)
    return _known(values, ordered, nan=values.nan, finite=values.finite)


def _median(b: Builder, values: Lowered) -> Lowered:
    k = values.width
    ordered = _sort(b, values)
    middle = Lowered(b.take(ordered.tensor, [k // 2] if k % 2 else [k // 2 - 1, k // 2]), "float64", values.nan, values.finite)
    found = _mean(b, middle) if k % 2 == 0 else middle
    if values.nan:
        last = b.take(ordered.tensor, [k - 1])  # NaN, where one is
        tensor = b.op("Where", b.op("IsNaN", last, dtype="bool"), last, found.tensor, dtype="float64")
        found = _known(values, tensor, nan=True)
    return found


def _softmax(b: Builder, values: Lowered) -> Lowered:
    away = b.op("Sub", values.tensor, _extreme("Max")(b, values).tensor, dtype="float64", width=values.width)
    powers = b.op("Exp", away, dtype="float64")
    total = row_sum(b, powers, values.width)
    return _known(values, b.op("Div", powers, total, dtype="float64", width=values.width), finite=True)


#: name -> lowering; arguments after the array
LOWERED: Final[dict[str, Callable[..., Lowered]]] = {
    "sum": _sum,
    "mean": _mean,
    "min": _extreme("Min"),
    "amin": _extreme("Min"),
    "max": _extreme("Max"),
    "amax": _extreme("Max"),
    "ptp": _ptp,
    "prod": _prod,
    "argmin": _arg("ArgMin"),
    "argmax": _arg("ArgMax"),
    "norm": _norm,
    "var": _var,
    "std": lambda b, values, ddof: _root(b, _var(b, values, ddof)),
    "median": _median,
    "any": _any,
    "all": _all,
    "count_nonzero": _count_nonzero,
    "nansum": _nansum,
    "nanmean": _nanmean,
    "nanmin": _nan_extreme("Min", math.inf),
    "nanmax": _nan_extreme("Max", -math.inf),
    "cumsum": _cumsum,
    "diff": _diff,
    "flip": _flip,
    "sort": _sort,
    "softmax": _softmax,
}
#: of these, the ones that give one value a row
REDUCING: Final[Sequence[str]] = tuple(name for name in LOWERED if name not in ("cumsum", "diff", "flip", "sort", "softmax"))
