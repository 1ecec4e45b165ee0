"""Settings of profiles that are kept in their store: merge policies, rules of linking, aggregates.

LIGHT: the standard library and msgspec only. Each is a named value with a version, changed by compare and set; a change shows at
once in the process that made it and within REFRESH seconds in others that read, and before the next record in those that write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import RLock
from time import monotonic
from typing import Any, Final, TypeVar

import msgspec

from rtml_core.errors import RtmlError, close_match, describe, listing
from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.profile.linking import Linking, Rules, read_linking
from rtml_plugins.profile.merging import DEFAULT, MergeError, Policy, read_policy
from rtml_plugins.profile.store import ProfileStore

#: merge policies there may be (a guardrail of the field), and aggregates
MOST_POLICIES: Final = 5
MOST_AGGREGATES: Final = 500
#: seconds for which readers go by the settings they know
REFRESH: Final = 1.0

_POLICIES: Final = "profile/policies"
_LINKING: Final = "profile/linking"
_AGGREGATES: Final = "profile/aggregates"

T = TypeVar("T")


class SettingsError(RtmlError):
    """A setting of profiles that can't be."""


class Settings:
    """What a store says about how its profiles are made and read."""

    def __init__(self, store: ProfileStore):
        self._store = store
        self._lock = RLock()
        self._versions = {_POLICIES: -1, _LINKING: -1, _AGGREGATES: -1}
        self._checked = 0.0
        self.policies: dict[str, Policy] = {}
        self.default = DEFAULT
        self.rules = Rules()
        self.aggregates: dict[str, Aggregate] = {}
        #: grows with each change of the policies
        self.epoch = 0
        self.refresh()

    def refresh(self) -> None:
        """Read again what changed."""
        with self._lock:
            for name, read in (
                (_POLICIES, self._read_policies),
                (_LINKING, self._read_linking),
                (_AGGREGATES, self._read_aggregates),
            ):
                data, version = self._store.value(name)
                if version != self._versions[name]:
                    read(data)
                    self._versions[name] = version
            self._checked = monotonic()

    def for_reading(self) -> None:
        """Read again what changed, when that was looked at long ago."""
        if monotonic() - self._checked > REFRESH:
            self.refresh()

    def _read_policies(self, data: bytes) -> None:
        found = msgspec.json.decode(data, type=list[Policy]) if data else [DEFAULT]
        self.policies = {policy.id: policy for policy in found}
        self.default = next(policy for policy in found if policy.default)
        self.epoch += 1

    def _read_linking(self, data: bytes) -> None:
        self.rules = Rules(msgspec.json.decode(data, type=Linking) if data else Linking())

    def _read_aggregates(self, data: bytes) -> None:
        found = [Aggregate.parse(one) for one in (msgspec.json.decode(data) if data else [])]
        self.aggregates = {one.id: one for one in found}

    def change(self, name: str, make: Callable[[], T]) -> T:
        """Set a value to what `make` gives, from the settings as they are read before it; again when somebody was faster."""
        with self._lock:
            while True:
                self.refresh()
                made = make()
                if self._store.set_value(name, msgspec.json.encode(made), self._versions[name]):
                    self.refresh()
                    return made


