"""JsonToDataframe: the documented source, whose JSON payload is a sample of the requests to come."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import ParamError, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

_EXPECTED = 'JSON of columns, e.g. \'{"age": {"0": 41}}\' (frame.to_json()), or of rows, e.g. \'[{"age": 41}]\''


class JsonToDataframeParams(Params):
    """See JsonToDataframe."""

    json_payload: Annotated[
        str | dict[str, Any] | list[Any],
        doc("A sample of rows, by column (frame.to_json()) or by row; at serving, the request takes its place.", _EXPECTED),
    ]
    schema: Annotated[
        dict[str, Any] | None,
        doc("Fields and types, as for Receiver; read off the payload without it.", "an object of field names and types, or null"),
    ] = None
    extra: Annotated[Literal["refuse", "ignore"], doc("What happens to fields of a request that the payload does not have.")] = (
        "refuse"
    )

    def validate(self) -> None:
        from rtml_plugins.flow.coerce import check_defaults

        columns = payload_columns(self.json_payload)
        try:
            check_defaults(parse_signature(self.schema) if self.schema is not None else inferred(columns))
        except ParamError:
            raise
        except RtmlError as error:
            raise ParamError(f"parameter 'schema': {error}") from None


class JsonToDataframe(Operator):
    """Turns JSON into a frame: the payload when authoring, the request when serving.

    Without a schema the fields come from the payload, each with "?" behind its type: numbers float?, strings string?,
    booleans bool?. Whole numbers are float? too, because a sample can't prove that no fraction and no null will come;
    texts stay texts, because nothing says which of them mean a time. A schema says it more narrowly.
    """

    Params = JsonToDataframeParams
    role = "source"

    def setup(self) -> None:
        self.payload = payload_columns(self.params.json_payload)
        self.fields = inferred(self.payload) if self.params.schema is None else parse_signature(self.params.schema)

    def source_fields(self) -> tuple[Field, ...]:
        return self.fields

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """The payload as a frame; with a message, its rows instead, by the same rules."""
        data = message.data if isinstance(message, DataMsg) else message
        return DataMsg(data=self.transform(self.payload if data is None else data))

    def transform(self, frame: Any) -> pd.DataFrame:
        from rtml_plugins.flow.coerce import coerce

        return coerce(self.fields, frame, extra=self.params.extra)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        return {entry.name: columns[entry.name] for entry in self.fields}


def payload_columns(payload: Any) -> dict[str, list[Any]]:
    """The payload as columns; raises ParamError when it is no JSON of rows or columns."""
    from rtml_plugins.flow.coerce import as_columns

    if isinstance(payload, str):
        try:
            payload = json.loads(payload)
        except ValueError as error:
            raise ParamError(f"parameter 'json_payload' must be {_EXPECTED}; it is not JSON: {error}") from None
    rows = [payload] if isinstance(payload, Mapping) else payload
    columns = as_columns(payload) if isinstance(payload, Mapping) else None
    if columns is None:
        if not isinstance(rows, Sequence) or isinstance(rows, str) or not all(isinstance(row, Mapping) for row in rows):
            raise ParamError(f"parameter 'json_payload' must be {_EXPECTED}; got {describe(payload)}")
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
    if not columns:
        raise ParamError(f"parameter 'json_payload' must be {_EXPECTED}; got nothing: {describe(payload)}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ParamError(f"parameter 'json_payload' must have columns of one length; got {lengths}")
    return columns


def inferred(columns: Mapping[str, Sequence[Any]]) -> tuple[Field, ...]:
    """A nullable field for each column, by its values; raises ParamError for mixed and nested values."""
    return tuple(Field(name, _type_of(name, values), True) for name, values in columns.items())


def _type_of(name: str, values: Sequence[Any]) -> str:
    there = [value for value in values if value is not None]
    kinds = {type(value) for value in there}
    if kinds <= {int, float}:  # a column of nulls too
        return "float"
    if len(kinds) == 1 and kinds <= {bool, str}:
        return "bool" if kinds == {bool} else "string"
    nested = [value for value in there if not isinstance(value, (int, float, bool, str))]
    what = f"nested values: {describe(nested[0])}" if nested else f"values of several kinds: {describe(there[:5])}"
    raise ParamError(f"parameter 'json_payload' must hold numbers, strings or booleans in a column; '{name}' has {what}")
