"""Reads Python expressions into a tree."""

from __future__ import annotations

import ast
import builtins
import inspect
import types
from collections.abc import Callable
from typing import Any, Final

from rtml_core.errors import close_match, describe
from rtml_core.lowering.functions.constants import is_constant, literal
from rtml_core.lowering.functions.scope import ABSENT, Refusal, Scope
from rtml_core.lowering.functions.tree import Node, arguments
from rtml_core.lowering.functions.vocabulary import CALLS, KINDS, METHODS, QUANTIFIERS, callables

_BINARY: Final = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
_COMPARE: Final = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in",
    ast.Is: "is", ast.IsNot: "is not",
}  # fmt: skip
_UNARY: Final = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not"}
_CURES: Final = {
    ast.ListComp: "a list comprehension can't be compiled; use any(), all() or sum() over constants",
    ast.Lambda: "a lambda inside of the function can't be compiled; define it outside and call it",
    ast.Await: "await can't be compiled",
    ast.Yield: "yield can't be compiled; return one value",
    ast.Starred: "* can't be compiled; write the items out",
    ast.NamedExpr: ":= can't be compiled; assign the variable on a line of its own",
}


class Expressions:
    """`name_of` gives the name in the document of another function of the author."""

    def __init__(self, scope: Scope, name_of: Callable[[types.FunctionType], str]):
        self.scope = scope
        self.name_of = name_of
        self.inner: list[set[str]] = []

    def is_local(self, name: str) -> bool:
        """Whether a name is a variable of the function."""
        return name in self.scope.locals or any(name in names for names in self.inner)

    def read(self, node: ast.expr) -> Node:
        """The tree of an expression; raises Refusal."""
        match node:
            case ast.Constant(value=value):
                if not is_constant(value):
                    raise Refusal(node, f"a {type(value).__name__} can't be compiled; use numbers and texts")
                return literal(value)
            case ast.Name(id=name) if self.is_local(name):
                if name == self.scope.row and not any(name in names for names in self.inner):
                    raise Refusal(node, f"the row as a whole can't be compiled; take cells of it, {name}['column']")
                return ["name", name]
            case ast.Name() | ast.Attribute():
                return self._static(node)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return self._unary(_UNARY[type(op)], self.read(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return ["binary", _BINARY[type(op)], self.read(left), self.read(right)]
            case ast.BoolOp(op=op, values=values):
                return ["and" if isinstance(op, ast.And) else "or", [self.read(value) for value in values]]
            case ast.Compare(left=ast.Call(func=func, args=[item]), ops=[op], comparators=[other]) if self._asks_type(func, op):
                return self._type(node, item, op, other)
            case ast.Compare(left=left, ops=ops, comparators=others):
                steps = [[_COMPARE[type(op)], self.read(other)] for op, other in zip(ops, others, strict=True)]
                return ["compare", self.read(left), steps]
            case ast.IfExp(test=test, body=yes, orelse=no):
                return ["choose", self.read(test), self.read(yes), self.read(no)]
        return self._other(node)

    def _other(self, node: ast.expr) -> Node:
        match node:
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                return [type(node).__name__.lower(), [self.read(item) for item in items]]
            case ast.Dict(keys=keys, values=values) if None not in keys:
                return ["dict", [[self.read(key), self.read(value)] for key, value in zip(keys, values, strict=True) if key]]
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name == self.scope.row:
                return self._cell(node, index)
            case ast.Subscript(value=subject, slice=ast.Slice(lower=start, upper=stop, step=step)):
                if step is not None:
                    raise Refusal(node, "slices with a step can't be compiled; take [start:stop]")
                ends = [None if end is None else self.read(end) for end in (start, stop)]
                return ["slice", self.read(subject), *ends]
            case ast.Subscript(value=subject, slice=index):
                return ["item", self.read(subject), self.read(index)]
            case ast.Call():
                return self._call(node)
            case ast.JoinedStr(values=values):
                return ["join", [self._piece(value) for value in values]]
        raise Refusal(node, _CURES.get(type(node), f"{type(node).__name__} can't be compiled"))

    @staticmethod
    def _unary(operator: str, operand: Node) -> Node:
        """-1 is a constant, as it is for Python's compiler."""
        if operator == "-" and operand[0] == "const" and type(operand[1]) in (int, float):
            return ["const", -operand[1]]
        return ["unary", operator, operand]

    def _piece(self, value: ast.expr) -> Node:
        if isinstance(value, ast.FormattedValue):
            if value.format_spec is not None or value.conversion not in (-1, 115):
                raise Refusal(value, "formats in f-strings can't be compiled; put whole numbers and texts in as they are")
            return self.read(value.value)
        return self.read(value)

    # ---- names outside of the function ----------------------------------------------------------------------------------

    def object(self, node: ast.expr) -> Any:
        """The Python object that a name, or an attribute of a module or class, stands for; ABSENT when there is none."""
        if isinstance(node, ast.Name):
            return ABSENT if self.is_local(node.id) else self.scope.value(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.object(node.value)
            if isinstance(owner, types.ModuleType):
                return getattr(owner, node.attr, ABSENT)
            if isinstance(owner, type) and owner is not ABSENT:
                return inspect.getattr_static(owner, node.attr, ABSENT)
        return ABSENT

    def _static(self, node: ast.Name | ast.Attribute) -> Node:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == self.scope.row:
            if _of_series(node.attr):
                raise Refusal(node, f"'{node.attr}' is an attribute of every pandas row; write {self.scope.row}['{node.attr}']")
            return ["column", node.attr]
        found = self.object(node)
        if found is not ABSENT and is_constant(found):
            return literal(found)
        if isinstance(node, ast.Name) and found is ABSENT:
            raise Refusal(node, f"there is no variable '{node.id}'.{close_match(node.id, self.scope.locals)}")
        if isinstance(node, ast.Attribute) and found is ABSENT:
            raise Refusal(node, f"attribute '{node.attr}' can't be compiled; texts have the methods {', '.join(METHODS)}")
        if callable(found):
            raise Refusal(node, "a function as a value can't be compiled; call it")
        raise Refusal(
            node, f"{describe(found)} is no constant; numbers, texts, None, and tuples, lists, sets and dicts of them are"
        )

    def _cell(self, node: ast.Subscript, index: ast.expr) -> Node:
        name: Any = index.value if isinstance(index, ast.Constant) else self.object(index)
        if not isinstance(name, str):
            raise Refusal(node, f"the column must be named by a constant text, e.g. {self.scope.row}['age']")
        return ["column", name]

    # ---- calls ----------------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Node:
        found = self.object(node.func)
        name = callables().get(id(found)) if found is not ABSENT else None
        if found is isinstance:
            return self._isinstance(node)
        if name is not None or any(found is getattr(builtins, word) for word in QUANTIFIERS):
            return self._known(node, name, getattr(found, "__name__", ""))
        if isinstance(found, types.FunctionType):
            return self._run(node, found)
        if found is ABSENT and isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        label = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if found is ABSENT:
            raise Refusal(node, f"there is no function '{label}'.{close_match(label, CALLS)}")
        raise Refusal(node, f"'{label}' can't be compiled.{close_match(label, CALLS)} A function may call {', '.join(CALLS)}")

    def _known(self, node: ast.Call, name: str | None, short: str) -> Node:
        if short in QUANTIFIERS and len(node.args) == 1 and isinstance(node.args[0], (ast.GeneratorExp, ast.ListComp)):
            self._positional(node)
            return self._each(node.args[0], short)
        if short in QUANTIFIERS and len(node.args) == 1:
            return ["each", short, "item", self.iterable(node.args[0], ordered=short == "sum"), [], ["name", "item"]]
        if name is None:
            raise Refusal(node, f"{short}() takes a generator or a list of constants")
        self._positional(node)
        self._arity(node, name, CALLS[name])
        return ["call", name, [self.read(item) for item in node.args]]

    def _positional(self, node: ast.Call) -> None:
        if node.keywords:
            raise Refusal(node, "arguments by keyword can't be compiled here; give them by position")

    def _arity(self, node: ast.Call, name: str, allowed: tuple[int, int | None]) -> None:
        least, most = allowed
        if len(node.args) < least or (most is not None and len(node.args) > most):
            raise Refusal(node, f"{name}() takes {arguments(least, most)}; got {len(node.args)}")

    def _each(self, node: ast.GeneratorExp | ast.ListComp, name: str) -> Node:
        if len(node.generators) != 1 or node.generators[0].is_async:
            raise Refusal(node, "one 'for' is possible; write the others out")
        step = node.generators[0]
        iterable = self.iterable(step.iter, ordered=name == "sum")
        names = {item.id for item in ast.walk(step.target) if isinstance(item, ast.Name)}
        target = _names(step.target)
        self.inner.append(names)
        try:
            return ["each", name, target, iterable, [self.read(test) for test in step.ifs], self.read(node.elt)]
        finally:
            self.inner.pop()

    def iterable(self, node: ast.expr, *, ordered: bool = True) -> Node:
        """What a loop runs over; `range` of constants and the items of a dict are written out. Refuses data.

        ordered: the order of the items matters, and a set has none.
        """
        if isinstance(node, ast.Call):
            return self._written_out(node)
        made = self.read(node)
        if made[0] == "set" and ordered:
            raise Refusal(node, "the items of a set come in no order; loop over a tuple or list")
        if made[0] == "dict":
            return ["tuple", [key for key, _ in made[1]]]
        if made[0] not in ("tuple", "list", "set", "name") and not (made[0] == "const" and isinstance(made[1], str)):
            raise Refusal(node, "a loop over data can't be compiled; loop over a tuple or list of constants")
        return made

    def _written_out(self, node: ast.Call) -> Node:
        items = [self.read(item) for item in node.args]
        if self.object(node.func) is range and items and all(item[0] == "const" and type(item[1]) is int for item in items):
            numbers = range(*(item[1] for item in items))
            if len(numbers) > 1000:
                raise Refusal(node, "a loop of more than 1000 steps is too long to be compiled")
            return ["tuple", [["const", number] for number in numbers]]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("items", "keys", "values") and not items:
            pairs = self.read(node.func.value)
            if pairs[0] == "dict":
                places = {"keys": 0, "values": 1}
                which = places.get(node.func.attr)
                return ["tuple", [["tuple", pair] if which is None else pair[which] for pair in pairs[1]]]
        raise Refusal(node, "a loop over data can't be compiled; loop over a tuple or list of constants, or range() of constants")

    def _asks_type(self, func: ast.expr, op: ast.cmpop) -> bool:
        return isinstance(op, (ast.Eq, ast.NotEq, ast.Is, ast.IsNot)) and self.object(func) is type

    def _type(self, node: ast.expr, item: ast.expr, op: ast.cmpop, other: ast.expr) -> Node:
        """type(x) == float: as isinstance, but True is no whole number."""
        kind = self.object(other)
        word = next((word for word, known in KINDS.items() if kind is known), None)
        if word is None:
            raise Refusal(node, f"type() can be compared with {', '.join(KINDS)}")
        found: Node = ["kind", self.read(item), [word]]
        if word == "int":
            found = ["and", [found, ["unary", "not", ["kind", self.read(item), ["bool"]]]]]
        return ["unary", "not", found] if isinstance(op, (ast.NotEq, ast.IsNot)) else found

    def _isinstance(self, node: ast.Call) -> Node:
        if len(node.args) != 2 or node.keywords:
            raise Refusal(node, "isinstance() takes a value and a type")
        asked = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
        found = [self.object(item) for item in asked]
        names = [word for item in found for word, kind in KINDS.items() if item is kind]
        if len(names) < len(asked):
            raise Refusal(node, f"isinstance can ask for {', '.join(KINDS)}")
        return ["kind", self.read(node.args[0]), names]

    def _run(self, node: ast.Call, function: types.FunctionType) -> Node:
        name = self.name_of(function)
        try:
            bound = inspect.signature(function).bind(*node.args, **{str(word.arg): word.value for word in node.keywords})
        except TypeError as error:
            raise Refusal(node, f"the call does not fit the function: {error}") from None
        if any(word.arg is None for word in node.keywords) or any(isinstance(item, ast.Starred) for item in node.args):
            raise Refusal(node, "* and ** can't be compiled; write the arguments out")
        values = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name in bound.arguments:
                values.append(self.read(bound.arguments[parameter.name]))
            elif is_constant(parameter.default):
                values.append(literal(parameter.default))
            else:
                raise Refusal(node, f"the default of '{parameter.name}' is {describe(parameter.default)}, which is no constant")
        return ["run", name, values]

    def _method(self, node: ast.Call, func: ast.Attribute) -> Node:
        name = func.attr
        if isinstance(func.value, ast.Name) and func.value.id == self.scope.row:
            raise Refusal(node, f"take a cell as {self.scope.row}['column']")
        if name not in METHODS:
            raise Refusal(node, f"method '{name}' can't be compiled.{close_match(name, METHODS)} There are {', '.join(METHODS)}")
        self._positional(node)
        self._arity(node, name, METHODS[name])
        return ["method", self.read(func.value), name, [self.read(item) for item in node.args]]


def _names(target: ast.expr) -> Any:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, (ast.Tuple, ast.List)):
        return [_names(item) for item in target.elts]
    raise Refusal(target, "a loop runs over variables")


def _of_series(name: str) -> bool:
    import pandas as pd

    return hasattr(pd.Series, name) or name in ("str", "dt", "cat", "index", "name")
