"""XDM2Frame: events as XDM, nested, become the columns that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import ColumnError, ExecutionError, InputError, InputProblem, ParamError, RtmlError, describe, listing

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_core.package import FieldEntry
    from rtml_plugins.xdm.choosing import Chosen
    from rtml_plugins.xdm.plan import Choice
    from rtml_plugins.xdm.schema import Schema

#: the column of a training frame that holds events, unless another is named
EVENT: Final = "event"
#: after so many problems no more events are looked at
_MOST_PROBLEMS: Final = 1000


class XDM2FrameParams(Params):
    """See XDM2Frame."""

    paths: Annotated[
        Any,
        doc(
            'The columns, and where in the event their values are: "web.webPageDetails.name", "productListItems[0].SKU", [-1]'
            ' for the last element. Or an object with "path" (the name of the column when left out), "take" (count, sum, min,'
            ' max, first, last or any of several values, "productListItems[*].priceTotal"), "type", and "categories", "min",'
            ' "max", "default" and "doc" as for Receiver. A type ends in ? when the value may be missing.',
            'an object of columns and paths, e.g. {"page": "web.webPageDetails.name"}',
        ),
    ]
    schema: Annotated[
        Any,
        doc(
            "The schema that says the types: the name of one that ships with rtml, a JSON Schema as an object, or in Python a"
            " schema that was loaded. They are looked up when the node is made, and kept.",
            "the name of a schema, a JSON Schema, or null",
        ),
    ] = None
    column: Annotated[str, doc("The column of a training frame that holds events.", "the name of a column")] = EVENT

    def validate(self) -> None:
        from rtml_plugins.xdm.choosing import chosen, resolve_types
        from rtml_plugins.xdm.schema import Schema

        columns = chosen(self.paths)
        needed = any("type" not in column.field for column in columns)
        resolve_types(columns, _schema(self.schema) if needed and self.schema is not None else None)
        self.paths = {column.name: column.to_json() for column in columns}
        if isinstance(self.schema, Schema):
            self.schema = self.schema.id
        fields = _fields(columns)
        if self.column in (entry.name for entry in fields):
            raise ParamError(f"parameter 'column' must be another name than those of the fields; got {describe(self.column)}")
        from rtml_plugins.flow.coerce import check_defaults

        try:
            check_defaults(fields)
        except RtmlError as error:
            raise ParamError(f"parameter 'paths': {error}") from None


class XDM2Frame(Operator):
    """Turns events as XDM (nested JSON objects) into a frame: a column for each chosen path, and nothing else is looked at.

    Types come from the schema, or are named: float -> float64, int -> int64, "int?" -> float64 (whole numbers up to 2^53),
    bool, string, timestamp -> datetime64[us] in UTC. No text is taken for a number, whatever it looks like. Absent and null are
    missing, or the default; an error where the type has no "?". A number that float64 or int64 can't hold to its last digit is
    an error.

    count is 0, sum 0 and any false where nothing is there; any is whether a value is there that is not false; the others are
    missing then. Without [*], they take the elements of an array at the path, or the one value that is there.

    As a node: gets a list of events, one event, a frame with a column of events (objects or JSON texts; other columns, like a
    label, pass), or a frame that has the columns already, as Receiver does. Where models are served it reads the event of a
    request, {"identity": {...}, "event": {...}}. It may stand behind another source, to whose columns it adds its own.
    """

    Params = XDM2FrameParams
    role = "source"

    def setup(self) -> None:
        from rtml_plugins.xdm.choosing import chosen

        columns = chosen(self.params.paths)
        self.fields = _fields(columns)
        self._choices = {column.name: column.choice for column in columns}

    def source_fields(self) -> tuple[Field, ...]:
        return self.fields

    def boundary(self) -> dict[str, Any]:
        """{"columns": {field: {"path": ..., "take": ...}}}."""
        import msgspec

        return {"columns": {name: msgspec.to_builtins(choice) for name, choice in self._choices.items()}}

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Events, or a frame with them or of them, as a frame with a column for each path."""
        data = message.data if isinstance(message, DataMsg) else message
        if data is None:
            raise ExecutionError("XDM2Frame has no events: pass a list of events, or a frame, e.g. graph.run(events)")
        return DataMsg(data=self.transform(data))

    def transform(self, frame: Any) -> pd.DataFrame:
        import pandas as pd

        if isinstance(frame, pd.DataFrame):
            return self._from_frame(frame)
        if isinstance(frame, (Mapping, str, bytes)):
            frame = [frame]
        if not isinstance(frame, Sequence):
            raise InputError([InputProblem("/", "an event (an object), a list of events, or a frame", describe(frame))])
        return self._from_events(frame)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        own = {entry.name: columns[entry.name] for entry in self.fields}
        return {name: column for name, column in columns.items() if name not in own} | own

    def _from_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame with the columns already, or with one of events; the other columns pass."""
        import pandas as pd

        from rtml_plugins.flow.coerce import coerce

        own = [entry.name for entry in self.fields]
        names = [str(name) for name in frame.columns]
        if any(name in own for name in names) or self._needs_nothing(names):
            made = coerce(self.fields, frame, extra="refuse")
            return made[[*(name for name in made.columns if name not in own), *own]]
        at = names.index(self.params.column) if self.params.column in names else 0 if len(names) == 1 else None
        if at is None:
            raise ColumnError(
                f"The frame has neither the columns {listing(own)} nor a column '{self.params.column}' of events. It has:"
                f" {listing(names)}. Name the column of events by the parameter 'column'."
            )
        events = self._from_events(frame.iloc[:, at].tolist())
        rest = frame.drop(columns=[frame.columns[at]])
        return pd.DataFrame(
            {**{str(name): rest[name] for name in rest.columns}, **{n: events[n].array for n in own}}, index=frame.index
        )

    def _needs_nothing(self, names: Sequence[str]) -> bool:
        """Whether a frame without any of the columns is meant to have only defaults."""
        return all(entry.optional for entry in self.fields) and self.params.column not in names and len(names) != 1

    def _from_events(self, events: Sequence[Any]) -> pd.DataFrame:
        import pandas as pd

        from rtml_core.package import FieldEntry
        from rtml_plugins.xdm.bulk import Bulk
        from rtml_plugins.xdm.plan import Wrong

        entries = [FieldEntry.of(entry, None) for entry in self.fields]
        choices = [self._choices[entry.name] for entry in self.fields]
        try:
            arrays = Bulk(entries, choices).arrays(events)
        except (Wrong, RtmlError, AttributeError, ValueError, TypeError, OverflowError, RecursionError):
            # something is wrong, or odd: one by one, which says what, or takes it
            columns = zip(*self._values(events, entries, choices), strict=True)
            arrays = [array(entry, list(column)) for entry, column in zip(self.fields, columns, strict=True)]
        names = [entry.name for entry in self.fields]
        return pd.DataFrame(dict(zip(names, arrays, strict=True)), index=range(len(events)), copy=False)

    def _values(self, events: Sequence[Any], entries: Sequence[FieldEntry], choices: Sequence[Choice]) -> list[list[Any]]:
        """The values of each event, as the boundary gives them; InputError names everything wrong, up to 1,000 problems."""
        from rtml_plugins.xdm.plan import Plan
        from rtml_plugins.xdm.text import read

        plan = Plan(entries, choices)
        made: list[list[Any]] = []
        problems: list[InputProblem] = []
        for row, event in enumerate(events):
            try:
                if isinstance(event, (str, bytes)):
                    text = event.encode(errors="surrogatepass") if isinstance(event, str) else event
                    event = read(text, f"/{row}")
                made.append(plan.values(event, f"/{row}"))
            except InputError as error:
                problems += error.problems
                if len(problems) >= _MOST_PROBLEMS:
                    break
        if problems:
            raise InputError(problems)
        return made


def array(entry: Field, values: list[Any]) -> Any:
    """Values of a field, None for missing, as the array of its canonical column."""
    import numpy as np
    import pandas as pd

    from rtml_core.frames import from_carrier, string_dtype
    from rtml_core.timestamps import parse_timestamps

    if entry.type == "string":
        return pd.array(np.array([np.nan if text is None else text for text in values], dtype=object), dtype=string_dtype())
    if entry.type == "timestamp":
        return parse_timestamps(values).astype("datetime64[us]")
    if entry.type == "bool" and entry.nullable:
        return from_carrier(np.array([np.nan if value is None else value for value in values], np.float64), "bool")
    if entry.column.dtype == "float64":
        return np.array(values, np.float64)  # of None it makes NaN
    return np.array(values, np.int64 if entry.type == "int" else np.bool_)


def _fields(columns: Sequence[Chosen]) -> tuple[Field, ...]:
    try:
        return parse_signature({column.name: column.field for column in columns})
    except RtmlError as error:
        raise ParamError(f"parameter 'paths': {error}") from None


def _schema(given: Any) -> Schema:
    """The schema that a parameter names or is."""
    from rtml_plugins.xdm.schema import Schema, builtin

    if isinstance(given, Schema):
        return given
    schemas = builtin()
    try:
        if isinstance(given, str):
            return schemas.get(given)
        if isinstance(given, Mapping):
            return schemas.get(schemas.add(given, "parameter 'schema'"))
    except RtmlError as error:
        raise ParamError(f"parameter 'schema': {error}") from None
    raise ParamError(f"parameter 'schema' must be the name of a schema, a JSON Schema, or null; got {describe(given)}")