class Policies:
    """The merge policies of a store: at most MOST_POLICIES, of which one is the default. A change shows at the next read: what is
    kept are fragments, and they are merged when they are read."""

    def __init__(self, settings: Settings):
        self._settings = settings

    def list(self) -> list[Policy]:
        """All policies, in the order in which they were added."""
        self._settings.refresh()
        return [*self._settings.policies.values()]

    def get(self, id: str | None = None) -> Policy:
        """A policy by id; the default one when none is named. Raises SettingsError."""
        settings = self._settings
        if id is None:
            return settings.default
        found = settings.policies.get(id)
        if found is None:
            settings.refresh()
            found = settings.policies.get(id)
        if found is None:
            known = settings.policies
            raise SettingsError(f"there is no merge policy {describe(id)}. There are: {listing(known)}.{close_match(id, known)}")
        return found

    def put(self, policy: Policy | dict[str, Any]) -> Policy:
        """Add a policy, or change the one with its id. One that is made the default takes that from the one that was."""
        made = read_policy(msgspec.to_builtins(policy) if isinstance(policy, Policy) else policy)
        self._settings.change(_POLICIES, lambda: self._with(made))
        return self._settings.policies[made.id]

    def _with(self, made: Policy) -> Sequence[Policy]:
        known = dict(self._settings.policies)
        before = known.get(made.id)
        if before is not None and before.default and not made.default:
            raise MergeError(f"policy '{made.id}' is the default: make another one the default instead")
        known[made.id] = made
        if len(known) > MOST_POLICIES:
            raise MergeError(f"there are {MOST_POLICIES} merge policies, and no more are allowed: remove one of {listing(known)}")
        if made.default:
            known = {id: one if id == made.id else msgspec.structs.replace(one, default=False) for id, one in known.items()}
        return [*known.values()]

    def remove(self, id: str) -> None:
        """Remove a policy that is not the default. Raises SettingsError."""
        if self.get(id).default:
            raise SettingsError(f"policy {describe(id)} is the default: make another one the default first")
        self._settings.change(_POLICIES, lambda: [one for one in self._settings.policies.values() if one.id != id])


class LinkingRules:
    """The rules of linking of a store."""

    def __init__(self, settings: Settings, relink: Callable[[], int]):
        self._settings = settings
        self._relink = relink

    def get(self) -> Linking:
        """The rules that apply."""
        self._settings.refresh()
        return self._settings.rules.linking

    def set(self, linking: Linking | dict[str, Any]) -> int:
        """Set the rules, and part the persons that they don't allow; how many were parted. What looser rules would join is
        joined when a record says so again. Raises LinkingError."""
        made = linking.check() if isinstance(linking, Linking) else read_linking(linking)
        self._settings.change(_LINKING, lambda: made)
        return self._relink()


class Aggregates:
    """The aggregates that are kept. Iterating gives them."""

    def __init__(self, settings: Settings, backfill: Callable[[Iterable[str]], int]):
        self._settings = settings
        self._backfill = backfill

    def __iter__(self) -> Iterator[Aggregate]:
        self._settings.refresh()
        return iter([*self._settings.aggregates.values()])

    def __contains__(self, id: str) -> bool:
        return id in self._settings.aggregates

    def add(self, *aggregates: Aggregate | dict[str, Any], backfill: bool = True) -> list[Aggregate]:
        """Keep aggregates, from their definitions; those that are kept already stay as they are. From events that are stored
        already, new ones are counted before this returns, unless `backfill` is False: then `fill` does. Raises AggregateError."""
        made = [one if isinstance(one, Aggregate) else Aggregate.parse(one) for one in aggregates]
        self._settings.refresh()
        new = [one.id for one in made if one.id not in self._settings.aggregates]
        if new:
            self._settings.change(_AGGREGATES, lambda: self._with(made))
            if backfill:
                self._backfill(new)
        return [self._settings.aggregates[one.id] for one in made]

    def _with(self, made: Iterable[Aggregate]) -> list[Any]:
        known = self._settings.aggregates | {one.id: one for one in made}
        if len(known) > MOST_AGGREGATES:
            raise SettingsError(f"{len(known)} aggregates would be kept, and at most {MOST_AGGREGATES} are: remove some first")
        return [one.to_json() for one in known.values()]

    def fill(self) -> int:
        """Count what is not counted yet, from the stored events; for how many persons that was so."""
        self._settings.refresh()
        return self._backfill([*self._settings.aggregates])

    def remove(self, id: str) -> None:
        """Keep an aggregate no longer. Its states go when their persons are written again. Raises SettingsError."""
        self._settings.refresh()
        if id not in self._settings.aggregates:
            known = self._settings.aggregates
            raise SettingsError(f"there is no aggregate {describe(id)}. There are: {listing(known, 5)}.{close_match(id, known)}")
        self._settings.change(_AGGREGATES, lambda: [one.to_json() for one in self._settings.aggregates.values() if one.id != id])
