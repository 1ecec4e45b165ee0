"""What an edge makes of what its hub says, nonsense included."""

import asyncio
import itertools
import stat
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core.client.records import Arm
from rtml_plugins.edge import agent as agents
from rtml_plugins.edge import cache, files, reporting
from rtml_plugins.edge.agent import Agent
from rtml_plugins.edge.files import HeldState, Home
from rtml_plugins.edge.keyfile import HubKey, KeyRefused
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.uplink import HubFailed, StateRefused, Uplink, check_state
from rtml_plugins.serving.wire import KeyEntry, RegionState, ServiceStatus, VersionEntry, WorkerStatus
from tests.unit.edge.packages import package, put, service, state, version
from tests.unit.edge.stub_hub import StubHub, stub_hub


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "edge")
    made.make()
    return made


@asynccontextmanager
async def following(home: Home, hub: str, key: HubKey | None = None, pids: frozenset[int] = frozenset()) -> AsyncIterator[Agent]:
    settings = EdgeSettings(home=str(home.folder), region="emea", url="http://edge")
    agent = Agent(settings, home, Uplink(hub, "emea", key or HubKey()), lambda: set(pids))
    task = asyncio.create_task(agent.run())
    try:
        yield agent
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await agent.say_goodbye()
        await agent.close()


async def until(fine: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not fine():
            await asyncio.sleep(0.01)


def held(home: Home) -> HeldState:
    return home.read_state() or HeldState(1, "", "", -1, missing={"": ""})


def revision(home: Home) -> int:
    return held(home).revision


def test_state_and_packages_come_from_the_hub_and_are_private(home: Home) -> None:
    key = KeyEntry("k1", "ab" * 32, ("predict",), ("churn",), 1e12, 5.0)

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url) as agent:
            await until(lambda: not held(home).missing)
            found = held(home)
            assert (found.revision, found.services, found.keys, found.locked) == (3, told.services, (key,), True)
            assert home.package(package(1)[0]).read_bytes() == package(1)[1]
            assert stat.S_IMODE(home.state.stat().st_mode) == 0o600
            assert agent.heard
            hub.tell(state(4, service(1, 2)), package(2))
            await until(lambda: revision(home) == 4 and not held(home).missing)
            assert (held(home).keys, held(home).locked) == ((), True)

    told = state(3, service(1), keys=(key,))
    with stub_hub() as hub:
        hub.tell(told, package(1))
        asyncio.run(scenario(hub))
        assert list(dict.fromkeys(path for _, path, _ in hub.seen if "state" in path))[:2] == [
            "/v1/regions/emea/state",
            f"/v1/regions/emea/state?after=3&wait={agents.WAIT:g}",
        ]


def test_an_edge_keeps_its_name(home: Home) -> None:
    one, other = agents.read_identity(home, "emea"), agents.read_identity(home, "emea")
    assert one == other
    assert one.startswith("emea-")
    home.edge.write_bytes(b"nonsense")
    assert agents.read_identity(home, "emea") != one


def send(status: int, body: bytes = b"", **headers: str) -> Callable[[Any], bool]:
    def odd(request: Any) -> bool:
        request.answer(status, body, **headers)
        return True

    return odd


def send_state(**changes: Any) -> Callable[[Any], bool]:
    data = msgspec.json.encode(state(9, service(2), **changes))
    return send(200, data, content_type="application/json")


def endless(request: Any) -> bool:
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    for _ in range(1024):
        request.wfile.write(b" " * (1 << 17))
    return True


def cut_off(request: Any) -> bool:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"exchange": 1')
    request.close_connection = True
    return True


