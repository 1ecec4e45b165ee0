"""A resolved schema as one JSON Schema document that stands alone: for people (`for_reading`), for the validator (`strict`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rtml_plugins.xdm.costs import check_cost
from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.fieldtypes import RANGES, xdm_type
from rtml_plugins.xdm.nodes import Node, Shape

DRAFT: Final = "http://json-schema.org/draft-06/schema#"
#: how many places one schema may describe, each counted once for every part of a file that says something of it: a schema of all
#: of XDM's field groups for events together comes to 3,300
MAX_PARTS: Final = 100_000
#: how deep a value may nest where the schema says nothing of it
MAX_FREE_DEPTH: Final = 64
#: how deep a document spells nodes out before it points to a definition
_MAX_INLINE: Final = 30
_NOT_NULL: Final = ["object", "array", "string", "number", "boolean"]
_CHECKED: Final = frozenset(
    [
        "type",
        "enum",
        "const",
        "format",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "dependencies",
    ]
)


def for_reading(root: Node) -> dict[str, Any]:
    """What the files say, merged: with titles, descriptions and XDM's own keywords."""
    return {"$schema": DRAFT, **_Writer(root, strict=False).document()}


def strict(root: Node, required: Iterable[tuple[str, ...]] = (), *, empty: bool = True) -> dict[str, Any]:
    """What the validator checks: for_reading without the words, and with XDM's own rules spelled out.

    null is no value of any field; integers stay in the range of their XDM type, long where none is said; where the schema says
    nothing, values may nest MAX_FREE_DEPTH levels. required: paths that must be there beyond what the schema requires. empty:
    whether "", [] and {} are values.
    """
    writer = _Writer(root, strict=True, empty=empty)
    check_cost(root, writer.nodes)
    document = writer.document()
    together = [_presence(path) for path in required if path]
    if together:
        document = {"allOf": together, **document}
    free = {f"free.{level}": _free(level, empty) for level in range(MAX_FREE_DEPTH + 1)}
    document["definitions"] = {**document.get("definitions", {}), **free}
    return {"$schema": DRAFT, **document}


def _presence(path: tuple[str, ...]) -> dict[str, Any]:
    first, rest = path[0], path[1:]
    return {"required": [first], **({"properties": {first: _presence(rest)}} if rest else {})}


def _free(level: int, empty: bool) -> dict[str, Any]:
    below = {"$ref": f"#/definitions/free.{level + 1}"}
    if level == MAX_FREE_DEPTH:
        return {"type": ["string", "number", "boolean"]}
    return {"type": _NOT_NULL, "items": below, "additionalProperties": below, **({} if empty else _FILLED)}


_FILLED: Final[Mapping[str, Any]] = {"minLength": 1, "minItems": 1, "minProperties": 1}


class _Writer:
    """Writes nodes; those that are used twice, or hold themselves, once, as definitions."""

    def __init__(self, root: Node, *, strict: bool, empty: bool = True):
        self._root = root
        self._strict = strict
        self._empty = empty
        self._uses = _uses(root)
        self._names: dict[Node, str] = {}
        self._waiting: list[Node] = []

    @property
    def nodes(self) -> Iterable[Node]:
        return self._uses

    def document(self) -> dict[str, Any]:
        written = self._written(self._root, 0)
        definitions: dict[str, Any] = {}
        while self._waiting:
            node = self._waiting.pop()
            definitions[self._names[node]] = self._written(node, 0)
        if definitions:
            written["definitions"] = dict(sorted(definitions.items()))
        return written

    def _node(self, node: Node, depth: int) -> dict[str, Any]:
        if node is self._root:
            return {"$ref": "#"}
        shared = self._uses[node] > 1 and any(True for _ in node.children())
        if not shared and depth < _MAX_INLINE:
            return self._written(node, depth + 1)
        if node not in self._names:
            self._names[node] = f"{_slug(node)}-{len(self._names) + 1}"
            self._waiting.append(node)
        return {"$ref": f"#/definitions/{self._names[node]}"}

    def _written(self, node: Node, depth: int) -> dict[str, Any]:
        shape = node.shape
        if self._strict:
            written = {keyword: value for keyword, value in shape.keywords.items() if keyword in _CHECKED}
            _strict_type(node, written)
            if not self._empty:
                written = {**_FILLED, **written}
        else:
            written = dict(shape.keywords)
            xdm_type(node)  # a contradiction in the file is said, not passed on
            if len(written.get("type", [])) == 1:
                written["type"] = written["type"][0]
        if shape.required:
            written["required"] = list(shape.required)
        self._write_fields(shape, written, depth)
        together = [dict(extra) for extra in shape.extra]
        for keyword, nodes in shape.branches:
            value = self._branch(keyword, nodes, depth)
            if keyword in written:
                together.append({keyword: value})
            else:
                written[keyword] = value
        if together:
            written["allOf"] = together
        return written

    def _branch(self, keyword: str, nodes: list[Node], depth: int) -> Any:
        if keyword in ("anyOf", "oneOf"):
            return [self._node(node, depth) for node in nodes]
        strict, self._strict = self._strict, self._strict and keyword != "not"  # stricter inside of a not would be laxer
        try:
            return self._node(nodes[0], depth)
        finally:
            self._strict = strict

    def _write_fields(self, shape: Shape, written: dict[str, Any], depth: int) -> None:
        if shape.properties:
            written["properties"] = {name: self._node(node, depth) for name, node in shape.properties.items()}
        if shape.patterns:
            written["patternProperties"] = {pattern: self._node(node, depth) for pattern, node in shape.patterns.items()}
        if shape.additional is False:
            written["additionalProperties"] = False
        elif isinstance(shape.additional, Node):
            written["additionalProperties"] = self._node(shape.additional, depth)
        elif self._strict and "object" in written.get("type", ()):
            written["additionalProperties"] = {"$ref": "#/definitions/free.0"}
        if isinstance(shape.items, Node):
            written["items"] = self._node(shape.items, depth)
        elif shape.items is not None:
            written["items"] = [self._node(node, depth) for node in shape.items]
        elif self._strict and "array" in written.get("type", ()):
            written["items"] = {"$ref": "#/definitions/free.0"}


def _strict_type(node: Node, written: dict[str, Any]) -> None:
    """The type without null, and the range of XDM's integers."""
    kind = xdm_type(node)
    if kind in RANGES:
        low, high = RANGES[kind]
        written["minimum"] = max(low, written.get("minimum", low))
        written["maximum"] = min(high, written.get("maximum", high))
    types = written.get("type")
    if types is None:
        implied = {"map": "object", "date": "string", "date-time": "string", **dict.fromkeys(RANGES, "integer")}.get(kind, kind)
        written["type"] = _NOT_NULL if kind == "any" else implied
    else:
        types = [name for name in types if name != "null"]
        written["type"] = types[0] if len(types) == 1 else types or ["null"]


def _uses(root: Node) -> dict[Node, int]:
    """How often each node is pointed to from below `root`. Without recursion, since nodes may hold themselves."""
    uses = {root: 1}
    waiting = [root]
    parts = 0
    while waiting:
        node = waiting.pop()
        parts += len(node.shape.sources)
        if parts > MAX_PARTS:
            where = root.shape.sources[0] if root.shape.sources else "A schema"
            raise SchemaError(f"{where} comes to more than {MAX_PARTS:,} parts when it is resolved, more than any schema needs.")
        for child in node.children():
            uses[child] = uses.get(child, 0) + 1
            if uses[child] == 1:
                waiting.append(child)
    return uses


def _slug(node: Node) -> str:
    title = node.keywords.get("title")
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "part" if isinstance(title, str) else "part"
