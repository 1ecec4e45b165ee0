"""XDM's two spellings of one document: standard (`xdm:person`, `@id`) in schema files, compatible (`person`, `_id`) in data.

| standard                            | compatible                                |
|-------------------------------------|-------------------------------------------|
| xdm:person                          | person                                    |
| @id, @type                          | _id, _type                                |
| schema:latitude                     | _schema: {latitude}                       |
| https://ns.adobe.com/experience/a/b | _experience: {a: {b}}                     |
| anything else                       | the same: a tenant's _acme, plain names   |

Only keys that the schema names as fields are respelled. Keys of maps (namespaces, ids, segments) and keys that no schema knows
are data and stay. `meta:xdmField` in a schema of the compatible spelling says the standard name of a field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal, NamedTuple

from rtml_plugins.xdm.errors import SpellingError
from rtml_plugins.xdm.nodes import Node, Shape
from rtml_plugins.xdm.walking import matches

Spelling = Literal["standard", "compatible"]

_PREFIXED: Final = re.compile(r"([A-Za-z][\w.-]*):(?!//)(.+)", re.DOTALL)
#: how keys begin that only the standard spelling has at the top
_STANDARD: Final = ("xdm:", "@")
#: how deep the compatible spelling groups a flat name: _experience.analytics.customDimensions has 2 levels above the last
_DEEPEST_GROUP: Final = 4
_OWN_URIS: Final = "https://ns.adobe.com/"


def compatible(name: str) -> tuple[str, ...]:
    """The keys, from the outermost in, that the compatible spelling has for a standard name."""
    if name.startswith("@") and len(name) > 1:
        return (f"_{name[1:]}",)
    if name.startswith(_OWN_URIS):
        first, *rest = name[len(_OWN_URIS) :].split("/")
        return (f"_{first}", *rest) if first and all(rest) else (name,)
    prefixed = _PREFIXED.fullmatch(name)
    if prefixed is None:
        return (name,)
    prefix, rest_of_name = prefixed.groups()
    return (rest_of_name,) if prefix == "xdm" else (f"_{prefix}", rest_of_name)


class Name(NamedTuple):
    """One field of an object in both spellings, and its node in the tree it was read from."""

    standard: str
    compatible: tuple[str, ...]
    node: Node


def names(node: Node, spelling: Spelling) -> list[Name]:
    """The fields of an object node, read from a tree of the given spelling.

    A short name that two fields would share, or that is a field of its own, stays with the field that has it already; the others
    keep their standard name in both spellings.
    """
    fields = dict(_fields(node))
    if spelling == "standard":
        found = [Name(name, compatible(name), child) for name, child in fields.items()]
    else:
        found = [name for key, child in fields.items() for name in _read(key, child)]
    unchanged = {name.compatible for name in found if name.compatible == (name.standard,)}
    taken: set[tuple[str, ...]] = set()
    settled: list[Name] = []
    for name in found:
        way = name.compatible
        clash = way in taken or (way != (name.standard,) and way in unchanged)
        clash = clash or any(way[: len(other)] == other or other[: len(way)] == way for other in taken if len(other) != len(way))
        settled.append(name._replace(compatible=(name.standard,)) if clash and spelling == "standard" else name)
        taken.add(settled[-1].compatible)
    return settled


def _fields(node: Node) -> Iterator[tuple[str, Node]]:
    for option in reversed(list(node.alternatives())):  # what the object itself says comes last, and wins
        yield from option.shape.properties.items()


def _read(key: str, node: Node, depth: int = 0) -> Iterator[Name]:
    """A field of a compatible tree: itself, or, when it only groups fields whose standard names are flat, these."""
    standard = node.keywords.get("meta:xdmField")
    if isinstance(standard, str):
        yield Name(standard, (key,), node)
        return
    if (depth > 0 or key.startswith("_")) and depth < _DEEPEST_GROUP:
        below = node.shape.properties.items()
        inner = [name for child_key, child in below for name in _read(child_key, child, depth + 1)]
        if inner and (depth > 0 or all(compatible(name.standard) == (key, *name.compatible) for name in inner)):
            yield from (Name(name.standard, (key, *name.compatible), name.node) for name in inner)
            return
    yield Name(key, (key,), node)


class Respelled:
    """The other spelling's tree of a tree of nodes: nodes are respelled when they are first looked at, each once."""

    def __init__(self, spelling: Spelling):
        self._from = spelling
        self._nodes: dict[Node, Node] = {}

    def node(self, node: Node) -> Node:
        if node not in self._nodes:
            self._nodes[node] = Node(lambda: self._shape(node))
        return self._nodes[node]

    def _shape(self, node: Node) -> Shape:
        shape = node.shape
        additional, items = shape.additional, shape.items
        if isinstance(additional, Node):
            additional = self.node(additional)
        if items is not None:
            items = self.node(items) if isinstance(items, Node) else [self.node(item) for item in items]
        shape = replace(
            shape,
            patterns={pattern: self.node(child) for pattern, child in shape.patterns.items()},
            additional=additional,
            items=items,
            branches=tuple((keyword, [self.node(child) for child in nodes]) for keyword, nodes in shape.branches),
        )
        own = [name for name in names(node, self._from) if _is_own(node, name, self._from)]
        if self._from == "compatible":
            known = {name.compatible[0]: name.standard for name in own if len(name.compatible) == 1}
            return replace(
                shape,
                properties={name.standard: self.node(name.node) for name in own},
                required=tuple(known.get(key, key) for key in shape.required if key in known or key not in shape.properties),
            )
        return self._grouped(shape, [(name.compatible, name) for name in own])

    def _grouped(self, shape: Shape, fields: list[tuple[tuple[str, ...], Name]]) -> Shape:
        """The shape of an object with these fields, those with longer ways inside of groups."""
        properties: dict[str, Node] = {}
        groups: dict[str, list[tuple[tuple[str, ...], Name]]] = {}
        ways = {name.standard: way[0] for way, name in fields}
        for way, name in fields:
            if len(way) == 1:
                properties[way[0]] = self.node(name.node)
            else:
                groups.setdefault(way[0], []).append((way[1:], name))
        for key, below in groups.items():
            within = {name.standard for _, name in below}
            required = tuple(key for key in shape.required if key in within)
            empty = Shape(
                keywords={"type": ["object"]}, required=required, additional=False if shape.additional is False else None
            )
            group = self._grouped(empty, below)
            properties[key] = Node(lambda group=group: group)  # type: ignore[misc]
        required = tuple(dict.fromkeys(ways.get(key, key) for key in shape.required))
        return replace(shape, properties=properties, required=required)


