"""How changes are written into a SQLite store: looked up together, decided in memory one after the other, written together.

A statement for each row of each change would cost more than all the rest; so what the changes speak of is read in a few queries,
the changes are applied to that in order, and what came out is written, each row once, in the order of its table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from operator import itemgetter
from typing import Any

from rtml_plugins.profile.store import Change, nobody

#: sizes of the lists in queries: few different texts, so that each is prepared once
_SIZES = (1, 8, 64, 512)


def select(con: sqlite3.Connection, query: str, values: Collection[str]) -> Iterator[Any]:
    """Rows of a query with "IN ({})" over all the values, in no order."""
    left = list(values)
    while left:
        size = next((size for size in _SIZES if len(left) <= size), _SIZES[-1])
        part, left = left[:size], left[size:]
        yield from con.execute(query.format(("?," * size)[:-1]), part + [None] * (size - len(part)))


class Totals:
    """The one row that counts: persons, identities, events that are there; the next numbers of a person and an identity."""

    def __init__(self, con: sqlite3.Connection):
        row: tuple[int, ...] = con.execute("SELECT persons, identities, events, person, identity FROM totals").fetchone()
        self.persons, self.identities, self.events, self.person, self.identity = row

    def write(self, con: sqlite3.Connection) -> None:
        con.execute(
            "UPDATE totals SET persons=?, identities=?, events=?, person=?, identity=?",
            (self.persons, self.identities, self.events, self.person, self.identity),
        )


class Writing:
    """One transaction's changes on their way. Made after BEGIN IMMEDIATE; `write` comes before COMMIT."""

    def __init__(self, con: sqlite3.Connection, changes: Sequence[Change]):
        self._con = con
        self.totals = Totals(con)
        persons: set[str] = set()
        keys: set[str] = set()
        marks: set[str] = set()
        for change in changes:
            persons.update(change.expect, change.put, change.remove)
            persons.update(owner for owner in (*change.owners.values(), *change.own.values()) if owner is not None)
            keys.update(change.owners, change.own, change.forget)
            keys.update(event.key for event in change.events)
            marks.update(change.marks)
        # id -> (number, version); key -> (number, number of its person or None)
        self._persons: dict[str, tuple[int, int]] = {
            id: (n, version) for n, id, version in select(con, "SELECT n, id, version FROM persons WHERE id IN ({})", persons)
        }
        self._identities: dict[str, tuple[int, int | None]] = {
            key: (n, person) for key, n, person in select(con, "SELECT key, n, person FROM identities WHERE key IN ({})", keys)
        }
        self._marks: dict[str, int] = dict(select(con, "SELECT name, number FROM marks WHERE name IN ({})", marks))
        self._persons_before = dict(self._persons)
        self._identities_before = dict(self._identities)
        self._data: dict[str, bytes] = {}
        self._removed: list[int] = []
        self._forgotten: set[str] = set()
        self._left: set[str] = set()
        self._new_marks: dict[str, int] = {}
        self._events: dict[str, dict[tuple[int, str], bytes]] = {}

    # ---- deciding -----------------------------------------------------------------------------------------------

    def apply(self, change: Change) -> bool:
        """Take a change in, if everything it expects is so."""
        if not self._holds(change):
            return False
        persons = self._persons
        for person in change.remove:
            if person not in change.put and (was := persons.pop(person, None)) is not None:
                self._removed.append(was[0])
                self._data.pop(person, None)
        for person, data in change.put.items():
            now = persons.get(person)
            persons[person] = (self._next_person(), 1) if now is None else (now[0], now[1] + 1)
            self._data[person] = data
        for key, owner in change.own.items():
            if owner is None:
                self._own(key, None)
                self._left.add(key)
            elif owner in persons:
                self._own(key, persons[owner][0])
            else:
                raise nobody(key, owner)
        for key in change.forget:
            self._forgotten.add(key)
            self._left.add(key)
            self._events.pop(key, None)
        for event in change.events:
            self._events.setdefault(event.key, {})[event.at, event.id] = event.data
        self._marks.update(change.marks)
        self._new_marks.update(change.marks)
        return True

    def _holds(self, change: Change) -> bool:
        persons = self._persons
        for person, version in change.expect.items():
            if (persons[person][1] if person in persons else 0) != version:
                return False
        for key, owner in change.owners.items():
            now = self._identities[key][1] if key in self._identities else None
            if owner is None:
                if now is not None and not self._gone(now):
                    return False
            elif owner not in persons or persons[owner][0] != now:
                return False
        return all(number > self._marks.get(name, 0) for name, number in change.marks.items())

    def _gone(self, n: int) -> bool:
        """Whether the person with a number is no more: an identity was left to it."""
        if n in self._removed:
            return True
        if self._con.execute("SELECT 1 FROM persons WHERE n=?", (n,)).fetchone() is not None:
            return False
        return all(number != n for number, _ in self._persons.values())

    def _next_person(self) -> int:
        self.totals.person += 1
        return self.totals.person - 1

    def _own(self, key: str, n: int | None) -> None:
        before = self._identities.get(key)
        if before is None:
            if n is None:
                return
            self._identities[key] = (self.totals.identity, n)
            self.totals.identity += 1
        else:
            self._identities[key] = (before[0], n)
        self.totals.identities += (n is not None) - (before is not None and before[1] is not None)

    # ---- writing ------------------------------------------------------------------------------------------------

    def write(self, pack: Callable[[bytes], tuple[int, bytes]]) -> None:
        """Write what came out. pack: how the document of an event is kept, see event_bytes."""
        for key in self._events:
            if key not in self._identities:
                self._identities[key] = (self.totals.identity, None)
                self.totals.identity += 1
        self._write_persons()
        self._write_identities()
        self._write_events(pack)
        many = self._con.executemany
        many("INSERT INTO marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET number=excluded.number", self._new_marks.items())
        if self._left:
            many(
                "DELETE FROM identities WHERE key=? AND person IS NULL"
                " AND NOT EXISTS (SELECT 1 FROM events WHERE events.identity = identities.n)",
                ((key,) for key in self._left),
            )
        self.totals.write(self._con)

    def _write_persons(self) -> None:
        before, now = self._persons_before, self._persons
        gone = {n for n, _ in before.values()}.intersection(self._removed) if self._removed else set()
        if gone:
            self._con.executemany("DELETE FROM persons WHERE n=?", ((n,) for n in sorted(gone)))
        fresh: list[tuple[int, str, int, bytes]] = []
        changed: list[tuple[int, bytes, int]] = []
        for person, data in self._data.items():
            n, version = now[person]
            was = before.get(person)
            if was is not None and was[0] == n:
                changed.append((version, data, n))
            else:
                fresh.append((n, person, version, data))
        changed.sort(key=itemgetter(2))
        self._con.executemany("UPDATE persons SET version=?, data=? WHERE n=?", changed)
        self._con.executemany("INSERT INTO persons (n, id, version, data) VALUES (?, ?, ?, ?)", sorted(fresh))
        self.totals.persons += len(fresh) - len(gone)

    def _write_identities(self) -> None:
        before = self._identities_before
        fresh: list[tuple[str, int, int | None]] = []
        changed: list[tuple[int | None, str]] = []
        for key, row in self._identities.items():
            was = before.get(key)
            if was is None:
                fresh.append((key, *row))
            elif was != row:
                changed.append((row[1], key))
        self._con.executemany("UPDATE identities SET person=? WHERE key=?", sorted(changed, key=itemgetter(1)))
        self._con.executemany("INSERT INTO identities (key, n, person) VALUES (?, ?, ?)", sorted(fresh))

    def _write_events(self, pack: Callable[[bytes], tuple[int, bytes]]) -> None:
        before, con = self._identities_before, self._con
        gone = 0
        if forgotten := [(before[key][0],) for key in self._forgotten if key in before]:
            gone += con.executemany("DELETE FROM events WHERE identity=?", forgotten).rowcount
        places: list[tuple[int, int, str]] = []
        rows: list[tuple[int, int, str, int, bytes]] = []
        for key, events in self._events.items():
            n = self._identities[key][0]
            known = key in before and key not in self._forgotten
            for (at, id), data in events.items():
                if known:  # an identity that is new has no event whose place another could take
                    places.append((n, at, id))
                rows.append((n, at, id, *pack(data)))
        if places:
            gone += con.executemany("DELETE FROM events WHERE identity=? AND at=? AND id=?", places).rowcount
        con.executemany("INSERT INTO events (identity, at, id, dictionary, data) VALUES (?, ?, ?, ?, ?)", rows)
        self.totals.events += len(rows) - gone

    def samples(self) -> list[tuple[str, bytes]]:
        """Documents of this transaction by identity, for a dictionary."""
        return [(key, data) for key, events in self._events.items() for data in list(events.values())[:1]]
