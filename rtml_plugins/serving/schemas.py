"""JSON Schema (2020-12) of what a version takes and gives, from the signature of its package."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rtml_core.package import FieldEntry, Manifest, OutputEntry

Schema = dict[str, Any]

_MAX_FLOAT: Final = sys.float_info.max
#: the grammar of timestamps of docs/decisions/timestamps; which dates and times exist is checked besides
TIMESTAMP: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"
#: texts without U+0000, and none that is the character which stands for a missing one inside
_TEXT: Final = "^(?!\ufdd0$)[^\u0000]*$"


def field_schema(entry: FieldEntry) -> Schema:
    """What a request may hold under the name of a field."""
    kind: Schema
    if entry.categories is not None:
        kind = {"type": "string", "enum": [*entry.categories, *([None] if entry.nullable else [])]}
    elif entry.type == "float":
        low, high = entry.minimum, entry.maximum
        limits = {"minimum": -_MAX_FLOAT if low is None else low, "maximum": _MAX_FLOAT if high is None else high}
        kind = {"type": "number", "format": "double", **limits}
    elif entry.type == "int":
        limit = 2**53 if entry.nullable else 2**63 - 1
        low, high = entry.minimum, entry.maximum
        limits = {"minimum": -limit if low is None else int(low), "maximum": limit if high is None else int(high)}
        kind = {"type": "integer", "format": "int64", **limits}
    elif entry.type == "bool":
        kind = {"type": "boolean"}
    elif entry.type == "timestamp":
        kind = {"type": "string", "pattern": TIMESTAMP, "examples": ["2026-11-21T10:15:00Z"]}
    else:
        kind = {"type": "string", "pattern": _TEXT}
    if entry.nullable:
        kind["type"] = [kind["type"], "null"]
    if entry.optional:
        kind["default"] = entry.default
    if entry.doc:
        kind["description"] = entry.doc
    return kind


def row_schema(manifest: Manifest) -> Schema:
    """One row: an object of the fields of the signature."""
    fields = manifest.fields
    return {
        "type": "object",
        "properties": {entry.name: field_schema(entry) for entry in fields},
        "required": [entry.name for entry in fields if not entry.optional],
        "additionalProperties": manifest.extra == "ignore",
    }


def is_by_identity(manifest: Manifest) -> bool:
    """Whether sources of the package read requests with an identity or an event."""
    return any(entry.role == "source" for entry in manifest.boundary)


def person_schema(manifest: Manifest) -> Schema:
    """One row by identity: who, an event, and the fields that no source fills."""
    filled = {name for entry in manifest.boundary if entry.role == "source" for name in entry.names}
    fields = [entry for entry in manifest.fields if entry.name not in filled]
    id_ = {"type": "object", "properties": {"id": {"type": "string"}, "primary": {"type": "boolean"}}, "required": ["id"]}
    who = {"anyOf": [{"type": "string"}, {"type": "array", "items": id_}]}
    parts: Schema = {
        "identity": {
            "type": "object",
            "description": "Who: ids by namespace. Without it, the identityMap of the event.",
            "additionalProperties": who,
            "examples": [{"ECID": "38652"}],
        },
        "event": {"type": "object", "description": "What happened, as XDM has it."},
    }
    return {
        "type": "object",
        "description": "A row whose other fields are read from the event and from the profile of the person.",
        "properties": {**parts, **{entry.name: field_schema(entry) for entry in fields}},
        "required": [entry.name for entry in fields if not entry.optional],
        "anyOf": [{"required": ["identity"]}, {"required": ["event"]}],
        "additionalProperties": manifest.extra == "ignore",
    }


def columns_schema(manifest: Manifest, max_rows: int | None) -> Schema:
    """Columns by name, all of one length: lists, or objects with the keys "0", "1", ... max_rows: None where it is not known."""
    properties: Schema = {}
    for entry in manifest.fields:
        value = field_schema(entry)
        value.pop("default", None)
        described = {"description": entry.doc} if value.pop("description", None) else {}
        listed = {"type": "array", "items": value, **most(max_rows)}
        numbered = {"type": "object", "patternProperties": {"^[0-9]{1,15}$": value}, "additionalProperties": False}
        properties[entry.name] = {"anyOf": [listed, numbered], **described}
    return {
        "type": "object",
        "description": "Columns of one length.",
        "properties": properties,
        "required": [entry.name for entry in manifest.fields if not entry.optional],
        "additionalProperties": manifest.extra == "ignore",
    }


def most(rows: int | None) -> Schema:
    """How many rows a list may have."""
    return {} if rows is None else {"maxItems": rows}


def output_schema(entry: OutputEntry) -> Schema:
    """What an answer holds under the name of an output; a float that is not a number, or endless, is null."""
    kinds: dict[str, Schema] = {
        "float64": {"type": "number", "format": "double"},
        "float32": {"type": "number", "format": "float"},
        "int64": {"type": "integer", "format": "int64"},
        "bool": {"type": "boolean"},
        "string": {"type": "string"},
        "timestamp": {"type": "string", "format": "date-time"},
        "timedelta": {"type": "integer", "description": "microseconds"},
    }
    schema = dict(kinds[entry.dtype])
    if entry.nullable or entry.dtype.startswith("float"):
        schema["type"] = [schema["type"], "null"]
    return schema


def prediction_schema(manifest: Manifest) -> Schema:
    """The outputs of one row; an object of some form where a sink nests them."""
    if any(entry.role == "sink" and entry.operator == "Frame2XDM" for entry in manifest.boundary):
        return {"type": "object", "description": "The outputs, as XDM nests them."}
    outputs = manifest.outputs
    return {
        "type": "object",
        "properties": {entry.name: output_schema(entry) for entry in outputs},
        "required": [entry.name for entry in outputs],
        "additionalProperties": False,
    }
