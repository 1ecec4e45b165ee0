"""Several threads of one process: nothing is lost, and nobody sees half a change."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rtml_plugins.profile.conformance.place import Conformance, event, found, new
from rtml_plugins.profile.store import Change, ProfileStore


def add_one(store: ProfileStore, person: str, key: str) -> int:
    """One more in the number that a person holds, compared and set; how often it had to be tried again."""
    tried = 0
    while True:
        stored = store.read([person])[0]
        version, number = (0, 0) if stored is None else (stored.version, int(stored.data))
        change = Change(expect={person: version}, put={person: b"%d" % (number + 1)}, events=[event(key, number, f"e{number}")])
        if store.commit([change]) == [True]:
            return tried
        tried += 1


def together(*jobs: Callable[[], None]) -> None:
    """Run jobs in threads, and raise what one of them raised."""
    raised: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


class ThreadsConformance(Conformance):
    """One store object, used by several threads."""

    def test_no_update_is_lost(self, store: ProfileStore) -> None:
        def job() -> None:
            for _ in range(50):
                add_one(store, "p", "ecid:1")

        together(job, job, job, job)
        assert store.read(["p"]) == [("p", 200, b"200")]
        assert [one.at for one in store.events(["ecid:1"], 0, 1000, limit=1000)] == list(range(200))

    def test_one_of_many_wins_an_identity(self, store: ProfileStore) -> None:
        won: list[str] = []

        def job(name: str) -> None:
            for number in range(40):
                key, person = f"ecid:{number}", f"{name}{number}"
                change = Change(expect={person: 0}, owners={key: None}, put={person: b"x"}, own={key: person})
                if store.commit([change]) == [True]:
                    won.append(person)

        together(*(lambda name=name: job(name) for name in "abcd"))
        assert len(won) == 40
        assert sorted(str(owner) for owner in store.owners([f"ecid:{number}" for number in range(40)])) == sorted(won)
        assert store.count()["persons"] == 40

    def test_a_reader_never_sees_half_a_change(self, store: ProfileStore) -> None:
        store.commit(
            [new("a", b"0", "ecid:1"), new("b", b"0", "ecid:2"), Change(events=[event("ecid:1", 0), event("ecid:2", 0)])]
        )
        done, seen = threading.Event(), threading.Event()

        def write() -> None:
            try:
                assert seen.wait(60)
                for number in range(1, 201):
                    pair = {"a": b"%d" % number, "b": b"%d" % number}
                    store.commit([Change(put=pair, events=[event("ecid:1", number), event("ecid:2", number)])])
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                one, two = store.read(["a", "b"])
                assert (found(one).version, found(one).data) == (found(two).version, found(two).data)
                last = store.events(["ecid:1", "ecid:2"], 0, 1000, limit=2, descending=True)
                assert last[0].at == last[1].at
                seen.set()

        together(write, read, read)
        assert store.read(["a"]) == [("a", 201, b"200")]

    def test_an_identity_that_moves_always_has_an_owner(self, store: ProfileStore) -> None:
        store.commit([new("p0", b"0", "ecid:1", "ecid:2")])
        done, seen = threading.Event(), threading.Event()

        def write() -> None:
            try:
                assert seen.wait(60)
                for number in range(1, 151):
                    change = Change(put={f"p{number}": b"%d" % number}, remove={f"p{number - 1}"})
                    change.own = dict.fromkeys(("ecid:1", "ecid:2"), f"p{number}")
                    assert store.commit([change]) == [True]
            finally:
                done.set()

        def read() -> None:
            while not done.is_set():
                stored = found(store.find("ecid:1"))
                assert stored.id == f"p{stored.data.decode()}"
                one, two = store.owners(["ecid:1", "ecid:2"])
                assert one == two is not None
                seen.set()

        together(write, read, read)
        assert found(store.find("ecid:2")).id == "p150"

    def test_a_value_that_several_set_is_set_by_one(self, store: ProfileStore) -> None:
        def job() -> None:
            for _ in range(25):
                while True:
                    data, version = store.value("v")
                    if store.set_value("v", b"%d" % (int(data or b"0") + 1), version):
                        break

        together(job, job, job)
        assert store.value("v") == (b"75", 75)
