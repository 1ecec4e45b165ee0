"""How a service is in its regions, by what edges report: in a word, a colour and a sentence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rtml_core.client.records import Edge, EdgeService

#: classes of the style sheet by word
TONES: Final = {"ready": "good", "degraded": "warn", "loading": "accent", "down": "bad", "no edge": "warn"}


@dataclass(frozen=True, slots=True)
class Health:
    """A service in a region. word: ready, degraded (not all of its edges answer as they should), loading, down or no edge.
    tone: class of the style sheet. said: why, in a sentence without its end."""

    region: str
    word: str
    said: str

    @property
    def tone(self) -> str:
        return TONES[self.word]


def stopped(edge: Edge) -> bool:
    """Whether an edge said that it stops, and was not heard of since: it is missed by nobody."""
    return edge.workers == 0 and edge.state == "away"


class Reports:
    """What all edges said last, by service and by region."""

    def __init__(self, edges: Iterable[Edge]):
        self.edges: dict[str, list[Edge]] = defaultdict(list)
        self._services: dict[tuple[str, str], dict[str, EdgeService]] = defaultdict(dict)
        for edge in edges:
            if not stopped(edge):
                self.edges[edge.region].append(edge)
                for service in edge.services:
                    self._services[edge.region, service.name][edge.id] = service

    def of(self, service: str, regions: Sequence[str]) -> tuple[Health, ...]:
        """The health of a service in each of its regions, in their order."""
        return tuple(self._in(service, region) for region in regions)

    def failed(self, service: str, regions: Sequence[str]) -> list[tuple[Edge, str]]:
        """Edges that could not take up the service as it is now, and why not."""
        return [
            (edge, told.problem)
            for region in regions
            for edge in self.edges.get(region, ())
            if (told := self._services[region, service].get(edge.id)) is not None and told.state == "failed"
        ]

    def _in(self, service: str, region: str) -> Health:
        edges = self.edges.get(region, [])
        if not edges:
            return Health(region, "no edge", "no edge has reported from this region")
        told = self._services[region, service]
        awake = [edge for edge in edges if edge.state == "ready"]
        good = [edge for edge in awake if edge.id in told and told[edge.id].state == "ready"]
        if len(good) == len(edges):
            return Health(region, "ready", "its edge answers" if len(edges) == 1 else f"all {len(edges)} edges answer")
        why = _why(edges, told)
        if good:
            return Health(region, "degraded", f"{len(good)} of {len(edges)} edges {_answer(len(good))}: {why}")
        kept = [edge for edge in awake if edge.id in told and told[edge.id].versions]
        if any(told[edge.id].state == "failed" for edge in kept):
            return Health(region, "degraded", f"what was there before goes on: {why}")
        if any(edge.id not in told or told[edge.id].state == "loading" for edge in awake):
            return Health(region, "loading", "its edge loads it" if len(edges) == 1 else "its edges load it")
        return Health(region, "down", why)


def _answer(count: int) -> str:
    return "answers" if count == 1 else "answer"


def _why(edges: Sequence[Edge], told: dict[str, EdgeService]) -> str:
    """What is wrong with the first edge that has something wrong: failures go first."""
    for edge in edges:
        if edge.id in told and told[edge.id].state == "failed":
            return f"{edge.id} can't load it: {told[edge.id].problem}"
    for edge in edges:
        if edge.state != "ready":
            return f"{edge.id} is {edge.state}"
    return next((f"{edge.id} still loads it" for edge in edges if edge.id not in told or told[edge.id].state == "loading"), "")
