"""Several schemas that hold at the same place, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import close_match, describe
from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.nodes import Node, Shape

if TYPE_CHECKING:
    from rtml_plugins.xdm.resolving import Part

TYPES: Final = ("object", "array", "string", "number", "integer", "boolean", "null")
#: handled by the resolver, or of no use in a resolved schema
_LEFT_OUT: Final = frozenset(
    [
        "$id",
        "$schema",
        "$ref",
        "$defs",
        "definitions",
        "meta:license",
        "meta:titleId",
        "meta:descriptionId",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "contains",
        "properties",
        "patternProperties",
        "additionalProperties",
        "propertyNames",
        "items",
        "required",
    ]
)
_HIGHER: Final = frozenset(["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"])
_LOWER: Final = frozenset(["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"])
#: keywords that restrict, of which two different values must both hold
_BOTH: Final = frozenset(["format", "pattern", "const", "multipleOf", "uniqueItems", "additionalItems", "dependencies"])
_COUNTS: Final = frozenset(["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"])


class Merged:
    """Parts, added from the outermost in: the first title and description win, restrictions all hold."""

    def __init__(self) -> None:
        self._keywords: dict[str, Any] = {}
        self._extra: list[dict[str, Any]] = []
        self._required: dict[str, None] = {}
        self._properties: dict[str, list[Part]] = {}
        self._patterns: dict[str, list[Part]] = {}
        self._additional: list[Part] = []
        self._closed = False
        self._items: list[Part] = []
        self._tuple: list[Part] | None = None
        self._branches: list[tuple[str, list[Part]]] = []
        self._said: dict[str, Part] = {}
        self._sources: list[str] = []

    def add(self, part: Part) -> None:
        """Take in what one part says. Raises SchemaError where it isn't a schema, or can't hold together with the others."""
        self._sources.append(str(part))
        for keyword, value in part.schema.items():
            if keyword not in _LEFT_OUT:
                self._keyword(part, keyword, value)
        self._add_fields(part)
        self._add_branches(part)

    def shape(self, node: Callable[[Iterable[Part]], Node]) -> Shape:
        """All of it, with `node` making the nodes below."""
        additional: Node | bool | None = False if self._closed else None
        if self._additional:
            additional = node(self._additional)
        return Shape(
            keywords=self._keywords,
            required=tuple(self._required),
            properties={name: node(parts) for name, parts in self._properties.items()},
            patterns={pattern: node(parts) for pattern, parts in self._patterns.items()},
            additional=additional,
            items=[node([part]) for part in self._tuple]
            if self._tuple is not None
            else node(self._items)
            if self._items
            else None,
            branches=tuple((keyword, [node([part]) for part in parts]) for keyword, parts in self._branches),
            extra=tuple(self._extra),
            sources=tuple(self._sources),
        )

    def _keyword(self, part: Part, keyword: str, value: Any) -> None:
        if keyword == "type":
            value = _types(part, value)
        elif keyword in _HIGHER or keyword in _LOWER:
            _number(part, keyword, value)
        elif keyword in ("enum", "meta:enum") and not isinstance(value, list if keyword == "enum" else Mapping):
            raise SchemaError(
                f"{part}: '{keyword}' holds {describe(value)}; it is a {'list' if keyword == 'enum' else 'JSON object'}."
            )
        elif keyword == "enum" and not value:
            raise SchemaError(f"{part}: the list of enum is empty, so that no value could ever be right.")
        elif (
            keyword == "dependencies"
            and isinstance(value, Mapping)
            and not all(isinstance(names, list) for names in value.values())
        ):
            raise SchemaError(f"{part}: dependencies hold schemas; here they may only hold lists of names.")
        elif keyword in ("pattern", "format") and not isinstance(value, str):
            raise SchemaError(f"{part}: expected a text as {keyword}, got {describe(value)}.")
        if keyword not in self._keywords:
            self._keywords[keyword], self._said[keyword] = value, part
            return
        before = self._keywords[keyword]
        if keyword == "type":
            self._keywords[keyword] = self._common_types(part, before, value)
        elif keyword in _HIGHER:
            self._keywords[keyword] = max(before, value)
        elif keyword in _LOWER:
            self._keywords[keyword] = min(before, value)
        elif keyword == "enum":
            self._keywords[keyword] = [option for option in before if option in value]
            if not self._keywords[keyword]:
                raise SchemaError(f"{part} and {self._said[keyword]}: no value is in both lists of enum.")
        elif keyword == "meta:enum":
            self._keywords[keyword] = {**value, **before}
        elif keyword in _BOTH and value != before:
            self._extra.append({keyword: value})

    def _common_types(self, part: Part, before: list[str], now: list[str]) -> list[str]:
        both = [name for name in before if name in now or (name == "integer" and "number" in now)]
        both += [name for name in now if name == "integer" and "number" in before and name not in both]
        if not both:
            raise SchemaError(
                f"{part} and {self._said['type']} describe one field, as {' or '.join(now)} and as {' or '.join(before)}: "
                "no value can be both. Leave one of the two out, or rename its field."
            )
        return both

    def _add_fields(self, part: Part) -> None:
        schema = part.schema
        for keyword, into in (("properties", self._properties), ("patternProperties", self._patterns)):
            fields = schema.get(keyword, {})
            if not isinstance(fields, Mapping):
                raise SchemaError(f"{part}: expected a JSON object as {keyword}, got {describe(fields)}.")
            for name, field in fields.items():
                into.setdefault(name, []).append(part.below(field, keyword, name))
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise SchemaError(f"{part}: expected a list of names as required, got {describe(required)}.")
        self._required.update(dict.fromkeys(required))
        additional = schema.get("additionalProperties", True)
        if additional is False:
            self._closed = True
        elif additional is not True:
            self._additional.append(part.below(additional, "additionalProperties"))
        items = schema.get("items")
        if isinstance(items, list):
            if self._tuple is not None or self._items:
                raise SchemaError(f"{part}: an array is described twice at this place, once element by element.")
            self._tuple = [part.below(item, "items", number) for number, item in enumerate(items)]
        elif items is not None:
            if self._tuple is not None:
                raise SchemaError(f"{part}: an array is described twice at this place, once element by element.")
            self._items.append(part.below(items, "items"))

    def _add_branches(self, part: Part) -> None:
        for keyword in ("anyOf", "oneOf"):
            options = part.schema.get(keyword)
            if options is None:
                continue
            if not isinstance(options, list) or not options:
                raise SchemaError(f"{part}: expected a list of schemas as {keyword}, got {describe(options)}.")
            self._branches.append((keyword, [part.below(option, keyword, number) for number, option in enumerate(options)]))
        for keyword in ("not", "contains", "propertyNames"):
            if keyword in part.schema:
                self._branches.append((keyword, [part.below(part.schema[keyword], keyword)]))


def _types(part: Part, value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if not isinstance(name, str) or name not in TYPES:
            hint = close_match(name, TYPES) if isinstance(name, str) else ""
            raise SchemaError(f"{part}: {describe(name)} is no type of JSON Schema: {', '.join(TYPES)}.{hint}")
    if not names:
        raise SchemaError(f"{part}: the list of types is empty.")
    return list(names)


def _number(part: Part, keyword: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SchemaError(f"{part}: expected a number as {keyword}, got {describe(value)}.")
    if keyword in _COUNTS and (value < 0 or value != int(value)):
        raise SchemaError(f"{part}: expected a count as {keyword}, got {describe(value)}.")
