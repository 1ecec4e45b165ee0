"""What pandas gave beside what the graph gives: the first row in which they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rtml_core.errors import RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

#: floats may be off by so much, relatively: pandas adds along rows in the order of the memory, a graph from left to right
TOLERANCE: Final = 1e-12
_NUMBERS: Final = ("int64", "float64", "float32")


def difference(native: pd.Series, recorded: pd.Series) -> str | None:
    """The first row in which two columns differ, in words; None where they are equal in their canonical form."""
    import numpy as np

    from rtml_core.frames import canonical_series, dtype_word
    from rtml_plugins.pandas_ops.eager import plain

    try:
        one = canonical_series(plain(native), str(native.name))
    except RtmlError as error:
        return f"{error}, as a column of a graph"
    two = canonical_series(recorded, str(recorded.name))
    if one.isna().all() and two.isna().all():
        return None
    words = dtype_word(one), dtype_word(two)
    if words[0] != words[1] and not set(words) <= set(_NUMBERS):
        return f"pandas gives {words[0]} here, the graph {words[1]}. Convert it with astype first"
    missing, other = one.isna().to_numpy(), two.isna().to_numpy()
    same = missing == other
    both = ~missing & ~other
    left, right = one.to_numpy()[both], two.to_numpy()[both]
    if words == ("int64", "int64") or words[0] not in _NUMBERS:
        same[both] = np.asarray(left == right, dtype=bool)
    else:
        a, b = left.astype(float), right.astype(float)
        with np.errstate(all="ignore"):
            same[both] = (a == b) | (np.abs(a - b) <= TOLERANCE * np.maximum(np.abs(a), np.abs(b)))
    if same.all():
        return None
    row = int(np.flatnonzero(~same)[0])
    label = native.index[row]
    return f"in row {label!r} pandas gives {_shown(one, row)}, a request {_shown(two, row)}"


def _shown(series: pd.Series, row: int) -> str:
    value = series.iloc[row]
    return "a missing value" if value != value or value is None else describe(value.item() if hasattr(value, "item") else value)
