"""What names mean inside of a function: its variables, and what it closes over."""

from __future__ import annotations

import ast
import builtins
import types
from dataclasses import dataclass, field
from typing import Any, Final

from rtml_core.lowering.functions.source import words

#: no such name
ABSENT: Final = object()


class Refusal(Exception):
    """Something that can't be read, at a node of the syntax tree."""

    def __init__(self, node: Any, reason: str):
        super().__init__(reason)
        self.node = node

    def placed(self, scope: Scope) -> str:
        """The reason with its place and the source there."""
        line = getattr(self.node, "lineno", scope.first)
        return f"{words(scope.function, line)}: in '{shown(self.node)}': {self}"


def shown(node: Any) -> str:
    """The source of a syntax node, its first line, cut."""
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."


@dataclass
class Scope:
    """One function's names. `locals`: its arguments and variables; `row`: the name of its row, if it takes one."""

    function: types.FunctionType
    locals: set[str]
    first: int
    label: str
    row: str | None = None
    cells: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, function: types.FunctionType, node: Any, row: bool) -> Scope:
        arguments = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        made = cls(function, set(arguments) | _assigned(node), node.lineno, words(function))
        made.row = arguments[0] if row and arguments else None
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                made.cells[name] = cell.cell_contents
            except ValueError:  # not assigned yet
                made.cells[name] = ABSENT
        return made

    def value(self, name: str) -> Any:
        """What a name outside of the function is bound to now; ABSENT when it is not."""
        if name in self.cells:
            return self.cells[name]
        if name in self.function.__globals__:
            return self.function.__globals__[name]
        return getattr(builtins, name, ABSENT)


def _assigned(node: Any) -> set[str]:
    """Names that a function's own statements assign; those of functions and comprehensions inside of it are theirs."""
    names: set[str] = set()
    stack: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while stack:
        item = stack.pop()
        if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(item.name)
            continue
        if isinstance(item, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
            continue
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
            names.add(item.id)
        stack.extend(ast.iter_child_nodes(item))
    return names