def _is_own(node: Node, name: Name, spelling: Spelling) -> bool:
    return (name.standard if spelling == "standard" else name.compatible[0]) in node.shape.properties


def spelling_of(root: Node) -> Spelling:
    """Which spelling a schema is written in: standard as soon as one field at its top has a prefix."""
    return "standard" if any(compatible(name) != (name,) for name in root.shape.properties) else "compatible"


def spelling_in(document: Mapping[str, Any]) -> Spelling:
    """Which spelling a document is in, by the keys at its top."""
    for key in document:
        if key.startswith(_STANDARD):
            return "standard"
    return "compatible"


class _Table(NamedTuple):
    """The fields of one object node, ready for both directions.

    outer: the first keys of fields that the compatible spelling keeps in groups. groups: all ways to such groups.
    """

    by_standard: dict[str, Name]
    by_way: dict[tuple[str, ...], Name]
    outer: frozenset[str]
    groups: frozenset[tuple[str, ...]]


class Translator:
    """Documents from one spelling into the other, by a tree of nodes of the given spelling; what comes back is equal.

    A document that mixes the spellings so that the way back would be lost is refused.
    """

    def __init__(self, root: Node, spelling: Spelling):
        self._root = root
        self._spelling = spelling
        self._tables: dict[Node, _Table] = {}
        self._prefixed: frozenset[str] | None = None

    def spelling_of(self, document: Mapping[str, Any]) -> Spelling:
        """Which spelling a document is in: standard when a key at its top is a field's standard name, and has a shorter one."""
        if self._prefixed is None:
            known = self._table(self._root).by_standard
            self._prefixed = frozenset(name for name, field in known.items() if field.compatible != (name,))
        return "compatible" if self._prefixed.isdisjoint(document) else "standard"

    def translate(self, document: Mapping[str, Any], to: Spelling) -> dict[str, Any]:
        """A new document; one that has that spelling already, by the keys at its top, comes back as it is.

        Raises SpellingError, with a JSON pointer, for keys that mix the spellings.
        """
        if self.spelling_of(document) == to:
            return dict(document)
        try:
            translated: dict[str, Any] = self._value(document, self._root, to, "")
        except RecursionError as error:
            raise SpellingError("The document nests too deep to be respelled.") from error
        return translated

    def _table(self, node: Node) -> _Table:
        table = self._tables.get(node)
        if table is None:
            fields = names(node, self._spelling)
            ways = {field.compatible: field for field in fields}
            groups = frozenset(way[:length] for way in ways for length in range(1, len(way)))
            outer = frozenset(way[0] for way in groups)
            table = self._tables[node] = _Table({field.standard: field for field in fields}, ways, outer, groups)
        return table

    def _value(self, value: Any, node: Node, to: Spelling, at: str) -> Any:
        if isinstance(value, list):
            return self._list(value, node, to, at)
        if not isinstance(value, Mapping):
            return value
        return self._to_compatible(value, node, at) if to == "compatible" else self._to_standard(value, node, at)

    def _list(self, values: list[Any], node: Node, to: Spelling, at: str) -> list[Any]:
        items = node.shape.items
        if items is None:
            items = next((option.shape.items for option in node.alternatives() if option.shape.items is not None), None)
        if items is None:
            return values
        if isinstance(items, Node):
            return [self._value(value, items, to, f"{at}/{number}") for number, value in enumerate(values)]
        known = [
            self._value(value, item, to, f"{at}/{number}")
            for number, (value, item) in enumerate(zip(values, items, strict=False))
        ]
        return known + values[len(items) :]

    def _other(self, key: str, value: Any, node: Node, to: Spelling, at: str) -> Any:
        """The value of a key that is no field: of a map, of a pattern, or unknown."""
        for pattern, child in node.shape.patterns.items():
            if matches(pattern, key):
                return self._value(value, child, to, at)
        if isinstance(node.shape.additional, Node):
            return self._value(value, node.shape.additional, to, at)
        return value

    def _to_compatible(self, value: Mapping[str, Any], node: Node, at: str) -> dict[str, Any]:
        table = self._table(node)
        result: dict[str, Any] = {}
        lifted: list[tuple[tuple[str, ...], Any]] = []
        for key, inner in value.items():
            field = table.by_standard.get(key)
            pointer = f"{at}/{_escape(key)}"
            if field is None:
                if (key,) in table.by_way or (key in table.outer and _holds(inner, (key,), table)):
                    raise _mixed(at, key, "standard")
                result[key] = self._other(key, inner, node, "compatible", pointer)
                continue
            if isinstance(inner, (Mapping, list)):
                inner = self._value(inner, field.node, "compatible", pointer)
            if len(field.compatible) == 1:
                result[field.compatible[0]] = inner
            else:
                lifted.append((field.compatible, inner))
        made: set[tuple[str, ...]] = set()
        for way, inner in lifted:
            target = result
            for depth, step in enumerate(way[:-1], 1):
                group = target.get(step, {})
                if step in target and way[:depth] not in made and not (isinstance(group, Mapping) and group):
                    raise _mixed(at, step, "standard")  # what is there would be gone on the way back
                made.add(way[:depth])
                target[step] = target = dict(group)
            target[way[-1]] = inner
        return result

    def _to_standard(self, value: Mapping[str, Any], node: Node, at: str) -> dict[str, Any]:
        table = self._table(node)
        result: dict[str, Any] = {}
        rest = self._unfold(value, (), node, table, at, result)
        return {**rest, **result}

    def _unfold(
        self, inner: Mapping[str, Any], way: tuple[str, ...], node: Node, table: _Table, at: str, into: dict[str, Any]
    ) -> dict[str, Any]:
        """Put the fields of an object, and of groups in it, into `into` under their standard names; what is no field is left."""
        rest: dict[str, Any] = {}
        for key, child in inner.items():
            here, pointer = (*way, key), f"{at}/{_escape(key)}"
            field = table.by_way.get(here)
            if field is not None:
                into[field.standard] = self._value(child, field.node, "standard", pointer)
            elif here in table.groups and isinstance(child, Mapping) and child:
                left = self._unfold(child, here, node, table, pointer, into)
                if left:
                    rest[key] = left
            elif not way and key in table.by_standard:
                raise _mixed(at, key, "compatible")
            else:
                rest[key] = child if way else self._other(key, child, node, "standard", pointer)
        return rest


def _holds(inner: Any, way: tuple[str, ...], table: _Table) -> bool:
    """Whether a group of the compatible spelling, found in a standard document, holds fields that the way back would take out."""
    if not isinstance(inner, Mapping):
        return False
    here = [((*way, key), child) for key, child in inner.items()]
    return any(below in table.by_way or (below in table.groups and _holds(child, below, table)) for below, child in here)


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _mixed(at: str, key: str, spelling: str) -> SpellingError:
    other = "compatible" if spelling == "standard" else "standard"
    return SpellingError(
        f"{at}/{_escape(key)}: a document in the {spelling} spelling has a key of the {other} one here, and the way back "
        "would be lost. Spell the whole document one way."
    )
