"""What a formula holds: a column that knows its dtype and its operators, and that refuses what can't be traced.

The same refusals hold when a formula runs on arrays and when it is traced, so that an author meets them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from rtml_core.errors import NotLowerableError

if TYPE_CHECKING:
    from rtml_core.lowering.namespace.calls import Namespace

BRANCH: Final = (
    "a formula can't branch on a value; use xp.where(condition, yes, no), and & | ~ for and, or, not: (a < x) & (x < b);"
    " xp.isin for in, xp.maximum for max"
)
_ROWS: Final = "a formula is row-wise: it sees one row, not the others of its column"
_TEXT: Final = (
    "a formula can't make text of a column as Python does; use xp.astype(x, 'string') and xp.strings.concat"
    " (to look at a column while authoring, print(repr(x)))"
)
_NUMBER: Final = (
    "a formula can't turn a column into a Python number, as float(), int() and functions of math do; keep to xp functions,"
    " e.g. xp.sin(x), xp.floor(x), xp.astype(x, 'int64')"
)
_KEY: Final = "a column can't be looked up in a dict or a set; use xp.lookup(x, {key: value}, default) or xp.isin(x, [values])"
#: attribute of numpy, pandas and str that people reach for -> what the namespace has
_CURES: Final = {
    "str": "use xp.strings.<name>(x)", "dt": "use xp.dates.<name>(x)", "fillna": "use xp.fill_missing(x, value)",
    "isna": "use xp.is_missing(x)", "isnull": "use xp.is_missing(x)", "notna": "use ~xp.is_missing(x)",
    "notnull": "use ~xp.is_missing(x)", "map": "use xp.lookup(x, {key: value}, default)",
    "get": "use xp.strings.get(x, position)",
    "apply": "write the function's steps with xp functions", "between": "use (low <= x) & (x <= high)",
    "mask": "use xp.where(condition, value, x)", "to_numpy": "keep to xp functions", "values": "keep to xp functions",
    "iloc": _ROWS, "loc": _ROWS, "index": _ROWS, "shape": _ROWS, "size": _ROWS, "ndim": _ROWS, "T": _ROWS, "flat": _ROWS,
    "replace": "use xp.strings.replace(x, old, new) for a part of a text, xp.lookup(x, {old: new}, x) for whole values",
    "days": "use xp.dates.total_seconds(x) // 86400",
    "_typ": "what asks is pandas, which can't take one: use the functions of xp, as xp.is_missing for pd.isna",
}  # fmt: skip
_OF_ROWS: Final = (
    "sum", "mean", "min", "max", "std", "var", "median", "any", "all", "argmin", "argmax", "cumsum", "cumprod", "prod", "sort",
    "sort_values", "shift", "diff", "rank", "rolling", "ffill", "bfill", "unique", "nunique", "value_counts", "quantile", "count",
    "groupby", "mode", "ptp", "argsort", "item", "tolist",
)  # fmt: skip
#: ufuncs behind the operators of numpy's scalars -> functions of the namespace
_OF_SCALARS: Final = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "true_divide": "divide",
    "floor_divide": "floor_divide", "remainder": "remainder", "power": "pow", "less": "less", "less_equal": "less_equal",
    "greater": "greater", "greater_equal": "greater_equal", "equal": "equal", "not_equal": "not_equal",
    "bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor",
}  # fmt: skip


def _refusing(reason: str) -> Callable[..., NoReturn]:
    def method(self: Any, *_: Any, **__: Any) -> NoReturn:
        raise NotLowerableError(reason)

    return method


class Value:
    """A column inside of a formula: N values of one dtype (see columns.DTYPES), of which some may be missing."""

    __slots__ = ()

    @property
    def dtype(self) -> str:
        """The column's dtype, a word of columns.DTYPES."""
        raise NotImplementedError

    @property
    def namespace(self) -> Namespace:
        """The namespace whose functions the operators are."""
        raise NotImplementedError

    def __neg__(self) -> Any:
        return self.namespace.negative(self)

    def __pos__(self) -> Any:
        return self.namespace.positive(self)

    def __abs__(self) -> Any:
        return self.namespace.abs(self)

    def __invert__(self) -> Any:
        return self.namespace.bitwise_invert(self)

    __bool__ = _refusing(BRANCH)
    __hash__ = _refusing(_KEY)
    __float__ = __int__ = __index__ = __complex__ = __floor__ = __ceil__ = __trunc__ = _refusing(_NUMBER)
    __round__ = _refusing("a formula rounds with xp.round(x, decimals)")
    __divmod__ = __rdivmod__ = _refusing("a formula has no divmod; use x // y and x % y")
    __matmul__ = __rmatmul__ = _refusing(f"{_ROWS}; write a product of few columns as a sum, x * 2.0 + y * 3.0")
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _refusing(
        "shifts of bits have no exact form; use x * 2**n, or x // 2**n, with whole numbers"
    )
    __str__ = __format__ = _refusing(_TEXT)
    __len__ = _refusing(f"{_ROWS}, and so has no length; for that of a text use xp.strings.length(x)")
    __iter__ = _refusing("a formula works on whole columns and can't loop over one, or unpack one")
    __contains__ = _refusing("a formula can't ask `in` of a column; use xp.strings.contains(x, text), or xp.isin(x, [values])")
    __setitem__ = _refusing("a formula can't assign to items of a column; use xp.where(condition, yes, no)")
    __delitem__ = _refusing(_ROWS)
    __getitem__ = _refusing(
        "a formula is row-wise and can't pick rows of a column; for a part of a text use xp.strings.slice(x, start, stop)"
    )
    __call__ = _refusing("a column is no function; keep to xp functions, e.g. xp.sin(x)")
    __array__ = _refusing("a numpy function was called on a column; call the one of the namespace: xp.<name>")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        scalar = any(isinstance(item, (np.generic, np.ndarray)) and item.ndim == 0 for item in inputs)
        if method == "__call__" and not options and scalar and ufunc.__name__ in _OF_SCALARS:
            return getattr(self.namespace, _OF_SCALARS[ufunc.__name__])(*inputs)
        if any(isinstance(item, np.ndarray) and item.ndim for item in inputs):
            raise NotLowerableError(
                "an array from outside met a column; a formula takes columns and single constants (searchsorted, interp, isin"
                " and lookup take tables of constants)"
            )
        raise NotLowerableError(_numpy(ufunc.__name__))

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise NotLowerableError(_numpy(function.__name__))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotLowerableError(_no_attribute(name))


