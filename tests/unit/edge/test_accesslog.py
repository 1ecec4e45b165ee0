"""Lines about single requests, when they are asked for."""

import asyncio
import json
from typing import Any

import pytest

from rtml_plugins.edge import accesslog
from rtml_plugins.edge.exchange import Later, Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving import logs
from tests.unit.serving.test_logs import lines, stream

__all__ = ["stream"]  # the fixture


def settings(share: float) -> EdgeSettings:
    return EdgeSettings(home="unused", region="emea", access_log=share)


def asked(path: str) -> Request:
    return Request("POST", path, "explain=columns", {"authorization": "Bearer rtml_0_0"}, b'{"age": 41}')


def test_without_the_setting_the_handler_is_the_one_that_was_given() -> None:
    def handle(request: Request) -> Response:
        return Response(200, [], b"")

    assert accesslog.install(settings(0.0), handle) is handle


def test_every_way_in_which_an_answer_comes_is_logged_once(stream: Any) -> None:
    waiting = Later()

    async def slow() -> Response:
        await asyncio.sleep(0)
        return Response(504, [], b"", "three")

    def handle(request: Request) -> Any:
        return {"/one": Response(200, [], b"", "one"), "/two": waiting}.get(request.path) or slow()

    logged = accesslog.install(settings(1.0), handle)
    got: list[Response] = []
    logged(asked("/one"))
    logged(asked("/two")).then(got.append)  # type: ignore[union-attr]
    assert got == []
    waiting.resolve(Response(422, [], b"", "two"))

    async def awaited() -> Response:
        return await logged(asked("/three"))  # type: ignore[misc]

    got.append(asyncio.run(awaited()))
    assert [response.status for response in got] == [422, 504]
    written = lines(stream)
    assert [(line["path"], line["status"], line["request_id"]) for line in written] == [
        ("/one", 200, "one"),
        ("/two", 422, "two"),
        ("/three", 504, "three"),
    ]
    assert all(line["ms"] >= 0 and line["method"] == "POST" for line in written)
    text = json.dumps(written)
    assert ("explain" in text, "age" in text, "Bearer" in text) == (False, False, False)


def test_a_share_of_requests_is_every_nth(stream: Any) -> None:
    logged = accesslog.install(settings(0.1), lambda request: Response(200, [], b"", ""))
    for number in range(30):
        logged(asked(f"/{number}"))
    assert [line["path"] for line in lines(stream)] == ["/9", "/19", "/29"]
    with pytest.raises(logs.LogsRefused):
        accesslog.install(settings(2.0), lambda request: Response(200, [], b"", ""))