def garbage(request: Any) -> bool:
    request.wfile.write(b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n")
    request.close_connection = True
    return True


NONSENSE = {
    "HTML": send(200, b"<html><body>Welcome to nginx!</body></html>", content_type="text/html"),
    "nothing": send(200),
    "another region": send_state(region="na"),
    "another hub": send_state(hub="hub-2"),
    "another form": send_state(exchange=2),
    "no hub": send_state(hub=""),
    "a list": send(200, b"[]"),
    "deep": send(200, b"[" * 100_000),
    "500": send(500, b'{"detail": "the database\\nis away"}'),
    "502": send(502, b"Bad Gateway"),
    "404": send(404),
    "401": send(401, b'{"detail": "unknown key"}'),
    "elsewhere": send(302, location="http://127.0.0.1:1/"),
    "packed": send(200, b"\x1f\x8b", content_encoding="gzip"),
    "endless": endless,
    "cut off": cut_off,
    "no HTTP": garbage,
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_leaves_what_is_there_and_is_told_once(home: Home, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PAUSES", (0.01, 0.02))
    monkeypatch.setattr(files, "MAX_STATE", 1 << 20)
    asked = itertools.count()

    def odd(request: Any) -> bool:
        if "/state" not in request.path:
            return False
        next(asked)
        return NONSENSE[name](request)

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url) as agent:
            await until(lambda: revision(home) == 1 and not held(home).missing)
            before = home.state.read_bytes()
            lines: list[str] = []
            monkeypatch.setattr(agents._log, "_logger", Recorder(lines))
            hub.behave(odd)
            await until(lambda: agent.trouble and next(asked) > 5)
            assert home.state.read_bytes() == before
            assert lines == ["hub away"]
            assert "\n" not in agent.trouble
            hub.behave(None)
            hub.tell(state(2, service(1)))
            await until(lambda: revision(home) == 2 and not agent.trouble)

    with stub_hub() as hub:
        hub.tell(state(1, service(1)), package(1))
        asyncio.run(scenario(hub))


class Recorder:
    """A logger that keeps the events of warnings."""

    def __init__(self, lines: list[str]):
        self._lines = lines

    def isEnabledFor(self, level: int) -> bool:
        return level >= 30

    def log(self, level: int, form: str, event: str, **_: Any) -> None:
        self._lines.append(event)


def test_a_hub_that_says_nothing_is_given_up(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(request: Any) -> bool:
        time.sleep(0.5)
        return False

    def drip(request: Any) -> bool:
        request.send_response(200)
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b" ")
            time.sleep(0.02)
        return True

    monkeypatch.setattr("rtml_plugins.edge.uplink._SILENCE", 0.2)
    monkeypatch.setattr("rtml_plugins.edge.uplink._WHOLE", 0.4)

    async def scenario(hub: StubHub) -> None:
        uplink = Uplink(hub.url, "emea", HubKey())
        try:
            with pytest.raises(HubFailed, match="said nothing"):
                await uplink.state(None, 0)
            hub.odd = drip
            with pytest.raises(HubFailed, match="did not finish its answer"):
                await uplink.state(None, 0)
        finally:
            await uplink.close()

    with stub_hub() as hub:
        hub.odd = hang
        asyncio.run(scenario(hub))


def test_a_hub_that_was_restored_is_followed_back_when_it_insists(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PAUSES", (0.01, 0.02))

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url):
            await until(lambda: revision(home) == 5)
            hub.tell(state(4, service(1)))
            await until(lambda: revision(home) == 4)
            assert held(home).services[0].traffic.champion == 1

    with stub_hub() as hub:
        hub.tell(state(5, service(1, 2)), package(1), package(2))
        asyncio.run(scenario(hub))


def test_a_state_that_can_not_be_written_is_written_when_it_can(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "PAUSES", (0.01, 0.02))

    async def scenario(hub: StubHub) -> None:
        home.state.mkdir()  # whatever the user, no file takes the place of a folder
        async with following(home, hub.url) as agent:
            await until(lambda: "state.json can't be written" in agent.trouble)
            home.state.rmdir()
            await until(lambda: revision(home) == 1 and not agent.trouble)

    with stub_hub() as hub:
        hub.tell(state(1))
        asyncio.run(scenario(hub))


@pytest.mark.parametrize("how", ["truncated", "longer", "damaged", "another", "missing"])
def test_a_package_that_is_not_what_was_asked_for_is_not_kept(home: Home, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_AGAIN", (0.01, 0.05))
    identity, data = package(2)
    wrong = {
        "truncated": data[:-10],
        "longer": data + b"x",
        "damaged": data[:200] + bytes([data[200] ^ 1]) + data[201:],
        "another": package(3)[1][: len(data)].ljust(len(data), b"x"),
        "missing": None,
    }[how]

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url):
            await until(lambda: list(held(home).missing) == [identity] and held(home).missing[identity])
            assert not home.package(identity).exists()
            assert home.package(package(1)[0]).exists()
            hub.packages[identity] = data
            await until(lambda: not held(home).missing)
            assert home.package(identity).read_bytes() == data
            assert not list(home.packages.glob(".*"))

    with stub_hub() as hub:
        hub.tell(state(1, service(1), service(2, name="other")), package(1))
        if wrong is not None:
            hub.packages[identity] = wrong
        asyncio.run(scenario(hub))


def test_a_package_that_the_disk_has_damaged_is_fetched_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    identity, data = package(1)
    home.package(identity).write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])
    failed = WorkerStatus(4711, 1, False, (ServiceStatus("churn", (), "failed", "damaged"),))
    files.write(home.status("http", 4711), failed)
    monkeypatch.setattr(reporting, "EVERY", 0.05)

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url, pids=frozenset({4711})):
            await until(lambda: home.package(identity).exists() and home.package(identity).read_bytes() == data)

    with stub_hub() as hub:
        hub.tell(state(1, service(1)), package(1))
        asyncio.run(scenario(hub))


