"""Both clients against servers that misbehave: what is repeated, what is not, what is kept open, what is never shown."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import logging
import multiprocessing
import os
import pickle
import socket
import threading
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from rtml_core.client import AsyncClient, BadAnswer, Client, ClientError, EdgeAway, HubAway, InvalidInput, Refused
from rtml_core.client.records import Traffic
from tests.unit.client.misbehaving import Asked, http, scores, serving, unused_address
from tests.unit.client.world import SCORED, edge

ROW = {"age": 41}
SECRET = "rtml_0123456789ab_thisisnotforyoureyes"
SERVICE = {
    "id": "s1",
    "name": "churn",
    "description": "",
    "owner": "",
    "regions": ["na"],
    "traffic": {"champion": 2},
    "versions": [],
    "created": "2026-11-21T10:15:00.000Z",
    "updated": "2026-11-21T10:15:00.000Z",
}


class Waiting:
    """AsyncClient with the face of Client, so that one test runs both."""

    def __init__(self, *args: Any, **options: Any):
        self.loop = asyncio.new_event_loop()
        self.client = AsyncClient(*args, **options)

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **options: self.loop.run_until_complete(getattr(self.client, name)(*args, **options))

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *error: object) -> None:
        self.loop.run_until_complete(self.client.close())
        self.loop.close()

    def __repr__(self) -> str:
        return repr(self.client)


@pytest.fixture(params=[Client, Waiting])
def shell(request: pytest.FixtureRequest) -> Any:
    return request.param


def answering(*parts: bytes | None) -> Any:
    def answer(asked: Asked) -> Iterator[bytes | None]:
        yield from parts

    return answer


def test_both_clients_offer_the_same() -> None:
    def offered(cls: type) -> dict[str, tuple[str, str | None]]:
        names = {"__aenter__": "__enter__", "__aexit__": "__exit__"}
        return {
            names.get(name, name): (str(inspect.signature(member)).replace("AsyncClient", "Client"), member.__doc__)
            for name, member in inspect.getmembers(cls, inspect.isfunction)
        }

    assert offered(Client) == offered(AsyncClient)


def test_connections_are_kept(shell: Any) -> None:
    with serving(scores) as server, shell(edges=[server.url]) as client:
        assert client.predict("churn", ROW)["propensity"] == 0.25
        assert len(client.predict("churn", [ROW, ROW, ROW])) == 3
        for _ in range(20):
            client.predict("churn", ROW, version=3, sticky="visitor 7", request_id="mine")
    assert server.connections == 2  # one, and the knock that ends the server
    last = server.asked[-1]
    assert (last.method, last.target, json.loads(last.body)) == ("POST", "/v1/services/churn/versions/3/predict", {"rows": [ROW]})
    assert (last.headers["x-rtml-key"], last.headers["x-request-id"]) == ("visitor 7", "mine")
    assert "authorization" not in last.headers


def test_a_prediction_can_be_sent_to_another_process() -> None:
    with serving(scores) as server, Client(edges=[server.url]) as client:
        found = client.predict("churn", ROW)
    again = pickle.loads(pickle.dumps(found))
    assert (again, again["propensity"], list(again), len(again), "x" in again) == (found, 0.25, ["propensity"], 1, False)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_addresses_of_ipv6(shell: Any) -> None:
    client = shell(edges=["http://[::1]:9"], retries=0, timeout=2.0)
    with client, pytest.raises(EdgeAway, match=r"http://\[::1\]:9 \("):
        client.predict("churn", ROW)


def test_threads_share_a_client() -> None:
    with serving(scores) as server, Client(edges=[server.url]) as client:
        found: list[float] = []
        threads = [
            threading.Thread(target=lambda: found.extend(client.predict("churn", ROW)["propensity"] for _ in range(25)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [0.25] * 200
    assert server.connections <= 9


def _in_child(client: Client, queue: Any) -> None:
    queue.put(client.predict("churn", ROW)["propensity"])
    client.close()


def test_a_forked_child_has_connections_of_its_own() -> None:
    context = multiprocessing.get_context("fork")
    with serving(scores) as server, Client(edges=[server.url]) as client:
        client.predict("churn", ROW)
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(client, queue))
        child.start()
        assert queue.get(timeout=30) == 0.25
        child.join(30)
        assert child.exitcode == 0
        client.predict("churn", ROW)
    assert [asked.connection for asked in server.asked] == [1, 2, 1]


def test_one_async_client_serves_one_loop_after_another() -> None:
    with serving(scores) as server:
        client = AsyncClient(edges=[server.url])

        async def score() -> float:
            async with client:
                return (await client.predict("churn", ROW))["propensity"]

        assert [asyncio.run(score()) for _ in range(3)] == [0.25] * 3


def test_many_at_once_on_one_loop() -> None:
    async def score(url: str) -> list[Any]:
        async with AsyncClient(edges=[url]) as client:
            return await asyncio.gather(*(client.predict("churn", ROW) for _ in range(50)))

    with serving(scores) as server:
        assert len(asyncio.run(score(server.url))) == 50


BROKEN = {
    "closes at once": (None,),
    "closes in the middle": (http(200, b"x" * 100)[:-50], None),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n", None),
    "busy": (http(503, b""),),
    "bad gateway of a proxy": (http(502, b"<html>nginx</html>"),),
    "endless header": (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, None),
}


@pytest.mark.parametrize("trouble", list(BROKEN))
def test_another_region_answers_whatever_the_first_does(shell: Any, trouble: str) -> None:
    with (
        serving(answering(*BROKEN[trouble])) as bad,
        serving(scores) as good,
        shell(edges={"na": bad.url, "emea": good.url}, region="na") as client,
    ):
        assert client.predict("churn", ROW).region == "emea"
    assert bad.asked


@pytest.mark.parametrize("trouble", list(BROKEN))
def test_what_was_tried_is_named_when_nobody_answers(shell: Any, trouble: str) -> None:
    away = unused_address()
    with (
        serving(answering(*BROKEN[trouble])) as bad,
        shell(edges=[bad.url, away], retries=0) as client,
        pytest.raises(EdgeAway) as caught,
    ):
        client.predict("churn", ROW)
    assert bad.url in str(caught.value)
    assert f"{away} (connection refused)" in str(caught.value)


@pytest.mark.parametrize("came", [b"\x15\x03\x03\x00\x02\x022", b"SSH-2.0-OpenSSH_9.9\r\n\r\n"], ids=["TLS alert", "SSH"])
def test_a_port_that_speaks_no_http_is_named_with_what_to_look_at(shell: Any, came: bytes) -> None:
    with serving(answering(came, None)) as bad, shell(edges=[bad.url], retries=0) as client, pytest.raises(EdgeAway) as caught:
        client.predict("churn", ROW)
    assert f"{bad.url} (the connection broke off: what came is no HTTP, is it https?)" in str(caught.value)


def test_an_edge_that_hangs_is_left_for_the_next(shell: Any) -> None:
    stop = threading.Event()

    def hang(asked: Asked) -> Iterator[bytes | None]:
        stop.wait(20)
        yield None

    with (
        serving(hang) as bad,
        serving(scores) as good,
        shell(edges={"na": bad.url, "emea": good.url}, region="na", timeout=0.6) as client,
    ):
        try:
            assert client.predict("churn", ROW).region == "emea"
        finally:
            stop.set()


def test_an_answer_that_drips_ends_at_the_deadline(shell: Any) -> None:
    stop = threading.Event()

    def drip(asked: Asked) -> Iterator[bytes | None]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
        while not stop.wait(0.02):
            yield b"x"
        yield None

    with serving(drip) as bad, shell(edges=[bad.url], timeout=0.4) as client:
        with pytest.raises(EdgeAway, match="in time"):
            client.predict("churn", ROW)
        stop.set()


def test_an_endless_answer_is_not_read_to_its_end(shell: Any) -> None:
    def endless(asked: Asked) -> Iterator[bytes | None]:
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"100000\r\n" + b"x" * 0x100000 + b"\r\n"

    with (
        serving(endless) as bad,
        shell(edges=[bad.url], timeout=30, retries=0) as client,
        pytest.raises(EdgeAway, match="longer than 67,108,864 bytes"),
    ):
        client.predict("churn", ROW)


def test_an_edge_that_restarts_between_two_requests_is_not_noticed(shell: Any) -> None:
    """It closes each connection after its answer without saying so."""

    def once(asked: Asked) -> Iterator[bytes | None]:
        yield from scores(asked)
        yield None

    with serving(once) as server, shell(edges=[server.url], retries=0) as client:
        assert [client.predict("churn", ROW)["propensity"] for _ in range(10)] == [0.25] * 10


# what changes something is sent once


def steered(asked: Asked) -> Iterator[bytes | None]:
    yield http(200, json.dumps(SERVICE).encode())


@pytest.mark.parametrize("trouble", ["closes at once", "closes in the middle", "bad gateway of a proxy"])
def test_a_change_that_may_have_been_made_is_not_repeated(shell: Any, trouble: str) -> None:
    with serving(answering(*BROKEN[trouble])) as server, shell(server.url) as client:
        with pytest.raises((HubAway, BadAnswer)) as caught:
            client.rollback("churn", 1, wait=False)
        with pytest.raises((HubAway, BadAnswer)):
            client.set_traffic("churn", Traffic(2), wait=False)
    assert len(server.asked) == 2
    if isinstance(caught.value, HubAway):
        assert caught.value.arrived
        assert "whether the change was made is not known" in str(caught.value)


def test_a_change_that_was_refused_for_a_moment_is_repeated(shell: Any) -> None:
    turns = iter([http(503, b"", "Retry-After: 0"), http(429, b"", "Retry-After: 0"), http(200, json.dumps(SERVICE).encode())])
    with serving(lambda asked: iter([next(turns)])) as server, shell(server.url) as client:
        assert client.rollback("churn", 1, wait=False).traffic.champion == 2
    assert [asked.target for asked in server.asked] == ["/v1/services/churn/rollback?to=1"] * 3


def test_a_change_does_not_meet_a_kept_connection(shell: Any) -> None:
    with serving(steered) as server, shell(server.url) as client:
        client.service("churn")
        client.service("churn")
        client.rollback("churn", to=1, wait=False)
        client.set_traffic("churn", Traffic(2), wait=False)
    assert [asked.connection for asked in server.asked] == [1, 1, 2, 3]
    assert server.asked[2].target == "/v1/services/churn/rollback?to=1"


def test_publishing_is_repeated_as_a_package_is_one_version_however_often_it_comes(shell: Any) -> None:
    published = {
        "service": "churn",
        "id": "s1",
        "version": 3,
        "package": "ab",
        "created": True,
        "regions": ["na"],
        "revision": 9,
        "mood": "new field",
    }
    turns = iter([None, http(502, b""), http(201, json.dumps(published).encode())])
    with serving(lambda asked: iter([next(turns)])) as server, shell(server.url) as client:
        found = client.publish(b"package", "churn", regions=["na", "emea"], message="a & b", share=0.1, wait=False)
    assert (found.version, found.created) == (3, True)
    assert [asked.body for asked in server.asked] == [b"package"] * 3
    assert server.asked[0].target == "/v1/services/churn/versions?region=na&region=emea&message=a+%26+b&share=0.1"


def test_a_hub_that_is_not_there_is_named(shell: Any) -> None:
    away = unused_address()
    with shell(away) as client, pytest.raises(HubAway, match=f"no hub answers at {away} \\(connection refused\\)") as caught:
        client.rollback("churn")
    assert not caught.value.arrived
    assert len(caught.value.tried) == 3


def test_edges_are_found_through_the_hub(shell: Any) -> None:
    with serving(scores) as good, serving(scores) as other:
        listed = {"edges": [edge(unused_address(), "na", "churn"), edge(good.url, "emea", "churn"), edge(other.url, "apac")]}
        with serving(answering(http(200, json.dumps(listed).encode()))) as hub, shell(hub.url, region=["na", "emea"]) as client:
            assert {client.predict("churn", ROW).region for _ in range(5)} == {"emea"}
    assert [asked.target for asked in hub.asked] == ["/v1/edges"]


def test_regions_may_be_given_as_one_text(shell: Any) -> None:
    published = {"service": "churn", "id": "s1", "version": 1, "package": "ab", "created": True, "regions": ["na"], "revision": 1}
    with serving(answering(http(201, json.dumps(published).encode()))) as server, shell(server.url) as client:
        client.publish(b"package", "churn", regions="na, emea", wait=False)
    assert server.asked[0].target == "/v1/services/churn/versions?region=na&region=emea"
    with (
        serving(scores) as near,
        serving(scores) as far,
        shell(edges={"na": far.url, "emea": near.url}, region="apac,emea") as client,
    ):
        assert {client.predict("churn", ROW).region for _ in range(5)} == {"emea"}


def test_one_row_and_rows_are_told_apart_in_errors(shell: Any) -> None:
    wrong = {
        "type": "/problems/invalid-input",
        "detail": "/0/age: expected a number, got string 'old'",
        "errors": [{"at": "/0/age", "expected": "a number", "got": "string 'old'"}],
    }
    with serving(answering(http(422, json.dumps(wrong).encode()))) as server, shell(edges=[server.url]) as client:
        with pytest.raises(InvalidInput, match=r"^/age: expected a number"):
            client.predict("churn", ROW)
        with pytest.raises(InvalidInput, match=r"^/0/age: expected a number") as caught:
            client.predict("churn", [ROW])
    assert caught.value.problems[0].at == "/0/age"


def test_too_few_predictions_are_no_answer(shell: Any) -> None:
    few = json.dumps({**SCORED, "predictions": []}).encode()
    with serving(answering(http(200, few))) as server, shell(edges=[server.url]) as client:
        for rows in (ROW, [ROW, ROW]):
            with pytest.raises(ClientError, match="0 predictions"):
                client.predict("churn", rows)


# the key


def locals_of(error: BaseException) -> list[str]:
    """What a debugger or a logger of locals would show of the client's frames."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return [repr(frame.f_locals) for frame in frames if "rtml_core" in frame.f_code.co_filename]


