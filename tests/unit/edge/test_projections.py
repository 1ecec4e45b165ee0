"""Profiles at an edge: asked for once, held, followed; on disk for an edge that starts anew or whose hub is away."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_plugins.edge import metrics, neighbours, projections_rows
from rtml_plugins.edge.neighbours import Frames, Gone, Held, Told
from rtml_plugins.edge.projections import Profiles
from rtml_plugins.edge.projections_store import FILE, Row, Store
from rtml_plugins.serving.projections import Projection
from tests.unit.edge.known import KnownHub, persons, until, worker


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def now() -> int:
    return time.time_ns() // 1000


async def look(profiles: Profiles, *keys: str, at: int | None = None) -> Projection | None:
    found: Any = profiles.lookup(keys, now() if at is None else at)
    return found if found is None or isinstance(found, Projection) else await found


async def tier(profiles: Profiles, *keys: str) -> Any:
    found = await look(profiles, *keys)
    return None if found is None else found.attributes["tier"]


def counted(result: str) -> int:
    return metrics._counters.get(("projections", (result,)), 0)


# ---- asking -------------------------------------------------------------------------------------------------------------


def test_a_person_is_asked_for_once_and_then_held(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
            held = profiles.lookup(("ecid:1",), now())
            assert isinstance(held, Projection)
            assert await look(profiles, "ecid:2") is None
            assert profiles.lookup(("ecid:2",), now()) is None
        assert hub.asked == [["ecid:1"], ["ecid:2"]]

    run(work())


def test_requests_of_several_workers_for_one_person_are_one_question(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        hub.slow = asyncio.Event()
        async with persons(tmp_path, hub), worker(tmp_path) as one, worker(tmp_path) as other:
            asked = [asyncio.create_task(tier(profiles, "ecid:1")) for profiles in (one, other) for _ in range(50)]
            await until(lambda: hub.asked)
            late = [asyncio.create_task(tier(profiles, "ecid:1")) for profiles in (one, other)]
            await asyncio.sleep(0.02)
            hub.slow.set()
            assert set(await asyncio.gather(*asked, *late)) == {"gold"}
        assert hub.asked == [["ecid:1"]]

    run(work())


def test_persons_asked_for_together_are_one_question(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(**{f"ecid_{n}": {"tier": n} for n in range(200)})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:0") == 0  # connected from here on
            found = await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in range(1, 200)))
        assert found == list(range(1, 200))
        assert sum(map(len, hub.asked)) == 200
        assert len(hub.asked) <= 5

    run(work())


def test_the_first_identity_that_somebody_has_is_taken(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(crm_7={"tier": "gold"}, ecid_1={"tier": "none"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "email:x", "crm:7", "ecid:1") == "gold"
            assert profiles.lookup(("email:x", "crm:7"), now()) is profiles.lookup(("crm:7",), now())

    run(work())


def test_who_gives_up_takes_nothing_from_others(tmp_path: Path) -> None:
    async def work() -> None:
        metrics.reset()
        hub = KnownHub(ecid_1={"tier": "gold"})
        hub.slow = asyncio.Event()
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            patient = asyncio.create_task(tier(profiles, "ecid:1"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(look(profiles, "ecid:1"), 0.05)
            hub.slow.set()
            assert await patient == "gold"
            assert await tier(profiles, "ecid:1") == "gold"
        assert (counted("timeout"), counted("miss"), counted("hit")) == (1, 1, 1)
        assert hub.asked == [["ecid:1"]]

    run(work())


# ---- following ----------------------------------------------------------------------------------------------------------


def test_changes_reach_all_workers_that_hold_the_person_and_no_other(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"}, ecid_2={"tier": "none"})
        async with persons(tmp_path, hub), worker(tmp_path) as one, worker(tmp_path) as other, worker(tmp_path) as third:
            assert await tier(one, "ecid:1") == await tier(other, "ecid:1") == "gold"
            assert await tier(third, "ecid:2") == "none"
            await hub.tell("ecid:1", {"tier": "lead"})
            for profiles in (one, other):
                await until(lambda profiles=profiles: profiles.lookup(("ecid:1",), now()).attributes == {"tier": "lead"})
            assert len(third) == 1
        assert hub.asked == [["ecid:1"], ["ecid:2"]]

    run(work())


def test_an_erased_person_disappears_from_workers_and_disk(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "a-word-of-its-own"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "a-word-of-its-own"
            await hub.tell("ecid:1", None)
            await until(lambda: len(profiles) == 0)
            assert await look(profiles, "ecid:1") is None
        files = list(tmp_path.glob(f"{FILE}*"))
        assert files
        assert not any(b"a-word-of-its-own" in path.read_bytes() for path in files)

    run(work())


def test_a_change_that_overtakes_an_answer_wins(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"}, ecid_2={"tier": 2})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:2") == 2  # the feed is followed from here on
            hub.slow = asyncio.Event()
            asked = asyncio.create_task(tier(profiles, "ecid:1"))
            await until(lambda: len(hub.asked) == 2)
            await hub.tell("ecid:1", {"tier": "lead"})
            assert await asked == "lead"  # the feed answers those who wait
            hub.slow.set()
            hub.slow = None
            await until(lambda: len(hub.asked) == 3)  # what the answer held was older: asked once more
            await asyncio.sleep(0.02)
            assert await tier(profiles, "ecid:1") == "lead"

    run(work())


def test_with_another_feed_everything_is_asked_anew_while_the_old_answers(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
            hub.profiles["ecid:1"] = Projection("ecid:1", True, "1", {"tier": "lead"}, version=9)  # told to nobody
            entry = profiles._held["ecid:1"]
            hub.slow = asyncio.Event()
            await hub.begin_anew()
            await until(lambda: entry.fresh == 0)
            assert profiles.lookup(("ecid:1",), now()).attributes == {"tier": "gold"}  # type: ignore[union-attr]
            hub.slow.set()
            await until(lambda: profiles.lookup(("ecid:1",), now()).attributes == {"tier": "lead"})  # type: ignore[union-attr]
        assert hub.asked == [["ecid:1"], ["ecid:1"]]

    run(work())


# ---- time ---------------------------------------------------------------------------------------------------------------


def test_what_is_over_is_used_until_the_new_one_is_there(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
            entry = profiles._held["ecid:1"]
            later = entry.fresh + 1
            assert isinstance(profiles.lookup(("ecid:1",), later), Projection)
            assert not isinstance(profiles.lookup(("ecid:1",), entry.until), Projection)

    run(work())


def test_that_there_is_nobody_is_remembered_shortly(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub()
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await look(profiles, "ecid:1") is None
            entry = profiles._held["ecid:1"]
            assert entry.fresh - now() <= projections_rows.NEGATIVE * 1e6
            await hub.tell("ecid:1", {"tier": "new"})
            await until(lambda: profiles.lookup(("ecid:1",), now()) is not None)
        assert hub.asked == [["ecid:1"]]

    run(work())


# ---- the hub is away ----------------------------------------------------------------------------------------------------


def test_an_edge_that_starts_anew_without_its_hub_knows_its_persons(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
        metrics.reset()
        hub.away = True
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
            assert await look(profiles, "ecid:2") is None
            assert profiles.lookup(("ecid:2",), now()) is None
            assert [profiles.unsure((f"ecid:{n}",)) for n in (1, 2, 3)] == [False, True, True]
            assert profiles.unsure(("ecid:1", "ecid:2"))
        assert (counted("miss"), counted("away")) == (1, 2)

    run(work())


def test_what_nobody_knew_is_asked_for_when_the_hub_is_back(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        hub.away = True
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await look(profiles, "ecid:1") is None
            hub.away = False
            async with asyncio.timeout(20):
                while await look(profiles, "ecid:1") is None:
                    await asyncio.sleep(0.01)
            assert await look(profiles, "ecid:3") is None  # whom the hub does not know
            assert not profiles.unsure(("ecid:1", "ecid:3"))
            assert await tier(profiles, "ecid:1") == "gold"

    run(work())


def test_a_worker_whose_connection_broke_asks_what_it_holds_anew(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"})
        async with worker(tmp_path) as profiles:
            async with persons(tmp_path, hub):
                assert await tier(profiles, "ecid:1") == "gold"
            await until(lambda: profiles._link is None)
            assert profiles.lookup(("ecid:1",), now()).attributes == {"tier": "gold"}  # type: ignore[union-attr]
            hub.profiles["ecid:1"] = Projection("ecid:1", True, "1", {"tier": "lead"}, version=9)
            await hub.begin_anew()
            waiting = asyncio.create_task(look(profiles, "ecid:2"))
            async with persons(tmp_path, hub):
                assert await waiting is None
                await until(lambda: profiles.lookup(("ecid:1",), now()).attributes == {"tier": "lead"})  # type: ignore[union-attr]

    run(work())


# ---- memory and disk ----------------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_the_least_used_goes_first() -> None:
    profiles = Profiles(Path("/nowhere"), 50_000)
    later = now() + 10**9

    async def work() -> None:
        for n in range(200):
            profiles._waiting[f"ecid:{n}"] = [asyncio.get_running_loop().create_future()]
            data = msgspec.json.encode(Projection(f"ecid:{n}", True, "p", {"tier": "x" * 100}))
            profiles.take(Told([Held(f"ecid:{n}", data, later, later)]))
            assert profiles.bytes <= 50_000
            if n:
                assert isinstance(profiles.lookup(("ecid:0",), now()), Projection)  # used, so it stays

    run(work())
    assert 20 < len(profiles) < 60
    assert profiles.bytes == sum(entry.size for entry in profiles._held.values())
    profiles.take(Gone([f"ecid:{n}" for n in range(200)]))
    assert (len(profiles), profiles.bytes) == (0, 0)


def test_only_this_user_can_reach_socket_and_file(tmp_path: Path) -> None:
    async def work() -> None:
        async with persons(tmp_path, KnownHub(ecid_1={"tier": 1})), worker(tmp_path) as profiles:
            await tier(profiles, "ecid:1")
            for name in (neighbours.SOCKET, FILE, f"{FILE}-wal"):
                assert stat.S_IMODE(os.stat(tmp_path / name).st_mode) == 0o600, name
        assert not (tmp_path / neighbours.SOCKET).exists()

    run(work())


def test_a_folder_may_have_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)

    async def work() -> None:
        for _ in range(2):  # the second takes the place of a socket that was left behind
            async with persons(folder, KnownHub(ecid_1={"tier": 1})), worker(folder) as profiles:
                assert await tier(profiles, "ecid:1") == 1
            left = neighbours.listening(folder)
            left.close()

    run(work())


def test_a_damaged_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 1000)
    store = Store(tmp_path)
    row = Row(Projection("ecid:1", True, "1", {"tier": "gold"}), 10, 20, "one")
    store.put([row], feed=("one", 5))
    store.close()
    again = Store(tmp_path)
    assert again.read(["ecid:1", "ecid:2"]) == {"ecid:1": row}
    assert again.feed() == ("one", 5)
    again.close()


def test_what_may_not_be_used_any_more_is_forgotten_and_the_rest_is_bounded(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put([Row(Projection(f"ecid:{n}", True), n, n, "one") for n in range(100)])
    assert store.prune(10) == 11
    assert store.prune(10, most=20) == 69
    assert sorted(store.read([f"ecid:{n}" for n in range(100)])) == [f"ecid:{n}" for n in range(80, 100)]
    store.close()


# ---- frames -------------------------------------------------------------------------------------------------------------


def test_frames_come_whole_however_they_are_cut() -> None:
    known = Held("ecid:1", msgspec.json.encode(Projection("ecid:1", True, "p", {"x": [1, None]})), 1, 2)
    messages = [Gone(["ecid:3"]), Told([known, Held("ecid:2", None, 3, 3)]), Gone([])]
    data = b"".join(map(neighbours.frame, messages))
    for size in (1, 3, 7, len(data)):
        frames = Frames(worker=False)
        found = [one for at in range(0, len(data), size) for one in frames.feed(data[at : at + size])]
        assert found == messages


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", neighbours.frame(Gone(["a"]))])
def test_what_is_no_frame_of_a_worker_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"frame|MessagePack|tag|type"):
        list(Frames(worker=True).feed(data))


def test_a_change_of_what_the_region_does_not_see_is_told_to_no_worker(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "gold"}, ecid_2={"tier": "none"})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "gold"
            assert await tier(profiles, "ecid:2") == "none"
            taken: list[Any] = []
            real = profiles.take
            profiles.take = lambda message: (taken.append(message), real(message))[1]  # type: ignore[method-assign]
            await hub.tell("ecid:1", {"tier": "gold"})  # another version of the same
            await hub.tell("ecid:2", {"tier": "lead"})
            await until(lambda: profiles.lookup(("ecid:2",), now()).attributes == {"tier": "lead"})
        assert {held.key for message in taken for held in message.held} == {"ecid:2"}

    run(work())
