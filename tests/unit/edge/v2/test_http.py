"""Requests below /v2, without a server."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtml_plugins.edge.app import App
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.files import HeldState, Home, read, write
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Table
from rtml_plugins.edge.v2 import body as bodies
from rtml_plugins.edge.v2 import models
from rtml_plugins.edge.v2.tensors import Tensor
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import ServiceEntry, VersionEntry
from tests.integration.v2.edges import ROWS
from tests.integration.v2.test_triton_http import json_body


def asked(app: App, method: str, path: str, body: bytes = b"", **headers: str) -> Response:
    request = Request(method, path, "", {name.replace("_", "-"): value for name, value in headers.items()}, body)  # type: ignore[arg-type]

    async def answered() -> Any:
        answer = app.handle(request)
        return answer if isinstance(answer, Response) else await answer

    assert app.table._task is not None
    return app.table._task.get_loop().run_until_complete(answered())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2", 200),
        ("GET", "/v2/", 200),
        ("HEAD", "/v2/health/live", 200),
        ("GET", "/v2/health/ready", 200),
        ("POST", "/v2/health/ready", 405),
        ("GET", "/v2/models/visits", 200),
        ("GET", "/v2/models/visits/versions/2/ready", 200),
        ("GET", "/v2/models/visits/versions/02", 200),
        ("GET", "/v2/models/visits/versions/3", 404),
        ("GET", "/v2/models/visits/versions/٢", 404),
        ("GET", "/v2/models/visits/versions", 404),
        ("GET", "/v2/models/visits/versions/", 404),
        ("GET", "/v2/models/visits/infer", 405),
        ("POST", "/v2/models/visits", 405),
        ("GET", "/v2/models//ready", 404),
        ("GET", "/v2/models", 404),
        ("GET", "/v2/models/visits/ready/x", 404),
        ("GET", "/v2/models/visits/stats", 404),
        ("GET", "/v2/logging", 404),
        ("POST", "/v2/repository/index", 200),
        ("GET", "/v2/repository/index", 405),
        ("POST", "/v2/repository/models/visits/load", 400),
        ("GET", "/v2/\x00\udcff/x", 404),
    ],
)
def test_paths(app: Callable[..., App], method: str, path: str, status: int) -> None:
    response = asked(app(), method, path)
    assert response.status == status
    if status >= 400:
        document = json.loads(response.body)
        assert document["status"] == status
        assert document["error"] == document["detail"]
        assert document["request_id"] == response.request_id != ""
        assert dict(response.headers)["Content-Type"] == "application/json"


def test_errors_are_problem_documents_for_whoever_accepts_these(app: Callable[..., App]) -> None:
    response = asked(app(), "GET", "/v2/models/visit", accept="application/problem+json, application/json")
    assert dict(response.headers)["Content-Type"] == "application/problem+json"
    assert json.loads(response.body)["type"] == "/problems/no-such-service"


def test_problems_point_to_rows_and_inputs(app: Callable[..., App]) -> None:
    rows = [{**row, "quote": None, "country": None} for row in ROWS * 60]
    document = json.loads(asked(app(), "POST", "/v2/models/visits/infer", json_body(rows)).body)
    assert document["detail"].startswith("input 'quote', row 0: expected a finite number, got a missing value; ")
    assert document["detail"].endswith("; and 175 more")
    assert len(document["errors"]) == 100
    assert document["errors"][0] == {"at": "/0/quote", "expected": "a finite number", "got": "a missing value"}


def test_the_index_may_be_of_what_is_ready_only(app: Callable[..., App]) -> None:
    made = app()
    assert len(json.loads(asked(made, "POST", "/v2/repository/index", b'{"ready": true}').body)) == 2
    for wrong in (b"[]", b"{", b'{"ready": 1}', b"\xff"):
        assert asked(made, "POST", "/v2/repository/index", wrong).status == 400


def test_large_requests_are_answered_from_the_thread(app: Callable[..., App]) -> None:
    made = app()
    rows = ROWS * 700
    response = asked(made, "POST", "/v2/models/visits/versions/1/infer", json_body(rows))
    assert response.status == 200
    outputs = {output["name"]: output["data"] for output in json.loads(response.body)["outputs"]}
    expected = made.table.current.services["visits"].versions[1].runtime.score(rows)
    assert outputs["country"] == [row["country"] for row in expected]
    assert made.in_flight == 0
    refused = asked(made, "POST", "/v2/models/visits/infer", json_body([*rows, {**ROWS[0], "quote": None}]))
    assert (refused.status, json.loads(refused.body)["errors"][0]["at"]) == (422, "/2100/quote")
    wrong = asked(made, "POST", "/v2/models/visits/infer", b"[" * 100_000)
    assert wrong.status == 400


def test_mlserver_s_codecs_read_what_they_asked_for(app: Callable[..., App]) -> None:
    body = json_body(ROWS, parameters={"content_type": "pd"})
    document = json.loads(asked(app(), "POST", "/v2/models/visits/versions/1/infer", body).body)
    assert document["parameters"] == {"content_type": "pd"}
    assert {o["parameters"]["content_type"] for o in document["outputs"] if o["datatype"] == "BYTES"} == {"str"}


def test_what_is_not_loaded_is_not_ready(tmp_path: Path, package_files: list[Path]) -> None:
    home = Home(tmp_path)
    home.make()
    held = HeldState(1, "hub", "emea", 1, (ServiceEntry("0", "visits", (VersionEntry(1, "0" * 64, 1),), models_traffic()),))
    write(home.state, held)
    assert read(home.state, HeldState) is not None
    given = EdgeSettings(home=str(tmp_path), region="emea")

    async def ask() -> list[Response]:
        table = Table(given)
        await table.start()
        made = App(table, given)
        paths = ["/v2/health/ready", "/v2/models/visits/ready", "/v2/models/visits"]
        asks = [("GET", path) for path in paths] + [("POST", "/v2/repository/index")]
        found = [made.handle(Request(method, path, "", {}, b"")) for method, path in asks]  # type: ignore[arg-type]
        await table.stop()
        return [answer for answer in found if isinstance(answer, Response)]

    ready, model_ready, model, index = asyncio.run(ask())
    assert (ready.status, json.loads(ready.body)) == (400, {"ready": False})
    assert (model_ready.status, json.loads(model_ready.body)["ready"]) == (400, False)
    assert json.loads(model_ready.body)["request_id"] == model_ready.request_id != ""
    assert (model.status, dict(model.headers)["Retry-After"]) == (503, "10")
    assert "could not be fetched" in json.loads(model.body)["error"]
    assert json.loads(index.body)[0]["state"] == "UNAVAILABLE"


def models_traffic() -> Any:
    from rtml_core.client.records import Traffic

    return Traffic(1)


def test_the_sticky_field_is_a_key_as_over_rest(app: Callable[..., App]) -> None:
    made = app()
    service = made.table.current.services["visits"]
    model = models.find(made.table.current, "visits")
    assert service.choose is not None
    for visits in range(8):
        row = {**ROWS[0], "visits": visits}
        rest = asked(made, "POST", "/v1/services/visits/predict", msgspec.json.encode(row))
        over_v2 = asked(made, "POST", "/v2/models/visits/infer", json_body([row]))
        assert json.loads(rest.body)["version"] == int(json.loads(over_v2.body)["model_version"]) == service.choose(str(visits))
    assert model.choose("a", {"rtml_key": "b"}, []).version == service.choose("a")
    assert model.choose(None, {"rtml_key": 7}, [Tensor("visits", "INT64", [8])]).version == service.choose("7")
    with pytest.raises(Problem, match="has no version '3'"):
        models.find(made.table.current, "visits", "3")


@pytest.fixture(scope="module")
def shared(package_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.integration.v2 import edges

    home = tmp_path_factory.mktemp("shared")
    edges.fill(home, package_files, models_traffic())
    given = EdgeSettings(home=str(home), region="emea", max_rows=100)
    table = Table(given)
    with asyncio.Runner() as runner:
        runner.run(table.start())
        yield App(table, given)
        runner.run(table.stop())


HEADERS = st.dictionaries(
    st.sampled_from(
        ["inference-header-content-length", "content-encoding", "accept-encoding", "accept", "x-rtml-key", "authorization"]
    ),
    st.text(max_size=8) | st.sampled_from(["gzip", "deflate", "0", "10", "400"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), HEADERS)
def test_whatever_is_sent_is_no_fault_of_the_server(shared: App, data: st.DataObject, headers: dict[str, str]) -> None:
    body = bytearray(json_body(ROWS[:2]))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 6))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"null", b"1e999", b"[", b"-1"])
        )
    path = data.draw(st.sampled_from(["/v2/models/visits/infer", "/v2/models/visits/versions/1/infer", "/v2/repository/index"]))
    answer = asked(shared, "POST", path, bytes(body), **headers)
    assert answer.status in (200, 400, 413, 415, 422)
    if answer.status != 200:
        assert json.loads(answer.body)["error"]


def test_a_body_that_may_inflate_to_a_large_one_is_read_in_the_thread(
    app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = bodies.decompress
    threads: list[str] = []

    def noted(*given: Any) -> bytes:
        threads.append(threading.current_thread().name)
        return read(*given)

    monkeypatch.setattr(bodies, "decompress", noted)
    small = gzip.compress(json_body(ROWS) + b" " * (1 << 20))
    assert asked(app(), "POST", "/v2/models/visits/infer", small, content_encoding="gzip").status == 200
    assert all(name.startswith("rtml-v2") for name in threads)
