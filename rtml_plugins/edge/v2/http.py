"""The Open Inference Protocol (V2) over HTTP: everything below /v2.

A model of the protocol is a service. Errors are problem documents (RFC 9457) that say their sentence once more as "error", which
is where the protocol's clients look; they are sent as application/json, as one of these clients reads nothing else, and as
application/problem+json to whoever accepts that.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import describe
from rtml_plugins.edge import metrics
from rtml_plugins.edge.access import authorize
from rtml_plugins.edge.exchange import Answer, Handler, Request, Response
from rtml_plugins.edge.v2 import body as bodies
from rtml_plugins.edge.v2 import models
from rtml_plugins.edge.v2.plan import plan_of, score
from rtml_plugins.serving.problems import CONTENT_TYPE as PROBLEM_TYPE
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded, Snapshot

JSON: Final = ("Content-Type", "application/json")
BINARY: Final = ("Content-Type", "application/octet-stream")
#: requests of more rows are scored in a thread, as they would hold up the others
THREAD_FROM: Final = 256


class V2:
    """Answers requests below /v2."""

    def __init__(self, app: App):
        self._table = app.table
        self._settings = app.settings
        self._server = models.server_metadata()

    def __call__(self, request: Request) -> Answer:
        try:
            return self._answer(request, self._table.current)
        except Problem as problem:
            return error(request, problem)

    def _answer(self, request: Request, snapshot: Snapshot) -> Answer:
        parts = request.path.split("/")[2:]
        match parts:
            case [] | [""]:
                _only(request, "GET")
                return _json(self._server)
            case ["health", "live"]:
                _only(request, "GET")
                return _json({"live": True})
            case ["health", "ready"]:
                _only(request, "GET")
                return _json({"ready": snapshot.ready}, 200 if snapshot.ready else 400)
            case ["repository", "index"]:
                return self._index(request, snapshot)
            case ["models", name, "versions", version, *rest] if version:
                return self._model(request, snapshot, name, version, rest)
            case ["models", name, *rest] if name and rest[:1] != ["versions"]:
                return self._model(request, snapshot, name, "", rest)
            case ["repository", "models", *_]:
                raise Problem(400, "not-offered", "models are loaded and unloaded by the hub: rtml publish, rtml services delete")
        raise unknown(request)

    def _index(self, request: Request, snapshot: Snapshot) -> Response:
        _only(request, "POST")
        self._authorize(request, snapshot, None)
        asked: Any = {}
        if request.body.strip():
            try:
                asked = msgspec.json.decode(request.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                asked = None
        if not isinstance(asked, dict) or type(asked.get("ready", False)) is not bool:
            raise Problem(400, "invalid-request", 'the body of /v2/repository/index has to be empty or {"ready": true}')
        return _json(models.index(snapshot, asked.get("ready", False)))

    def _model(self, request: Request, snapshot: Snapshot, name: str, version: str, rest: list[str]) -> Answer:
        match rest:
            case ["infer"]:
                _only(request, "POST")
                return self._infer(request, snapshot, name, version)
            case ["ready"]:
                _only(request, "GET")
                return _ready(snapshot, name, version)
            case [] | [""]:
                _only(request, "GET")
                self._authorize(request, snapshot, name)
                return _json(models.metadata(models.find(snapshot, name, version)))
            case ["config"]:
                _only(request, "GET")
                self._authorize(request, snapshot, name)
                return _json(models.config(models.find(snapshot, name, version), self._settings.max_rows))
        raise unknown(request)

    def _authorize(self, request: Request, snapshot: Snapshot, service: str | None) -> None:
        authorize(snapshot, self._settings, request.headers, "predict", service)

    # ---- inference ------------------------------------------------------------------------------------------------------------

    def _infer(self, request: Request, snapshot: Snapshot, name: str, version: str) -> Answer:
        began = time.perf_counter()
        self._authorize(request, snapshot, name)
        model = models.find(snapshot, name, version)
        loaded = model.loaded
        try:
            body, headers = request.body, request.headers
            encoding = headers.get("content-encoding")
            if encoding is not None:
                body = bodies.decompress(body, encoding, self._settings.max_body)
            inference = bodies.read_request(body, headers.get(bodies.LENGTH_HEADER), self._settings.max_rows)
            loaded = model.choose(headers.get(models.KEY_HEADER), inference.parameters, inference.tensors)
            if inference.rows >= THREAD_FROM:
                return _later(request, inference, model, loaded, began)
            response = _score(request, inference, model, loaded)
        except Problem as problem:
            _observe(loaded, problem.status, began)
            raise
        _observe(loaded, 200, began)
        return response


async def _later(request: Request, inference: bodies.InferRequest, model: models.Model, loaded: Loaded, began: float) -> Response:
    try:
        response = await asyncio.to_thread(_score, request, inference, model, loaded)
    except Problem as problem:
        response = error(request, problem)
    _observe(loaded, response.status, began)
    return response


def _score(request: Request, inference: bodies.InferRequest, model: models.Model, loaded: Loaded) -> Response:
    plan = plan_of(loaded.runtime)
    columns = score(loaded.runtime, plan.columns(inference.tensors))
    body, length = bodies.write_response(inference, model, loaded.version, plan, columns)
    headers = [JSON] if length is None else [BINARY, ("Inference-Header-Content-Length", str(length))]
    body, encoding = bodies.compress(body, request.headers.get("accept-encoding"))
    if encoding is not None:
        headers.append(("Content-Encoding", encoding))
    return Response(200, headers, body)


def _observe(loaded: Loaded, status: int, began: float) -> None:
    metrics.observe(loaded.service, loaded.version, metrics.outcome(status), time.perf_counter() - began)


def _ready(snapshot: Snapshot, name: str, version: str) -> Response:
    try:
        models.find(snapshot, name, version)
    except Problem as problem:
        if problem.status != 503:
            raise
        return _json({"name": name, "ready": False, "error": problem.detail}, 400)  # 4xx means "no" in the protocol
    return _json({"name": name, "ready": True})


def _only(request: Request, method: str) -> None:
    if request.method != method:
        detail = f"{request.path} is asked with {method}, not {describe(request.method)}"
        raise Problem(405, "method-not-allowed", detail, headers=[("Allow", method)])


def unknown(request: Request) -> Problem:
    """404 for a path that is none of the protocol's, or one of an extension that is not offered."""
    return Problem(
        404,
        "not-found",
        f"there is nothing at {describe(request.path, 200)}. Offered are /v2, /v2/health/live, /v2/health/ready,"
        f" /v2/repository/index, and /v2/models/NAME[/versions/NUMBER] with /ready, /config and /infer",
    )


def _json(document: Any, status: int = 200) -> Response:
    return Response(status, [JSON], msgspec.json.encode(document))


def error(request: Request, problem: Problem) -> Response:
    """A problem document with its sentence as "error", too."""
    document = problem.document()
    document["error"] = problem.detail
    accepts = request.headers.get("accept") or ""
    kind = ("Content-Type", PROBLEM_TYPE) if PROBLEM_TYPE in accepts else JSON
    return Response(problem.status, [kind, *problem.headers], msgspec.json.encode(document))


def handler(app: App) -> Handler:
    """What answers requests below /v2 of an app."""
    return V2(app)
