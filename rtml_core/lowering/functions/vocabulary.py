"""What a readable function may call: built-in functions, functions of math, methods of texts, attributes of times.

Each entry is name -> (least, most) number of arguments; None: any number.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

#: functions of a tree's "call", under the names that the tree uses
CALLS: Final[Mapping[str, tuple[int, int | None]]] = {
    "abs": (1, 1), "len": (1, 1), "min": (1, None), "max": (1, None), "round": (1, 2), "int": (1, 1), "float": (1, 1),
    "str": (1, 1), "bool": (1, 1), "isna": (1, 1),
    "math.exp": (1, 1), "math.log": (1, 2), "math.log2": (1, 1), "math.log10": (1, 1), "math.log1p": (1, 1), "math.expm1": (1, 1),
    "math.sqrt": (1, 1), "math.sin": (1, 1), "math.cos": (1, 1), "math.tan": (1, 1), "math.asin": (1, 1), "math.acos": (1, 1),
    "math.atan": (1, 1), "math.sinh": (1, 1), "math.cosh": (1, 1), "math.tanh": (1, 1), "math.floor": (1, 1),
    "math.ceil": (1, 1), "math.trunc": (1, 1), "math.fabs": (1, 1), "math.isnan": (1, 1), "math.isinf": (1, 1),
    "math.isfinite": (1, 1), "math.radians": (1, 1), "math.degrees": (1, 1), "math.pow": (2, 2),
}  # fmt: skip

#: calls whose compiled form agrees with Python to a few units in the last place, not bit by bit
LIBRARY: Final = frozenset(
    f"math.{name}"
    for name in (
        "exp", "log", "log2", "log10", "log1p", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
        "pow",
    )
)  # fmt: skip

#: methods of a text
METHODS: Final[Mapping[str, tuple[int, int | None]]] = {
    "lower": (0, 0), "upper": (0, 0), "strip": (0, 1), "lstrip": (0, 1), "rstrip": (0, 1), "startswith": (1, 1),
    "endswith": (1, 1), "replace": (2, 3), "removeprefix": (1, 1), "removesuffix": (1, 1), "split": (0, 2), "zfill": (1, 1),
    "ljust": (1, 2), "rjust": (1, 2), "center": (1, 2), "isalnum": (0, 0), "isalpha": (0, 0), "isdecimal": (0, 0),
    "isdigit": (0, 0), "isnumeric": (0, 0), "isspace": (0, 0), "isupper": (0, 0), "islower": (0, 0), "istitle": (0, 0),
    "isascii": (0, 0),
    # of a dict of constants
    "get": (1, 2),
}  # fmt: skip

#: binary operators and comparisons, and what computes them
BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv, "%": operator.mod,
    "**": operator.pow,
}  # fmt: skip
COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "is": operator.is_, "is not": operator.is_not,
    "in": lambda one, two: one in two, "not in": lambda one, two: one not in two,
}  # fmt: skip
UNARY: Final = ("-", "+", "not")
#: kinds that isinstance may ask for
KINDS: Final[Mapping[str, type]] = {"str": str, "int": int, "float": float, "bool": bool}
QUANTIFIERS: Final[Mapping[str, Callable[[Any], Any]]] = {"any": any, "all": all, "sum": sum, "min": min, "max": max}
#: exceptions that a function may raise
ERRORS: Final[Mapping[str, type[Exception]]] = {
    name: getattr(builtins, name)
    for name in (
        "ArithmeticError", "AssertionError", "Exception", "IndexError", "KeyError", "LookupError", "NotImplementedError",
        "OverflowError", "RuntimeError", "TypeError", "ValueError", "ZeroDivisionError",
    )
}  # fmt: skip


def python_call(name: str) -> Callable[..., Any]:
    """The Python function behind a name of CALLS."""
    if name == "isna":
        return lambda value: value is None or (isinstance(value, float) and value != value)
    module, _, short = name.rpartition(".")
    found: Callable[..., Any] = getattr(math if module else builtins, short)
    return found


def callables() -> dict[int, str]:
    """Identity of every Python function that a tree may call -> its name in CALLS. numpy and pandas bring isnan and isna."""
    import sys

    found = {id(python_call(name)): name for name in CALLS if name != "isna"}
    pandas, numpy = sys.modules.get("pandas"), sys.modules.get("numpy")
    if pandas is not None:
        found.update({id(pandas.isna): "isna", id(pandas.isnull): "isna"})
    if numpy is not None:
        found[id(numpy.isnan)] = "math.isnan"
    return found
