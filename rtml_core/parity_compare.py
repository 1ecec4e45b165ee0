"""What "equal" means in the parity gate, and the one sentence about a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import carrier_of
from rtml_core.errors import describe
from rtml_core.frames import canonical, to_carrier
from rtml_core.package import OutputEntry

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]
#: refused rows of each check on which the authored side is tried
TRIED: Final = 25


def differing(authored: pd.Series, compiled: Array, output: OutputEntry) -> tuple[Array, float]:
    """Rows (positions) in which a column differs, and the largest relative deviation among those that agree.

    authored: a series [N] as the node gave it; compiled: an array [N] in carrier form. Missing equals missing. Numbers
    are equal bit by bit, or within the output's tolerance.
    """
    series = canonical(authored.to_frame("x"))["x"]
    left = to_carrier(series, output.dtype == "bool" and carrier_of(output.dtype, output.nullable) == "float64")
    if left.dtype.kind == "O" or compiled.dtype.kind == "O":
        return _different_texts(series, left, compiled), 0.0
    if left.dtype == compiled.dtype and left.dtype.kind != "f":
        return np.flatnonzero(left != compiled), 0.0
    if left.dtype.kind != "f" and compiled.dtype.kind != "f":
        return np.flatnonzero(left.astype(np.int64) != compiled.astype(np.int64)), 0.0
    return _different_numbers(left.astype(np.float64), compiled.astype(np.float64), output)


def _different_texts(series: pd.Series, left: Array, right: Array) -> Array:
    if left.dtype.kind == "f" and np.isnan(left).all():
        left = to_carrier(series.astype(object).astype("string"), False)
    if left.dtype.kind != right.dtype.kind:
        return np.arange(len(right))
    return np.flatnonzero(left != right)


def _different_numbers(one: Array, other: Array, output: OutputEntry) -> tuple[Array, float]:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        deviation = np.abs(one - other)
        close = same | (deviation <= output.atol + output.rtol * np.abs(one))
        relative = np.where(same, 0.0, deviation / np.maximum(np.abs(one), 1e-300))
    return np.flatnonzero(~close), float(relative[close].max(initial=0.0))


@dataclass(frozen=True)
class Difference:
    """Where authored and compiled first differ. `row` is the row's number in `origin`, `inputs` its fields."""

    place: str
    column: str
    count: int
    total: int
    origin: str
    row: int
    inputs: dict[str, Any]
    authored: Any
    compiled: Any

    def __str__(self) -> str:
        return (
            f"Authored and compiled differ at {self.place}, column '{self.column}', in {self.count:,} of {self.total:,} rows"
            f" ({self.origin}); first: row {self.row}, {describe(self.inputs, 300)}, authored {describe(plain(self.authored))},"
            f" compiled {describe(plain(self.compiled))}. The package was not written."
        )


def row_of(frame: pd.DataFrame, row: int) -> dict[str, Any]:
    """One row (by position) as plain values, for a message."""
    return {str(name): plain(frame[name].iloc[row]) for name in frame.columns}


def plain(value: Any) -> Any:
    """A numpy scalar as the Python value that people write."""
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def some_of_each(passed: Array) -> Array:
    """For every row check, up to TRIED rows that fail it, evenly spaced: running the authored side row by row is slow."""
    chosen: set[int] = set()
    for check in range(passed.shape[1]):
        failing = np.flatnonzero(~passed[:, check])
        chosen.update(failing[:: max(1, -(-len(failing) // TRIED))].tolist())
    return np.array(sorted(chosen), np.int64)
