"""Numbers as ONNX, and what is known of each answer: whether it may be NaN, whether it may be infinite."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import elementary
from rtml_core.lowering.blocks import Block, tensor_of
from rtml_core.lowering.builder import dtype_of
from rtml_core.lowering.division import floordiv, mod
from rtml_core.lowering.namespace.eager_numbers import check_whole_power
from rtml_core.lowering.namespace.meeting import FLOATS, meet
from rtml_core.lowering.numeric import power as whole_power
from rtml_core.lowering.numeric import rounded
from rtml_core.lowering.symbolic import where
from rtml_core.lowering.traced import Traced, Tracer

#: (nullable, finite) of an answer in floats, from that of its operands
Known = Callable[..., tuple[bool, bool]]
_LARGEST: Final = {"float64": 1.7976931348623157e308, "float32": 3.4028234663852886e38}


def number(value: Any) -> Any:
    """A column as one of numbers: booleans that may be missing are floats. Constants stay."""
    if isinstance(value, Traced) and value.dtype == "bool" and value.nullable:
        return Traced(value.tracer, value.tracer.b.cast(value.value, "float64"), nullable=True, finite=True)
    return value


def whole(value: Any) -> Any:
    """Booleans as whole numbers."""
    value = number(value)
    if isinstance(value, Traced) and value.dtype == "bool":
        return Traced(value.tracer, value.tracer.b.cast(value.value, "int64"))
    return int(value) if isinstance(value, bool) else value


def wholes(*values: Any) -> list[Any]:
    """Columns of numbers; booleans among themselves and with whole numbers are whole numbers."""
    numbers = [number(value) for value in values]
    if any((x.dtype if isinstance(x, Traced) else type(x).__name__) in (*FLOATS, "float") for x in numbers):
        return numbers
    return [whole(x) for x in numbers]


def nan_of(value: Any) -> bool:
    """Whether an operand may be NaN."""
    return value.nullable if isinstance(value, Traced) else isinstance(value, float) and math.isnan(value)


def finite_of(value: Any) -> bool:
    """Whether no row of an operand is infinite, in float32 neither."""
    if isinstance(value, Traced):
        return value.finite
    return not isinstance(value, float) or math.isnan(value) or abs(value) <= _LARGEST["float32"]


def _is(value: Any, test: Callable[[float], bool]) -> bool:
    return not isinstance(value, Traced) and test(float(value))


def _keeps(*xs: Any) -> tuple[bool, bool]:
    return any(map(nan_of, xs)), all(map(finite_of, xs))


def _grows(*xs: Any) -> tuple[bool, bool]:
    return any(map(nan_of, xs)), False


def _bounded(*xs: Any) -> tuple[bool, bool]:
    return any(map(nan_of, xs)), True


def _waves(x: Any) -> tuple[bool, bool]:
    return nan_of(x) or not finite_of(x), True


def _partial(*xs: Any) -> tuple[bool, bool]:
    return True, False


def _root(x: Any) -> tuple[bool, bool]:
    return True, finite_of(x)


def _sum(one: Any, two: Any) -> tuple[bool, bool]:
    return nan_of(one) or nan_of(two) or not (finite_of(one) or finite_of(two)), False


def _product(one: Any, two: Any) -> tuple[bool, bool]:
    steady = any(_is(x, lambda value: value != 0 and math.isfinite(value)) for x in (one, two))
    finite = finite_of(one) and finite_of(two)
    return nan_of(one) or nan_of(two) or not (finite or steady), finite and any(_is(x, lambda v: abs(v) <= 1) for x in (one, two))


def _quotient(one: Any, two: Any) -> tuple[bool, bool]:
    plain = _is(two, lambda value: value != 0 and math.isfinite(value))
    return nan_of(one) or not plain, plain and finite_of(one) and abs(two) >= 1


def _either(one: Any, two: Any) -> tuple[bool, bool]:
    return nan_of(one) and nan_of(two), finite_of(one) and finite_of(two)


def told(tracer: Tracer, value: ir.Value, known: tuple[bool, bool]) -> Traced:
    """A tensor of numbers with what is known of it, where it is one of floats."""
    if dtype_of(value) not in FLOATS:
        return Traced(tracer, value)
    return Traced(tracer, value, nullable=known[0], finite=known[1])


def _plain(method: str, known: Known, *, booleans: bool = True) -> Callable[..., Traced]:
    """A method of the tracer that follows numpy's promotion."""

    def call(tracer: Tracer, **arguments: Any) -> Traced:
        if booleans:
            _no_masked_pair(method, arguments)
        values = [number(x) for x in arguments.values()] if booleans else wholes(*arguments.values())
        return told(tracer, getattr(tracer, method)(*values).value, known(*values))

    return call


def _no_masked_pair(name: str, arguments: dict[str, Any]) -> None:
    columns = [x for x in arguments.values() if x is not None]
    masked = any(isinstance(x, Traced) and x.dtype == "bool" and x.nullable for x in columns)
    if masked and all((x.dtype if isinstance(x, Traced) else type(x).__name__) == "bool" for x in columns):
        raise NotLowerableError(
            f"xp.{name} of booleans that may be missing has no exact form; fill them, xp.fill_missing(p, False), or cast them,"
            f" xp.astype(p, 'float64')"
        )


