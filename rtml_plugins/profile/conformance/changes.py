"""Changes: compared and set, whole or not at all, in order."""

from __future__ import annotations

import pytest

from rtml_plugins.profile.conformance.place import Conformance, event, found, new
from rtml_plugins.profile.store import Change, ProfileStore, StoreError


class ChangesConformance(Conformance):
    """One writer."""

    def test_a_new_store_is_empty(self, store: ProfileStore) -> None:
        assert store.find("ecid:1") is None
        assert store.owners(["ecid:1", "ecid:2"]) == [None, None]
        assert store.owners([]) == []
        assert store.read(["p"]) == [None]
        assert store.read([]) == []
        assert store.persons() == []
        assert list(store.walk()) == []
        assert store.events(["ecid:1"], -(2**63), 2**63 - 1, limit=10) == []
        assert store.events([], 0, 1, limit=10) == []
        assert dict(store.count()) == {"persons": 0, "identities": 0, "events": 0}
        assert store.mark("m") == 0
        assert store.value("v") == (b"", 0)
        assert store.commit([]) == []
        assert store.drop_events(2**60) == 0

    def test_a_person_is_kept_with_its_version(self, store: ProfileStore) -> None:
        assert store.commit([new("p", b"one", "ecid:1", "email:a")]) == [True]
        assert store.find("ecid:1") == ("p", 1, b"one")
        assert store.find("email:a") == ("p", 1, b"one")
        assert store.commit([Change(expect={"p": 1}, put={"p": b"two"})]) == [True]
        assert store.commit([Change(put={"p": b"three"})]) == [True]
        assert store.read(["q", "p", "p"]) == [None, ("p", 3, b"three"), ("p", 3, b"three")]
        assert store.owners(["email:a", "email:b", "ecid:1"]) == ["p", None, "p"]
        assert dict(store.count()) == {"persons": 1, "identities": 2, "events": 0}

    @pytest.mark.parametrize("version", [0, 1, 3, 2**40])
    def test_a_person_of_another_version_is_not_changed(self, store: ProfileStore, version: int) -> None:
        store.commit([new("p", b"one", "ecid:1"), Change(put={"p": b"two"})])
        assert store.commit([Change(expect={"p": version}, put={"p": b"lost"})]) == [False]
        assert store.find("ecid:1") == ("p", 2, b"two")

    def test_a_person_that_is_not_there_is_version_0_only(self, store: ProfileStore) -> None:
        assert store.commit([Change(expect={"p": 1}, put={"p": b"lost"})]) == [False]
        assert store.commit([Change(expect={"p": 0}, put={"p": b"kept"})]) == [True]
        assert store.read(["p"]) == [("p", 1, b"kept")]

    def test_owners_are_compared(self, store: ProfileStore) -> None:
        store.commit([new("p", b"p", "ecid:1"), new("q", b"q", "ecid:2")])
        for owners in ({"ecid:1": None}, {"ecid:1": "q"}, {"ecid:3": "p"}, {"ecid:1": "nobody"}, {"ecid:1": "p", "ecid:2": "p"}):
            assert store.commit([Change(owners=dict(owners), put={"p": b"lost"})]) == [False], owners
        assert store.commit([Change(owners={"ecid:1": "p", "ecid:2": "q", "ecid:3": None}, own={"ecid:3": "q"})]) == [True]
        assert store.owners(["ecid:1", "ecid:2", "ecid:3"]) == ["p", "q", "q"]

    def test_nothing_of_a_change_is_applied_when_one_expectation_fails(self, store: ProfileStore) -> None:
        store.commit([new("p", b"p", "ecid:1"), new("q", b"q", "ecid:2"), Change(events=[event("ecid:1", 5)], marks={"m": 7})])
        for wrong in (Change(expect={"p": 9}), Change(owners={"ecid:2": "p"}), Change(marks={"m": 7})):
            wrong.put = {"p": b"lost", "r": b"lost"}
            wrong.remove = {"q"}
            wrong.own = {"ecid:2": "p", "ecid:1": None, "ecid:9": "r"}
            wrong.events = [event("ecid:1", 6), event("ecid:1", 5, data=b"lost")]
            wrong.forget = {"ecid:1"}
            wrong.marks = {**wrong.marks, "n": 1}
            assert store.commit([wrong]) == [False]
        assert store.persons() == [("p", 1, b"p"), ("q", 1, b"q")]
        assert store.owners(["ecid:1", "ecid:2", "ecid:9"]) == ["p", "q", None]
        assert store.events(["ecid:1"], 0, 100, limit=10) == [event("ecid:1", 5)]
        assert (store.mark("m"), store.mark("n")) == (7, 0)
        assert dict(store.count()) == {"persons": 2, "identities": 2, "events": 1}

    def test_changes_see_those_before_them(self, store: ProfileStore) -> None:
        said = store.commit(
            [
                new("p", b"1", "ecid:1"),
                new("p", b"lost"),
                Change(expect={"p": 1}, owners={"ecid:1": "p"}, put={"p": b"2"}, marks={"m": 1}),
                Change(expect={"p": 1}, put={"p": b"lost"}),
                Change(marks={"m": 1}, put={"p": b"lost"}),
                Change(expect={"p": 2}, put={"p": b"3"}, marks={"m": 2}),
                Change(remove={"p"}, own={"ecid:1": None}),
                Change(expect={"p": 3}, put={"p": b"lost"}),
                new("q", b"q", "ecid:1"),
            ]
        )
        assert said == [True, False, True, False, False, True, True, False, True]
        assert store.find("ecid:1") == ("q", 1, b"q")
        assert store.read(["p"]) == [None]

    def test_a_mark_only_grows(self, store: ProfileStore) -> None:
        assert store.commit([Change(marks={"a": 5, "b": 1}, put={"p": b"1"})]) == [True]
        assert store.commit([Change(marks={"a": 6, "b": 1}, put={"p": b"lost"})]) == [False]
        assert store.commit([Change(marks={"a": 5}, put={"p": b"lost"})]) == [False]
        assert store.commit([Change(marks={"a": 4}, put={"p": b"lost"})]) == [False]
        assert store.commit([Change(marks={"a": 2**53}, put={"p": b"2"})]) == [True]
        assert (store.mark("a"), store.mark("b"), store.mark("c")) == (2**53, 1, 0)
        assert store.read(["p"]) == [("p", 2, b"2")]

    def test_an_identity_moves(self, store: ProfileStore) -> None:
        store.commit([new("p", b"p", "ecid:1", "email:a"), new("q", b"q", "ecid:2")])
        merged = Change(expect={"p": 1, "q": 1}, owners={"ecid:2": "q"}, put={"p": b"p+q"}, remove={"q"}, own={"ecid:2": "p"})
        assert store.commit([merged]) == [True]
        assert store.find("ecid:2") == store.find("email:a") == ("p", 2, b"p+q")
        assert store.read(["q"]) == [None]
        assert store.commit([Change(own={"ecid:2": None, "ecid:never": None})]) == [True]
        assert store.owners(["ecid:1", "ecid:2", "ecid:never"]) == ["p", None, None]
        assert dict(store.count()) == {"persons": 1, "identities": 2, "events": 0}

    def test_a_person_that_goes_and_is_put_stays(self, store: ProfileStore) -> None:
        store.commit([new("p", b"1", "ecid:1")])
        assert store.commit([Change(remove={"p", "nobody"}, put={"p": b"2"})]) == [True]
        assert store.find("ecid:1") == ("p", 2, b"2")

    def test_an_identity_left_to_a_person_that_went_belongs_to_nobody(self, store: ProfileStore) -> None:
        store.commit([new("p", b"1", "ecid:1", "ecid:2"), Change(remove={"p"})])
        assert store.find("ecid:1") is None
        assert store.owners(["ecid:1", "ecid:2"]) == [None, None]
        taken = Change(expect={"q": 0}, owners={"ecid:1": None}, put={"q": b"q"}, own={"ecid:1": "q"})
        assert store.commit([Change(owners={"ecid:1": "p"}, put={"q": b"lost"}), taken]) == [False, True]
        assert store.owners(["ecid:1", "ecid:2"]) == ["q", None]

    @pytest.mark.parametrize("change", [Change(own={"ecid:1": "q"}), Change(own={"ecid:1": "p"}, remove={"p"})])
    def test_an_identity_is_not_given_to_a_person_that_is_not_there(self, store: ProfileStore, change: Change) -> None:
        store.commit([new("p", b"p", "ecid:1")])
        with pytest.raises(StoreError, match="not there"):
            store.commit([change])
        assert store.find("ecid:1") == ("p", 1, b"p")

    def test_values_are_compared_and_set(self, store: ProfileStore) -> None:
        assert store.set_value("settings", b"\x00\xff{}", 1) is False
        assert store.value("settings") == (b"", 0)
        assert store.set_value("settings", b"\x00\xff{}", 0) is True
        assert store.set_value("settings", b"lost", 0) is False
        assert store.value("settings") == (b"\x00\xff{}", 1)
        assert store.set_value("settings", b"", 1) is True
        assert store.value("settings") == (b"", 2)
        assert store.value("other") == (b"", 0)

    def test_persons_come_in_pages(self, store: ProfileStore) -> None:
        ids = sorted(["a", "B", "b", "é", "z" * 300, "\U0001f600", "\uffee", " ", *(f"p{i}" for i in range(50))])
        store.commit([new(person, person.encode()) for person in reversed(ids)])
        assert [stored.id for stored in store.persons(limit=100)] == ids
        assert [stored.id for stored in store.persons("p1", limit=3)] == ["p10", "p11", "p12"]
        assert [stored.id for stored in store.persons("p1!", limit=1)] == ["p10"]
        assert store.persons(ids[-1]) == []
        for page in (1, 7, 58, 1000):
            assert [(stored.id, stored.data.decode()) for stored in store.walk(page=page)] == [(person, person) for person in ids]

    def test_a_closed_store_says_so(self, store: ProfileStore) -> None:
        store.commit([new("p", b"p", "ecid:1")])
        found(store.find("ecid:1"))
        store.close()
        store.close()
        for ask in (
            lambda: store.find("ecid:1"),
            lambda: store.owners(["ecid:1"]),
            lambda: store.read(["p"]),
            lambda: store.events(["ecid:1"], 0, 1, limit=1),
            lambda: store.persons(),
            lambda: store.count(),
            lambda: store.commit([new("q")]),
            lambda: store.commit([]),
            lambda: store.drop_events(1),
            lambda: store.mark("m"),
            lambda: store.value("v"),
            lambda: store.set_value("v", b"", 0),
        ):
            with pytest.raises(StoreError, match="closed"):
                ask()
