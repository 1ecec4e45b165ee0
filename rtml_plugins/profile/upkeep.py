"""Work over all persons of a store: aggregates counted from stored events, graphs parted by new rules.

LIGHT: the standard library and msgspec only. Each person is changed by compare and set, so others may write meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.profile.applying import Writer
from rtml_plugins.profile.linking import components
from rtml_plugins.profile.person import Known, decode, parted

#: events that are read at once
_PAGE: Final = 5000
_LAST: Final = 2**62


def fill(writer: Writer, ids: Iterable[str], clock: Callable[[], int]) -> int:
    """Count aggregates (by id) from the stored events where that has not been done; for how many persons that was so."""
    wanted = [writer.settings.aggregates[id] for id in ids if id in writer.settings.aggregates]
    filled = 0
    for stored in writer.store.walk():
        if any(_waiting(known, wanted) for known in decode(stored.data).known.values()):
            filled += writer.attempt(lambda id=stored.id: _fill_person(writer, id, wanted, clock))  # type: ignore[misc]
    return filled


def _waiting(known: Known, wanted: Iterable[Aggregate]) -> list[Aggregate]:
    """The aggregates that are not counted to the end for an identity."""
    if not known.events:
        return []
    return [one for one in wanted if one.id not in known.states or known.states[one.id][0] != known.events]


def _fill_person(writer: Writer, id: str, wanted: list[Aggregate], clock: Callable[[], int]) -> int | None:
    stored = writer.store.read([id])[0]
    if stored is None:
        return 0  # joined with another, which is walked too, or erased
    gathering = writer.gather(decode(stored.data).known)
    held = gathering.people.get(id)
    if held is None:
        return 0
    for key, known in held.person.known.items():
        waiting = _waiting(known, wanted)
        if waiting:
            known.events = _count(writer, key, known, waiting, clock())
    gathering.touched.add(id)
    return 1 if writer.commit(gathering) else None


def _count(writer: Writer, key: str, known: Known, waiting: list[Aggregate], now: int) -> int:
    """Count events of an identity from the first; how many there are. States of other aggregates that had seen all still have."""
    states: dict[str, Any] = {one.id: None for one in waiting}
    number = 0
    for at, document in _events(writer, key):
        number += 1
        for one in waiting:
            states[one.id] = one.update(states[one.id], at, document, now)
    whole = {name: seen[1] for name, seen in known.states.items() if seen[0] == known.events and name not in states}
    known.states = {name: [number, state] for name, state in (whole | states).items()}
    return number


def _events(writer: Writer, key: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """All events of an identity, by time."""
    start, seen = -_LAST, set[str]()
    limit = _PAGE
    while True:
        page = writer.store.events([key], start, _LAST, limit=limit)
        for event in page:
            if event.at > start or event.id not in seen:
                if event.at > start:
                    start, seen = event.at, set()
                seen.add(event.id)
                yield event.at, msgspec.json.decode(event.data)
        if len(page) < limit:
            return
        limit = _PAGE + len(seen)  # those of the last moment come again


def relink(writer: Writer) -> int:
    """Part the persons that the rules of linking no longer allow; how many were parted."""
    found = 0
    for stored in writer.store.walk():
        person = decode(stored.data)
        if len(components(person.known, person.links, writer.settings.rules)[0]) > 1:
            found += writer.attempt(lambda id=stored.id: _part(writer, id))  # type: ignore[misc]
    return found


def _part(writer: Writer, id: str) -> int | None:
    stored = writer.store.read([id])[0]
    if stored is None:
        return 0
    gathering = writer.gather(decode(stored.data).known)
    held = gathering.people.get(id)
    if held is None:
        return 0
    groups, links = components(held.person.known, held.person.links, writer.settings.rules)
    if len(groups) < 2:
        return 0
    gathering.replace([id], parted(held.person, groups, links))
    return 1 if writer.commit(gathering) else None
