"""A resolved schema as a tree of nodes: what allOf, $ref and definitions come to at one place of a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Shape:
    """What is known of one place.

    keywords: JSON Schema keywords with plain values, merged over all parts. properties, patterns (of patternProperties): what an
    object holds. additional: the values of a map, False for a closed object, None where nothing is said. items: the elements of
    an array, a list for a tuple. branches: keywords that hold schemas, such as ("anyOf", [node, node]), each as it was said.
    extra: keywords said twice with different values, of which both hold. sources: "$id#/pointer" of each part.
    """

    keywords: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    properties: Mapping[str, Node] = field(default_factory=dict)
    patterns: Mapping[str, Node] = field(default_factory=dict)
    additional: Node | bool | None = None
    items: Node | list[Node] | None = None
    branches: tuple[tuple[str, list[Node]], ...] = ()
    extra: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[str, ...] = ()


class Node:
    """One place of a document. Built when it is first looked at, since schemas may hold themselves (a person's contacts)."""

    __slots__ = ("_build", "_shape")

    def __init__(self, build: Callable[[], Shape]):
        self._build: Callable[[], Shape] | None = build
        self._shape: Shape | None = None

    @property
    def shape(self) -> Shape:
        if self._shape is None:
            assert self._build is not None
            self._shape = self._build()
            self._build = None
        return self._shape

    @property
    def keywords(self) -> Mapping[str, Any]:
        return self.shape.keywords

    def children(self) -> Iterator[Node]:
        """Every node directly below this one."""
        shape = self.shape
        yield from shape.properties.values()
        yield from shape.patterns.values()
        if isinstance(shape.additional, Node):
            yield shape.additional
        if isinstance(shape.items, Node):
            yield shape.items
        elif shape.items is not None:
            yield from shape.items
        for _, nodes in shape.branches:
            yield from nodes

    def is_map(self) -> bool:
        """Whether the keys are data: an object without named fields, whose values are all of one schema."""
        shape = self.shape
        return not shape.properties and (isinstance(shape.additional, Node) or shape.keywords.get("meta:xdmType") == "map")

    def alternatives(self) -> Iterator[Node]:
        """Itself, and every node that anyOf and oneOf offer at this place, also those below each other; each once."""
        seen: dict[Node, None] = {self: None}
        waiting = [self]
        while waiting:
            node = waiting.pop(0)
            yield node
            for keyword, nodes in node.shape.branches:
                if keyword in ("anyOf", "oneOf"):
                    waiting.extend(option for option in nodes if option not in seen)
                    seen.update(dict.fromkeys(nodes))
