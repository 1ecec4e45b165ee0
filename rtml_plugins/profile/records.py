"""What goes into profiles and what comes out of them, as structs.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from rtml_plugins.profile.identity import Descriptor

#: refused records and identities that an answer names; the others are counted
MOST_TOLD: Final = 1000


class Record(NamedTuple):
    """One record for profiles.

    kind: "event" or "record". dataset: where it was kept. id: its `_id`. timestamp_us: an event's time (of a record data: not
    used). ingested_us: when it was taken in: the order in which statements count. document: decoded; raw: its JSON, when it is
    at hand, kept for events as it is. descriptors: fields that the schema declares to be identities.
    """

    kind: Literal["event", "record"]
    dataset: str
    id: str
    timestamp_us: int
    ingested_us: int
    document: Mapping[str, Any]
    raw: bytes | None = None
    descriptors: Sequence[Descriptor] = ()


class RefusedRecord(NamedTuple):
    """A record, or one identity of it, that was left out. number: from 0, in what was given; at: a JSON pointer into it."""

    number: int
    id: str
    at: str
    message: str


class Applied(msgspec.Struct):
    """What became of records.

    events, records: taken in. withheld: events of persons who refused collection. refused: records that were left out; dropped:
    single identities that were left out of records that were taken in (at most MOST_TOLD of each are told; *_count are all).
    before: records that had been applied before, by the mark.
    """

    events: int = 0
    records: int = 0
    withheld: int = 0
    refused: list[RefusedRecord] = []
    refused_count: int = 0
    dropped: list[RefusedRecord] = []
    dropped_count: int = 0
    before: int = 0


class Changed(NamedTuple):
    """A person that changed. version: as it is now, 0 when the person is gone. keys: of its identities, and those it lost."""

    person: str
    version: int
    keys: tuple[str, ...]


class KnownIdentity(msgspec.Struct):
    """An identity of a profile. first, last: us, of the records that name it. events: how many are kept under it."""

    namespace: str
    id: str
    state: str
    first: int
    last: int
    events: int


class Link(msgspec.Struct):
    """Two identities that a record named together. at: us, of the newest such record."""

    one: str
    other: str
    at: int


class Profile(msgspec.Struct):
    """A person as a policy shows it. attributes: merged, or the fields that were chosen. sources: datasets that had a say, of
    attributes and events. changed: us, when something was last taken in. consent: purpose -> value as last said."""

    person: str
    version: int
    policy: str
    identities: list[KnownIdentity]
    attributes: dict[str, Any]
    sources: list[str]
    consent: dict[str, str]
    changed: int


class Event(msgspec.Struct):
    """An event of a person. key: of the identity under which it is kept; at: us; document: as it came."""

    key: str
    at: int
    id: str
    document: dict[str, Any]


class View(NamedTuple):
    """What a projection or a reader of profiles wants to know.

    attributes: by the names that were asked for; those without a value are left out. states: of the aggregates, merged over the
    identities; None where nothing happened yet, left out when the aggregate is not kept (yet). consent: False when the person
    refused personalisation. version: grows with each change of this person.
    """

    person: str
    attributes: dict[str, Any]
    states: dict[str, Any]
    consent: bool
    version: int


class Erased(msgspec.Struct):
    """What was erased. persons: 0 when nobody was known. keys: of all identities; datasets: that had records of the person."""

    persons: int = 0
    keys: list[str] = []
    events: int = 0
    fragments: int = 0
    datasets: list[str] = []


class Erasure(msgspec.Struct):
    """A line of the audit trail. digests: HMAC-SHA256 of the keys, in hex, so that it can be asked whether somebody was erased,
    and nobody can be read from it. at: us."""

    at: int
    actor: str
    digests: list[str]
    persons: int
    events: int
    fragments: int
