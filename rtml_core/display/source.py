"""A Python function of a graph as Python again, from its tree (docs/reference/dsl): made into an `ast`, and never run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any, Final

_BINARY: Final[Mapping[str, type[ast.operator]]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
    "//": ast.FloorDiv,
    "%": ast.Mod,
    "**": ast.Pow,
}
_COMPARE: Final[Mapping[str, type[ast.cmpop]]] = {
    "==": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "is": ast.Is,
    "is not": ast.IsNot,
    "in": ast.In,
    "not in": ast.NotIn,
}
_UNARY: Final[Mapping[str, type[ast.unaryop]]] = {"-": ast.USub, "+": ast.UAdd, "not": ast.Not}


def source(document: Any) -> str | None:
    """The source of a function, without its comments; None for a form that this rtml does not know."""
    try:
        helpers = document.get("functions", {})
        parts = [_function(name, helper["args"], helper["body"]) for name, helper in helpers.items()]
        name = document["name"]
        if name == "<lambda>":
            body = document["body"]
            made: ast.AST = ast.Lambda(_arguments(document["args"]), _expression(body[0][2]))
        else:
            made = _function(name, document["args"], document["body"])
        return "\n\n\n".join(ast.unparse(ast.fix_missing_locations(part)) for part in (*parts, made))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None


def _arguments(names: list[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])


def _function(name: str, args: list[str], body: list[Any]) -> ast.FunctionDef:
    made = ast.FunctionDef(name, _arguments(args), [_statement(one) for one in body], [], None, None)
    made.type_params = []  # type: ignore[attr-defined,unused-ignore]  # a field from Python 3.12 on
    return made


def _statement(one: list[Any]) -> ast.stmt:
    kind, parts = one[0], one[2:]
    if kind == "assign":
        return ast.Assign([_target(parts[0])], _expression(parts[1]))
    if kind == "if":
        return ast.If(_expression(parts[0]), [_statement(s) for s in parts[1]], [_statement(s) for s in parts[2]])
    if kind == "for":
        return ast.For(_target(parts[0]), _expression(parts[1]), [_statement(s) for s in parts[2]], [])
    if kind == "return":
        return ast.Return(_expression(parts[0]))
    if kind == "raise":
        message = [] if parts[1] is None else [_expression(parts[1])]
        return ast.Raise(ast.Call(ast.Name(parts[0]), message, []), None)
    raise ValueError(kind)


def _target(names: Any) -> ast.expr:
    return ast.Name(names) if isinstance(names, str) else ast.Tuple([_target(name) for name in names])


def _expression(node: list[Any]) -> ast.expr:
    return _MAKERS[node[0]](*node[1:])


def _all(nodes: list[Any]) -> list[ast.expr]:
    return [_expression(node) for node in nodes]


def _call(name: str, nodes: list[Any]) -> ast.expr:
    return ast.Call(ast.Name(name), _all(nodes), [])


def _slice(subject: Any, start: Any, stop: Any) -> ast.expr:
    ends = [None if end is None else _expression(end) for end in (start, stop)]
    return ast.Subscript(_expression(subject), ast.Slice(ends[0], ends[1]))


def _dict(pairs: list[Any]) -> ast.expr:
    return ast.Dict([_expression(key) for key, _ in pairs], [_expression(value) for _, value in pairs])


def _join(parts: list[Any]) -> ast.expr:
    return ast.JoinedStr(
        [ast.Constant(part[1]) if part[0] == "const" else ast.FormattedValue(_expression(part), -1, None) for part in parts]
    )


def _kind(subject: Any, kinds: list[str]) -> ast.expr:
    types: list[ast.expr] = [ast.Name(kind) for kind in kinds]
    return ast.Call(ast.Name("isinstance"), [_expression(subject), types[0] if len(types) == 1 else ast.Tuple(types)], [])


def _each(name: str, names: list[str], over: Any, tests: list[Any], element: Any) -> ast.expr:
    target = _target(names[0] if len(names) == 1 else names)
    return ast.Call(
        ast.Name(name),
        [ast.GeneratorExp(_expression(element), [ast.comprehension(target, _expression(over), _all(tests), 0)])],
        [],
    )


def _compare(first: Any, pairs: list[Any]) -> ast.expr:
    return ast.Compare(_expression(first), [_COMPARE[sign]() for sign, _ in pairs], [_expression(node) for _, node in pairs])


_MAKERS: Final[Mapping[str, Callable[..., ast.expr]]] = {
    "const": lambda value: ast.Constant(value),
    "number": lambda name: ast.Call(ast.Name("float"), [ast.Constant(name)], []),
    "name": lambda name: ast.Name(name),
    "column": lambda name: ast.Subscript(ast.Name("row"), ast.Constant(name)),
    "tuple": lambda items: ast.Tuple(_all(items)),
    "list": lambda items: ast.List(_all(items)),
    "set": lambda items: ast.Set(_all(items)),
    "dict": _dict,
    "unary": lambda sign, node: ast.UnaryOp(_UNARY[sign](), _expression(node)),
    "binary": lambda sign, one, two: ast.BinOp(_expression(one), _BINARY[sign](), _expression(two)),
    "and": lambda nodes: ast.BoolOp(ast.And(), _all(nodes)),
    "or": lambda nodes: ast.BoolOp(ast.Or(), _all(nodes)),
    "compare": _compare,
    "choose": lambda test, yes, no: ast.IfExp(_expression(test), _expression(yes), _expression(no)),
    "call": _call,
    "run": _call,
    "method": lambda subject, name, nodes: ast.Call(ast.Attribute(_expression(subject), name), _all(nodes), []),
    "item": lambda subject, index: ast.Subscript(_expression(subject), _expression(index)),
    "slice": _slice,
    "join": _join,
    "kind": _kind,
    "each": _each,
}
