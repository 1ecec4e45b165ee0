"""Which profiles edges follow, and which of them changed: in memory, for as long as the hub runs.

An edge follows the identities that it asked for, for 14 days or until too many are followed. What changes is kept by edge, one
entry an identity however often it changes, until the edge has it: it says so with the cursor of its next question. An edge that
comes with another epoch, or was left behind, gets a new one: it asks for what it needs anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

#: seconds that an identity is followed after it was asked for
FOLLOWED: Final = 14 * 86_400.0
#: identities that one edge follows, changes that are kept for it, and edges
MOST: Final = 1_000_000
BEHIND: Final = 100_000
EDGES: Final = 1000


@dataclass(slots=True)
class _Edge:
    """followed: identities, when they were asked for, the latest at the end. changed: cursors of changes, in order. told: up to
    where changes are known to have arrived. epoch: another one each time changes were lost. region: whose edge it is."""

    followed: OrderedDict[str, float] = field(default_factory=OrderedDict)
    changed: OrderedDict[str, int] = field(default_factory=OrderedDict)
    told: int = 0
    epoch: str = field(default_factory=lambda: secrets.token_hex(8))
    region: str = ""
    wake: set[Callable[[], None]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class News:
    """Identities that changed, up to a cursor, in an epoch of the edge. anew: the edge has missed some.
    cursors: of each identity, up to which an answer that ends with it tells."""

    epoch: str
    cursor: int
    keys: Sequence[str]
    anew: bool = False
    cursors: Sequence[int] = ()


class Feed:
    """Safe across threads. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, most: int = MOST, behind: int = BEHIND):
        self._clock = clock
        self._most, self._behind = most, behind
        self._cursor = 0
        self._edges: OrderedDict[str, _Edge] = OrderedDict()
        self._followers: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def follow(self, edge: str, region: str, keys: Iterable[str]) -> tuple[str, int]:
        """An edge of a region asks for identities: from now on it is told when they change. (epoch, cursor) from where to go
        on; to be taken before the profiles are read, so that no change falls in between."""
        with self._lock:
            of = self._of(edge)
            of.region = region
            now = self._clock()
            for key in keys:
                of.followed[key] = now
                of.followed.move_to_end(key)
                self._followers.setdefault(key, set()).add(edge)
            while of.followed and (len(of.followed) > self._most or next(iter(of.followed.values())) < now - FOLLOWED):
                self._unfollow(edge, of, next(iter(of.followed)))
            return of.epoch, self._cursor

    def changed(self, keys: Iterable[str]) -> None:
        """These identities are of profiles that changed."""
        wake: set[Callable[[], None]] = set()
        with self._lock:
            for key in keys:
                self._cursor += 1
                for edge in self._followers.get(key, ()):
                    of = self._edges[edge]
                    of.changed[key] = self._cursor
                    of.changed.move_to_end(key)
                    if len(of.changed) > self._behind:
                        self._lose(of)
                    wake |= of.wake
        for one in wake:
            one()

    def news(self, edge: str, epoch: str, cursor: int, limit: int) -> News:
        """What changed of what an edge follows since a cursor of its epoch, the oldest changes first, at most `limit`."""
        with self._lock:
            of = self._of(edge)
            if epoch != of.epoch or not of.told <= cursor <= self._cursor:
                if epoch == of.epoch:
                    self._lose(of)
                return News(of.epoch, self._cursor, (), True)
            of.told = cursor
            while of.changed and next(iter(of.changed.values())) <= cursor:
                of.changed.popitem(last=False)
            found = list(islice(of.changed.items(), limit))
            upto = found[-1][1] if len(found) < len(of.changed) else self._cursor
            return News(of.epoch, upto, [key for key, _ in found], cursors=[at for _, at in found])

    def listen(self, edge: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Have `wake` called, from any thread, when something of what an edge follows changes; what to call to end that."""
        with self._lock:
            of = self._of(edge)
            of.wake.add(wake)

        def end() -> None:
            with self._lock:
                of.wake.discard(wake)

        return end

    def renew(self, region: str | None = None) -> None:
        """What the edges of a region, or of all, have is not what they are to have: they are to ask anew."""
        wake: set[Callable[[], None]] = set()
        with self._lock:
            for of in self._edges.values():
                if region is None or of.region == region:
                    self._lose(of)
                    wake |= of.wake
        for one in wake:
            one()

    def _of(self, edge: str) -> _Edge:
        of = self._edges.get(edge)
        if of is None:
            of = self._edges[edge] = _Edge(told=self._cursor)
            if len(self._edges) > EDGES:
                idle = next((name for name, one in self._edges.items() if not one.wake and name != edge), None)
                if idle is not None:
                    gone = self._edges.pop(idle)
                    for key in gone.followed:
                        self._drop(key, idle)
        self._edges.move_to_end(edge)
        return of

    def _unfollow(self, edge: str, of: _Edge, key: str) -> None:
        del of.followed[key]
        self._drop(key, edge)

    def _drop(self, key: str, edge: str) -> None:
        there = self._followers.get(key)
        if there is not None:
            there.discard(edge)
            if not there:
                del self._followers[key]

    def _lose(self, of: _Edge) -> None:
        """Changes can't all be told any more: the edge is to ask anew."""
        of.changed.clear()
        of.epoch = secrets.token_hex(8)
        of.told = self._cursor
