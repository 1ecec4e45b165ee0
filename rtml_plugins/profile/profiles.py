"""Profiles: what records say of persons, kept in a store, and read back merged.

LIGHT: the standard library and msgspec only.

    profiles = Profiles(open_store("sqlite:///profiles.db"))
    profiles.apply(records)
    profiles.lookup(identity, fields=["person.name", "identities"])

A record with several identities links them; a person is a component of that graph (`linking`). Attributes are kept per dataset
and identity and merged when they are read (`merging`); events are collected, and aggregates over them counted while they come.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from time import time_ns
from typing import Any, Final

import msgspec

from rtml_core.errors import RtmlError
from rtml_plugins.profile import consent, erasing
from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.profile.applying import Listener, Writer
from rtml_plugins.profile.enriching import Enrichment, Outcome, enrich
from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.merging import Policy, chosen
from rtml_plugins.profile.person import Known, ends
from rtml_plugins.profile.policies import Aggregates, LinkingRules, Policies, Settings
from rtml_plugins.profile.records import Applied, Erased, Erasure, Event, KnownIdentity, Link, Profile, Record, View
from rtml_plugins.profile.showing import Shelf, Shown, Steps
from rtml_plugins.profile.store import ProfileStore

#: persons that a writer remembers decoded, unless told otherwise; readers remember as many
CACHE: Final = 20_000
#: events that one call answers at most
MOST_EVENTS: Final = 10_000
#: all times there are, in us
_FIRST: Final = -(2**62)
_LAST: Final = 2**62


class ProfileError(RtmlError):
    """A question about profiles that can't be answered, or a change that can't be made."""


class Profiles:
    """Persons of one store. Usable from several threads; several may work on one store.

    clock: the time now, in us since the epoch; cache: persons that are remembered decoded.
    """

    def __init__(self, store: ProfileStore, *, clock: Callable[[], int] | None = None, cache: int = CACHE):
        self.store = store
        self.clock = clock or (lambda: time_ns() // 1000)
        self.settings = Settings(store)
        self._writer = Writer(store, self.settings, cache)
        self._shelf = Shelf(store, cache)
        self._trail = erasing.Trail(store)
        self.policies = Policies(self.settings)
        self.linking = LinkingRules(self.settings, self._relink)
        self.aggregates = Aggregates(self.settings, self._fill)

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a function with what changed (records.Changed, several at once) after each commit of this object, in its order and
        in the thread that wrote; it should be quick. Returns a function that ends that."""
        self._writer.listeners.append(listener)
        return lambda: self._writer.listeners.remove(listener)

    # ---- writing ------------------------------------------------------------------------------------------------

    def apply(self, records: Iterable[Record], mark: tuple[str, int] | None = None) -> Applied:
        """Take in records, many in one commit.

        mark: the name of a source and the number of the batch, growing by source: what of a batch was applied before, by a
        process that died or by another call, is not applied again. A batch that is applied again must hold the same records in
        the same order. Raises StoreError.
        """
        return self._writer.apply(records, mark)

    def marked(self, name: str) -> int:
        """The number of the last batch of a source that was applied to its end; 0 when none was."""
        return self._writer.marked(name)

    def may_collect(self, identities: Sequence[Identity]) -> bool:
        """Whether events of a person may be collected: unless the person said no."""
        with self._writer.lock:
            by_key = {one.key: one for one in identities}
            if not by_key:
                return True
            home, _ = self.settings.rules.place(by_key, True)
            return self._writer.gather(by_key).collects(tuple(by_key), home)

    def may_collect_each(self, records: Sequence[Sequence[Identity]]) -> list[bool]:
        """As may_collect(), for the identities of many records with one look into the store."""
        with self._writer.lock:
            known = [{one.key: one for one in identities} for identities in records]
            gathered = self._writer.gather({key for some in known for key in some})
            place = self.settings.rules.place
            return [not some or gathered.collects(tuple(some), place(some, True)[0] if len(some) > 1 else 0) for some in known]

    def enrich(
        self,
        identity: Identity,
        path: str | Sequence[str],
        value: Any,
        *,
        source: str,
        at_us: int | None = None,
        create: bool = True,
    ) -> Outcome:
        """Write what a model says of a person at a dotted path, in the dataset "rtml:<source>"; see `enrich_many`."""
        return self.enrich_many(
            [Enrichment(identity, self._shelf.keys(path), value, source, self.clock() if at_us is None else at_us)], create=create
        )[0]

    def enrich_many(self, enrichments: Iterable[Enrichment], *, create: bool = True) -> list[Outcome]:
        """Write what models say, many in one commit; what became of each: "written", "unknown" (nobody is known by the identity,
        and `create` is False or the person was erased since) or "refused" (the person refused personalisation).

        Of one path of one source the newest statement stands, in whatever order they come. Raises EnrichmentError and StoreError.
        """
        return enrich(self._writer, enrichments, self._trail, create=create)

    def say_consent(self, identity: Identity, *, collect: str | None = None, personalize: str | None = None) -> Applied:
        """Keep what a person says now of consent, as record data of the dataset "rtml:consent"; values are those of XDM."""
        said = consent.document(collect=collect, personalize=personalize)
        given = {identity.namespace: [{"id": identity.id, "primary": True}]}
        return self.apply([Record("record", consent.DATASET, "", 0, self.clock(), {"identityMap": given, **said})])

    # ---- reading ------------------------------------------------------------------------------------------------

    def lookup(self, identity: Identity, fields: Iterable[str] | None = None, policy: str | None = None) -> Profile | None:
        """The person of an identity; None when nobody is known by it.

        fields: dotted paths of attributes, and "identities"; all when None. policy: the id of a merge policy, the default one
        when None. Raises SettingsError for an unknown policy, PathError for a field that is none.
        """
        rule = self._policy(policy)
        found = self._shelf.first([identity])
        return None if found is None else self._profile(*found, rule, fields)

    def _policy(self, id: str | None) -> Policy:
        self.settings.for_reading()
        return self.settings.default if id is None else self.policies.get(id)

    def _profile(self, shown: Shown, key: str, policy: Policy, fields: Iterable[str] | None) -> Profile:
        document = shown.document(policy, key, self.settings.epoch)
        known = shown.of(policy, key)
        identities = True
        if fields is not None:
            wanted = list(fields)
            identities = "identities" in wanted
            document = chosen(document, [self._shelf.steps(field) for field in wanted if field != "identities"])
        sources = {name for one in known.values() for name in one.datasets}
        sources |= {name for one in known.values() for name in one.trees()}
        return Profile(
            person=shown.id,
            version=shown.version,
            policy=policy.id,
            identities=_listed(known) if identities else [],
            attributes=deepcopy(document),
            sources=sorted(sources),
            consent=consent.stated(shown.known.values()),
            changed=shown.changed,
        )

    def view(
        self,
        identities: Sequence[Identity],
        attributes: Mapping[str, str | Steps],
        aggregates: Collection[str] = (),
        *,
        policy: str | None = None,
    ) -> View | None:
        """Chosen attributes (name -> dotted path, or its steps) and the states of aggregates (by id), of the person of the first
        identity that somebody owns; None when nobody is known. Values are shared: they are not to be changed. consent: whether
        none of the persons of the identities refused.
        """
        rule = self._policy(policy)
        found = self._shelf.first(identities)
        if found is None:
            return None
        known = self.settings.aggregates
        kept = [known[id] for id in aggregates if id in known]
        view = self._shelf.view(*found, rule, self.settings.epoch, attributes, kept)
        return view if self._shelf.allowed(identities) else view._replace(consent=False)

    def events(
        self,
        identity: Identity,
        start_us: int | None = None,
        end_us: int | None = None,
        limit: int = 1000,
        descending: bool = False,
        policy: str | None = None,
    ) -> list[Event]:
        """Events of the person of an identity, start_us <= time < end_us, by time: the first `limit` of that order, at most
        MOST_EVENTS. With a policy without graph, those of the identity alone. Raises ProfileError for a limit that can't be."""
        if not 0 < limit <= MOST_EVENTS:
            raise ProfileError(f"the limit of events is from 1 to {MOST_EVENTS:,}; got {limit}. Ask for the next time range then")
        found = self._shelf.first([identity])
        if found is None:
            return []
        shown, key = found
        keys = list(shown.of(self._policy(policy), key))
        start, end = _FIRST if start_us is None else start_us, _LAST if end_us is None else end_us
        kept = self.store.events(keys, start, end, limit=limit, descending=descending)
        return [Event(one.key, one.at, one.id, msgspec.json.decode(one.data)) for one in kept]

    def identities(self, identity: Identity) -> tuple[list[KnownIdentity], list[Link]]:
        """The graph of a person: its identities and the links that hold them together; both empty when nobody is known."""
        found = self._shelf.first([identity])
        if found is None:
            return [], []
        shown, _ = found
        named = {key: f"{one.namespace}:{one.id}" for key, one in shown.known.items()}
        between = [(*ends(name), at) for name, at in sorted(shown.links.items())]
        return _listed(shown.known), [Link(named[one], named[other], at) for one, other, at in between]

    def aggregate_values(self, view: View, now_us: int | None = None) -> dict[str, Any]:
        """The values of a view's states at a moment, by id of the aggregate."""
        now = self.clock() if now_us is None else now_us
        known: Mapping[str, Aggregate] = self.settings.aggregates
        return {id: known[id].value(state, now) for id, state in view.states.items() if id in known}

    # ---- the person's own ---------------------------------------------------------------------------------------

    def erase(self, identity: Identity, actor: str) -> Erased:
        """Erase the person of an identity everywhere in the store, and leave a line in the trail of erasures: who did it, when,
        how much it was, and keyed digests of the identities. Datasets are not the store's: Erased says which had records."""
        return erasing.erase(self._writer, [identity.key], actor, self.clock)

    def erasures(self) -> list[Erasure]:
        """The trail of erasures, from the oldest to the newest."""
        return list(erasing.erasures(self.store))

    def erased_at(self, identity: Identity) -> int | None:
        """When the person of an identity was last erased, in us; None when that was never so."""
        return self._trail.erased_at(identity.key)

    def export(self, identity: Identity) -> dict[str, Any] | None:
        """Everything that is known about a person, as one JSON document; None when nobody is known by the identity."""
        from rtml_plugins.profile.exporting import export

        found = self._shelf.first([identity])
        return None if found is None else export(self.store, found[0], self.policies.get(), self.settings)

    # ---- upkeep -------------------------------------------------------------------------------------------------

    def _relink(self) -> int:
        from rtml_plugins.profile.upkeep import relink

        return relink(self._writer)

    def _fill(self, aggregates: Iterable[str]) -> int:
        from rtml_plugins.profile.upkeep import fill

        return fill(self._writer, aggregates, self.clock)

    def close(self) -> None:
        """Close the store."""
        self.store.close()


def _listed(known: Mapping[str, Known]) -> list[KnownIdentity]:
    """Identities in the order in which they were first named."""
    found = [KnownIdentity(one.namespace, one.id, one.state, one.first, one.last, one.events) for one in known.values()]
    return sorted(found, key=lambda one: (one.first, one.namespace, one.id))
