"""Traced values: numpy-like arrays that emit ONNX instead of computing. dtypes follow numpy's promotion."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, dtype_of
from rtml_core.lowering.namespace.calls import Namespace
from rtml_core.lowering.namespace.values import Value
from rtml_core.lowering.symbolic import Symbolic, integer_extreme, new, value_of, where

_FLOATS = ("float64", "float32")
#: numpy name -> ONNX operator with a float64 kernel in onnxruntime
_UNARY = {
    "sin": "Sin", "cos": "Cos", "tanh": "Tanh", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
    "rint": "Round", "reciprocal": "Reciprocal",
}  # fmt: skip
_ALIASES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "absolute": "abs", "deg2rad": "radians",
    "rad2deg": "degrees",
}  # fmt: skip


class Traced(Value):
    """A column [N, 1] inside of a formula, or a constant [1, 1]; NumpyArrays traces [N, k] of numbers.

    What is known of numbers is told by `nullable` and `finite`, see Symbolic. A text or a time, and a boolean that may be
    missing, is held as a Symbolic; `value` is its tensor.
    """

    __slots__ = ("_symbolic", "finite", "nullable", "tracer", "value")

    def __init__(self, tracer: Tracer, value: ir.Value, *, nullable: bool | None = None, finite: bool | None = None):
        floats = dtype_of(value) in _FLOATS
        self.tracer = tracer
        self.value = value
        self.nullable = floats if nullable is None else nullable
        self.finite = not floats if finite is None else finite
        self._symbolic: Symbolic | None = None

    @classmethod
    def of(cls, tracer: Tracer, symbolic: Symbolic) -> Traced:
        """A symbolic column as a traced value."""
        made = cls(tracer, value_of(tracer.b, symbolic), nullable=symbolic.nullable, finite=symbolic.finite)
        made._symbolic = symbolic
        return made

    @property
    def dtype(self) -> str:
        return dtype_of(self.value) if self._symbolic is None else self._symbolic.dtype

    @property
    def symbolic(self) -> Symbolic:
        """The value as a symbolic column [N, 1]."""
        if self._symbolic is not None and self._symbolic.tensor.shape is not None and self._symbolic.tensor.shape[0] != 1:
            return self._symbolic
        return new(self.dtype, self.tracer.full(self), nullable=self.nullable, finite=self.finite)

    @property
    def namespace(self) -> Namespace:
        return self.tracer.namespace

    def __repr__(self) -> str:
        return f"<{self.dtype} column, traced>"


class Tracer:
    """The array namespace whose functions emit ONNX. Same names and results as numpy on float64 arrays."""

    pi, e, nan, inf = math.pi, math.e, math.nan, math.inf

    def __init__(self, b: Builder, rows: ir.Value | None = None):
        """rows: a value [N, k] that tells how many rows a constant column has; by default the builder's first input."""
        self.b = b
        self.namespace = Namespace(self)
        self._rows = rows

    def owns(self, value: Value) -> bool:
        """Whether a column belongs to this run of a formula."""
        return isinstance(value, Traced) and value.tracer is self

    def adapt(self, value: Value, dtypes: tuple[str, ...]) -> Value | None:
        """No column is of another dtype than it says."""
        return None

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """A function of the namespace, see calls.Engine: columns are Traced. Constants alone are computed here and now."""
        from rtml_core.lowering.namespace.calls import columns_in
        from rtml_core.lowering.namespace.eager import call_on_constants
        from rtml_core.lowering.namespace.lowered_functions import FUNCTIONS

        if not columns_in(arguments) and name not in ("custom", "select"):
            return call_on_constants(name, arguments)
        return FUNCTIONS[name](self, **arguments)

    def lift(self, value: Any) -> Traced:
        """A Python or numpy scalar as a constant [1, 1]; a Traced as it is."""
        if isinstance(value, Traced):
            return value
        if isinstance(value, str):
            return Traced.of(self, new("string", self.b.const([[value]], "string")))
        if isinstance(value, (np.datetime64, np.timedelta64)):
            micros = int(value.astype("int64"))
            dtype = "timestamp" if isinstance(value, np.datetime64) else "timedelta"
            return Traced.of(self, new(dtype, self.b.const([[micros]], "int64"), nullable=bool(np.isnat(value))))
        if isinstance(value, (bool, np.bool_)):
            return Traced(self, self.b.const([[bool(value)]], "bool"))
        if isinstance(value, (int, np.integer)):
            return Traced(self, self.b.const([[int(value)]], "int64"))
        if isinstance(value, (float, np.floating)):
            return Traced(self, self.b.const([[float(value)]], "float64"))
        raise NotLowerableError(f"a formula takes numbers and booleans; got {type(value).__name__}")

    def full(self, traced: Traced) -> ir.Value:
        """The value [N, 1], even of a constant."""
        if any(isinstance(d, str) or d is None or not isinstance(d, int) for d in traced.value.shape or []):
            return traced.value
        given = self._rows if self._rows is not None else next(iter(self.b.inputs), None)
        if given is None:
            raise NotLowerableError("a constant column needs at least one input column")
        rows = self.b.op("Shape", given, dtype="int64", shape=[1], start=0, end=1)
        shape = self.b.op("Concat", rows, self.b.const([1], "int64"), shape=[2], axis=0)
        return self.b.op("Expand", traced.value, shape, shape=["N", 1])

    def _float(self, value: Any) -> ir.Value:
        traced = self.lift(value)
        return self.b.cast(traced.value, traced.dtype if traced.dtype in _FLOATS else "float64")

    def _pair(self, one: Any, two: Any, *, booleans: str = "int64") -> tuple[ir.Value, ir.Value]:
        a, c = self.lift(one), self.lift(two)
        kinds = {a.dtype, c.dtype}
        # a constant is weak, and so is a boolean: neither makes a float32 wider
        strong = {x.dtype for x, given in ((a, one), (c, two)) if isinstance(given, Traced)}
        if "float32" in strong and strong <= {"float32", "bool"}:
            target = "float32"
        elif kinds & set(_FLOATS):
            target = "float64"
        else:
            target = booleans if kinds == {"bool"} else "int64"
        return self.b.cast(a.value, target), self.b.cast(c.value, target)

    def _emit(self, op: str, *values: ir.Value, dtype: str | None = None, **attributes: Any) -> Traced:
        return Traced(self, self.b.op(op, *values, dtype=dtype, **attributes))

    # ---- arithmetic ---------------------------------------------------------------------------------------------

    def add(self, one: Any, two: Any) -> Traced:
        if {self.lift(one).dtype, self.lift(two).dtype} == {"bool"}:
            return self.logical_or(one, two)
        return self._emit("Add", *self._pair(one, two))

    def subtract(self, one: Any, two: Any) -> Traced:
        if {self.lift(one).dtype, self.lift(two).dtype} == {"bool"}:
            raise NotLowerableError("booleans can't be subtracted (numpy refuses it too); use xp.logical_and and xp.logical_not")
        return self._emit("Sub", *self._pair(one, two))

    def multiply(self, one: Any, two: Any) -> Traced:
        if {self.lift(one).dtype, self.lift(two).dtype} == {"bool"}:
            return self.logical_and(one, two)
        return self._emit("Mul", *self._pair(one, two))

    def divide(self, one: Any, two: Any) -> Traced:
        a, c = self._pair(one, two)
        if dtype_of(a) not in _FLOATS:
            a, c = self.b.cast(a, "float64"), self.b.cast(c, "float64")
        return self._emit("Div", a, c)

    def power(self, one: Any, two: Any) -> Traced:
        if isinstance(two, int) and two == 2:
            base = self.lift(one)
            return self.multiply(base, base) if base.dtype != "bool" else self.power(self._as(base, "int64"), 2)
        a, c = self._pair(one, two)
        if dtype_of(a) not in _FLOATS:
            raise NotLowerableError(
                "whole numbers raised to a power overflow differently; make one of them a float, e.g. x * 1.0"
            )
        return self._emit("Pow", a, c)

    def _as(self, value: Any, dtype: str) -> Traced:
        return Traced(self, self.b.cast(self.lift(value).value, dtype))

    def mod(self, one: Any, two: Any) -> Traced:
        a, c = self._pair(one, two)
        if dtype_of(a) not in _FLOATS:
            raise NotLowerableError("% of whole numbers is not in the array namespace; make one of them a float, e.g. x * 1.0")
        rest = self.b.op("Mod", a, c, fmod=1)
        zero = self.b.const([[0.0]], dtype_of(a))
        # by their signs, not by that of a product, which may underflow
        unlike = self.b.op("Xor", *(self.b.op("Less", value, zero, dtype="bool") for value in (rest, c)))
        other = self.b.op("And", unlike, self.b.op("Not", self.b.op("Equal", rest, zero, dtype="bool")))
        return Traced(self, where(self.b, other, self.b.op("Add", rest, c), rest))

    def negative(self, x: Any) -> Traced:
        if self.lift(x).dtype == "bool":
            raise NotLowerableError("a boolean has no negative (numpy refuses it too); use xp.logical_not")
        return self._emit("Neg", self.lift(x).value)

    def abs(self, x: Any) -> Traced:
        traced = self.lift(x)
        return traced if traced.dtype == "bool" else self._emit("Abs", traced.value)

    def sign(self, x: Any) -> Traced:
        if self.lift(x).dtype == "int64":  # onnxruntime's own is wrong for large numbers
            return self.subtract(self._as(self.gt(x, 0), "int64"), self._as(self.lt(x, 0), "int64"))
        value = self._float(x)
        return Traced(self, where(self.b, self.b.op("IsNaN", value, dtype="bool"), value, self.b.op("Sign", value)))

    def square(self, x: Any) -> Traced:
        return self.power(x, 2)

    def minimum(self, one: Any, two: Any) -> Traced:
        return self._extreme("Min", "Greater", one, two)

    def maximum(self, one: Any, two: Any) -> Traced:
        return self._extreme("Max", "Less", one, two)

    def _extreme(self, op: str, replaced: str, one: Any, two: Any) -> Traced:
        x, y = self._pair(one, two, booleans="bool")
        if dtype_of(x) == "bool":
            return self._emit("Or" if op == "Max" else "And", x, y)
        return self._emit(op, x, y) if dtype_of(x) in _FLOATS else Traced(self, integer_extreme(self.b, replaced, x, y))

    def clip(self, x: Any, low: Any = None, high: Any = None) -> Traced:
        result = self.lift(x)
        result = result if low is None else self.maximum(result, low)
        return result if high is None else self.minimum(result, high)

    def floor(self, x: Any) -> Traced:
        return self._rounded("Floor", x)

    def ceil(self, x: Any) -> Traced:
        return self._rounded("Ceil", x)

    def _rounded(self, op: str, x: Any) -> Traced:
        """numpy leaves whole numbers and booleans as they are."""
        traced = self.lift(x)
        return self._emit(op, traced.value) if traced.dtype in _FLOATS else traced

    def trunc(self, x: Any) -> Traced:
        if self.lift(x).dtype not in _FLOATS:
            return self.lift(x)
        value = self._float(x)
        negative = self.b.op("Less", value, self.b.const([[0.0]], dtype_of(value)), dtype="bool")
        return Traced(self, where(self.b, negative, self.b.op("Ceil", value), self.b.op("Floor", value)))

    def radians(self, x: Any) -> Traced:
        return self.multiply(Traced(self, self._float(x)), math.pi / 180.0)

    def degrees(self, x: Any) -> Traced:
        return self.multiply(Traced(self, self._float(x)), 180.0 / math.pi)

    def hypot(self, one: Any, two: Any) -> Traced:
        """Scaled by the larger one, whose square may overflow; infinite where one is, even next to NaN."""
        x, y = self.abs(self._as(one, "float64")), self.abs(self._as(two, "float64"))
        big = self.maximum(x, y)
        scaled = self.multiply(big, self.sqrt(self.add(self.square(self.divide(self.minimum(x, y), big)), 1.0)))
        endless = self.logical_or(self.eq(x, math.inf), self.eq(y, math.inf))
        return self.where(endless, math.inf, self.where(self.eq(big, 0.0), 0.0, scaled))

    def log2(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import log2

        return Traced(self, log2(self.b, self._double(x)))

    def log10(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import log10

        return Traced(self, log10(self.b, self._double(x)))

    # ---- comparisons and logic ----------------------------------------------------------------------------------

    def _compare(self, op: str, one: Any, two: Any) -> Traced:
        return self._emit(op, *self._pair(one, two), dtype="bool")

    def lt(self, one: Any, two: Any) -> Traced:
        return self._compare("Less", one, two)

    def le(self, one: Any, two: Any) -> Traced:
        return self._compare("LessOrEqual", one, two)

    def gt(self, one: Any, two: Any) -> Traced:
        return self._compare("Greater", one, two)

    def ge(self, one: Any, two: Any) -> Traced:
        return self._compare("GreaterOrEqual", one, two)

    def eq(self, one: Any, two: Any) -> Traced:
        return self._compare("Equal", one, two)

    def ne(self, one: Any, two: Any) -> Traced:
        return self.logical_not(self._compare("Equal", one, two))

    def _bool(self, x: Any) -> ir.Value:
        traced = self.lift(x)
        if traced.dtype == "bool":
            return traced.value
        zero = self.b.const([[0]], traced.dtype)
        return self.b.op("Not", self.b.op("Equal", traced.value, zero, dtype="bool"))

    def logical_and(self, one: Any, two: Any) -> Traced:
        return self._emit("And", self._bool(one), self._bool(two))

    def logical_or(self, one: Any, two: Any) -> Traced:
        return self._emit("Or", self._bool(one), self._bool(two))

    def logical_not(self, x: Any) -> Traced:
        return self._emit("Not", self._bool(x))

    def isnan(self, x: Any) -> Traced:
        return self._emit("IsNaN", self._float(x), dtype="bool")

    def isinf(self, x: Any) -> Traced:
        return self.eq(self.abs(Traced(self, self._float(x))), math.inf)

    def isfinite(self, x: Any) -> Traced:
        return self.lt(self.abs(Traced(self, self._float(x))), math.inf)

    def where(self, condition: Any, yes: Any, no: Any) -> Traced:
        a, c = self._pair(yes, no, booleans="bool")
        return Traced(self, where(self.b, self._bool(condition), a, c))

    # ---- functions without a float64 kernel ---------------------------------------------------------------------

    def tan(self, x: Any) -> Traced:
        return self.divide(self.sin(x), self.cos(x))

    def arctan(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import arctan

        return Traced(self, arctan(self.b, self._double(x)))

    def arcsin(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import arcsin

        return Traced(self, arcsin(self.b, self._double(x)))

    def arccos(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import arccos

        return Traced(self, arccos(self.b, self._double(x)))

    def arctan2(self, y: Any, x: Any) -> Traced:
        from rtml_core.lowering.elementary import arctan2

        return Traced(self, arctan2(self.b, self._double(y), self._double(x)))

    def _double(self, x: Any) -> ir.Value:
        return self.b.cast(self.lift(x).value, "float64")

    def sinh(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import sinh

        return Traced(self, sinh(self.b, self._double(x)))

    def cosh(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import cosh

        return Traced(self, cosh(self.b, self._double(x)))

    def expm1(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import expm1

        return Traced(self, expm1(self.b, self._double(x)))

    def log1p(self, x: Any) -> Traced:
        from rtml_core.lowering.elementary import log1p

        return Traced(self, log1p(self.b, self._double(x)))

    def __getattr__(self, name: str) -> Any:
        name = _ALIASES.get(name, name)
        if name in _UNARY:
            return lambda x: self._emit(_UNARY[name], self._float(x))
        if name in type(self).__dict__:
            return getattr(self, name)
        raise AttributeError(f"the tracer has no function '{name}'; xp is its namespace")
