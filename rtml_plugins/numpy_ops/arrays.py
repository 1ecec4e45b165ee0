"""Arrays [N, k] out of columns, and back: which columns are meant, what travels, how results are named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, describe

if TYPE_CHECKING:
    import onnx_ir as ir
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

Array = np.ndarray[Any, Any]
_SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d+))?")
_NUMBERS = ("float64", "float32", "int64", "bool")


@dataclass(frozen=True)
class Lowered:
    """An array during lowering: a tensor [N, k] of float64, int64 or bool; whether an element may be NaN, or infinite.

    `small`: none is, and none is beyond 2^64, so that no sum of them or of their squares is infinite either.
    """

    tensor: ir.Value
    dtype: str = "float64"
    nan: bool = False
    finite: bool = True
    small: bool = False

    @property
    def width(self) -> int:
        """k."""
        from rtml_core.lowering.builder import width_of

        return width_of(self.tensor)


def check_selection(cols: Any, what: str = "parameter 'cols'") -> list[str | int]:
    """`cols` as a list of names, positions and slices; raises ParamError."""
    given = [cols] if isinstance(cols, (str, int)) else cols
    plain = isinstance(given, (list, tuple)) and all(isinstance(c, (str, int)) and not isinstance(c, bool) for c in given)
    if not plain or not given:
        raise ParamError(f'{what} must list columns by name, by position (0, -1) or by slice ("1:4"); got {describe(cols)}')
    return list(given)


def select(cols: Sequence[str | int] | None, known: Sequence[str]) -> list[str]:
    """Names of the chosen columns among the known ones, in order; a name wins over a slice of the same text.

    Raises ColumnError for what is not there, and for a column chosen twice.
    """
    if cols is None:
        return list(known)
    chosen: list[str] = []
    for item in cols:
        found = _SLICE.fullmatch(item) if isinstance(item, str) and item not in known else None
        if isinstance(item, int):
            if not -len(known) <= item < len(known):
                raise ColumnError(f"there is no column at position {item}; the frame has {len(known)}")
            chosen.append(known[item])
        elif found is not None:
            bounds = [int(text) if text else None for text in found.groups()]
            if bounds[2] == 0:
                raise ColumnError(f"the slice '{item}' has a step of zero")
            picked = list(known[slice(*bounds)])
            if not picked:
                raise ColumnError(f"the slice '{item}' chooses no column; the frame has {len(known)}")
            chosen += picked
        elif item in known:
            chosen.append(item)
        else:
            raise ColumnError(missing_column(item, known))
    twice = next((name for name in chosen if chosen.count(name) > 1), None)
    if twice is not None:
        raise ColumnError(f"Column '{twice}' is chosen twice")
    return chosen


def require_number(name: str, dtype: str) -> None:
    """Raise ColumnError unless a column can be a part of an array."""
    if dtype not in _NUMBERS:
        raise ColumnError(f"Column '{name}' is {dtype}; an array takes numbers and booleans. Choose the columns with 'cols'")


def from_frame(frame: pd.DataFrame, names: Sequence[str]) -> Array:
    """float64 [N, k], in rows; a missing value is NaN."""
    from rtml_core.frames import dtype_word, to_carrier

    for name in names:
        require_number(name, dtype_word(frame[name]))
    if not names:
        return np.empty((len(frame), 0))
    arrays = [to_carrier(frame[name], True).astype(np.float64) for name in names]
    return np.ascontiguousarray(np.stack(arrays, axis=1))


def from_columns(b: Builder, columns: dict[str, Symbolic], names: Sequence[str]) -> Lowered:
    """The same of symbolic columns."""
    from rtml_core.lowering.symbolic import matrix

    chosen = [columns[name] for name in names]
    for name, column in zip(names, chosen, strict=True):
        require_number(name, column.dtype)
    finite = all(column.finite for column in chosen)
    nullable = any(column.nullable for column in chosen)
    small = not nullable and all(column.dtype in ("int64", "bool") for column in chosen)
    return Lowered(matrix(b, chosen, "float64"), "float64", nullable, finite, small)


def names_of_result(
    names: Sequence[str], width: int, into: str | Sequence[str] | None, function: str, known: Sequence[str]
) -> list[str]:
    """Names of the k columns that come out; raises ColumnError and ParamError.

    Without `into` an array as wide as it was goes back to where it came from, and a single column is called like the function.
    """
    if into is None:
        if width == len(names):
            return list(names)
        if width == 1:
            if function in known:
                raise ColumnError(f"Column '{function}' is there already; name the new one with 'into'")
            return [function]
        raise ParamError(f"'{function}' makes {width} columns out of {len(names)}; name them with 'into'")
    if isinstance(into, str):
        return [into] if width == 1 else [f"{into}_{position}" for position in range(width)]
    if len(into) != width:
        raise ParamError(f"'{function}' makes {width} columns; 'into' names {len(into)}")
    return list(into)


def rows_by(given: Any, width: int, what: str) -> Array:
    """A constant that meets an array: one number for all columns, or one for each, as [1, 1] or [1, k]."""
    array = np.atleast_1d(np.asarray(given, dtype=np.float64))
    if array.ndim != 1 or len(array) not in (1, width):
        raise ParamError(f"{what} must be one number, or one for each of the {width} columns; got {len(array)}")
    return array[None, :]
