"""XDM schemas: loading them, finding them by name, and what a document of one may hold.

schemas = builtin() | load("schemas/")
event = schemas.get("shop-event")
event.type_at(["productListItems", 0, "quantity"]).type      # "int"
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from rtml_core.errors import close_match, listing
from rtml_plugins.xdm import documents
from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.fieldtypes import FieldType, field_type
from rtml_plugins.xdm.nodes import Node
from rtml_plugins.xdm.resolving import Document, Resolver
from rtml_plugins.xdm.roles import ROLES, TIME_SERIES, Role, listed, role
from rtml_plugins.xdm.sources import Found, check_depth, read
from rtml_plugins.xdm.spelling import Respelled, Spelling, Translator, spelling_of
from rtml_plugins.xdm.walking import Field, leaves, node_at

__all__ = ["Field", "FieldType", "IdentityField", "Schema", "SchemaError", "Schemas", "builtin", "load"]

Kind = Literal["event", "record"]

_BUILTIN = Path(__file__).parent / "builtin"


@dataclass(frozen=True)
class IdentityField:
    """A field that holds an identity, as a descriptor beside the schema says: ("personalEmail", "address"), "Email"."""

    path: tuple[str, ...]
    namespace: str
    primary: bool = False


class Schema:
    """One resolved schema: a class with its field groups, or any other schema file.

    id: its $id. title; name: short, the end of its $id. kind: "event" when it is a time series, else "record". role: what the
    file is - "schema", "class", "field group", "data type" or "behavior". spelling: that of its files. tenant: the key under
    which an organisation's own fields lie ("_acme"), when it has one. identities: its identity fields, by descriptors.
    """

    def __init__(self, document: Document, schemas: Schemas):
        self._document = document
        self._schemas = schemas
        self._root = schemas._resolver.root(document)
        self.id = document.id
        self.title = str(document.raw.get("title") or short_name(document.id))
        self.name = short_name(document.id)
        self.description = str(document.raw.get("description") or "")
        #: the name that Platform's registry lists it under, "_xdm.context.profile", where the file says it
        self.alternative = str(document.raw.get("meta:altId") or "").casefold() or None

    def __repr__(self) -> str:
        return f"Schema({self.id!r})"

    @cached_property
    def ancestors(self) -> tuple[str, ...]:
        """The $id of every document whose fields are at the top of this one, and those that these say they extend."""
        above = self._schemas._resolver.ancestors(self._document)
        extended = [str(name) for id in above if id in self._schemas for name in listed(self._schemas.raw(id), "meta:extends")]
        return tuple(dict.fromkeys([*above, *extended]))

    @cached_property
    def kind(self) -> Kind:
        return "event" if any(id.endswith(TIME_SERIES) for id in self.ancestors) else "record"

    @cached_property
    def role(self) -> Role:
        return role(self.id, self._schemas._files)

    @cached_property
    def spelling(self) -> Spelling:
        return spelling_of(self._root)

    @cached_property
    def tenant(self) -> str | None:
        namespace = self._document.raw.get("meta:tenantNamespace")
        if isinstance(namespace, str) and namespace:
            return namespace if namespace.startswith("_") else f"_{namespace}"
        own = [name for name, node in self._root.shape.properties.items() if name.startswith("_") and node.shape.properties]
        return next(
            (name for name in own if not any("meta:xdmField" in child.keywords for child in _below(self._root, name))), None
        )

    @cached_property
    def identities(self) -> tuple[IdentityField, ...]:
        return tuple(self._schemas._identities(self))

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of what the schema says: of document(), so that it changes with any file the schema takes in."""
        said = {
            "schema": self.document(),
            "identities": [[*field.path, field.namespace, field.primary] for field in self.identities],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def tree(self, spelling: Spelling | None = None) -> Node:
        """The resolved nodes, in a spelling; None: its own."""
        if spelling is None or spelling == self.spelling:
            return self._root
        return self._respelled

    @cached_property
    def _respelled(self) -> Node:
        return Respelled(self.spelling).node(self._root)

    @cached_property
    def translator(self) -> Translator:
        """Documents of this schema from one spelling into the other."""
        return Translator(self._root, self.spelling)

    def document(self, spelling: Spelling | None = None) -> dict[str, Any]:
        """The whole schema as one JSON Schema document (draft-06) that stands alone. Raises SchemaError."""
        return {"$id": self.id, **documents.for_reading(self.tree(spelling))}

    def strict_document(self, spelling: Spelling | None = None, *, empty: bool = True) -> dict[str, Any]:
        """What the validator checks; see documents.strict."""
        spelling = spelling or self.spelling
        needed = [self._spelled(field.path, spelling) for field in self.identities if field.primary]
        if self.kind == "event":
            needed += [("@id",), ("xdm:timestamp",)] if spelling == "standard" else [("_id",), ("timestamp",)]
        return documents.strict(self.tree(spelling), needed, empty=empty)

    def type_at(self, path: Sequence[str | int]) -> FieldType | None:
        """The type of the field at a path of keys and, in arrays, whole numbers; None where the schema says nothing.

        Either spelling is understood: ["person", "name"] and ["xdm:person", "xdm:name"].
        """
        node = node_at(self._root, path)
        if node is None:
            node = node_at(self.tree("compatible" if self.spelling == "standard" else "standard"), path)
        return None if node is None else field_type(node)

    def fields(self, spelling: Spelling | None = None) -> list[Field]:
        """All fields that hold plain values, in the order of the files; a schema that holds itself is followed once."""
        return list(leaves(self.tree(spelling)))

    def _spelled(self, path: tuple[str, ...], spelling: Spelling) -> tuple[str, ...]:
        if node_at(self.tree(spelling), path) is not None:
            return path
        nested: dict[str, Any] = {}
        inner = nested
        for key in path[:-1]:
            inner[key] = inner = {}
        inner[path[-1]] = 0
        found = self.translator.translate(nested, spelling)
        way: list[str] = []
        while isinstance(found, dict):
            key, found = next(iter(found.items()))
            way.append(key)
        return tuple(way)


class Schemas:
    """Loaded schema files, by $id. `get` finds them by $id, short name or title; `|` joins two sets."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}
        self._files: dict[str, Mapping[str, Any]] = {}
        self._descriptors: list[Mapping[str, Any]] = []
        self._made: dict[str, Schema] = {}
        self._resolver = Resolver(self._documents)

    def __contains__(self, id: object) -> bool:
        return id in self._documents

    def __iter__(self) -> Iterator[Schema]:
        return (self._schema(id) for id in self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def __or__(self, other: Schemas) -> Schemas:
        joined = Schemas()
        for schemas in (self, other):
            for document in schemas._documents.values():
                joined._put(document)
            joined._descriptors += [one for one in schemas._descriptors if one not in joined._descriptors]
        return joined

    def add(self, document: Mapping[str, Any], where: str = "the added schema") -> str:
        """Take in one schema, or one identity descriptor; its $id. Raises SchemaError: no $id, or one that another file has."""
        check_depth(document, where)
        try:
            copied = json.loads(json.dumps(document, allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError) as error:  # half characters too
            raise SchemaError(f"{where} is not JSON: {error}.") from error
        if _is_descriptor(copied):
            self._describe(copied, where)
            return str(copied.get("@id", ""))
        id = _id(copied, where)
        self._put(Document(id, copied, where))
        return id

    def get(self, name: str) -> Schema:
        """The schema with this $id, short name or title. Raises SchemaError for none, or several, of that name."""
        id = name.rstrip("#")
        if id in self._documents:
            return self._schema(id)
        wanted = name.casefold()
        found = [schema for schema in self if wanted in (schema.name.casefold(), schema.title.casefold(), schema.alternative)]
        if len(found) > 1:
            best = min(ROLES.index(schema.role) for schema in found)
            found = [schema for schema in found if ROLES.index(schema.role) == best]
        if not found:
            known = [text for schema in self for text in (schema.name, schema.title)]
            some = [schema.name for schema in self if schema.role == "schema"]
            raise SchemaError(
                f"There is no schema '{name}'.{close_match(name, known)} Loaded: {listing(some or known[::2], 12)}."
            )
        if len(found) > 1:
            raise SchemaError(
                f"'{name}' is the name of several schemas: {listing(schema.id for schema in found)}. Say which by its $id."
            )
        return found[0]

    def names(self) -> list[str]:
        """The $id of every loaded schema, in the order of loading."""
        return list(self._documents)

    def raw(self, id: str) -> Mapping[str, Any]:
        """The JSON of one file, unresolved."""
        return self._documents[id].raw

    def _schema(self, id: str) -> Schema:
        if id not in self._made:
            self._made[id] = Schema(self._documents[id], self)
        return self._made[id]

    def _put(self, document: Document) -> None:
        known = self._documents.get(document.id)
        if known is None:
            self._documents[document.id] = document
            self._files[document.id] = document.raw
            self._made.clear()  # what extends it may know more now
        elif known.raw != document.raw:
            raise SchemaError(
                f"{document.where} and {known.where} both have the $id '{document.id}', and differ. Leave one out, or rename it."
            )

    def _take(self, found: Found) -> None:
        if _is_descriptor(found.document):
            self._describe(found.document, found.where)
        else:
            self._put(Document(_id(found.document, found.where), found.document, found.where))

    def _describe(self, descriptor: Mapping[str, Any], where: str) -> None:
        if not str(descriptor["@type"]).endswith("descriptorIdentity"):
            return  # relations, display names: of no meaning for single documents
        for key in ("sourceSchema", "sourceProperty", "namespace"):
            if not isinstance(_xdm(descriptor, key), str):
                raise SchemaError(f"{where}: an identity descriptor needs 'xdm:{key}', a text.")
        self._descriptors.append(descriptor)
        self._made.clear()

    def _identities(self, schema: Schema) -> Iterator[IdentityField]:
        for descriptor in self._descriptors:
            source = _xdm(descriptor, "sourceSchema")
            if source != schema.id and source not in schema.ancestors:
                continue
            path = tuple(
                step.replace("~1", "/").replace("~0", "~") for step in _xdm(descriptor, "sourceProperty").strip("/").split("/")
            )
            if schema.type_at(path) is None:
                raise SchemaError(
                    f"{source}: its identity descriptor names '{'/'.join(path)}', and the schema has no such field."
                )
            primary = _xdm(descriptor, "isPrimary")
            yield IdentityField(path, _xdm(descriptor, "namespace"), primary is True or primary == 1)


def load(*paths: str | Path) -> Schemas:
    """Schemas from folders, files and bundles (a JSON file with a list of schemas, a zip). Nothing is fetched.

    Files are read, not resolved: an error inside of a schema shows when it is used. Raises SchemaError, naming the file, for one
    that can't be read, and for two files that have one $id and differ.
    """
    schemas = Schemas()
    for path in paths:
        for found in read(Path(path)):
            schemas._take(found)
    return schemas


def builtin() -> Schemas:
    """The schemas that ship with rtml: `shop-event`, `shop-profile`, and what they are made of. A set of one's own, to add to."""
    return _shipped() | Schemas()


@cache
def _shipped() -> Schemas:
    return load(_BUILTIN)


def short_name(id: str) -> str:
    """The end of an $id: "shop-event" of "https://rtml.example/xdm/schemas/shop-event"."""
    return id.rstrip("/").rpartition("/")[2] or id


def _id(document: Mapping[str, Any], where: str) -> str:
    id = document.get("$id")
    if not isinstance(id, str) or not id.rstrip("#"):
        raise SchemaError(f'{where} has no "$id", the URI that other schemas and data name it by. Give it one.')
    return id.rstrip("#")


def _is_descriptor(document: Mapping[str, Any]) -> bool:
    return "$id" not in document and "descriptor" in str(document.get("@type", ""))


def _xdm(document: Mapping[str, Any], key: str) -> Any:
    return document.get(f"xdm:{key}", document.get(key))


def _below(node: Node, name: str) -> Iterable[Node]:
    return node.shape.properties[name].shape.properties.values()
