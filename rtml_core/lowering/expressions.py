"""Expressions as pandas' eval reads them ("c = a / b"), lowered through a white list of syntax.

Arithmetic, comparisons and their chains, `and or not & | ~`, `in` and `not in` with a list of constants, numbers, strings,
True and False, columns by name (`with blanks` in backticks), and the functions of FUNCTIONS. Anything else is refused at
its place.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, NotLowerableError, ParamError, close_match
from rtml_core.lowering.blocks import TIMES, Block, block_of, scalar, symbols
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.compare import compare, invert, logical
from rtml_core.lowering.numeric import absolute, binary, function, negative
from rtml_core.lowering.symbolic import Symbolic

#: functions of an expression that lower; each agrees with numpy's of the same name to a few units in the last place
FUNCTIONS: Final = (
    "sin", "cos", "tan", "exp", "log", "expm1", "log1p", "sqrt", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "abs",
    "floor", "ceil", "arctan2",
)  # fmt: skip
#: what pandas has besides, and what to write instead
_INSTEAD: Final = {
    "log10": "log(x) / 2.302585092994046 (log10 itself rounds differently)",
    "arcsinh": "log(x + sqrt(x * x + 1))",
    "arccosh": "log(x + sqrt(x * x - 1))",
    "arctanh": "log((1 + x) / (1 - x)) / 2",
}
_ARITHMETIC: Final = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv", ast.Mod: "mod", ast.Pow: "pow",
}  # fmt: skip
_LOGIC: Final = {ast.BitAnd: "and", ast.BitOr: "or", ast.And: "and", ast.Or: "or"}
_COMPARE: Final = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}

#: turns a text constant into an operand that meets a column of the given dtype (a timestamp written as text, say)
TextOperand = Callable[[str, str], Block]


@dataclass(frozen=True)
class Statement:
    """One line: `target` = `tree`; target None when the line is an expression only."""

    target: str | None
    tree: ast.expr
    text: str


def parse(text: str) -> list[Statement]:
    """The statements of an expression text, with & and | read as `and` and `or`, as pandas reads them.

    Raises ParamError for what is no expression, and for "@" and names with "__" (they reach Python objects, not columns).
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise ParamError("the expression is empty")
    return [_statement(line) for line in lines]


def _statement(line: str) -> Statement:
    forbid_python(line)
    try:
        names: dict[str, str] = {}
        module = ast.parse(_python(line, names))
    except (SyntaxError, tokenize.TokenError) as error:
        raise ParamError(f"'{line}' is not an expression: {error.args[0]}") from None
    if len(module.body) != 1:
        raise ParamError(f"write one expression a line; got '{line}'")
    body = _RestoreNames(names).visit(module.body[0])
    if isinstance(body, ast.Expr):
        return Statement(None, body.value, line)
    if isinstance(body, ast.Assign) and len(body.targets) == 1 and isinstance(body.targets[0], ast.Name):
        return Statement(body.targets[0].id, body.value, line)
    raise ParamError(f"'{line}' must be an expression or `name = expression`")


def forbid_python(text: str) -> None:
    """Refuse what would reach Python objects from an expression; raises ParamError."""
    for part, why in (("@", "variables (@)"), ("__", "names with '__'")):
        if part in text:
            raise ParamError(f"an expression must use columns and constants only; got {why} in '{text}'. Write the value itself")


def _python(line: str, names: dict[str, str]) -> str:
    """The line as Python: backtick names become plain ones (kept in `names`), & and | become and, or."""
    pieces = line.split("`")
    if len(pieces) % 2 == 0:
        raise ParamError(f"'{line}' has a backtick without its partner")
    for position in range(1, len(pieces), 2):
        stand_in = f"BACKTICK_COLUMN_{len(names)}"
        names[stand_in] = pieces[position]
        pieces[position] = stand_in
    words = {"&": "and", "|": "or"}
    tokens = tokenize.generate_tokens(io.StringIO("".join(pieces)).readline)
    changed = [(t.type, words.get(t.string, t.string) if t.type == tokenize.OP else t.string) for t in tokens]
    return tokenize.untokenize((tokenize.NAME if s in ("and", "or") else k, s) for k, s in changed).strip()


