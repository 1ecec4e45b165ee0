"""Which identities are one person: the graph of links, its limits, and rules that keep apart people who share a device.

LIGHT: the standard library and msgspec only.

Links are considered from the strongest to the weakest: by the priority of the namespaces that they join, then from the newest
to the oldest. One that would put two ids of a unique namespace into one graph, or go beyond a limit, goes; so does one between
identities that stronger links join already, as it says nothing new. What is left is a forest of greatest weight. With one
unique namespace at most, and below the limits, it is the same whatever the order in which the links came (the paths between ids
of that namespace are the circuits of a graph in which those ids are one vertex, so a link that goes would also have gone
later); with several unique namespaces the order can matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from rtml_core.errors import RtmlError, describe
from rtml_plugins.profile.identity import LONGEST_NAMESPACE, Identity, namespace_key
from rtml_plugins.profile.person import ends, link

#: identities of one graph, links of one identity (guardrails of the field)
MOST_IN_GRAPH: Final = 150
MOST_LINKS: Final = 100
#: namespaces that rules may name
MOST_NAMESPACES: Final = 50


class LinkingError(RtmlError):
    """Rules of linking that are none."""


class Linking(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Rules of linking. priority: namespaces from the strongest to the weakest; those not named come last, all alike. unique:
    namespaces of which a person has one id only, e.g. ("CRMID",): on a second one the weaker, older link goes.

    Where there are priorities, an event is kept under its strongest identity, whatever is marked as primary: what a person did
    after logging in stays with the person when the device goes to another.
    """

    priority: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()

    def check(self) -> Linking:
        """These rules; raises LinkingError for what can't be."""
        for name in (*self.priority, *self.unique):
            if not name or len(name) > LONGEST_NAMESPACE or not name.isprintable():
                raise LinkingError(f"a namespace of linking rules is a code such as ECID, or a URI; got {describe(name)}")
        for field, names in (("priority", self.priority), ("unique", self.unique)):
            spaces = [namespace_key(name) for name in names]
            twice = next((name for name, space in zip(names, spaces, strict=True) if spaces.count(space) > 1), None)
            if twice is not None:
                raise LinkingError(f"{field} names the namespace {describe(twice)} twice (case says nothing): name it once")
            if len(names) > MOST_NAMESPACES:
                raise LinkingError(f"{field} names {len(names)} namespaces; at most {MOST_NAMESPACES} are allowed")
        return self


class Rules:
    """Linking rules in the form in which they are applied."""

    __slots__ = ("linking", "rank", "unique")

    def __init__(self, linking: Linking = Linking()):  # noqa: B008  it is frozen
        self.linking = linking
        ordered = [
            *linking.priority,
            *(name for name in linking.unique if name.lower() not in {p.lower() for p in linking.priority}),
        ]
        self.rank = {namespace_key(name): place for place, name in enumerate(ordered)}
        self.unique = frozenset(namespace_key(name) for name in linking.unique)

    def strength(self, key: str) -> int:
        """Place of a key's namespace in the order of priority; smaller is stronger."""
        return self.rank.get(key.partition(":")[0], len(self.rank))

    def place(self, by_key: Mapping[str, Identity], event: bool) -> tuple[int, Sequence[str]]:
        """Of several identities of one record: the place of the one under which it is kept, and the links that it says, from its
        strongest identity to each of the others."""
        keys = list(by_key)
        primary = next((number for number, one in enumerate(by_key.values()) if one.primary), 0)
        if len(keys) == 2 and not (self.rank and event):
            return primary, (link(keys[0], keys[1]),)
        ordered = sorted(keys, key=lambda key: (self.strength(key), not by_key[key].primary, key))
        home = keys.index(ordered[0]) if self.rank and event else primary
        return home, [link(ordered[0], other) for other in ordered[1:]]

    def weigh(self, name: str, at: int) -> tuple[int, int, int, str]:
        """Sorts links from the strongest to the weakest."""
        one, other = ends(name)
        near, far = sorted((self.strength(one), self.strength(other)))
        return near, far, -at, name

    def fits(self, keys: Iterable[str]) -> bool:
        """Whether identities may be one person."""
        seen = set()
        for number, key in enumerate(keys):
            if number >= MOST_IN_GRAPH:
                return False
            space = key.partition(":")[0]
            if space in self.unique:
                if space in seen:
                    return False
                seen.add(space)
        return True


def components(keys: Iterable[str], links: Mapping[str, int], rules: Rules) -> tuple[list[set[str]], dict[str, int]]:
    """The persons that identities and links make, and the links that stay.

    Returns groups of keys (the one that holds the most first; equal ones by their smallest key) and the forest.
    """
    group: dict[str, set[str]] = {key: {key} for key in keys}
    degree = dict.fromkeys(group, 0)
    stay: dict[str, int] = {}
    for name in sorted(links, key=lambda name: rules.weigh(name, links[name])):
        one, other = ends(name)
        mine, its = group[one], group[other]
        if mine is its or degree[one] >= MOST_LINKS or degree[other] >= MOST_LINKS or not _joinable(mine, its, rules):
            continue
        stay[name] = links[name]
        degree[one] += 1
        degree[other] += 1
        if len(mine) < len(its):
            mine, its = its, mine
        mine |= its
        for key in its:
            group[key] = mine
    distinct = {id(found): found for found in group.values()}
    return sorted(distinct.values(), key=lambda found: (-len(found), min(found))), stay


def _joinable(mine: set[str], its: set[str], rules: Rules) -> bool:
    if len(mine) + len(its) > MOST_IN_GRAPH:
        return False
    if not rules.unique:
        return True
    return not (_unique_of(mine, rules) & _unique_of(its, rules))


def _unique_of(keys: set[str], rules: Rules) -> set[str]:
    return {space for space in (key.partition(":")[0] for key in keys) if space in rules.unique}


def read_linking(given: Any) -> Linking:
    """Rules from their JSON form, {"priority": [...], "unique": [...]}; raises LinkingError."""
    try:
        return msgspec.convert(given, Linking).check()
    except msgspec.ValidationError as error:
        form = '{"priority": ["CRMID", "Email", "ECID"], "unique": ["CRMID"]}'
        raise LinkingError(f"linking rules are {form}: {error}") from None
