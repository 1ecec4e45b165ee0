"""Keys, origins, figures, logs and traces of a worker that really runs."""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.wire import KeyEntry
from tests.fuzz.http.bodies import ROW
from tests.integration.edge_security.workers import Worker, every_type, lenient, service, worker
from tests.unit.edge.test_tracing import PARENT, Receiver, receiver

__all__ = ["receiver"]  # the fixture

PREDICT = "/v1/services/visits/predict"


def new_key(*scopes: str, **more: Any) -> tuple[str, KeyEntry]:
    identity, secret = new_secret()
    return secret, KeyEntry(identity, digest(secret), scopes, **more)


KEYS = {
    "predict": new_key("predict"),
    "debug": new_key("debug"),
    "both": new_key("predict", "debug"),
    "lenient": new_key("predict", services=("lenient",)),
    "expired": new_key("predict", expires=1.0),
    "slow": new_key("predict", rate=0.01),
}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name][0]}"}


@pytest.fixture(scope="module")
def edge() -> Iterator[Worker]:
    """A worker with keys, one allowed origin and a log of its requests."""
    with worker(
        lambda home: [service("visits", every_type(), home=home), service("lenient", lenient(), home=home)],
        [entry for _, entry in KEYS.values()],
        cors=("https://shop.example",),
        access_log=1.0,
    ) as running:
        yield running
        log = running.log()
    for secret, _ in KEYS.values():
        assert secret not in log


def test_keys_may_what_they_are_for(edge: Worker) -> None:
    assert edge.json("POST", PREDICT, ROW, bearer("predict"))[0] == 200
    refused = {
        "debug": (403, "/problems/forbidden"),
        "lenient": (403, "/problems/forbidden"),
        "expired": (401, "/problems/unauthorized"),
    }
    for name, expected in refused.items():
        status, problem = edge.json("POST", PREDICT, ROW, bearer(name))
        assert (status, problem["type"]) == expected
    status, headers, body = edge.request("POST", PREDICT, ROW)
    assert (status, headers["www-authenticate"], headers["content-type"]) == (
        401,
        'Bearer realm="rtml"',
        "application/problem+json",
    )
    assert json.loads(body)["request_id"] == headers["x-request-id"]


def test_a_rate_is_kept(edge: Worker) -> None:
    answers = [edge.request("POST", PREDICT, ROW, bearer("slow")) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 429, 429]
    assert int(answers[1][1]["retry-after"]) > 90
    assert answers[1][1]["ratelimit"].startswith('"key";r=0;t=')


@pytest.mark.parametrize("path", ["/v1/services", "/v1/services/visits", "/openapi.json", "/metrics", "/v2/models/visits"])
def test_nothing_but_health_is_told_without_a_key(edge: Worker, path: str) -> None:
    assert edge.request("GET", path)[0] == 401
    assert edge.request("GET", "/v1/health/live")[0] == edge.request("GET", "/v1/health/ready")[0] == 200


def test_a_key_of_a_service_sees_that_service_only(edge: Worker) -> None:
    status, listed = edge.json("GET", "/v1/services", headers=bearer("lenient"))
    assert (status, [entry["name"] for entry in listed["services"]]) == (200, ["lenient"])
    _, document = edge.json("GET", "/openapi.json", headers=bearer("lenient"))
    assert "visits" not in json.dumps(document)
    assert edge.json("GET", "/v1/services/visits", headers=bearer("lenient"))[0] == 403
    assert edge.json("GET", "/v1/services/nothing", headers=bearer("lenient"))[0] == 403


