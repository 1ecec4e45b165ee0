"""What a worker serves, as its state changes on disk."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtml_core.client.records import Arm
from rtml_plugins.edge import files, metrics
from rtml_plugins.edge.files import Home
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Snapshot, Table
from rtml_plugins.serving.wire import KeyEntry, VersionEntry, WorkerStatus
from tests.unit.edge.packages import package, put, service, state, tell, version


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "edge")
    made.make()
    metrics.reset()
    return made


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Table]:
    table = Table(EdgeSettings(home=str(home.folder), region="emea"))
    await table.start()
    try:
        yield table
    finally:
        await table.stop()


async def until(table: Table, fine: Callable[[Snapshot], bool]) -> Snapshot:
    """The first snapshot that is fine."""
    async with asyncio.timeout(20):
        while not fine(table.current):
            await asyncio.sleep(0.01)
    return table.current


def says(table: Table, name: str = "churn") -> Any:
    return table.current.services[name].champion.runtime.score({"x": 0.0})["says"]


def test_a_table_without_a_state_serves_nothing_and_is_not_ready(home: Home) -> None:
    async def scenario() -> None:
        async with running(home) as table:
            assert table.current == Snapshot()
            assert table.status() == WorkerStatus(os.getpid(), 0, False)

    asyncio.run(scenario())


def test_what_is_on_disk_is_loaded_when_start_returns(home: Home) -> None:
    put(home, 1, 2)
    tell(home, state(7, service(1), service(2, name="other")))

    async def scenario() -> None:
        async with running(home) as table:
            now = table.current
            assert (now.ready, now.revision, now.known, now.locked) == (True, 7, True, False)
            assert (says(table), says(table, "other")) == (1.0, 2.0)
            assert now.services["churn"].champion.scorer.rows is not None
            status = files.read(home.status("http", os.getpid()), WorkerStatus)
            assert status is not None
            assert (status.revision, [one.state for one in status.services]) == (7, ["ready", "ready"])
        assert not home.status("http", os.getpid()).exists()

    asyncio.run(scenario())


def test_a_new_version_takes_over_and_one_that_nothing_names_leaves_memory(home: Home) -> None:
    put(home, 1, 2, 3)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            first = table.current.services["churn"].champion
            tell(home, state(2, service(1, 2)))
            await until(table, lambda now: now.revision == 2)
            assert says(table) == 2.0
            assert table.current.services["churn"].versions[1] is first
            gone = weakref.ref(first.runtime)
            del first
            tell(home, state(3, service(2, 3)))
            await until(table, lambda now: now.revision == 3)
            gc.collect()
            assert gone() is None

    asyncio.run(scenario())


def test_traffic_alone_loads_nothing_again(home: Home) -> None:
    put(home, 1, 2)
    tell(home, state(1, service(1, 2)))

    async def scenario() -> None:
        async with running(home) as table:
            before = table.current.services["churn"]
            tell(home, state(2, service(1, 2, canary=Arm(1, 0.25), sticky="visitor")))
            await until(table, lambda now: now.revision == 2)
            after = table.current.services["churn"]
            assert after is not before
            assert after.champion is before.champion
            assert after.versions == before.versions
            assert after.sticky == "visitor"
            assert after.choose is not None
            assert {after.choose(str(number)) for number in range(100)} == {1, 2}

    asyncio.run(scenario())


def test_a_service_that_did_not_change_stays_the_same_object(home: Home) -> None:
    put(home, 1, 2)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            before = table.current.services["churn"]
            tell(home, state(2, service(1), service(2, name="other")))
            await until(table, lambda now: now.revision == 2)
            assert table.current.services["churn"] is before

    asyncio.run(scenario())


@pytest.mark.parametrize("how", ["damaged", "missing", "another"])
def test_a_version_that_can_not_be_loaded_leaves_what_was_there_and_hurts_no_other_service(home: Home, how: str) -> None:
    put(home, 1, 3)
    tell(home, state(1, service(1)))
    bad, data = package(2)
    missing = {}
    if how == "damaged":
        home.package(bad).write_bytes(data[:-100] + b"?" + data[-99:])
    elif how == "another":
        home.package(bad).write_bytes(package(3)[1])
    else:
        missing[bad] = "the hub's package is damaged"

    async def scenario() -> None:
        async with running(home) as table:
            tell(home, state(2, service(1, 2), service(3, name="other"), missing=missing))
            now = await until(table, lambda now: now.revision == 2)
            churn = now.services["churn"]
            assert (churn.state, churn.champion.version, says(table)) == ("failed", 1, 1.0)
            assert churn.problem.startswith("version 2: ")
            assert (now.services["other"].state, says(table, "other")) == ("ready", 3.0)
            assert now.ready
            # the file comes after all
            home.package(bad).unlink(missing_ok=True)
            put(home, 2)
            tell(home, state(2, service(1, 2), service(3, name="other")))
            await until(table, lambda now: now.services["churn"].state == "ready")
            assert says(table) == 2.0

    asyncio.run(scenario())


def test_a_worker_that_starts_anew_goes_back_to_what_was_served_whole(home: Home) -> None:
    put(home, 1)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home):
            pass
        for missing in ("no space left", ""):  # it failed, or the edge stopped while it was being fetched
            tell(home, state(2, service(2), missing={package(2)[0]: missing}))
            async with running(home) as table:
                assert (says(table), table.current.services["churn"].champion.version) == (1.0, 1)
                assert table.current.services["churn"].state == ("failed" if missing else "loading")
                assert table.current.revision == (2 if missing else 0)

    asyncio.run(scenario())


def test_a_service_that_never_loaded_waits_and_says_why(home: Home) -> None:
    put(home, 1)
    tell(home, state(1, service(1), service(2, name="other"), missing={package(2)[0]: ""}))

    async def scenario() -> None:
        async with running(home) as table:
            now = table.current
            assert (now.waiting["other"].state, now.ready, now.revision) == ("loading", False, 0)
            assert says(table) == 1.0
            tell(home, state(1, service(1), service(2, name="other"), missing={package(2)[0]: "damaged"}))
            now = await until(table, lambda now: now.waiting["other"].state == "failed")
            assert "damaged" in now.waiting["other"].problem
            assert (now.ready, now.revision) == (False, 1)

    asyncio.run(scenario())


def test_a_version_held_for_a_rollback_may_fail(home: Home) -> None:
    put(home, 2)
    tell(home, state(1, service(1, 2), missing={package(1)[0]: "gone from the hub"}))

    async def scenario() -> None:
        async with running(home) as table:
            churn = table.current.services["churn"]
            assert (churn.state, sorted(churn.versions), table.current.ready) == ("ready", [2], True)
            assert "version 1, which is not in traffic" in churn.problem

    asyncio.run(scenario())


def test_a_service_made_anew_under_its_name_does_not_go_back_to_the_old_one(home: Home) -> None:
    put(home, 1)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            anew = service(version(1, of=2), identity="another")
            tell(home, state(2, anew, missing={package(2)[0]: "damaged"}))
            now = await until(table, lambda now: now.revision == 2)
            assert (now.services, now.waiting["churn"].state) == ({}, "failed")

    asyncio.run(scenario())


def test_keys_and_removed_services_count_at_once_while_others_load(home: Home) -> None:
    put(home, 1)
    key = KeyEntry("k1", "ab" * 32, ("predict",))
    tell(home, state(1, service(1), keys=(key,)))

    async def scenario() -> None:
        async with running(home) as table:
            assert (table.current.keys, table.current.locked) == ({key.hash: key}, True)
            tell(home, state(2, service(2, name="other"), missing={package(2)[0]: ""}, locked=True))
            now = await until(table, lambda now: not now.keys)
            assert (now.locked, now.services, now.revision) == (True, {}, 1)

    asyncio.run(scenario())


def test_a_state_that_can_not_be_read_leaves_what_is_served(home: Home) -> None:
    put(home, 1, 2)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            for nonsense in (
                b"",
                b"<html>",
                b'{"exchange": 1}',
                b"\xff\xfe",
                b'{"exchange":99,"hub":"h","region":"emea","revision":2}',
            ):
                before = table._seen
                home.state.write_bytes(nonsense)
                async with asyncio.timeout(20):
                    while table._seen == before:
                        await asyncio.sleep(0.01)
                assert (says(table), table.current.revision) == (1.0, 1)
            tell(home, state(2, service(2)))
            await until(table, lambda now: now.revision == 2)
            assert says(table) == 2.0

    asyncio.run(scenario())


def test_a_state_whose_traffic_names_a_version_that_is_not_there_fails_that_service(home: Home) -> None:
    put(home, 1)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            tell(home, state(2, service(1, champion=5)))
            now = await until(table, lambda now: now.revision == 2)
            assert now.services["churn"].problem == "its traffic names version 5, which the hub did not give"
            assert says(table) == 1.0

    asyncio.run(scenario())


def test_two_services_with_one_package_share_its_runtime(home: Home) -> None:
    put(home, 1)
    tell(home, state(1, service(1), service(version(4, of=1), name="other")))

    async def scenario() -> None:
        async with running(home) as table:
            one, other = (table.current.services[name].champion for name in ("churn", "other"))
            assert one.runtime is other.runtime
            assert (one.version, other.version) == (1, 4)

    asyncio.run(scenario())


def test_listeners_hear_of_each_snapshot_and_shadow_figures_reach_the_status(home: Home) -> None:
    put(home, 1, 2)
    tell(home, state(1, service(1)))

    async def scenario() -> None:
        async with running(home) as table:
            heard: list[Snapshot] = []
            table.on_change.append(heard.append)
            table.shadow_report = lambda: {"churn": [{"rows": 3}]}
            tell(home, state(2, service(1, 2, champion=1, shadow=2)))
            await until(table, lambda now: now.revision == 2)
            assert heard[-1] is table.current
            shadow = table.current.services["churn"].shadow
            assert shadow is not None
            assert shadow.version == 2
            assert table.status().shadow == {"churn": [{"rows": 3}]}

    asyncio.run(scenario())


def test_a_package_id_that_is_a_path_is_never_opened(home: Home) -> None:
    tell(home, state(1, service(VersionEntry(1, "../../../etc/passwd", 10))))

    async def scenario() -> None:
        async with running(home) as table:
            assert table.current.waiting["churn"].state == "failed"
            assert "could not be fetched" in table.current.waiting["churn"].problem

    asyncio.run(scenario())
