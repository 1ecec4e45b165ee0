"""GET /openapi.json: what this edge answers at the moment, with a typed schema of every service (OpenAPI 3.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_plugins.edge import access
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving import openapi_service
from rtml_plugins.serving.openapi_parts import COMPONENTS, PARAMETERS, PROBLEMS, fixed_paths
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Service, Snapshot

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
        whole["components"]["securitySchemes"] = {"key": openapi_service.SECURITY}
        whole["security"] = [{"key": []}]
        for path in ("/v1/health/live", "/v1/health/ready", "/v2/health/live", "/v2/health/ready", "/v2"):
            paths[path]["get"]["security"] = []
    return whole


def _service(service: Service, settings: EdgeSettings, models: dict[str, Any], paths: dict[str, Any]) -> None:
    """Add the paths and schemas of a service, and of each version of it."""
    entry = service.entry
    about = openapi_service.About(entry.name, entry.description, entry.deprecated, entry.deprecation)
    for number, loaded in sorted(service.versions.items()):
        models |= openapi_service.models(entry.name, number, loaded.runtime.manifest, settings.max_rows)
        paths[openapi_service.path(entry.name, number)] = {"post": openapi_service.predict(about, [number], number)}
    arms = sorted(service.versions) if service.choose is not None else [service.champion.version]
    by_traffic = openapi_service.predict(about, arms, None, service.champion.version)
    paths[openapi_service.path(entry.name)] = {"post": by_traffic}


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
