"""Records gathered into one change of a store: whose they are, what they link, what they say.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from os import urandom
from time import time_ns
from typing import Final, NamedTuple

from rtml_plugins.profile import consent
from rtml_plugins.profile.identity import STATES, Identity
from rtml_plugins.profile.linking import components
from rtml_plugins.profile.merging import newest
from rtml_plugins.profile.person import Known, Person, Tree, encode, encode_json, joined, parted
from rtml_plugins.profile.policies import Settings
from rtml_plugins.profile.records import Changed, Record
from rtml_plugins.profile.store import Change, StoredEvent

_numbers: Final = count()
_process: Final = urandom(4).hex()


def new_person() -> str:
    """An id that nobody has: ids grow with time, so that new persons lie together in a store."""
    return f"{time_ns() // 1000:014x}{_process}{next(_numbers) & 0xFFFF:04x}"


class Prepared(NamedTuple):
    """A record that was looked at. home: place of the identity under which it is kept; tree: attributes of record data; names:
    whether it is a record of the person, and not what a model says of one."""

    number: int
    record: Record
    identities: Sequence[Identity]
    keys: tuple[str, ...]
    home: int
    links: Sequence[str]
    tree: Tree | None
    names: bool = True


class Held:
    """A person in memory, as a writer changes it. version: that the store has, 0 for none."""

    __slots__ = ("collects", "id", "person", "version")

    def __init__(self, id: str, version: int, person: Person):
        self.id, self.version, self.person = id, version, person
        self.collects = consent.allows(person.known.values(), consent.COLLECT)


class Gathering:
    """A change in the making. people: of the records' keys, by id; owners: key -> id, None for nobody."""

    def __init__(self, settings: Settings, people: dict[str, Held], owners: dict[str, str | None]):
        self._rules = settings.rules
        self._aggregates = tuple(settings.aggregates.values())
        self.people = people
        self.owners = owners
        self.loaded = tuple(people)
        self.touched: set[str] = set()
        self._removed: dict[str, int] = {}
        self._new: set[str] = set()
        self._own: dict[str, str] = {}
        self._lost: dict[str, set[str]] = {}
        self._events: list[StoredEvent] = []
        self._there: set[tuple[str, int, str]] = set()

    def collects(self, keys: Sequence[str], home: int) -> bool:
        """Whether events of identities may be collected. With priorities of linking, the person of the strongest identity is
        asked first, as the others may be those of a shared device."""
        owner = self.owners[keys[home]]
        if owner is not None and (len(keys) == 1 or self._rules.rank):
            return self.people[owner].collects
        owned = {self.owners[key] for key in keys} - {None}
        if len(owned) < 2:
            return all(self.people[one].collects for one in owned if one is not None)
        return consent.allows(
            (known for one in owned if one is not None for known in self.people[one].person.known.values()), consent.COLLECT
        )

    def add(self, prepared: Prepared) -> None:
        """Take in a record."""
        record, keys = prepared.record, prepared.keys
        event = record.kind == "event"
        at = record.timestamp_us if event else record.ingested_us
        held = self._linked(prepared, at)
        known_by = held.person.known
        for identity, key in zip(prepared.identities, keys, strict=True):
            known = known_by.get(key)
            if known is None:  # the identity went to another person, as the rules have it
                owner = self.owners[key]
                assert owner is not None
                self.touched.add(owner)
                known = self.people[owner].person.known[key]
            if prepared.names:
                _seen(known, identity, at)
        home = keys[prepared.home]
        owner = self.owners[home]
        if owner != held.id and owner is not None:
            held = self.people[owner]
        self.touched.add(held.id)
        if record.ingested_us > held.person.changed:
            held.person.changed = record.ingested_us
        known = held.person.known[home]
        if event:
            self._event(known, home, record)
        else:
            trees = known.trees()
            trees[record.dataset] = newest(trees.get(record.dataset, {}), prepared.tree or {})
            known.fragments = encode_json(trees)
            if consent.take(known, record.document, record.ingested_us):
                held.collects = consent.allows(held.person.known.values(), consent.COLLECT)

    def doubtful(self, records: Iterable[Prepared]) -> list[tuple[str, int, str]]:
        """Key, time and id of the events that may be there already: those within the times of which their identity is known. A
        stream that goes on in time has none, so it costs no question."""
        found = []
        for one in records:
            if one.record.kind == "event":
                key, at = one.keys[one.home], one.record.timestamp_us
                owner = self.owners[key]
                known = None if owner is None else self.people[owner].person.known[key]
                if known is not None and known.events and known.first <= at <= known.last:
                    found.append((key, at, one.record.id))
        return found

    def pass_over(self, events: Iterable[tuple[str, int, str]]) -> None:
        """These events are there: they are not counted again."""
        self._there.update(events)

    def _event(self, known: Known, key: str, record: Record) -> None:
        """An event counts once for its identity, time and id, whichever datasets bring it; the document that came first stays."""
        datasets = known.datasets
        datasets[record.dataset] = datasets.get(record.dataset, 0) + 1
        name = key, record.timestamp_us, record.id
        if name in self._there:
            return
        self._there.add(name)
        before = known.events
        known.events = before + 1
        states = known.states
        for aggregate in self._aggregates:
            seen = states.get(aggregate.id)
            if seen is None:
                if before:  # not counted from the start: it waits to be filled
                    continue
                seen = states[aggregate.id] = [0, None]
            if seen[0] == before:
                seen[1] = aggregate.update(seen[1], record.timestamp_us, record.document, record.ingested_us)
                seen[0] = before + 1
        if len(states) > len(self._aggregates):
            kept = {aggregate.id for aggregate in self._aggregates}
            known.states = {name: seen for name, seen in states.items() if name in kept}
        assert record.raw is not None  # as it was prepared
        self._events.append(StoredEvent(key, record.timestamp_us, record.id, record.raw))

    # ---- linking ------------------------------------------------------------------------------------------------

    def _linked(self, prepared: Prepared, at: int) -> Held:
        """The person of a record's first identity, linked with the others."""
        keys, owners = prepared.keys, self.owners
        owner = owners[keys[0]]
        if len(keys) == 1:
            return self.people[owner] if owner is not None else self._start(prepared, at)
        if owner is not None and all(owners[key] == owner for key in keys):
            held = self.people[owner]
            links = held.person.links
            if all(name in links for name in prepared.links):
                for name in prepared.links:
                    if links[name] < at:
                        links[name] = at
                return held
        self._join(prepared, at)
        owner = owners[keys[0]]
        assert owner is not None
        return self.people[owner]

    def _start(self, prepared: Prepared, at: int) -> Held:
        held = self._make(Person({key: _known(one, at) for one, key in zip(prepared.identities, prepared.keys, strict=True)}))
        for key in prepared.keys:
            self._give(key, held.id)
        return held

    def _join(self, prepared: Prepared, at: int) -> None:
        """Join the persons of a record, and part them where the rules or the limits say so."""
        keys = prepared.keys
        ids = list(dict.fromkeys(owner for owner in (self.owners[key] for key in keys) if owner is not None))
        new = Person(
            {key: _known(one, at) for one, key in zip(prepared.identities, keys, strict=True) if self.owners[key] is None}
        )
        whole = joined([*(self.people[id].person for id in ids), new])
        for name in prepared.links:
            whole.links[name] = max(whole.links.get(name, at), at)
        groups, links = components(whole.known, whole.links, self._rules)
        self.replace(ids, parted(whole, groups, links) if len(groups) > 1 else [Person(whole.known, links, whole.changed)])

    def replace(self, ids: Sequence[str], made: Sequence[Person]) -> None:
        """Persons in place of others, of the same identities. Each takes the id of the one it has most in common with."""
        free = {id: self.people[id] for id in ids}
        for person in made:
            shared: dict[str, int] = {}
            for key in person.known:
                owner = self.owners[key]
                if owner in free and owner is not None:
                    shared[owner] = shared.get(owner, 0) + 1
            if shared:
                held = free.pop(min(shared, key=lambda id: (-shared[id], id)))
                held.person = person
                held.collects = consent.allows(person.known.values(), consent.COLLECT)
                self.touched.add(held.id)
            else:
                held = self._make(person)
            for key in person.known:
                if self.owners[key] != held.id:
                    self._give(key, held.id)
        for id, held in free.items():
            self._remove(id, held)

    def _make(self, person: Person) -> Held:
        held = Held(new_person(), 0, person)
        self.people[held.id] = held
        self.touched.add(held.id)
        return held

    def _remove(self, id: str, held: Held) -> None:
        del self.people[id]
        self.touched.discard(id)
        if held.version:
            self._removed[id] = held.version

    def _give(self, key: str, person: str) -> None:
        before = self.owners[key]
        if before is None:
            self._new.add(key)
        else:
            self._lost.setdefault(before, set()).add(key)
        self.owners[key] = person
        self._own[key] = person

    # ---- the end ------------------------------------------------------------------------------------------------

    def change(self, marks: dict[str, int]) -> Change:
        """What is to be committed. Who owns identities that had an owner needs no expectation: their persons have one."""
        people = self.people
        expect = {id: people[id].version for id in self.touched}
        return Change(
            expect=expect | self._removed,
            owners=dict.fromkeys(self._new),
            put={id: encode(people[id].person) for id in self.touched},
            remove=set(self._removed),
            own=dict(self._own),
            events=self._events,
            marks=marks,
        )

    def committed(self) -> list[Changed]:
        """What changed, after it was kept; the versions in memory follow."""
        told = []
        for id in self.touched:
            held = self.people[id]
            held.version += 1
            lost = self._lost.get(id, set()) - held.person.known.keys()
            told.append(Changed(id, held.version, (*held.person.known, *sorted(lost))))
        told += [Changed(id, 0, tuple(sorted(self._lost.get(id, ())))) for id in self._removed]
        return told


def _known(identity: Identity, at: int) -> Known:
    return Known(identity.namespace, identity.id, identity.state, at, at, at)


def _seen(known: Known, identity: Identity, at: int) -> None:
    """An identity was named at a moment. What is kept of that does not depend on the order in which records come."""
    if at > known.last:
        known.last = at
    elif at < known.first:
        known.first = at
    if identity.namespace < known.namespace:  # "ECID" rather than "ecid"
        known.namespace = identity.namespace
    if at > known.stated:
        known.state, known.stated = identity.state, at
    elif at == known.stated and identity.state != known.state:
        known.state = _stronger(known.state, identity.state)


def _stronger(one: str, other: str) -> str:
    return max(one, other, key=STATES.index)