class _RestoreNames(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node


def uses_functions(text: str) -> bool:
    """Whether an expression computes something that agrees with numpy only to a few units in the last place."""
    trees = [node for statement in parse(text) for node in ast.walk(statement.tree)]
    inexact = {"abs", "floor", "ceil", "sqrt"}
    calls = {node.func.id for node in trees if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    return bool(calls - inexact) or any(isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) for node in trees)


class ExpressionLowering:
    """Lowers expression trees over named symbolic columns. Raises NotLowerableError that quotes the place."""

    def __init__(self, b: Builder, columns: Mapping[str, Symbolic], text_operand: TextOperand | None = None):
        self.b = b
        self.columns = columns
        self.text_operand = text_operand

    def lower(self, tree: ast.expr) -> Block:
        """A block [N, 1], or a scalar for an expression of constants."""
        try:
            return self._lower(tree)
        except NotLowerableError as error:
            if getattr(error, "placed", False):
                raise
            placed = NotLowerableError(f"in '{ast.unparse(tree)}': {error}")
            placed.placed = True  # type: ignore[attr-defined]
            raise placed from None

    def _lower(self, tree: ast.expr) -> Block:
        match tree:
            case ast.Constant(value=bool() | int() | float()):
                return scalar(tree.value)
            case ast.Constant(value=str()):
                return Block("string", value=tree.value)
            case ast.Name():
                return self._column(tree.id)
            case ast.UnaryOp():
                return self._unary(tree)
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
                return logical(self.b, _LOGIC[type(tree.op)], self.lower(tree.left), self.lower(tree.right))
            case ast.BinOp() if type(tree.op) in _ARITHMETIC:
                return self._arithmetic(tree)
            case ast.BoolOp():
                return self._bool(tree)
            case ast.Compare():
                return self._chain(tree)
            case ast.Call():
                return self._call(tree)
        raise NotLowerableError(f"{_words(tree)} can't be compiled. {_CAN}")

    def _column(self, name: str) -> Block:
        if name not in self.columns:
            raise ColumnError(missing_column(name, self.columns))
        return block_of(self.b, [self.columns[name]])

    def _unary(self, tree: ast.UnaryOp) -> Block:
        block = self.lower(tree.operand)
        if isinstance(tree.op, ast.USub):
            return negative(self.b, block)
        if isinstance(tree.op, ast.UAdd):
            return block
        return invert(self.b, block)

    def _arithmetic(self, tree: ast.BinOp) -> Block:
        one, two = self.lower(tree.left), self.lower(tree.right)
        if "string" in (one.dtype, two.dtype):
            one, two = self._texts(one, two)
        return binary(self.b, _ARITHMETIC[type(tree.op)], one, two)

    def _bool(self, tree: ast.BoolOp) -> Block:
        result = self.lower(tree.values[0])
        for value in tree.values[1:]:
            result = logical(self.b, _LOGIC[type(tree.op)], result, self.lower(value))
        return result

    def _chain(self, tree: ast.Compare) -> Block:
        """a < b < c is (a < b) and (b < c)."""
        result: Block | None = None
        left = tree.left
        for op, right in zip(tree.ops, tree.comparators, strict=True):
            step = self._compare(left, op, right)
            result = step if result is None else logical(self.b, "and", result, step)
            left = right
        assert result is not None
        return result

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Block:
        listed = isinstance(right, (ast.List, ast.Tuple))
        if isinstance(op, (ast.In, ast.NotIn)) or (listed and isinstance(op, (ast.Eq, ast.NotEq))):
            return self._membership(left, right, negate=isinstance(op, (ast.NotIn, ast.NotEq)))
        if type(op) not in _COMPARE:
            raise NotLowerableError("'is' can't be compiled; use == or !=")
        one, two = self.lower(left), self.lower(right)
        if isinstance(op, (ast.Eq, ast.NotEq)) and {one.dtype, two.dtype} & set(TIMES) and "string" in (one.dtype, two.dtype):
            raise NotLowerableError("in eval no time equals a text, as pandas reads it; use the method eq, or >= and <=")
        one, two = self._texts(one, two)
        if one.is_scalar and two.is_scalar:
            raise NotLowerableError("two constants are compared; compare a column with something")
        return compare(self.b, _COMPARE[type(op)], one, two)

    def _texts(self, one: Block, two: Block) -> tuple[Block, Block]:
        """Text constants that meet another kind of column, turned into that kind where there is a reading."""
        if self.text_operand is not None:
            if one.dtype == "string" and one.is_scalar and two.dtype != "string":
                one = self.text_operand(one.value, two.dtype)
            elif two.dtype == "string" and two.is_scalar and one.dtype != "string":
                two = self.text_operand(two.value, one.dtype)
        return one, two

    def _membership(self, left: ast.expr, right: ast.expr, *, negate: bool) -> Block:
        if not isinstance(right, (ast.List, ast.Tuple)) or not all(isinstance(item, ast.Constant) for item in right.elts):
            raise NotLowerableError("'in' takes a list of constants, e.g. brand in ['VW', 'Audi']")
        values = [item.value for item in right.elts if isinstance(item, ast.Constant)]
        found = membership(self.b, self.lower(left), values)
        return invert(self.b, found) if negate else found

    def _call(self, tree: ast.Call) -> Block:
        if not isinstance(tree.func, ast.Name) or tree.keywords:
            raise NotLowerableError(
                f"methods of columns can't be compiled inside an expression; give them a node of their own. {_CAN}"
            )
        name = tree.func.id
        if name in _INSTEAD:
            raise NotLowerableError(f"{name} can't be compiled; write {_INSTEAD[name]}")
        if name not in FUNCTIONS:
            raise NotLowerableError(f"there is no function '{name}'.{close_match(name, FUNCTIONS)} {_CAN}")
        operands = [self.lower(item) for item in tree.args]
        if len(operands) != (2 if name == "arctan2" else 1):
            raise NotLowerableError(f"{name} takes {2 if name == 'arctan2' else 1} argument(s); got {len(operands)}")
        return absolute(self.b, operands[0]) if name == "abs" else function(self.b, name, *operands)


_CAN: Final = "An expression has arithmetic, comparisons, and/or/not, in with a list, constants and the functions " + ", ".join(
    FUNCTIONS
)


def _words(tree: ast.expr) -> str:
    known = {
        ast.Attribute: "an attribute",
        ast.Subscript: "an item",
        ast.IfExp: "'if ... else'",
        ast.Lambda: "a function",
        ast.List: "a list",
    }
    return f"{known.get(type(tree), type(tree).__name__)} ('{ast.unparse(tree)}')"


def membership(b: Builder, block: Block, values: list[Any]) -> Block:
    """Whether the block [N, 1] is one of the constants; a missing value is in no list of present ones."""
    fitting: list[Any]
    if block.dtype == "string":
        fitting = [v for v in values if isinstance(v, str)]
    elif block.dtype in ("int64", "float64", "float32"):
        fitting = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and not math.isnan(v)]
    else:
        raise NotLowerableError(f"'in' needs strings or numbers; got a {block.dtype} column")
    if len(fitting) != len(values):
        raise NotLowerableError(f"a {block.dtype} column and a list of other kinds can't be compared")
    result: Block | None = None
    for value in fitting:
        constant = Block("string", value=value) if isinstance(value, str) else scalar(value)
        step = compare(b, "eq", block, constant)
        result = step if result is None else logical(b, "or", result, step)
    if result is None:
        raise NotLowerableError("the list is empty")
    return result


def lower_statements(
    b: Builder, text: str, columns: Mapping[str, Symbolic], text_operand: TextOperand | None = None
) -> tuple[dict[str, Symbolic], Symbolic | None]:
    """All lines of an expression text: the columns afterwards, and the value of a line without a target (None: none)."""
    current = dict(columns)
    value: Symbolic | None = None
    for statement in parse(text):
        block = ExpressionLowering(b, current, text_operand).lower(statement.tree)
        if block.is_scalar:
            raise NotLowerableError(f"'{statement.text}' is a constant; use assign to make a column of it")
        made = symbols(block)[0]
        if statement.target is None:
            value = made
        else:
            current[statement.target] = made
    return current, value
