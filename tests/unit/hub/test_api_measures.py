"""Measures over HTTP: what edges tell is checked, and read with the rights that a key has."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.hub.counted import ROWS, bins, counted, of, package_of, sample, window, windows
from tests.unit.hub.served import Served, bearer, served

TELL = "/v1/edges/na-1/measures"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub without services, for many tests."""
    with served(tmp_path_factory.mktemp("hub")) as running:
        yield running


def message(*versions: Any, number: int = 1, region: str = "na") -> dict[str, Any]:
    """What an edge sends, as a document that a test may spoil."""
    given = windows("r", region, [window(number, time.time() - 20, *versions)])
    found: dict[str, Any] = json.loads(msgspec.json.encode(given))
    return found


def test_an_edge_tells_and_a_reader_reads(hub: Served) -> None:
    published = hub.hub.publish("churn", package_of(), actor="ada")
    body = message(of(published, counted(30, inputs=bins(sample()))))
    for _ in range(2):
        answer = hub.client.post(TELL, json=body)
        assert (answer.status_code, answer.json()) == (200, {"number": 1})
    series = hub.client.get("/v1/services/churn/measures", params={"span": "15m"}).json()
    assert (series["service"], series["step"], len(series["points"])) == ("churn", 10.0, 90)
    there = [point for point in series["points"] if point["total"] is not None]
    assert [point["versions"]["1"]["requests"] for point in there] == [30]
    assert there[0]["regions"]["na"]["rate"] == 3.0
    assert series["now"]["requests"] == 30
    drift = hub.client.get("/v1/services/churn/drift").json()
    assert (drift["version"], drift["rows"], drift["verdict"]) == (1, ROWS, "stable")
    assert drift["columns"][0]["labels"][-1] == "missing"
    elsewhere = {"span": "7d", "region": "emea", "version": 1}
    assert hub.client.get("/v1/services/churn/drift", params=elsewhere).json()["rows"] == 0
    assert not any(
        point["total"] for point in hub.client.get("/v1/services/churn/measures", params={"region": "emea"}).json()["points"]
    )


def _spoiled(*path: str | int, value: Any) -> dict[str, Any]:
    package = {"service": "churn", "version": 1, "package": "0" * 64, "counted": {"outcomes": {"ok": 1}, "inputs": {}}}
    body: dict[str, Any] = {"run": "r", "region": "na", "windows": [{"number": 1, "since": 1.0, "until": 2.0}]}
    body["windows"][0]["versions"] = [package]
    place: Any = body
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return body


VERSION = ("windows", 0, "versions", 0)


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (_spoiled("run", value=""), "/run"),
        (_spoiled("run", value="a\x00b"), "/run"),
        (_spoiled("run", value=7), "/run"),
        (_spoiled("region", value="<script>"), "/region"),
        (_spoiled("region", value="na\n"), "/region"),
        (_spoiled("windows", value={}), "/windows"),
        (_spoiled("windows", value=[{"number": 1, "since": 1, "until": 2}] * 1001), "/windows"),
        (_spoiled("windows", 0, "number", value=0), "/windows/0/number"),
        (_spoiled("windows", 0, "number", value=2**60), "/windows/0/number"),
        (_spoiled("windows", 0, "since", value=-1), "/windows/0/since"),
        (_spoiled("windows", 0, "until", value=0.5), "/windows/0/until"),
        (_spoiled("windows", 0, "until", value="now"), "/windows/0/until"),
        (_spoiled(*VERSION, "service", value="no name"), "/windows/0/versions/0/service"),
        (_spoiled(*VERSION, "version", value=0), "/windows/0/versions/0/version"),
        (_spoiled(*VERSION, "counted", "outcomes", value={"ok": -1}), "/windows/0/versions/0/counted/outcomes/*"),
        (_spoiled(*VERSION, "counted", "outcomes", value={"ok": 10**10}), "/windows/0/versions/0/counted/outcomes/*"),
        (_spoiled(*VERSION, "counted", "outcomes", value={"x" * 33: 1}), "/windows/0/versions/0/counted/outcomes"),
        (_spoiled(*VERSION, "counted", "latency", value=[1, 2]), "/windows/0/versions/0/counted/latency"),
        (_spoiled(*VERSION, "counted", "latency", value=[0] * 26), "/windows/0/versions/0/counted/latency"),
        (_spoiled(*VERSION, "counted", "rows", value=-1), "/windows/0/versions/0/counted/rows"),
        (
            _spoiled(*VERSION, "counted", "inputs", value={"age": {"counts": [-1]}}),
            "/windows/0/versions/0/counted/inputs/*/counts/0",
        ),
        (
            _spoiled(*VERSION, "counted", "inputs", value={"age": {"counts": [0] * 1001}}),
            "/windows/0/versions/0/counted/inputs/*/counts",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(empty: Served, body: dict[str, Any], at: str) -> None:
    answer = empty.client.post(TELL, content=json.dumps(body))
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-request"
    assert [entry["at"] for entry in problem["errors"]] == [at]
    assert problem["detail"].startswith(f"{at}: expected ")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"run": 1e999}'])
def test_what_is_no_json_is_refused(empty: Served, body: bytes) -> None:
    answer = empty.client.post(TELL, content=body)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_windows_of_services_that_are_gone_are_taken(empty: Served) -> None:
    assert empty.client.post(TELL, json=_spoiled("run", value="r")).json() == {"number": 1}


def test_keys_for_some_services_read_those(hub: Served) -> None:
    for name in ("churn", "other"):
        hub.hub.publish(name, package_of(), actor="ada")
    hub.closed()
    mine = bearer(hub.key("predict", services=["churn"]))
    for what in ("measures", "drift"):
        assert hub.client.get(f"/v1/services/churn/{what}", headers=mine).status_code == 200
        assert hub.client.get(f"/v1/services/other/{what}", headers=mine).status_code == 403
        assert hub.client.get(f"/v1/services/churn/{what}").status_code == 401
    assert hub.client.post(TELL, json=message(), headers=mine).status_code == 403
    edge = bearer(hub.key("edge"))
    assert hub.client.post(TELL, json=message(), headers=edge).status_code == 200
    assert hub.client.get("/v1/services/churn/measures", headers=edge).status_code == 403


def test_spans_and_names_that_are_none_are_said(hub: Served) -> None:
    hub.hub.publish("churn", package_of(), actor="ada")
    for what in ("measures", "drift"):
        answer = hub.client.get(f"/v1/services/churn/{what}", params={"span": "2h"})
        assert answer.status_code == 422
        assert "'15m', '1h', '24h', '7d' or '30d'" in answer.json()["detail"]
        assert hub.client.get(f"/v1/services/chum/{what}").status_code == 404
        assert hub.client.get(f"/v1/services/churn/{what}", params={"version": 9}).status_code == 404
        assert hub.client.get(f"/v1/services/churn/{what}", params={"verzion": 1}).status_code == 422
