"""Long polls: woken by changes, of this hub and of another on the same database, without a thread each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from rtml_core.client.records import Rollout
from rtml_plugins.hub.api.app import create_app
from rtml_plugins.hub.api.waiting import Changes
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.serving.wire import RegionState
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package
from tests.unit.hub.served import URL, Served, opened, report, served

#: of a test that hangs; nothing here takes so long
DEADLINE = 60.0


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened_hub, _ = opened(tmp_path)
    yield opened_hub
    opened_hub.close()


@asynccontextmanager
async def asked(hub: Hub) -> AsyncIterator[tuple[httpx.AsyncClient, Changes]]:
    """A client of the hub's application in this loop."""
    app = create_app(hub, HubSettings(home="unused"))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=URL, timeout=None) as client:
        yield client, app.state.context.changes


def run(test: Any) -> None:
    async def within() -> None:
        async with asyncio.timeout(DEADLINE):
            await test

    asyncio.run(within())


async def waiting(changes: Changes, count: int) -> None:
    while changes._waiting < count:
        await asyncio.sleep(0.005)


def state_of(answer: httpx.Response) -> RegionState:
    assert answer.status_code == 200
    return msgspec.json.decode(answer.content, type=RegionState)


def test_an_edge_that_knows_nothing_or_something_else_is_told_at_once(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.publish(region=["na"])
        now = state_of(running.client.get("/v1/regions/na/state"))
        assert [service.name for service in now.services] == ["churn"]
        assert now == running.hub.region_state("na")
        for after in (0, now.revision - 1, now.revision + 7):  # a higher one: the hub was restored from a copy
            told = state_of(running.client.get("/v1/regions/na/state", params={"after": after, "wait": 60}))
            assert told == now


def test_nothing_new_within_the_time(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        revision = state_of(running.client.get("/v1/regions/na/state")).revision
        for wait in (0, 0.3):
            answer = running.client.get("/v1/regions/na/state", params={"after": revision, "wait": wait})
            assert (answer.status_code, answer.content) == (304, b"")


def test_hundreds_of_edges_wait_without_a_thread_each_and_all_are_woken(hub: Hub) -> None:
    edges = 300

    async def test() -> None:
        async with asked(hub) as (client, changes):
            first = state_of(await client.get("/v1/regions/na/state")).revision
            path = f"/v1/regions/na/state?after={first}&wait=55"
            polls = [asyncio.create_task(client.get(path)) for _ in range(edges)]
            await waiting(changes, edges)
            assert threading.active_count() < 60
            await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["na"])
            states = [state_of(answer) for answer in await asyncio.gather(*polls)]
            assert {state.revision for state in states} == {hub.revision("na")}
            assert all(state.services for state in states)
            assert changes._waiting == 0

    run(test())


def test_a_change_of_another_region_wakes_nobody_else(hub: Hub) -> None:
    async def test() -> None:
        async with asked(hub) as (client, changes):
            first = state_of(await client.get("/v1/regions/na/state")).revision
            poll = asyncio.create_task(client.get(f"/v1/regions/na/state?after={first}&wait=55"))
            await waiting(changes, 1)
            await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["emea"])
            answered = state_of(await client.get("/v1/regions/emea/state?after=1&wait=55"))
            assert answered.revision > first
            assert not poll.done()
            await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["na"])
            assert state_of(await poll).revision > answered.revision

    run(test())


def test_a_change_of_another_hub_on_the_same_database_is_seen(place: Place) -> None:
    here, there = place.open(), place.open()

    async def test() -> None:
        async with asked(here) as (client, changes):
            first = state_of(await client.get("/v1/regions/na/state")).revision
            for number in (1, 2):
                poll = asyncio.create_task(client.get(f"/v1/regions/na/state?after={first}&wait=55"))
                await waiting(changes, 1)
                published = await asyncio.to_thread(there.publish, "churn", package(number), actor="me", regions=["na"])
                state = state_of(await poll)
                assert state.revision == published.revision
                first = state.revision

    run(test())


def test_a_client_that_goes_away_waits_no_longer(hub: Hub) -> None:
    async def test() -> None:
        app = create_app(hub, HubSettings(home="unused"))
        changes: Changes = app.state.context.changes
        gone = asyncio.Event()
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        query = f"after={hub.revision('na')}&wait=55".encode()
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/regions/na/state",
            "query_string": query,
            "headers": [(b"host", b"127.0.0.1")],
        }
        async with app.router.lifespan_context(app):
            request = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
            await waiting(changes, 1)
            gone.set()
            await request
            assert changes._waiting == 0

    run(test())


def test_a_hub_that_stops_answers_whoever_waits(hub: Hub) -> None:
    async def test() -> None:
        async with asked(hub) as (client, changes):
            first = state_of(await client.get("/v1/regions/na/state")).revision
            poll = asyncio.create_task(client.get(f"/v1/regions/na/state?after={first}&wait=55"))
            await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["emea"])
            hub.report_edge("emea-1", report("emea", revision=0))
            rollout = asyncio.create_task(client.get("/v1/services/churn/rollout?wait=55"))
            await waiting(changes, 2)
            changes.drain()
            assert (await poll).status_code == 304
            assert (await rollout).json()["complete"] is False

    run(test())


def test_waiting_goes_on_while_the_database_is_away(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with asked(hub) as (client, changes):
            first = state_of(await client.get("/v1/regions/na/state")).revision
            poll = asyncio.create_task(client.get(f"/v1/regions/na/state?after={first}&wait=55"))
            await waiting(changes, 1)
            looked = threading.Event()
            real = changes._revision

            def away() -> int:
                looked.set()
                raise RuntimeError("away")

            changes._revision = away
            await asyncio.to_thread(looked.wait, 30)
            assert not poll.done()
            changes._revision = real
            await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["na"])
            assert state_of(await poll).services

    run(test())


