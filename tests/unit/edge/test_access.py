"""Who may do what on an edge."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.edge import access
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Snapshot
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import KeyEntry

OPEN = EdgeSettings(home="unused", region="emea")


@pytest.fixture
def closed(tmp_path: Path) -> EdgeSettings:
    """Settings of an edge with keys."""
    return EdgeSettings(home=str(tmp_path), region="emea", open=False)


def key(**given: Any) -> tuple[str, KeyEntry, Snapshot]:
    """(secret, entry, a snapshot with this key)."""
    identity, secret = new_secret()
    entry = msgspec.structs.replace(KeyEntry(identity, digest(secret), ("predict",)), **given)
    return secret, entry, Snapshot(keys={entry.hash: entry}, locked=True)


def refused(*args: Any) -> Problem:
    with pytest.raises(Problem) as caught:
        access.authorize(*args)
    return caught.value


def test_a_key_with_the_scope_may(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key()
    for header in (f"Bearer {secret}", f"bearer  {secret} "):
        assert access.authorize(snapshot, closed, {"authorization": header}, "predict", "churn") is entry


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "rtml_0_0"])
def test_without_a_key_the_answer_is_401_and_how_to_send_one(header: str | None, closed: EdgeSettings) -> None:
    _, _, snapshot = key()
    problem = refused(snapshot, closed, {} if header is None else {"authorization": header})
    assert (problem.status, problem.kind, problem.headers) == (401, "unauthorized", [("WWW-Authenticate", 'Bearer realm="rtml"')])
    assert "Authorization: Bearer rtml_..." in problem.detail


def test_a_wrong_key_is_401_and_its_text_is_not_repeated(closed: EdgeSettings) -> None:
    secret, _, snapshot = key()
    for wrong in (secret[:-1], secret + "a", secret.upper(), new_secret()[1], "\ud800", "é" * 5000):
        problem = refused(snapshot, closed, {"authorization": f"Bearer {wrong}"})
        assert (problem.status, wrong in problem.detail) == (401, False)
        assert problem.headers == [("WWW-Authenticate", 'Bearer realm="rtml", error="invalid_token"')]


@given(st.text())
def test_no_text_is_a_key_by_chance(header: str) -> None:
    _, _, snapshot = key()
    with pytest.raises(Problem):
        access.authorize(snapshot, msgspec.structs.replace(OPEN, open=False), {"authorization": header})


def test_an_expired_key_is_401(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key(expires=time.time() - 1)
    problem = refused(snapshot, closed, {"authorization": f"Bearer {secret}"})
    assert (problem.status, problem.detail) == (
        401,
        f"key {entry.id} has expired: have it rotated by `rtml keys rotate {entry.id}`",
    )
    later, _, snapshot = key(expires=time.time() + 60)
    assert access.authorize(snapshot, closed, {"authorization": f"Bearer {later}"}) is not None


def test_a_missing_scope_is_403_and_named(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key(scopes=("debug", "publish"))
    problem = refused(snapshot, closed, {"authorization": f"Bearer {secret}"}, "predict", "churn")
    assert (problem.status, problem.kind) == (403, "forbidden")
    assert problem.detail == f"key {entry.id} lacks the scope 'predict'; it has debug, publish"
    assert problem.headers == [("WWW-Authenticate", 'Bearer realm="rtml", error="insufficient_scope", scope="predict"')]


def test_admin_may_all_of_it(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key(scopes=("admin",))
    for scope in ("predict", "debug"):
        assert access.authorize(snapshot, closed, {"authorization": f"Bearer {secret}"}, scope, "churn") is entry


def test_a_key_of_some_services_is_403_for_all_others_and_for_the_edge(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key(services=("churn", "price"))
    header = {"authorization": f"Bearer {secret}"}
    assert access.authorize(snapshot, closed, header, "predict", "price") is entry
    assert refused(snapshot, closed, header, "predict", "offers").detail == (
        f"key {entry.id} is not for service 'offers'; it is for churn, price"
    )
    assert refused(snapshot, closed, header, "predict", None).status == 403


def test_an_open_edge_whose_hub_has_keys_asks_for_one() -> None:
    secret, entry, snapshot = key()
    assert refused(snapshot, OPEN, {"host": "127.0.0.1"}).status == 401
    assert access.authorize(snapshot, OPEN, {"authorization": f"Bearer {secret}"}) is entry
    assert refused(Snapshot(locked=True), OPEN, {"host": "127.0.0.1"}).status == 401


def test_a_key_that_has_used_up_its_rate_is_429_with_when_to_come_back(closed: EdgeSettings) -> None:
    secret, entry, snapshot = key(rate=0.001)
    header = {"authorization": f"Bearer {secret}"}
    assert access.authorize(snapshot, closed, header) is entry
    problem = refused(snapshot, closed, header)
    assert (problem.status, problem.kind) == (429, "rate-exceeded")
    headers = dict(problem.headers)
    assert 900 < int(headers["Retry-After"]) <= 1000
    assert headers["RateLimit-Policy"] == '"key";q=1;w=1000'
    assert headers["RateLimit"] == f'"key";r=0;t={headers["Retry-After"]}'


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8001",
        "127.8.9.1:80",
        "localhost",
        "LOCALHOST:8001",
        "localhost.",
        "[::1]:8001",
        "::1",
        "a.localhost:1",
    ],
)
def test_an_open_edge_answers_to_names_of_this_machine(host: str) -> None:
    assert access.authorize(Snapshot(), OPEN, {"host": host}) is None
    assert access.authorize(Snapshot(), OPEN, {"host": host, "origin": f"http://{host}"}) is None


def test_an_open_edge_answers_a_client_that_sends_no_host() -> None:
    assert access.authorize(Snapshot(), OPEN, {}) is None


@pytest.mark.parametrize(
    "host",
    ["rebound.example:8001", "192.168.0.7", "127.0.0.1.example.com", "localhost.example", "", "[::2]", "[", "::1:"],
)
def test_an_open_edge_does_not_answer_to_another_name(host: str) -> None:
    for _ in range(2):
        problem = refused(Snapshot(), OPEN, {"host": host})
        assert (problem.status, problem.kind) == (421, "host-refused")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:3000", "http://[", "", "http://127.0.0.1"])
def test_a_page_of_another_origin_may_not_write_to_an_open_edge(origin: str) -> None:
    problem = refused(Snapshot(), OPEN, {"host": "127.0.0.1:8001", "origin": origin})
    assert (problem.status, problem.kind) == (403, "origin-refused")


def test_a_page_of_an_allowed_origin_may(closed: EdgeSettings) -> None:
    settings = msgspec.structs.replace(OPEN, cors=("https://shop.example",))
    assert access.authorize(Snapshot(), settings, {"host": "127.0.0.1", "origin": "https://shop.example"}) is None


def test_what_is_computed_on_the_way_is_told_by_an_open_edge_only_when_asked_to_at_its_start() -> None:
    problem = refused(Snapshot(), OPEN, {"host": "127.0.0.1"}, "debug", "churn")
    assert (problem.status, problem.kind) == (403, "debug-off")
    assert access.authorize(Snapshot(), msgspec.structs.replace(OPEN, debug=True), {"host": "127.0.0.1"}, "debug") is None
