"""ProfileReader where models are served: the values of a person's profile, in the order of the fields.

LIGHT: loaded by edges. Where profiles are kept is not known here: `resources["profiles"]` looks a person up by the keys of the
identities of a request, at an edge in its projections, in one process in the profiles themselves (`LocalProfiles`).
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from rtml_core.boundary import Parts
from rtml_core.columns import MISSING_STRING, within
from rtml_core.errors import InputError, InputProblem, RtmlError, describe
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.profile import identity as identities
from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.serving.consent import ConsentRefused, ProfileUnknown
from rtml_plugins.serving.projections import Projection

if TYPE_CHECKING:
    from rtml_core.package import BoundaryEntry, FieldEntry

Value = Callable[[Projection, int], Any]
_MISSING: Final = object()
_EXPECTED: Final = 'an identity such as {"ECID": "38652"}, here or as the identityMap of the event'


class ProfileLookup(Protocol):
    """What `resources["profiles"]` has to be."""

    def lookup(self, keys: tuple[str, ...], now_us: int, /) -> Projection | Awaitable[Projection | None] | None:
        """The person of the first of these identities that somebody is known by, the most telling first; None (or `found` false)
        when nobody is. `consent` is false when any person of any of them refused. Raises an RtmlError or OSError when it can't be
        known; a lookup that gives None then has a method unsure(keys), which says whether that was so for any of them."""
        ...


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ProfileReader.boundary says. attributes: field -> path in the profile. aggregates: field -> definition.

    timeout_ms: what a lookup may take. anonymous: whether a request without any identity has the default values, or is refused;
    unknown: the same for one whose person could not be looked up, in time or at all, so that nobody knows what they refused.
    """

    attributes: dict[str, str] = {}
    aggregates: dict[str, dict[str, Any]] = {}
    timeout_ms: float = 20.0
    anonymous: str = "refuse"
    unknown: str = "defaults"


def wanted(plan: Mapping[str, Any]) -> tuple[frozenset[str], list[Aggregate]]:
    """What profiles have to have for the plan of a ProfileReader (BoundaryEntry.plan): paths of attributes, and aggregates, each
    once. Raises msgspec.ValidationError and AggregateError for what is no such plan."""
    made = msgspec.convert(plan, Plan)
    aggregates = [Aggregate.parse(definition) for definition in made.aggregates.values()]
    return frozenset(made.attributes.values()), list({aggregate.id: aggregate for aggregate in aggregates}.values())


def profile_reader(
    entry: BoundaryEntry, fields: Sequence[FieldEntry], resources: Mapping[str, Any]
) -> ProfileSource | NoProfiles:
    """The source of a package's ProfileReader; where nobody offers profiles, one that refuses requests by identity."""
    profiles = resources.get("profiles")
    return NoProfiles() if profiles is None else ProfileSource(entry.plan, fields, profiles)


class NoProfiles:
    """A ProfileReader where no profiles are: plain rows with all of its fields are scored, requests by identity are refused."""

    def values(self, parts: Parts, now: int, /) -> Sequence[Any]:
        part = "event" if parts.identity is None else "identity"
        expected = "a row with all fields, as there are no profiles here to read"
        raise InputError([InputProblem(f"{parts.at}/{part}", expected, f"an {part}")])


