"""What every edge's OpenAPI document has: problems, parameters, and the paths that are no predictions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

Schema = dict[str, Any]

_NAME: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$"}
_NUMBER: Final[Schema] = {"type": "integer", "minimum": 1}
_STATES: Final = ["ready", "loading", "failed"]

#: why an answer has a status, as far as an edge gives it
_REASONS: Final = {
    400: "The body is no JSON, or the query can't be read.",
    401: "A key is asked for, and none, a wrong or an expired one was sent.",
    403: "The key may not do this, or a page of this origin may not.",
    404: "There is no such service, version or path here.",
    405: "The path is asked with another method.",
    408: "The body did not come in time.",
    413: "The body has too many bytes, or too many rows.",
    415: "The body is said to be no JSON, or has an unknown coding.",
    421: "An edge without keys answers to names of its own machine only.",
    422: "The rows do not fit the signature of the service (`errors` names each field), or its package can't be explained.",
    429: "The key has used up its rate; Retry-After says when to come back.",
    500: "A fault of the edge, or of an operator that a plugin brought.",
    503: "Too much waits already, or has waited too long, or the service is not loaded yet; Retry-After says when to ask again.",
}
PROBLEMS: Final[Schema] = {
    f"problem-{status}": {
        "description": f"{HTTPStatus(status).phrase}. {reason}",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/problem"}}},
    }
    for status, reason in _REASONS.items()
}

PROBLEMS |= {
    f"v2-{name}": {
        **response,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/v2-error"}},
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/v2-error"}},
        },
    }
    for name, response in PROBLEMS.items()
}

COMPONENTS: Final[Schema] = {
    "problem": {
        "type": "object",
        "description": "A problem document (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid-input"]},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "One sentence with what cures it."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "at": {"type": "string", "description": "JSON pointer to the field."},
                        "expected": {"type": "string"},
                        "got": {"type": "string"},
                    },
                    "required": ["at", "expected", "got"],
                },
            },
            "request_id": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "v2-error": {
        "allOf": [{"$ref": "#/components/schemas/problem"}],
        "description": "A problem document whose sentence stands in `error`, too, as the Open Inference Protocol has it.",
        "properties": {"error": {"type": "string"}},
        "required": ["error"],
    },
    "service": {
        "type": "object",
        "properties": {
            "name": _NAME,
            "description": {"type": "string"},
            "versions": {"type": "array", "items": _NUMBER},
            "champion": _NUMBER,
            "state": {"enum": _STATES},
            "problem": {"type": "string"},
            "deprecated": {"type": "string", "description": "Since when."},
            "deprecation": {"type": "string", "description": "Why, and what to use instead."},
        },
        "required": ["name", "versions", "state"],
    },
    "node": {
        "type": "object",
        "description": "A node of the graph: the columns that it gives and did not get, for one row.",
        "properties": {"node": {"type": "string"}, "operator": {"type": "string"}, "columns": {"type": "object"}},
        "required": ["node", "operator", "columns"],
    },
    "left-out": {
        "type": "object",
        "description": "Columns of a node that are not told, and why.",
        "properties": {
            "node": {"type": "string"},
            "columns": {"type": "array", "items": {"type": "string"}},
            "why": {"type": "string"},
        },
        "required": ["node", "columns", "why"],
    },
    "signature": {
        "allOf": [{"$ref": "#/components/schemas/service"}],
        "type": "object",
        "properties": {
            "fields": {"type": "array", "items": {"type": "object", "required": ["name", "type"]}},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name", "dtype", "nullable"]}},
            "extra": {"enum": ["refuse", "ignore"]},
        },
        "required": ["fields", "outputs", "extra"],
    },
}

PARAMETERS: Final[Schema] = {
    "explain": {
        "name": "explain",
        "in": "query",
        "description": "Answer the features computed on the way, too; needs the scope debug.",
        "schema": {"enum": ["columns"]},
    },
    "x-request-id": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Comes back in the answer; another one is made when it has over 128 characters, or others than letters,"
        " digits and ._~:/+=@-",
        "schema": {"type": "string", "examples": ["page-7f3a"]},
    },
    "x-rtml-key": {
        "name": "X-Rtml-Key",
        "in": "header",
        "description": "Who the request is about: the same version answers the same key.",
        "schema": {"type": "string", "examples": ["visitor-4711"]},
    },
    "traceparent": {
        "name": "traceparent",
        "in": "header",
        "description": "W3C Trace Context; one that is none begins a trace of its own.",
        "schema": {"type": "string", "examples": ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]},
    },
}


def problem(status: int, kind: str = "problem") -> Schema:
    """The response of a status that is an error; kind "v2-problem" for paths below /v2."""
    return {"$ref": f"#/components/responses/{kind}-{status}"}


def _get(operation: str, summary: str, schema: Schema | None, *statuses: int, **more: Any) -> Schema:
    kind = "v2-problem" if operation.startswith("v2") else "problem"
    content = {"text/plain": {}} if schema is None else {"application/json": {"schema": schema}}
    ok: Schema = {"description": summary, "content": content}
    return {
        "get": {
            "operationId": operation,
            "tags": ["edge"],
            "summary": summary,
            "responses": {"200": ok, **{str(status): problem(status, kind) for status in statuses}},
            **more,
        }
    }


def _status(word: str) -> Schema:
    return {"type": "object", "properties": {"status": {"const": word}}, "required": ["status"]}


def fixed_paths() -> Schema:
    """Paths that every edge has, made anew."""
    listed = {
        "type": "object",
        "properties": {"services": {"type": "array", "items": {"$ref": "#/components/schemas/service"}}},
        "required": ["services"],
    }
    name = {"name": "name", "in": "path", "required": True, "description": "Name of a service.", "schema": _NAME}
    closed = (401, 403, 421, 429)
    document: Schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    paths = {
        "/v1/health/live": _get("live", "Whether the process answers.", _status("live")),
        "/v1/health/ready": _get("ready", "Whether every service has answered its parity sample.", _status("ready"), 503),
        "/v1/services": _get("services", "The services of this region.", listed, *closed),
        "/v1/services/{name}": _get(
            "service", "A service and the signature of its champion.", {"$ref": "#/components/schemas/signature"},
            404, 503, *closed, parameters=[name],
        ),
        "/metrics": _get("metrics", "Figures for Prometheus; with keys, for the scope debug.", None, *closed),
        "/openapi.json": _get("openapi", "This document.", document, *closed),
    }  # fmt: skip
    paths["/openapi.json"]["get"]["responses"]["304"] = {"description": "The client has it: If-None-Match named its ETag."}
    return {**paths, **_v2_paths()}


def _v2_paths() -> Schema:
    """The Open Inference Protocol, whose own specification says more; see the how-to v2-protocol."""
    anything: Schema = {"type": "object"}
    name = {"name": "name", "in": "path", "required": True, "description": "Name of a service.", "schema": _NAME}
    number = {"name": "version", "in": "path", "required": True, "description": "Number of a version.", "schema": _NUMBER}
    closed = (401, 403, 421, 429)
    paths = {
        "/v2": _get("v2", "Open Inference Protocol: this server.", anything),
        "/v2/health/live": _get("v2.live", "Open Inference Protocol: whether the process answers.", anything),
        "/v2/health/ready": _get("v2.ready", "Open Inference Protocol: whether every service is ready.", anything, 400),
        "/v2/repository/index": _get("v2.index", "Open Inference Protocol: the models.", {"type": "array"}, 400, *closed),
    }
    paths["/v2/repository/index"]["post"] = paths["/v2/repository/index"].pop("get")
    for path, suffix, parameters in (
        ("/v2/models/{name}", "", [name]),
        ("/v2/models/{name}/versions/{version}", ".version", [name, number]),
    ):
        more = {"parameters": parameters}
        paths[path] = _get(f"v2.model{suffix}", "Open Inference Protocol: a model.", anything, 404, 503, *closed, **more)
        paths[f"{path}/ready"] = _get(
            f"v2.model_ready{suffix}", "Open Inference Protocol: whether it is ready.", anything, 400, 404, **more
        )
        paths[f"{path}/config"] = _get(
            f"v2.config{suffix}", "Triton's configuration of a model.", anything, 404, 503, *closed, **more
        )
        infer = _get(
            f"v2.infer{suffix}", "Open Inference Protocol: score tensors.", anything,
            400, 404, 405, 408, 413, 415, 422, 500, 503, *closed, **more,
        )  # fmt: skip
        infer["get"]["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/infer"}}},
        }
        paths[f"{path}/infer"] = {"post": infer["get"]}
    return paths


COMPONENTS["infer"] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "inputs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                    "datatype": {"type": "string"},
                    "parameters": {"type": "object"},
                    "data": {"type": "array"},
                },
                "required": ["name", "shape", "datatype"],
            },
        },
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "parameters": {"type": "object"},
    },
    "required": ["inputs"],
}
