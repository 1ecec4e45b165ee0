"""What a schema file is: a whole schema, a class, a field group, a data type or a behavior."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

Role = Literal["schema", "class", "field group", "data type", "behavior"]

#: in the order in which a name means them, when several files have it
ROLES: Final[tuple[Role, ...]] = ("schema", "class", "field group", "data type", "behavior")
#: how the $id of the behavior ends that makes documents events, and those of the others
TIME_SERIES: Final = "/data/time-series"
_RECORD: Final = "/data/record"
_STATED: Final[Mapping[str, Role]] = {
    "schemas": "schema",
    "classes": "class",
    "mixins": "field group",
    "fieldgroups": "field group",
    "datatypes": "data type",
    "behaviors": "behavior",
}


def role(id: str, files: Mapping[str, Mapping[str, Any]]) -> Role:
    """By what the file states (meta:resourceType, in exports of Platform's registry), else by what it extends."""
    raw = files[id]
    stated = _STATED.get(str(raw.get("meta:resourceType")))
    if stated is not None:
        return stated
    if id.endswith((_RECORD, TIME_SERIES, "/data/adhoc")):
        return "behavior"
    if "meta:intendedToExtend" in raw:
        return "field group" if listed(raw, "meta:intendedToExtend") else "data type"
    if "meta:class" in raw or any(name in files and _is_class(files[name]) for name in _taken_in(raw)):
        return "schema"
    return "class" if _is_class(raw) else "data type"


def listed(raw: Mapping[str, Any], keyword: str) -> Iterable[Any]:
    """What a keyword lists; nothing where it isn't there, or no list."""
    value = raw.get(keyword)
    return value if isinstance(value, list) else []


def _is_class(raw: Mapping[str, Any]) -> bool:
    if raw.get("meta:resourceType") == "classes":
        return True
    above = [*listed(raw, "meta:extends"), *_taken_in(raw)]
    return any(isinstance(id, str) and id.endswith((_RECORD, TIME_SERIES)) for id in above) and not raw.get(
        "meta:intendedToExtend"
    )


def _taken_in(raw: Mapping[str, Any]) -> list[str]:
    return [part["$ref"] for part in listed(raw, "allOf") if isinstance(part, dict) and isinstance(part.get("$ref"), str)]
