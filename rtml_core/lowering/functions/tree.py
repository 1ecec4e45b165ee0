"""The tree of a Python function: plain JSON lists, each with its kind first. Reading one from JSON validates all of it.

Expressions:
    ["const", value]   ["number", "nan" | "inf" | "-inf"]   ["name", name]   ["column", name]
    ["tuple" | "list" | "set", [item, ...]]   ["dict", [[key, value], ...]]
    ["unary", "-" | "+" | "not", e]   ["binary", operator, e, e]   ["and" | "or", [e, ...]]
    ["compare", e, [[operator, e], ...]]   ["choose", test, yes, no]
    ["call", function, [e, ...]]   ["method", e, name, [e, ...]]   ["run", function of the author, [e, ...]]
    ["item", e, index]   ["slice", e, start, stop]   ["join", [e, ...]]   ["kind", e, [type, ...]]
    ["each", "any" | "all" | "sum" | "min" | "max", [name, ...], iterable, [test, ...], element]
Statements, with the line, counted from the function's first:
    ["assign", line, target, e]   ["if", line, test, [statement, ...], [statement, ...]]   ["return", line, e]
    ["raise", line, exception, e or null]   ["for", line, target, iterable, [statement, ...]]
A target is a name or a list of targets.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import ParamError, close_match, describe
from rtml_core.lowering.functions.vocabulary import BINARY, CALLS, COMPARE, ERRORS, KINDS, METHODS, QUANTIFIERS, UNARY

Node = list[Any]

#: version of the form that this rtml writes and reads
VERSION: Final = 1
#: deepest nesting, most nodes, most functions and longest text of a tree
MAX_DEPTH: Final = 80
MAX_NODES: Final = 20_000
MAX_FUNCTIONS: Final = 100
MAX_TEXT: Final = 100_000

NUMBERS: Final = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def check_function(document: Any) -> None:
    """Raise ParamError, saying what and where, unless the document is a function that this rtml reads."""
    if not isinstance(document, Mapping):
        raise ParamError(f"a function must be an object with 'python', 'name', 'args' and 'body'; got {describe(document)}")
    version = document.get("python")
    if version != VERSION or isinstance(version, bool):
        raise ParamError(f"a function has format {describe(version)}; this rtml reads {VERSION}: upgrade rtml")
    _only(document, ("python", "name", "args", "body", "row", "functions"), "a function")
    functions = document.get("functions", {})
    if not isinstance(functions, Mapping) or len(functions) > MAX_FUNCTIONS:
        raise ParamError(f"'functions' of a function must be an object of at most {MAX_FUNCTIONS} functions")
    if not isinstance(document.get("row", False), bool):
        raise ParamError("'row' of a function must be true or false")
    checker = _Checker(set())
    for name, helper in functions.items():
        if not isinstance(helper, Mapping):
            raise ParamError(f"function {describe(name)} must be an object with 'args' and 'body'")
        _only(helper, ("args", "body"), f"function {describe(name)}")
        checker.function(name, helper)
        checker.known.add(name)  # a function calls only those before it, so that none calls itself
    checker.function(document.get("name"), document)


def _only(document: Mapping[str, Any], allowed: tuple[str, ...], what: str) -> None:
    for key in document:
        if key not in allowed:
            raise ParamError(f"{what} has no key {describe(key)}; it has {', '.join(allowed)}")


class _Checker:
    """Walks a tree and raises at the first thing that does not belong there."""

    def __init__(self, known: set[str]):
        self.known = known
        self.count = 0

    def function(self, name: Any, document: Mapping[str, Any]) -> None:
        args = document.get("args")
        self.name(name, "the name of a function")
        if not isinstance(args, list) or len(args) > 200:
            raise ParamError(f"'args' of function '{name}' must be a list of names; got {describe(args)}")
        for arg in args:
            self.name(arg, f"an argument of function '{name}'")
        if len(set(args)) != len(args):
            raise ParamError(f"'args' of function '{name}' holds a name twice: {describe(args)}")
        self.statements(document.get("body"), 0)

    def name(self, name: Any, what: str) -> None:
        fine = isinstance(name, str) and len(name) <= 200 and (name.isidentifier() or name == "<lambda>")
        if not fine or keyword.iskeyword(name):
            raise ParamError(f"{what} must be a Python name; got {describe(name)}")

    def statements(self, body: Any, depth: int) -> None:
        for statement in self.listed(body, "a body", depth):
            kind = self.kind(statement, STATEMENTS, "statement")
            parts = self.parts(statement, len(STATEMENTS[kind]) + 2)
            if not isinstance(parts[0], int) or isinstance(parts[0], bool) or not 0 <= parts[0] < 10**7:
                raise ParamError(f"the line of a statement must be a whole number; got {describe(parts[0])}")
            for check, part in zip(STATEMENTS[kind], parts[1:], strict=True):
                getattr(self, check)(part, depth + 1)

    def expression(self, node: Any, depth: int) -> None:
        self.count += 1
        if self.count > MAX_NODES or depth > MAX_DEPTH:
            raise ParamError(f"the function is too large: {MAX_NODES:,} nodes and {MAX_DEPTH} levels of nesting are possible")
        kind = self.kind(node, EXPRESSIONS, "expression")
        for check, part in zip(EXPRESSIONS[kind], self.parts(node, len(EXPRESSIONS[kind]) + 1), strict=True):
            getattr(self, check)(part, depth + 1)
        if kind in ("call", "method"):
            self.arity(node[1 if kind == "call" else 2], len(node[-1]), CALLS if kind == "call" else METHODS)

    def kind(self, node: Any, known: Mapping[str, Any], what: str) -> str:
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            raise ParamError(f"an {what} of a function must be a list that begins with its kind; got {describe(node)}")
        if node[0] not in known:
            close = close_match(node[0], known)
            raise ParamError(f"there is no {what} {node[0]!r} in functions.{close} There are: {', '.join(known)}")
        return node[0]

    def parts(self, node: Node, length: int) -> list[Any]:
        if len(node) != length:
            raise ParamError(f"{node[0]!r} takes {length - 1} parts in a function; got {describe(node)}")
        return node[1:]

    def arity(self, name: str, count: int, known: Mapping[str, tuple[int, int | None]]) -> None:
        least, most = known[name]
        if count < least or (most is not None and count > most):
            raise ParamError(f"{name}() takes {arguments(least, most)}; got {count}")

    def listed(self, items: Any, what: str, depth: int) -> list[Any]:
        if not isinstance(items, list) or len(items) > MAX_NODES:
            raise ParamError(f"{what} of a function must be a list; got {describe(items)}")
        if depth > MAX_DEPTH:
            raise ParamError(f"the function is nested too deeply: {MAX_DEPTH} levels are possible")
        self.count += len(items)
        return items

    # ---- the parts of nodes, by name ------------------------------------------------------------------------------------

    def expressions(self, items: Any, depth: int) -> None:
        for item in self.listed(items, "a list of expressions", depth):
            self.expression(item, depth)

    def operands(self, items: Any, depth: int) -> None:
        if not isinstance(items, list) or not items:
            raise ParamError(f"'and' and 'or' need operands; got {describe(items)}")
        self.expressions(items, depth)

    def pairs(self, items: Any, depth: int) -> None:
        for item in self.listed(items, "the items of a dict", depth):
            if not isinstance(item, list) or len(item) != 2:
                raise ParamError(f"an item of a dict must be [key, value]; got {describe(item)}")
            self.expressions(item, depth)

    def comparisons(self, items: Any, depth: int) -> None:
        if not self.listed(items, "a comparison", depth):
            raise ParamError("a comparison needs an operator")
        for item in items:
            if not isinstance(item, list) or len(item) != 2:
                raise ParamError(f"a comparison must be [operator, expression]; got {describe(item)}")
            self.one_of(item[0], COMPARE, "comparison")
            self.expression(item[1], depth)

    def optional(self, node: Any, depth: int) -> None:
        if node is not None:
            self.expression(node, depth)

    def value(self, value: Any, _: int) -> None:
        fine = value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and abs(value) < float("inf"))
        if not fine or (isinstance(value, str) and len(value) > MAX_TEXT) or (isinstance(value, int) and abs(value) > 10**300):
            raise ParamError(f"a constant must be null, true, false, a finite number or a text; got {describe(value)}")
        if isinstance(value, str) and any(char == MISSING_STRING or "\ud800" <= char <= "\udfff" for char in value):
            raise ParamError(
                f"a text must not hold U+FDD0, which stands for a missing one, or half of a character; got {describe(value)}"
            )

    def target(self, target: Any, depth: int) -> None:
        if isinstance(target, list):
            for item in self.listed(target, "a target", depth):
                self.target(item, depth + 1)
        else:
            self.name(target, "a variable")

    def number(self, word: Any, _: int) -> None:
        self.one_of(word, NUMBERS, "number")

    def variable(self, name: Any, _: int) -> None:
        self.name(name, "a variable")

    def text(self, name: Any, _: int) -> None:
        if not isinstance(name, str):
            raise ParamError(f"the name of a column must be a text; got {describe(name)}")

    def types(self, names: Any, depth: int) -> None:
        for name in self.listed(names, "the types of isinstance", depth):
            self.one_of(name, KINDS, "type")

    def unary(self, word: Any, _: int) -> None:
        self.one_of(word, dict.fromkeys(UNARY), "operator")

    def binary(self, word: Any, _: int) -> None:
        self.one_of(word, BINARY, "operator")

    def call(self, word: Any, _: int) -> None:
        self.one_of(word, CALLS, "function")

    def method(self, word: Any, _: int) -> None:
        self.one_of(word, METHODS, "method")

    def quantifier(self, word: Any, _: int) -> None:
        self.one_of(word, QUANTIFIERS, "function")

    def error(self, word: Any, _: int) -> None:
        self.one_of(word, ERRORS, "exception")

    def author(self, word: Any, _: int) -> None:
        self.one_of(word, dict.fromkeys(self.known), "function of the author before this one called")

    def one_of(self, word: Any, known: Mapping[str, Any], what: str) -> None:
        if not isinstance(word, str) or word not in known:
            raise ParamError(f"there is no {what} {describe(word)} in functions.{close_match(str(word), known)}")


EXPRESSIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "const": ("value",), "number": ("number",), "name": ("variable",), "column": ("text",),
    "tuple": ("expressions",), "list": ("expressions",), "set": ("expressions",), "dict": ("pairs",),
    "unary": ("unary", "expression"), "binary": ("binary", "expression", "expression"),
    "and": ("operands",), "or": ("operands",), "compare": ("expression", "comparisons"),
    "choose": ("expression", "expression", "expression"),
    "call": ("call", "expressions"), "method": ("expression", "method", "expressions"), "run": ("author", "expressions"),
    "item": ("expression", "expression"), "slice": ("expression", "optional", "optional"), "join": ("expressions",),
    "kind": ("expression", "types"), "each": ("quantifier", "target", "expression", "expressions", "expression"),
}  # fmt: skip
STATEMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "assign": ("target", "expression"), "if": ("expression", "statements", "statements"), "return": ("expression",),
    "raise": ("error", "optional"), "for": ("target", "expression", "statements"),
}  # fmt: skip


def arguments(least: int, most: int | None) -> str:
    """Words for a number of arguments: "1 argument", "1 to 2 arguments"."""
    if most is None:
        return f"{least} or more arguments"
    return f"{least} to {most} arguments" if least != most else f"{least} argument{'' if least == 1 else 's'}"


def walk(node: Any) -> Iterator[Node]:
    """Every node of a tree (any list that begins with a word), in the order in which they stand there."""
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, Mapping):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            if item and isinstance(item[0], str):
                yield item
            stack.extend(part for part in reversed(item) if isinstance(part, list))
