"""Simulator: plausible rows from declared fields, or from a profile of real rows."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import Field, parse_signature, within
from rtml_core.errors import ColumnError, NotFittedError, ParamError, RtmlError, close_match, describe, listing
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.flow.simulator_profile import pairs_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: what a field may say beyond its type and categories, and which types it is for
_DETAILS: Final = {
    "missing": ("float", "int", "bool", "string", "timestamp"),
    "choices": ("float", "int", "bool", "string"),
    "range": ("float", "int", "timestamp"),
    "decimals": ("float",),
}


class SimulatorParams(Params):
    """See Simulator."""

    schema: Annotated[
        dict[str, Any] | None,
        doc(
            'Fields and types, as for Receiver. A field may also say what is plausible: {"type": "float?", "range": [18, 90],'
            ' "decimals": 0, "missing": 0.1}, {"type": "string", "choices": {"DE": 3, "FR": 1}} with weights, or a list of values'
            " or of [value, weight].",
            'an object of field names and types, e.g. {"age": {"type": "float?", "range": [18, 90]}}',
        ),
    ] = None
    profile: Annotated[
        dict[str, Any] | None, doc("What an earlier fit learned, instead of a schema.", "a profile, as fit makes one")
    ] = None
    rows: Annotated[int, doc("How many rows it makes.", "a whole number from 0")] = 1000
    seed: Annotated[int, doc("Equal seeds make equal rows, on every machine.", "a whole number from 0 to 2^63")] = 0
    training_only: Annotated[
        list[str], doc("Columns that are made for training, a label for example, but are no fields of a request.")
    ] = []  # noqa: RUF012 (msgspec copies it)
    min_count: Annotated[
        int,
        doc(
            "For fit: a value, or an end of the numbers, is kept only when so many rows have it or lie beyond.",
            "a whole number from 1",
        ),
    ] = 10
    correlations: Annotated[bool, doc("For fit: whether to learn how the ranks of columns hang together.")] = True
    extra: Annotated[Literal["refuse", "ignore"], doc("What happens to fields of a request that the schema does not name.")] = (
        "refuse"
    )

    def validate(self) -> None:
        if self.schema is not None and self.profile is not None:
            raise ParamError("parameter 'profile' must be left out where 'schema' declares the fields; got both")
        if self.rows < 0:
            raise ParamError(f"parameter 'rows' must be a whole number from 0; got {self.rows}")
        if not 0 <= self.seed < 2**63:
            raise ParamError(f"parameter 'seed' must be a whole number from 0 to 2^63; got {self.seed}")
        if self.min_count < 1:
            raise ParamError(f"parameter 'min_count' must be a whole number from 1; got {self.min_count}")
        try:
            fields = self.declared()[0]
            if self.profile is not None:
                check_profile(self.profile)
        except ParamError:
            raise
        except RtmlError as error:
            raise ParamError(f"parameter 'schema': {error}") from None
        unknown = [name for name in self.training_only if fields and name not in fields]
        if unknown:
            raise ParamError(f"parameter 'training_only' must be about fields: {listing(fields)}; got '{unknown[0]}'")

    def declared(self) -> tuple[dict[str, Field], dict[str, dict[str, Any]]]:
        """Fields and what is plausible in them, by name; empty without a schema."""
        plain: dict[str, Any] = {}
        details: dict[str, dict[str, Any]] = {}
        for name, spec in (self.schema or {}).items():
            plain[name] = spec
            if isinstance(spec, Mapping):
                plain[name] = {key: value for key, value in spec.items() if key not in _DETAILS}
                details[name] = {key: value for key, value in spec.items() if key in _DETAILS}
        fields = {entry.name: entry for entry in parse_signature(plain)} if self.schema is not None else {}
        for name, found in details.items():
            _check_details(fields[name], found)
        return fields, details


class Simulator(Operator):
    """A source that makes rows: for tests, load and demos, where real ones are not at hand or must not leave the house.

    From a schema it draws each field by itself, evenly over its range or choices. From real rows fit learns a profile, JSON:
    for each column dtype, share of missing rows, quantiles of numbers and their digits, frequent values with their shares,
    lengths of other texts, hours and weekdays of times; and the correlation of ranks between columns, which a Gaussian copula
    gives back. Rows that are missing in one column are so by chance, independent of the others.

    Called with None it gives `rows` rows as a frame; called with rows it takes these, as Receiver does, and in a compiled
    graph a request has its fields. A profile holds values of the training rows, but only those that `min_count` rows share.
    """

    Params = SimulatorParams
    role = "source"

    def setup(self) -> None:
        self._declared, self._details = self.params.declared()
        self.learns = self.params.schema is None and self.params.profile is None

    # ---- profile ----------------------------------------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn the profile of real rows; with a schema, of its fields. Raises ColumnError for a column that has none."""
        import pandas as pd

        from rtml_core.frames import canonical
        from rtml_plugins.flow.simulator_profile import declared_as, learn

        if not isinstance(frame, pd.DataFrame):
            raise ColumnError(f"A profile is learned from a frame of real rows; got {describe(frame)}")
        frame = canonical(frame)
        if self._declared:
            from rtml_plugins.flow.coerce import coerce

            frame = coerce(list(self._declared.values()), frame, extra="ignore")[list(self._declared)]
        learned = learn(frame, self.params.min_count, correlations=self.params.correlations)
        for name, entry in self._declared.items():
            learned["fields"][name] = declared_as(entry, learned["fields"][name])
        self.state = {"profile": learned}
        return self

    @property
    def profile(self) -> dict[str, Any]:
        """The profile that rows are drawn from: learned, given, or made of the schema. Raises NotFittedError for none."""
        from rtml_plugins.flow.simulator_profile import declared

        if self.state is not None:
            found: dict[str, Any] = self.state["profile"]
            return found
        if self.params.profile is not None:
            return dict(self.params.profile)
        if not self._declared:
            raise NotFittedError("Simulator knows no fields: give it a schema or a profile, or call fit with real rows")
        return declared(list(self._declared.values()), self._details)

    def source_fields(self) -> tuple[Field, ...]:
        """The fields of a request: those of the profile without what is for training only."""
        known = self._declared or fields_of(self.profile)
        return tuple(entry for entry in known.values() if entry.name not in self.params.training_only)

    # ---- rows -------------------------------------------------------------------------------------------------------

    def rows(self, count: int | None = None, seed: int | None = None) -> Iterator[dict[str, Any]]:
        """Requests, one by one, as JSON objects: the fields of a request, null where missing, times as ISO texts.

        The first rows of a longer run are those of a shorter one. Raises NotFittedError without a profile.
        """
        fields = self.source_fields()
        for columns in self._chunks(count, seed):
            texts = [_json_values(entry, columns[entry.name]) for entry in fields]
            for values in zip(*texts, strict=True):
                yield {entry.name: value for entry, value in zip(fields, values, strict=True)}

    def frame(self, count: int | None = None, seed: int | None = None) -> pd.DataFrame:
        """Rows as a canonical frame, columns for training included."""
        import pandas as pd

        from rtml_plugins.flow.coerce import coerce

        every = list((self._declared or fields_of(self.profile)).values())
        parts = [
            coerce(every, {entry.name: _json_values(entry, columns[entry.name]) for entry in every}, extra="refuse")
            for columns in self._chunks(count, seed)
        ]
        empty: dict[str, list[Any]] = {entry.name: [] for entry in every}
        return pd.concat(parts, ignore_index=True) if parts else coerce(every, empty, extra="refuse")

    def _chunks(self, count: int | None, seed: int | None) -> Iterator[dict[str, list[Any]]]:
        from rtml_plugins.flow.simulator_draw import chunks

        return chunks(self.profile, self.params.rows if count is None else count, self.params.seed if seed is None else seed)

    # ---- as a source ------------------------------------------------------------------------------------------------

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Rows that it makes; with a message, the rows of that, by the rules of Receiver."""
        data = message.data if isinstance(message, DataMsg) else message
        return DataMsg(data=self.frame() if data is None else self.transform(data))

    def transform(self, frame: Any) -> pd.DataFrame:
        from rtml_plugins.flow.coerce import coerce

        return coerce(self.source_fields(), frame, extra=self.params.extra)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        return {entry.name: columns[entry.name] for entry in self.source_fields()}


def fields_of(profile: Mapping[str, Any]) -> dict[str, Field]:
    """The fields of a profile by name."""
    return {entry.name: entry for entry in parse_signature({name: found["type"] for name, found in profile["fields"].items()})}


def _json_values(entry: Field, values: list[Any]) -> list[Any]:
    if entry.type != "timestamp":
        return values
    from rtml_core.timestamps import format_timestamp

    return [None if micros is None else format_timestamp(micros) for micros in values]


def check_profile(profile: Any) -> None:
    """Raise ParamError unless rows can be drawn from a profile."""
    expected = "parameter 'profile' must be a profile, as Simulator's fit makes one"
    fields = profile.get("fields") if isinstance(profile, Mapping) else None
    if not isinstance(fields, Mapping) or not fields:
        raise ParamError(f"{expected}: an object with 'fields'; got {describe(profile)}")
    from rtml_plugins.flow.simulator_draw import chunks

    try:
        fields_of(profile)
        for _ in chunks(profile, 1, 0):
            pass
    except RtmlError as error:
        raise ParamError(f"{expected}; {error}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, AssertionError, ZeroDivisionError) as error:
        raise ParamError(f"{expected}; this one can't be drawn from ({type(error).__name__}: {error})") from None


def _check_details(entry: Field, details: Mapping[str, Any]) -> None:
    """Raise ParamError for what a field says about its values and can't have."""
    at = f"parameter 'schema': field '{entry.name}'"
    for name, value in details.items():
        if entry.type not in _DETAILS[name]:
            raise ParamError(f"{at} is a {entry.type} and has no '{name}'; got {describe(value)}")
    missing = details.get("missing", 0)
    if isinstance(missing, bool) or not isinstance(missing, (int, float)) or not 0 <= missing <= 1:
        raise ParamError(f"{at}: 'missing' must be a share from 0 to 1; got {describe(missing)}")
    if missing and not entry.nullable:
        raise ParamError(f"{at}: 'missing' needs a type that may be null, '{entry.type}?'; got '{entry.type}'")
    if "choices" in details:
        _check_choices(entry, details["choices"], at)
    if "range" in details and "choices" in details:
        raise ParamError(f"{at} must have 'range' or 'choices', not both")
    if "range" in details:
        low, high = _ends(entry, details["range"], at)
        if not low <= high:
            raise ParamError(f"{at}: 'range' must be two values, the lower first; got {describe(details['range'])}")
        if entry.type != "timestamp" and not (within(entry, low) and within(entry, high)):
            raise ParamError(f"{at}: 'range' must lie within min and max of the field; got {describe(details['range'])}")
    decimals = details.get("decimals", 0)
    if isinstance(decimals, bool) or not isinstance(decimals, int) or not 0 <= decimals <= 15:
        raise ParamError(f"{at}: 'decimals' must be a whole number from 0 to 15; got {describe(decimals)}")


