"""New columns out of numbers: functions, powers and products, selections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError, listing
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.sklearn_ops.convert.packing import accepts_missing, numbers, pack
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts
from rtml_plugins.sklearn_ops.convert.tree_ensemble import constant

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_SELECTORS = (
    *("SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect", "VarianceThreshold"),
    *("SelectFromModel", "RFE", "RFECV", "SequentialFeatureSelector"),
)


@converts(*(f"sklearn.feature_selection.{name}" for name in _SELECTORS))
def selector(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The chosen columns, untouched: no node at all."""
    numbers(b, columns, estimator, missing=accepts_missing(estimator))
    return columns.pick(int(i) for i in np.flatnonzero(estimator.get_support()))


@converts("sklearn.preprocessing.PolynomialFeatures")
def polynomial(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """Products of columns; a product of degree d is one of degree d - 1 times a column, multiplied in scikit-learn's order."""
    numbers(b, columns, estimator, missing=False)
    powers = [tuple(int(p) for p in row) for row in estimator.powers_]
    packed = pack(b, columns, extras=False)
    place: dict[tuple[int, ...], tuple[ir.Value, int]] = {
        _unit(i, len(columns)): (packed.value, slot) for i, slot in enumerate(packed.at)
    }
    for degree in range(2, max((sum(row) for row in powers), default=0) + 1):
        _products(b, packed.value, packed.at, _needed(powers, degree), place)
    result = []
    for row in powers:
        if not any(row):
            result.append(Symbolic("float64", constant(b, packed.value, 1.0)))
        else:
            result.append(Symbolic("float64", *place[row]))
    return result


def _unit(i: int, count: int) -> tuple[int, ...]:
    return tuple(int(j == i) for j in range(count))


def _needed(powers: list[tuple[int, ...]], degree: int) -> list[tuple[int, ...]]:
    """Products of this degree that are outputs, or on the way to an output of a higher degree."""
    found: dict[tuple[int, ...], None] = {}
    for row in powers:
        while sum(row) > degree:
            row = _without(row)[1]
        if sum(row) == degree:
            found[row] = None
    return list(found)


def _without(row: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The first column of a product, and the product without it (once): scikit-learn multiplies the first one last."""
    first = next(i for i, power in enumerate(row) if power)
    return first, (*row[:first], row[first] - 1, *row[first + 1 :])


def _products(b: Builder, x: ir.Value, at: tuple[int, ...], rows: list[tuple[int, ...]], place: dict[Any, Any]) -> None:
    """One Mul for all products of a degree."""
    if not rows:
        return
    factors = [_without(row) for row in rows]
    before = [place[rest] for _, rest in factors]
    tensor = before[0][0]
    left = b.take(tensor, [slot for _, slot in before])
    right = b.take(x, [at[first] for first, _ in factors])
    value = b.op("Mul", left, right, dtype="float64", width=len(rows))
    place.update({row: (value, slot) for slot, row in enumerate(rows)})


# ---- functions -------------------------------------------------------------------------------------------------------

Emit = Callable[["Builder", "ir.Value"], "ir.Value"]


def _unary(op: str) -> Emit:
    return lambda b, x: b.op(op, x)


def log1p(b: Builder, x: ir.Value) -> ir.Value:
    """log(1 + x), right also for tiny x: x * log(u) / (u - 1) with u = 1 + x, and x itself where u is 1 (Kahan)."""
    one = b.const(1.0, "float64")
    u = b.op("Add", x, one)
    flat = b.op("Equal", u, one, dtype="bool")
    ratio = b.op("Div", b.op("Log", u), b.op("Sub", u, one))
    exact = b.op("Where", flat, x, b.op("Mul", x, ratio), dtype="float64")
    infinite = b.op("IsInf", x, dtype="bool")
    return b.op("Where", infinite, b.op("Log", u), exact, dtype="float64")


def expm1(b: Builder, x: ir.Value) -> ir.Value:
    """exp(x) - 1, right also for tiny x: (u - 1) * x / log(u) with u = exp(x) (Kahan), plainly for |x| >= 1."""
    one = b.const(1.0, "float64")
    u = b.op("Exp", x)
    less = b.op("Sub", u, one)
    exact = b.op("Mul", less, b.op("Div", x, b.op("Log", u)))
    small = b.op("Less", b.op("Abs", x), one, dtype="bool")
    flat = b.op("Equal", u, one, dtype="bool")
    near = b.op("Where", flat, x, exact, dtype="float64")
    return b.op("Where", small, near, less, dtype="float64")


def _scaled_log(base: float) -> Emit:
    return lambda b, x: b.op("Div", b.op("Log", x), b.const(float(np.log(base)), "float64"))


#: numpy function -> its ONNX form, and the least input for which it is a number (None: any)
_FUNCTIONS: Final[dict[str, tuple[Emit, float | None]]] = {
    "numpy.log1p": (log1p, -1.0),
    "numpy.expm1": (expm1, None),
    "numpy.log": (_unary("Log"), 0.0),
    "numpy.log2": (_scaled_log(2.0), 0.0),
    "numpy.log10": (_scaled_log(10.0), 0.0),
    "numpy.exp": (_unary("Exp"), None),
    "numpy.sqrt": (_unary("Sqrt"), 0.0),
    "numpy.absolute": (_unary("Abs"), None),
    "numpy.fabs": (_unary("Abs"), None),
    "numpy.negative": (_unary("Neg"), None),
    "numpy.sign": (_unary("Sign"), None),
    "numpy.floor": (_unary("Floor"), None),
    "numpy.ceil": (_unary("Ceil"), None),
    "numpy.reciprocal": (_unary("Reciprocal"), None),
    "numpy.square": (lambda b, x: b.op("Mul", x, x), None),
}
#: of whole numbers numpy makes whole numbers, which may overflow or be cut
_NOT_OF_WHOLE: Final = ("numpy.square", "numpy.reciprocal")


@converts("sklearn.preprocessing.FunctionTransformer")
def function_transformer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """A numpy function on every column; None leaves them as they are."""
    if estimator.func is None:
        return columns
    name = _function_name(estimator.func)
    if name not in _FUNCTIONS or estimator.kw_args:
        raise NotLowerableError(
            f"FunctionTransformer({name}) can't be read as ONNX; it takes numpy's own functions of one argument"
            f" ({listing(_FUNCTIONS)}) without kw_args. Use one of them, or do the step with an operator before this one"
        )
    numbers(b, columns, estimator, missing=not estimator.validate)
    _refuse_dtypes(columns, name)
    emit, least = _FUNCTIONS[name]
    packed = pack(b, columns)
    result = packed.unpack(emit(b, packed.value), like=columns)
    if least is None:
        return result
    # below `least` there is no number: not missing, but what refuses NaN later has to look
    return [Symbolic("float64", column.tensor, column.index, column.nullable, finite=False) for column in result]


def numpy_function(function: Any, where: str) -> Emit:
    """How a function of numpy is emitted. Raises NotLowerableError for any other."""
    name = _function_name(function)
    if name not in _FUNCTIONS:
        raise NotLowerableError(f"{where}: {name} can't be read as ONNX; use one of {listing(_FUNCTIONS)}")
    return _FUNCTIONS[name][0]


def _function_name(function: Any) -> str:
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, function.__name__, None) is function else "scipy.special"
        return f"{module}.{function.__name__}"
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__name__)}"


def _refuse_dtypes(columns: Columns, name: str) -> None:
    for column, label in zip(columns, columns.names, strict=True):
        if column.dtype == "bool" and not column.nullable:
            raise NotLowerableError(f"column '{label}' is a bool, of which {name} makes float16; cast it to float first")
        if column.dtype == "int64" and name in _NOT_OF_WHOLE:
            raise NotLowerableError(
                f"column '{label}' holds whole numbers, of which {name} makes whole numbers; cast it to float first"
            )
