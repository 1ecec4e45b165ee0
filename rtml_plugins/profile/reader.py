"""ProfileReader: what is known of a person, as columns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

import msgspec

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import ExecutionError, ParamError, RtmlError, describe, listing

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.profile.profiles import Profiles

_FIELD: Final = ("type", "categories", "min", "max", "default", "doc")
#: the type of an aggregate's field, and its default value, unless they are said; first and last are of any type
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "count": {"type": "int", "default": 0},
    "distinct": {"type": "int", "default": 0},
    "sum": {"type": "float", "default": 0.0},
} | {kind: {"type": "float?"} for kind in ("mean", "min", "max", "recency")}


class ProfileReaderParams(Params):
    """See ProfileReader."""

    attributes: Annotated[
        dict[str, Any],
        doc(
            'Fields read from the merged profile: {"type": ..., "path": where it is in the profile (the name of the field when it'
            ' is left out)} with any of "default", "categories", "min", "max" and "doc", as for Receiver.',
            'an object such as {"tier": {"path": "loyalty.tier", "type": "string?", "default": "none"}}',
        ),
    ] = msgspec.field(default_factory=dict)
    aggregates: Annotated[
        dict[str, Any],
        doc(
            "Fields computed from the events of the person: one of count, recency (conditions), sum, mean, min, max, first, last,"
            ' distinct (a path in the event); with any of "where" (conditions), "window" ("24h", "30d"), and what fields say.',
            'an object such as {"views": {"count": {"eventType": "commerce.productViews"}, "window": "24h"}}',
        ),
    ] = msgspec.field(default_factory=dict)
    timeout_ms: Annotated[
        float,
        doc("What reading the profile may take, in milliseconds; the defaults are taken then.", "a number from 0.1 to 10,000"),
    ] = 20.0
    anonymous: Annotated[
        Literal["refuse", "defaults"],
        doc("What happens to a request without any identity: it is refused, or scored with the defaults."),
    ] = "refuse"
    unknown: Annotated[
        Literal["refuse", "defaults"],
        doc(
            "What happens to a request whose person could not be looked up, in time or at all: it is scored with the defaults,"
            " or refused, as the person may have refused personalisation."
        ),
    ] = "defaults"
    identity: Annotated[
        dict[str, str] | None,
        doc(
            "For frames read from a store: namespaces and the columns that hold their ids. Without it a column identityMap.",
            'an object such as {"ECID": "visitor"}, or null',
        ),
    ] = None

    def validate(self) -> None:
        from rtml_plugins.flow.coerce import check_defaults

        if not 0.1 <= self.timeout_ms <= 10_000:
            raise ParamError(f"parameter 'timeout_ms' must be a number from 0.1 to 10,000; got {self.timeout_ms!r}")
        if not self.attributes and not self.aggregates:
            raise ParamError("parameters 'attributes' and 'aggregates' must name at least one field together; got none")
        both = [name for name in self.attributes if name in self.aggregates]
        if both:
            raise ParamError(f"parameter 'aggregates' must not have the fields of 'attributes'; both have {listing(both)}")
        if self.identity is not None and not self.identity:
            raise ParamError("parameter 'identity' must name at least one namespace and its column; got {}")
        for what, parse in (("attributes", attribute), ("aggregates", aggregate)):
            for name, spec in getattr(self, what).items():
                try:
                    field, _ = parse(name, spec)
                    check_defaults([field])
                except RtmlError as error:
                    raise ParamError(f"parameter '{what}': {_at(name, error)}") from None


def _at(name: str, error: RtmlError) -> str:
    text = str(error)
    return text if text.startswith(("field '", "a field name")) else f"field '{name}': {text}"


def attribute(name: str, spec: Any) -> tuple[Field, str]:
    """The field of an attribute and its path in the profile; raises RtmlError."""
    from rtml_plugins.xdm.paths import join, split

    if not isinstance(spec, Mapping):
        raise RtmlError(
            f'an attribute must be an object such as {{"path": "loyalty.tier", "type": "string?"}}; got {describe(spec)}'
        )
    path = spec.get("path", name)
    steps = split(path)
    if not steps or any(isinstance(step, int) for step in steps):
        raise RtmlError(
            f'the path of an attribute must be keys with dots between them, e.g. "loyalty.tier"; got {describe(path)}'
        )
    return _field(name, {key: value for key, value in spec.items() if key != "path"}), join(steps)


def aggregate(name: str, spec: Any) -> tuple[Field, dict[str, Any]]:
    """The field of an aggregate and its definition in canonical form; raises RtmlError."""
    from rtml_plugins.profile.aggregates import Aggregate

    own = {key: value for key, value in spec.items() if key in _FIELD} if isinstance(spec, Mapping) else {}
    rest = {key: value for key, value in spec.items() if key not in own} if isinstance(spec, Mapping) else spec
    # min and max are kinds of aggregates too: there they are paths, here numbers
    for kind in ("min", "max"):
        if isinstance(own.get(kind), str):
            rest[kind] = own.pop(kind)
    made = Aggregate.parse(rest)
    usual = _TYPES.get(made.kind)
    if usual is not None and "type" not in own:
        own = {**usual, **own}
    if "type" not in own:
        raise RtmlError(f'\'{made.kind}\' gives values of any type: say which the field has, e.g. "type": "string?"')
    return _field(name, own), made.to_json()


def _field(name: str, spec: Mapping[str, Any]) -> Field:
    (field,) = parse_signature({name: dict(spec)})
    if not field.nullable and not field.optional:
        raise RtmlError(
            f"field '{name}' has no value when the profile has none or can't be read in time: give it a \"default\", or the type"
            f" '{field.type}?'"
        )
    return field


class ProfileReader(Operator):
    """Adds what is known of a person to the row: attributes of the merged profile, and aggregates of the person's events.

    At serving the request says who: {"identity": {"ECID": "38652"}}, or an event with an identityMap. The profile is read, at an
    edge from its own memory, and its values are held to the types of the fields: a value that its field can't hold is missing.
    What is missing, because nobody knows the person, the profile has no value there, or it could not be read within timeout_ms,
    is the default of its field, and null without one. Requests may hold the fields themselves instead, as plain rows do.
    A request about a person who refused personalisation is not scored: ConsentRefused. All identities of the request and of its
    event count for that; values are those of the first that somebody is known by, those of the request before those of the event,
    the primary ones first. With unknown="refuse" nor is one about a person whose profile could not be read in time.

    Aggregates are kept while events come, so reading them takes no longer for a person with many events. count and distinct
    give int, sum float, all 0 unless there is something; mean, min, max and recency (seconds since the latest event) give float?;
    first and last what "type" says. A window is kept in 60 parts: an event counts until its part is out of the window, never
    longer than the window, at least 59/60 of it. distinct counts up to 100 values.

    Stands first, or behind a Receiver or XDM2Frame. In training it passes a frame that has its columns, as
    `rtml profile training-frame` makes one with the values that serving would have read at each moment; see also
    training_frame. With `bind(profiles)` it reads the profiles as they are now, for frames with a column identityMap (objects) or
    the columns that `identity` names.
    """

    Params = ProfileReaderParams
    role = "source"

    def setup(self) -> None:
        attributes = {name: attribute(name, spec) for name, spec in self.params.attributes.items()}
        aggregates = {name: aggregate(name, spec) for name, spec in self.params.aggregates.items()}
        self.fields = tuple(field for field, _ in (*attributes.values(), *aggregates.values()))
        self._plan = {
            "attributes": {name: path for name, (_, path) in attributes.items()},
            "aggregates": {name: definition for name, (_, definition) in aggregates.items()},
            "timeout_ms": self.params.timeout_ms,
            "anonymous": self.params.anonymous,
            "unknown": self.params.unknown,
        }
        self._profiles: Profiles | None = None

    def source_fields(self) -> tuple[Field, ...]:
        return self.fields

    def boundary(self) -> dict[str, Any]:
        """See rtml_plugins.profile.boundary.Plan."""
        return self._plan

    def bind(self, profiles: Profiles | None) -> Self:
        """Read frames without the reader's columns from these profiles (None: no longer). Profiles must keep the aggregates."""
        self._profiles = profiles
        return self

    # ---- eager --------------------------------------------------------------------------------------------------

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """A frame with the reader's columns, whatever else it has; see the class."""
        data = message.data if isinstance(message, DataMsg) else message
        if data is None:
            raise ExecutionError("ProfileReader has no rows: pass a frame, a row or a list of rows, e.g. graph.run(frame)")
        return DataMsg(data=self.transform(data))

    def transform(self, frame: Any) -> pd.DataFrame:
        import pandas as pd

        from rtml_plugins.flow.coerce import coerce

        if isinstance(frame, pd.DataFrame) and not any(field.name in frame.columns for field in self.fields):
            frame = self._read(frame)
        made = coerce(self.fields, frame, extra="refuse")
        own = [field.name for field in self.fields]
        return made[[*(name for name in made.columns if name not in own), *own]]

    def _read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with the values of the profiles as they are now."""
        if self._profiles is None:
            raise ExecutionError(
                f"ProfileReader: the frame has none of its columns ({listing(field.name for field in self.fields)}). Train from a"
                " frame made by rtml profile training-frame, or let it read the profiles as they are now: reader.bind(profiles)"
            )
        from rtml_plugins.profile.local import LocalProfiles
        from rtml_plugins.profile.rows import as_text, identities_of

        source = self.source(LocalProfiles(self._profiles))
        now = time.time_ns() // 1000
        rows = [source.values(parts, now) for parts in identities_of(frame, self.params.identity)]
        return as_text(frame).assign(**{field.name: _column([row[at] for row in rows]) for at, field in enumerate(self.fields)})

    def source(self, profiles: Any) -> Any:
        """The very source that serves: a ProfileSource over what looks profiles up (LocalProfiles)."""
        from rtml_plugins.profile.boundary import ProfileSource

        return ProfileSource(self._plan, self.fields, profiles)

    # ---- compiled -----------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        own = {field.name for field in self.fields}
        return {name: column for name, column in columns.items() if name not in own} | {
            field.name: columns[field.name] for field in self.fields
        }


def _column(values: Sequence[Any]) -> Any:
    import numpy as np

    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
