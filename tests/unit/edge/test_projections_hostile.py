"""Profiles at an edge: what can't be kept or read holds nobody else up; who was erased while nobody told goes, too."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_plugins.edge import neighbours, projections_agent
from rtml_plugins.edge.hub_failures import AnswerUnread
from rtml_plugins.edge.neighbours import Frames, Held
from rtml_plugins.edge.projections import Profiles
from rtml_plugins.edge.projections_reading import read_asked, read_changed
from rtml_plugins.edge.projections_store import FILE, Row, Store
from rtml_plugins.serving.projections import Projection
from tests.unit.edge.known import KnownHub, persons, until, worker
from tests.unit.edge.test_projections import look, now, run, tier

_HUGE = 10**40


def held(profiles: Profiles, key: str) -> Projection | None:
    entry = profiles._held.get(key)
    return None if entry is None else entry.profile


def on_disk(folder: Path, word: bytes) -> bool:
    return any(word in path.read_bytes() for path in folder.glob(f"{FILE}*"))


def epochs(folder: Path) -> set[str]:
    """The feeds that told what is on disk."""
    with contextlib.closing(sqlite3.connect(folder / FILE)) as db:
        return {epoch for (epoch,) in db.execute("SELECT DISTINCT epoch FROM profiles")}


# ---- values -------------------------------------------------------------------------------------------------------------


def test_an_integer_beyond_64_bits_is_a_value_like_others_and_the_feed_goes_on(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": _HUGE}, ecid_2={"tier": "gold"}, ecid_3={"tier": "gold"}, ecid_4={"tier": 4})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            found = await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in range(1, 5)))
            assert found == [_HUGE, "gold", "gold", 4]
            await hub.tell("ecid:4", {"tier": -_HUGE})
            await hub.tell("ecid:2", {}, consent=False)
            await hub.tell("ecid:3", None)
            await until(lambda: held(profiles, "ecid:3") is None)
            await until(lambda: not held(profiles, "ecid:2").consent)  # type: ignore[union-attr]
            assert held(profiles, "ecid:4").attributes == {"tier": -_HUGE}  # type: ignore[union-attr]
        hub.away = True
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:  # from the disk
            assert await tier(profiles, "ecid:4") == -_HUGE
            assert not (await look(profiles, "ecid:2")).consent  # type: ignore[union-attr]
            assert await look(profiles, "ecid:3") is None

    run(work())


def test_who_cannot_be_kept_is_gone_and_holds_nobody_else_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": 1}, ecid_2={"tier": 2}, ecid_3={"tier": 3})
        hub.profiles["ecid:3"] = Projection("ecid:3", True, "3", {"tier": 10**5000})  # no JSON has such a number
        async with persons(tmp_path, hub) as edge, worker(tmp_path) as profiles:
            assert await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in (1, 2))) == [1, 2]
            assert await look(profiles, "ecid:3", "ecid:2") == held(profiles, "ecid:2")
            await hub.tell("ecid:1", {"tier": 10**5000})
            await hub.tell("ecid:2", {"tier": 22})
            await until(lambda: held(profiles, "ecid:2").attributes == {"tier": 22})  # type: ignore[union-attr]
            assert held(profiles, "ecid:1") is None
            await until(lambda: edge.projections._feed == ("one", hub.cursor))
            assert edge.projections._flying == {}
            assert await edge.projections._read(["ecid:1", "ecid:3"]) == {}
        assert "ecid:" not in caplog.text

    run(work())


def test_a_profile_that_cannot_be_read_is_taken_as_none_and_the_others_are_read() -> None:
    big = b"9" * 5000
    listed = b'[{"key":"ecid:1","found":true,"attributes":{"n":%b}},{"key":"ecid:2","found":true,"attributes":{"n":1e22}}]' % big
    asked = read_asked(b'{"epoch":"e","cursor":3,"projections":%b}' % listed)
    assert [(one.key, one.found) for one in asked.projections] == [("ecid:2", True), ("ecid:1", False)]
    changed = read_changed(b'{"epoch":"e","cursor":3,"changed":%b,"gone":["ecid:3"]}' % listed)
    assert ([one.key for one in changed.changed], changed.gone) == (["ecid:2"], ("ecid:3", "ecid:1"))
    for wrong in (b"<html>", b"[]", b'{"epoch":"e"}', b'{"epoch":"e","cursor":1,"changed":[{"key":1}]}'):
        with pytest.raises(msgspec.DecodeError):
            read_changed(wrong)


def test_more_changes_than_a_message_was_meant_for_are_read() -> None:
    listed = [Projection(f"ecid:{n}", True) for n in range(12_000)]
    data = msgspec.json.encode({"epoch": "e", "cursor": 3, "changed": listed, "gone": [f"crm:{n}" for n in range(12_000)]})
    changed = read_changed(data)
    assert (len(changed.changed), len(changed.gone)) == (12_000, 12_000)


def test_many_large_profiles_come_in_small_frames() -> None:
    helds = [Held(f"ecid:{n}", b"x" * 1_000_000, 1, 2) for n in range(20)]
    made = list(neighbours.frames(helds))
    assert max(map(len, made)) < 6 << 20
    frames = Frames(worker=False)
    assert [one for data in made for told in frames.feed(data) for one in told.held] == helds


# ---- answers that can't be read -----------------------------------------------------------------------------------------


def test_changes_that_cannot_be_read_begin_another_feed(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": 1}, ecid_2={"tier": 2})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in (1, 2))) == [1, 2]
            hub.unread = AnswerUnread("the hub answered more than can be read")
            await hub.tell("ecid:1", {}, consent=False)
            await hub.tell("ecid:2", None)
            await until(lambda: held(profiles, "ecid:2") is None)
            await until(lambda: not held(profiles, "ecid:1").consent)  # type: ignore[union-attr]
            assert hub.epoch == "one+"
            hub.unread = None
            await hub.tell("ecid:1", {"tier": 5})
            await until(lambda: held(profiles, "ecid:1").attributes == {"tier": 5})  # type: ignore[union-attr]

    run(work())


def test_an_answer_that_is_too_large_is_asked_for_in_parts(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(**{f"ecid_{n}": {"tier": n} for n in range(20)})
        hub.most = 3
        async with persons(tmp_path, hub) as edge, worker(tmp_path) as profiles:
            assert await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in range(20))) == list(range(20))
            hub.most = 0
            assert await look(profiles, "ecid:99") is None
            assert edge.projections._flying == {}
            assert edge.projections._slots._value == projections_agent._AT_ONCE

    run(work())


# ---- erased while nobody told -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [True, False])
def test_who_was_erased_while_the_hub_was_away_goes_with_its_next_feed(
    tmp_path: Path, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections_agent, "_PIECE", 3)

    async def work() -> None:
        hub = KnownHub(**{f"ecid_{n}": {"tier": f"a-word-of-{n}-alone"} for n in range(10)})
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            await asyncio.gather(*(tier(profiles, f"ecid:{n}") for n in range(10)))
            if not restarted:
                await erase(hub)
                await until(lambda: held(profiles, "ecid:7") is None)
                await gone(hub)
        if restarted:
            await erase(hub)
            async with persons(tmp_path, hub):
                await gone(hub)

    async def erase(hub: KnownHub) -> None:
        del hub.profiles["ecid:7"]  # told to nobody
        hub.profiles["ecid:4"] = Projection("ecid:4", True, "4", consent=False)
        await hub.begin_anew()

    async def gone(hub: KnownHub) -> None:
        await until(lambda: not on_disk(tmp_path, b"a-word-of-7-alone"))
        await until(lambda: epochs(tmp_path) == {hub.epoch})  # that the hub was asked is not yet that its answer is kept
        assert sum(map(len, hub.asked)) == 20

    run(work())
    assert not on_disk(tmp_path, b"ecid:7")
    assert not on_disk(tmp_path, b"a-word-of-4-alone")
    store = Store(tmp_path)
    found = store.read([f"ecid:{n}" for n in range(10)])
    store.close()
    assert len(found) == 9
    assert {row.epoch for row in found.values()} == {"one+"}
    assert not found["ecid:4"].profile.consent


def test_what_is_pruned_is_not_left_in_the_journal_of_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    try:
        store.put([Row(Projection("ecid:1", True, "1", {"tier": "a-word-of-its-own"}), 1, 1, "one")])
        assert on_disk(tmp_path, b"a-word-of-its-own")
        assert store.prune(10) == 1
        assert not on_disk(tmp_path, b"a-word-of-its-own")
    finally:
        store.close()


def test_what_the_disk_did_not_forget_is_not_used_and_forgotten_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Store.put

    def full(*given: Any) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": "a-word-of-its-own"}, ecid_2={"tier": 2})
        async with persons(tmp_path, hub) as edge, worker(tmp_path) as profiles:
            assert await tier(profiles, "ecid:1") == "a-word-of-its-own"
            monkeypatch.setattr(Store, "put", full)
            await hub.tell("ecid:1", None)
            await until(lambda: edge.projections._owed == {"ecid:1"})
            assert await look(profiles, "ecid:1") is None
            monkeypatch.setattr(Store, "put", real)
            assert await tier(profiles, "ecid:2") == 2
            await until(lambda: not edge.projections._owed)
            assert not on_disk(tmp_path, b"a-word-of-its-own")

    run(work())


# ---- consent ------------------------------------------------------------------------------------------------------------


def test_who_refused_under_one_identity_refused_under_all_of_a_request(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": 1}, crm_7={"tier": 7}, email_x={"tier": 0})
        hub.profiles["crm:7"] = Projection("crm:7", True, "7", consent=False)
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert (await look(profiles, "ecid:1")).consent  # type: ignore[union-attr]
            assert not (await look(profiles, "ecid:1", "crm:7")).consent  # type: ignore[union-attr]  # just fetched
            for keys in (("ecid:1", "crm:7"), ("crm:7", "ecid:1"), ("ecid:9", "ecid:1", "crm:7")):
                found = profiles.lookup(keys, now())  # held; what is not is not waited for
                assert isinstance(found, Projection)
                assert not found.consent
            assert (await look(profiles, "ecid:1", "email:x")).attributes == {"tier": 1}  # type: ignore[union-attr]
            await hub.tell("email:x", {"tier": 0}, consent=False)
            await until(lambda: not profiles.lookup(("ecid:1", "email:x"), now()).consent)  # type: ignore[union-attr]
            rows = await asyncio.gather(*(look(profiles, *keys) for keys in (("ecid:1",), ("ecid:1", "email:x"))))
            assert [row.consent for row in rows if row is not None] == [True, False]

    run(work())


def test_a_refusal_on_disk_is_heard_before_the_hub_answers_for_others(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"tier": 1})
        hub.profiles["ecid:1"] = Projection("ecid:1", True, "1", consent=False)
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            assert not (await look(profiles, "ecid:1")).consent  # type: ignore[union-attr]
        hub.slow = asyncio.Event()
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            found = await asyncio.wait_for(look(profiles, "crm:7", "ecid:1"), 20)
            assert found is not None
            assert not found.consent
            hub.slow.set()

    run(work())
