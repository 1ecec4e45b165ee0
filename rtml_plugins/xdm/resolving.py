"""From schema files to nodes: $ref over $id, local definitions, allOf merged, with errors that say where.

Merging follows XDM rather than the letter of JSON Schema where the two differ: a schema is the union of its class and field
groups, so `additionalProperties: false` in one of them closes the whole union and not only its own fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin

from rtml_core.errors import close_match, describe
from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.merging import Merged
from rtml_plugins.xdm.nodes import Node, Shape

#: names the prefixes that keys may have, as a list of patterns, and no field: nothing of it is wanted in a resolved schema
PREFIXES_ONLY = "https://ns.adobe.com/xdm/common/extensible"
#: how many $ref and allOf may hang below each other at one place: XDM's own schemas reach 9
MAX_CHAIN = 100
_ANYTHING: dict[str, Any] = {}
_NOTHING: dict[str, Any] = {"not": {}}


class Document(NamedTuple):
    """One loaded schema file: its $id, its JSON, and the path it came from."""

    id: str
    raw: Mapping[str, Any]
    where: str


class Part(NamedTuple):
    """A schema inside of a document, at a JSON pointer."""

    schema: Mapping[str, Any]
    document: Document
    pointer: str

    def __str__(self) -> str:
        return f"{self.document.id}#{self.pointer}"

    def below(self, schema: Any, *steps: str | int) -> Part:
        """A schema below this one. true and false are schemas too; anything else is refused."""
        pointer = self.pointer + "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)
        if isinstance(schema, bool):
            schema = _ANYTHING if schema else _NOTHING
        if not isinstance(schema, dict):
            raise SchemaError(f"{self.document.id}#{pointer}: expected a schema, a JSON object, got {describe(schema)}.")
        return Part(schema, self.document, pointer)


class Resolver:
    """Nodes of the documents in `known` ($id -> document), each built once."""

    def __init__(self, known: Mapping[str, Document]):
        self.known = known
        self._nodes: dict[tuple[tuple[int, str], ...], Node] = {}

    def root(self, document: Document) -> Node:
        return self.node([Part(document.raw, document, "")])

    def node(self, parts: Iterable[Part]) -> Node:
        """The one node that all of these parts describe together. Raises SchemaError, then or when it is first looked at."""
        parts = list(parts)
        key = tuple((id(part.schema), part.document.id) for part in parts)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(lambda: self._shape(parts))
        return node

    def ancestors(self, document: Document) -> list[str]:
        """The $id of every document whose fields are at the top of this one, itself first."""
        flat: list[Part] = []
        _flatten(self, Part(document.raw, document, ""), [], {}, flat)
        return list(dict.fromkeys(part.document.id for part in flat))

    def _shape(self, parts: list[Part]) -> Shape:
        flat: list[Part] = []
        seen: dict[int, None] = {}
        for part in parts:
            _flatten(self, part, [], seen, flat)
        merged = Merged()
        for part in flat:
            merged.add(part)
        return merged.shape(self.node)

    def target(self, part: Part, reference: str) -> Part:
        """What a $ref in `part` points to. Raises SchemaError: no such document among the loaded ones, or no such place in it."""
        base, _, fragment = reference.partition("#")
        document = part.document
        if base:
            found = self.known.get(base) or self.known.get(urljoin(document.id, base))
            if found is None:
                raise SchemaError(
                    f"{part}: no schema with $id '{base}' is loaded.{close_match(base, self.known)} "
                    "Load its file too; nothing is fetched from the network."
                )
            document = found
        if fragment and not fragment.startswith("/"):
            raise SchemaError(f"{part}: '#{fragment}' is no place in a document; a $ref there looks like '#/definitions/name'.")
        value: Any = document.raw
        steps = [unquote(step).replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:]]
        for step in steps:
            value = _step(part, reference, value, step)
        return Part(document.raw, document, "").below(value, *steps)


def _step(part: Part, reference: str, value: Any, name: str) -> Any:
    if isinstance(value, Mapping) and name in value:
        return value[name]
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    known = list(value) if isinstance(value, Mapping) else []
    raise SchemaError(f"{part}: $ref '{reference}' points to nothing: there is no '{name}'.{close_match(name, known)}")


def _flatten(resolver: Resolver, part: Part, chain: list[Part], seen: dict[int, None], into: list[Part]) -> None:
    """Append `part`, and what it takes in by $ref and allOf at the same place, depth first; each once."""
    if part.document.id == PREFIXES_ONLY:
        return
    if any(part.schema is above.schema for above in chain):
        way = " -> ".join(str(step) for step in [*chain, part])
        raise SchemaError(f"{part} holds itself at the same place by $ref and allOf, so it never ends: {way}.")
    if len(chain) >= MAX_CHAIN:
        raise SchemaError(f"{chain[0]}: more than {MAX_CHAIN} $ref and allOf hang below each other at this place.")
    if id(part.schema) in seen and part.schema is not _ANYTHING:
        return
    seen[id(part.schema)] = None
    into.append(part)
    chain.append(part)
    reference = part.schema.get("$ref")
    if reference is not None:
        if not isinstance(reference, str):
            raise SchemaError(f"{part}: expected a text as $ref, got {describe(reference)}.")
        if reference.partition("#")[0] != PREFIXES_ONLY:
            _flatten(resolver, resolver.target(part, reference), chain, seen, into)
    together = part.schema.get("allOf", [])
    if not isinstance(together, list):
        raise SchemaError(f"{part}: expected a list as allOf, got {describe(together)}.")
    for number, schema in enumerate(together):
        _flatten(resolver, part.below(schema, "allOf", number), chain, seen, into)
    chain.pop()