def _ends(entry: Field, given: Any, at: str) -> tuple[float, float]:
    if isinstance(given, (list, tuple)) and len(given) == 2:
        if entry.type == "timestamp":
            found = [parse_timestamp(end) if isinstance(end, str) else None for end in given]
        else:
            found = [end if _is_number(end) and abs(end) <= 2**53 else None for end in given]
        low, high = found
        if low is not None and high is not None:
            return low, high
    what = "timestamps" if entry.type == "timestamp" else "numbers up to 2^53"
    raise ParamError(f"{at}: 'range' must be two {what}, the lower first; got {describe(given)}")


def _check_choices(entry: Field, choices: Any, at: str) -> None:
    if isinstance(choices, Mapping) and entry.type != "string":
        raise ParamError(f"{at}: 'choices' with weights are pairs in a {entry.type} field, [[value, weight], ...]; got an object")
    pairs = pairs_of(choices)
    if not pairs or not all(_is_number(weight) and weight >= 0 for _, weight in pairs) or not any(weight for _, weight in pairs):
        raise ParamError(f"{at}: 'choices' must be a list of values, or of values and weights; got {describe(choices)}")
    kinds: dict[str, Any] = {"string": str, "bool": bool, "int": int, "float": (int, float)}
    for value, _ in pairs:
        if not isinstance(value, kinds[entry.type]) or (isinstance(value, bool) and entry.type != "bool"):
            raise ParamError(f"{at}: 'choices' must be values of the type {entry.type}; got {describe(value)}")
        if entry.type in ("int", "float") and not within(entry, value):
            raise ParamError(f"{at}: 'choices' must lie within min and max of the field; got {describe(value)}")
        if entry.categories is not None and value not in entry.categories:
            near = close_match(value, entry.categories)
            raise ParamError(
                f"{at}: 'choices' must be among its categories {listing(entry.categories, 10)}; got {describe(value)}.{near}"
            )


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= sys.float_info.max  # a whole number beyond it is none that a column holds; NaN is neither