def _library(method: str | Callable[..., ir.Value], known: Known) -> Callable[..., Traced]:
    """In float64; rounded to float32 where all columns are."""

    def call(tracer: Tracer, **arguments: Any) -> Traced:
        values = [number(x) for x in arguments.values()]
        narrow = {x.dtype for x in values if isinstance(x, Traced)} == {"float32"}
        doubles = [tracer.b.cast(tracer.lift(x).value, "float64") for x in values]
        made = (
            getattr(tracer, method)(*(Traced(tracer, x) for x in doubles)).value
            if isinstance(method, str)
            else method(tracer.b, *doubles)
        )
        nullable, finite = known(*values)
        if narrow:
            made, finite = tracer.b.cast(made, "float32"), finite and known in (_waves, _bounded)
        return told(tracer, made, (nullable, finite))

    return call


# ---- arithmetic -------------------------------------------------------------------------------------------------------------


def _division(divide: Callable[..., Block]) -> Callable[..., Traced]:
    def call(tracer: Tracer, one: Any, two: Any) -> Traced:
        one, two = wholes(one, two)
        dtype = meet(one, two, "division")
        divisor = _cast(tracer, two, dtype)
        # of a constant 0 numpy makes something else than pandas, which the division of scalars follows
        if isinstance(one, Traced) and not isinstance(two, Traced) and not (dtype == "int64" and two == 0):
            exact = int(two) if dtype == "int64" else float(two)
            divisor = Block("int64" if dtype == "int64" else "float64", None, nan_of(two), finite_of(two), exact)
        made = divide(tracer.b, _cast(tracer, one, dtype), divisor, numpy_zero=True)
        known = made.nullable or not finite_of(one), made.finite and finite_of(one)
        return told(tracer, tensor_of(tracer.b, made, made.dtype), known)

    return call


def _cast(tracer: Tracer, value: Any, dtype: str) -> Block:
    lifted = tracer.lift(value)
    return Block(dtype, tracer.b.cast(lifted.value, dtype), nan_of(value), finite_of(value))


def _power(tracer: Tracer, one: Any, two: Any) -> Traced:
    one, two = wholes(one, two)
    dtype = meet(one, two, "xp.pow")
    if dtype == "int64":
        check_whole_power(None if isinstance(two, Traced) else int(two))
        if not isinstance(one, Traced):
            raise NotLowerableError(
                "a whole number to the power of a column wraps around; write the base as a float, e.g. 2.0 ** x"
            )
        made = whole_power(tracer.b, Block("int64", one.value), Block("int64", value=int(two)))
        return Traced(tracer, tensor_of(tracer.b, made, "int64"))
    a, c = (tracer.b.cast(tracer.lift(x).value, "float64") for x in (one, two))
    if not isinstance(two, Traced) and two == 2:
        tensor, known = tracer.b.op("Mul", a, a), _grows(one)
    elif not isinstance(two, Traced) and two == 0.5:
        tensor, known = tracer.b.op("Sqrt", a), _root(one)
    else:
        steady = _is(two, lambda value: value.is_integer() and value >= 0)
        tensor, known = tracer.b.op("Pow", a, c), (_grows(one) if steady else _partial())
    return told(tracer, tracer.b.cast(tensor, dtype), known)


def _round(tracer: Tracer, x: Any, decimals: int) -> Traced:
    x = number(x)
    if x.dtype not in FLOATS:
        if decimals < 0:
            raise NotLowerableError("whole numbers are rounded to tens with xp.round(x * 1.0, -1)")
        return x  # type: ignore[no-any-return]
    made = rounded(tracer.b, Block(x.dtype, x.value, x.nullable, x.finite), decimals)
    return told(tracer, tensor_of(tracer.b, made, x.dtype), (x.nullable or decimals != 0, made.finite))


def _clip(tracer: Tracer, x: Any, min: Any, max: Any) -> Traced:  # the standard's names
    if not isinstance(number(x), Traced):
        x = tracer.lift(x)
    result = x
    for name, bound in (("maximum", min), ("minimum", max)):
        if bound is not None:
            result = FUNCTIONS[name](tracer, one=result, two=bound)
    if result.dtype in FLOATS and min is not None and max is not None and finite_of(min) and finite_of(max):
        result.finite = True
    return number(result)  # type: ignore[no-any-return]


def _fewest_nan(name: str) -> Callable[..., Traced]:
    """fmax, fmin: the other where one is NaN."""

    def call(tracer: Tracer, one: Any, two: Any) -> Traced:
        plain: Traced = FUNCTIONS[name](tracer, one=one, two=two)
        if plain.dtype not in FLOATS:
            return plain
        one, two = number(one), number(two)
        a, c = tracer._pair(one, two)
        made = plain.value
        for x, other, given in ((a, c, one), (c, a, two)):
            if nan_of(given):
                made = where(tracer.b, tracer.b.op("IsNaN", x, dtype="bool"), other, made)
        return told(tracer, made, _either(one, two))

    return call


