"""Records applied to a store: read what they touch, gather, commit; again when somebody else was faster.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from random import random
from threading import RLock
from time import sleep
from typing import Final, TypeVar

from rtml_core.errors import describe
from rtml_plugins.profile import identity as identities
from rtml_plugins.profile.cache import Recent
from rtml_plugins.profile.gathering import Gathering, Held, Prepared
from rtml_plugins.profile.merging import MergeError, tree_of
from rtml_plugins.profile.person import decode, encode_json
from rtml_plugins.profile.policies import Settings
from rtml_plugins.profile.records import MOST_TOLD, Applied, Changed, Record, RefusedRecord
from rtml_plugins.profile.store import Change, ProfileStore, StoreError

#: records of one change
CHUNK: Final = 1000
#: how often a change is made anew because somebody else was faster, before that is an error
MOST_TRIES: Final = 200
#: a mark holds the number of the batch, and how many of its records are done; together below 2^53, which every store can hold
_RECORDS: Final = 1 << 28
MOST_MARKED: Final = 1 << 24

Listener = Callable[[Sequence[Changed]], None]
T = TypeVar("T")


class Writer:
    """One writer of a store, of which there may be several. Usable from several threads, one at a time."""

    def __init__(self, store: ProfileStore, settings: Settings, cache: int):
        self.store = store
        self.settings = settings
        self.lock = RLock()
        self.listeners: list[Listener] = []
        self._people: Recent[str, Held] = Recent(cache)
        self._owners: Recent[str, str] = Recent(2 * cache)

    # ---- records ------------------------------------------------------------------------------------------------

    def apply(self, records: Iterable[Record], mark: tuple[str, int] | None) -> Applied:
        done = Applied()
        with self.lock:
            self.settings.refresh()
            rest = iter(records)
            number = 0
            if mark is not None:
                done.before = number = self._done(mark, rest)
            while chunk := list(islice(rest, CHUNK)):
                self._chunk(chunk, number, mark, done)
                number += len(chunk)
            if mark is not None:
                self._finish(mark)
        return done

    def _chunk(self, chunk: Sequence[Record], number: int, mark: tuple[str, int] | None, done: Applied) -> None:
        """Apply records from a number on; in smaller and smaller parts where others change the same persons."""
        size, tries = len(chunk), 0
        while chunk:
            part = chunk[:size]
            counted = Applied()
            prepared = self._prepared(part, number, counted)
            marks = {} if mark is None else {mark[0]: mark[1] * _RECORDS + number + len(part)}
            if self._try(prepared, marks, counted):
                _add(done, counted)
                number += len(part)
                chunk = chunk[size:]
                size, tries = size * 2, 0
                continue
            if mark is not None and self.store.mark(mark[0]) >= marks[mark[0]]:
                raise StoreError(
                    f"The batch {describe(mark[0])} {mark[1]} is being applied by somebody else; a batch has one writer"
                )
            size, tries = max(1, len(part) // 2), tries + 1
            if tries == MOST_TRIES:
                raise busy()
            sleep(random() * min(0.05, 0.0005 * tries))

    def _done(self, mark: tuple[str, int], rest: Iterable[Record]) -> int:
        """How many records of a batch are applied already; they are taken from `rest`."""
        name, batch = mark
        if not 0 < batch < MOST_MARKED:
            raise StoreError(f"The number of a batch is from 1 to {MOST_MARKED - 1}; got {batch}")
        kept = self.store.mark(name)
        if kept // _RECORDS > batch:
            return sum(1 for _ in rest)
        if kept // _RECORDS == batch:
            return sum(1 for _ in islice(rest, kept % _RECORDS))
        return 0

    def _finish(self, mark: tuple[str, int]) -> None:
        """A batch is done, even one without records."""
        if self.marked(mark[0]) < mark[1]:
            self.store.commit([Change(marks={mark[0]: (mark[1] + 1) * _RECORDS})])

    def marked(self, name: str) -> int:
        """The number of the last batch of a mark that is applied as a whole."""
        return max(0, self.store.mark(name) // _RECORDS - 1)

    def _prepared(self, records: Sequence[Record], first: int, counted: Applied) -> list[Prepared]:
        rules = self.settings.rules
        made = []
        for number, record in enumerate(records, first):
            if record.raw is None:
                try:
                    record = record._replace(raw=encode_json(record.document))
                except (TypeError, ValueError, OverflowError, RecursionError) as error:
                    _refuse(counted, number, record, "", f"the record can't be written as JSON: {error}")
                    continue
            by_key, refused = identities.read(record.document, record.descriptors)
            if refused:
                _drop(counted, number, record, refused)
            if not by_key:
                said = "names nobody: expected at least one identity in identityMap, in endUserIDs, or in a field that the schema"
                _refuse(counted, number, record, "", f"the record {said} declares to be an identity")
                continue
            if len(by_key) > identities.MOST_IN_RECORD:
                _refuse(counted, number, record, "/identityMap", identities.too_many(by_key.values()))
                continue
            tree = None
            event = record.kind == "event"
            if not event:
                try:
                    tree = tree_of(record.document, record.ingested_us)
                except MergeError as error:
                    _refuse(counted, number, record, "", str(error))
                    continue
            home, links = (0, ()) if len(by_key) == 1 else rules.place(by_key, event)
            made.append(Prepared(number, record, tuple(by_key.values()), tuple(by_key), home, links, tree))
        return made

    def _try(self, prepared: Sequence[Prepared], marks: dict[str, int], counted: Applied) -> bool:
        gathering = self.gather({key for one in prepared for key in one.keys})
        try:
            if doubtful := gathering.doubtful(prepared):
                known = self.store.known(doubtful)
                gathering.pass_over(event for event, there in zip(doubtful, known, strict=True) if there)
            for one in prepared:
                if one.record.kind == "record":
                    counted.records += 1
                elif gathering.collects(one.keys, one.home):
                    counted.events += 1
                else:
                    counted.withheld += 1
                    continue
                gathering.add(one)
        except BaseException:
            self.forget(gathering)
            raise
        return self.commit(gathering, marks)

    # ---- changes ------------------------------------------------------------------------------------------------

    def gather(self, keys: Iterable[str]) -> Gathering:
        """A change that begins, with the persons that own identities."""
        wanted = list(keys)
        for number in range(MOST_TRIES):
            owners, people = self._read(wanted)
            for held in people.values():
                for key in held.person.known:
                    owners[key] = held.id
            if all(owner is None or (owner in people and key in people[owner].person.known) for key, owner in owners.items()):
                return Gathering(self.settings, people, owners)
            # it changed between the two readings, or what is remembered is old
            for key, owner in owners.items():
                self._owners.pop(key)
                if owner is not None:
                    self._people.pop(owner)
            sleep(random() * min(0.05, 0.0005 * number))
        raise busy()

    def _read(self, keys: Sequence[str]) -> tuple[dict[str, str | None], dict[str, Held]]:
        """Who owns identities, and the owners, from memory as far as they are remembered."""
        owners: dict[str, str | None] = {key: self._owners.get(key) for key in keys}
        unknown = [key for key, owner in owners.items() if owner is None]
        if unknown:
            owners.update(zip(unknown, self.store.owners(unknown), strict=True))
        people: dict[str, Held] = {}
        absent = []
        for id in {owner for owner in owners.values() if owner is not None}:
            held = self._people.get(id)
            if held is None:
                absent.append(id)
            else:
                people[id] = held
        if absent:
            for id, stored in zip(absent, self.store.read(absent), strict=True):
                if stored is not None:
                    people[id] = Held(id, stored.version, decode(stored.data))
        return owners, people

    def commit(self, gathering: Gathering, marks: dict[str, int] | None = None) -> bool:
        """Keep a change; False, and nothing happened, when somebody else changed what it was made from."""
        change = gathering.change(marks or {})
        if not (change.put or change.remove or change.events or change.forget or change.marks):
            return True
        try:
            kept = self.store.commit([change])[0]
        except BaseException:
            self.forget(gathering)
            raise
        if not kept:
            self.forget(gathering)
            return False
        told = gathering.committed()
        for id, held in gathering.people.items():
            self._people[id] = held
        for key, owner in gathering.owners.items():
            if owner is not None:
                self._owners[key] = owner
            else:
                self._owners.pop(key)
        for changed in told:
            if not changed.version:
                self._people.pop(changed.person)
        self.tell(told)
        return True

    def forget(self, gathering: Gathering) -> None:
        """What was gathered is not true: it is read again next time."""
        for key, owner in gathering.owners.items():
            self._owners.pop(key)
            if owner is not None:
                self._people.pop(owner)
        for id in gathering.loaded:
            self._people.pop(id)

    def tell(self, changed: Sequence[Changed]) -> None:
        """Tell who listens."""
        if changed:
            for listener in self.listeners:
                listener(changed)

    def attempt(self, make: Callable[[], T | None]) -> T:
        """What `make` gives; again while it gives None, as somebody else was faster. Raises StoreError when that goes on."""
        with self.lock:
            for number in range(MOST_TRIES):
                made = make()
                if made is not None:
                    return made
                sleep(random() * min(0.05, 0.0005 * (number + 1)))
        raise busy()


def busy() -> StoreError:
    """Others were always faster."""
    return StoreError(
        f"A change of profiles was overtaken by others {MOST_TRIES} times: too many writers work on the same persons"
    )


def _refuse(counted: Applied, number: int, record: Record, at: str, message: str) -> None:
    counted.refused_count += 1
    if len(counted.refused) < MOST_TOLD:
        counted.refused.append(RefusedRecord(number, record.id, at, message))


def _drop(counted: Applied, number: int, record: Record, refused: Iterable[tuple[str, str]]) -> None:
    for at, message in refused:
        counted.dropped_count += 1
        if len(counted.dropped) < MOST_TOLD:
            counted.dropped.append(RefusedRecord(number, record.id, at, message))


def _add(done: Applied, part: Applied) -> None:
    for name in ("events", "records", "withheld", "refused_count", "dropped_count"):
        setattr(done, name, getattr(done, name) + getattr(part, name))
    done.refused += part.refused[: MOST_TOLD - len(done.refused)]
    done.dropped += part.dropped[: MOST_TOLD - len(done.dropped)]
