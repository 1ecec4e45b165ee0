"""Persons as readers see them: decoded once for each version, merged once for each policy.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from rtml_plugins.profile import consent
from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.profile.cache import Recent
from rtml_plugins.profile.identity import Identity, key
from rtml_plugins.profile.merging import Policy, merged, value_at
from rtml_plugins.profile.person import Known, decode
from rtml_plugins.profile.records import View
from rtml_plugins.profile.store import ProfileStore, Stored

Steps = Sequence[str | int]
#: paths that are kept split
_MOST_PATHS: Final = 10_000


class Shown:
    """A person at one version, for readers; nothing of it is changed. Documents are shared: who hands them out copies them."""

    __slots__ = ("_documents", "allowed", "changed", "id", "known", "links", "version")

    def __init__(self, stored: Stored):
        person = decode(stored.data)
        self.id, self.version = stored.id, stored.version
        self.known, self.links, self.changed = person.known, person.links, person.changed
        self.allowed = consent.allows(person.known.values(), consent.PERSONALIZE)
        self._documents: dict[tuple[int, str, str], dict[str, Any]] = {}

    def of(self, policy: Policy, key: str) -> Mapping[str, Known]:
        """The identities that a policy shows to whoever asked for one of them."""
        return self.known if policy.graph == "pdg" else {key: self.known[key]}

    def document(self, policy: Policy, key: str, epoch: int) -> dict[str, Any]:
        """The merged attributes. epoch: of the policies."""
        name = (epoch, policy.id, "" if policy.graph == "pdg" else key)
        found = self._documents.get(name)
        if found is None:
            fragments = [
                (dataset, one, tree) for one, known in self.of(policy, key).items() for dataset, tree in known.trees().items()
            ]
            found = self._documents[name] = merged(fragments, policy) if fragments else {}
        return found


class Shelf:
    """The persons that were read last, by id, each as of its newest version that was seen."""

    def __init__(self, store: ProfileStore, most: int):
        self._store = store
        self._shown: Recent[str, Shown] = Recent(most)
        self._paths: dict[str, Steps] = {}

    def find(self, key: str) -> Shown | None:
        """The person that owns an identity."""
        stored = self._store.find(key)
        if stored is None:
            return None
        shown = self._shown.get(stored.id)
        if shown is None or shown.version != stored.version:
            shown = Shown(stored)
            self._shown[stored.id] = shown
        return shown

    def first(self, identities: Sequence[Identity]) -> tuple[Shown, str] | None:
        """The person of the first identity that somebody owns, and its key."""
        for one in identities:
            name = key(one.namespace, one.id)
            shown = self.find(name)
            if shown is not None and name in shown.known:
                return shown, name
        return None

    def allowed(self, identities: Sequence[Identity]) -> bool:
        """Whether no person of several identities refused personalisation."""
        if len(identities) < 2:  # the one that was found
            return True
        return all(shown is None or shown.allowed for shown in (self.find(key(one.namespace, one.id)) for one in identities))

    def steps(self, path: str | Steps) -> Steps:
        """A path of attributes, split. Raises rtml_plugins.xdm.paths.PathError."""
        if not isinstance(path, str):
            return path
        found = self._paths.get(path)
        if found is None:
            from rtml_plugins.xdm.paths import split

            if len(self._paths) >= _MOST_PATHS:
                self._paths.clear()
            found = self._paths[path] = tuple(split(path))
        return found

    def keys(self, path: str | Sequence[str]) -> Sequence[str]:
        """A path that has no index, split."""
        return self.steps(path) if isinstance(path, str) else path  # type: ignore[return-value]

    def view(
        self,
        shown: Shown,
        key: str,
        policy: Policy,
        epoch: int,
        attributes: Mapping[str, str | Steps],
        aggregates: Collection[Aggregate],
    ) -> View:
        """What a projection or reader wants to know of a person."""
        found = {}
        if attributes:
            document = shown.document(policy, key, epoch)
            for name, path in attributes.items():
                value = value_at(document, self._paths.get(path) or self.steps(path) if type(path) is str else path)
                if value is not None:
                    found[name] = value
        states = {}
        if aggregates:
            known = shown.of(policy, key)
            for aggregate in aggregates:
                state = state_of(aggregate, known)
                if state is not MISSING:
                    states[aggregate.id] = state
        return View(shown.id, found, states, shown.allowed, shown.version)


class _Missing:
    """An aggregate that is not counted to the end."""


MISSING: Final = _Missing()


def state_of(aggregate: Aggregate, known: Mapping[str, Known]) -> Any:
    """The state of an aggregate over identities; MISSING when it waits to be filled for one of them."""
    states = []
    for one in known.values():
        if one.events:
            seen = one.states.get(aggregate.id)
            if seen is None or seen[0] != one.events:
                return MISSING
            if seen[1] is not None:
                states.append(seen[1])
    if len(states) < 2:
        return states[0] if states else None
    return aggregate.merge(states)
