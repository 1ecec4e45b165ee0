"""sum(1 for c in text if c.isupper()): the characters of a text that pass a test, counted by one regular expression."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.functions.machine import Machine, Raises
from rtml_core.lowering.functions.methods import LONGEST
from rtml_core.lowering.functions.tree import Node
from rtml_core.lowering.functions.values import STR, Alternative, Value, integer
from rtml_core.lowering.string_parts import count_matches
from rtml_core.lowering.symbolic import value_of


def is_text(value: Value) -> bool:
    """Whether a loop runs over the characters of a text that is data."""
    return any(item.kind == STR and not item.constant for item in value)


def counted(m: Machine, item: Alternative, name: str, target: Any, tests: list[Node], element: Node) -> Alternative:
    """sum(element for target in item if tests), where each character counts one or nothing."""
    if item.kind != STR:
        raise Raises("TypeError")
    if name != "sum" or not isinstance(target, str):
        raise NotLowerableError("a loop over the characters of a text can count them: sum(1 for c in text if c.isupper())")
    pattern = _class(json.dumps([target, tests, element]))
    return integer(count_matches(m.b, value_of(m.b, item.symbolic), pattern), 0, LONGEST)


@lru_cache(maxsize=32)
def _class(document: str) -> str:
    """RE2 text for one of the characters that count."""
    target, tests, element = json.loads(document)
    if element not in (["const", 1], ["const", True]):
        tests = [*tests, element]
    counts = np.ones(len(regex.all_characters()), dtype=bool)
    for test in tests:
        counts &= _passing(target, test)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], counts, [False]])))
    characters = regex.all_characters()
    return regex.char_class([(ord(characters[low]), ord(characters[high - 1])) for low, high in edges.reshape(-1, 2).tolist()])


def _passing(target: str, test: Node) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Of all characters, which pass: a method without arguments, a comparison with constants, and, or, not of them."""
    characters = regex.all_characters()
    match test:
        case ["method", ["name", name], method, []] if name == target and method.startswith("is"):
            return np.fromiter(map(getattr(str, method), characters), dtype=bool, count=len(characters))
        case ["compare", ["name", name], [["in" | "not in" | "==" | "!=" as sign, constant]]] if name == target:
            found = np.zeros(len(characters), dtype=bool)
            found[[at for at in map(characters.find, _constants(sign, constant)) if at >= 0]] = True
            return found if sign in ("in", "==") else ~found
        case ["and" | "or" as both, items]:
            join = np.logical_and if both == "and" else np.logical_or
            return np.asarray(join.reduce([_passing(target, item) for item in items]), dtype=bool)
        case ["unary", "not", item]:
            return ~_passing(target, item)
    raise NotLowerableError(
        "characters of a text can be counted one each, by tests such as c.isupper(), c in '!?', and, or and not of them:"
        " sum(1 for c in text if c.isupper())"
    )


def _constants(sign: str, constant: Node) -> list[str]:
    match constant:
        case ["const", str(text)]:
            return list(text) if sign in ("in", "not in") else [text] if len(text) == 1 else []
        case ["tuple" | "list" | "set", items] if sign in ("in", "not in") and all(item[0] == "const" for item in items):
            return [item[1] for item in items if isinstance(item[1], str) and len(item[1]) == 1]
    raise NotLowerableError("a character can be compared with constant texts only")