def test_packages_that_nobody_names_stay_for_a_while_and_no_longer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT_FILES", 1)
    put(home, 5)
    half = home.packages / ".half.part"
    half.write_bytes(b"half")

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url):
            for number in (1, 2, 3):
                hub.tell(state(number, service(number)), package(number))
                await until(lambda number=number: revision(home) == number and not held(home).missing)  # type: ignore[misc]
            await until(lambda: len(list(home.packages.iterdir())) == 2)
            assert {path.stem for path in home.packages.iterdir()} == {package(2)[0], package(3)[0]}
            assert not half.exists()

    with stub_hub() as hub:
        asyncio.run(scenario(hub))


def test_reports_come_at_each_change_and_say_what_all_workers_serve(home: Home) -> None:
    async def scenario(hub: StubHub) -> None:
        ready = ServiceStatus("churn", (1, 2), "ready")
        files.write(home.status("http", 11), WorkerStatus(11, 7, True, (ready,)))
        files.write(home.status("http", 12), WorkerStatus(12, 6, True, (ServiceStatus("churn", (1,), "loading"),)))
        files.write(home.status("http", 13), WorkerStatus(13, 1, False))  # it is gone
        files.write(home.status("grpc", 14), WorkerStatus(14, 7, True, (ready,)))
        async with following(home, hub.url, pids=frozenset({11, 12, 14})):
            await until(lambda: hub.reports)
            first = hub.reports[0]
            assert (first.region, first.url, first.ready, first.revision, first.workers) == ("emea", "http://edge", True, 6, 2)
            assert first.services == (ServiceStatus("churn", (1,), "loading"),)
            files.write(home.status("http", 12), WorkerStatus(12, 7, True, (ready,)))
            await until(lambda: hub.reports[-1].revision == 7)
            assert hub.reports[-1].services == (ready,)
        assert (hub.reports[-1].ready, hub.reports[-1].workers) == (False, 0)

    with stub_hub() as hub:
        hub.tell(state(1))
        asyncio.run(scenario(hub))


def test_the_key_comes_from_a_file_that_is_read_again_when_it_is_refused(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("rtml_old_secret\n")

    def guard(request: Any) -> bool:
        if request.headers.get("authorization") == "Bearer rtml_new_secret":
            return False
        request.answer(401, b'{"detail": "the key is unknown"}')
        return True

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url, HubKey(path)) as agent:
            await until(lambda: "the key is unknown" in agent.trouble)
            assert "secret" not in agent.trouble
            path.write_text("rtml_new_secret\n")
            await until(lambda: revision(home) == 1)

    with stub_hub() as hub:
        hub.tell(state(1))
        hub.odd = guard
        asyncio.run(scenario(hub))


