"""Ways through a resolved schema: the node at a path, and every field that holds a plain value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.fieldtypes import FieldType, field_type
from rtml_plugins.xdm.nodes import Node

#: how many places `leaves` looks at: a schema of all of XDM's field groups for events together has 4,000
MAX_FIELDS: Final = 50_000
#: how deep it looks: XDM's own deepest schema has 25 levels
MAX_FIELD_DEPTH: Final = 100


@dataclass(frozen=True)
class Field:
    """One field that holds a plain value. path: keys from the top; "[]" is any element of an array, "{}" any key of a map."""

    path: tuple[str, ...]
    type: FieldType
    required: bool


def node_at(node: Node, path: Sequence[str | int]) -> Node | None:
    """The node at a path of keys and, in arrays, whole numbers; None where the schema says nothing."""
    here = [node]
    for step in path:
        below = (child for above in here for option in above.alternatives() for child in _steps(option, step))
        here = list(dict.fromkeys(below))
        if not here:
            return None
    return here[0]


def _steps(node: Node, step: str | int) -> Iterator[Node]:
    shape = node.shape
    if isinstance(step, int):
        if isinstance(shape.items, Node):
            yield shape.items
        elif shape.items is not None and 0 <= step < len(shape.items):
            yield shape.items[step]
    elif step in shape.properties:
        yield shape.properties[step]
    else:
        yield from (child for pattern, child in shape.patterns.items() if matches(pattern, step))
        if isinstance(shape.additional, Node):
            yield shape.additional


def matches(pattern: str, key: str) -> bool:
    """Whether a key fits a pattern of patternProperties. The validator's engine runs it: in linear time, whatever the pattern.
    A key with half of a character, which is no text of Unicode, fits none."""
    try:
        return bool(_engine(pattern).is_valid({key: 0}))
    except UnicodeEncodeError:
        return False


@lru_cache(maxsize=1000)
def _engine(pattern: str) -> Any:
    from rtml_plugins.xdm.engine import compiled

    return compiled({"type": "object", "patternProperties": {pattern: {}}, "additionalProperties": False}, "A schema")


def leaves(root: Node) -> Iterator[Field]:
    """Every field below a node that holds a plain value; a schema that holds itself is followed once.

    Raises SchemaError for a schema of more than MAX_FIELDS.
    """
    for seen, field in enumerate(_leaves(root, (), True, ())):
        if seen > MAX_FIELDS:
            where = root.shape.sources[0] if root.shape.sources else "A schema"
            raise SchemaError(f"{where} has more than {MAX_FIELDS:,} fields below each other, more than any schema needs.")
        if field is not None:
            yield field


def _leaves(node: Node, path: tuple[str, ...], required: bool, above: tuple[Node, ...]) -> Iterator[Field | None]:
    """The fields, and None for every node that is none, so that whoever counts can stop."""
    if node in above or len(above) > MAX_FIELD_DEPTH:
        yield None
        return
    shape, above = node.shape, (*above, node)
    below = [((name,), child, required and name in shape.required) for name, child in shape.properties.items()]
    if isinstance(shape.additional, Node):
        below.append((("{}",), shape.additional, False))
    if isinstance(shape.items, Node):
        below.append((("[]",), shape.items, False))
    yield Field(path, field_type(node), required) if not below and path else None
    for step, child, needed in below:
        yield from _leaves(child, (*path, *step), needed, above)
