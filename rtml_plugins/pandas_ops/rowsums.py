"""sum, mean and prod along a row, from the first column to the last.

pandas adds in the order in which the columns lie in memory, which depends on how the frame came about: the same row may
differ there in its last digit. A row of a graph has one answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def added_in_order(name: str, frame: pd.DataFrame, *, skipna: bool) -> pd.Series:
    """sum, mean or prod of each row of a frame of numbers."""
    import numpy as np
    import pandas as pd

    whole = all(dtype.kind in "ib" for dtype in frame.dtypes)
    carrier = np.int64 if whole and name != "mean" else np.float64
    columns = [frame[column].to_numpy().astype(carrier) for column in frame.columns]
    gone = [np.isnan(values) & skipna for values in columns]
    start = 1 if name in ("prod", "product") else 0
    parts = [np.where(mask, carrier(start), values) for mask, values in zip(gone, columns, strict=True)]
    result = parts[0]
    for part in parts[1:]:
        result = result * part if start else result + part
    if name == "mean":
        number = sum((~mask).astype(np.float64) for mask in gone)
        result = result / number
    return pd.Series(result, index=frame.index)


def adds_in_order(name: str, frame: pd.DataFrame, arguments: Mapping[str, Any]) -> bool:
    """Whether a call is one that `added_in_order` does: numbers, no arguments beside axis and skipna."""
    if name not in ("sum", "mean", "prod", "product") or arguments.get("axis") not in (1, "columns") or not len(frame.columns):
        return False
    kinds = {str(dtype) for dtype in frame.dtypes}
    return set(arguments) <= {"axis", "skipna"} and (kinds <= {"float64", "int64"} or kinds == {"bool"})
