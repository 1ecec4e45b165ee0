"""Who may do what over HTTP, and what every answer has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.hub.api import edges
from rtml_plugins.hub.api.rates import Rates
from rtml_plugins.hub.errors import Unavailable
from rtml_plugins.serving.keys import SCOPES
from rtml_plugins.serving.problems import Problem
from tests.unit.hub.served import Served, bearer, served


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def operations(hub: Served) -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path with values, what the document says) of all operations."""
    values = {"name": "churn", "number": "1", "region": "na", "package": "0" * 64, "edge": "na-1", "key": "0" * 12}
    values |= {"dataset": "web", "policy": "crm", "aggregate": "0" * 12}
    paths = hub.client.get("/openapi.json").json()["paths"]
    return [
        (method.upper(), path.format(**values), operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def test_each_operation_takes_keys_of_its_scopes_and_no_others(hub: Served) -> None:
    found = operations(hub)
    assert len(found) == 61
    keys = {scope: bearer(hub.key(scope, name=scope)) for scope in SCOPES}
    for method, path, operation in found:
        if not operation["security"]:
            assert hub.client.request(method, path).status_code == 200, path
            continue
        assert hub.client.request(method, path).status_code == 401, path
        allowed = {*operation["security"][0]["key"], "admin"}
        for scope in sorted(set(SCOPES) - allowed):
            answer = hub.client.request(method, path, headers=keys[scope], json={})
            assert answer.status_code == 403, (method, path, scope)
            assert answer.json()["detail"].startswith(f"the key '{scope}' lacks the scope ")
            assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
        for scope in sorted(allowed - {"admin"}):
            answer = hub.client.request(method, path, headers=keys[scope], json={})
            assert answer.status_code not in (401, 403), (method, path, scope, answer.text)


def test_without_a_key_nothing_is_told_of_what_there_is(hub: Served) -> None:
    hub.publish()
    hub.closed()
    answers = [
        hub.client.get(path) for path in ("/v1/services/churn", "/v1/services/nothing", "/nowhere", "/v1/services/BAD NAME")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    for header in ("Basic abc", "Bearer", "Bearer ", "Bearer rtml_x", "rtml_x", "Bearer \xff"):
        assert hub.client.get("/v1/hub", headers={"Authorization": header.encode("latin-1")}).status_code == 401


def test_keys_over_http(hub: Served) -> None:
    lockout = hub.client.post("/v1/keys", json={"name": "shop", "scopes": ["predict"]})
    assert (lockout.status_code, lockout.json()["type"]) == (409, "/problems/conflict")
    me = hub.client.post("/v1/keys", json={"name": "me", "scopes": ["admin"]})
    assert me.status_code == 201
    headers = {"Authorization": f"Bearer {me.json()['secret']}"}
    assert hub.client.get("/v1/keys").status_code == 401
    limited = {"name": "shop", "scopes": ["predict"], "services": ["churn"], "expires": "90d", "rate": 10}
    shop = hub.client.post("/v1/keys", json=limited, headers=headers).json()
    assert shop["key"]["services"] == ["churn"]
    listed = hub.client.get("/v1/keys", headers=headers)
    assert [key["name"] for key in listed.json()["keys"]] == ["shop", "me"]
    assert shop["secret"] not in listed.text
    rotated = hub.client.post(f"/v1/keys/{shop['key']['id']}/rotate", params={"overlap": 0}, headers=headers).json()
    assert hub.client.get("/v1/services", headers={"Authorization": f"Bearer {shop['secret']}"}).status_code == 401
    assert hub.client.get("/v1/services", headers={"Authorization": f"Bearer {rotated['secret']}"}).status_code == 200
    revoked = hub.client.delete(f"/v1/keys/{rotated['key']['id']}", headers=headers)
    assert revoked.json()["revoked"] is not None
    own = f"/v1/keys/{me.json()['key']['id']}"
    last = hub.client.delete(own, headers=headers)
    assert last.status_code == 409
    assert "rtml keys create --home" in last.json()["detail"]
    assert hub.client.delete(own, params={"force": "true"}, headers=headers).status_code == 200
    assert hub.client.get("/v1/keys", headers=headers).status_code == 401


def test_a_new_key_reaches_edges_with_the_next_state(hub: Served) -> None:
    before = hub.client.get("/v1/regions/na/state").json()["revision"]
    admin_key = hub.key("admin")
    edge = bearer(hub.key("edge"))
    made = hub.key("predict")
    state = hub.client.get("/v1/regions/na/state", params={"after": before, "wait": 30}, headers=edge).json()
    assert state["revision"] > before
    assert {key["id"] for key in state["keys"]} == {admin_key.key.id, made.key.id}
    hub.keys.revoke(made.key.id)
    state = hub.client.get("/v1/regions/na/state", headers=edge).json()
    assert [key["id"] for key in state["keys"]] == [admin_key.key.id]


def test_a_hub_without_keys_answers_under_names_of_this_machine_only(hub: Served) -> None:
    for host in ("localhost", "localhost:8000", "127.0.0.1:1", "127.9.9.9", "[::1]:8000", "[::1]", "app.localhost"):
        assert hub.client.get("/v1/hub", headers={"Host": host}).status_code == 200
    others = ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "10.0.0.1")
    for host in others:
        answer = hub.client.get("/v1/hub", headers={"Host": host})
        assert (answer.status_code, answer.json()["type"]) == (421, "/problems/host-refused")
    headers = hub.closed()
    assert hub.client.get("/v1/hub", headers={"Host": others[0], **headers}).status_code == 200


def test_pages_of_others_change_nothing_at_a_hub_without_keys(hub: Served) -> None:
    hub.publish()
    for origin in ("https://evil.example", "null", "http://[", "http://127.0.0.1:9999"):
        answer = hub.client.delete("/v1/services/churn", headers={"Origin": origin})
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/origin-refused")
        read = hub.client.get("/v1/services/churn", headers={"Origin": origin})
        assert read.status_code == 200
        assert "access-control-allow-origin" not in read.headers  # so the browser does not show it to the page
    assert hub.client.delete("/v1/services/churn", headers={"Origin": "http://127.0.0.1:8000"}).status_code == 204


def test_origins_that_may(tmp_path: Path) -> None:
    with served(tmp_path, cors=("https://shop.example/",)) as hub:
        headers = {"Origin": "https://shop.example", "Access-Control-Request-Method": "PUT"}
        asked = hub.client.options("/v1/services/churn/traffic", headers=headers)
        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "https://shop.example"
        assert "PUT" in asked.headers["access-control-allow-methods"]
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        assert asked.headers["vary"] == "Origin"
        answer = hub.client.post("/v1/services/churn/rollback", headers={"Origin": "https://shop.example"})
        assert answer.status_code == 404
        assert answer.headers["access-control-allow-origin"] == "https://shop.example"
        other = hub.client.options("/v1/services", headers={**headers, "Origin": "https://evil.example"})
        assert other.status_code == 403
        assert "access-control-allow-origin" not in other.headers


def test_any_origin_reads_and_none_writes_without_keys(tmp_path: Path) -> None:
    with served(tmp_path, cors=("*",)) as hub:
        origin = {"Origin": "https://any.example"}
        assert hub.client.get("/v1/services", headers=origin).headers["access-control-allow-origin"] == "*"
        assert hub.client.post("/v1/services/churn/rollback", headers=origin).status_code == 403
        headers = hub.closed()
        assert hub.client.post("/v1/services/churn/rollback", headers={**origin, **headers}).status_code == 404


def test_what_every_answer_has(hub: Served) -> None:
    for path in ("/v1/hub", "/nowhere", "/v1/services/churn"):
        answer = hub.client.get(path, headers={"X-Request-Id": "abc-1"})
        assert answer.headers["x-request-id"] == "abc-1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    made = hub.client.get("/nowhere", headers={"X-Request-Id": "not sane " + "x" * 200})
    assert made.json()["request_id"] == made.headers["x-request-id"]
    assert "sane" not in made.headers["x-request-id"]


def test_head_is_answered_like_get_without_a_body(hub: Served) -> None:
    for path in ("/v1/services", "/v1/nowhere"):
        head, get = hub.client.head(path), hub.client.get(path)
        assert (head.status_code, head.headers["content-length"]) == (get.status_code, get.headers["content-length"])
        assert head.content == b""


def test_unknown_paths_and_methods(hub: Served) -> None:
    nowhere = hub.client.get("/v1/nowhere")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "/problems/no-such-path")
    wrong = hub.client.put("/v1/services/churn", json={})
    assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems/method-not-allowed")
    assert set(wrong.headers["allow"].split(", ")) <= {"GET", "PATCH", "DELETE"}
    assert hub.client.get("/docs").status_code == hub.client.get("/redoc").status_code == 404


def test_a_misspelled_query_parameter_does_not_do_nothing_in_silence(hub: Served) -> None:
    answer = hub.client.post("/v1/services/churn/versions", params={"regions": "na"}, content=b"")
    assert answer.status_code == 422
    assert "there is no query parameter 'regions' here" in answer.json()["detail"]
    assert "Did you mean 'region'?" in answer.json()["detail"]
    assert hub.client.get("/v1/hub?x=1").status_code == 422


def test_a_body_that_is_no_json(hub: Served) -> None:
    answer = hub.client.put("/v1/services/churn/traffic", content=b"{no", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/malformed-json")
    report = hub.client.put("/v1/edges/na-1", content=b"\xff{")
    assert (report.status_code, report.json()["type"]) == (400, "/problems/malformed-json")


@pytest.mark.parametrize("path", ["/v1/services/churn/versions", "/v1/services/churn/rollback"])
def test_a_body_that_does_not_come(tmp_path: Path, path: str) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"begin"
        await asyncio.sleep(30)
        yield b"end"

    with served(tmp_path, idle_timeout=0.2) as hub:
        answer = hub.client.post(path, content=slow())
        assert (answer.status_code, answer.json()["type"]) == (408, "/problems/slow-body")
        assert answer.headers["connection"] == "close"
        assert "got 5 bytes" in answer.json()["detail"]


def test_regions_that_nobody_serves_are_not_kept_without_end(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "_REGIONS", 5)
    for number in range(20):
        assert hub.client.get(f"/v1/regions/r{number}/state").json()["region"] == f"r{number}"
    assert len(hub.app.state.states._kept) <= 6


def test_a_fault_of_the_hub_is_logged_and_not_told(
    hub: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(hub.hub, "get", broken)
    answer = hub.client.get("/v1/services/churn", headers={"X-Request-Id": "id-of-it"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert "swordfish" not in answer.text
    record = next(record for record in caplog.records if record.getMessage() == "request failed")
    assert "swordfish" in str(record.exc_info)
    assert record.rtml_fields["request_id"] == "id-of-it"  # type: ignore[attr-defined]


def test_who_changed_something_and_who_was_refused_stands_in_the_log(hub: Served, caplog: pytest.LogCaptureFixture) -> None:
    headers = hub.closed()
    caplog.set_level("INFO", "rtml.hub")
    hub.client.get("/v1/services", headers=headers)
    hub.client.delete("/v1/services/churn", headers=headers)
    hub.client.get("/v1/services", headers={"Authorization": "Bearer rtml_wrong"})
    lines = [record.rtml_fields for record in caplog.records if record.getMessage() == "request"]  # type: ignore[attr-defined]
    told = [(line["method"], line["status"], line["actor"]) for line in lines]
    assert told == [("DELETE", 404, "k0"), ("GET", 401, None)]
    assert headers["Authorization"].removeprefix("Bearer ") not in caplog.text


def test_a_database_that_is_away(hub: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("the hub's database postgresql://hub@db.internal/x can't be used")

    monkeypatch.setattr(hub.hub, "get", away)
    monkeypatch.setattr(hub.hub, "check", away)
    for path in ("/v1/services/churn", "/v1/health/ready"):
        answer = hub.client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "db.internal" not in answer.text
    assert hub.client.get("/v1/health/live").json() == {"status": "live"}
    assert any("db.internal" in str(getattr(record, "rtml_fields", "")) for record in caplog.records)


def test_health_needs_no_key(hub: Served) -> None:
    hub.closed()
    assert hub.client.get("/v1/health/live").json() == {"status": "live"}
    assert hub.client.get("/v1/health/ready").json() == {"status": "ready"}
    hub.portal.call(hub.app.state.context.changes.drain)
    assert hub.client.get("/v1/health/ready").status_code == 503


def test_about_the_hub(hub: Served) -> None:
    about = hub.client.get("/v1/hub").json()
    assert (about["id"], about["open"]) == (hub.hub.id, True)
    assert hub.client.get("/v1/hub", headers=hub.closed()).json()["open"] is False


def test_a_key_that_asks_too_often(hub: Served) -> None:
    hub.closed()
    headers = bearer(hub.key("predict", rate=0.001))
    first = hub.client.get("/v1/services", headers=headers)
    assert first.status_code == 200
    assert first.headers["ratelimit"].startswith('"key";r=0;t=')
    second = hub.client.get("/v1/services", headers=headers)
    assert (second.status_code, second.json()["type"]) == (429, "/problems/rate-exceeded")
    assert 900 < int(second.headers["retry-after"]) <= 1000
    assert second.headers["ratelimit-policy"] == '"key";q=1;w=1000'


def test_a_bucket_holds_a_second_and_fills_at_its_rate() -> None:
    now = 100.0
    rates = Rates(lambda: now)
    for left in (4, 3, 2, 1, 0):
        assert ("RateLimit", f'"key";r={left};t={0 if left else 1}') in rates.take("a", 5)
    with pytest.raises(Problem, match="the key may ask 5 times a second"):
        rates.take("a", 5)
    rates.take("b", 5)
    now += 0.2
    rates.take("a", 5)
    with pytest.raises(Problem):
        rates.take("a", 5)
    now += 1000
    for _ in range(5):
        rates.take("a", 5)
    with pytest.raises(Problem):
        rates.take("a", 5)


def test_buckets_are_bounded() -> None:
    now = 0.0
    rates = Rates(lambda: now)
    for number in range(12_000):
        now += 1
        rates.take(str(number), 1)
    assert len(rates._buckets) <= 10_001


def test_no_secret_is_in_any_answer(hub: Served) -> None:
    admin_headers = hub.closed()
    secret = admin_headers["Authorization"].removeprefix("Bearer ")
    for method, path, _ in operations(hub):
        answer = hub.client.request(method, path, headers=admin_headers, content=json.dumps({"x": 1}))
        assert secret not in answer.text
