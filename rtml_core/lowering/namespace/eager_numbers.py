"""Numbers on arrays, by numpy. Functions of the mathematical library compute in float64, float32 columns come back rounded."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace.eager import Array, ArrayEngine, EagerValue
from rtml_core.lowering.namespace.meeting import meet

_MAX_POWER: Final = 64


def number(value: Any, *, whole: bool = False) -> Any:
    """A column or constant as what numpy computes with; booleans that may be missing are floats. whole: booleans are 0, 1."""
    if not isinstance(value, EagerValue):
        return int(value) if whole and isinstance(value, bool) else value
    array = value.array
    if array.dtype == object:
        return np.array([np.nan if item is None else float(item) for item in array], dtype=np.float64)
    return array.astype(np.int64) if whole and array.dtype == bool else array


def _wholes(*values: Any) -> list[Any]:
    """What numpy computes with; booleans among themselves and with whole numbers count as 0 and 1 of int64."""
    floats = any(np.asarray(number(value)).dtype.kind == "f" for value in values)
    return [number(value, whole=not floats) for value in values]


def _elementwise(ufunc: Callable[..., Any], *, whole: bool = False) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, **arguments: Any) -> EagerValue:
        values = _wholes(*arguments.values()) if whole else [number(value) for value in arguments.values()]
        return engine.wrap(np.asarray(ufunc(*values)))

    return call


def _library(function: Callable[..., Any]) -> Callable[..., EagerValue]:
    """In float64; rounded to float32 where all columns are."""

    def call(engine: ArrayEngine, **arguments: Any) -> EagerValue:
        values = [number(value) for value in arguments.values()]
        narrow = {value.dtype for value in values if isinstance(value, np.ndarray) and value.shape} == {np.dtype(np.float32)}
        result = np.asarray(function(*(np.asarray(value, dtype=np.float64) for value in values)))
        return engine.wrap(result.astype(np.float32) if narrow else result)

    return call


def _kept_whole(ufunc: Callable[..., Any]) -> Callable[..., EagerValue]:
    """Whole numbers and booleans stay as they are."""

    def call(engine: ArrayEngine, x: Any) -> EagerValue:
        array = number(x)
        return engine.wrap(array if array.dtype.kind in "ib" else np.asarray(ufunc(array)))

    return call


def _divide(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
    return engine.wrap(np.asarray(np.divide(number(one), number(two))))


def _power(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
    base, exponent = _wholes(one, two)
    kinds = {np.asarray(base).dtype.kind, np.asarray(exponent).dtype.kind}
    if kinds == {"i"}:
        check_whole_power(
            None if isinstance(two, EagerValue) and two.array.shape != (1,) else int(np.asarray(exponent).ravel()[0])
        )
        return engine.wrap(np.power(base, exponent))
    narrow = (
        any(np.asarray(value).dtype == np.float32 for value in (base, exponent)) and np.result_type(base, exponent) == np.float32
    )
    constant = None if isinstance(two, EagerValue) else float(two)
    if constant == 0.5:  # numpy's own shortcut, which differs for -inf
        result = np.sqrt(np.asarray(base, dtype=np.float64))
    else:
        result = np.power(np.asarray(base, dtype=np.float64), np.asarray(exponent, dtype=np.float64))
    return engine.wrap(result.astype(np.float32) if narrow else result)


def check_whole_power(exponent: int | None) -> None:
    """Raise NotLowerableError for powers of whole numbers that wrap around or fail row by row; None: a column."""
    if exponent is None or not 0 <= exponent <= _MAX_POWER:
        shown = "a column" if exponent is None else exponent
        raise NotLowerableError(
            f"whole numbers take a constant exponent from 0 to {_MAX_POWER}; got {shown}. Make one of them a float, e.g. x * 1.0"
        )


def _negative(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap(np.negative(number(_no_booleans(x, "has no negative", "xp.logical_not"))))


def _no_booleans(x: Any, what: str, cure: str) -> Any:
    if x.dtype == "bool":
        raise NotLowerableError(f"a boolean {what} (numpy refuses it too); use {cure}")
    return x


def _sign(engine: ArrayEngine, x: Any) -> EagerValue:
    return engine.wrap(np.sign(number(x, whole=True)))


def _clip(engine: ArrayEngine, x: Any, min: Any = None, max: Any = None) -> EagerValue:  # the standard's names
    result = number(x)
    if min is not None:
        result = np.maximum(result, number(min))
    return engine.wrap(np.asarray(result if max is None else np.minimum(result, number(max))))


def _round(engine: ArrayEngine, x: Any, decimals: int = 0) -> EagerValue:
    array = number(x)
    if array.dtype.kind in "ib":
        if decimals < 0:
            raise NotLowerableError("whole numbers are rounded to tens with xp.round(x * 1.0, -1)")
        return engine.wrap(array)
    return engine.wrap(np.round(array, decimals))


def _copysign(engine: ArrayEngine, one: Any, two: Any) -> EagerValue:
    dtype: Any = np.float32 if meet(one, two, "xp.copysign") == "float32" else np.float64
    size, sign = (np.asarray(number(value), dtype=dtype) for value in (one, two))
    # the sign of NaN, which depends on the machine, counts as positive
    return engine.wrap(np.copysign(size, np.where(np.isnan(sign), dtype(1), sign)))


def _tested(test: Callable[..., Any]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any) -> EagerValue:
        return engine.wrap(test(number(x, whole=True)))

    return call


def _signbit(engine: ArrayEngine, x: Any) -> EagerValue:
    array = number(x, whole=True)
    return engine.wrap(np.signbit(array) & ~np.isnan(array) if array.dtype.kind == "f" else array < 0)


def _nan_to_num(engine: ArrayEngine, x: Any, nan: Any, posinf: Any, neginf: Any) -> EagerValue:
    array = number(x)
    return engine.wrap(np.nan_to_num(array, nan=nan, posinf=posinf, neginf=neginf) if array.dtype.kind == "f" else array)


def _like(fill: Any) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any) -> EagerValue:
        return engine.wrap(np.full_like(number(x), fill))

    return call


def _searchsorted(engine: ArrayEngine, edges: Any, x: Any, side: str) -> EagerValue:
    return engine.wrap(np.searchsorted(np.array(rising(edges)), number(x, whole=True).astype(np.float64), side=check_side(side)))


def check_side(side: str) -> Any:
    """ "left" or "right", or NotLowerableError."""
    if side not in ("left", "right"):
        raise NotLowerableError(f"xp.searchsorted: side must be 'left' or 'right'; got {side!r}")
    return side


def rising(edges: Any, name: str = "xp.searchsorted") -> list[float]:
    """Constant edges as floats, or NotLowerableError unless they are finite numbers that rise."""
    numbers = numbers_of(edges, name)
    if not all(np.isfinite(numbers)) or any(two < one for one, two in pairwise(numbers)):
        raise NotLowerableError(f"{name}: the edges must be finite numbers that rise; got {list(edges)!r}")
    return numbers


def numbers_of(values: Any, name: str) -> list[float]:
    """A list of constant numbers as floats, at least one; or NotLowerableError."""
    values = list(values)
    if not values or not all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        raise NotLowerableError(f"{name}: needs a list of constant numbers, at least one; got {values!r}")
    return [float(value) for value in values]


def _digitize(engine: ArrayEngine, x: Any, edges: Any, right: bool) -> EagerValue:
    return engine.wrap(np.digitize(number(x, whole=True).astype(np.float64), rising(edges, "xp.digitize"), right=right))


def _interp(engine: ArrayEngine, x: Any, points: Any, values: Any) -> EagerValue:
    check_interp(points, values)
    return engine.wrap(np.interp(number(x, whole=True).astype(np.float64), points, values))


def check_interp(points: Any, values: Any) -> tuple[list[float], list[float]]:
    """Points that rise strictly and as many finite values, or NotLowerableError."""
    one, two = rising(points, "xp.interp"), numbers_of(values, "xp.interp")
    usable = len(one) == len(two) and len(set(one)) == len(one) and all(np.isfinite(two))
    with np.errstate(over="ignore"):
        usable = usable and bool(np.isfinite(np.diff(two) / np.diff(one)).all())
    if not usable:
        raise NotLowerableError("xp.interp: needs points that rise strictly, as many finite values, and finite slopes")
    return one, two


def _polyval(engine: ArrayEngine, coefficients: Any, x: Any) -> EagerValue:
    return engine.wrap(np.polyval(numbers_of(coefficients, "xp.polyval"), number(x, whole=True).astype(np.float64)))


FUNCTIONS: Final[dict[str, Callable[..., EagerValue]]] = {
    "divide": _divide,
    "floor_divide": _elementwise(np.floor_divide, whole=True),
    "remainder": _elementwise(np.remainder, whole=True),
    "pow": _power,
    "positive": lambda engine, x: _no_booleans(x, "has no sign", "xp.astype(x, 'int64')"),
    "abs": _elementwise(np.abs),
    "negative": _negative,
    "sign": _sign,
    "square": _elementwise(np.square, whole=True),
    "sqrt": _library(np.sqrt),
    "reciprocal": _library(np.reciprocal),
    "hypot": _library(np.hypot),
    "maximum": _elementwise(np.maximum),
    "minimum": _elementwise(np.minimum),
    "fmax": _elementwise(np.fmax),
    "fmin": _elementwise(np.fmin),
    "clip": _clip,
    **{
        name: _library(getattr(np, name))
        for name in (
            "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "sin", "cos", "tan", "sinh", "cosh", "tanh",
            "radians", "degrees",
        )
    },
    **{
        name: _library(getattr(np, numpy))
        for name, numpy in (
            ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"), ("atan2", "arctan2"), ("asinh", "arcsinh"),
            ("acosh", "arccosh"), ("atanh", "arctanh"),
        )
    },
    "floor": _kept_whole(np.floor),
    "ceil": _kept_whole(np.ceil),
    "trunc": _kept_whole(np.trunc),
    "round": _round,
    "copysign": _copysign,
    "signbit": _signbit,
    "isnan": _tested(np.isnan),
    "isinf": _tested(np.isinf),
    "isfinite": _tested(np.isfinite),
    "nan_to_num": _nan_to_num,
    "zeros_like": _like(0),
    "ones_like": _like(1),
    "searchsorted": _searchsorted,
    "digitize": _digitize,
    "interp": _interp,
    "polyval": _polyval,
}  # fmt: skip


def add(one: Any, two: Any) -> Array:
    """numpy's sum of numbers; booleans are joined by or."""
    return np.asarray(np.add(number(one), number(two)))


def subtract(one: Any, two: Any) -> Array:
    """numpy's difference of numbers."""
    values = number(one), number(two)
    if all(np.asarray(value).dtype == bool for value in values):
        raise NotLowerableError("booleans can't be subtracted (numpy refuses it too); use xp.logical_and and xp.logical_not")
    return np.asarray(np.subtract(*values))


def multiply(one: Any, two: Any) -> Array:
    """numpy's product of numbers."""
    return np.asarray(np.multiply(number(one), number(two)))
