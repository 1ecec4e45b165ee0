"""Which edge to ask: regions in order, those that failed passed over for a while."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rtml_core.client.addresses import address
from rtml_core.client.errors import ClientError
from rtml_core.client.records import Edge

_FIRST_REST: Final = 0.5
_LONGEST_REST: Final = 30.0
#: seconds for which a hub's word that an edge is not ready counts
_DOUBT: Final = {"ready": 0.0, "not ready": 2.0, "away": 30.0}


class Target:
    """An edge that can be asked, and how it did.

    failures: in a row. resting_until: it is passed over until then, if another can be asked; after that one request tries it
    while others still pass it over. services: what it said it serves, None when nobody knows.
    """

    __slots__ = ("edge", "failed_at", "failures", "region", "resting_until", "services", "url")

    def __init__(self, url: str, region: str = "", edge: str = ""):
        self.url = url
        self.region = region
        self.edge = edge
        self.services: frozenset[str] | None = None
        self.failures = 0
        self.failed_at = float("-inf")
        self.resting_until = 0.0

    def begin(self, now: float) -> None:
        """A request is about to be sent: when this is the one that tries a failed edge again, others wait for its outcome."""
        if self.failures and self.resting_until <= now:
            self.resting_until = now + self._rest()

    def fail(self, begun: float, now: float) -> None:
        """A request of `begun` could not reach it, or was broken off. Those that were under way together count once."""
        if begun >= self.failed_at:
            self.failures += 1
        self.failed_at = now
        self.resting_until = now + self._rest()

    def busy(self, until: float) -> None:
        """It answered that it can't now."""
        self.resting_until = max(self.resting_until, until)

    def succeed(self) -> None:
        """It answered."""
        if self.failures or self.resting_until:
            self.failures = 0
            self.resting_until = 0.0

    def lacks(self, service: str) -> bool:
        """Whether it is known not to serve it."""
        return self.services is not None and service not in self.services

    def _rest(self) -> float:
        return float(min(_FIRST_REST * 2.0 ** min(self.failures - 1, 10), _LONGEST_REST))


class Targets:
    """The edges that are known.

    Safe across threads without a lock: what they share is replaced whole, or is a number of which an update may be lost.
    """

    def __init__(self, regions: Sequence[str], draw: Callable[[], float] = random.random):
        self._regions = tuple(regions)
        self._draw = draw
        self._known: dict[str, Target] = {}
        self._order: tuple[Target, ...] = ()
        self._ranks: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._order)

    def set_fixed(self, named: Iterable[tuple[str, str]]) -> None:
        """The edges that a caller named: (address, region)."""
        fresh = [Target(url, region) for url, region in named]
        self._take(fresh, [target.region for target in fresh])

    def set_edges(self, edges: Iterable[Edge], now: float) -> None:
        """The edges that a hub knows; how each did so far is kept. One that is not ready is passed over for a moment, as that is
        what most edges get ready in; one that is away for longer. One whose address is none is left out: it could not be asked,
        and must not fail what others can answer."""
        found: dict[str, Target] = {}
        for edge in sorted(edges, key=lambda edge: _DOUBT[edge.state], reverse=True):  # of two at one address, the better one
            try:
                target = Target(address(edge.url, "edge"), edge.region, edge.id)
            except ClientError:
                continue
            target.services = frozenset(service.name for service in edge.services)
            before = self._known.get(target.url)
            if before is not None:
                target.failures, target.failed_at, target.resting_until = before.failures, before.failed_at, before.resting_until
            if edge.state != "ready":
                target.busy(now + _DOUBT[edge.state])
            found[target.url] = target
        self._take(list(found.values()), ())

    def _take(self, fresh: Sequence[Target], regions: Sequence[str]) -> None:
        """regions: in the order in which they are asked, after the client's own; those that neither names are alike."""
        self._ranks = {region: rank for rank, region in enumerate(dict.fromkeys([*self._regions, *regions]))}
        self._known = {target.url: target for target in fresh}
        self._order = tuple(fresh)

    def plan(self, service: str, now: float) -> list[Target]:
        """All edges in the order in which to ask them: those at rest last, before them those that do not say that they serve the
        service, then by region, at random inside of one."""
        order, ranks = self._order, self._ranks
        if len(order) == 1:
            return [order[0]]
        keyed = [
            (
                target.resting_until > now,
                target.lacks(service),
                target.resting_until if target.resting_until > now else 0.0,
                ranks.get(target.region, len(ranks)),
                self._draw(),
                place,
            )
            for place, target in enumerate(order)
        ]
        keyed.sort()
        return [order[key[5]] for key in keyed]
