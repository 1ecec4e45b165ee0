"""A tree as Python text, for messages."""

from __future__ import annotations

from typing import Any, Final

from rtml_core.lowering.functions.tree import Node

_LIMIT: Final = 60


def show(node: Node) -> str:
    """An expression as Python text, cut to a length that fits a message."""
    text = unparse(node)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 3] + "..."


def unparse(node: Node) -> str:
    """An expression as Python text; operators inside of operators stand in parentheses."""
    match node:
        case ["const", value]:
            return repr(value)
        case ["number", word]:
            return f"float('{word}')"
        case ["name", name]:
            return str(name)
        case ["column", name]:
            return f"row[{name!r}]"
        case ["tuple" | "list" | "set" as kind, items]:
            inner = ", ".join(map(unparse, items))
            return {"tuple": f"({inner}{',' if len(items) == 1 else ''})", "list": f"[{inner}]", "set": f"{{{inner}}}"}[kind]
        case ["dict", pairs]:
            return "{" + ", ".join(f"{unparse(key)}: {unparse(value)}" for key, value in pairs) + "}"
        case ["unary", operator, operand]:
            return f"{operator}{' ' if operator == 'not' else ''}{_inner(operand)}"
        case ["binary", operator, one, two]:
            return f"{_inner(one)} {operator} {_inner(two)}"
        case ["and" | "or" as word, items]:
            return f" {word} ".join(map(_inner, items))
        case ["compare", first, others]:
            return _inner(first) + "".join(f" {operator} {_inner(other)}" for operator, other in others)
        case ["choose", test, yes, no]:
            return f"{_inner(yes)} if {_inner(test)} else {_inner(no)}"
    return _call(node)


def _call(node: Node) -> str:
    match node:
        case ["call" | "run", name, items]:
            return f"{name}({_listed(items)})"
        case ["method", subject, name, items]:
            return f"{_inner(subject)}.{name}({_listed(items)})"
        case ["item", subject, index]:
            return f"{_inner(subject)}[{unparse(index)}]"
        case ["slice", subject, start, stop]:
            return f"{_inner(subject)}[{_maybe(start)}:{_maybe(stop)}]"
        case ["join", items]:
            parts = (item[1] if item[0] == "const" and isinstance(item[1], str) else "{" + unparse(item) + "}" for item in items)
            return "f" + repr("".join(parts))
        case ["kind", subject, names]:
            return f"isinstance({unparse(subject)}, {names[0] if len(names) == 1 else '(' + ', '.join(names) + ')'})"
        case ["each", name, target, iterable, tests, element]:
            conditions = "".join(f" if {_inner(test)}" for test in tests)
            return f"{name}({_inner(element)} for {_target(target)} in {_inner(iterable)}{conditions})"
    raise AssertionError(node[0])


def _listed(items: list[Node]) -> str:
    return ", ".join(map(unparse, items))


def _maybe(node: Node | None) -> str:
    return "" if node is None else unparse(node)


def _target(target: Any) -> str:
    return target if isinstance(target, str) else ", ".join(map(_target, target))


def _inner(node: Node) -> str:
    text = unparse(node)
    return f"({text})" if node[0] in ("unary", "binary", "and", "or", "compare", "choose") else text
