"""The hub's OpenAPI document: what FastAPI derives from the routes, with the shapes that msgspec reads and the problems."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rtml_plugins.hub.edges import URL
from rtml_plugins.serving.measures import Measures
from rtml_plugins.serving.names import NAME
from rtml_plugins.serving.predictions import Predictions, PredictionsTaken
from rtml_plugins.serving.projections import Projections, ProjectionsAsked, ProjectionsChanged
from rtml_plugins.serving.wire import EdgeReport, RegionState

DESCRIPTION: Final = """\
Keeps packages, services, versions, traffic, keys and edges, and tells edges what to serve.

Keys are sent as `Authorization: Bearer rtml_...`; each operation names the scopes of which a key needs one, and admin is enough
for all. A hub on this machine only, for which no key was ever made, asks for none. Every error is a problem document (RFC 9457).
Times are ISO 8601 texts in UTC.
"""
_TAGS: Final = (
    ("services", "Services: a name with versions, regions and traffic."),
    ("versions", "Versions of a service: immutable packages."),
    ("edges", "Edges: what they serve, how they are."),
    ("measures", "What edges count: requests, latencies, values."),
    ("collecting", "Records of persons and their behaviour: schemas, datasets."),
    ("profiles", "Profiles: who persons are and what they did, what regions know of them, what services write to them."),
    ("keys", "API keys."),
    ("audit", "Every change: who, when, what."),
    ("hub", "The hub itself."),
    ("gallery", "Its pages for browsers, under /gallery."),
)
_PROBLEM: Final = {
    "title": "Problem",
    "description": "An error (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "Which kind of problem it is.", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence with the cure."},
        "errors": {
            "type": "array",
            "description": "One entry for each value that is wrong.",
            "items": {
                "type": "object",
                "required": ["at", "expected", "got"],
                "properties": {
                    "at": {"type": "string", "description": "JSON pointer into the body, or the parameter."},
                    "expected": {"type": "string"},
                    "got": {"type": "string"},
                },
            },
        },
        "request_id": {"type": "string", "description": "As in X-Request-Id, and in the hub's log."},
    },
}
_WIRE: Final = (
    RegionState,
    EdgeReport,
    Measures,
    ProjectionsAsked,
    Projections,
    ProjectionsChanged,
    Predictions,
    PredictionsTaken,
)
_KEY: Final = {"type": "http", "scheme": "bearer", "description": "An API key, rtml_..."}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an app."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        separate_input_output_schemas=False,
        tags=[{"name": name, "description": text} for name, text in _TAGS],
    )
    components = made.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    _, wire = msgspec.json.schema_components(_WIRE, ref_template="#/components/schemas/{name}")
    for name, schema in wire.items():
        schemas.setdefault(name, schema)
    report: dict[str, Any] = schemas["EdgeReport"]["properties"]
    report["region"]["pattern"] = f"^{NAME.pattern}$"
    report["url"]["pattern"] = f"^{URL.pattern}$"
    for name in ("revision", "workers"):
        report[name] |= {"minimum": 0, "maximum": 2**53}
    for name in ("ProjectionsAsked", "Predictions"):
        schemas[name]["properties"]["region"]["pattern"] = f"^{NAME.pattern}$"
    schemas["ServiceStatus"]["properties"]["state"]["enum"] = ["ready", "loading", "failed"]
    schemas["Problem"] = _PROBLEM
    for name in ("HTTPValidationError", "ValidationError"):  # of FastAPI; problems take their place
        schemas.pop(name, None)
    components["securitySchemes"] = {"key": _KEY}
    return made
