"""Any changes whatever: a store does what the plainest one does."""

from __future__ import annotations

import random

from rtml_plugins.profile.conformance.place import Conformance, event
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.store import Change, ProfileStore, StoreError

KEYS = [f"ecid:{i}" for i in range(6)]


class ModelConformance(Conformance):
    """Compared with the store in memory, which is dicts and lists."""

    def test_it_does_what_a_store_of_dicts_does(self, store: ProfileStore) -> None:
        rnd = random.Random(20)
        model = MemoryStore()
        applied = refused = wrong = 0
        for round_ in range(250):
            gone: set[str] = set()
            changes = [random_change(rnd, model, round_, gone) for _ in range(rnd.choice((1, 1, 2, 5)))]
            outcomes = []
            for side in (model, store):
                # one by one where one is wrong: which of those before it are kept is not promised
                said: list[bool | str] = []
                for change in changes if round_ % 2 else [changes]:
                    try:
                        said += side.commit(change if isinstance(change, list) else [change])
                    except StoreError:
                        said.append("wrong")
                outcomes.append(said)
            if round_ % 2 == 0 and "wrong" in outcomes[0]:
                assert "wrong" in outcomes[1]
                model, wrong = _copy(store), wrong + 1
                continue
            assert outcomes[0] == outcomes[1], (round_, changes)
            applied += outcomes[0].count(True)
            refused += outcomes[0].count(False)
            if rnd.random() < 0.1:
                before = rnd.randrange(30)
                assert store.drop_events(before) == model.drop_events(before)
            _compare(rnd, model, store)
        assert min(applied, refused) > 50
        assert wrong < 100


def random_change(rnd: random.Random, model: MemoryStore, round_: int, gone: set[str]) -> Change:
    """A change that fits in about half of all cases. gone: persons that a change before may remove, whose ids stay."""
    alive = [stored.id for stored in model.persons() if stored.id not in gone][:6]
    fresh = f"p{round_:04}-{rnd.randrange(10**6)}"
    persons = [*alive, fresh]
    change = Change()
    for person in rnd.sample(persons, min(len(persons), rnd.randrange(3))):
        stored = model.read([person])[0]
        change.expect[person] = (stored.version if stored else 0) + (rnd.random() < 0.15)
    for key in rnd.sample(KEYS, rnd.randrange(3)):
        change.owners[key] = model.owners([key])[0] if rnd.random() < 0.85 else rnd.choice([None, *persons])
    for person in rnd.sample(persons, min(len(persons), rnd.randrange(3))):
        change.put[person] = rnd.randbytes(rnd.randrange(20))
    for key in rnd.sample(KEYS, rnd.randrange(3)):
        change.own[key] = rnd.choice([None, *alive, *change.put])
    if alive and rnd.random() < 0.25:
        change.remove = {rnd.choice(alive)}
        gone.update(change.remove.difference(change.put))
    for _ in range(rnd.randrange(4)):
        change.events.append(event(rnd.choice(KEYS), rnd.randrange(30), rnd.choice("abc"), rnd.randbytes(rnd.randrange(9))))
    if rnd.random() < 0.15:
        change.forget = {rnd.choice(KEYS)}
    if rnd.random() < 0.3:
        name = rnd.choice("xyz")
        change.marks[name] = model.mark(name) + rnd.choice((0, 1, 1, 1, 5))
    return change


def _compare(rnd: random.Random, model: ProfileStore, store: ProfileStore) -> None:
    assert list(store.walk(page=3)) == list(model.walk())
    assert store.owners(KEYS) == model.owners(KEYS)
    assert [store.find(key) for key in KEYS] == [model.find(key) for key in KEYS]
    for key in KEYS:  # of several identities, the order of events with one time and id is not promised
        assert store.events([key], -9, 99, limit=99) == model.events([key], -9, 99, limit=99)
    start, limit, down = rnd.randrange(30), rnd.randrange(1, 9), rnd.random() < 0.5
    key = rnd.choice(KEYS)
    asked = {"limit": limit, "descending": down}
    assert store.events([key], start, start + 10, **asked) == model.events([key], start, start + 10, **asked)  # type: ignore[arg-type]
    assert [store.mark(name) for name in "xyz"] == [model.mark(name) for name in "xyz"]
    assert store.count()["persons"] == model.count()["persons"]
    assert store.count()["events"] == model.count()["events"]


def _copy(store: ProfileStore) -> MemoryStore:
    """A model that starts from what a store has."""
    model = MemoryStore()
    owned = {key: owner for key, owner in zip(KEYS, store.owners(KEYS), strict=True) if owner is not None}
    versions = {stored.id: stored for stored in store.walk()}
    for stored in versions.values():
        model.commit([Change(put={stored.id: stored.data})] * stored.version)
    marks = {name: store.mark(name) for name in "xyz" if store.mark(name)}
    model.commit(
        [Change(own=dict(owned), events=[one for key in KEYS for one in store.events([key], -9, 99, limit=999)], marks=marks)]
    )
    return model
