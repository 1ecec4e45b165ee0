"""Cases that only ask which of some texts a field is, with constants as answers: one lookup instead of a chain of conditions."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import MISSING_STRING
from rtml_core.frames import from_carrier
from rtml_plugins.fields.kinds import common
from rtml_plugins.fields.operations import Choice
from rtml_plugins.fields.terms import Combined, Condition, Constant, Expression, Test, fields_of

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: syntax that compares a text with listed ones and nothing else
_PLAIN: Final = (
    ast.Compare, ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.List, ast.Tuple, ast.BoolOp,
    ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.Invert,
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """text -> answer, both in carrier form, over one field."""

    source: str
    answers: Mapping[str, Any]
    default: Any
    dtype: str
    nullable: bool
    finite: bool

    def look_up(self, b: Builder, columns: Mapping[str, Symbolic]) -> Symbolic:
        """The lookup, folded into those before it."""
        from rtml_core.lowering.symbolic import lookup

        column = columns[self.source]
        listed = None
        if self.dtype == "string":
            found = dict.fromkeys((*self.answers.values(), self.default))
            listed = tuple(text for text in found if text != MISSING_STRING)
        return lookup(
            b,
            column,
            self.answers,
            self.default,
            self.dtype,
            nullable=self.nullable,
            finite=self.finite,
            categories=listed,
        )


def folded(what: Choice, field: str, columns: Mapping[str, Symbolic]) -> Table | None:
    """The choice as a table, where it is one: all conditions ask one string field for equality with listed texts."""
    answers = [answer for _, answer in what.cases]
    answers += [what.otherwise] if what.otherwise is not None else [Constant(None, "null")]
    if (what.otherwise is None and field in columns) or not all(isinstance(answer, Constant) for answer in answers):
        return None
    asked = {name for test, _ in what.cases for name in fields_of(test)}
    if len(asked) != 1 or columns[next(iter(asked))].dtype != "string":
        return None
    texts: dict[str, None] = {}
    for test, _ in what.cases:
        listed = _texts(test)
        if listed is None:
            return None
        texts.update(dict.fromkeys(listed))
    dtype = common([answer.dtype for answer in answers if isinstance(answer, Constant)], f"'{field}'")
    return None if dtype == "float32" else _computed(what, field, next(iter(asked)), list(texts), columns, dtype)


def _computed(what: Choice, field: str, source: str, texts: list[str], columns: Mapping[str, Symbolic], dtype: str) -> Table:
    """The eager form on every text that is listed, on a missing one and on another one."""
    import pandas as pd

    from rtml_core.columns import carrier_of
    from rtml_plugins.fields.eager import choose, missing_of_dtype

    other = next(text for text in (f"\x1f{number}" for number in range(len(texts) + 1)) if text not in texts)
    keys = [*texts, *([MISSING_STRING] if columns[source].nullable else []), other]
    import numpy as np

    frame = pd.DataFrame({source: from_carrier(np.array(keys, dtype=object), "string")})
    made_dtype, values = choose(what, field, frame)
    assert made_dtype == dtype
    nullable = bool(missing_of_dtype(values, dtype).any())
    plain = values.tolist()
    if carrier_of(dtype, nullable) == "bool":
        plain = [bool(value) for value in plain]
    finite = dtype != "float64" or not np.isinf(values).any()
    table = dict(zip(keys[:-1], plain[:-1], strict=True))
    return Table(source, table, plain[-1], dtype, nullable, finite)


def _texts(test: Condition) -> Iterable[str] | None:
    """The texts that a condition compares with; None when it does something else."""
    if isinstance(test, Combined):
        parts = [_texts(part) for part in test.parts]
        return None if any(part is None for part in parts) else [text for part in parts for text in part or ()]
    if isinstance(test, Test):
        if test.how in ("missing", "present"):
            return []
        return test.operand if test.how == "in" and isinstance(test.operand[0], str) else None
    assert isinstance(test, Expression)
    nodes = list(ast.walk(test.tree))
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    simple = all(_simple(node) for node in nodes if isinstance(node, ast.Compare))
    if isinstance(test.tree, ast.Name) or not simple or not all(isinstance(node, _PLAIN) for node in nodes):
        return None
    return [text for text in constants if isinstance(text, str)] if all(isinstance(c, str) for c in constants) else None


def _simple(node: ast.Compare) -> bool:
    """field == constant, or in a list."""
    return len(node.ops) == 1 and isinstance(node.left, ast.Name) and not isinstance(node.comparators[0], ast.Name)
