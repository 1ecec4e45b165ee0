"""A person goes everywhere in the store, the trail names nobody, and everything known comes out as one document before."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rtml_plugins.profile import erasing
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.records import Changed
from rtml_plugins.profile.store import Change
from tests.unit.profile.people import event, graph, made, one, said

HISTORY = [
    said(1, {"person": {"name": {"first": "Ann"}}}, CRMID="ann", Email="ann@example.com"),
    said(2, {"consents": {"personalize": {"content": {"val": "y"}}}}, dataset="web", CRMID="ann"),
    event(10, body={"eventType": "buy"}, ECID="1", CRMID="ann", primary="ECID"),
    event(20, ECID="1"),
    event(20, id="other", ECID="2"),
]


def test_a_person_goes_and_the_others_stay() -> None:
    profiles = made(HISTORY)
    told: list[Changed] = []
    profiles.on_change(told.extend)
    erased = profiles.erase(one("email", "ann@example.com"), "someone")
    assert (erased.persons, erased.events, erased.fragments) == (1, 2, 2)
    assert set(erased.keys) == {"crmid:ann", "email:ann@example.com", "ecid:1"}
    assert erased.datasets == ["crm", "web"]
    for namespace, id in (("CRMID", "ann"), ("Email", "ann@example.com"), ("ECID", "1")):
        assert profiles.lookup(one(namespace, id)) is None
        assert profiles.events(one(namespace, id)) == []
    assert profiles.store.events(erased.keys, -(2**60), 2**60, limit=10) == []
    assert graph(profiles) == {frozenset({"ecid:2"})}
    assert [(changed.version, set(changed.keys)) for changed in told] == [(0, set(erased.keys))]
    assert profiles.store.count() == {"persons": 1, "identities": 1, "events": 1}
    assert profiles.erase(one("CRMID", "ann"), "someone").persons == 0
    # who comes again is a stranger
    profiles.apply([event(30, ECID="1")])
    assert [found.at for found in profiles.events(one("ECID", "1"))] == [30]


def test_the_trail_names_nobody_and_can_be_asked() -> None:
    profiles = made(HISTORY)
    assert profiles.erased_at(one("ECID", "1")) is None
    profiles.erase(one("CRMID", "ann"), "officer")
    line = profiles.erasures()[0]
    assert (line.actor, line.persons, line.events, len(line.digests)) == ("officer", 1, 2, 3)
    assert profiles.erased_at(one("ECID", "1")) == line.at == 10**15
    assert profiles.erased_at(one("ECID", "2")) is None
    store = profiles.store
    assert isinstance(store, MemoryStore)
    kept = b"".join(data for data, _ in store._values.values())
    assert b"ann" not in kept
    other = made(HISTORY)
    other.erase(one("CRMID", "ann"), "officer")
    assert not set(other.erasures()[0].digests) & set(line.digests)  # a secret of each store


def test_the_trail_goes_over_pages() -> None:
    profiles = made()
    before = erasing._PAGE
    try:
        erasing._PAGE = 3  # type: ignore[misc]
        for number in range(8):
            profiles.apply([event(1, ECID=f"i{number}")])
            profiles.erase(one("ECID", f"i{number}"), f"actor {number}")
    finally:
        erasing._PAGE = before  # type: ignore[misc]
    assert all(profiles.erased_at(one("ECID", f"i{number}")) == 10**15 for number in range(8))
    assert [line.actor for line in profiles.erasures()] == [f"actor {number}" for number in range(8)]


def test_a_score_from_before_does_not_bring_a_person_back() -> None:
    profiles = made(HISTORY)
    profiles.erase(one("CRMID", "ann"), "officer")
    erased = profiles.erased_at(one("ECID", "1"))
    assert erased is not None
    assert profiles.enrich(one("ECID", "1"), "_acme.score", 0.5, source="churn", at_us=erased - 1) == "unknown"
    assert profiles.lookup(one("ECID", "1")) is None
    assert profiles.enrich(one("ECID", "1"), "_acme.score", 0.5, source="churn", at_us=erased + 1) == "written"
    assert profiles.enrich(one("ECID", "3"), "_acme.score", 0.5, source="churn", at_us=1) == "written"


class _Moving(MemoryStore):
    """A store in which an event of the person comes in between."""

    other: Profiles | None = None

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        if self.other is not None and any(change.forget for change in changes):
            other, self.other = self.other, None
            other.apply([event(99, id="between", ECID="1", Phone="5")])
        return super().commit(changes)


def test_what_comes_in_between_is_erased_too() -> None:
    store = _Moving()
    profiles = Profiles(store)
    profiles.apply(HISTORY)
    store.other = Profiles(store)
    erased = profiles.erase(one("CRMID", "ann"), "someone")
    assert erased.events == 3
    assert "phone:5" in erased.keys
    assert graph(profiles) == {frozenset({"ecid:2"})}


def test_everything_that_is_known_comes_out_as_one_document() -> None:
    profiles = made(HISTORY)
    profiles.aggregates.add({"count": {"eventType": "buy"}})
    profiles.enrich(one("ECID", "1"), "_acme.score", 0.5, source="churn", at_us=30)
    document = json.loads(json.dumps(profiles.export(one("ECID", "1"))))
    assert {known["id"] for known in document["identities"]} == {"ann", "ann@example.com", "1"}
    assert document["attributes"]["merged"]["person"] == {"name": {"first": "Ann"}}
    assert [found["document"]["_id"] for found in document["events"]] == ["e10", "e20"]
    assert document["consents"] == {"personalize": "y"}
    statements = {
        (fragment["dataset"], ".".join(said["path"])): said["ingested"]
        for fragment in document["fragments"]
        for said in fragment["statements"]
    }
    assert statements[("crm", "person.name.first")] == "1970-01-01T00:00:00.000001Z"
    assert statements[("rtml:churn", "_acme.score")] == "1970-01-01T00:00:00.000030Z"
    assert document["aggregates"][0]["definition"] == {"count": {"eventType": "buy"}}
    assert len(document["links"]) == 2
    assert profiles.export(one("ECID", "nobody")) is None


def test_many_events_of_one_moment_come_out_all() -> None:
    profiles = made([event(5, id=f"e{number}", ECID="1") for number in range(2300)])
    document = profiles.export(one("ECID", "1"))
    assert document is not None
    assert len({found["document"]["_id"] for found in document["events"]}) == 2300 == len(document["events"])
    counted = profiles.aggregates.add({"count": {}})[0]
    view = profiles.view([one("ECID", "1")], {}, [counted.id])
    assert view is not None
    assert profiles.aggregate_values(view, 10) == {counted.id: 2300}
