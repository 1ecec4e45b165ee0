"""The XDM type of a field: what `type`, `format`, `meta:xdmType` and the range of a resolved node come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.nodes import Node

#: lowest and highest value of each integer type of XDM; a long stays exact in every JSON reader, so it has 54 bits and not 64
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**53 - 1), 2**53 - 1),
}
#: JSON type under each XDM type
JSON_TYPES: Final[Mapping[str, str]] = {
    **dict.fromkeys(RANGES, "integer"),
    "integer": "integer",
    "string": "string",
    "date": "string",
    "date-time": "string",
    "number": "number",
    "double": "number",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
    "map": "object",
}


@dataclass(frozen=True, eq=False)
class FieldType:
    """The type of one field.

    type: "string", "number", "long", "int", "short", "byte", "boolean", "date", "date-time", "map", "array", "object", or "any"
    where the schema says nothing. enum: the values it must have one of, None when open. suggested: the values a soft enum lists
    (value -> title); others are fine too. title and description are the schema's.
    """

    type: str
    node: Node

    @property
    def title(self) -> str | None:
        return self._text("title")

    @property
    def description(self) -> str | None:
        return self._text("description")

    @property
    def format(self) -> str | None:
        """ "date-time", "uri", "email", ...: as the schema says it."""
        return self._text("format")

    @property
    def pattern(self) -> str | None:
        return self._text("pattern")

    @property
    def enum(self) -> tuple[Any, ...] | None:
        keywords = self.node.keywords
        if "enum" in keywords:
            return tuple(keywords["enum"])
        return (keywords["const"],) if "const" in keywords else None

    @property
    def suggested(self) -> Mapping[str, Any]:
        suggested: Mapping[str, Any] = self.node.keywords.get("meta:enum", {})
        return suggested

    @property
    def minimum(self) -> float | int | None:
        return self._bound("minimum", 0)

    @property
    def maximum(self) -> float | int | None:
        return self._bound("maximum", 1)

    @property
    def items(self) -> FieldType | None:
        """Type of the elements of an array."""
        items = self.node.shape.items
        return field_type(items) if isinstance(items, Node) else None

    @property
    def values(self) -> FieldType | None:
        """Type of the values of a map."""
        additional = self.node.shape.additional
        return field_type(additional) if self.type == "map" and isinstance(additional, Node) else None

    @property
    def properties(self) -> Mapping[str, FieldType]:
        """The fields directly below an object."""
        return {name: field_type(node) for name, node in self.node.shape.properties.items()}

    @property
    def required(self) -> tuple[str, ...]:
        """Which of an object's keys must be there."""
        return self.node.shape.required

    def _bound(self, keyword: str, side: int) -> float | int | None:
        bound: float | int | None = self.node.keywords.get(keyword, RANGES[self.type][side] if self.type in RANGES else None)
        return bound

    def _text(self, keyword: str) -> str | None:
        value = self.node.keywords.get(keyword)
        return value if isinstance(value, str) else None

    def __repr__(self) -> str:
        return f"FieldType({self.type!r})"


def field_type(node: Node) -> FieldType:
    return FieldType(xdm_type(node), node)


def xdm_type(node: Node) -> str:
    """The XDM type. Raises SchemaError where meta:xdmType contradicts the type."""
    keywords = node.keywords
    names = [name for name in keywords.get("type", _implied(node)) if name != "null"]
    declared = keywords.get("meta:xdmType")
    if declared is not None and names and JSON_TYPES.get(str(declared)) not in {*names, None}:
        where = node.shape.sources[0] if node.shape.sources else "a field"
        raise SchemaError(f"{where}: meta:xdmType says {declared}, and type says {' or '.join(names)}; they must agree.")
    if len(names) != 1:
        return "number" if set(names) == {"integer", "number"} else "any"
    name = names[0]
    if name == "string":
        return keywords["format"] if keywords.get("format") in ("date", "date-time") else "string"
    if name == "integer":
        return _integer(keywords)
    return "map" if name == "object" and node.is_map() else name


def _integer(keywords: Mapping[str, Any]) -> str:
    """The smallest integer type that holds the declared range; meta:xdmType where no range is declared; long where nothing is."""
    low, high = keywords.get("minimum"), keywords.get("maximum")
    if low is not None and high is not None:
        return next((name for name, (least, most) in RANGES.items() if least <= low and high <= most), "long")
    declared = keywords.get("meta:xdmType")
    return str(declared) if declared in RANGES else "long"


def _implied(node: Node) -> list[str]:
    """The type that a schema means without saying it: XDM's local definitions often hold only properties."""
    shape = node.shape
    if shape.properties or shape.patterns or shape.required or shape.additional is not None:
        return ["object"]
    if shape.items is not None:
        return ["array"]
    options = shape.keywords.get("enum", [shape.keywords["const"]] if "const" in shape.keywords else [])
    kinds = {_kind(option) for option in options}
    return list(kinds) if len(kinds) == 1 else []


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if isinstance(value, (int, float)) else "array" if isinstance(value, list) else "object"
