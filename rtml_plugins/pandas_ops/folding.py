"""A method on a column that came out of a lookup is the same lookup with other values: pandas computes them, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.columns import carrier_of
from rtml_core.errors import RtmlError
from rtml_core.frames import canonical_series, dtype_word, from_carrier, to_carrier
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, lookup, missing_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.pandas_ops.lower import Call


def series_of(values: Sequence[Any], symbolic: Symbolic, name: str) -> pd.Series:
    """Values in a column's carrier form as a canonical series."""
    import numpy as np
    import pandas as pd

    carrier = symbolic.carrier
    array = np.array(values, dtype=object if carrier == "string" else carrier)
    return canonical_series(pd.Series(from_carrier(array, symbolic.dtype), name=name), name)


def by_pandas(call: Call, column: str, symbolic: Symbolic, values: Sequence[Any]) -> pd.Series | None:
    """The method on these values of a column (carrier form), computed by pandas; None where pandas refuses them."""
    import warnings

    import numpy as np
    import pandas as pd

    from rtml_plugins.pandas_ops.eager import on_series, plain

    series = series_of(values, symbolic, column)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            result = plain(on_series(call.node, series.to_frame(), series))
            if not isinstance(result, pd.Series) or len(result) != len(series):
                return None
            return canonical_series(result, column)
    except (RtmlError, ValueError, TypeError, ArithmeticError, AttributeError, KeyError):
        return None


def carried(series: pd.Series) -> tuple[list[Any], str, bool]:
    """A canonical series in carrier form, as Python values; its dtype; whether a value is missing."""
    nullable = bool(series.isna().any())
    dtype = dtype_word(series)
    return to_carrier(series, nullable and dtype == "bool").tolist(), dtype, nullable


def is_finite(values: Sequence[Any], dtype: str) -> bool:
    """Whether none of the values is infinite."""
    import math

    return dtype not in ("float64", "float32") or not any(math.isinf(v) for v in values)


def fold(call: Call, column: str, symbolic: Symbolic) -> Symbolic | None:
    """The result of an elementwise method as a lookup over the column's own source; None when it has none to fold into."""
    from rtml_plugins.pandas_ops.arguments import refers_to_columns

    found = symbolic.lookup
    if found is None or found.default is IDENTITY or refers_to_columns(call.name, call.node.bound):
        return None
    keys = list(found.table)
    result = by_pandas(call, column, symbolic, [*(found.table[key] for key in keys), found.default])
    if result is None:
        return None
    values, dtype, nullable = carried(result)
    if not _has_kernel(found.source.carrier, carrier_of(dtype, nullable)):
        return None
    table = dict(zip(keys, values[:-1], strict=True))
    finite = is_finite(values, dtype)
    return lookup(
        call.b, found.source, table, values[-1], dtype, nullable=nullable, finite=finite, categories=_kinds(values, dtype)
    )


def _kinds(values: Sequence[Any], dtype: str) -> tuple[Any, ...] | None:
    """All values, in order, of a text or whole-number column."""
    if dtype not in ("string", "int64"):
        return None
    missing = missing_of(dtype) if dtype == "string" else None
    return tuple(dict.fromkeys(v for v in values if v != missing))


def _has_kernel(source: str, target: str) -> bool:
    """onnxruntime's LabelEncoder takes text, int64 and float64, and has no way from float64 to float32."""
    return source in ("string", "int64", "float64") and (source, target) != ("float64", "float32")
