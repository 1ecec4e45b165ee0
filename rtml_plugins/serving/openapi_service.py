"""What an OpenAPI document says of one service: the typed rows of each version, and the operations that score them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rtml_plugins.serving import schemas
from rtml_plugins.serving.openapi_parts import COMPONENTS, PARAMETERS, PROBLEMS, problem

if TYPE_CHECKING:
    from rtml_core.package import Manifest

_JSON: Final = "application/json"
_STATUSES: Final = (400, 401, 403, 404, 405, 408, 413, 415, 421, 422, 429, 500, 503)
#: components that operations and models of services refer to
_USED: Final = ("problem", "node", "left-out")
SECURITY: Final = {"type": "http", "scheme": "bearer", "description": "An API key, rtml_..., of `rtml keys create`."}


@dataclass(frozen=True, slots=True)
class About:
    """A service. deprecated: since when."""

    name: str
    description: str
    deprecated: str | None = None
    deprecation: str = ""


def path(service: str, version: int | None = None) -> str:
    """Where a service, or one version of it, scores."""
    return f"/v1/services/{service}{'' if version is None else f'/versions/{version}'}/predict"


def models(service: str, version: int, manifest: Manifest, max_rows: int | None) -> dict[str, Any]:
    """The schemas of a version by their names. max_rows: of a request, None where it is not known."""
    key = f"{service}.{version}"
    row, columns = {"$ref": f"#/components/schemas/{key}.row"}, {"$ref": f"#/components/schemas/{key}.columns"}
    rows = {"type": "array", "items": row, **schemas.most(max_rows)}
    forms = [_wrapped("rows", rows), row, _wrapped("columns", columns), columns]
    persons: dict[str, Any] = {}
    if schemas.is_by_identity(manifest):
        person = {"$ref": f"#/components/schemas/{key}.person"}
        persons[f"{key}.person"] = schemas.person_schema(manifest)
        forms += [person, _wrapped("rows", {"type": "array", "items": person, **schemas.most(max_rows)})]
    return {
        **persons,
        f"{key}.row": schemas.row_schema(manifest),
        f"{key}.columns": schemas.columns_schema(manifest, max_rows),
        f"{key}.request": {"anyOf": forms},
        f"{key}.prediction": schemas.prediction_schema(manifest),
        f"{key}.answer": _answer(service, key),
    }


def _answer(service: str, key: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "service": {"const": service},
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
            "fields": {
                "type": "array",
                "items": {"type": "object"},
                "description": "With ?explain=columns, of requests by identity: for each row what was read of event and profile.",
            },
        },
        "required": ["service", "version", "predictions", "request_id"],
    }


def _wrapped(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}


def predict(about: About, arms: Sequence[int], version: int | None, asked: int | None = None) -> dict[str, Any]:
    """The operation that scores with a service, or with one version of it.

    arms: versions that may answer. version: the one that the path names, None by traffic; asked: whose request it takes then.
    """
    key = f"{about.name}.{asked if version is None else version}"
    answers = [{"$ref": f"#/components/schemas/{about.name}.{arm}.answer"} for arm in arms]
    operation: dict[str, Any] = {
        "operationId": f"predict.{about.name}" + ("" if version is None else f".versions.{version}"),
        "tags": [about.name],
        "summary": f"Score rows with {about.name}" + ("" if version is None else f", version {version}"),
        "description": about.description,
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
            **{str(status): problem(status) for status in _STATUSES},
        },
    }
    if about.deprecated is not None:
        operation["deprecated"] = True
        operation["description"] = f"Deprecated since {about.deprecated}. {about.deprecation} {about.description}".strip()
    return operation


def document(
    about: About,
    manifests: dict[int, Manifest],
    arms: Sequence[int],
    champion: int,
    servers: Iterable[str],
    release: str,
    keyed: bool,
) -> dict[str, Any]:
    """A document of one service by itself, for whoever calls it. manifests: of the versions that can be asked; arms: of these
    those that answer by traffic; servers: addresses of its edges; release: of rtml; keyed: whether edges ask for a key."""
    typed: dict[str, Any] = {}
    paths: dict[str, Any] = {path(about.name): {"post": predict(about, sorted(arms), None, champion)}}
    for number, manifest in sorted(manifests.items()):
        typed |= models(about.name, number, manifest, None)
        paths[path(about.name, number)] = {"post": predict(about, [number], number)}
    problems = {name: response for name, response in PROBLEMS.items() if not name.startswith("v2-")}
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": about.name,
            "version": str(champion),
            "description": f"{about.description}\n\nScores rows on an edge of rtml {release}. Errors are problem documents"
            " (RFC 9457).".strip(),
        },
        "servers": [{"url": url} for url in servers],
        "tags": [{"name": about.name, "description": about.description}],
        "paths": paths,
        "components": {
            "schemas": {**{name: COMPONENTS[name] for name in _USED}, **typed},
            "parameters": PARAMETERS,
            "responses": problems,
        },
    }
    if keyed:
        whole["components"]["securitySchemes"] = {"key": SECURITY}
        whole["security"] = [{"key": []}]
    return whole
