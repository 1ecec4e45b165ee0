"""A cell as a module of its own: its text, and the imports and constants of other cells that it needs."""

from __future__ import annotations

import ast
import builtins
import symtable
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Final

from rtml_core.errors import RtmlError

#: names that a cell has without an import, and where they come from
GIVEN: Final = {
    "Operator": "rtml_core",
    "Params": "rtml_core",
    "doc": "rtml_core",
    "ParamError": "rtml_core.errors",
    "Annotated": "typing",
    "Any": "typing",
    "Literal": "typing",
}


class CellError(RtmlError):
    """The cell can't be used."""


def standalone(namespace: Mapping[str, Any], body: str) -> str:
    """The body with what it needs of the notebook's variables. Raises CellError for what can't be written along.

    A module that functions use is imported inside of them: a plugin is imported whenever rtml starts, and pandas takes its time.
    """
    body = body.strip("\n")
    lines = _imports(namespace, body)
    for line in [line for line in lines if line.startswith("import ")]:
        moved = _inside(body, line, line.split()[-1].partition(".")[0])
        if moved is not None:
            lines.remove(line)
            body = moved
    return "\n".join([*lines, "", "", body])


def _inside(body: str, line: str, name: str) -> str | None:
    """The body with an import at the top of every function that uses the name; None when it is used elsewhere, too."""
    tree = ast.parse(body)
    functions = [one for one in _outermost(tree) if any(_uses(statement, name) for statement in one.body)]
    in_bodies = sum(_uses(statement, name) for one in functions for statement in one.body)
    if in_bodies != _uses(tree, name) or any(one.body[0].lineno == one.lineno for one in functions):
        return None
    lines = body.split("\n")
    for function in sorted(functions, key=lambda one: -one.lineno):
        first = function.body[0]
        if ast.get_docstring(function) is not None:
            if len(function.body) == 1:
                continue
            first = function.body[1]
        lines[first.lineno - 1 : first.lineno - 1] = [" " * first.col_offset + line, ""]
    return "\n".join(lines)


def _outermost(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods, without those inside of them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        else:
            yield from _outermost(node)


def _uses(tree: ast.AST, name: str) -> int:
    return sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


def _imports(namespace: Mapping[str, Any], body: str) -> list[str]:
    """Import lines for what the body uses and does not define. CellError for what another cell defines."""
    lines: dict[str, None] = {}
    for name in sorted(_free(body, namespace)):
        value = namespace.get(name)
        if isinstance(value, ModuleType):
            path = value.__name__
            lines[f"import {path}" if path == name else f"import {path} as {name}"] = None
        elif name in GIVEN and value is getattr(__import__(GIVEN[name], fromlist=[name]), name):
            lines[f"from {GIVEN[name]} import {name}"] = None
        elif isinstance(value, (int, float, str, bytes, bool, type(None))) and name in namespace:
            lines[f"{name} = {value!r}"] = None
        else:
            module, called = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
            here = module in (None, "__main__", namespace.get("__name__"))
            if name not in namespace or here or getattr(sys.modules.get(str(module)), str(called), None) is not value:
                raise CellError(
                    f"the cell uses '{name}', which is not defined in it: put the definition into this cell, and it is saved, too"
                )
            lines[f"from {module} import {called}" + (f" as {name}" if called != name else "")] = None
    return [
        *(line for line in lines if line.startswith("import ")),
        *(line for line in lines if line.startswith("from ")),
        *(line for line in lines if not line.startswith(("import ", "from "))),
    ]


def _free(body: str, namespace: Mapping[str, Any]) -> set[str]:
    """Names that the body reads as globals and nowhere defines; of a class also where it defines them, as Params(Params)."""
    read: set[str] = set()

    def look(table: symtable.SymbolTable) -> None:
        for symbol in table.get_symbols():
            name = symbol.get_name()
            of_class = table.get_type() == "class" and symbol.is_local() and name in namespace
            if symbol.is_referenced() and (symbol.is_global() or table.get_type() == "module" or of_class):
                read.add(name)
        for child in table.get_children():
            look(child)

    top = symtable.symtable(body, "the cell", "exec")
    look(top)
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    return {name for name in read - defined if not hasattr(builtins, name) and not name.startswith("__")}