def test_a_key_that_is_to_come_later_is_taken_when_it_is_there_and_nothing_is_wrong_until_then(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "key"

    def guard(request: Any) -> bool:
        if request.headers.get("authorization") == "Bearer rtml_new_secret":
            return False
        request.answer(401, b"{}")
        return True

    async def scenario(hub: StubHub) -> None:
        async with following(home, hub.url, HubKey(path, later=True)) as agent:
            await until(lambda: revision(home) == 1)
            hub.behave(guard)
            hub.tell(state(2))
            asked = len(hub.seen)
            await until(lambda: len(hub.seen) > asked + 2)
            assert agent.trouble == ""
            path.write_text("rtml_new_secret\n")
            hub.tell(state(3))
            await until(lambda: revision(home) == 3)
            assert agent.trouble == ""

    with stub_hub() as hub:
        hub.tell(state(1))
        asyncio.run(scenario(hub))


def test_a_key_file_that_may_come_later_is_still_looked_into_and_a_key_outlives_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("two words")
    with pytest.raises(KeyRefused, match="holds no API key"):
        HubKey(path, later=True)
    path.write_text("rtml_a_b")
    key = HubKey(path, later=True)
    assert not key.awaited
    path.unlink()
    key.refresh()
    assert key.headers() == {"Authorization": "Bearer rtml_a_b"}


def test_a_key_file_that_holds_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"two words", b"\xff\xfe", b"x" * 2000):
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(KeyRefused, match="holds no API key"):
            HubKey(tmp_path / "key")
    with pytest.raises(KeyRefused, match="can't be read"):
        HubKey(tmp_path / "absent")
    monkeypatch.setenv("RTML_API_KEY", "rtml_a\r\nX-Other: 1")
    with pytest.raises(KeyRefused, match="RTML_API_KEY holds no API key"):
        HubKey()
    monkeypatch.setenv("RTML_API_KEY", "rtml_a_b")
    assert HubKey().headers() == {"Authorization": "Bearer rtml_a_b"}


@pytest.mark.parametrize(
    ("services", "says"),
    [
        ((service(1, name="Churn"),), "no name of a service"),
        ((service(1), service(2)), "two services 'churn'"),
        ((service(1, version(1, of=2)),), "has a version twice"),
        ((service(VersionEntry(1, "../x", 100)),), "expected 64 hexadecimal digits"),
        ((service(VersionEntry(1, "0" * 64, 1 << 40)),), "bytes"),
        ((service(1, champion=2),), "version 2 does not exist"),
        ((service(1, 2, canary=Arm(1, 7.0)),), "the share of version 1"),
    ],
)
def test_a_state_that_can_not_be_served_is_refused_as_a_whole(services: Any, says: str) -> None:
    with pytest.raises(StateRefused, match=says):
        check_state(msgspec.json.encode(state(1, *services)), "emea")


def test_a_newer_hub_may_say_more() -> None:
    told = msgspec.json.decode(msgspec.json.encode(state(3, service(1))))
    told["weather"] = "fine"
    told["services"][0]["colour"] = "blue"
    assert isinstance(check_state(msgspec.json.encode(told), "emea"), RegionState)


def test_what_shadow_versions_do_is_added_up_over_workers() -> None:
    part = {
        "shadow": 2,
        "version": 1,
        "rows": 30,
        "equal": 30,
        "failures": 0,
        "dropped": 1,
        "mean_absolute_difference": {"p": 0.0},
        "largest": None,
    }
    most = {"output": "p", "difference": 0.9}
    other = {**part, "rows": 10, "equal": 4, "failures": 2, "mean_absolute_difference": {"p": 0.4}, "largest": most}
    (found,) = reporting.compared([{"churn": [part]}, {}, {"churn": [other]}])["churn"]
    assert found.pop("mean_absolute_difference") == {"p": pytest.approx(0.1)}
    assert found == {"shadow": 2, "version": 1, "rows": 40, "equal": 34, "failures": 2, "dropped": 2, "largest": most}
    less = {**other, "largest": {"output": "q", "difference": 0.1}}
    for parts in ([other, less, part], [part, less, other]):
        assert reporting.compared({"churn": [one]} for one in parts)["churn"][0]["largest"] == most
    assert reporting.compared([{"churn": [part]}, {"churn": [part]}])["churn"][0]["largest"] is None


def test_figures_of_versions_make_those_of_their_service() -> None:
    figures = {"requests": 3, "errors": 1, "rate": 0.5, "p50": 0.001, "p99": None}
    found = reporting.together({"churn": {"1": figures, "2": figures}})
    assert found["churn"] == {"requests": 6, "errors": 2, "rate": 1.0, "versions": {"1": figures, "2": figures}}
