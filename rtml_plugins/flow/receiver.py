"""Receiver: the declared fields of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import ExecutionError, ParamError, RtmlError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class ReceiverParams(Params):
    """See Receiver."""

    schema: Annotated[
        dict[str, Any],
        doc(
            'Fields and types: float, int, bool, string or timestamp, with "?" where null may come; or {"type": ..., ...} with'
            ' any of "categories" (all the strings that may come), "min" and "max" (of a number, included), "default" (the field'
            ' may be left out, and is this value then) and "doc" (what it means).',
            'an object of field names and types, e.g. {"age": "float?"}',
        ),
    ]
    extra: Annotated[Literal["refuse", "ignore"], doc("What happens to fields of a request that the schema does not name.")] = (
        "refuse"
    )

    def validate(self) -> None:
        from rtml_plugins.flow.coerce import check_defaults

        try:
            check_defaults(parse_signature(self.schema))
        except RtmlError as error:
            raise ParamError(f"parameter 'schema': {error}") from None


class Receiver(Operator):
    """Where requests enter the graph: declares their fields, and turns rows into a frame of exactly these dtypes.

    float -> float64, int -> int64, "int?" -> float64 (as in pandas, whole numbers up to 2^53), bool, string, timestamp ->
    datetime64[us] in UTC, read from ISO texts.

    A request holds every field that has no default, within its categories and its range. One that does not is refused before it
    reaches the model, with the field, what was expected and what came; so is a row of a training frame. The declarations travel
    in the package, where `rtml inspect` shows them. Other columns of a training frame (a label) pass; those of a request do not.
    """

    Params = ReceiverParams
    role = "source"

    def setup(self) -> None:
        self.fields = parse_signature(self.params.schema)

    def source_fields(self) -> tuple[Field, ...]:
        return self.fields

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """The rows of a frame, a row, a list of rows, or columns, as a canonical frame."""
        data = message.data if isinstance(message, DataMsg) else message
        if data is None:
            raise ExecutionError("Receiver has no rows: pass a frame, a row or a list of rows, e.g. graph.run(frame)")
        return DataMsg(data=self.transform(data))

    def transform(self, frame: Any) -> pd.DataFrame:
        from rtml_plugins.flow.coerce import coerce

        return coerce(self.fields, frame, extra=self.params.extra)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        return {entry.name: columns[entry.name] for entry in self.fields}