def test_the_key_is_sent_and_never_shown(shell: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("RTML_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for answer in (
        scores,
        *(answering(*parts) for parts in BROKEN.values()),
        answering(http(401, b'{"type":"/problems/no-key"}')),
    ):
        with serving(answer) as server, shell(server.url, edges=[server.url], retries=0) as client:
            for call in (lambda client=client: client.predict("churn", ROW), lambda client=client: client.rollback("churn")):
                try:
                    shown.append(repr(call()))
                except ClientError as error:
                    shown += [repr(error), str(error), *locals_of(error)]
            shown.append(repr(client))
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in "".join(shown)
    assert SECRET not in caplog.text
    assert len(shown) > 20


@pytest.mark.parametrize(
    "hub", ["", "ftp://x", "http://", "http://a b", "http://x:99999", "http://x?y=1", "not an address", "http://x:0"]
)
def test_what_is_no_address_is_refused(hub: str) -> None:
    if hub == "":
        assert Client(hub).hub == "http://127.0.0.1:8000"
        return
    with pytest.raises(ClientError, match="is no address of a hub"):
        Client(hub)


def test_names_and_passwords_in_addresses_are_refused_unseen() -> None:
    with pytest.raises(ClientError) as caught:
        Client("http://me:sesame@hub")
    assert "sesame" not in str(caught.value)


def test_a_key_that_is_none_is_refused_unseen() -> None:
    with pytest.raises(ClientError) as caught:
        Client(key="rtml_with\r\nnew: line")
    assert "new: line" not in str(caught.value)


def test_the_environment_names_hub_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HUB", "https://hub.example/base/")
    assert Client().hub == "https://hub.example/base"
    assert Client("http://other:1").hub == "http://other:1"


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": float("nan")}, {"retries": -1}, {"edges": []}, {"edges": {}}])
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        Client(**options)


def test_line_breaks_in_headers_are_refused(shell: Any) -> None:
    with serving(scores) as server, shell(edges=[server.url]) as client, pytest.raises(ClientError, match="line break"):
        client.predict("churn", ROW, sticky="a\r\nauthorization: other")
    assert server.asked == []


def test_a_client_that_is_dropped_leaves_nothing_open() -> None:
    with serving(scores) as server:
        Client(edges=[server.url]).predict("churn", ROW)
        gc.collect()  # a ResourceWarning would fail the test
        open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        for _ in range(5):
            Client(edges=[server.url]).predict("churn", ROW)
        gc.collect()
        assert not open_files or len(os.listdir("/proc/self/fd")) <= open_files + 5  # the server's ends close a little later


def test_an_address_of_its_own_is_asked_by_the_rules_of_its_certificates(shell: Any, tmp_path: Any) -> None:
    with (
        serving(scores) as server,
        shell(edges=[server.url.replace("http:", "https:")], retries=0, timeout=0.3) as client,
        pytest.raises(EdgeAway),
    ):
        client.predict("churn", ROW)
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    for ca in (broken, tmp_path / "missing.pem"):
        with shell("https://127.0.0.1:1", ca=ca) as client, pytest.raises(ClientError, match="expected certificates"):
            client.services()


def test_refusals_say_their_fields(shell: Any) -> None:
    body = {"type": "/problems/conflict", "detail": "Version 3 takes no 'age'.", "errors": [], "request_id": "r1"}
    answer = answering(http(409, json.dumps(body).encode()))
    with serving(answer) as server, shell(server.url) as client, pytest.raises(Refused, match="takes no 'age'") as caught:
        client.promote("churn", 3)
    assert (caught.value.status, caught.value.kind, caught.value.request_id, caught.value.address) == (
        409,
        "conflict",
        "r1",
        server.url,
    )
