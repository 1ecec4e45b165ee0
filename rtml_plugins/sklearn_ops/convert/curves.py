"""Columns bent to another shape: power and quantile transforms, splines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.features import expm1, log1p
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, intervals

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_EPS = float(np.finfo(np.float64).eps)


# ---- powers ------------------------------------------------------------------------------------------------------------


@converts("sklearn.preprocessing.PowerTransformer")
def power(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Yeo-Johnson or Box-Cox with the learned powers, then (x - mean) / scale where asked."""
    numbers(b, columns, estimator, missing=True)
    x, lambdas = ordered(b, columns), np.asarray(estimator.lambdas_, np.float64).reshape(1, -1)
    if np.isnan(lambdas).any():
        raise NotLowerableError("PowerTransformer found no power for a column without any value; leave that column out")
    value = _box_cox(b, x, lambdas) if estimator.method == "box-cox" else _yeo_johnson(b, x, lambdas)
    if estimator.standardize:
        value = b.op("Sub", value, b.const(estimator._scaler.mean_.reshape(1, -1), "float64"))
        value = b.op("Div", value, b.const(estimator._scaler.scale_.reshape(1, -1), "float64"))
    return [Symbolic("float64", value, i, column.nullable, column.finite) for i, column in enumerate(columns)]


def _yeo_johnson(b: Builder, x: ir.Value, lambdas: Any) -> ir.Value:
    """sign(x) expm1(m log1p|x|) / m, with m the power for x >= 0 and two less it below; log1p itself where m is 0."""
    flat_above, flat_below = np.abs(lambdas) < _EPS, np.abs(lambdas - 2) <= _EPS
    above, below = np.where(flat_above, 1.0, lambdas), np.where(flat_below, 1.0, 2 - lambdas)
    negative = b.op("Less", x, b.const([[0.0]], "float64"), dtype="bool")
    power = b.op("Where", negative, b.const(below, "float64"), b.const(above, "float64"), dtype="float64")
    grown = log1p(b, b.op("Abs", x))
    value = b.op("Div", expm1(b, b.op("Mul", grown, power)), power)
    if flat_above.any() or flat_below.any():
        upper = b.op("And", b.op("Not", negative), b.const(flat_above, "bool"), dtype="bool")
        lower = b.op("And", negative, b.const(flat_below, "bool"), dtype="bool")
        value = b.op("Where", b.op("Or", upper, lower, dtype="bool"), grown, value, dtype="float64")
    return b.op("Where", negative, b.op("Neg", value), value, dtype="float64")


def _box_cox(b: Builder, x: ir.Value, lambdas: Any) -> ir.Value:
    """expm1(m log x) / m, log x where m is 0; what is not above 0 is refused, as scikit-learn does."""
    refused = b.op("LessOrEqual", x, b.const([[0.0]], "float64"), dtype="bool")
    some = b.op("ReduceMax", b.cast(refused, "int64"), b.const([1], "int64"), dtype="int64", width=1, keepdims=1)
    b.check(
        b.op("Not", b.cast(some, "bool")), "a number that is not above 0, and PowerTransformer(method='box-cox') takes no others"
    )
    flat = np.abs(lambdas) < 1e-19
    powers = np.where(flat, 1.0, lambdas)
    log = b.op("Log", x)
    value = b.op("Div", expm1(b, b.op("Mul", log, b.const(powers, "float64"))), b.const(powers, "float64"))
    return b.op("Where", b.const(flat, "bool"), log, value, dtype="float64") if flat.any() else value


# ---- quantiles ---------------------------------------------------------------------------------------------------------


