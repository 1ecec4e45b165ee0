"""The list of services: what is looked for, what of it there is, and what could be looked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from rtml_core.client.records import Activity, Edge
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub.errors import HubError
from rtml_plugins.hub.gallery.health import Health
from rtml_plugins.hub.gallery.known import About
from rtml_plugins.hub.gallery.rendering import percent
from rtml_plugins.hub.overview import Brief
from rtml_plugins.hub.texts import check_text
from rtml_plugins.serving.words import traffic_words

#: services on a page
PAGE: Final = 60
#: share of failed requests from which on a service is said to fail
HIGH: Final = 0.01
STATES: Final = {"active": "active", "deprecated": "deprecated", "failing": "failing", "idle": "idle"}
SORTS: Final = {"name": "name", "changed": "last change", "requests": "requests"}
_LONGEST: Final = 200
_MOST_PAGES: Final = 10**6


@dataclass(frozen=True, slots=True)
class Card:
    """A service as the list shows it. activity: None when nothing is known of its requests. states: of STATES. wrong: why it is
    said to fail, in sentences without their ends."""

    service: Brief
    about: About
    health: Sequence[Health]
    activity: Activity | None
    states: frozenset[str]
    wrong: Sequence[str] = ()

    @property
    def traffic(self) -> str:
        """Who answers, in words: "3, canary 4 10 %"."""
        return traffic_words(self.service.traffic)

    @property
    def steered(self) -> bool:
        """Whether more versions than the champion have to do with requests."""
        traffic = self.service.traffic
        return bool(traffic.split) or traffic.canary is not None or traffic.shadow is not None

    @property
    def rate(self) -> float:
        return 0.0 if self.activity is None else self.activity.rate

    @property
    def high(self) -> bool:
        """Whether many of its requests fail."""
        return self.activity is not None and self.activity.requests > 0 and self.activity.errors >= HIGH


def card(
    service: Brief, about: About, health: Sequence[Health], activity: Activity | None, failed: Sequence[tuple[Edge, str]]
) -> Card:
    """failed: edges that could not take it up as it is now, and why not."""
    made = Card(service, about, health, activity, frozenset())
    wrong = [f"{edge.id} can't load it: {problem or 'it does not say why'}" for edge, problem in failed]
    wrong += [f"{one.region} is down: {one.said}" for one in health if one.word == "down" and not failed]
    if activity is not None and made.high:
        wrong.append(f"{percent(activity.errors)} of its requests failed in the last minute")
    states = {"active" if service.deprecated is None else "deprecated"}
    if wrong:
        states.add("failing")
    if activity is None or activity.requests == 0:
        states.add("idle")
    return replace(made, states=frozenset(states), wrong=wrong)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; "" for anything. q: words that all have to stand in its name, description, owner or outputs."""

    q: str = ""
    region: str = ""
    state: str = ""
    operator: str = ""
    plugin: str = ""
    sort: str = "name"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Wanted:
        """Of the fields of an address. Raises HubError for a state, an order or a page that there can't be."""
        texts = {name: query.get(name, "").strip()[:_LONGEST] for name in ("q", "region", "state", "operator", "plugin")}
        for name, text in texts.items():
            check_text(text, f"{name} in the address")
        sort, page = query.get("sort") or "name", query.get("page") or "1"
        if texts["state"] and texts["state"] not in STATES:
            raise _unknown("state", texts["state"], STATES)
        if sort not in SORTS:
            raise _unknown("sort", sort, SORTS)
        if not (page.isascii() and page.isdigit() and 1 <= int(page[:9]) <= _MOST_PAGES and len(page) < 9):
            raise HubError(f"page in the address must be a number from 1 on; got {describe(page[:60])}")
        return cls(sort=sort, page=int(page), **texts)

    def address(self, **changes: Any) -> str:
        """Where this is looked for, with some of it changed; on the first page unless another one is named."""
        wanted = replace(self, **{"page": 1, **changes})
        fields = {name: str(getattr(wanted, name)) for name in self.__slots__}
        told = {name: value for name, value in fields.items() if value and (name, value) not in (("sort", "name"), ("page", "1"))}
        return f"/gallery?{urlencode(told)}" if told else "/gallery"

    def fits(self, one: Card, but: str = "") -> bool:
        """Whether a service is looked for. but: a filter that is passed over."""
        return all(test(self, one) for name, test in _TESTS.items() if name != but)

    @property
    def chips(self) -> list[tuple[str, str, str]]:
        """The filters that are set: what, which, and where it is gone."""
        set_ = [(name, str(getattr(self, name))) for name in _TESTS if getattr(self, name)]
        return [("search" if name == "q" else name, value, self.address(**{name: ""})) for name, value in set_]


