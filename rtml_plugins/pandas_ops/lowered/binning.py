"""cut: numbers to bins, by one comparison with all edges at once."""

from __future__ import annotations

import math
import sys
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.symbolic import Symbolic, lookup, missing_of, new, value_of
from rtml_plugins.pandas_ops.folding import carried
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

_OPTIONS: Final = ("right", "labels", "include_lowest", "duplicates", "ordered", "precision")


def cut(call: Call) -> list[Symbolic]:
    """cut at given edges. The bin's number is a lookup's source, so that what follows (map, one-hot) folds into it."""
    bins = call.get("bins")
    if not isinstance(bins, list):
        raise NotLowerableError(
            f"cannot run in real time: {describe(bins)} equal bins need the smallest and the largest of all rows. Give"
            f" the edges as a list"
        )
    call.only("bins", "retbins", *_OPTIONS)
    if call.get("retbins"):
        raise NotLowerableError("retbins gives the edges beside the column; leave it out")
    return one_by_one(call, lambda column: _cut(call, column))


def _cut(call: Call, column: Symbolic) -> Symbolic:
    if column.dtype not in ("float64", "float32", "int64", "bool"):
        raise NotLowerableError(f"needs numbers; the column is {column.dtype}")
    if column.dtype == "bool" and column.nullable:
        raise NotLowerableError("pandas can't cut booleans that are missing; cast the column to float64 first")
    edges, whole = _edges(call, column)
    labels, dtype = _labels(call, edges)
    position = _position(call, column, edges, whole)
    # edges at both infinities hold every finite number
    everywhere = math.isinf(edges[0]) and math.isinf(edges[-1]) and column.finite and not column.nullable
    if not everywhere and dtype in ("int64", "bool"):
        labels, dtype = [float(label) for label in labels], "float64" if dtype == "int64" else "bool"
    missing = missing_of(carrier_of(dtype, True)) if dtype != "int64" else None
    table = dict(enumerate(labels, start=1))
    default = labels[0] if everywhere else missing
    nullable = not everywhere or any(_is(label, missing) for label in labels)
    categories = (
        tuple(dict.fromkeys(label for label in labels if not _is(label, missing))) if dtype in ("string", "int64") else None
    )
    return lookup(call.b, position, table, default, dtype, nullable=nullable, categories=categories)


def _is(value: Any, missing: Any) -> bool:
    return bool(value == missing) or (isinstance(value, float) and math.isnan(value))


def _edges(call: Call, column: Symbolic) -> tuple[list[Any], bool]:
    """The edges as pandas takes them: distinct, in order; and whether whole numbers are compared as such."""
    import numpy as np
    import pandas as pd

    bins = call.get("bins")
    if not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in bins) or len(bins) < 2:
        raise NotLowerableError(f"argument 'bins' must be a list of at least two numbers; got {describe(bins)}")
    try:
        _, made = pd.cut(
            pd.Series([], dtype="float64"), bins, labels=False, retbins=True, duplicates=call.get("duplicates", "raise")
        )
    except ValueError as error:
        raise NotLowerableError(f"pandas refuses the bins: {str(error).splitlines()[0]}") from None
    edges = np.asarray(made)
    whole = edges.dtype.kind in "iu" and column.dtype == "int64"
    return (edges.tolist() if whole else edges.astype(np.float64).tolist()), whole


def _labels(call: Call, edges: list[Any]) -> tuple[list[Any], str]:
    """The label of each bin in carrier form, and their dtype, read off pandas: one number inside each bin is cut."""
    import pandas as pd

    from rtml_core.errors import RtmlError
    from rtml_core.frames import canonical_series
    from rtml_plugins.pandas_ops.eager import plain

    options = {name: call.arguments[name] for name in _OPTIONS if name in call.arguments}
    inside = pd.Series(edges[1:] if options.get("right", True) else edges[:-1])
    try:
        values, dtype, _ = carried(canonical_series(plain(pd.cut(inside, call.get("bins"), **options)), "labels"))
    except (ValueError, TypeError, RtmlError) as error:
        raise NotLowerableError(f"pandas refuses the bins or labels: {str(error).splitlines()[0]}") from None
    return values, dtype


def _position(call: Call, column: Symbolic, edges: list[Any], whole: bool) -> Symbolic:
    """Number of edges below the value, int64: 0 left of all bins and where missing, the number of all edges right of them."""
    b = call.b
    right, carrier = call.get("right", True), "int64" if whole else "float64"
    compared = list(edges)
    if right and call.get("include_lowest"):
        compared[0] = edges[0] - 1 if whole else math.nextafter(edges[0], -math.inf)
    value = b.cast(value_of(b, column), carrier)
    if compared[0] == -math.inf and compared[0] is not edges[0] and not column.finite:
        # nothing lies below the lowest edge, so that -inf, which belongs to the first bin, has to lie above it
        value = b.op("Clip", value, b.const(-sys.float_info.max, "float64"), b.const(math.inf, "float64"))
    b.threshold(value, [float(edge) for edge in edges])
    above: ir.Value = b.op(
        "Greater" if right else "GreaterOrEqual", value, b.const([compared], carrier), dtype="bool", width=len(edges)
    )
    total = b.op("ReduceSum", b.cast(above, "int64"), b.const([1], "int64"), width=1, keepdims=1)
    beyond = len(edges)
    return new("int64", total, categories=tuple(range(beyond + 1)))
