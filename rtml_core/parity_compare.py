"""What "equal" means in the parity gate, and the one sentence about a difference."""

from __future__ import annotations

from collections.abc import Iterable
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
#: rows that deviate most, of those that a report or an error keeps
WORST: Final = 5
#: and those that are looked at for them, as many may have the same answers
_RANKED: Final = 50
#: refused rows of each check on which the authored side is tried
TRIED: Final = 25


def differing(authored: pd.Series, compiled: Array, output: OutputEntry) -> tuple[Array, float]:
    """Rows (positions) in which a column differs, and the largest relative deviation among those that agree.

    authored: a series [N] as the node gave it; compiled: an array [N] in carrier form. Missing equals missing. Numbers
    are equal bit by bit, or within the output's tolerance.
    """
    series, left = _carried(authored, output)
    if left.dtype.kind == "O" or compiled.dtype.kind == "O":
        return _different_texts(series, left, compiled), 0.0
    if left.dtype == compiled.dtype and left.dtype.kind != "f":
        return np.flatnonzero(left != compiled), 0.0
    if left.dtype.kind != "f" and compiled.dtype.kind != "f":
        return np.flatnonzero(left.astype(np.int64) != compiled.astype(np.int64)), 0.0
    return _different_numbers(left.astype(np.float64), compiled.astype(np.float64), output)


def _carried(authored: pd.Series, output: OutputEntry) -> tuple[pd.Series, Array]:
    """A column as the node gave it: canonical, and in carrier form."""
    series = canonical(authored.to_frame("x"))["x"]
    return series, to_carrier(series, output.dtype == "bool" and carrier_of(output.dtype, output.nullable) == "float64")


def _different_texts(series: pd.Series, left: Array, right: Array) -> Array:
    if left.dtype.kind == "f" and np.isnan(left).all():
        left = to_carrier(series.astype(object).astype("string"), False)
    if left.dtype.kind != right.dtype.kind:
        return np.arange(len(right))
    return np.flatnonzero(left != right)


def _different_numbers(one: Array, other: Array, output: OutputEntry) -> tuple[Array, float]:
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        close = same | (np.abs(one - other) <= output.atol + output.rtol * np.abs(one))
    return np.flatnonzero(~close), float(_relative(one, other)[close].max(initial=0.0))


def _relative(one: Array, other: Array) -> Array:
    """How far numbers are apart, of the first ones; 0 where both are missing, NaN where one of them is."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        return np.where(same, 0.0, np.abs(one - other) / np.maximum(np.abs(one), 1e-300))


def deviations(authored: pd.Series, compiled: Array, output: OutputEntry) -> Array | None:
    """For each row how far both forms of a column are apart, relative to the authored one; None for what is no number."""
    if output.dtype not in ("float64", "float32", "int64"):
        return None
    _, left = _carried(authored, output)
    if left.dtype.kind not in "iuf" or compiled.dtype.kind not in "iuf":
        return None
    return _relative(left.astype(np.float64), compiled.astype(np.float64))


@dataclass(frozen=True)
class ComparedRow:
    """What both forms answered to a row. origin: where the row is from ("sample"); row: its number there; inputs: its fields;
    deviation: how far both are apart, relative to the authored one; None where that is no number."""

    origin: str
    row: int
    inputs: dict[str, Any]
    output: str
    authored: Any
    compiled: Any
    deviation: float | None


def worst_rows(
    authored: pd.Series, compiled: Array, output: OutputEntry, among: Array, frame: pd.DataFrame, origin: str, numbers: Array
) -> list[ComparedRow]:
    """Of some rows (positions) those that deviate most, the worst first; where nothing can be measured, the first ones. Of rows
    with the same two answers there is one.

    frame: what went in; numbers: of its rows, in origin.
    """
    measured = deviations(authored, compiled, output)
    ranked = among[:_RANKED]
    if measured is not None:
        ranked = among[np.argsort(-np.where(np.isnan(measured[among]), np.inf, measured[among]), kind="stable")[:_RANKED]]
    found: dict[str, ComparedRow] = {}
    for row in ranked:
        one, other = plain(authored.iloc[row]), plain(compiled[row])
        if repr((one, other)) not in found:
            deviation = None if measured is None or np.isnan(measured[row]) else float(measured[row])
            inputs = row_of(frame, int(row))
            found[repr((one, other))] = ComparedRow(origin, int(numbers[row]), inputs, output.name, one, other, deviation)
        if len(found) == WORST:
            break
    return list(found.values())


def worst_of(rows: Iterable[ComparedRow]) -> list[ComparedRow]:
    """The WORST of them, the worst first; what can't be measured before all, and of equal answers one."""
    found: dict[str, ComparedRow] = {}
    for row in rows:
        found.setdefault(repr((row.output, row.authored, row.compiled)), row)
    return sorted(found.values(), key=lambda row: -np.inf if row.deviation is None else -row.deviation)[:WORST]


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
