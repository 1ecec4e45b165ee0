"""Events: in order, in ranges, replaced, forgotten, expired."""

from __future__ import annotations

import random

import pytest

from rtml_plugins.profile.conformance.place import Conformance, event, new
from rtml_plugins.profile.store import Change, ProfileStore, StoredEvent

#: the range that holds everything
ALL = (-(2**63), 2**63 - 1)


class EventsConformance(Conformance):
    """Of one identity and of several."""

    def test_they_come_by_time_then_id(self, store: ProfileStore) -> None:
        ids = ["", "A", "a", "b", "é", "\U0001f600", "\uffee", "0", "10", "9", "a\x00b", "a b"]
        times = [0, 1, -1, 999, 1_700_000_000_000_000, 1_700_000_000_000_001, 253_402_300_799_999_999, -62_135_596_800_000_000]
        events = [event("ecid:1", at, id, f"{at} {id}".encode()) for at in times for id in ids]
        expected = sorted(events, key=lambda one: (one.at, one.id))
        random.Random(1).shuffle(events)
        store.commit([Change(events=events[:40]), Change(events=events[40:])])
        assert store.events(["ecid:1"], *ALL, limit=1000) == expected
        assert store.events(["ecid:1"], *ALL, limit=1000, descending=True) == expected[::-1]
        for limit in (1, 2, 13, 95):
            assert store.events(["ecid:1"], *ALL, limit=limit) == expected[:limit]
            assert store.events(["ecid:1"], *ALL, limit=limit, descending=True) == expected[::-1][:limit]

    @pytest.mark.parametrize("descending", [False, True])
    def test_a_range_has_its_start_and_not_its_end(self, store: ProfileStore, descending: bool) -> None:
        store.commit([Change(events=[event("ecid:1", at) for at in range(-5, 20)])])

        def times(start: int, end: int, limit: int = 100) -> list[int]:
            return [one.at for one in store.events(["ecid:1"], start, end, limit=limit, descending=descending)]

        step = -1 if descending else 1
        assert times(-2, 3) == [-2, -1, 0, 1, 2][::step]
        assert times(7, 8) == [7]
        assert times(7, 7) == times(8, 7) == times(20, 90) == times(-90, -5) == []
        assert times(*ALL, limit=4) == list(range(-5, 20))[::step][:4]
        assert times(*ALL, limit=0) == []

    def test_those_of_several_identities_are_one_order(self, store: ProfileStore) -> None:
        made = [event(f"ecid:{i % 3}", i // 4, f"e{i}") for i in range(60)]
        store.commit([new("p", b"p", "ecid:0", "ecid:1"), Change(events=made), Change(events=[event("ecid:9", 3, "other")])])
        keys = ["ecid:2", "ecid:0", "ecid:1", "ecid:0", "ecid:none"]
        expected = sorted(made, key=lambda one: (one.at, one.id))
        assert store.events(keys, *ALL, limit=100) == expected
        assert store.events(keys, 3, 9, limit=10) == [one for one in expected if 3 <= one.at < 9][:10]
        down = [one for one in expected if 3 <= one.at < 9][::-1]
        assert store.events(keys, 3, 9, limit=10, descending=True) == down[:10]

    def test_the_same_key_time_and_id_takes_its_place(self, store: ProfileStore) -> None:
        first = [
            event("ecid:1", 5, "a", b"old"),
            event("ecid:1", 5, "b", b"b"),
            event("ecid:1", 6, "a", b"6"),
            event("ecid:2", 5, "a"),
        ]
        store.commit([Change(events=first)])
        store.commit([Change(events=[event("ecid:1", 5, "a", b"new")]), Change(events=[event("ecid:1", 5, "b", b"c")])])
        assert store.events(["ecid:1", "ecid:2"], *ALL, limit=9) in (
            [("ecid:1", 5, "a", b"new"), ("ecid:2", 5, "a", b"{}"), ("ecid:1", 5, "b", b"c"), ("ecid:1", 6, "a", b"6")],
            [("ecid:2", 5, "a", b"{}"), ("ecid:1", 5, "a", b"new"), ("ecid:1", 5, "b", b"c"), ("ecid:1", 6, "a", b"6")],
        )
        assert store.count()["events"] == 4
        store.commit([Change(events=[event("ecid:1", 7, "t", b"1"), event("ecid:1", 7, "t", b"2")])])
        assert store.events(["ecid:1"], 7, 8, limit=9) == [("ecid:1", 7, "t", b"2")]
        assert store.count()["events"] == 5

    def test_which_are_there(self, store: ProfileStore) -> None:
        there = [("ecid:1", 5, "a"), ("ecid:1", 5, "é b"), ("ecid:2", -7, "a"), ("ecid:nobody", 5, "")]
        others = [("ecid:1", 6, "a"), ("ecid:2", 5, "a"), ("ecid:1", 5, "b"), ("ecid:none", 5, "a"), ("ecid:1", 5, "")]
        assert store.known(there) == [False] * 4
        store.commit([new("p", b"p", "ecid:1", "ecid:2"), Change(events=[event(*name) for name in there])])
        assert store.known([]) == []
        assert store.known([*there, *others, *there]) == [True] * 4 + [False] * 5 + [True] * 4
        assert ProfileStore.known(store, [*there, *others]) == [True] * 4 + [False] * 5
        many = [("ecid:1", at, f"e{at}") for at in range(1500)]
        store.commit([Change(events=[event(*name) for name in many[::2]])])
        assert store.known(many) == [True, False] * 750
        store.commit([Change(forget={"ecid:1"})])
        assert store.known(there) == [False, False, True, True]

    def test_those_of_an_identity_are_forgotten(self, store: ProfileStore) -> None:
        store.commit([new("p", b"p", "ecid:1", "ecid:2"), Change(events=[event(f"ecid:{i % 2 + 1}", i) for i in range(20)])])
        assert store.commit([Change(forget={"ecid:1", "ecid:none"})]) == [True]
        assert store.events(["ecid:1"], *ALL, limit=99) == []
        assert len(store.events(["ecid:2"], *ALL, limit=99)) == 10
        assert store.owners(["ecid:1"]) == ["p"]
        assert store.count()["events"] == 10
        # what goes, goes first
        store.commit([Change(events=[event("ecid:1", 1)]), Change(forget={"ecid:1"}, events=[event("ecid:1", 2)])])
        assert store.events(["ecid:1"], *ALL, limit=99) == [event("ecid:1", 2)]
        store.commit([Change(forget={"ecid:1"}), Change(events=[event("ecid:1", 3)])])
        assert store.events(["ecid:1"], *ALL, limit=99) == [event("ecid:1", 3)]

    def test_events_of_nobody_are_kept_for_their_identity(self, store: ProfileStore) -> None:
        store.commit([Change(events=[event("ecid:1", 1)])])
        assert store.find("ecid:1") is None
        assert dict(store.count()) == {"persons": 0, "identities": 0, "events": 1}
        store.commit([new("p", b"p", "ecid:1"), Change(own={"ecid:1": None}, remove={"p"})])
        assert store.events(["ecid:1"], *ALL, limit=9) == [event("ecid:1", 1)]

    def test_old_events_go_a_few_at_a_time(self, store: ProfileStore) -> None:
        made = [event(f"ecid:{i % 7}", i - 100, f"e{i}") for i in range(500)]
        random.Random(2).shuffle(made)
        store.commit([Change(events=made)])
        keys = [f"ecid:{i}" for i in range(7)]
        assert store.drop_events(-100) == 0
        dropped = [store.drop_events(200, limit=70) for _ in range(6)]
        assert dropped == [70, 70, 70, 70, 20, 0]
        assert [one.at for one in store.events(keys, *ALL, limit=999)] == list(range(200, 400))
        assert store.count()["events"] == 200
        store.commit([Change(events=[event("ecid:0", 10, "late")])])
        assert store.drop_events(200) == 1
        assert store.drop_events(2**60) == 200
        assert store.events(keys, *ALL, limit=999) == []

    def test_many_of_one_identity(self, store: ProfileStore) -> None:
        many = 100_000
        for first in range(0, many, 10_000):
            rows = [StoredEvent("ecid:big", at * 10, f"e{at}", b'{"eventType":"web"}') for at in range(first, first + 10_000)]
            store.commit([Change(events=rows)])
        assert store.count()["events"] == many
        walked, start = 0, 0
        while page := store.events(["ecid:big", "ecid:none"], start, 2**62, limit=25_000):
            assert page[0].at == walked * 10
            walked += len(page)
            start = page[-1].at + 1
        assert walked == many
        assert [one.id for one in store.events(["ecid:big"], 0, 2**62, limit=2, descending=True)] == ["e99999", "e99998"]
        assert [one.id for one in store.events(["ecid:big"], 500_000, 500_020, limit=9)] == ["e50000", "e50001"]
