"""Who was refused stands in the log, a line a second at most, and no secret with it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.edge import access, app, http1, predict
from rtml_plugins.edge.exchange import Headers, Request, Response
from rtml_plugins.edge.refusals import Refusals, key_id
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import KeyEntry
from tests.unit.edge import apps, packages

PREDICT = "/v1/services/churn/predict"


def request(path: str = PREDICT, **headers: str) -> Request:
    return Request("POST", path, "explain=columns", headers, b"a body", "203.0.113.9")


def response(status: int = 401) -> Response:
    return Response(status, (), Problem(status, "any", "because").body(), "an-id")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the lines since the last call."""
    found = [{"event": record.message, **vars(record)["rtml_fields"]} for record in caplog.records]
    caplog.clear()
    return found


def test_a_line_says_who_asked_for_what_and_why_it_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    identity, secret = new_secret()
    Refusals().note(request(authorization=f"Bearer {secret}"), response(403))
    (line,) = lines(caplog)
    assert line == {
        "event": "request refused",
        "status": 403,
        "reason": "because",
        "client": "203.0.113.9",
        "key": identity,
        "service": "churn",
        "path": PREDICT,
        "request_id": "an-id",
    }


def test_a_flood_is_a_line_a_second_with_how_many_there_were(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    for _ in range(1000):
        refusals.note(request(), response())
    assert ["more" in line for line in lines(caplog)] == [False]
    refusals.flush()
    assert lines(caplog) == []
    now += 1.0
    refusals.flush()  # a server does so each second
    assert [line["more"] for line in lines(caplog)] == [998]
    now += 1.0
    refusals.flush()
    assert lines(caplog) == []
    refusals.note(request(), response())
    assert len(lines(caplog)) == 1


@pytest.mark.parametrize("status", [200, 404, 422, 429, 503])
def test_other_answers_are_not_noted(status: int, caplog: pytest.LogCaptureFixture) -> None:
    Refusals().note(request(), response(status))
    assert lines(caplog) == []


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer secret", "Bearer rtml_0_0", "Basic cnRtbF8wMDowMA==", "Bearer rtml_" + "x" * 12 + "_a"]
)
def test_what_is_no_key_has_no_id(header: str | None) -> None:
    assert key_id({} if header is None else {"authorization": header}) is None


@pytest.mark.parametrize("path", [PREDICT, "/v1/services/churn", "/v2/models/churn/infer", "/v2/models/churn", "/v1/services"])
def test_whatever_way_a_request_takes_its_refusal_is_noted_and_its_secret_is_not(
    path: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted = Refusals()
    monkeypatch.setattr(predict, "refusals", noted)
    monkeypatch.setattr(app, "refusals", noted)
    _, secret = new_secret()
    entry = KeyEntry("0" * 12, digest(new_secret()[1]), ("predict",))
    one = apps.app(tmp_path, packages.service(1), open=False, others={"keys": {entry.hash: entry}, "locked": True})
    asks = {"body": {"x": 1}} if path.endswith(("predict", "infer")) else {}
    with caplog.at_level(logging.WARNING):
        answer, document = apps.ask(one, path, **asks, authorization=f"Bearer {secret}")  # type: ignore[arg-type]
    assert answer.status == 401
    (line,) = lines(caplog)
    assert (line["status"], line["key"], line["path"]) == (401, secret.split("_")[1], path)
    assert line["request_id"] == answer.request_id == document["request_id"]
    assert line.get("service") == (None if path == "/v1/services" else "churn")
    assert secret.split("_")[2] not in str(line)


@pytest.mark.parametrize(("path", "service"), [(PREDICT, "churn"), ("/v2/models/price/infer", "price"), ("/v1/services", None)])
def test_a_body_that_is_not_read_because_of_its_key_is_a_refusal_too(
    path: str, service: str | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "refusals", Refusals())
    identity, secret = new_secret()

    def admit(headers: Headers) -> None:
        raise access.unauthorized("no such key")

    async def run() -> bytes:
        settings = EdgeSettings(home="/nowhere", region="emea", port=0)
        server = http1.Server(lambda request: response(200), settings, admit)
        port = await server.start()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {secret}\r\nContent-Length: 1000000\r\n\r\n"
            writer.write(head.encode())
            answer = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            return answer
        finally:
            await server.stop(1.0)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 401 ")
    (line,) = [line for line in lines(caplog) if line["event"] == "request refused"]
    assert (line["key"], line.get("service"), line["client"], line["reason"]) == (identity, service, "127.0.0.1", "no such key")
