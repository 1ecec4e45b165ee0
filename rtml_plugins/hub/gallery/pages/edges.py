"""Regions and their edges: whether they are well, what they serve, and how far they are behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from rtml_core.client.records import Edge, EdgeService
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub.api.context import seen_by
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import reported
from rtml_plugins.hub.gallery.health import stopped
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.lag import Lag, Revisions

_TONES = {"ready": "good", "not ready": "warn", "away": "bad", "stopped": ""}
_STATES = ("failed", "loading", "ready")


@dataclass(frozen=True, slots=True)
class Shown:
    """An edge as pages show it. word, tone: its state. lag: in words; late: it is behind. services: failed ones first. counts: by
    state. rate: requests a second, None when it does not say; memory: bytes, likewise."""

    edge: Edge
    word: str
    tone: str
    lag: str
    late: bool
    services: Sequence[EdgeService]
    counts: Mapping[str, int]
    rate: float | None
    memory: float | None

    @property
    def unfinished(self) -> Sequence[EdgeService]:
        """Services that failed or are loading."""
        return [one for one in self.services if one.state != "ready"]


@dataclass(frozen=True, slots=True)
class InRegion:
    """A region. services: how many it serves. awake: edges that answer."""

    name: str
    services: int
    edges: Sequence[Shown]

    @property
    def awake(self) -> int:
        return sum(one.word == "ready" for one in self.edges)

    @property
    def present(self) -> int:
        """Edges that are missed when they are away."""
        return sum(one.word != "stopped" for one in self.edges)

    @property
    def word(self) -> str:
        if not self.present:
            return "no edge"
        return "ready" if self.awake == self.present else "degraded" if self.awake else "down"

    @property
    def tone(self) -> str:
        return {"ready": "good", "degraded": "warn", "down": "bad", "no edge": "warn" if self.services else ""}[self.word]


@page("/edges")
def edges(view: View) -> Response:
    """All regions with their edges; asked for again every few seconds while somebody looks."""
    hub = view.at.hub
    services = Counter(region for one in hub.briefs() if view.sees(one.name) for region in one.regions)
    there = _shown(view, hub.edges())
    names = sorted(services.keys() | {one.edge.region for one in there})
    found = [InRegion(name, services[name], [one for one in there if one.edge.region == name]) for name in names]
    template = "part_edges.html" if view.partial else "edges.html"
    return view.render(template, regions=found, hub=view.at.settings.url)


@page("/edges/{edge}")
def edge(view: View, edge: str) -> Response:
    """One edge with all services that it holds."""
    every = view.at.hub.edges()
    found = _shown(view, [one for one in every if one.id == edge])
    if not found:
        names = [one.id for one in every]
        raise NotFound(f"edge {describe(edge)} does not exist. There are: {listing(names)}.{close_match(edge, names)}")
    return view.render("part_edge.html" if view.partial else "edge.html", one=found[0])


def _shown(view: View, there: Sequence[Edge]) -> list[Shown]:
    database = view.at.hub.database
    revisions = Revisions.of(database)
    now, clock = revisions.now(), database.clock()
    return [_one(seen_by(view.caller, one), revisions.lag(one.region, one.revision, now), clock) for one in there]


def _one(edge: Edge, lag: Lag, now: float) -> Shown:
    word = "stopped" if stopped(edge) else edge.state
    services = sorted(edge.services, key=lambda one: (_STATES.index(one.state), one.name))
    awake = edge.state != "away"
    return Shown(
        edge=edge,
        word=word,
        tone=_TONES[word],
        lag=lag_words(lag, now) if awake else "",
        late=awake and (lag.changes > 0 or lag.ahead),
        services=services,
        counts=Counter(one.state for one in services),
        rate=reported.rate(edge) if awake else None,
        memory=reported.memory(edge) if awake else None,
    )


def lag_words(lag: Lag, now: float) -> str:
    """How far an edge is behind: "up to date", "2 changes behind for 3 s"."""
    if lag.ahead:
        return "ahead of this hub, which was restored from an older state or is another one"
    if not lag.changes:
        return "up to date"
    count = f"{'' if lag.exact else 'at least '}{lag.changes} change{'s' if lag.changes > 1 else ''} behind"
    return count if lag.since is None else f"{count} for {_seconds(now - lag.since)}"


def _seconds(length: float) -> str:
    for most, unit, divisor in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if length < most:
            return f"{max(0.0, length) / divisor:.0f} {unit}"
    return f"{length / 86_400:.0f} days"
