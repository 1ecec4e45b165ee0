"""What the estimators of the library are in ONNX, and how they are kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic, matrix, unpack
from rtml_plugins.sklearn_ops.converting import Columns, numbers


def saturate(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """x / (x + half)."""
    numbers(b, columns, estimator, missing=True)
    x = matrix(b, columns)
    half = b.const(estimator.half_[None, :], "float64")
    return unpack(b.op("Div", x, b.op("Add", x, half)), "float64", nullable=True, finite=False)


def above(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """x > cut, as a number."""
    numbers(b, columns, estimator, missing=False)
    cuts = b.const(np.array(estimator.handle_.get())[None, :], "float64")
    return unpack(b.cast(b.op("Greater", matrix(b, columns), cuts, dtype="bool"), "float64"), "float64")


def above_points(estimator: Any) -> dict[int, set[float]]:
    """Where Above changes its mind."""
    return {place: {cut} for place, cut in enumerate(estimator.handle_.get())}


def to_state(handle: Any) -> dict[str, Any]:
    """The cuts of a handle."""
    return {"cuts": np.array(handle.get())}


def from_state(state: dict[str, Any]) -> Any:
    """An equal handle."""
    from rtml_api1.library import Handle

    return Handle(state["cuts"].tolist())
