"""Which plugins are installed where: at this hub, which looks in a process of its own, and at the edges, which report it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core import inventory
from rtml_core.client.records import Edge
from rtml_core.display.wording import listed
from rtml_core.errors import said
from rtml_core.inventory import Examples, InstalledPlugin, Inventory
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

#: seconds that a page waits for what is installed here; after which it is looked at again, in the background
WAIT: Final = 5.0
AGAIN: Final = 300.0
#: requests that wait for examples at once
WAITING: Final = 4
_BAD: Final = ("broken", "missing", "unknown")
HUB: Final = "this hub"


class _Look:
    """What is installed where this process runs. Looks in a thread, so that pages can go on without."""

    def __init__(self, trust: Sequence[str]):
        self._trust = tuple(trust)
        self._lock = threading.Lock()
        self._there = threading.Event()
        self._found: Inventory | None = None
        self._looking = False
        self._at = 0.0

    def get(self, seconds: float) -> Inventory | None:
        """What is known, at once; the first time within so many seconds, or None."""
        with self._lock:
            old = self._found is None or time.monotonic() - self._at > AGAIN
            if old and not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="rtml-plugins", daemon=True).start()
        self._there.wait(seconds)
        return self._found

    def _look(self) -> None:
        try:
            found = inventory.looked("operators", self._trust)
        except Exception as error:  # a fault of ours must not leave pages waiting
            found = inventory.unread(f"looking failed: {said(error)}", self._trust)
        with self._lock:
            self._found, self._at, self._looking = found, time.monotonic(), False
        self._there.set()


_looks: Final[dict[tuple[str, ...], _Look]] = {}
_lock: Final = threading.Lock()


def here(at: Context, seconds: float = WAIT) -> Inventory | None:
    """What is installed where this hub runs; None when that is not known yet."""
    trust = tuple(at.settings.trust)
    with _lock:
        look = _looks.setdefault(trust, _Look(trust))
    return look.get(seconds)


class _Examples:
    """Examples that were made, by operator; one is made at a time, and few wait for it, as pages have few threads."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[float, Examples]] = {}
        self._making = threading.Lock()
        self._waiting = threading.BoundedSemaphore(WAITING)

    def get(self, operator: str) -> Examples:
        if (made := self._known(operator)) is not None:
            return made
        if not self._waiting.acquire(blocking=False):
            raise Problem(503, "busy", "examples of other operators are being made: try again in a moment")
        try:
            with self._making:
                made = self._known(operator)
                if made is None:
                    made = inventory.looked_examples(operator)
                    self._made[operator] = time.monotonic(), made
                return made
        finally:
            self._waiting.release()

    def _known(self, operator: str) -> Examples | None:
        """What was made; where that failed, it is made again after a while."""
        at, made = self._made.get(operator, (0.0, None))
        return made if made is not None and (made.nodes or not made.problem or time.monotonic() - at < AGAIN) else None


_examples: Final = _Examples()


def examples(operator: str) -> Examples:
    """Examples of an operator that is installed here. They are kept; making them takes a process and a moment.

    Raises Problem 503 when too many wait for others.
    """
    return _examples.get(operator)


# ---- places -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where plugins are installed: this hub, or an edge. told: whether it says what is."""

    name: str
    region: str | None
    told: bool
    plugins: Mapping[str, InstalledPlugin]

    @property
    def edge(self) -> bool:
        return self.region is not None


