"""Where a function stands in its source: its node in the syntax tree, proved to be the code that runs."""

from __future__ import annotations

import ast
import linecache
import os
import types
from collections.abc import Iterator
from typing import Any, TypeAlias

from rtml_core.errors import ParamError

FunctionNode: TypeAlias = ast.FunctionDef | ast.Lambda


def find(function: types.FunctionType) -> FunctionNode:
    """The syntax tree of a function or lambda, with the line numbers of its file.

    Raises ParamError when there is no source, when it changed since it was loaded, or when several lambdas could be meant.
    """
    code = function.__code__
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise ParamError(
            f"the source of {words(function)} can't be found (it was made by exec, or in a plain Python prompt); put it into a"
            f" file or a notebook cell"
        )
    text = "".join(lines)
    try:
        module = ast.parse(text, code.co_filename)
        compiled = compile(
            module, code.co_filename, "exec", dont_inherit=True, flags=code.co_flags & _FUTURE | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )
    except SyntaxError:
        raise ParamError(_changed(function)) from None
    candidates = [node for node in ast.walk(module) if isinstance(node, FunctionNode) and _may_be(node, code)]
    same = [other for other in _codes(compiled) if _alike(other, code)]
    if not candidates or not same:
        raise ParamError(_changed(function))
    placed = [node for node in candidates if _covers(node, code)]
    # of a lambda inside of a lambda both cover the inner one's code: the shorter one is meant
    placed.sort(key=lambda node: (node.end_lineno or 0) * 100_000 + (node.end_col_offset or 0) - node.col_offset)
    if placed:
        return placed[0]
    raise ParamError(f"{words(function)} stands on a line with others and can't be told from them; give it a def of its own")


_FUTURE = 0x1000000  # from __future__ import annotations


def words(function: Any, line: int | None = None) -> str:
    """A function, for a message: its name, and where it stands (or the line given)."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__name__", type(function).__name__)
    where = f" ({os.path.basename(code.co_filename)}, line {line or code.co_firstlineno})" if code is not None else ""
    return f"{'the lambda' if name == '<lambda>' else repr(name)}{where}"


def _changed(function: types.FunctionType) -> str:
    return f"the source of {words(function)} is not the code that runs: it changed since it was loaded. Load it again"


def _may_be(node: FunctionNode, code: types.CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return code.co_name == node.name and first == code.co_firstlineno


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield item
            yield from _codes(item)


def _alike(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two pieces of code do the same from the same line, functions inside of them included."""
    if (one.co_name, one.co_firstlineno, one.co_code, one.co_varnames, one.co_names) != (
        other.co_name, other.co_firstlineno, other.co_code, other.co_varnames, other.co_names,
    ):  # fmt: skip
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    for mine, yours in zip(one.co_consts, other.co_consts, strict=True):
        both = isinstance(mine, types.CodeType), isinstance(yours, types.CodeType)
        if both == (True, True):
            if not _alike(mine, yours):
                return False
        elif any(both) or (repr(mine) != repr(yours) and not isinstance(mine, frozenset)):
            return False
    return True


def _covers(node: Any, code: types.CodeType) -> bool:
    """Whether all of the code's instructions come from inside of the node's body."""
    if isinstance(node, ast.FunctionDef):
        return True
    body = node.body
    start, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
    for line, last, column, until in code.co_positions():
        if line is None or last is None or column is None or until is None or (column, until) == (0, 0):
            continue
        if not start <= (line, column) or not (last, until) <= end:
            return False
    return True
