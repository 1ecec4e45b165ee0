"""t.eval: expressions as pandas reads them, recorded as expressions."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import missing_column
from rtml_core.errors import RtmlError
from rtml_core.lowering.expressions import parse
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.expressions import Apply, Constant, Leaf, Tree
from rtml_plugins.recording.forms import Expression

if TYPE_CHECKING:
    from rtml_plugins.recording.frame import RecordedFrame

_BINARY: Final = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&",
    ast.BitOr: "|",
}  # fmt: skip
_COMPARE: Final = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_UNARY: Final = {ast.USub: "-", ast.Invert: "~", ast.Not: "~"}


def evaluated(frame: RecordedFrame, text: str, options: Mapping[str, Any]) -> Any:
    """A column for an expression, a frame with the new columns for lines `name = expression`."""
    from rtml_plugins.recording.columns import RecordedColumn

    if set(options) - {"engine", "parser"}:
        refuse(f"eval with {', '.join(options)} can't be recorded; write the values themselves")
    try:
        statements = parse(text)
    except RtmlError as error:
        refuse(error)
    made = frame.copy()
    for statement in statements:
        line = statement.text.partition("=")[2].strip() if statement.target is not None else statement.text
        native = made._native.eval(line, engine="python")
        tree = _tree(made, statement.tree)
        hint = statement.target or "eval"
        (value,) = frame._tape.record("eval", [Expression(tree)], [native], hint=hint)
        column = RecordedColumn(native, value, frame._tape)
        if statement.target is None:
            return column
        made[statement.target] = column
    return made


def _tree(frame: RecordedFrame, node: ast.expr) -> Tree:
    match node:
        case ast.Name():
            if node.id not in frame._values:
                raise KeyError(missing_column(node.id, map(str, frame._values)))
            return Leaf(frame._values[node.id])
        case ast.Constant():
            return Constant(node.value)
        case ast.List() | ast.Tuple():
            return Constant([item.value for item in node.elts if isinstance(item, ast.Constant)])
        case ast.BinOp() if type(node.op) in _BINARY:
            return Apply(_BINARY[type(node.op)], (_tree(frame, node.left), _tree(frame, node.right)))
        case ast.UnaryOp() if type(node.op) in _UNARY:
            return Apply(_UNARY[type(node.op)], (_tree(frame, node.operand),))
        case ast.BoolOp():
            sign = "&" if isinstance(node.op, ast.And) else "|"
            return _chained(sign, [_tree(frame, value) for value in node.values])
        case ast.Compare() if all(type(op) in _COMPARE for op in node.ops):
            sides = [_tree(frame, side) for side in (node.left, *node.comparators)]
            steps: list[Tree] = [
                Apply(_COMPARE[type(op)], (one, two)) for op, one, two in zip(node.ops, sides, sides[1:], strict=False)
            ]
            return _chained("&", steps)
        case ast.Call(func=ast.Name(id=name)) if not node.keywords:
            return Apply(name, tuple(_tree(frame, item) for item in node.args))
    refuse(f"eval: '{ast.unparse(node)}' can't be recorded; write it with columns of t")


def _chained(sign: str, trees: list[Tree]) -> Tree:
    result = trees[0]
    for tree in trees[1:]:
        result = Apply(sign, (result, tree))
    return result
