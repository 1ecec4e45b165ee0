"""What a store of profiles is: the interface behind which SQLite, Redis or a plugin's own store stand.

A store knows no XDM and merges nothing. It keeps, each under a text: persons (bytes with a version), which person owns an
identity (by the key of the identity), events of an identity in order of time, small named values, and marks. One `Change` is
applied whole or not at all, and only if what it was made from is still so (compare and set): that is what lets several writers
work on one store.
What every store promises is tested by rtml_plugins.profile.conformance.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from rtml_core.errors import RtmlError, describe

#: more events than any moment of an identity has
_MANY: Final = 1 << 30


class StoreError(RtmlError):
    """A store that can't be opened, reached, read or written; says which, why, and what to do."""


class Stored(NamedTuple):
    """A person as it is kept. version: 1 for the first that was put, one more with each change."""

    id: str
    version: int
    data: bytes


class StoredEvent(NamedTuple):
    """An event of an identity. key: of the identity; at: its timestamp in us since the epoch; id: `_id`; data: its document."""

    key: str
    at: int
    id: str
    data: bytes


class Change(msgspec.Struct, kw_only=True):
    """What happens together. Nothing of it happens when one of the expectations does not hold.

    expect: person -> the version that it has (0: there is none). owners: key of an identity -> the person that owns it (None:
    nobody). put: person -> its new bytes. remove: persons that go. own: key -> its new owner (None: nobody any more), a person
    that is there when the change is done. events: to be added; one with the key, time and id of another takes its place. forget:
    keys whose events all go. marks: name -> number; a change whose mark is not greater than the one that is kept is not applied
    either, as it was before.

    What goes (remove, forget) goes first: a person or events that are also put stay as they are put. An identity that is left to
    a person that went belongs to nobody. Ids of persons are not used a second time.
    """

    expect: dict[str, int] = {}
    owners: dict[str, str | None] = {}
    put: dict[str, bytes] = {}
    remove: set[str] = set()
    own: dict[str, str | None] = {}
    events: list[StoredEvent] = []
    forget: set[str] = set()
    marks: dict[str, int] = {}


class ProfileStore(ABC):
    """A store of profiles. Usable from several threads; all methods raise StoreError when the store can't be reached.

    What commit has returned True for survives the death of the process (of the machine as far as the store's documentation says).
    A reader sees a change whole or not at all.
    """

    #: the scheme of its URLs: "sqlite", "redis"
    scheme: str

    @classmethod
    @abstractmethod
    def open(cls, url: str) -> Self:
        """Open the store that a URL names, made when there is none. Raises StoreError."""

    # ---- reading ------------------------------------------------------------------------------------------------

    @abstractmethod
    def owners(self, keys: Sequence[str]) -> list[str | None]:
        """The persons that own identities, in the order of the keys."""

    @abstractmethod
    def read(self, persons: Sequence[str]) -> list[Stored | None]:
        """Persons by id, in the order asked for."""

    @abstractmethod
    def find(self, key: str) -> Stored | None:
        """The person that owns an identity, in one go: what serving waits for."""

    @abstractmethod
    def events(self, keys: Sequence[str], start: int, end: int, *, limit: int, descending: bool = False) -> list[StoredEvent]:
        """Events of identities with start <= at < end, by time, then id; the first `limit` of that order."""

    def known(self, events: Sequence[tuple[str, int, str]]) -> list[bool]:
        """Which events are there, each given by key, time and id. Stores have quicker ways than this one."""
        there: dict[tuple[str, int], set[str]] = {}
        for key, at, _ in events:
            if (key, at) not in there:
                there[key, at] = {event.id for event in self.events([key], at, at + 1, limit=_MANY)}
        return [id in there[key, at] for key, at, id in events]

    @abstractmethod
    def persons(self, after: str = "", *, limit: int = 1000) -> list[Stored]:
        """Persons by id, those after one: for walking over all of them in pages."""

    @abstractmethod
    def count(self) -> Mapping[str, int]:
        """How many there are: "persons", "identities", "events"; may be a moment old."""

    # ---- writing ------------------------------------------------------------------------------------------------

    @abstractmethod
    def commit(self, changes: Sequence[Change]) -> list[bool]:
        """Apply changes in order, each whole or not at all; which of them were. Returns when they are kept.

        Raises StoreError when they can't be kept, or one gives an identity to a person that is not there; some of the others may
        have been applied then: read again.
        """

    @abstractmethod
    def drop_events(self, before: int, *, limit: int = 10_000) -> int:
        """Remove at most `limit` events with at < before; how many were removed."""

    def purge(self) -> bool:
        """Leave no bytes of what was removed in files of the store; False when that can't be now, and is to be tried again."""
        return True

    # ---- small things -------------------------------------------------------------------------------------------

    @abstractmethod
    def mark(self, name: str) -> int:
        """The number of a mark; 0 when there is none."""

    @abstractmethod
    def value(self, name: str) -> tuple[bytes, int]:
        """A named value and its version; (b"", 0) when there is none. For settings, not for data of persons."""

    @abstractmethod
    def set_value(self, name: str, data: bytes, version: int) -> bool:
        """Set a named value if it still has this version (0: there is none); whether it did."""

    # ---- end ----------------------------------------------------------------------------------------------------

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; a second time is nothing."""

    def walk(self, *, page: int = 1000) -> Iterator[Stored]:
        """All persons, page by page; those that come meanwhile may be among them."""
        after = ""
        while found := self.persons(after, limit=page):
            yield from found
            after = found[-1].id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def holds(change: Change, version: Callable[[str], int], owner: Callable[[str], str | None], mark: Callable[[str], int]) -> bool:
    """Whether all that a change expects is so. version: of a person (0: none); owner: of an identity; mark: its number."""
    return (
        all(version(person) == expected for person, expected in change.expect.items())
        and all(owner(key) == expected for key, expected in change.owners.items())
        and all(number > mark(name) for name, number in change.marks.items())
    )


def nobody(key: str, person: str) -> StoreError:
    """An identity was to be given to a person that is not there."""
    return StoreError(
        f"A change gives the identity {describe(key)} to the person {describe(person)}, who is not there: put the person in the"
        " same change"
    )


def without_password(url: str) -> str:
    """A URL for an error message: what stands after its first "//" and before its last "@" may be a password, and is hidden."""
    head, slashes, rest = url.partition("//")
    if slashes and "@" in rest:
        return describe(f"{head}//***@{rest.rpartition('@')[2]}", 200)
    return describe(url, 200)


def open_store(url: str) -> ProfileStore:
    """The store that a URL names, by its scheme: "sqlite:///path", "memory:", or one that a plugin brings (rtml_profile_stores).

    Raises StoreError for a scheme that nobody brings, with those that there are.
    """
    from rtml_plugins.profile.stores import find

    return find(url).open(url)