def _unknown(name: str, got: str, known: Mapping[str, str]) -> HubError:
    return HubError(f"{name} in the address must be one of {listing(known)}; got {describe(got)}.{close_match(got, known)}")


def _said(wanted: Wanted, one: Card) -> bool:
    if not wanted.q:
        return True
    service = one.service
    texts = (service.name, service.description, service.owner, *(output.name for output in one.about.outputs))
    text = "\n".join(texts).casefold()
    return all(word in text for word in wanted.q.casefold().split())


_TESTS: Final[dict[str, Callable[[Wanted, Card], bool]]] = {
    "q": _said,
    "region": lambda wanted, one: not wanted.region or wanted.region in one.service.regions,
    "state": lambda wanted, one: not wanted.state or wanted.state in one.states,
    "operator": lambda wanted, one: not wanted.operator or wanted.operator in one.about.operators,
    "plugin": lambda wanted, one: not wanted.plugin or wanted.plugin in one.about.plugins,
}
_VALUES: Final[dict[str, Callable[[Card], Iterable[str]]]] = {
    "region": lambda one: one.service.regions,
    "state": lambda one: one.states,
    "operator": lambda one: one.about.operators,
    "plugin": lambda one: one.about.plugins,
}
_ORDERS: Final[dict[str, Callable[[Card], Any]]] = {
    "name": lambda one: one.service.name,
    "changed": lambda one: (-one.service.change, one.service.name),
    "requests": lambda one: (-one.rate, one.service.name),
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter with its choices: (value, how many services there are with it among those that the other filters leave)."""

    name: str
    label: str
    everything: str
    chosen: str
    choices: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of services. count: of those found; total: of all that the caller may see."""

    cards: Sequence[Card]
    count: int
    total: int
    page: int
    pages: int
    filters: Sequence[Filter]


def found(cards: Sequence[Card], wanted: Wanted) -> Found:
    """What is looked for among all services. A page after the last one is the last one."""
    fitting = sorted((one for one in cards if wanted.fits(one)), key=_ORDERS[wanted.sort])
    pages = max(1, -(-len(fitting) // PAGE))
    page = min(wanted.page, pages)
    shown = fitting[(page - 1) * PAGE : page * PAGE]
    return Found(shown, len(fitting), len(cards), page, pages, [_filter(cards, wanted, name) for name in _VALUES])


def _filter(cards: Sequence[Card], wanted: Wanted, name: str) -> Filter:
    """Choices are those of all services; one that the other filters leave nothing of has a count of 0."""
    every = {value for one in cards for value in _VALUES[name](one)}
    chosen = getattr(wanted, name)
    if chosen:
        every.add(chosen)  # it may be in an address, and nowhere else
    left = Counter(value for one in cards if wanted.fits(one, but=name) for value in _VALUES[name](one))
    order = list(STATES) if name == "state" else []
    ordered = sorted(every, key=lambda value: (order.index(value) if value in order else 0, value.casefold(), value))
    return Filter(name, name.capitalize(), f"any {name}", chosen, [(value, left[value]) for value in ordered])
