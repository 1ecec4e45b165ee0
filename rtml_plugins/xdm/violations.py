"""What the validator found, as places, keywords and sentences for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from rtml_core.errors import close_match, describe, listing
from rtml_plugins.xdm.engine import escaped, pointer
from rtml_plugins.xdm.nodes import Node
from rtml_plugins.xdm.walking import node_at

#: characters of a key that a message shows, and for which names alike are looked for
MAX_NAME: Final = 100
#: among how many names one alike is looked for
MAX_KNOWN: Final = 5_000


class Violation(msgspec.Struct, frozen=True):
    """One thing that is wrong with a document.

    at: JSON pointer to the value ("/productListItems/0/quantity"); of a missing key, to the object it is missing from.
    keyword: that of JSON Schema ("type", "required", "additionalProperties", "enum", ...), as Platform names it in its reports.
    """

    at: str
    keyword: str
    message: str

    def __str__(self) -> str:
        return f"{self.at or '/'}: {self.message}"


def violations(error: Any, tree: Node) -> Iterator[Violation]:
    """One error of the engine, for a document of `tree`: one violation, or one for each key that nobody knows."""
    at, kind, value = pointer(error.instance_path), error.kind, error.instance
    name = kind.name
    if name == "additionalProperties":
        for key in kind.unexpected:
            yield Violation(f"{at}/{escaped(key)}", name, _extraneous(key, tree, error.instance_path))
    elif name == "falseSchema":
        *parent, key = error.instance_path or [""]
        yield Violation(at, "additionalProperties", _extraneous(str(key), tree, parent))
    elif hasattr(kind, "context") and name != "oneOfMultipleValid":
        nearest: list[Any] = min(kind.context, key=len, default=[])
        said = "; ".join(str(inner) for branch in nearest[:2] for inner in violations(branch, tree))
        message = f"fits no form the schema allows{': ' + said if said else ''}"
        yield Violation(at, "anyOf" if name == "anyOf" else "oneOf", message)
    else:
        keyword = _KEYWORDS.get(name, name)
        say = _SENTENCES.get(name)
        yield Violation(at, keyword, say(kind, value) if say is not None else str(error.message))


def _extraneous(key: str, tree: Node, path: Sequence[str | int]) -> str:
    node = node_at(tree, path)
    hint = _meant(key, node.shape.properties) if node is not None else ""
    shown = key if len(key) <= MAX_NAME else f"{key[:MAX_NAME]}..."
    return f"extraneous key [{shown}] is not permitted{'.' + hint if hint else ''}"


def _meant(text: str, known: Collection[str]) -> str:
    """A hint at what was meant, where looking for it is cheap."""
    return close_match(text, known) if len(text) <= MAX_NAME and len(known) <= MAX_KNOWN else ""


def _typed(kind: Any, value: Any) -> str:
    if value is None and len(kind.types) > 1:
        return "null is no value in XDM: leave the key out"
    expected = " or ".join(_WITH_ARTICLE.get(name, name) for name in kind.types)
    if value is None:
        return f"expected {expected}, got null; XDM has no null: leave the key out"
    return f"expected {expected}, got {kind_of(value)}"


def _formatted(kind: Any, value: Any) -> str:
    example = _FORMATS.get(kind.format, "")
    return f"{describe(value, 80)} is not a {kind.format}{example}"


def _of_enum(kind: Any, value: Any) -> str:
    options = [str(option) if isinstance(option, str) else json.dumps(option) for option in kind.options]
    hint = _meant(value, options) if isinstance(value, str) else ""
    return f"{describe(value, 80)} is not one of {listing(options, 10)}.{hint}"


def _sized(words: str) -> Callable[[Any, Any], str]:
    def say(kind: Any, value: Any) -> str:
        length = len(value) if isinstance(value, (str, list, dict)) else value
        if length == 0 and kind.limit == 1:
            return "the value is empty; leave the key out"
        return f"{words.format(limit=kind.limit)}, got {length if isinstance(value, (str, list, dict)) else describe(value, 40)}"

    return say


_WITH_ARTICLE: Final = {
    "object": "a JSON object",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}
_FORMATS: Final = {
    "date-time": ", such as 2026-11-21T10:15:00Z or 2026-11-21T10:15:00.5+01:00 (RFC 3339, with Z or an offset)",
    "date": ", such as 2026-11-21",
    "uri": ", such as https://example.com/page",
    "email": ", such as ada@example.com",
    "ipv4": ", such as 192.0.2.1",
    "ipv6": ", such as 2001:db8::1",
}
_KEYWORDS: Final = {"oneOfMultipleValid": "oneOf", "unevaluatedProperties": "additionalProperties", "constant": "const"}
_SENTENCES: Final[Mapping[str, Callable[[Any, Any], str]]] = {
    "type": _typed,
    "format": _formatted,
    "enum": _of_enum,
    "const": lambda kind, value: f"expected {json.dumps(kind.expected_value)}, got {describe(value, 80)}",
    "required": lambda kind, value: f"required key [{kind.property}] not found",
    "pattern": lambda kind, value: f"{describe(value, 80)} does not match the pattern {kind.pattern}",
    "minimum": _sized("expected at least {limit}"),
    "maximum": _sized("expected at most {limit}"),
    "exclusiveMinimum": _sized("expected more than {limit}"),
    "exclusiveMaximum": _sized("expected less than {limit}"),
    "minLength": _sized("expected at least {limit} characters"),
    "maxLength": _sized("expected at most {limit} characters"),
    "minItems": _sized("expected at least {limit} elements"),
    "maxItems": _sized("expected at most {limit} elements"),
    "minProperties": _sized("expected at least {limit} keys"),
    "maxProperties": _sized("expected at most {limit} keys"),
    "uniqueItems": lambda kind, value: "an element stands twice in the list",
    "multipleOf": lambda kind, value: f"{describe(value, 40)} is not a multiple of {kind.multiple_of}",
    "oneOfMultipleValid": lambda kind, value: "fits more than one of the forms the schema allows, and must fit one",
    "not": lambda kind, value: "the schema rules this value out",
}


def kind_of(value: Any) -> str:
    """A value of JSON in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return f"the number {describe(value, 40)}"
    if isinstance(value, str):
        return f"the text {describe(value, 80)}"
    if isinstance(value, (dict, list)):
        return "a JSON object" if isinstance(value, dict) else "a list"
    return f"a Python {type(value).__name__}"
