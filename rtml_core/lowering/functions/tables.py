"""A function of one text that only asks which text it is, as one lookup.

`if brand == "VW": ... elif brand in (...): ...` depends on nothing but equality with the texts that it names. So the tree is run
once for each of these, for the empty text, for a missing one, and for one that stands for all others.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import MISSING_STRING, carrier_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions.columns import Missing, dtype_of_kinds
from rtml_core.lowering.functions.tree import Node, walk
from rtml_core.lowering.functions.values import constant_of
from rtml_core.lowering.strings import plain
from rtml_core.lowering.symbolic import Symbolic, lookup, missing_of

if TYPE_CHECKING:
    from rtml_core.lowering.functions import PythonFunction

#: of fewer texts a comparison is as short as a lookup; for more, running the tree for each takes long
_FEWEST: Final = 2
_MOST: Final = 1_000
_FIXED: Final = ("const", "number", "tuple", "list", "set", "dict")


class _Open(Exception):
    """The function does something else with its text than compare it."""


def by_table(function: PythonFunction, b: Builder, column: Symbolic, missing: Missing) -> Symbolic | None:
    """The answer as a lookup over the column; None where the function is not of this kind, or raises for one of the texts."""
    if function.row or len(function.args) != 1 or column.dtype != "string":
        return None
    try:
        texts = compared(function.body, function.args[0])
        for text in texts:
            plain(text)
        if not _FEWEST <= len(texts) <= _MOST:
            return None
        other = next(f"\x1f{n}" for n in range(len(texts) + 1) if f"\x1f{n}" not in texts)
        answers = {text: function(text) for text in sorted({*texts, "", other})}
        if column.nullable:
            answers[MISSING_STRING] = None if missing == "ignore" else function(None if missing == "none" else math.nan)
        return _lookup(b, column, answers, other)
    except Exception:  # the general form says which row raises, or why there is none
        return None


def _lookup(b: Builder, column: Symbolic, answers: dict[str, Any], other: str) -> Symbolic | None:
    present = [constant_of(answer) for answer in answers.values() if not _is_missing(answer)]
    dtype = dtype_of_kinds(present, "the function")
    nullable = len(present) < len(answers)
    if not present:
        return None
    dtype = "float64" if dtype == "int64" and nullable else dtype
    carrier = carrier_of(dtype, nullable)
    cast: Any = {"float64": float, "int64": int, "bool": bool, "string": plain}[carrier]
    table = {text: missing_of(carrier) if _is_missing(answer) else cast(answer) for text, answer in answers.items()}
    default = table.pop(other)
    listed = {text: answer for text, answer in table.items() if repr(answer) != repr(default)}
    if not listed:
        return None
    finite = all(not isinstance(answer, float) or not math.isinf(answer) for answer in (*listed.values(), default))
    kinds = tuple(dict.fromkeys(answer for answer in (*listed.values(), default) if answer != MISSING_STRING))
    known = kinds if dtype in ("string", "int64") else None
    return lookup(b, column, listed, default, dtype, nullable=nullable, finite=finite, categories=known)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def compared(body: list[Node], name: str) -> set[str]:
    """The texts that a variable is compared with; raises _Open where it is used in another way."""
    for node in walk(body):
        target = {"assign": 2, "for": 2, "each": 2}.get(node[0])
        if target is not None and len(node) > target and name in _flat(node[target]):
            raise _Open
    found: set[str] = set()
    for statement in body:
        _statement(statement, name, found)
    return found


def _flat(target: Any) -> list[str]:
    return [target] if isinstance(target, str) else [name for item in target for name in _flat(item)]


def _statement(node: Node, name: str, found: set[str]) -> None:
    match node:
        case ["if", _, test, yes, no]:
            _expression(test, name, found, truth=True)
            for statement in (*yes, *no):
                _statement(statement, name, found)
        case ["for", _, _, iterable, inner]:
            _expression(iterable, name, found)
            for statement in inner:
                _statement(statement, name, found)
        case ["assign" | "raise", _, _, value] | ["return", _, value]:
            if value is not None:
                _expression(value, name, found)


def _expression(node: Node, name: str, found: set[str], *, truth: bool = False) -> None:
    """`truth`: of the expression's value only the truth matters."""
    text = ["name", name]
    match node:
        case ["name", other]:
            if other == name and not truth:
                raise _Open
        case ["compare", first, [[operator, other]]] if first == text and _closed(operator, other):
            found.update(_texts(other))
        case ["compare", first, [["==" | "!=", other]]] if other == text and _fixed(first):
            found.update(_texts(first))
        case ["method", ["dict", _] as table, "get", [key, *rest]] if key == text and _fixed(table):
            found.update(_texts(table))
            for item in rest:
                _expression(item, name, found)
        case ["item", ["dict", _] as table, key] if key == text and _fixed(table):
            found.update(_texts(table))
        case ["call", "isna" | "bool", [subject]] | ["kind", subject, _] if subject == text:
            pass
        case ["unary", "not", operand]:
            _expression(operand, name, found, truth=True)
        case ["and" | "or", items]:
            for item in items:
                _expression(item, name, found, truth=truth)
        case ["choose", test, yes, no]:
            _expression(test, name, found, truth=True)
            for item in (yes, no):
                _expression(item, name, found, truth=truth)
        case _:
            for item in _parts(node):
                _expression(item, name, found)


def _parts(node: Any) -> list[Node]:
    """The expressions directly inside of a node."""
    made: list[Node] = []
    for part in node[1:]:
        if isinstance(part, list):
            made += [part] if part and isinstance(part[0], str) and part[0] not in ("==", "!=") else _nested(part)
    return made


def _nested(part: list[Any]) -> list[Node]:
    """Expressions in a list of them, of pairs, or of comparisons."""
    made: list[Node] = []
    for item in part:
        if isinstance(item, list):
            made += [item] if item and isinstance(item[0], str) else _nested(item)
    return made


def _closed(operator: str, other: Node) -> bool:
    """Whether a comparison with a constant asks for equality only; `in` a text would ask for a part of it."""
    if not _fixed(other):
        return False
    if operator in ("is", "is not"):
        return other[0] == "const" and not isinstance(other[1], str)
    return operator in ("==", "!=") or (operator in ("in", "not in") and other[0] in ("tuple", "list", "set", "dict"))


def _fixed(node: Node) -> bool:
    return all(inner[0] in _FIXED for inner in walk(node))


def _texts(node: Node) -> set[str]:
    return {inner[1] for inner in walk(node) if inner[0] == "const" and isinstance(inner[1], str)}
