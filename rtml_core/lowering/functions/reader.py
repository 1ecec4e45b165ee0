"""Reads a Python function from its source into a tree; refuses, at its line, what a tree can't say.

What the function closes over is taken by value, now: constants become part of the tree, other functions of the author are
read as well. Nothing is run.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Sequence
from typing import Any, Final

from rtml_core.errors import ParamError, describe
from rtml_core.lowering.functions.constants import is_constant, literal
from rtml_core.lowering.functions.expressions import Expressions
from rtml_core.lowering.functions.scope import Refusal, Scope
from rtml_core.lowering.functions.source import find, words
from rtml_core.lowering.functions.tree import VERSION, Node, check_function
from rtml_core.lowering.functions.vocabulary import CALLS, ERRORS, METHODS, callables

_CURES: Final = {
    ast.While: "a while loop can't be compiled; write the steps out, or loop over constants with for",
    ast.With: "'with' can't be compiled: a compiled function has no files or locks; read the data before",
    ast.Try: "try can't be compiled; test for the case instead, e.g. `if km == 0: return None`",
    ast.Import: "an import inside of the function can't be compiled; put it at the top of the file",
    ast.ImportFrom: "an import inside of the function can't be compiled; put it at the top of the file",
    ast.Global: "a global variable can't be written by a compiled function; return the value",
    ast.Nonlocal: "an outer variable can't be written by a compiled function; return the value",
    ast.FunctionDef: "a function inside of the function can't be compiled; define it outside and call it",
    ast.ClassDef: "a class inside of the function can't be compiled",
    ast.Delete: "del can't be compiled; leave it out",
    ast.Match: "match can't be compiled; write if and elif",
    ast.Break: "break can't be compiled; return the answer, or use any()",
    ast.Continue: "continue can't be compiled; put the rest under an if",
    ast.AsyncFunctionDef: "async can't be compiled",
}


def read(function: Any, *, row: bool = False) -> dict[str, Any]:
    """A function, lambda, functools.partial or listed built-in as a document (see tree).

    row: its one argument is a row, of which it takes cells as row["name"] or row.name. Raises ParamError with line and cure.
    """
    documents: dict[str, Any] = {}
    made = _Functions(documents).read(function, row=row)
    document = {"python": VERSION, **made}
    if row:
        document["row"] = True
    if documents:
        document["functions"] = documents
    check_function(document)
    return document


class _Functions:
    """The functions read so far: each once, under a name of its own, those that it calls before it."""

    def __init__(self, documents: dict[str, Any]):
        self.documents = documents
        self.names: dict[int, str] = {}
        self.kept: list[Any] = []
        self.reading: list[Any] = []

    def read(self, function: Any, *, row: bool = False, helper: bool = False) -> dict[str, Any]:
        """A function as name, args and body. helper: another one calls it, and gives its defaults as well."""
        fixed: list[Any] = []
        keywords: dict[str, Any] = {}
        while isinstance(function, functools.partial):
            fixed = [*function.args, *fixed]
            keywords = {**function.keywords, **keywords}
            function = function.func
        if not isinstance(function, types.FunctionType):
            if fixed or keywords:
                raise ParamError(f"a partial of {describe(function)} can't be read; write a lambda")
            return _builtin(function)
        if any(function is other for other in self.reading):
            raise ParamError(f"{words(function)} calls itself, which can't be compiled; write the steps out")
        self.reading.append(function)
        try:
            return self._plain(function, fixed, keywords, row, helper)
        finally:
            self.reading.pop()

    def name_of(self, function: types.FunctionType) -> str:
        """The name under which a function that another one calls stands in the document."""
        if id(function) not in self.names:
            made = self.read(function, helper=True)
            name = base = "function" if made["name"] == "<lambda>" else made["name"]
            number = 1
            while name in self.documents:
                number += 1
                name = f"{base}_{number}"
            self.documents[name] = {"args": made["args"], "body": made["body"]}
            self.names[id(function)] = name
            self.kept.append(function)
        return self.names[id(function)]

    def _plain(
        self, function: types.FunctionType, fixed: list[Any], keywords: dict[str, Any], row: bool, helper: bool
    ) -> dict[str, Any]:
        code = function.__code__
        if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            raise ParamError(f"{words(function)} is a generator or async, which can't be compiled; return one value")
        if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
            raise ParamError(f"{words(function)} takes *args or **kwargs, which can't be compiled; name its arguments")
        if getattr(function, "__wrapped__", None) is not None:
            raise ParamError(f"{words(function)} is decorated, so that other code runs around it; give the plain function")
        node = find(function)
        scope = Scope.of(function, node, row)
        reader = _Body(scope, self, node)
        args, given = _arguments(function, fixed, keywords)
        if helper:
            args, given = list(inspect.signature(function).parameters), {}
        if row and len(args) != 1:
            raise ParamError(f"{words(function)} must take one argument, the row; it takes {len(args)}")
        bound = [["assign", 0, name, reader.constant(value, name)] for name, value in given.items()]
        body = reader.body()
        return {"name": function.__name__, "args": [] if row else args, "body": [*bound, *body]}


def _arguments(function: types.FunctionType, fixed: list[Any], keywords: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Names of the arguments that are left open, and values of those that a partial gave or that have a default."""
    parameters = inspect.signature(function).parameters
    try:
        bound = inspect.signature(function).bind_partial(*fixed, **keywords)
    except TypeError as error:
        raise ParamError(f"the partial of {words(function)} does not fit it: {error}") from None
    given = dict(bound.arguments)
    for name, parameter in parameters.items():
        if name not in given and parameter.default is not parameter.empty:
            given[name] = parameter.default
    return [name for name in parameters if name not in given], given


