"""Small operators that the core's own tests use, so that they need no built-in plugin."""

from __future__ import annotations

from typing import Any

from rtml_core import Operator, Params
from rtml_core.columns import parse_signature
from rtml_core.frames import from_carrier, to_carrier
from rtml_core.lowering.symbolic import new, value_of
from rtml_core.lowering.trace import require_column


class Source(Operator):
    """Declares a signature and passes the frame on."""

    role = "source"

    class Params(Params):
        schema: dict[str, Any]
        extra: str = "refuse"

    def source_fields(self) -> Any:
        return parse_signature(self.params.schema)

    def transform(self, frame: Any) -> Any:
        return frame[list(self.params.schema)]

    def lower(self, b: Any, columns: Any) -> Any:
        return {name: columns[name] for name in self.params.schema}


class Scale(Operator):
    """Multiplies a number column; missing in, missing out."""

    class Params(Params):
        col: str
        by: float = 2.0
        into: str | None = None

    def columns(self) -> list[str]:
        return [self.params.col]

    def compute(self, xp: Any, value: Any) -> dict[str, Any]:
        return {self.params.into or self.params.col: value * self.params.by}


class Crooked(Operator):
    """Compiled, it is off by one above a limit: what the gate must find."""

    class Params(Params):
        col: str
        limit: float

    def transform(self, frame: Any) -> Any:
        return frame.assign(**{self.params.col: frame[self.params.col] + 1.0})

    def lower(self, b: Any, columns: Any) -> Any:
        column = require_column(columns, self.params.col)
        value = value_of(b, column)
        more = b.op(
            "Where",
            b.op("Greater", value, b.const([[self.params.limit]]), dtype="bool"),
            b.const([[2.0]]),
            b.const([[1.0]]),
            dtype="float64",
        )
        return {**columns, self.params.col: new("float64", b.op("Add", value, more), nullable=column.nullable)}


class Positive(Operator):
    """Refuses rows whose number is not above zero, eagerly and compiled."""

    class Params(Params):
        col: str

    def transform(self, frame: Any) -> Any:
        if not (frame[self.params.col] > 0).all():
            raise ValueError("not positive")
        return frame

    def lower(self, b: Any, columns: Any) -> Any:
        value = value_of(b, require_column(columns, self.params.col))
        b.check(b.op("Greater", value, b.const([[0.0]]), dtype="bool"), f"'{self.params.col}' must be above zero")
        return columns


class Eager(Operator):
    """Runs on frames only; it brings no lowering."""

    def transform(self, frame: Any) -> Any:
        return frame.iloc[::-1]


class Mean(Operator):
    """Learns the mean of a column and subtracts it."""

    learns = True

    class Params(Params):
        col: str

    def fit(self, frame: Any) -> Any:
        self.state = {"mean": float(frame[self.params.col].mean())}
        return self

    def columns(self) -> list[str]:
        return [self.params.col]

    def compute(self, xp: Any, value: Any) -> dict[str, Any]:
        assert self.state is not None
        return {self.params.col: value - self.state["mean"]}


class Join(Operator):
    """Joins what feeds it."""

    def transform(self, frame: Any) -> Any:
        return frame

    def lower(self, b: Any, columns: Any) -> Any:
        return columns


ALL = [Source, Scale, Crooked, Positive, Eager, Mean, Join]
__all__ = ["ALL", "from_carrier", "to_carrier"]
