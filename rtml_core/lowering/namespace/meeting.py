"""The dtype in which two operands meet: numpy 2's promotion, in which a constant takes the dtype of the column."""

from __future__ import annotations

from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace.scalars import dtype_of_constant
from rtml_core.lowering.namespace.values import Value

FLOATS: Final = ("float64", "float32")
NUMBERS: Final = (*FLOATS, "int64", "bool")
_RANK: Final = {"bool": 0, "int64": 1, "float64": 2}


def dtype_of_operand(value: Any) -> str | None:
    """The dtype of a column, or that of a constant by itself; None for None."""
    return value.dtype if isinstance(value, Value) else dtype_of_constant(value)


def meet(one: Any, two: Any, what: str) -> str:
    """The dtype that holds values of both, columns or plain constants; `what` names the function in a refusal.

    None, a missing value, takes the dtype of the other, and that of whole numbers is float64 then.
    """
    first, second = dtype_of_operand(one), dtype_of_operand(two)
    if first is None or second is None:
        found = first or second
        if found is None:
            raise NotLowerableError(f"{what} has only missing values to choose from; give one of them a column or a constant")
        return "float64" if found == "int64" else found
    if first == second:
        return first
    if first not in NUMBERS or second not in NUMBERS:
        cure = " (write a time as datetime.datetime(2024, 1, 31))" if {first, second} == {"timestamp", "string"} else ""
        raise NotLowerableError(
            f"{what}: {_a(first)} and {_a(second)} do not go together; give both one kind first, e.g. by xp.astype{cure}"
        )
    if "float32" not in (first, second):
        return max(first, second, key=_RANK.__getitem__)
    other, value = (second, two) if first == "float32" else (first, one)
    return "float32" if other == "bool" or not isinstance(value, Value) else "float64"


def _a(dtype: str) -> str:
    return f"an {dtype}" if dtype[0] in "aeiou" else f"a {dtype}"
