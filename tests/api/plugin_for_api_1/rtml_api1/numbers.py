"""Operators on numbers: a formula, one that learns, and lowerings of their own."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pandas as pd

from rtml_core import Column, NotLowerableError, Operator, Params, Schema, doc
from rtml_core.custom_ops import apply
from rtml_core.errors import ColumnError, ParamError
from rtml_core.lowering.builder import Builder, dtype_of, width_of
from rtml_core.lowering.custom import custom
from rtml_core.lowering.symbolic import Symbolic, as_float, keep_missing, matrix, missing_mask, new, unpack, value_of, where
from rtml_core.lowering.trace import require_column

Columns = dict[str, Symbolic]


class Api1Span(Operator):
    """Length of a vector of two columns, scaled; missing where one is.

    Two number columns -> one float64 column.
    """

    version = "2"
    tolerance = (1e-12, 0.0)

    class Params(Params):
        a: Annotated[str, doc("first column")]
        b: Annotated[str, doc("second column")]
        lambda_: Annotated[float, doc("factor", "a number above zero")] = 1.0
        rounding: Literal["none", "down"] = "none"
        into: str = "span"

        def validate(self) -> None:
            if not self.lambda_ > 0:
                raise ParamError(f"parameter 'lambda' must be above zero; got {self.lambda_}")

    def setup(self) -> None:
        self.names = [self.params.a, self.params.b]

    def columns(self) -> list[str]:
        return self.names

    def compute(self, xp: Any, a: Any, b: Any) -> dict[str, Any]:
        length = xp.sqrt(a * a + b * b) * self.params.lambda_
        down = xp.where(length >= 1.0, xp.floor(length), length)
        return {self.params.into: down if self.params.rounding == "down" else length}

    def parity_cases(self) -> pd.DataFrame:
        return pd.DataFrame({self.params.a: [0.0, 3.0, None], self.params.b: [0.0, 4.0, 1.0]})

    @classmethod
    def examples(cls) -> list[Api1Span]:
        return [cls(a="x", b="y")]


class Api1Limit(Operator):
    """Limits a column to the range of its training rows, in place; missing stays missing."""

    learns = True

    class Params(Params):
        cols: list[str]

    def fit(self, frame: pd.DataFrame) -> Api1Limit:
        self.state = {name: [float(frame[name].min()), float(frame[name].max())] for name in self.params.cols}
        return self

    def columns(self) -> list[str]:
        return self.params.cols

    def compute(self, xp: Any, *values: Any) -> dict[str, Any]:
        assert self.state is not None
        return {name: xp.clip(value, *self.state[name]) for name, value in zip(self.params.cols, values, strict=True)}


class Api1Below(Operator):
    """How far each of several columns lies below the largest of its row: float64 columns, in place, none of them missing."""

    class Params(Params):
        cols: list[str]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        block = frame[self.params.cols].astype("float64")
        if block.isna().any(axis=None):
            raise ColumnError("Api1Below takes no missing values")
        return frame.assign(**{name: block[name] - block.max(axis=1) for name in self.params.cols})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        chosen = [require_column(columns, name) for name in self.params.cols]
        if any(column.nullable for column in chosen):
            raise NotLowerableError("Api1Below takes columns that are never missing; fill them before")
        block = matrix(b, chosen)
        assert (dtype_of(block), width_of(block)) == ("float64", len(chosen))
        top = b.op("ReduceMax", block, b.const([1], "int64"), width=1, keepdims=1)
        first = b.op("Sub", b.take(block, [0]), top)
        rest = b.op("Sub", b.take(block, list(range(1, len(chosen)))), top) if len(chosen) > 1 else None
        made = unpack(b.concat([first] if rest is None else [first, rest]), "float64")
        return {**columns, **dict(zip(self.params.cols, made, strict=True))}


class Api1Sign(Operator):
    """Whether a number is above a limit: a new bool column, missing where the number is; rows beyond 1e6 are refused."""

    class Params(Params):
        col: str
        limit: float = 0.0
        into: str = "above"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        value = frame[self.params.col].astype("float64")
        if (value.abs() > 1e6).any():
            raise ValueError("beyond 1e6")
        return frame.assign(**{self.params.into: (value > self.params.limit).astype("boolean").mask(value.isna())})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        column = require_column(columns, self.params.col)
        value = as_float(b, column)
        size = b.op("Abs", value)
        b.check(b.op("Not", b.op("Greater", size, b.const([[1e6]]), dtype="bool")), f"'{self.params.col}' is beyond 1e6")
        b.threshold(value, [self.params.limit])
        above = b.op("Greater", value, b.const([[self.params.limit]]), dtype="bool")
        if not column.nullable:
            return {**columns, self.params.into: new("bool", above)}
        gone = missing_mask(b, column)
        number = where(b, gone, b.const([[float("nan")]]), b.cast(above, "float64"))
        return {**columns, self.params.into: new("bool", number, nullable=True)}

    def schema(self, columns: Schema) -> Schema:
        nullable = columns[self.params.col].nullable
        kept = [column for name, column in columns.items() if name != self.params.into]
        return Schema([*kept, Column(self.params.into, "bool", nullable)])


class Api1Halve(Operator):
    """Half of a column by a custom operator of kind function, in place; missing stays missing."""

    lowering_kind = "function"

    class Params(Params):
        col: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        from rtml_api1.custom import HALVE

        (half,) = apply(HALVE, frame[self.params.col].to_numpy(dtype="float64"))
        return frame.assign(**{self.params.col: half})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        from rtml_api1.custom import HALVE

        column = require_column(columns, self.params.col)
        number = new("float64", keep_missing(b, column, as_float(b, column)), nullable=column.nullable, finite=column.finite)
        return {**columns, self.params.col: custom(b, HALVE, number)[0]}


class Api1Grafted(Operator):
    """Twice a column, by a small ONNX model that is grafted; in place."""

    class Params(Params):
        col: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{self.params.col: frame[self.params.col].astype("float64") * 2})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        from onnx import TensorProto, helper

        node = helper.make_node("Add", ["x", "x"], ["y"])
        ends = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["N", 1]) for name in ("x", "y")]
        model = helper.make_model(
            helper.make_graph([node], "twice", ends[:1], ends[1:]), opset_imports=[helper.make_opsetid("", 21)]
        )
        column = require_column(columns, self.params.col)
        made = b.graft(model, {"x": b.cast(value_of(b, column), "float64")})
        return {**columns, self.params.col: new("float64", made["y"], nullable=column.nullable, finite=False)}


OPERATORS = [Api1Span, Api1Limit, Api1Below, Api1Sign, Api1Halve, Api1Grafted]
