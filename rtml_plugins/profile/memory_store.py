"""A store of profiles in memory: for replays, tests and trying things out. It is gone with its process.

LIGHT: the standard library and msgspec only. URL: "memory:", each one a store of its own.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from heapq import merge
from itertools import islice
from threading import Lock
from typing import Self

from rtml_core.errors import describe
from rtml_plugins.profile.store import Change, ProfileStore, Stored, StoredEvent, StoreError, holds, nobody


class MemoryStore(ProfileStore):
    """Dicts behind one lock. Events lie sorted by identity, so a range of them is two bisections."""

    scheme = "memory"

    def __init__(self) -> None:
        self._lock = Lock()
        self._open = True
        self._persons: dict[str, Stored] = {}
        self._owners: dict[str, str] = {}
        self._events: dict[str, list[StoredEvent]] = {}
        self._marks: dict[str, int] = {}
        self._values: dict[str, tuple[bytes, int]] = {}
        self._ids: list[str] | None = []

    @classmethod
    def open(cls, url: str) -> Self:
        """A new, empty store. Raises StoreError for a URL that says more than "memory:"."""
        if url != "memory:":
            raise StoreError(f'A store in memory has no name: expected the URL "memory:", got {describe(url)}')
        return cls()

    def _here(self) -> Lock:
        if not self._open:
            raise StoreError("The store memory: is closed; open another")
        return self._lock

    # ---- reading ------------------------------------------------------------------------------------------------

    def _owner(self, key: str) -> str | None:
        owner = self._owners.get(key)
        return owner if owner in self._persons else None

    def _version(self, person: str) -> int:
        stored = self._persons.get(person)
        return stored.version if stored is not None else 0

    def owners(self, keys: Sequence[str]) -> list[str | None]:
        with self._here():
            return [self._owner(key) for key in keys]

    def read(self, persons: Sequence[str]) -> list[Stored | None]:
        with self._here():
            return [self._persons.get(person) for person in persons]

    def find(self, key: str) -> Stored | None:
        with self._here():
            owner = self._owners.get(key)
            return None if owner is None else self._persons.get(owner)

    def events(self, keys: Sequence[str], start: int, end: int, *, limit: int, descending: bool = False) -> list[StoredEvent]:
        with self._here():
            ranges: list[Iterable[StoredEvent]] = []
            for key in dict.fromkeys(keys):
                kept = self._events.get(key)
                if kept:
                    first, last = bisect_left(kept, (key, start)), bisect_left(kept, (key, end))
                    if descending:
                        ranges.append(kept[max(first, last - limit) : last][::-1])
                    else:
                        ranges.append(kept[first : min(last, first + limit)])
            if len(ranges) == 1:
                return list(ranges[0])
            return list(islice(merge(*ranges, key=_in_time, reverse=descending), limit))

    def known(self, events: Sequence[tuple[str, int, str]]) -> list[bool]:
        with self._here():
            found = []
            for event in events:
                kept = self._events.get(event[0], ())
                place = bisect_left(kept, event)
                found.append(place < len(kept) and kept[place][:3] == event)
            return found

    def persons(self, after: str = "", *, limit: int = 1000) -> list[Stored]:
        with self._here():
            if self._ids is None:
                self._ids = sorted(self._persons)
            first = bisect_left(self._ids, after)
            first += first < len(self._ids) and self._ids[first] == after
            return [self._persons[person] for person in self._ids[first : first + limit]]

    def count(self) -> Mapping[str, int]:
        with self._here():
            return {
                "persons": len(self._persons),
                "identities": sum(owner in self._persons for owner in self._owners.values()),
                "events": sum(map(len, self._events.values())),
            }

    # ---- writing ------------------------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        with self._here():
            return [self._apply(change) for change in changes]

    def _apply(self, change: Change) -> bool:
        if not holds(change, self._version, self._owner, lambda name: self._marks.get(name, 0)):
            return False
        for key, owner in change.own.items():
            if owner is not None and owner not in change.put and (owner not in self._persons or owner in change.remove):
                raise nobody(key, owner)
        persons = self._persons
        for person in change.remove:
            if person not in change.put and persons.pop(person, None) is not None:
                self._ids = None
        for person, data in change.put.items():
            before = persons.get(person)
            if before is None:
                self._ids = None
            persons[person] = Stored(person, 1 if before is None else before.version + 1, data)
        for key, owner in change.own.items():
            if owner is None:
                self._owners.pop(key, None)
            else:
                self._owners[key] = owner
        for key in change.forget:
            self._events.pop(key, None)
        for event in change.events:
            self._add(event)
        self._marks.update(change.marks)
        return True

    def _add(self, event: StoredEvent) -> None:
        kept = self._events.setdefault(event.key, [])
        if not kept or kept[-1][:3] < event[:3]:
            kept.append(event)
            return
        place = bisect_left(kept, event[:3])
        if place < len(kept) and kept[place][:3] == event[:3]:
            kept[place] = event
        else:
            insort(kept, event)

    def drop_events(self, before: int, *, limit: int = 10_000) -> int:
        with self._here():
            dropped = 0
            for key in list(self._events):
                kept = self._events[key]
                old = min(bisect_left(kept, (key, before)), limit - dropped)
                del kept[:old]
                if not kept:
                    del self._events[key]
                dropped += old
                if dropped == limit:
                    break
            return dropped

    # ---- small things -------------------------------------------------------------------------------------------

    def mark(self, name: str) -> int:
        with self._here():
            return self._marks.get(name, 0)

    def value(self, name: str) -> tuple[bytes, int]:
        with self._here():
            return self._values.get(name, (b"", 0))

    def set_value(self, name: str, data: bytes, version: int) -> bool:
        with self._here():
            if self._values.get(name, (b"", 0))[1] != version:
                return False
            self._values[name] = (data, version + 1)
            return True

    def close(self) -> None:
        self._open = False
        self._persons, self._owners, self._events = {}, {}, {}


def _in_time(event: StoredEvent) -> tuple[int, str]:
    return event.at, event.id
