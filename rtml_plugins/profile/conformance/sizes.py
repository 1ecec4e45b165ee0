"""Texts, bytes and numbers of all kinds and sizes."""

from __future__ import annotations

import random

import pytest

from rtml_plugins.profile.conformance.place import Conformance, event, found, new
from rtml_plugins.profile.store import Change, ProfileStore

#: each is another text than all the others
TEXTS = (
    *(
        "email:a@b.c",
        "email:A@b.c",
        "email:a@b.c ",
        "k:\u00e9",
        "k:e\u0301",
        "k:\U0001f468\u200d\U0001f469",
        "k:\n",
        "k:\r\n",
        "k:\t",
    ),
    *("k:", "k:\x00", "k:\x00\x00", "k:a\x00b", "k:a", "k:%", "k:_", "k:*", "k:?", "k:[a]", "k:{a}", "k:{a", "k:}", "k:'", 'k:"'),
    *("k:\\", "k:;--", "k:/../", "k: ", "k:1", "k:01", "k:1.0", "k:1e0", "k:NULL", "k:None", "k:\u202e", "k:\ufeff", "k:\ufffd"),
    "k:" + "x" * 2000,
)


class SizesConformance(Conformance):
    """What is kept comes back as it was."""

    def test_texts_of_all_kinds_name_things(self, store: ProfileStore) -> None:
        changes = [
            Change(
                expect={text: 0}, owners={text: None}, put={text: text.encode()}, own={text: text}, events=[event(text, 1, text)]
            )
            for text in TEXTS
        ]
        assert store.commit(changes) == [True] * len(TEXTS)
        for text in TEXTS:
            assert store.find(text) == (text, 1, text.encode())
            assert store.events([text], 0, 2, limit=9) == [event(text, 1, text)]
        assert store.owners(TEXTS) == list(TEXTS)
        assert [found(stored).id for stored in store.read(TEXTS)] == list(TEXTS)
        assert [stored.id for stored in store.walk(page=5)] == sorted(TEXTS)
        for number, text in enumerate(TEXTS):
            assert store.commit([Change(marks={text: number + 1})]) == [True]
            assert store.set_value(text, text.encode(), 0)
        assert [store.mark(text) for text in TEXTS] == [number + 1 for number in range(len(TEXTS))]
        assert [store.value(text) for text in TEXTS] == [(text.encode(), 1) for text in TEXTS]

    @pytest.mark.parametrize("data", [b"", b"\x00", bytes(range(256)) * 5, b"\xff\xfe", b"\r\n", b"nil", b"-1", b"null"])
    def test_bytes_of_all_kinds_are_kept(self, store: ProfileStore, data: bytes) -> None:
        store.commit([new("p", data, "ecid:1"), Change(events=[event("ecid:1", 1, "e", data)])])
        assert store.find("ecid:1") == ("p", 1, data)
        assert store.events(["ecid:1"], 0, 2, limit=1) == [("ecid:1", 1, "e", data)]
        assert store.set_value("v", data, 0)
        assert store.value("v") == (data, 1)

    def test_large_persons_and_events(self, store: ProfileStore) -> None:
        rnd = random.Random(1)
        large, other = rnd.randbytes(10_000_000), b"0123456789" * 1_000_000
        store.commit([new("p", large, "ecid:1"), new("q", b"small", "ecid:2")])
        assert store.find("ecid:1") == ("p", 1, large)
        store.commit(
            [Change(expect={"p": 1}, put={"p": other}, events=[event("ecid:1", 1, "a", large), event("ecid:1", 2, "b", other)])]
        )
        assert store.find("ecid:1") == ("p", 2, other)
        assert [one.data for one in store.events(["ecid:1"], 0, 9, limit=9)] == [large, other]
        assert store.commit([Change(expect={"p": 2}, put={"p": b"small again"})]) == [True]
        assert store.find("ecid:1") == ("p", 3, b"small again")
        assert store.find("ecid:2") == ("q", 1, b"small")

    def test_many_at_once(self, store: ProfileStore) -> None:
        many = 5_000
        keys = [f"ecid:{i}" for i in range(many)]
        assert all(store.commit([new(f"p{i:05}", b"%d" % i, key) for i, key in enumerate(keys)]))
        assert store.owners(keys) == [f"p{i:05}" for i in range(many)]
        assert [found(stored).data for stored in store.read([f"p{i:05}" for i in range(many)])] == [
            b"%d" % i for i in range(many)
        ]
        one = Change(put={"all": b"x"}, own=dict.fromkeys(keys, "all"), remove={f"p{i:05}" for i in range(many)})
        one.events = [event(key, i) for i, key in enumerate(keys)]
        assert store.commit([one]) == [True]
        assert store.owners(keys) == ["all"] * many
        assert dict(store.count()) == {"persons": 1, "identities": many, "events": many}
        assert [one.at for one in store.events(keys, 0, many, limit=3, descending=True)] == [many - 1, many - 2, many - 3]

    def test_documents_that_are_alike_come_back_each_as_it_was(self, store: ProfileStore) -> None:
        rnd = random.Random(3)

        def document(i: int) -> bytes:
            return b'{"_id":"e%d","eventType":"%s","web":{"webPageDetails":{"name":"%d","URL":"https://shop.example/%d"}}}' % (
                i, rnd.choice([b"commerce.purchases", b"web.webpagedetails.pageViews"]), rnd.randrange(99), rnd.randrange(2**40),
            )  # fmt: skip

        made = [event(f"ecid:{i % 40}", i, f"e{i}", document(i)) for i in range(8_000)]
        for first in range(0, len(made), 500):
            store.commit([Change(events=made[first : first + 500])])
        assert store.events([f"ecid:{i}" for i in range(40)], 0, 9_000, limit=9_000) == made
