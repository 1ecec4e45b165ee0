"""Arithmetic of timestamps and timedeltas: int64 microseconds, the smallest int64 is missing (NaT)."""

from __future__ import annotations

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block, propagate, tensor_of
from rtml_core.lowering.builder import Builder

#: (left, operation, right) -> dtype of the result
_RESULTS = {
    ("timestamp", "sub", "timestamp"): "timedelta",
    ("timestamp", "sub", "timedelta"): "timestamp",
    ("timestamp", "add", "timedelta"): "timestamp",
    ("timedelta", "add", "timestamp"): "timestamp",
    ("timedelta", "add", "timedelta"): "timedelta",
    ("timedelta", "sub", "timedelta"): "timedelta",
    ("timedelta", "mul", "int64"): "timedelta",
    ("int64", "mul", "timedelta"): "timedelta",
    ("timedelta", "truediv", "timedelta"): "float64",
}
_OPS = {"add": "Add", "sub": "Sub", "mul": "Mul"}


def time_binary(b: Builder, name: str, one: Block, two: Block) -> Block:
    """one <name> two where a timestamp or a timedelta takes part; missing in, missing out."""
    dtype = _RESULTS.get((one.dtype, name, two.dtype))
    if dtype is None:
        raise NotLowerableError(
            f"'{name}' of a {one.dtype} and a {two.dtype} is not available; turn times into numbers first, e.g. dt.total_seconds"
        )
    nullable = one.nullable or two.nullable
    if dtype == "float64":
        x, y = tensor_of(b, one, "float64"), tensor_of(b, two, "float64")
        return Block("float64", propagate(b, b.op("Div", x, y), "float64", one, two), True, False)
    result = b.op(_OPS[name], tensor_of(b, one, "int64"), tensor_of(b, two, "int64"))
    return Block(dtype, propagate(b, result, "int64", *(x for x in (one, two) if x.dtype != "int64")), nullable)