def test_a_rollout_is_over_when_every_edge_has_it(hub: Hub) -> None:
    async def test() -> None:
        async with asked(hub) as (client, changes):
            published = await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["na", "emea"])
            hub.report_edge("na-1", report("na", revision=0))
            path = f"/v1/services/churn/rollout?revision={published.revision}"
            now = msgspec.json.decode((await client.get(path)).content, type=Rollout)
            assert (now.complete, now.regions_without_edge) == (False, ("emea",))
            poll = asyncio.create_task(client.get(f"{path}&wait=55"))
            await waiting(changes, 1)
            hub.report_edge("na-1", report("na", revision=published.revision, churn="ready"))
            done = msgspec.json.decode((await poll).content, type=Rollout)
            assert done.complete
            assert [edge.id for edge in done.edges] == ["na-1"]

    run(test())


def test_a_rollout_answers_when_an_edge_says_that_it_can_not(hub: Hub) -> None:
    async def test() -> None:
        async with asked(hub) as (client, changes):
            published = await asyncio.to_thread(hub.publish, "churn", package(1), actor="me", regions=["na"])
            hub.report_edge("na-1", report("na", revision=0))
            poll = asyncio.create_task(client.get(f"/v1/services/churn/rollout?revision={published.revision}&wait=55"))
            await waiting(changes, 1)
            hub.report_edge("na-1", report("na", revision=0, churn="failed"))
            answer = msgspec.json.decode((await poll).content, type=Rollout)
            assert not answer.complete
            assert answer.edges[0].services[0].problem == "it broke"

    run(test())


def test_edges_report_are_listed_and_forgotten(tmp_path: Path) -> None:
    with served(tmp_path) as running:
        running.publish(region=["na"])
        body = msgspec.json.encode(report("na", 3, churn="ready"))
        assert running.client.put("/v1/edges/na-1", content=body).status_code == 204
        edges = running.client.get("/v1/edges", params={"region": "na"}).json()["edges"]
        assert [(edge["id"], edge["state"], edge["revision"]) for edge in edges] == [("na-1", "ready", 3)]
        assert running.client.get("/v1/edges", params={"region": "emea"}).json()["edges"] == []
        regions = running.client.get("/v1/regions").json()["regions"]
        assert [(region["name"], region["services"], region["edges"]) for region in regions] == [("na", 1, 1)]
        assert running.client.delete("/v1/edges/na-1").status_code == 204
        assert running.client.delete("/v1/edges/na-1").status_code == 404


def _wrong(running: Served, body: bytes) -> dict[str, Any]:
    answer = running.client.put("/v1/edges/na-1", content=body)
    assert answer.status_code == 422
    entry: dict[str, Any] = answer.json()["errors"][0]
    return entry


def test_reports_that_are_none(tmp_path: Path) -> None:
    good = msgspec.to_builtins(report("na", 3, churn="ready"))
    with served(tmp_path) as running:
        wrong = msgspec.json.encode({**good, "services": [{"name": "churn", "versions": ["x"], "state": "ready"}]})
        assert _wrong(running, wrong)["at"] == "/services/0/versions/0"
        assert "region" in _wrong(running, b"{}")["expected"]
        for started in ("", "yesterday", "2026-11-21T10:15:00"):
            found = _wrong(running, msgspec.json.encode({**good, "started": started}))
            assert (found["at"], found["expected"]) == ("/started", "a time with its zone, e.g. 2026-11-21T10:15:00.000Z")
        bad_region = running.client.put("/v1/edges/na-1", content=msgspec.json.encode({**good, "region": "NOT A NAME"}))
        assert (bad_region.status_code, bad_region.json()["type"]) == (422, "/problems/invalid-name")
        assert running.client.get("/v1/edges").json()["edges"] == []


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub that no edge has reported to yet."""
    with served(tmp_path_factory.mktemp("hub")) as running:
        yield running


# fmt: off
NO_ADDRESSES = [
    "", "x", "http://", "//h", "ftp://h", "http://a:secret@h", "http://a@h", "http://h:0", "http://h:65536", "http://h:x",
    "http://h/?a", "http://h#a", "http://h /", "http://h\r\nX: y", "http://\xfc", "http://[::1", "http://[x]:1", "http://-h",
]
# fmt: on


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_edge_s_address_is_one_that_clients_may_be_sent_to(url: str, listing: Served) -> None:
    good = msgspec.to_builtins(report("na", 3))
    wrong = _wrong(listing, msgspec.json.encode({**good, "url": url}))
    assert (wrong["at"], "secret" in str(wrong)) == ("/url", False)
    assert listing.client.get("/v1/edges").json()["edges"] == []


@pytest.mark.parametrize(
    "url", ["http://h", "https://a.example:65535/edge/1", "http://[::1]:8001", "http://10.0.0.7:8001/", "http://my_host:1"]
)
def test_usual_addresses_of_edges_are_taken(url: str, listing: Served) -> None:
    body = msgspec.json.encode({**msgspec.to_builtins(report("na", 3)), "url": url})
    assert listing.client.put("/v1/edges/na-9", content=body).status_code == 204
    assert [edge["url"] for edge in listing.client.get("/v1/edges").json()["edges"]] == [url]
    assert listing.client.delete("/v1/edges/na-9").status_code == 204