def _positive(tracer: Tracer, x: Any) -> Any:
    if x.dtype == "bool":
        raise NotLowerableError("a boolean has no sign (numpy refuses it too); use xp.astype(x, 'int64')")
    return x


# ---- signs and tests --------------------------------------------------------------------------------------------------------


def _signbit(tracer: Tracer, x: Any) -> Traced:
    x = whole(x)
    if x.dtype == "int64":
        return tracer.lt(x, 0)
    return Traced(tracer, elementary.negative(tracer.b, x.value))


def _copysign(tracer: Tracer, one: Any, two: Any) -> Traced:
    one, two = number(one), number(two)
    dtype = meet(one, two, "xp.copysign")
    dtype = dtype if dtype in FLOATS else "float64"
    a, c = (tracer.b.cast(tracer.lift(x).value, dtype) for x in (one, two))
    made = tracer.b.op("Mul", tracer.b.op("Abs", a), elementary.signs(tracer.b, c))
    return told(tracer, made, (nan_of(one), finite_of(one)))


def _test(method: str) -> Callable[..., Traced]:
    def call(tracer: Tracer, x: Any) -> Traced:
        made: Traced = getattr(tracer, method)(number(x))
        return made

    return call


def _nan_to_num(tracer: Tracer, x: Any, nan: Any, posinf: Any, neginf: Any) -> Traced:
    x = number(x)
    if x.dtype not in FLOATS:
        return x  # type: ignore[no-any-return]
    b, made = tracer.b, x.value
    largest = _LARGEST[x.dtype]
    ends = ((math.inf, largest if posinf is None else posinf), (-math.inf, -largest if neginf is None else neginf))
    if x.nullable:
        made = where(b, b.op("IsNaN", x.value, dtype="bool"), b.const([[float(nan)]], x.dtype), made)
    for end, by in () if x.finite else ends:
        hit = b.op("Equal", x.value, b.const([[end]], x.dtype), dtype="bool")
        made = where(b, hit, b.const([[float(by)]], x.dtype), made)
    replacing = [float(by) for by in (nan, *(by for _, by in ends))]
    given = [float(by) for by in (nan, posinf, neginf) if by is not None]
    return told(tracer, made, (any(map(math.isnan, replacing)), all(map(finite_of, given))))


def _like(fill: int) -> Callable[..., Traced]:
    def call(tracer: Tracer, x: Any) -> Traced:
        dtype = number(x).dtype
        return told(tracer, tracer.b.const([[fill]], dtype), (False, True))

    return call


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "add": _plain("add", _sum),
    "subtract": _plain("subtract", _sum),
    "multiply": _plain("multiply", _product),
    "divide": _plain("divide", _quotient, booleans=False),
    "floor_divide": _division(floordiv),
    "remainder": _division(mod),
    "pow": _power,
    "negative": _plain("negative", _keeps),
    "positive": _positive,
    "abs": _plain("abs", _keeps),
    "sign": _plain("sign", _bounded, booleans=False),
    "square": _plain("square", _grows, booleans=False),
    "maximum": _plain("maximum", _keeps),
    "minimum": _plain("minimum", _keeps),
    "floor": _plain("floor", _keeps),
    "ceil": _plain("ceil", _keeps),
    "trunc": _plain("trunc", _keeps),
    "fmax": _fewest_nan("maximum"),
    "fmin": _fewest_nan("minimum"),
    "clip": _clip,
    "round": _round,
    "sqrt": _library("sqrt", _root),
    "reciprocal": _library("reciprocal", _grows),
    "hypot": _library("hypot", _grows),
    "exp": _library("exp", _grows),
    "exp2": _library(elementary.exp2, _grows),
    "expm1": _library("expm1", _grows),
    "log": _library("log", _partial),
    "log1p": _library("log1p", _partial),
    "log2": _library(elementary.log2, _partial),
    "log10": _library(elementary.log10, _partial),
    "logaddexp": _library(elementary.logaddexp, _grows),
    "sin": _library("sin", _waves),
    "cos": _library("cos", _waves),
    "tan": _library("tan", _partial),
    "asin": _library("arcsin", _partial),
    "acos": _library("arccos", _partial),
    "atan": _library("arctan", _bounded),
    "atan2": _library(elementary.arctan2, _bounded),
    "sinh": _library("sinh", _grows),
    "cosh": _library("cosh", _grows),
    "tanh": _library("tanh", _bounded),
    "asinh": _library(elementary.arcsinh, _keeps),
    "acosh": _library(elementary.arccosh, _partial),
    "atanh": _library(elementary.arctanh, _partial),
    "radians": _library("radians", _keeps),
    "degrees": _library("degrees", _grows),
    "copysign": _copysign,
    "signbit": _signbit,
    "isnan": _test("isnan"),
    "isinf": _test("isinf"),
    "isfinite": _test("isfinite"),
    "nan_to_num": _nan_to_num,
    "zeros_like": _like(0),
    "ones_like": _like(1),
}
