"""GET /openapi.json: what this edge answers at the moment, with a typed schema of every service (OpenAPI 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_plugins.edge import access, schemas
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.openapi_parts import COMPONENTS, PARAMETERS, PROBLEMS, fixed_paths, problem
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded, Service, Snapshot

#: documents kept: one for keys of all services, and some for keys of a few
_KEPT: Final = 16
_JSON: Final = "application/json"


def document(snapshot: Snapshot, settings: EdgeSettings, only: Iterable[str] | None = None) -> dict[str, Any]:
    """The OpenAPI document. only: names of services that it may tell of, None for all."""
    import rtml_core

    names = sorted(snapshot.services if only is None else set(only) & set(snapshot.services))
    models: dict[str, Any] = {}
    paths: dict[str, Any] = fixed_paths()
    for name in names:
        service = snapshot.services[name]
        _service(service, settings, models, paths)
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": f"rtml edge, region {settings.region}",
            "version": rtml_core.__version__,
            "description": "Scores rows with the services of a region. Errors are problem documents (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.url or "/"}],
        "tags": [{"name": name, "description": snapshot.services[name].entry.description} for name in names],
        "paths": paths,
        "components": {"schemas": {**COMPONENTS, **models}, "parameters": PARAMETERS, "responses": PROBLEMS},
    }
    if not access.is_open(snapshot, settings):
        whole["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key, rtml_..., of `rtml keys create`."}
        }
        whole["security"] = [{"key": []}]
        for path in ("/v1/health/live", "/v1/health/ready", "/v2/health/live", "/v2/health/ready", "/v2"):
            paths[path]["get"]["security"] = []
    return whole


def _service(service: Service, settings: EdgeSettings, models: dict[str, Any], paths: dict[str, Any]) -> None:
    """Add the paths and schemas of a service, and of each version of it."""
    name = service.entry.name
    for number, loaded in sorted(service.versions.items()):
        _schemas(f"{name}.{number}", loaded, settings.max_rows, models)
        paths[f"/v1/services/{name}/versions/{number}/predict"] = {
            "post": _predict(service, loaded, f".versions.{number}", number)
        }
    paths[f"/v1/services/{name}/predict"] = {"post": _predict(service, service.champion, "", None)}


def _schemas(key: str, loaded: Loaded, max_rows: int, models: dict[str, Any]) -> None:
    row, columns = {"$ref": f"#/components/schemas/{key}.row"}, {"$ref": f"#/components/schemas/{key}.columns"}
    models[f"{key}.row"] = schemas.row_schema(loaded.runtime)
    models[f"{key}.columns"] = schemas.columns_schema(loaded.runtime, max_rows)
    models[f"{key}.request"] = {
        "anyOf": [
            _wrapped("rows", {"type": "array", "items": row, "maxItems": max_rows}),
            row,
            _wrapped("columns", columns),
            columns,
        ]
    }
    models[f"{key}.prediction"] = schemas.prediction_schema(loaded.runtime)
    models[f"{key}.answer"] = {
        "type": "object",
        "properties": {
            "service": {"const": loaded.service},
            "version": {"type": "integer", "minimum": 1},
            "predictions": {"type": "array", "items": {"$ref": f"#/components/schemas/{key}.prediction"}},
            "request_id": {"type": "string"},
            "columns": {
                "type": "array",
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/node"}},
                "description": "With ?explain=columns: for each row the nodes of the graph, in order, and what they give.",
            },
            "left_out": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/left-out"},
                "description": "With ?explain=columns: columns of nodes that are not told, and why.",
            },
        },
        "required": ["service", "version", "predictions", "request_id"],
    }


def _wrapped(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}


def _predict(service: Service, loaded: Loaded, suffix: str, number: int | None) -> dict[str, Any]:
    """The operation that scores with a service, or with one version of it."""
    entry = service.entry
    key = f"{entry.name}.{loaded.version}"
    arms = sorted(service.versions) if service.choose is not None and number is None else [loaded.version]
    answers = [{"$ref": f"#/components/schemas/{entry.name}.{arm}.answer"} for arm in arms]
    operation: dict[str, Any] = {
        "operationId": f"predict.{entry.name}{suffix}",
        "tags": [entry.name],
        "summary": f"Score rows with {entry.name}" + ("" if number is None else f", version {number}"),
        "description": entry.description,
        "parameters": [
            {"$ref": f"#/components/parameters/{name}"} for name in ("explain", "x-request-id", "x-rtml-key", "traceparent")
        ],
        "requestBody": {"required": True, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{key}.request"}}}},
        "responses": {
            "200": {
                "description": "The predictions, in the order of the rows.",
                "headers": {"X-Request-Id": {"schema": {"type": "string"}}},
                "content": {_JSON: {"schema": answers[0] if len(answers) == 1 else {"anyOf": answers}}},
            },
            **{str(status): problem(status) for status in (400, 401, 403, 404, 405, 408, 413, 415, 421, 422, 429, 500, 503)},
        },
    }
    if entry.deprecated is not None:
        operation["deprecated"] = True
        operation["description"] = f"Deprecated since {entry.deprecated}. {entry.deprecation} {entry.description}".strip()
    return operation


class Documents:
    """The document as bytes with its ETag, made again when the snapshot changes."""

    def __init__(self, app: App):
        self._app = app
        self._kept: dict[tuple[str, ...] | None, tuple[bytes, str]] = {}
        app.table.on_change.append(self._forget)

    def _forget(self, _: Snapshot) -> None:
        self._kept.clear()

    def of(self, services: tuple[str, ...] | None) -> tuple[bytes, str]:
        """(JSON, ETag) for a key of these services, None for all."""
        kept = self._kept.get(services)
        if kept is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            body = msgspec.json.encode(document(self._app.table.current, self._app.settings, services))
            kept = self._kept[services] = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return kept

    def answer(self, request: Request) -> Response:
        """The document, or 304 for a client that has it."""
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "method-not-allowed", "/openapi.json is read with GET", headers=[("Allow", "GET, HEAD")])
        app = self._app
        snapshot = app.table.current
        key = access.authorize(
            snapshot, app.settings, request.headers, "predict", access.first_service(snapshot, request.headers)
        )
        body, tag = self.of(None if key is None else key.services)
        headers = [("ETag", tag), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache, private")]
        if tag in [given.strip().removeprefix("W/") for given in (request.headers.get("if-none-match") or "").split(",")]:
            return Response(304, headers, b"")
        return Response(200, [("Content-Type", _JSON), *headers], body)


def handler(app: App) -> Callable[[Request], Response]:
    """GET /openapi.json of an app."""
    return Documents(app).answer