class ProfileSource:
    """Values of a person's profile. counts: how often what was missing, since the start: "anonymous", "missing" (nobody knows the
    person), "timeout", "failed" (the lookup), "unfit" (a value that its field can't hold), "unkept" (an aggregate
    that is not kept)."""

    def __init__(self, given: Mapping[str, Any], fields: Sequence[Any], profiles: ProfileLookup):
        self.plan = plan = msgspec.convert(given, Plan)
        self._lookup = profiles.lookup
        self._timeout = plan.timeout_ms / 1000
        self._unsure: Callable[[tuple[str, ...]], bool] | None = None
        if plan.unknown == "refuse":
            self._unsure = getattr(profiles, "unsure", None)
        self._defaults = tuple(entry.default if entry.optional else None for entry in fields)
        self.counts = {"anonymous": 0, "missing": 0, "timeout": 0, "failed": 0, "unfit": 0, "unkept": 0}
        self._attributes: list[tuple[int, str, Callable[[Any], Any]]] = []
        self._aggregates: list[tuple[int, str, Aggregate, Callable[[Any], Any] | None]] = []
        for place, entry in enumerate(fields):
            if entry.name in plan.attributes:
                self._attributes.append((place, plan.attributes[entry.name], converter(entry)))
            else:
                aggregate = Aggregate.parse(plan.aggregates[entry.name])
                self._aggregates.append((place, aggregate.id, aggregate, None if _fits(aggregate, entry) else converter(entry)))
        choose = getattr(profiles, "choose", None)
        if choose is not None:
            choose(*wanted(given))

    # ---- a request ----------------------------------------------------------------------------------------------

    def values(self, parts: Parts, now: int, /) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        """Values of the fields at a moment (us). Raises InputError for an identity that can't be used, ConsentRefused (and
        ProfileUnknown, which is one)."""
        keys = keys_of(parts)
        if not keys:
            if self.plan.anonymous == "refuse":
                raise InputError([InputProblem(f"{parts.at}/identity", _EXPECTED, "none")])
            self.counts["anonymous"] += 1
            return self._defaults
        try:
            found = self._lookup(keys, now)
        except ConsentRefused:
            raise
        except (RtmlError, OSError):
            return self._unknown("failed")
        if found is None or type(found) is Projection:
            return self.read(found, now) if self._unsure is None else self._surely(found, keys, now)
        return _Looked(self, found, keys, now)  # type: ignore[arg-type]

    async def wait(self, found: Awaitable[Projection | None], keys: tuple[str, ...], now: int) -> Sequence[Any]:
        """Values from what is looked up, in time. Raises ConsentRefused."""
        try:
            async with asyncio.timeout(self._timeout):
                projection = await found
        except TimeoutError:
            return self._unknown("timeout")
        except ConsentRefused:
            raise
        except (RtmlError, OSError):
            return self._unknown("failed")
        return self.read(projection, now) if self._unsure is None else self._surely(projection, keys, now)

    def _surely(self, projection: Projection | None, keys: tuple[str, ...], now: int) -> Sequence[Any]:
        """read(), unless somebody of the identities could not be asked about, and may have refused."""
        refused = projection is not None and projection.found and not projection.consent
        if not refused and self._unsure is not None and self._unsure(keys):
            return self._unknown("failed")
        return self.read(projection, now)

    def _unknown(self, why: str) -> Sequence[Any]:
        self.counts[why] += 1
        if self.plan.unknown == "refuse":
            raise ProfileUnknown()
        return self._defaults

    def _none(self, why: str) -> Sequence[Any]:
        self.counts[why] += 1
        return self._defaults

    # ---- a profile ----------------------------------------------------------------------------------------------

    def read(self, projection: Projection | None, now: int) -> Sequence[Any]:
        """Values of the fields from what was looked up. Raises ConsentRefused."""
        if projection is None or not projection.found:
            return self._none("missing")
        if not projection.consent:
            raise ConsentRefused()
        row = list(self._defaults)
        attributes, states = projection.attributes, projection.aggregates
        for place, path, convert in self._attributes:
            value = attributes.get(path)
            if value is not None:
                value = convert(value)
                if value is _MISSING:
                    self.counts["unfit"] += 1
                else:
                    row[place] = value
        for place, id, aggregate, convert_maybe in self._aggregates:
            state = states.get(id, _MISSING)
            if state is _MISSING:
                self.counts["unkept"] += 1
                continue
            value = aggregate.value(state, now)
            if value is not None and convert_maybe is not None:
                value = convert_maybe(value)
            if value is _MISSING:
                self.counts["unfit"] += 1
            elif value is not None:
                row[place] = value
        return row


class _Looked:
    """Values that wait for a profile. Closed before it is awaited it lets go of the lookup, which a coroutine would not."""

    __slots__ = ("_found", "_keys", "_now", "_source")

    def __init__(self, source: ProfileSource, found: Awaitable[Projection | None], keys: tuple[str, ...], now: int):
        self._source, self._found, self._keys, self._now = source, found, keys, now

    def __await__(self) -> Generator[Any, Any, Sequence[Any]]:
        return self._source.wait(self._found, self._keys, self._now).__await__()

    def close(self) -> None:
        close = getattr(self._found, "close", None)
        if close is not None:
            close()


# ---- identities ---------------------------------------------------------------------------------------------------------


class _Identity(msgspec.Struct, gc=False):
    id: str
    primary: bool = False


class _Event(msgspec.Struct, gc=False):
    identityMap: dict[str, list[_Identity]] | None = None
    endUserIDs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


#: what an event that names anybody holds (a name may be written with escapes)
_IDENTITIES: Final = re.compile(rb'identityMap"|endUserIDs"|\\')
_read_identity: Final = msgspec.json.Decoder(dict[str, str | _Identity | list[str | _Identity]]).decode
_read_event: Final = msgspec.json.Decoder(_Event).decode


