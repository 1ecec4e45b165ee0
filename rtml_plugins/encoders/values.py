"""Listed values (categories, fill values) against the dtype of the column that they are about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import MISSING_STRING, missing_column
from rtml_core.errors import ColumnError, ParamError, describe
from rtml_core.timestamps import EXPECTED, NAT, format_timestamp, parse_timestamp

if TYPE_CHECKING:
    import pandas as pd

Scalar = str | int | float | bool

_NEEDS: Final = {
    "float64": "a finite number",
    "float32": "a number that float32 holds exactly",
    "int64": "a whole number of at most 64 bits",
    "bool": "true or false",
    "string": "a string",
    "timestamp": EXPECTED,
}


def as_list(cols: str | Sequence[str]) -> list[str]:
    """`cols` as a list."""
    return [cols] if isinstance(cols, str) else list(cols)


def check_cols(cols: str | Sequence[str]) -> None:
    """Raise ParamError for an empty list or a column named twice."""
    names = as_list(cols)
    if not names:
        raise ParamError("parameter 'cols' must be a column name or a list of them; got an empty list")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ParamError(f"parameter 'cols' must name each column once; got '{twice[0]}' twice")


def require(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise ColumnError, with the closest name, unless every name is there."""
    present = list(known)
    for name in names:
        if name not in present:
            raise ColumnError(missing_column(name, present))


def carried(value: Any, dtype: str, column: str, what: str) -> Any:
    """A listed value in the form in which the column's values travel (columns.py); timestamps as microseconds.

    Raises ColumnError naming the column and `what` the value is ("category"), when the column can never hold it.
    """
    result = _FORMS[dtype](value) if dtype in _FORMS else None
    if result is None:
        needs = _NEEDS.get(dtype, "nothing that could be listed")
        raise ColumnError(f"Column '{column}' is {dtype}: a {what} of it must be {needs}; got {describe(value)}")
    return result


def _float64(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value) if float(value) == value else None


def _float32(value: Any) -> float | None:
    import numpy as np

    number = _float64(value)
    return number if number is not None and abs(number) < 3.4e38 and float(np.float32(number)) == number else None


def _int64(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value != int(value):
        return None
    return int(value) if -(2**63) < value < 2**63 else None


def _bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value != MISSING_STRING else None


def _timestamp(value: Any) -> int | None:
    return parse_timestamp(value) if isinstance(value, str) else None


_FORMS: Final = {
    "float64": _float64,
    "float32": _float32,
    "int64": _int64,
    "bool": _bool,
    "string": _string,
    "timestamp": _timestamp,
}


def to_json(value: Any, dtype: str) -> Scalar:
    """The inverse of `carried`: a column's value as JSON."""
    if dtype == "timestamp":
        return format_timestamp(int(value))
    item: Scalar = value.item() if hasattr(value, "item") else value
    return item


def present(series: pd.Series) -> Any:
    """The values of a canonical series that are not missing, in carrier form, as an array [k]."""
    from rtml_core.frames import dtype_word, to_carrier

    values = to_carrier(series[series.notna()], False)
    return values[values != NAT] if dtype_word(series) in ("timestamp", "timedelta") else values


def refuse_infinite(series: pd.Series, name: str) -> None:
    """Raise ColumnError when a canonical series of floats holds an infinite value, from which nothing can be learned."""
    import numpy as np

    if series.dtype.kind == "f" and (rows := np.flatnonzero(np.isinf(series.to_numpy()))).size:
        raise ColumnError(
            f"Column '{name}' is infinite in {rows.size:,} training rows (the first is row {rows[0]}), from which nothing can be"
            f" learned; drop them, or make them missing"
        )


def total(numbers: Any, name: str) -> float:
    """The correctly rounded sum of float64 numbers; raises ColumnError when float64 can't hold it."""
    try:
        return math.fsum(numbers)
    except OverflowError:
        raise ColumnError(
            f"Column '{name}' holds numbers so large that their sum is beyond float64; scale them down first"
        ) from None


def quantile(ordered: Any, share: float) -> float:
    """A quantile of float64 numbers in ascending order, as pandas interpolates: between the two numbers around it, linearly.

    The place of the quantile is (n - 1) * share. R. J. Hyndman, Y. Fan, Sample Quantiles in Statistical Packages (The
    American Statistician 50, 1996), definition 7.
    """
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.quantile(ordered, share))


def counts(series: pd.Series) -> list[tuple[Any, int]]:
    """Present values with how often they occur: the most frequent first, ties in ascending order."""
    import numpy as np

    values, numbers = np.unique(present(series), return_counts=True)
    pairs = zip(values.tolist(), numbers.tolist(), strict=True)
    return sorted(pairs, key=lambda pair: -pair[1])  # stable: unique() sorts


def plain(value: Any) -> Any:
    """numpy's scalars as Python's, in lists and objects too: `list(frame["n"].unique())` is a list of values."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value


def by_column(given: Any, cols: Sequence[str], parameter: str) -> dict[str, list[Any]] | None:
    """`given`, a list for the only column or an object of lists, as an object; None stays None. Raises ParamError."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in cols]
        if unknown:
            raise ParamError(f"parameter '{parameter}' must be about the columns in 'cols'; got '{unknown[0]}'")
        return {name: list(values) for name, values in given.items()}
    if len(cols) != 1:
        raise ParamError(f"parameter '{parameter}' must be an object of column names and lists for several columns; got one list")
    return {cols[0]: list(given)}


def check_listed(values: Mapping[str, Sequence[Any]] | None, parameter: str) -> None:
    """Raise ParamError for an empty list, a value that is no scalar, and one listed twice."""
    for column, listed in (values or {}).items():
        if not listed:
            raise ParamError(f"parameter '{parameter}' must list at least one value for '{column}'; got an empty list")
        for value in listed:
            if not isinstance(value, (str, int, float, bool)) or value != value:
                raise ParamError(
                    f"parameter '{parameter}' must list strings, numbers or booleans for '{column}'; got {describe(value)}."
                    f" Missing values are filled before, e.g. with FillMissing"
                )
        seen: set[Any] = set()
        for value in listed:
            if value in seen:
                raise ParamError(f"parameter '{parameter}' must list every value of '{column}' once; got {describe(value)} twice")
            seen.add(value)