@converts("sklearn.preprocessing.QuantileTransformer")
def quantile(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The share of training values below, from straight lines between quantiles, read from both ends.

    One TreeEnsemble finds, for the interval of each value, its ends, the shares there and the slopes.
    """
    if estimator.output_distribution != "uniform":
        raise NotLowerableError(
            "QuantileTransformer(output_distribution='normal') needs the inverse of the normal distribution, which has no ONNX"
            " form; use 'uniform', or PowerTransformer"
        )
    numbers(b, columns, estimator, missing=True)
    refuse_infinite(estimator)
    x, trees, count = ordered(b, columns), Trees(), len(columns)
    for i in range(count):
        q, shares = np.asarray(estimator.quantiles_[:, i], np.float64), np.asarray(estimator.references_, np.float64)
        if np.isnan(q).any():
            raise NotLowerableError(
                "QuantileTransformer found no quantiles for a column without any value; leave that column out"
            )
        with np.errstate(all="ignore"):
            slopes = np.diff(shares) / np.diff(q)
        # an interval without width is never met
        slopes = np.where(np.diff(q) > 0, slopes, 0.0)
        # the lowest quantile itself counts as below, the highest as above
        rising = intervals(i, q, q > q[0])
        falling = intervals(i, q, (q >= q[-1]) & (q > q[0]))
        for target, (start, height, slope) in enumerate(((q[:-1], shares[:-1], slopes), (q[1:], shares[1:], slopes))):
            flat = falling if target else rising
            for part, inner, ends in ((0, start, (0.0, 0.0)), (1, height, (0.0, 1.0)), (2, slope, (0.0, 0.0))):
                trees.add(flat, np.array([ends[0], *inner, ends[1]]), (3 * target + part) * count + i)
    found = trees.emit(b, x, 6 * count)
    parts = [b.take(found, list(range(p * count, (p + 1) * count))) for p in range(6)]
    sums = [b.op("Add", b.op("Mul", s, b.op("Sub", x, start)), h) for start, h, s in (parts[:3], parts[3:])]
    value = b.op("Mul", b.op("Add", *sums), b.const([[0.5]], "float64"))
    return [Symbolic("float64", value, i, column.nullable) for i, column in enumerate(columns)]


# ---- splines -----------------------------------------------------------------------------------------------------------


@converts("sklearn.preprocessing.SplineTransformer")
def splines(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """B-splines of every column: a TreeEnsemble finds the interval's start and polynomials, Horner's rule computes them."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    if estimator.extrapolation not in ("constant", "linear", "error") or estimator.degree < 1:
        raise NotLowerableError(
            f"SplineTransformer(extrapolation={estimator.extrapolation!r}, degree={estimator.degree}) has no ONNX form; use"
            f" extrapolation 'constant', 'linear' or 'error' and a degree of 1 or more"
        )
    if estimator.extrapolation == "linear" and estimator.degree == 1 and len(columns) > 1:
        raise NotLowerableError(
            "SplineTransformer(extrapolation='linear', degree=1) takes the range of every column but the first too narrow; use a"
            " transformer for each column, or a degree of 2 or more"
        )
    x, degree, trees, outside = ordered(b, columns), int(estimator.degree), Trees(), Trees()
    kept = int(estimator.bsplines_[0].c.shape[1]) - (not estimator.include_bias)
    count, width = len(columns), len(columns) * kept
    for i, spline in enumerate(estimator.bsplines_):
        starts, table = _pieces(spline, estimator.extrapolation, degree)
        edges, strict = spline.t[degree : len(spline.t) - degree], np.ones(len(starts) - 1, bool)
        strict[-1] = False
        flat = intervals(i, edges, strict)
        trees.add(flat, starts, i)
        for p in range(degree + 1):
            for s in range(kept):
                trees.add(flat, table[p, :, s], count + p * width + i * kept + s)
        outside.add(flat, np.array([1.0, *[0.0] * (len(starts) - 2), 1.0]), 0)
    if estimator.extrapolation == "error":
        inside = b.op("Equal", outside.emit(b, x, 1), b.const([[0.0]], "float64"), dtype="bool")
        b.check(inside, "a value beyond the knots, which SplineTransformer(extrapolation='error') refuses")
    found = trees.emit(b, x, count + (degree + 1) * width)
    apart = b.take(b.op("Sub", x, b.take(found, list(range(count)))), [i for i in range(count) for _ in range(kept)])
    parts = [b.take(found, list(range(count + p * width, count + (p + 1) * width))) for p in range(degree + 1)]
    value = parts[degree]
    for part in reversed(parts[:degree]):
        value = b.op("Add", b.op("Mul", value, apart), part)
    return unpack(value, "float64")


def _pieces(spline: Any, extrapolation: str, degree: int) -> tuple[Any, Any]:
    """Starts [intervals] and coefficients [degree + 1, intervals, splines] of the polynomials, those beyond the ends included."""
    knots = spline.t[degree : len(spline.t) - degree]
    starts = np.array([knots[0], *knots[:-1], knots[-1]])
    table = np.zeros((degree + 1, len(starts), spline.c.shape[1]))
    for p in range(degree + 1):
        derivative = spline(knots[:-1], nu=p) / math.factorial(p)
        table[p, 1:-1] = derivative
    for place, end in ((0, knots[0]), (-1, knots[-1])):
        table[0, place] = spline(end)
        if extrapolation == "linear":
            table[1, place] = spline(end, nu=1)
    return starts, table