@dataclass(frozen=True, slots=True)
class Held:
    """A plugin at a place."""

    place: Place
    plugin: InstalledPlugin

    @property
    def bad(self) -> bool:
        return self.plugin.state in _BAD


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a plugin does not work at some places. cure: what to do, with commands in `marks`."""

    places: Sequence[Place]
    plugin: InstalledPlugin

    @property
    def cure(self) -> str:
        plugin = self.plugin
        remove = f"`pip uninstall {plugin.distribution}`"
        again = "start what runs there again"
        if plugin.state == "missing":
            return f"Install it there, or take it off the list of what is trusted, and {again}."
        if plugin.state == "blocked":
            return f"It is kept out on purpose. To use it, take it off that list and {again}."
        if plugin.state == "unknown":
            return f"`rtml plugins list`, run there, shows which plugin it is. Mend or uninstall that one and {again}."
        if "it is not installed here" in plugin.reason:
            return f"Install what it misses there, or take it away with {remove}, and {again}."
        return f"`rtml plugins check {plugin.name}`, run there, says what to mend; {remove} takes it away. Then {again}."


@dataclass(frozen=True, slots=True)
class Spread:
    """A plugin, over all places. held: where it is, this hub first; lacking: places that say what they have, and not this."""

    name: str
    held: Sequence[Held]
    lacking: Sequence[Place]

    @property
    def here(self) -> InstalledPlugin | None:
        """As this hub has it."""
        return next((one.plugin for one in self.held if not one.place.edge), None)

    @property
    def best(self) -> InstalledPlugin:
        """As the place has it that says most of it: one where it works, this hub before edges."""
        return next((one.plugin for one in self.held if one.plugin.state == "ok"), self.held[0].plugin)

    @property
    def bad(self) -> bool:
        """Whether it does not work at some place."""
        return any(one.bad for one in self.held)

    @property
    def troubles(self) -> Sequence[Trouble]:
        """Why it is not loaded where it is not, places with one reason together."""
        found: dict[tuple[str, str], list[Held]] = {}
        for one in self.held:
            if one.plugin.state != "ok":
                found.setdefault((one.plugin.state, one.plugin.reason), []).append(one)
        return [Trouble([one.place for one in same], same[0].plugin) for same in found.values()]

    @property
    def releases(self) -> Mapping[str, Sequence[str]]:
        """Places by the release that they have of it."""
        found: dict[str, list[str]] = {}
        for one in self.held:
            found.setdefault(one.plugin.version or "?", []).append(one.place.name)
        return found

    @property
    def differs(self) -> str:
        """Which place has which release, where they are not all the same; else ""."""
        if len(self.releases) < 2:
            return ""
        return "; ".join(f"{release} at {listed(names, 3)}" for release, names in self.releases.items())

    @property
    def where(self) -> str:
        """Where it works, in words."""
        fine = [one.place for one in self.held if one.plugin.state == "ok"]
        edges = [place.name for place in fine if place.edge]
        away = [place.name for place in self.lacking] + [one.place.name for one in self.held if one.plugin.state != "ok"]
        hub = any(not place.edge for place in fine)
        if not fine:
            return "nowhere"
        if not away:
            count = "" if not edges else f"{len(edges)} edge{'s' if len(edges) > 1 else ''}"
            return " and ".join(filter(None, ("hub" if hub else "", count)))
        has = ["hub", *edges] if hub else edges
        return f"{listed(has, 3)}; not at {listed(away, 3)}"

    @property
    def state(self) -> tuple[str, str]:
        """A word, and the tone of its badge."""
        words = {one.plugin.state for one in self.held}
        for word, tone in (("broken", "bad"), ("missing", "bad"), ("unknown", "warn"), ("blocked", "warn")):
            if word in words:
                return ("not loaded" if word == "unknown" else word), tone
        return "ok", "good"


def places(found: Inventory | None, edges: Iterable[Edge]) -> list[Place]:
    """This hub, and the edges that are there."""
    own = {} if found is None else {plugin.name: plugin for plugin in found.plugins}
    made = [Place(HUB, None, found is not None, own)]
    for edge in edges:
        if edge.state == "away" or not edge.workers:  # one without workers has said that it stops, or has yet to start
            continue
        told = {plugin.name: plugin for plugin in map(_plugin, edge.plugins) if plugin is not None}
        made.append(Place(edge.id, edge.region, bool(told), told))
    return made


def _plugin(given: Mapping[str, Any]) -> InstalledPlugin | None:
    """What an edge reports of a plugin; None for what another release of rtml says."""
    try:
        return msgspec.convert(given, InstalledPlugin)
    except msgspec.ValidationError:
        return None


def spread(there: Sequence[Place]) -> dict[str, Spread]:
    """Every plugin by name: those that are not well first, then by name, those that ship with rtml last."""
    names = {name for place in there for name in place.plugins}
    found = [
        Spread(
            name,
            [Held(place, place.plugins[name]) for place in there if name in place.plugins],
            [place for place in there if place.told and name not in place.plugins],
        )
        for name in names
    ]
    found.sort(key=lambda one: (not one.bad, one.best.distribution == "rtml", one.name))
    return {one.name: one for one in found}
