"""A plugin of a third party, as the tests of the command line install it: operators without a built-in plugin, and commands."""

from __future__ import annotations

from typing import Annotated, Any

from rtml_core import Operator, Params, doc, hookimpl
from rtml_core.columns import parse_signature


class Fields(Operator):
    """A source: declares the fields of a request."""

    role = "source"

    class Params(Params):
        schema: dict[str, Any]
        extra: str = "refuse"

    def source_fields(self) -> Any:
        return parse_signature(self.params.schema)

    def transform(self, frame: Any) -> Any:
        return frame[list(self.params.schema)]

    def lower(self, b: Any, columns: Any) -> Any:
        return dict(columns)


class Ratio(Operator):
    """One column by another. Missing in, missing out.

    Two number columns -> one float64 column.
    """

    class Params(Params):
        top: Annotated[str, doc("The column above the line.")]
        bottom: Annotated[str, doc("The column below the line.")]
        into: str = "ratio"

    def columns(self) -> list[str]:
        return [self.params.top, self.params.bottom]

    def compute(self, xp: Any, top: Any, bottom: Any) -> dict[str, Any]:
        return {self.params.into: top / bottom}


class Centre(Operator):
    """Subtracts the mean that it learned."""

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


class Positive(Operator):
    """Refuses rows whose number is not above zero."""

    class Params(Params):
        col: str

    def transform(self, frame: Any) -> Any:
        if not (frame[self.params.col] > 0).all():
            raise ValueError("not positive")
        return frame

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.symbolic import value_of

        value = value_of(b, columns[self.params.col])
        b.check(b.op("Greater", value, b.const([[0.0]]), dtype="bool"), f"'{self.params.col}' must be above zero")
        return dict(columns)


class Reverse(Operator):
    """Turns the rows around; no row knows how many follow, so it does not lower."""

    def transform(self, frame: Any) -> Any:
        return frame.iloc[::-1]


class Crooked(Operator):
    """Adds one eagerly and two compiled: what the parity gate must find."""

    class Params(Params):
        col: str

    def transform(self, frame: Any) -> Any:
        return frame.assign(**{self.params.col: frame[self.params.col] + 1.0})

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.symbolic import new, value_of

        column = columns[self.params.col]
        more = b.op("Add", value_of(b, column), b.const([[2.0]]))
        return {**columns, self.params.col: new("float64", more, nullable=column.nullable)}


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    return [Fields, Ratio, Centre, Positive, Reverse, Crooked]


@hookimpl
def rtml_commands() -> dict[str, Any]:
    from tiny_commands import eager

    return {
        "greet": "tiny_commands:greet|Say hello.",
        "eager": eager,
        "lost": "tiny_nowhere:command|Its module does not exist.",
        "odd": "tiny_commands:NAME|No command at all.",
    }
