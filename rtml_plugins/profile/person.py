"""A person as it is kept: one component of the identity graph, with what is known by each of its identities.

LIGHT: the standard library and msgspec only. Kept as MessagePack of the structs below. Everything is held per identity, so that a
person can be parted: what was said of an identity goes where the identity goes, and nothing has to be counted again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from rtml_plugins.profile.store import StoreError

#: of the bytes; another one is refused
FORMAT: Final = 1
#: between the two keys of a link; no key holds it
_BETWEEN: Final = "\x00"

Tree = dict[str, Any]


class Consent(msgspec.Struct, array_like=True, gc=False):
    """What was last said of one purpose. value: as XDM has it ("y", "n", ...); at: us, when it was taken in."""

    value: str
    at: int


class Known(msgspec.Struct, array_like=True, gc=False):
    """What is known by one identity.

    namespace, id: as they were written; state: authenticatedState as last said, at `stated`. first, last: us, of the records that
    name it. events: how many were added under it; datasets: the same by dataset. states: aggregate -> [events that it has seen,
    state]; it counts only while it has seen all of them. fragments: JSON of {dataset: tree}, where a leaf is [value, ingested
    us]; b"" when there are none. consents: purpose -> what was said.
    """

    namespace: str
    id: str
    state: str
    stated: int
    first: int
    last: int
    events: int = 0
    datasets: dict[str, int] = {}
    states: dict[str, list[Any]] = {}
    fragments: bytes = b""
    consents: dict[str, Consent] = {}

    def trees(self) -> dict[str, Tree]:
        """The fragments, by dataset; decoded anew each time."""
        return _decode_json(self.fragments) if self.fragments else {}


class Person(msgspec.Struct, array_like=True, gc=False):
    """A person. known: by key of the identity, in the order in which they came. links: `link` -> us of the newest record that
    says so; those that hold the graph together, and no others. changed: us, when it last took something in."""

    known: dict[str, Known]
    links: dict[str, int] = {}
    changed: int = 0
    format: int = FORMAT


def link(one: str, other: str) -> str:
    """The name of the link of two keys, whichever comes first."""
    return f"{one}{_BETWEEN}{other}" if one < other else f"{other}{_BETWEEN}{one}"


def ends(link: str) -> tuple[str, str]:
    """The keys that a link joins."""
    one, _, other = link.partition(_BETWEEN)
    return one, other


#: whole numbers beyond 64 bits, which MessagePack does not know, in states of aggregates: their digits
_DIGITS: Final = 1


def _extension(code: int, data: memoryview) -> Any:
    if code != _DIGITS:
        raise ValueError(f"unknown extension {code}")
    return int(bytes(data))


_decoder: Final = msgspec.msgpack.Decoder(Person, ext_hook=_extension)
_encoder: Final = msgspec.msgpack.Encoder()
_decode_json: Final = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode
encode_json: Final = msgspec.json.Encoder().encode


def decode(data: bytes) -> Person:
    """A person from its bytes. Raises StoreError for bytes that are none, or of a later rtml."""
    try:
        person = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise StoreError(f"A person in the store can't be read; it may be damaged, or not rtml's: {error}") from None
    if person.format != FORMAT:
        raise StoreError(f"A person in the store has format {person.format}, of a later rtml; this one reads format {FORMAT}")
    return person


def encode(person: Person) -> bytes:
    """The bytes of a person."""
    try:
        return _encoder.encode(person)
    except OverflowError:
        known = {key: msgspec.structs.replace(one, states=_with_digits(one.states)) for key, one in person.known.items()}
        return _encoder.encode(msgspec.structs.replace(person, known=known))


def _with_digits(value: Any) -> Any:
    if type(value) is dict:
        return {name: _with_digits(item) for name, item in value.items()}
    if type(value) is list:
        return [_with_digits(item) for item in value]
    if type(value) is int and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(_DIGITS, str(value).encode())
    return value


def joined(people: Iterable[Person]) -> Person:
    """One person of several that have no identity in common; nothing is copied."""
    known: dict[str, Known] = {}
    links: dict[str, int] = {}
    changed = 0
    for person in people:
        known |= person.known
        links |= person.links
        changed = max(changed, person.changed)
    return Person(known, links, changed)


def parted(person: Person, groups: Iterable[set[str]], links: dict[str, int]) -> list[Person]:
    """A person parted into groups of its identities; links: those that stay."""
    made = []
    for group in groups:
        known = {key: one for key, one in person.known.items() if key in group}
        inside = {name: at for name, at in links.items() if ends(name)[0] in group}
        made.append(Person(known, inside, person.changed))
    return made
