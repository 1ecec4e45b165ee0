"""Paths of an edge: which are there, what they take, and what everything else is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_plugins.edge.exchange import Response
from rtml_plugins.edge.table import Snapshot
from rtml_plugins.serving.keys import digest
from rtml_plugins.serving.wire import KeyEntry, ServiceStatus
from tests.unit.edge import apps, packages


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/", 404, "no-such-path"),
        ("GET", "/v1", 404, "no-such-path"),
        ("GET", "/v1/services/churn/", 404, "no-such-path"),
        ("GET", "/v1/services/churn/more", 404, "no-such-path"),
        ("GET", "/v1/services/other", 404, "no-such-service"),
        ("POST", "/v1/services/other/predict", 404, "no-such-service"),
        ("POST", "/v1/services/churn/versions/7/predict", 404, "no-such-version"),
        ("POST", "/v1/services/churn/versions/x/predict", 404, "no-such-version"),
        ("GET", "/v1/services/churn/predict", 405, "method-not-allowed"),
        ("DELETE", "/v1/services/churn/versions/1/predict", 405, "method-not-allowed"),
        ("PUT", "/v1/services", 405, "method-not-allowed"),
        ("POST", "/v1/health/live", 405, "method-not-allowed"),
        ("DELETE", "/v1/services/churn", 405, "method-not-allowed"),
        ("POST", "/v1/services/" + "x" * 5000 + "/predict", 404, "no-such-service"),
        ("GET", "/\ud800", 404, "no-such-path"),
    ],
)
def test_what_is_not_there_is_a_problem_document(tmp_path: Path, method: str, path: str, status: int, kind: str) -> None:
    response, answer = apps.ask(apps.app(tmp_path, packages.service(1)), path, method=method)
    assert (response.status, answer["type"]) == (status, f"/problems/{kind}")
    assert len(response.body) < 1000
    assert (status == 405) == ("Allow" in dict(response.headers))


def test_a_slash_at_the_end_of_a_path_is_a_404_that_names_the_path_without_it(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1))
    for method, path in (
        ("POST", "/v1/services/churn/predict"),
        ("POST", "/v1/services/churn/versions/1/predict"),
        ("POST", "/v1/services/other/predict"),
        ("GET", "/v1/services"),
        ("GET", "/v1/services/churn"),
        ("GET", "/v1/health/live"),
    ):
        response, answer = apps.ask(one, path + "/", {} if method == "POST" else None, method=method)
        assert (response.status, answer["type"]) == (404, "/problems/no-such-path")
        assert answer["detail"] == f"there is nothing at '{path}/': leave the '/' at its end out: '{path}'"


def test_a_name_that_may_have_been_meant_is_told_where_there_are_no_keys(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1))
    assert "Did you mean 'churn'?" in apps.ask(one, "/v1/services/chrun/predict", {"x": 1})[1]["detail"]


def test_services_are_listed_and_described(tmp_path: Path) -> None:
    entry = msgspec.structs.replace(packages.service(1, 2), description="who leaves")
    one = apps.app(tmp_path, entry, others={"waiting": {"blue": ServiceStatus("blue", (), "failed", "why")}})
    assert apps.ask(one, "/v1/services")[1] == {
        "services": [
            {"name": "blue", "versions": [], "state": "failed", "problem": "why"},
            {
                "name": "churn",
                "description": "who leaves",
                "versions": [1, 2],
                "champion": 2,
                "state": "ready",
                "problem": "",
            },
        ]
    }
    described = apps.ask(one, "/v1/services/churn")[1]
    assert described["fields"] == [{"optional": False, "name": "x", "type": "float"}]
    assert [output["name"] for output in described["outputs"]] == ["x", "says"]


def test_health_says_whether_requests_may_come(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1))
    assert apps.ask(one, "/v1/health/live")[1] == {"status": "live"}
    assert apps.ask(one, "/v1/health/ready")[1] == {"status": "ready"}
    one = apps.app(tmp_path, others={"ready": False})
    response, answer = apps.ask(one, "/v1/health/ready")
    assert (response.status, answer["type"], dict(response.headers)["Retry-After"]) == (503, "/problems/not-ready", "1")
    assert apps.ask(one, "/v1/health/live")[0].status == 200


@pytest.mark.parametrize(
    ("others", "kind"),
    [
        ({"known": False}, "no-state"),
        ({"waiting": {"churn": ServiceStatus("churn", (), "loading")}}, "loading"),
        ({"waiting": {"churn": ServiceStatus("churn", (), "failed", "damaged")}}, "service-failed"),
    ],
)
def test_a_service_that_is_not_there_yet_is_asked_for_again(tmp_path: Path, others: dict[str, Any], kind: str) -> None:
    response, answer = apps.ask(apps.app(tmp_path, others=others), "/v1/services/churn/predict", {"x": 1})
    assert (response.status, answer["type"]) == (503, f"/problems/{kind}")
    assert int(dict(response.headers)["Retry-After"]) > 0


def test_a_key_for_some_services_sees_these(tmp_path: Path) -> None:
    secret = "rtml_abc_secret"
    entry = KeyEntry("abc", digest(secret), ("predict",), ("churn",))
    others = {"keys": {entry.hash: entry}, "locked": True}
    one = apps.app(tmp_path, packages.service(1), packages.service(1, name="other"), open=False, others=others)
    assert apps.ask(one, "/v1/services")[0].status == 401
    given = {"authorization": f"Bearer {secret}"}
    assert [service["name"] for service in apps.ask(one, "/v1/services", **given)[1]["services"]] == ["churn"]
    statuses = [apps.ask(one, f"/v1/services/{name}/predict", {"x": 1}, **given)[0].status for name in ("churn", "other", "none")]
    assert statuses == [200, 403, 403]


def test_pages_of_allowed_origins_get_their_headers(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1), cors=("https://shop.example.com",))
    origin = {"origin": "https://shop.example.com"}
    for path, body in (
        ("/v1/services/churn/predict", {"x": 1}),
        ("/v1/services/churn/predict", {"x": "y"}),
        ("/v1/services", None),
    ):
        headers = dict(apps.ask(one, path, body, **origin)[0].headers)
        assert headers["Access-Control-Allow-Origin"] == origin["origin"]
    asked = {**origin, "access_control_request_method": "POST"}
    assert apps.ask(one, "/v1/services/churn/predict", method="OPTIONS", **asked)[0].status == 204


def test_another_snapshot_is_answered_from_at_once_and_what_did_not_change_stays(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1), packages.service(1, name="same"))
    before = one._targets["/v1/services/same/predict"]
    services = {"churn": apps.service(packages.service(2), one.settings), "same": one.snapshot.services["same"]}
    one.table.current = Snapshot(revision=2, services=services, ready=True, known=True)
    assert apps.ask(one, "/v1/services/churn/predict", {"x": 1})[1]["version"] == 2
    assert one._targets["/v1/services/same/predict"] is before
    one.take_up(Snapshot(revision=3))
    assert one._targets == {}


def test_paths_of_other_modules_are_theirs(tmp_path: Path) -> None:
    one = apps.app(tmp_path, packages.service(1))
    assert {"/v2", "/metrics", "/openapi.json"} == set(one._routes)

    async def later(request: Any) -> Response:
        return Response(200, (), request.path.encode())

    async def fails(request: Any) -> Response:
        raise RuntimeError("inside")

    one._routes = {"/v2": later, "/metrics": fails}
    assert apps.ask(one, "/v2/models/a")[0].body == b"/v2/models/a"
    assert apps.ask(one, "/v2x")[0].status == 404
    response, answer = apps.ask(one, "/metrics")
    assert (response.status, answer["type"]) == (500, "/problems/internal")
