"""Which dtype several values have together: one rule for the eager form and the lowering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from rtml_core.columns import carrier_of
from rtml_core.errors import ColumnError, describe
from rtml_core.lowering.symbolic import missing_of
from rtml_plugins.fields.terms import Constant

_KINDS: Final = {
    "float64": "numbers",
    "float32": "numbers",
    "int64": "numbers",
    "bool": "booleans",
    "string": "texts",
    "timestamp": "timestamps",
    "timedelta": "durations",
}


def common(dtypes: Sequence[str], what: str) -> str:
    """The dtype of a field that takes its rows from values of these dtypes ("null": a missing value, of any dtype).

    Whole numbers stay int64 unless one may be missing or another is a float; then all are float64. Raises ColumnError where
    values of several kinds meet, and where nothing says of which kind a missing value is.
    """
    present = [dtype for dtype in dtypes if dtype != "null"]
    kinds = list(dict.fromkeys(_KINDS[dtype] for dtype in present))
    if not kinds:
        raise ColumnError(f"{what} is missing in every case, which leaves its kind open; give one case a value")
    if len(kinds) > 1:
        raise ColumnError(f"{what} would be {' in some rows and '.join(kinds)} in others; give values of one kind")
    if kinds != ["numbers"] or set(dtypes) <= {"int64"} or set(present) == {"float32"}:
        return present[0]
    return "float64"


def scalar_as(constant: Constant, dtype: str, *, nullable: bool) -> Any:
    """A constant in the carrier form of a column of `dtype`."""
    carrier = carrier_of(dtype, nullable)
    if constant.value is None:
        return missing_of(carrier)
    return {"float64": float, "float32": float, "int64": int, "bool": bool}.get(carrier, str)(constant.value)


def require_kind(dtype: str, allowed: Sequence[str], what: str, needs: str) -> None:
    """Raise ColumnError unless the dtype is one of `allowed`."""
    if dtype not in allowed:
        raise ColumnError(f"{what} needs {needs}; got {describe(dtype)}")
