"""How events are read from a SQLite store: those of a few identities side by side, those of many by one query."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import islice
from typing import Any, Final

from rtml_plugins.profile.sqlite_writing import select
from rtml_plugins.profile.store import StoredEvent

#: up to so many identities are read each in its order, no further than needed; for more, a query for each would cost most
_FEW: Final = 32
_PART: Final = 512


def read_events(
    con: sqlite3.Connection,
    known: Mapping[int, str],
    between: tuple[int, int],
    limit: int,
    descending: bool,
    unpack: Callable[[int, bytes], bytes],
) -> list[StoredEvent]:
    """Events as ProfileStore.events gives them. known: number -> key of the identities; unpack: the document of a row."""
    way = "DESC" if descending else "ASC"
    query = (
        "SELECT identity, at, id, dictionary, data FROM events WHERE identity {} AND at >= ? AND at < ?"
        f" ORDER BY at {way}, id {way} LIMIT ?"
    )

    def events(rows: Iterator[Any]) -> Iterator[StoredEvent]:
        for n, at, id, dictionary, data in rows:
            yield StoredEvent(known[n], at, id, unpack(dictionary, data))

    with ExitStack() as cursors:
        ranges = []
        for where, values in _parts(list(known)):
            cursor = con.execute(query.format(where), (*values, *between, limit))
            cursors.callback(cursor.close)
            ranges.append(events(cursor))
        if len(ranges) == 1:
            return list(ranges[0])
        return list(islice(merge(*ranges, key=_in_time, reverse=descending), limit))


def are_known(con: sqlite3.Connection, events: Sequence[tuple[str, int, str]]) -> list[bool]:
    """Which events are there, by key, time and id."""
    numbers: dict[str, int] = dict(
        select(con, "SELECT key, n FROM identities WHERE key IN ({})", dict.fromkeys(key for key, _, _ in events))
    )
    query = "SELECT EXISTS (SELECT 1 FROM events INDEXED BY events_of WHERE identity = ? AND at = ? AND id = ?)"
    return [key in numbers and bool(con.execute(query, (numbers[key], at, id)).fetchone()[0]) for key, at, id in events]


def _parts(numbers: list[int]) -> Iterator[tuple[str, list[int]]]:
    if len(numbers) <= _FEW:
        yield from (("= ?", [n]) for n in numbers)
        return
    for first in range(0, len(numbers), _PART):
        part = numbers[first : first + _PART]
        yield f"IN ({','.join('?' * len(part))})", part


def _in_time(event: StoredEvent) -> tuple[int, str]:
    return event.at, event.id
