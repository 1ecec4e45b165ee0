"""Records in, persons out: whatever the order, the cache, the other writers, and what was applied before."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.profile import applying
from rtml_plugins.profile.applying import CHUNK
from rtml_plugins.profile.enriching import EnrichmentError
from rtml_plugins.profile.linking import Linking
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.person import Person, encode
from rtml_plugins.profile.profiles import ProfileError, Profiles
from rtml_plugins.profile.records import Changed, Record
from rtml_plugins.profile.store import Change, StoreError
from rtml_plugins.xdm.paths import PathError
from tests.unit.profile.people import event, graph, made, one, said

BOUGHT = {"count": {"eventType": "buy"}}
SPENT = {"sum": "price", "where": {"eventType": "buy"}}
LAST = {"last": "page"}


def _shown(profiles: Profiles, namespace: str, id: str) -> Any:
    """All that a person is, without ids and versions."""
    found = profiles.lookup(one(namespace, id))
    if found is None:
        return None
    view = profiles.view([one(namespace, id)], {}, list(profiles.settings.aggregates))
    assert view is not None
    return (
        [(known.namespace, known.id, known.state, known.first, known.last) for known in found.identities],
        found.attributes,
        found.sources,
        profiles.identities(one(namespace, id))[1],
        [(kept.at, kept.id, kept.document) for kept in profiles.events(one(namespace, id))],
        sorted(profiles.aggregate_values(view, 1000).items()),
    )


# ---- an event counts once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [True, False])
def test_an_event_counts_once_whichever_datasets_bring_it(together: bool) -> None:
    profiles = Profiles(MemoryStore(), clock=lambda: 10**15)
    profiles.aggregates.add(BOUGHT, SPENT)
    bought = {"eventType": "buy", "price": 5}
    first = [event(at, ECID="1", body=bought) for at in (10, 20)]
    again = [event(at, ECID="1", dataset="copy", ingested=at + 50, body={**bought, "price": 7}) for at in (20, 10, 10)]
    for part in [first + again] if together else [first, again]:
        profiles.apply(part)
    shown = _shown(profiles, "ECID", "1")
    assert sorted(value for _, value in shown[-1]) == [2, 10.0]
    assert [(at, document["price"]) for at, _, document in shown[4]] == [(10, 5), (20, 5)]
    assert shown[2] == ["copy", "web"]  # erasing the person has to look into both
    assert profiles.lookup(one("ECID", "1")).identities[0].events == 2  # type: ignore[union-attr]
    profiles.aggregates.add({"count": {}})  # counted from what the store has
    assert sorted(value for _, value in _shown(profiles, "ECID", "1")[-1]) == [2, 2, 10.0]


def test_events_of_another_time_id_or_identity_are_others() -> None:
    profiles = made([event(10, ECID="1"), event(20, ECID="1")])
    profiles.apply([event(15, id="e10", ECID="1"), event(10, id="other", ECID="1"), event(10, ECID="2", Email="a@b.example")])
    assert len(profiles.events(one("ECID", "1"))) == 4
    assert len(profiles.events(one("ECID", "2"))) == 1


def test_a_stream_in_order_of_time_asks_for_no_events() -> None:
    class Asked(MemoryStore):
        times = 0

        def known(self, events: Sequence[tuple[str, int, str]]) -> list[bool]:
            self.times += 1
            return super().known(events)

    store = Asked()
    profiles = Profiles(store)
    for at in range(1, 50, 10):
        profiles.apply([event(at + more, ECID=f"v{more}") for more in range(10)])
    assert store.times == 0
    profiles.apply([event(1, ECID="v0"), event(2, ECID="v1")])
    assert store.times == 1
    assert store.count()["events"] == 50


# ---- reading --------------------------------------------------------------------------------------------------------


def test_a_person_is_found_by_any_identity_with_chosen_fields() -> None:
    profiles = made([said(5, {"person": {"name": {"first": "Ann"}}, "_acme": {"tier": "gold"}}, CRMID="A", Email="a@b.example")])
    found = profiles.lookup(one("email", "a@b.example"), ["person.name", "no.where"])
    assert found is not None
    assert (found.attributes, found.identities, found.sources) == ({"person": {"name": {"first": "Ann"}}}, [], ["crm"])
    found = profiles.lookup(one("CRMID", "A"), ["identities"])
    assert found is not None
    assert ([known.id for known in found.identities], found.attributes) == (["A", "a@b.example"], {})
    assert profiles.lookup(one("CRMID", "a")) is None
    with pytest.raises(PathError):
        profiles.lookup(one("CRMID", "A"), ["person..name"])


def test_what_was_looked_up_can_be_changed_without_harm() -> None:
    profiles = made([said(5, {"tags": ["a"]}, CRMID="A")])
    found = profiles.lookup(one("CRMID", "A"))
    assert found is not None
    found.attributes["tags"].append("b")
    assert profiles.lookup(one("CRMID", "A"), ["tags"]).attributes == {"tags": ["a"]}  # type: ignore[union-attr]


def test_events_by_time_with_a_limit() -> None:
    profiles = made(
        [event(at, ECID="1") for at in (30, 10, 20)] + [event(15, ECID="2", CRMID="A"), event(40, CRMID="A", ECID="1")]
    )

    def times(**asked: Any) -> list[int]:
        return [found.at for found in profiles.events(one("CRMID", "A"), **asked)]

    assert times() == [10, 15, 20, 30, 40]
    assert times(start_us=15, end_us=30) == [15, 20]
    assert times(limit=2) == [10, 15]
    assert times(limit=2, descending=True) == [40, 30]
    assert profiles.events(one("CRMID", "nobody")) == []
    with pytest.raises(ProfileError, match="limit"):
        times(limit=0)


def test_numbers_and_texts_come_out_as_they_came_in() -> None:
    body = {"n": 2**70, "f": 1.0, "s": "02134", "deep": [{"k": -(2**65)}, None, {}], "name with . and /": "ü\x00"}
    profiles = made([said(1, body, ECID="1"), event(2, body=body, ECID="1")])
    assert profiles.lookup(one("ECID", "1")).attributes == body  # type: ignore[union-attr]
    document = profiles.events(one("ECID", "1"))[0].document
    assert {name: document[name] for name in body} == body
    assert type(document["f"]) is float


def test_a_view_says_what_a_model_reads() -> None:
    profiles = made(
        [said(1, {"a": {"b": [5, 6]}}, CRMID="A"), event(2, body={"eventType": "buy", "price": 3}, ECID="1", CRMID="A")]
    )
    bought, spent = profiles.aggregates.add(BOUGHT, SPENT)
    view = profiles.view(
        [one("ECID", "none"), one("ECID", "1")], {"x": "a.b[1]", "y": "a.c", "z": ("a", "b", 0)}, [bought.id, spent.id, "?"]
    )
    assert view is not None
    assert (view.attributes, view.consent) == ({"x": 6, "z": 5}, True)
    assert profiles.aggregate_values(view, 1000) == {bought.id: 1, spent.id: 3.0}
    before = view.version
    profiles.apply([event(3, ECID="1")])
    after = profiles.view([one("ECID", "1")], {})
    assert after is not None
    assert after.version > before
    assert profiles.view([one("ECID", "none")], {}) is None


def test_two_policies_answer_differently_and_a_changed_one_merges_anew() -> None:
    profiles = made(
        [said(1, {"city": "Oslo"}, dataset="crm", ECID="1"), said(2, {"city": "Rome"}, dataset="web", CRMID="A", ECID="1")]
    )
    profiles.policies.put({"id": "crm", "attributes": "dataSetPrecedence", "order": ["crm", "web"]})
    profiles.policies.put({"id": "alone", "graph": "none"})

    def city(policy: str | None, namespace: str = "ECID", id: str = "1") -> Any:
        return profiles.view([one(namespace, id)], {"city": "city"}, policy=policy).attributes.get("city")  # type: ignore[union-attr]

    assert (city(None), city("crm"), city("alone"), city("alone", "CRMID", "A")) == ("Rome", "Oslo", "Oslo", "Rome")
    profiles.policies.put({"id": "crm", "attributes": "dataSetPrecedence", "order": ["web"], "default": True})
    assert (city(None), city("crm"), city("default")) == ("Rome", "Rome", "Rome")
    found = profiles.lookup(one("CRMID", "A"), policy="alone")
    assert [known.id for known in found.identities] == ["A"]  # type: ignore[union-attr]


# ---- whatever the order ---------------------------------------------------------------------------------------------

IDS = st.fixed_dictionaries(
    {}, optional={"ECID": st.sampled_from("123"), "CRMID": st.sampled_from("AB"), "Email": st.sampled_from("xy")}
).filter(bool)
BODIES = st.fixed_dictionaries(
    {}, optional={"eventType": st.sampled_from(["buy", "view"]), "price": st.integers(0, 9), "page": st.sampled_from("pq")}
)


@st.composite
def histories(draw: st.DrawFn) -> list[Record]:
    made: list[Record] = []
    for number in range(draw(st.integers(1, 12))):
        ids = draw(IDS)
        at = draw(st.integers(1, 50))
        if draw(st.booleans()):
            made.append(event(at, id=f"e{number}", ingested=900 + number, body=draw(BODIES), **ids))
        else:
            made.append(said(900 + number, draw(BODIES), dataset=draw(st.sampled_from(["crm", "web"])), **ids))
    return made


@given(histories(), st.randoms(use_true_random=False), st.booleans(), st.integers(1, 5))
def test_the_order_of_applying_says_nothing(history: list[Record], chance: random.Random, rules: bool, size: int) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    both = []
    for records, step in ((history, len(history)), (shuffled, size)):
        profiles = Profiles(MemoryStore(), cache=2)
        profiles.aggregates.add(BOUGHT, SPENT, LAST)
        if rules:
            profiles.linking.set(Linking(priority=("CRMID",), unique=("CRMID",)))
        for first in range(0, len(records), step):
            profiles.apply(records[first : first + step])
        both.append(profiles)
    one_way, another = both
    assert graph(one_way) == graph(another)
    for namespace, ids in (("ECID", "123"), ("CRMID", "AB"), ("Email", "xy")):
        for id in ids:
            assert _shown(one_way, namespace, id) == _shown(another, namespace, id)


@given(histories(), st.integers(0, 12))
def test_aggregates_that_come_later_are_counted_from_the_start(history: list[Record], after: int) -> None:
    early, late = made(), made(history[:after])
    for aggregate in (BOUGHT, SPENT, LAST):
        early.aggregates.add(aggregate)
    early.apply(history)
    late.aggregates.add(BOUGHT, SPENT, LAST)
    late.apply(history[after:])
    for namespace, ids in (("ECID", "123"), ("CRMID", "AB"), ("Email", "xy")):
        for id in ids:
            assert _shown(early, namespace, id) == _shown(late, namespace, id)


def test_aggregates_wait_until_they_are_counted_and_go_when_they_are_removed() -> None:
    profiles = made([event(at, body={"eventType": "buy"}, ECID="1") for at in range(1, 4)])
    bought = profiles.aggregates.add(BOUGHT, backfill=False)[0]
    profiles.apply([event(9, body={"eventType": "buy"}, ECID="1"), event(9, id="new", body={"eventType": "buy"}, ECID="2")])
    assert profiles.view([one("ECID", "1")], {}, [bought.id]).states == {}  # type: ignore[union-attr]
    assert bought.id in profiles.view([one("ECID", "2")], {}, [bought.id]).states  # type: ignore[union-attr]
    assert profiles.aggregates.fill() == 1
    view = profiles.view([one("ECID", "1")], {}, [bought.id])
    assert view is not None
    assert profiles.aggregate_values(view, 100) == {bought.id: 4}
    profiles.aggregates.remove(bought.id)
    assert list(profiles.aggregates) == []
    assert profiles.view([one("ECID", "1")], {}, [bought.id]).states == {}  # type: ignore[union-attr]


# ---- writing --------------------------------------------------------------------------------------------------------


def test_records_that_name_nobody_are_told_and_the_others_taken_in() -> None:
    profiles = Profiles(MemoryStore())
    deep: dict[str, Any] = {}
    for _ in range(70):
        deep = {"a": deep, "b": 1}
    applied = profiles.apply(
        [
            event(1),
            event(2, ECID="null"),
            event(3, ECID="1", CRMID="undefined"),
            said(4, {"x": deep}, ECID="2"),
            event(5, ECID="1"),
        ]
    )
    assert (applied.events, applied.records) == (2, 0)
    assert [(refused.number, refused.id) for refused in applied.refused] == [(0, "e1"), (1, "e2"), (3, "r4")]
    assert [(dropped.number, dropped.at) for dropped in applied.dropped] == [
        (1, "/identityMap/ECID/0/id"),
        (2, "/identityMap/CRMID/0/id"),
    ]
    assert graph(profiles) == {frozenset({"ecid:1"})}


def test_a_batch_is_applied_once_from_where_it_was_left() -> None:
    store = MemoryStore()
    profiles = Profiles(store)
    bought = profiles.aggregates.add(BOUGHT)[0]
    records = [event(at, body={"eventType": "buy"}, ECID=f"{at % 7 + 1}") for at in range(CHUNK * 2 + 10)]

    def dies() -> Any:
        yield from records[: CHUNK + 5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        profiles.apply(dies(), ("web", 1))
    assert profiles.marked("web") == 0
    again = Profiles(store)
    assert again.apply(records, ("web", 1)).before == CHUNK
    assert again.marked("web") == 1
    assert again.apply(records, ("web", 1)).events == 0
    assert again.apply([], ("web", 2)).events == 0
    assert again.apply([event(9, id="x", body={"eventType": "buy"}, ECID="1")], ("other", 1)).events == 1
    counted = 0
    for number in range(1, 8):
        view = again.view([one("ECID", str(number))], {}, [bought.id])
        assert view is not None
        counted += again.aggregate_values(view, 10**6)[bought.id]
    assert counted == len(records) + 1
    assert again.marked("web") == 2
    with pytest.raises(StoreError, match="number of a batch"):
        again.apply([], ("web", 0))


def test_two_writers_of_one_store_lose_nothing() -> None:
    store = MemoryStore()
    writers = [Profiles(store), Profiles(store)]
    bought = writers[0].aggregates.add(BOUGHT)[0]
    for writer in writers:
        writer.settings.refresh()
    chance = random.Random(5)
    shares: list[list[Record]] = [[], []]
    for number in range(600):
        ids = {"ECID": f"d{chance.randrange(12)}"} | ({"CRMID": f"c{chance.randrange(4)}"} if number % 9 == 0 else {})
        shares[number % 2].append(event(number, body={"eventType": "buy"}, **ids))
    failed: list[BaseException] = []

    def work(writer: Profiles, share: Sequence[Record]) -> None:
        try:
            for first in range(0, len(share), 10):
                writer.apply(share[first : first + 10])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=given) for given in zip(writers, shares, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    alone = made()
    alone.aggregates.add(BOUGHT)
    alone.apply([*shares[0], *shares[1]])
    assert graph(writers[0]) == graph(alone)
    for number in range(12):
        assert _shown(writers[1], "ECID", f"d{number}") == _shown(alone, "ECID", f"d{number}")
    view = writers[0].view([one("ECID", "d0")], {}, [bought.id])
    assert view is not None


class _Contested(MemoryStore):
    """A store in which somebody else is faster, so many times."""

    def __init__(self, times: int):
        super().__init__()
        self.times = times

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        if self.times and any(change.put for change in changes):
            self.times -= 1
            return [False] * len(changes)
        return super().commit(changes)


def test_a_writer_that_is_overtaken_tries_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = Profiles(_Contested(9))
    assert profiles.apply([event(at, ECID=f"{at % 3 + 1}") for at in range(40)]).events == 40
    assert sum(len(profiles.events(one("ECID", id))) for id in "123") == 40
    monkeypatch.setattr(applying, "MOST_TRIES", 20)
    with pytest.raises(StoreError, match="overtaken"):
        Profiles(_Contested(10**6)).apply([event(1, ECID="1")])


def test_a_store_that_contradicts_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    store.commit([Change(put={"p": encode(Person({}))}, own={"ecid:1": "p"})])
    monkeypatch.setattr(applying, "MOST_TRIES", 5)
    with pytest.raises(StoreError, match="overtaken"):
        Profiles(store).apply([event(1, ECID="1")])


def test_listeners_are_told_after_the_commit() -> None:
    profiles = made()
    told: list[Changed] = []
    stop = profiles.on_change(told.extend)
    profiles.apply([event(1, ECID="1"), event(2, CRMID="A")])
    assert {keys for _, _, keys in told} == {("ecid:1",), ("crmid:A",)}
    assert {version for _, version, _ in told} == {1}
    told.clear()
    profiles.apply([event(3, ECID="1", CRMID="A")])
    gone, kept = sorted(told, key=lambda changed: changed.version)
    assert gone.version == 0
    assert set(kept.keys) == {"ecid:1", "crmid:A"}
    assert set(gone.keys) <= set(kept.keys)
    stop()
    told.clear()
    profiles.apply([event(4, ECID="1")])
    assert told == []


def test_what_is_no_json_is_refused_and_the_others_are_taken_in() -> None:
    profiles = made()
    applied = profiles.apply(
        [event(1, body={"x": "\ud800"}, ECID="1"), event(2, ECID="1"), said(3, {"x": {1, 2}, "y": object()}, ECID="1")]
    )
    assert (applied.events, [refused.number for refused in applied.refused]) == (1, [0, 2])


def test_states_of_aggregates_keep_numbers_of_any_size() -> None:
    store = MemoryStore()
    profiles = Profiles(store)
    last = profiles.aggregates.add(LAST)[0]
    profiles.apply([event(1, body={"page": 2**70}, ECID="1"), event(2, ECID="1")])
    profiles.apply([event(3, ECID="1")])
    again = Profiles(store)
    again.apply([event(4, ECID="1")])
    view = again.view([one("ECID", "1")], {}, [last.id])
    assert view is not None
    assert again.aggregate_values(view, 10) == {last.id: 2**70}


def test_bytes_that_are_no_person_are_told() -> None:
    store = MemoryStore()
    store.commit([Change(put={"p": b"nonsense", "q": encode(Person({}, format=9))}, own={"ecid:1": "p", "ecid:2": "q"})])
    profiles = Profiles(store)
    with pytest.raises(StoreError, match="can't be read"):
        profiles.lookup(one("ECID", "1"))
    with pytest.raises(StoreError, match="of a later rtml"):
        profiles.apply([event(1, ECID="2")])


# ---- enrichment -----------------------------------------------------------------------------------------------------


def test_the_newest_score_stands_whatever_the_order() -> None:
    profiles = made([said(50, {"_acme": {"tier": "gold"}}, CRMID="A", ECID="1")])
    path = ("segmentMembership", "rtml", "churn")
    for at, score in ((100, 0.5), (300, 0.7), (200, 0.6)):
        value = {"status": "realized", "payload": {"payloadType": "propensity", "payloadPropensityValue": score}}
        assert profiles.enrich(one("ECID", "1"), path, value, source="churn", at_us=at) == "written"
    profiles.enrich(one("CRMID", "A"), "_acme.churn.score", 0.7, source="churn", at_us=300)
    found = profiles.lookup(one("CRMID", "A"))
    assert found is not None
    assert found.attributes["segmentMembership"]["rtml"]["churn"]["payload"]["payloadPropensityValue"] == 0.7
    assert found.attributes["_acme"] == {"tier": "gold", "churn": {"score": 0.7}}
    assert found.sources == ["crm", "rtml:churn"]
    assert [known.last for known in found.identities] == [50, 50]


def test_who_is_not_known_is_made_or_told() -> None:
    profiles = made()
    assert profiles.enrich(one("ECID", "1"), "_acme.x", 1, source="s", at_us=1, create=False) == "unknown"
    assert profiles.lookup(one("ECID", "1")) is None
    assert profiles.enrich(one("ECID", "1"), "_acme.x", 1, source="s", at_us=1) == "written"
    assert profiles.lookup(one("ECID", "1")).attributes == {"_acme": {"x": 1}}  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["", "identityMap.ECID", "_id", "consents.personalize.content.val", "a[0].b"])
def test_what_models_may_not_say(path: str) -> None:
    with pytest.raises(EnrichmentError):
        made([event(1, ECID="1")]).enrich(one("ECID", "1"), path, 1, source="s")
