"""Trees of arithmetic, comparisons and logic, written as pandas' eval reads them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import ParamError

if TYPE_CHECKING:
    from rtml_plugins.recording.values import Value

_LEVELS: Final = {"+": 4, "-": 4, "*": 5, "/": 5, "//": 5, "%": 5, "**": 7}
_ATOM: Final = 9
#: what stands in backticks: pandas reads these characters there
_NAME: Final = re.compile(r"[\w .%()/:-]+")


@dataclass(frozen=True, eq=False)
class Leaf:
    """A column."""

    value: Value


@dataclass(frozen=True, eq=False)
class Constant:
    """A number, text or boolean."""

    value: Any


@dataclass(frozen=True, eq=False)
class Apply:
    """An operator with one or two operands, or a function: `name` is "+", "not ", "log1p", ..."""

    name: str
    parts: tuple[Tree, ...]


Tree = Leaf | Constant | Apply


def leaves(tree: Tree) -> Iterator[Value]:
    """The columns of a tree, from left to right."""
    if isinstance(tree, Leaf):
        yield tree.value
    elif isinstance(tree, Apply):
        for part in tree.parts:
            yield from leaves(part)


def quoted(name: str) -> str:
    """A column's name as it stands in an expression. Raises ParamError for one that can't stand there."""
    if name.isidentifier() and not iskeyword(name) and unicodedata.normalize("NFKC", name) == name and "__" not in name:
        return name
    if "__" in name or not _NAME.fullmatch(name) or name.strip() != name:
        raise ParamError(f"the column {name!r} can't stand in an expression; rename it")
    return f"`{name}`"


def can_stand(name: str) -> bool:
    """Whether a column's name can stand in an expression."""
    try:
        quoted(name)
    except ParamError:
        return False
    return True


def constant_text(value: Any) -> str:
    """A constant as it stands in an expression. Raises ParamError for one that can't stand there."""
    if isinstance(value, str):
        if "__" in value or "@" in value or "`" in value or not value.isprintable():
            raise ParamError(f"the text {value!r} can't stand in an expression")
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(constant_text, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        raise ParamError(f"{value!r} can't stand in an expression")
    return repr(value)


def written(tree: Tree, of: Callable[[Value], Tree | str]) -> str:
    """The text of a tree; `of` gives the name of a column, or the tree that takes its place."""
    return _written(tree, of)[0]


def _written(tree: Tree, of: Callable[[Value], Tree | str]) -> tuple[str, int]:
    if isinstance(tree, Leaf):
        found = of(tree.value)
        return (quoted(found), _ATOM) if isinstance(found, str) else _written(found, of)
    if isinstance(tree, Constant):
        text = constant_text(tree.value)
        return text, (6 if text.startswith("-") else _ATOM)
    parts = [_written(part, of) for part in tree.parts]
    if tree.name.isalnum() and tree.name != "in":
        return f"{tree.name}({', '.join(text for text, _ in parts)})", _ATOM
    if len(parts) == 1:
        return f"{tree.name}{_inside(parts[0], _ATOM)}", 6
    level = _LEVELS.get(tree.name)
    if level is None:  # comparisons and logic: "&" and "|" bind like "and" and "or" in eval, so all operands stand in brackets
        sides = [_side(tree.name, part, text) for part, text in zip(tree.parts, parts, strict=True)]
        return f"{sides[0]} {tree.name} {sides[1]}", 3 if tree.name in "&|" else 2
    right = level + 1 if tree.name != "**" else _ATOM
    return f"{_inside(parts[0], right if tree.name == '**' else level)} {tree.name} {_inside(parts[1], right)}", level


def _side(name: str, tree: Tree, written: tuple[str, int]) -> str:
    if name in "&|":
        return written[0] if isinstance(tree, Apply) and tree.name == name else _inside(written, _ATOM)
    return _inside(written, 4)


def _inside(written: tuple[str, int], level: int) -> str:
    text, own = written
    return text if own >= level else f"({text})"
