"""Where a store under test is, and what all its tests begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from rtml_plugins.profile.store import Change, ProfileStore, Stored, StoredEvent, open_store


@dataclass(frozen=True)
class Place:
    """An empty place for one test.

    url: of the store. restart: kills its server and starts it anew, for stores that have one; what was acknowledged must be there
    afterwards.
    """

    url: str
    restart: Callable[[], None] | None = None


class Conformance:
    """The fixtures. A subclass says `place`."""

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        """A Place for each test, cleaned up afterwards."""
        raise NotImplementedError("give a fixture `place` that yields a rtml_plugins.profile.conformance.Place")

    @pytest.fixture
    def store(self, place: Place) -> Iterator[ProfileStore]:
        """The store that is there, open."""
        with open_store(place.url) as store:
            yield store


def found(stored: Stored | None) -> Stored:
    """What has to be there."""
    assert stored is not None
    return stored


def event(key: str, at: int, id: str = "e", data: bytes = b"{}") -> StoredEvent:
    """An event, short."""
    return StoredEvent(key, at, id, data)


def new(person: str, data: bytes = b"x", *keys: str) -> Change:
    """A person that is not there yet, with identities."""
    return Change(expect={person: 0}, put={person: data}, own=dict.fromkeys(keys, person))