def test_metrics_are_for_the_scope_debug(edge: Worker) -> None:
    assert edge.request("GET", "/metrics", headers=bearer("predict"))[0] == 403
    status, headers, body = edge.request("GET", "/metrics", headers=bearer("debug"))
    assert (status, headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert b"rtml_edge_request_seconds_bucket" in body


def test_pages_of_the_allowed_origin_may_call_and_read(edge: Worker) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = edge.request("OPTIONS", PREDICT, headers=asked)
    assert (status, headers["access-control-allow-origin"]) == (204, "https://shop.example")
    for sent in (ROW, {"wrong": 1}):
        _, headers, _ = edge.request("POST", PREDICT, sent, {**bearer("predict"), "Origin": "https://shop.example"})
        assert headers["access-control-allow-origin"] == "https://shop.example"
        assert "X-Request-Id" in headers["access-control-expose-headers"]


def test_pages_of_other_origins_may_not(edge: Worker) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    status, headers, _ = edge.request("OPTIONS", PREDICT, headers=asked)
    assert (status, headers.get("access-control-allow-origin")) == (403, None)
    _, headers, _ = edge.request("POST", PREDICT, ROW, {**bearer("predict"), "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("POST", PREDICT, "predict"), ("POST", PREDICT, None), ("GET", "/v1/services", "predict"), ("GET", "/nothing", None)],
)
def test_every_answer_is_for_this_client_only_and_is_what_it_says(
    edge: Worker, method: str, path: str, headers: str | None
) -> None:
    _, answered, _ = edge.request(method, path, ROW if method == "POST" else None, bearer(headers) if headers else {})
    assert (answered["x-content-type-options"], answered["cache-control"]) == ("nosniff", "no-store")
    assert len(answered["x-request-id"]) == 24


def test_the_protocol_v2_answers_with_the_same_headers(edge: Worker) -> None:
    for path in ("/v2", "/v2/models/visits", "/v2/nothing"):
        _, answered, _ = edge.request("GET", path, headers=bearer("predict"))
        assert (answered.get("x-content-type-options"), answered.get("cache-control")) == ("nosniff", "no-store"), path


def test_requests_are_logged_when_asked_for_without_queries_and_bodies(edge: Worker) -> None:
    edge.request(
        "POST",
        PREDICT + "?explain=columns",
        {**ROW, "country": "secret-country"},
        {**bearer("predict"), "X-Request-Id": "mine-1"},
    )
    deadline = time.monotonic() + 20
    while "mine-1" not in edge.log() and time.monotonic() < deadline:
        time.sleep(0.02)
    (line,) = [json.loads(line) for line in edge.log().splitlines() if "mine-1" in line]
    assert (line["event"], line["method"], line["path"], line["level"]) == ("request", "POST", PREDICT, "info")
    assert "secret-country" not in edge.log()


def test_an_open_edge_answers_this_machine_only() -> None:
    with worker(lambda home: [service("lenient", lenient(), home=home)]) as open_edge:
        body = {"a": 1.0, "b": None}
        assert open_edge.json("POST", "/v1/services/lenient/predict", body)[0] == 200
        for headers, expected in (
            ({"Host": "rebound.example"}, (421, "/problems/host-refused")),
            ({"Origin": "https://evil.example"}, (403, "/problems/origin-refused")),
            ({"Origin": "null", "Content-Type": "text/json"}, (403, "/problems/origin-refused")),
        ):
            status, problem = open_edge.json("POST", "/v1/services/lenient/predict", body, headers)
            assert (status, problem["type"]) == expected
            assert open_edge.request("GET", "/metrics", headers=headers)[0] == expected[0]
        assert open_edge.json("POST", "/v1/services/lenient/predict", body, {"Content-Type": "text/plain"})[0] == 415
        text = open_edge.request("GET", "/metrics")[2].decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        counts = {
            sample.labels["outcome"]: sample.value
            for sample in families["rtml_edge_request_seconds"].samples
            if sample.name.endswith("_count")
        }
        assert counts == {"ok": 1, "refused": 3, "invalid": 1}
        assert '"request"' not in open_edge.log()


def test_a_trace_goes_from_the_caller_through_reading_and_scoring(receiver: Receiver) -> None:
    with worker(lambda home: [service("lenient", lenient(), home=home)], traces=receiver.url) as traced:
        body = {"a": 1.0, "b": None}
        assert traced.json("POST", "/v1/services/lenient/predict", body, {"traceparent": PARENT})[0] == 200
    # what is left is sent when the worker ends
    server = receiver.spans["POST /v1/services/{}/predict"]
    assert server.trace_id.hex() == PARENT.split("-")[1]
    for name in ("decode", "score"):
        assert receiver.spans[name].parent_span_id == server.span_id


def test_a_large_body_is_not_read_from_whoever_has_no_key(edge: Worker) -> None:
    for framing in ("Content-Length: 5000000", "Transfer-Encoding: chunked", "Content-Length: 5000000\r\nExpect: 100-continue"):
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{framing}\r\n"
        for key, expected in (("", b"401"), ("Authorization: Bearer rtml_0_0\r\n", b"401")):
            with socket.create_connection(("127.0.0.1", edge.port), 30) as connection:
                connection.sendall(f"{head}{key}\r\n".encode())  # and no body
                assert connection.recv(1 << 16).split(b" ")[1] == expected
    padded = json.dumps(ROW).encode() + b" " * 100_000
    assert edge.json("POST", PREDICT, padded, {**bearer("predict"), "Content-Type": "application/json"})[0] == 200


def test_what_is_computed_on_the_way_needs_both_scopes(edge: Worker) -> None:
    asked = PREDICT + "?explain=columns"
    for name in ("predict", "debug", "lenient"):
        assert edge.json("POST", asked, ROW, bearer(name))[0] == 403
    status, answer = edge.json("POST", asked, ROW, bearer("both"))
    assert status == 200
    assert {node["node"]: node["columns"] for node in answer["columns"][0]}["pandas_2"] == {"hour": 10}
