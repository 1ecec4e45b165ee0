"""How far a change has come on the edges of a service, and what its shadow version was found to do, as edges report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rtml_core.client.records import Edge, Rollout
from rtml_plugins.hub.gallery import reported
from rtml_plugins.hub.gallery.health import stopped
from rtml_plugins.hub.gallery.reported import Comparison

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub

_TONES: Final = {"up to date": "good", "pending": "accent", "failed": "bad", "away": "warn"}


@dataclass(frozen=True)
class Follower:
    """An edge of the service. word: up to date, pending, failed or away; said: why, in a sentence."""

    edge: str
    region: str
    word: str
    said: str = ""

    @property
    def tone(self) -> str:
        """Class of the style sheet."""
        return _TONES[self.word]


@dataclass(frozen=True)
class Progress:
    """A rollout for people. done: of `present` edges that are not away."""

    complete: bool
    followers: tuple[Follower, ...]
    without: tuple[str, ...]

    @property
    def present(self) -> int:
        return sum(one.word != "away" for one in self.followers)

    @property
    def done(self) -> int:
        return sum(one.word == "up to date" for one in self.followers)


def progress(hub: Hub, name: str) -> Progress:
    """How far the newest change of a service has come."""
    found = hub.rollout(name)
    goals = {} if found.complete else {edge.region: hub.revision(edge.region) for edge in found.edges}
    followers = tuple(_follower(edge, found, goals) for edge in found.edges if not stopped(edge))
    return Progress(found.complete, followers, found.regions_without_edge)


def _follower(edge: Edge, found: Rollout, goals: dict[str, int]) -> Follower:
    if edge.state == "away":
        return Follower(edge.id, edge.region, "away", "It goes on with what it has, and follows when it is back.")
    problem = next((one for one in edge.services if one.name == found.service and one.state == "failed"), None)
    if problem is not None:
        return Follower(edge.id, edge.region, "failed", f"It goes on with what it had: {problem.problem}")
    if found.complete or edge.revision >= min(found.revision, goals[edge.region]):
        return Follower(edge.id, edge.region, "up to date")
    return Follower(edge.id, edge.region, "pending", "It has not taken the change up yet.")


@dataclass
class Compared:
    """A shadow version against a version that answered, over all edges. rows: compared; equal: of them, in all outputs; means: of
    the absolute difference by output; largest: output and difference; failures, dropped: requests."""

    shadow: int
    version: int
    rows: int
    equal: int
    failures: int
    dropped: int
    means: dict[str, float]
    largest: tuple[str, float] | None

    @property
    def share(self) -> float | None:
        """Of rows that are equal."""
        return self.equal / self.rows if self.rows else None


def compared(edges: Iterable[Edge], service: str, shadow: int) -> list[Compared]:
    """What the shadow version of a service was found to do, by the version that answered; what an edge reports in another form
    is left out."""
    found: dict[int, list[Comparison]] = {}
    for edge in edges:
        for one in reported.comparisons(edge, service):
            if one.shadow == shadow:
                found.setdefault(one.version, []).append(one)
    return [_together(shadow, version, several) for version, several in sorted(found.items())]


def _together(shadow: int, version: int, several: list[Comparison]) -> Compared:
    means = {}
    for name in sorted({name for one in several for name in one.mean_absolute_difference}):
        weighed = [(one.rows, one.mean_absolute_difference[name]) for one in several if name in one.mean_absolute_difference]
        means[name] = sum(rows * mean for rows, mean in weighed) / max(1, sum(rows for rows, _ in weighed))
    largest = max((one.largest for one in several if one.largest is not None), key=lambda one: one.difference, default=None)
    return Compared(
        shadow,
        version,
        sum(one.rows for one in several),
        sum(one.equal for one in several),
        sum(one.failures for one in several),
        sum(one.dropped for one in several),
        means,
        None if largest is None else (largest.output, largest.difference),
    )
