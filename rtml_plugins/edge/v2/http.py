"""The Open Inference Protocol (V2) over HTTP: everything below /v2. A model of the protocol is a service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rtml_core.errors import describe
from rtml_plugins.edge import metrics
from rtml_plugins.edge.access import SECURITY_HEADERS, authorize
from rtml_plugins.edge.exchange import Answer, Handler, Request, Response
from rtml_plugins.edge.predict import deprecation, problem_of, request_id
from rtml_plugins.edge.v2 import body as bodies
from rtml_plugins.edge.v2 import models
from rtml_plugins.edge.v2.errors import respond
from rtml_plugins.edge.v2.large import LARGE_BODY, Large
from rtml_plugins.edge.v2.plan import Columns, plan_of, score
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded, Snapshot

_JSON: Final = [("Content-Type", "application/json"), *SECURITY_HEADERS]
_BINARY: Final = [("Content-Type", "application/octet-stream"), *SECURITY_HEADERS]


class _Scored(NamedTuple):
    """An inference that succeeded."""

    inference: bodies.InferRequest
    loaded: Loaded
    columns: Columns
    response: Response


class V2:
    """Answers requests below /v2."""

    def __init__(self, app: App):
        self._app = app
        self._table = app.table
        self._settings = app.settings
        self._server = models.server_metadata()
        self._large = Large(self._settings.request_timeout)

    def __call__(self, request: Request) -> Answer:
        try:
            return self._answer(request, self._table.current)
        except Exception as failure:
            return _error(request, problem_of(failure))

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
        raise _unknown(request)

    def _index(self, request: Request, snapshot: Snapshot) -> Response:
        _only(request, "POST")
        asked: Any = {}
        if request.body.strip():
            try:
                asked = msgspec.json.decode(request.body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                asked = None
        if not isinstance(asked, dict) or type(asked.get("ready", False)) is not bool:
            raise Problem(400, "invalid-request", 'the body of /v2/repository/index has to be empty or {"ready": true}')
        return _json(models.index(snapshot, self._settings, request.headers, asked.get("ready", False)))

    def _model(self, request: Request, snapshot: Snapshot, name: str, version: str, rest: list[str]) -> Answer:
        asked = rest[0] if rest else ""
        if len(rest) > 1 or asked not in ("", "ready", "config", "infer"):
            raise _unknown(request)
        _only(request, "POST" if asked == "infer" else "GET")
        authorize(snapshot, self._settings, request.headers, "predict", name)
        if asked == "ready":
            return _ready(request, snapshot, name, version)
        model = models.find(snapshot, name, version)
        if asked == "infer":
            return self._infer(request, model)
        if asked == "config":
            return _json(models.config(model, self._settings.max_rows))
        return _json(models.metadata(model))

    # ---- inference ------------------------------------------------------------------------------------------------------------

    def _infer(self, request: Request, model: models.Model) -> Answer:
        began = time.perf_counter()
        if len(request.body) > LARGE_BODY or request.headers.get("content-encoding") is not None:  # 12 kB may become 8 MiB
            return self._later(request, model, None, began)
        loaded = model.loaded
        try:
            inference = self._read(request)
            loaded = _chosen(request, inference, model)
            if inference.rows > loaded.scorer.most:
                return self._later(request, model, inference, began)
            return self._done(request, model, _score(request, model, inference, loaded), began)
        except Exception as failure:
            return _failed(request, failure, loaded, began)

    async def _later(
        self, request: Request, model: models.Model, inference: bodies.InferRequest | None, began: float
    ) -> Response:
        loaded = model.loaded

        def whole() -> _Scored:
            nonlocal loaded
            known = self._read(request) if inference is None else inference
            loaded = _chosen(request, known, model)
            return _score(request, model, known, loaded)

        self._app.in_flight += 1
        try:
            return self._done(request, model, await self._large.run(whole), began)
        except Exception as failure:
            return _failed(request, failure, loaded, began)
        finally:
            self._app.in_flight -= 1

    def _read(self, request: Request) -> bodies.InferRequest:
        body = request.body
        encoding = request.headers.get("content-encoding")
        if encoding is not None:
            body = bodies.decompress(body, encoding, self._settings.max_body)
        return bodies.read_request(body, request.headers.get(bodies.LENGTH_HEADER), self._settings.max_rows)

    def _done(self, request: Request, model: models.Model, scored: _Scored, began: float) -> Response:
        loaded = scored.loaded
        models.offer_shadow(self._app.shadow, model, loaded, scored.inference.tensors, scored.columns)
        size = len(request.body) + len(scored.response.body)
        models.offer_measured(self._app.measuring.known(loaded), loaded, scored.inference.tensors, scored.columns, size)
        metrics.batch(loaded.service, scored.inference.rows)
        metrics.observe(loaded.service, loaded.version, "ok", time.perf_counter() - began)
        return scored.response


def _chosen(request: Request, inference: bodies.InferRequest, model: models.Model) -> Loaded:
    return model.choose(request.headers.get(models.KEY_HEADER), inference.parameters, inference.tensors)


def _score(request: Request, model: models.Model, inference: bodies.InferRequest, loaded: Loaded) -> _Scored:
    plan = plan_of(loaded.runtime)
    columns = score(loaded.runtime, plan.columns(inference.tensors), inference.rows)
    body, length = bodies.write_response(inference, model, loaded.version, plan, columns)
    headers = _JSON if length is None else [*_BINARY, ("Inference-Header-Content-Length", str(length))]
    body, encoding = bodies.compress(body, request.headers.get("accept-encoding"))
    if encoding is not None:
        headers = [*headers, ("Content-Encoding", encoding)]
    return _Scored(inference, loaded, columns, Response(200, [*headers, *deprecation(model.service)], body))


def _failed(request: Request, failure: Exception, loaded: Loaded, began: float) -> Response:
    problem = problem_of(failure)
    metrics.observe(loaded.service, loaded.version, metrics.outcome(problem.status, problem.kind), time.perf_counter() - began)
    return _error(request, problem)


def _ready(request: Request, snapshot: Snapshot, name: str, version: str) -> Response:
    try:
        models.find(snapshot, name, version)
    except Problem as problem:
        if problem.status != 503:
            raise
        identity = request_id(request.headers.get("x-request-id"))
        said = {"name": name, "ready": False, "error": problem.detail, "request_id": identity}
        return _json(said, 400)._replace(request_id=identity)  # 4xx means "no" in the protocol
    return _json({"name": name, "ready": True})


def _only(request: Request, method: str) -> None:
    if request.method != method and not (method == "GET" and request.method == "HEAD"):
        allowed = "GET, HEAD" if method == "GET" else method
        detail = f"this path takes {allowed}; got {describe(request.method)}"
        raise Problem(405, "method-not-allowed", detail, headers=[("Allow", f"{allowed}, OPTIONS")])


def _unknown(request: Request) -> Problem:
    return Problem(
        404,
        "no-such-path",
        f"there is nothing at {describe(request.path, 200)}. Offered are /v2, /v2/health/live, /v2/health/ready,"
        f" /v2/repository/index, and /v2/models/NAME[/versions/NUMBER] with /ready, /config and /infer;"
        " what is counted is at /metrics",
    )


def _json(document: Any, status: int = 200) -> Response:
    return Response(status, _JSON, msgspec.json.encode(document))


def _error(request: Request, problem: Problem) -> Response:
    return respond(problem, request.headers.get("accept"), request_id(request.headers.get("x-request-id")))


def handler(app: App) -> Handler:
    """What answers requests below /v2 of an app."""
    return V2(app)
