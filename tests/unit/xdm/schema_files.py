"""Schema files as XDM publishes them, in the standard spelling, made up for the tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rtml_plugins.xdm.schema import Schemas

BASE = "https://acme.example/xdm/"


def part(id: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A file that defines its fields in a local definition and takes them in, as XDM's own files do."""
    return {
        "$id": BASE + id,
        "$schema": "http://json-schema.org/draft-06/schema#",
        "title": id.rpartition("/")[2].title(),
        "type": "object",
        "definitions": {"own": {"properties": properties}},
        "allOf": [{"$ref": "#/definitions/own"}],
        **more,
    }


TIME_SERIES = part(
    "data/time-series",
    {
        "@id": {"type": "string", "title": "Id"},
        "xdm:timestamp": {"type": "string", "format": "date-time"},
        "xdm:eventType": {"type": "string", "meta:enum": {"page": "A page", "order": "An order"}},
    },
)
EVENT = {
    "$id": BASE + "context/event",
    "title": "Acme event",
    "type": "object",
    "meta:extends": [BASE + "data/time-series"],
    "required": ["@id", "xdm:timestamp"],
    "allOf": [{"$ref": BASE + "data/time-series"}],
}
NAME = part("datatypes/name", {"xdm:firstName": {"type": "string"}, "xdm:lastName": {"type": "string"}})
PERSON = part(
    "fieldgroups/person",
    {
        "xdm:person": {
            "type": "object",
            "properties": {
                "xdm:name": {"$ref": BASE + "datatypes/name", "title": "Full name"},
                "xdm:contacts": {"type": "array", "items": {"$ref": "#/definitions/own/properties/xdm:person"}},
            },
        },
        "xdm:place": {
            "type": "object",
            "properties": {
                "schema:latitude": {"type": "number", "minimum": -90, "maximum": 90},
                "schema:longitude": {"type": "number"},
                "xdm:city": {"type": "string"},
            },
        },
        "xdm:identityMap": {
            "type": "object",
            "meta:xdmType": "map",
            "additionalProperties": {
                "type": "array",
                "items": {"type": "object", "required": ["xdm:id"], "properties": {"xdm:id": {"type": "string"}}},
            },
        },
        "https://ns.adobe.com/experience/analytics/dimensions": {
            "type": "object",
            "properties": {"xdm:eVar1": {"type": "string"}},
        },
    },
    **{"meta:intendedToExtend": [BASE + "context/event"]},
)
TENANT = part(
    "acme/loyalty",
    {
        "_acme": {
            "type": "object",
            "properties": {"tier": {"type": "string", "enum": ["gold", "silver"]}, "card": {"type": "string"}},
        }
    },
    **{"meta:intendedToExtend": [BASE + "context/event"]},
)
SCHEMA = {
    "$id": BASE + "schemas/visit",
    "title": "Visit of Acme",
    "meta:class": BASE + "context/event",
    "allOf": [{"$ref": BASE + name} for name in ("context/event", "fieldgroups/person", "acme/loyalty")],
}
DESCRIPTOR = {
    "@type": "xdm:descriptorIdentity",
    "xdm:sourceSchema": BASE + "schemas/visit",
    "xdm:sourceProperty": "/_acme/card",
    "xdm:namespace": "Card",
    "xdm:isPrimary": True,
}
FILES: dict[str, Any] = {
    "behaviors/time-series.schema.json": TIME_SERIES,
    "classes/event.schema.json": EVENT,
    "datatypes/name.schema.json": NAME,
    "fieldgroups/person.schema.json": PERSON,
    "acme/loyalty.schema.json": TENANT,
    "acme/visit.schema.json": SCHEMA,
}


def folder(path: Path, **more: Any) -> Path:
    """All of them as files below a folder."""
    for name, document in {**FILES, **more}.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))
    return path


def known(*more: dict[str, Any]) -> Schemas:
    schemas = Schemas()
    for document in [*FILES.values(), *more]:
        schemas.add(document)
    return schemas


def one(**schema: Any) -> Schemas:
    """A set with a single schema, whose $id ends with "one"."""
    schemas = Schemas()
    schemas.add({"$id": BASE + "one", **schema})
    return schemas