def _numpy(name: str) -> str:
    from rtml_core.lowering.namespace.catalogue import unknown_function

    known, says = unknown_function(name)
    cure = f"call the one of the namespace: xp.{name}" if known else says
    return f"numpy's {name} was called on a column, which is no array; {cure}"


def _no_attribute(name: str) -> str:
    from rtml_core.lowering.namespace.catalogue import FUNCTIONS

    start = f"a column of a formula has no '{name}'; "
    if name in _CURES:
        return start + _CURES[name]
    if name in _OF_ROWS:
        return f"{start}{_ROWS}"
    for place in ("", "strings.", "dates."):
        if place + name in FUNCTIONS:
            return f"{start}use xp.{place}{name}(x)"
    return f"{start}use the functions of xp and operators"


def _operator(name: str, *, reflected: bool = False) -> Any:
    def method(self: Value, other: Any) -> Any:
        one, two = (other, self) if reflected else (self, other)
        return getattr(self.namespace, name)(one, two)

    return method


for _symbol, _function in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "pow", "mod": "remainder",
    "floordiv": "floor_divide", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}.items():  # fmt: skip
    setattr(Value, f"__{_symbol}__", _operator(_function))
    setattr(Value, f"__r{_symbol}__", _operator(_function, reflected=True))
for _symbol, _function in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(Value, f"__{_symbol}__", _operator(_function))
