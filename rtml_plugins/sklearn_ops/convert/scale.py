"""Scalers, projections and other whole-matrix arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.packing import numbers, pack
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder


def _affine(b: Builder, columns: Columns, steps: list[tuple[str, Any, float]]) -> list[Symbolic]:
    """Elementwise steps with one number a column, on all columns at once; no step leaves the columns as they are."""
    if not steps:
        return columns
    packed = pack(b, columns)
    value = packed.value
    for op, operand, neutral in steps:
        value = b.op(op, value, b.const(packed.spread(operand, neutral), "float64"))
    return packed.unpack(value, like=columns)


@converts("sklearn.preprocessing.StandardScaler")
def standard_scaler(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """(x - mean) / scale."""
    numbers(b, columns, estimator, missing=True)
    steps: list[tuple[str, Any, float]] = []
    if estimator.with_mean:
        steps.append(("Sub", estimator.mean_, 0.0))
    if estimator.with_std:
        steps.append(("Div", estimator.scale_, 1.0))
    return _affine(b, columns, steps)


@converts("sklearn.preprocessing.RobustScaler")
def robust_scaler(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """(x - centre) / scale."""
    numbers(b, columns, estimator, missing=True)
    steps: list[tuple[str, Any, float]] = []
    if estimator.with_centering:
        steps.append(("Sub", estimator.center_, 0.0))
    if estimator.with_scaling:
        steps.append(("Div", estimator.scale_, 1.0))
    return _affine(b, columns, steps)


@converts("sklearn.preprocessing.MinMaxScaler")
def min_max_scaler(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """x * scale + min, clipped where asked."""
    numbers(b, columns, estimator, missing=True)
    scaled = _affine(b, columns, [("Mul", estimator.scale_, 1.0), ("Add", estimator.min_, 0.0)])
    return _clipped(b, scaled, *estimator.feature_range) if estimator.clip else scaled


@converts("sklearn.preprocessing.MaxAbsScaler")
def max_abs_scaler(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """x / largest absolute value, clipped where asked."""
    numbers(b, columns, estimator, missing=True)
    scaled = _affine(b, columns, [("Div", estimator.scale_, 1.0)])
    return _clipped(b, scaled, -1.0, 1.0) if getattr(estimator, "clip", False) else scaled


def _clipped(b: Builder, columns: list[Symbolic], low: float, high: float) -> list[Symbolic]:
    packed = pack(b, columns)
    # Min and Max keep NaN; onnxruntime's Clip on float64 does not promise to
    floor = b.op("Max", packed.value, b.const(np.full((1, 1), low), "float64"))
    clipped = b.op("Min", floor, b.const(np.full((1, 1), high), "float64"))
    return packed.unpack(clipped, like=columns)


@converts("sklearn.preprocessing.Normalizer")
def normalizer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Each row divided by its norm; a norm next to zero divides by one."""
    numbers(b, columns, estimator, missing=False)
    packed = pack(b, columns, extras=False)
    norm = _norm(b, packed.value, estimator.norm)
    nothing = b.op("Less", norm, b.const([[10 * np.finfo(np.float64).eps]], "float64"), dtype="bool")
    safe = b.op("Where", nothing, b.const([[1.0]], "float64"), norm, dtype="float64")
    return packed.unpack(b.op("Div", packed.value, safe))


def _norm(b: Builder, x: ir.Value, kind: str) -> ir.Value:
    axes = b.const([1], "int64")
    if kind == "max":
        return b.op("ReduceMax", b.op("Abs", x), axes, width=1, keepdims=1)
    return b.op("ReduceL1" if kind == "l1" else "ReduceL2", x, axes, width=1, keepdims=1)


@converts("sklearn.decomposition.PCA", "sklearn.decomposition.IncrementalPCA", "sklearn.decomposition.TruncatedSVD")
def projection(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """X @ components.T, less the projected mean, divided by the deviation where whitening is asked for."""
    numbers(b, columns, estimator, missing=False)
    packed = pack(b, columns, extras=False)
    components = np.asarray(estimator.components_, np.float64)
    weights = np.zeros((packed.width, len(components)))
    for position, slot in enumerate(packed.at):
        weights[slot] += components[:, position]
    value = b.op("MatMul", packed.value, b.const(weights, "float64"), width=len(components))
    if hasattr(estimator, "mean_"):
        value = b.op("Sub", value, b.const(estimator.mean_.reshape(1, -1) @ components.T, "float64"))
    if getattr(estimator, "whiten", False):
        deviation = np.maximum(np.sqrt(estimator.explained_variance_), np.finfo(np.float64).eps)
        value = b.op("Div", value, b.const(deviation.reshape(1, -1), "float64"))
    return unpack(value, "float64")