def keys_of(parts: Parts) -> tuple[str, ...]:
    """Keys of the identities of a request, each once: those of its identity, then those of its event, the primary ones of each
    first; () when it has none. The values are those of the first that somebody is known by, and every one may have refused.

    Raises InputError for an identity that can't be used. Of an event those are left out, as when it is ingested.
    """
    if parts.identity is None:
        return _of_event(parts.event, parts.at) if parts.event is not None else ()
    keys = _of_identity(parts.identity, parts.at)
    if parts.event is None or _IDENTITIES.search(parts.event) is None:
        return keys
    return tuple(dict.fromkeys(keys + _of_event(parts.event, parts.at)))


def _of_identity(text: bytes, at: str) -> tuple[str, ...]:
    try:
        given = _read_identity(text)
    except (msgspec.DecodeError, RecursionError):
        given = None
    if given is not None and len(given) == 1:
        ((namespace, id),) = given.items()
        if type(id) is str and identities.problem(namespace, id) is None:
            return (identities.key(namespace, id),)
    try:
        document = msgspec.json.decode(text)
        return tuple(dict.fromkeys(one.key for one in identities.parse(document)))
    except (msgspec.DecodeError, RecursionError):
        raise InputError([InputProblem(f"{at}/identity", _EXPECTED, describe(text))]) from None
    except identities.IdentityError as error:
        raise InputError([InputProblem(f"{at}/identity", "an identity of a person", str(error))]) from None


def _of_event(text: bytes, at: str) -> tuple[str, ...]:
    try:
        event = _read_event(text)
        if event.endUserIDs is msgspec.UNSET:
            if not event.identityMap:
                return ()
            found = [
                (one.primary, identities.key(namespace, one.id))
                for namespace, listed in event.identityMap.items()
                for one in listed
                if identities.problem(namespace, one.id) is None
            ]
        else:
            found = [(one.primary, one.key) for one in identities.read(msgspec.json.decode(text)).identities]
    except (msgspec.DecodeError, RecursionError):
        raise InputError([InputProblem(f"{at}/event/identityMap", "an identityMap as XDM has it", "another form")]) from None
    if len(found) > identities.MOST_IN_RECORD:
        expected = f"at most {identities.MOST_IN_RECORD} identities of one person"
        raise InputError([InputProblem(f"{at}/event/identityMap", expected, f"{len(found)}")])
    if len(found) > 1:
        found.sort(key=lambda one: not one[0])
    return tuple(dict.fromkeys(key for _, key in found))


# ---- values -------------------------------------------------------------------------------------------------------------


def _fits(aggregate: Aggregate, entry: Any) -> bool:
    """Whether all values of an aggregate are values of its field, so that none needs a look."""
    if entry.minimum is not None or entry.maximum is not None:
        return False
    whole = aggregate.kind in ("count", "distinct")
    return (whole and entry.type in ("int", "float")) or (aggregate.kind not in ("first", "last") and entry.type == "float")


def converter(entry: Any) -> Callable[[Any], Any]:
    """A function from a JSON value of a profile to the value of a field (a FieldEntry); _MISSING when the field can't hold it."""
    kind = entry.type
    if kind in ("float", "int"):
        limit = 2**53 if entry.nullable else 2**63 - 1
        bounded = entry.minimum is not None or entry.maximum is not None

        def number(value: Any) -> Any:
            if type(value) is float:
                if kind == "int":
                    value = int(value) if value.is_integer() else math.nan
                if not math.isfinite(value):
                    return _MISSING
            elif type(value) is not int:
                return _MISSING
            elif kind == "float":
                if not -(2**53) <= value <= 2**53:  # what a float64 does not hold to its last digit is missing
                    if abs(value) >= 2**1023 or float(value) != value:
                        return _MISSING
                    value = float(value)
            elif not -limit <= value <= limit:
                return _MISSING
            return _MISSING if bounded and not within(entry, value) else value

        return number
    if kind == "bool":
        return lambda value: value if type(value) is bool else _MISSING
    if kind == "timestamp":
        return lambda value: value if type(value) is str and parse_timestamp(value) is not None else _MISSING
    categories = None if entry.categories is None else frozenset(entry.categories)

    def text(value: Any) -> Any:
        if type(value) is not str or (categories is not None and value not in categories):
            return _MISSING
        return _MISSING if "\0" in value or value == MISSING_STRING else value

    return text


# ---- answers ------------------------------------------------------------------------------------------------------------


class ProfileAnswers:
    """ProfileWriter where models are served: predictions are answered as they are; what is written goes another way."""

    def shape(self, outputs: Mapping[str, Any], /) -> Any:
        return outputs


def profile_writer(entry: BoundaryEntry, fields: Sequence[FieldEntry], resources: Mapping[str, Any]) -> ProfileAnswers:
    """The sink of a package's ProfileWriter."""
    return ProfileAnswers()