def _builtin(function: Any) -> dict[str, Any]:
    """A function of Python itself (len, str.lower, math.log) as one of one argument."""
    name = callables().get(id(function))
    short = getattr(function, "__name__", "")
    if name is not None and CALLS[name][0] == 1:
        return {"name": short or "function", "args": ["x"], "body": [["return", 1, ["call", name, [["name", "x"]]]]]}
    if short in METHODS and METHODS[short][0] == 0 and getattr(str, short, None) is function:
        return {"name": short, "args": ["x"], "body": [["return", 1, ["method", ["name", "x"], short, []]]]}
    raise ParamError(
        f"{describe(function)} can't be read: a function must be a def or lambda with source, or one of"
        f" {', '.join(n for n, (least, _) in CALLS.items() if least == 1)}"
    )


class _Body:
    """Reads the statements of one function."""

    def __init__(self, scope: Scope, functions: _Functions, node: Any):
        self.scope = scope
        self.node = node
        self.expressions = Expressions(scope, functions.name_of)

    def constant(self, value: Any, name: str) -> Node:
        if not is_constant(value):
            raise ParamError(f"{self.scope.label}: the default of '{name}' is {describe(value)}, which is no constant")
        return literal(value)

    def body(self) -> list[Node]:
        """The statements; ParamError names the line."""
        try:
            if isinstance(self.node, ast.Lambda):
                return [["return", self._line(self.node.body), self.expressions.read(self.node.body)]]
            return self._block(self.node.body)
        except Refusal as error:
            raise ParamError(error.placed(self.scope)) from None
        except RecursionError:
            raise ParamError(f"{self.scope.label} is nested too deeply to be compiled") from None

    def _line(self, node: Any) -> int:
        return max(int(node.lineno) - self.scope.first + 1, 0)

    def _block(self, statements: Sequence[ast.stmt]) -> list[Node]:
        made: list[Node] = []
        for statement in statements:
            made.extend(self._statement(statement))
        return made

    def _statement(self, statement: ast.stmt) -> list[Node]:
        line, read = self._line(statement), self.expressions.read
        match statement:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return []
            case ast.Return(value=value):
                return [["return", line, ["const", None] if value is None else read(value)]]
            case ast.Assign(targets=targets, value=value):
                return self._assign(targets, value, line)
            case ast.AnnAssign(target=target, value=value):
                return [] if value is None else [["assign", line, self._target(target), read(value)]]
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                both = ast.copy_location(ast.BinOp(ast.copy_location(ast.Name(name, ast.Load()), target), op, value), statement)
                return [["assign", line, name, read(both)]]
            case ast.If(test=test, body=yes, orelse=no):
                return [["if", line, read(test), self._block(yes), self._block(no)]]
            case ast.Assert(test=test, msg=message):
                failed = ["raise", line, "AssertionError", None if message is None else read(message)]
                return [["if", line, read(test), [], [failed]]]
            case ast.Raise():
                return [self._raise(statement, line)]
            case ast.For(target=target, iter=iterable, body=body, orelse=[]):
                return [["for", line, self._target(target), self.expressions.iterable(iterable), self._block(body)]]
        raise Refusal(statement, _CURES.get(type(statement), _other(statement)))

    def _assign(self, targets: Sequence[ast.expr], value: ast.expr, line: int) -> list[Node]:
        first = ["assign", line, self._target(targets[0]), self.expressions.read(value)]
        if len(targets) == 1:
            return [first]
        if not all(isinstance(target, ast.Name) for target in targets):
            raise Refusal(targets[0], "several targets must be plain names; write one assignment each")
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        return [first, *(["assign", line, name, ["name", names[0]]] for name in names[1:])]

    def _target(self, target: ast.expr) -> Any:
        if isinstance(target, ast.Name):
            return target.id
        if isinstance(target, (ast.Tuple, ast.List)):
            return [self._target(item) for item in target.elts]
        raise Refusal(target, "only variables can be assigned; a compiled function changes nothing that it was given")

    def _raise(self, statement: ast.Raise, line: int) -> Node:
        raised = statement.exc
        called = isinstance(raised, ast.Call)
        name = raised.func if isinstance(raised, ast.Call) else raised
        arguments = raised.args if isinstance(raised, ast.Call) else []
        if not isinstance(name, ast.Name) or name.id not in ERRORS or len(arguments) > 1 or (called and raised.keywords):  # type: ignore[union-attr]
            raise Refusal(statement, f"raise takes one of {', '.join(ERRORS)}, with a text at most")
        return ["raise", line, name.id, self.expressions.read(arguments[0]) if arguments else None]


def _other(statement: ast.stmt) -> str:
    if isinstance(statement, ast.Expr):
        return "a call whose value is not used can't be compiled: a compiled function only computes; leave it out"
    if isinstance(statement, ast.For):
        return "for with else can't be compiled; use any()"
    return f"{type(statement).__name__} can't be compiled; a function has assignments, if, for over constants, return and raise"
