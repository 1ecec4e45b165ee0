"""What a node says of the columns that it takes.

A column is a string where its values are mapped or replaced from texts, compared with texts or filled with one, or given to a
method of `str` or to `to_datetime`; a timestamp where it is given to a method of `dt`; what the values are that a mapping or an
encoder knows, what a model learned from, and what an ONNX file takes.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rtml_core import Column, Schema
from rtml_core.errors import GraphError, RtmlError

SAY: Final = 'begin the graph with a JsonToDataframe or a Receiver, or say generate_dsl(..., schema={"age": "float?", ...})'
#: kind of a column -> type of a field; "" where nobody says the kind
KINDS: Final[Mapping[str, str]] = {"": "float", "string": "string", "timestamp": "timestamp", "bool": "bool"}
_DTYPES: Final = {"": "float64", "string": "string", "timestamp": "timestamp", "bool": "bool"}
#: methods whose arguments are of the kind of the column
_SAME_KIND: Final = ("eq", "ne", "lt", "le", "gt", "ge", "isin", "between", "combine_first", "mask", "where")
#: methods of which a text as an argument is the name of another column
_OF_NUMBERS: Final = ("clip", "add", "sub", "mul", "div", "truediv", "floordiv", "mod", "pow", "subtract", "multiply", "divide")


@dataclass
class Uses:
    """taken: columns with the kind that the node says they are, "" where it says none. replaced: those of them that are others
    behind it. renamed: old name -> new name. closed: no column that came in is there behind it."""

    taken: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    closed: bool = False


def uses_of(operator: Any, label: str, made: Mapping[str, Column]) -> Uses:
    """What a node takes; made: the columns before it that are none of the request. Raises GraphError when it does not say."""
    if operator.name == "Pandas":
        return _of_pandas(operator, made)
    if operator.name == "ONNXNode":
        return Uses(_of_onnx(operator, label), closed=True)
    if operator.name == "FieldOps":
        return _of_field_ops(operator.operations)
    if operator.name == "FieldTrans" and operator.params.ops is None:
        return _of_field_trans(operator.params)
    if operator.role == "model" and isinstance(operator.state, Mapping) and isinstance(operator.state.get("features"), list):
        inputs = operator.state.get("inputs") or {}
        return Uses([(name, _word(inputs.get(name, {}).get("dtype", ""))) for name in operator.state["features"]], closed=True)
    if operator.name == "OneHotEncoder":
        return Uses([(name, kind_of(operator.listed(name))) for name in operator.params.columns])
    if operator.has_formula():
        return Uses([(name, _tried(operator, operator.columns(), made)) for name in operator.columns()])
    raise GraphError(f"{label} does not say which columns of a request it takes: {SAY}")


def given_as(taken: Iterable[tuple[str, str]], made: Mapping[str, Column]) -> Schema:
    """The columns that reach a node, each of its kind, or as it was made."""
    kinds: dict[str, str] = {}
    for name, kind in taken:
        kinds[name] = kinds.get(name) or kind
    return Schema(made.get(name, Column(name, _DTYPES[kind], True)) for name, kind in kinds.items())


def _of_onnx(operator: Any, label: str) -> list[tuple[str, str]]:
    model = operator.model()
    features = operator.params.features or json.loads(model.metadata.get("rtml.features", "[]"))
    if not features:
        raise GraphError(f"{label} names no 'features', so nothing says which columns it takes: name them, or {SAY}")
    inputs = {name: _word(known.dtype) for name, known in model.inputs.items()}
    by_order: dict[str, str] = dict(zip(features, inputs.values(), strict=False))
    first = next(iter(inputs.values()), "")
    # all features are the only input; else each is the input of its name, of its name and a number, or of its place
    named: list[tuple[str, str]] = [
        (name, inputs.get(name, inputs.get(re.sub(r"_\d+$", "", name), by_order.get(name, "")))) for name in features
    ]
    return [(name, first) for name in features] if len(inputs) == 1 else named


def _of_field_ops(operations: Sequence[Any]) -> Uses:
    """The fields in the terms of operations, but for those that an operation before them sets."""
    uses, made = Uses(), set()
    for operation in operations:
        stack = list(operation.terms())
        while stack:
            term = stack.pop(0)
            found: list[tuple[str, str]] = []
            if hasattr(term, "parts"):  # conditions that belong together
                stack += term.parts
            elif hasattr(term, "text"):  # an expression
                found = list(_in_expression(term.text))
            elif hasattr(term, "name"):  # a field, of which texts are made where they are put together
                found = [(term.name, "string" if hasattr(operation.what, "sep") else "")]
            elif hasattr(term, "operand"):  # a test of a field
                given = term.operand if isinstance(term.operand, (list, tuple)) else [term.operand]
                found = [(term.field, kind_of(getattr(value, "value", value) for value in given))]
            uses.taken += [(name, kind) for name, kind in found if name not in made]
        made.add(operation.field)
    uses.replaced = [name for name, _ in uses.taken if name in made]
    return uses


def _of_field_trans(params: Any) -> Uses:
    names = [*(params.copy or {}), *(params.rename or {}), *(params.cast or {}), *_listed(params.require), *_listed(params.keep)]
    filled = [(name, kind_of([value])) for name, value in (params.default or {}).items() if not isinstance(value, Mapping)]
    return Uses([*((name, "") for name in names), *filled], list(params.cast or {}), dict(params.rename or {}))


# ---- Pandas -----------------------------------------------------------------------------------------------------------


def _of_pandas(operator: Any, made: Mapping[str, Column]) -> Uses:
    """The columns of a Pandas node: those in `cols`, those that its arguments name, and those in its expressions."""
    name, bound = operator.target.name, operator.bound
    columns: list[str] = operator.params.columns or []
    if name == "rename":
        renamed = dict(bound["columns"]) if isinstance(bound.get("columns"), Mapping) else {}
        return Uses([(old, "") for old in renamed], renamed=renamed)
    if name == "drop":  # what is only dropped need not be there
        return Uses()
    if name in ("reindex", "filter"):
        return Uses([(column, "") for column in columns or _listed(bound.get("items")) or _listed(bound.get("columns"))])
    if name == "get_dummies":
        categories = operator.params.categories or {}
        names = columns or _listed(bound.get("columns")) or list(categories)
        return Uses([(column, kind_of(categories.get(column, []))) for column in names])
    if name == "fillna" and isinstance(bound.get("value"), Mapping) and not columns:
        return Uses([(key, kind_of([value])) for key, value in bound["value"].items() if not isinstance(value, Mapping)])
    kind = _kind_at(operator) or _kind_of_function(operator, columns, made)
    taken = [(column, kind) for column in columns] + list(_referred(operator, kind))
    replaced = columns if operator.params.inplace is True and name != "fillna" else []  # what is filled is what it was
    return Uses(taken, replaced)


def _kind_at(operator: Any) -> str:
    """What the columns of a Pandas node are, "" where it does not say."""
    name, bound = operator.target.name, operator.bound
    if name.startswith("str.") or name == "to_datetime":
        return "string"
    if name.startswith("dt."):
        return "timestamp"
    if name == "map" and isinstance(bound.get("func"), Mapping):
        return kind_of(bound["func"])
    if name == "replace":
        given = bound.get("to_replace")
        return kind_of(given if isinstance(given, (Mapping, list)) else [given])
    if name == "fillna":
        return kind_of([bound.get("value")])
    if name in _SAME_KIND:
        values = [bound.get(key) for key in ("other", "values", "left", "right")]
        return kind_of(item for value in values for item in (value if isinstance(value, list) else [value]))
    return ""


def _function_of(operator: Any) -> Any:
    """The Python function among the arguments of a node."""
    from rtml_core.lowering.functions import PythonFunction

    found = operator.bound.get("func")
    return found if isinstance(found, PythonFunction) else None


def _kind_of_function(operator: Any, columns: list[str], made: Mapping[str, Column]) -> str:
    """What a Python function takes as its cells: a number where it compiles for one, else what it compiles for."""
    function = _function_of(operator)
    return "" if function is None else _tried(operator, columns or function.columns, made)


def _referred(operator: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Columns that arguments name: {"column": name}, plain names, expressions, conditions, cells of a row."""
    function = _function_of(operator)
    if function is not None and function.row:
        yield from ((name, kind) for name in function.columns)
    for key, value in operator.bound.items():
        if isinstance(value, Mapping) and set(value) == {"column"}:
            yield value["column"], kind
        elif isinstance(value, Mapping) and set(value) == {"eval"}:
            yield from _in_expression(value["eval"])
        elif key in ("expr", "cond") and isinstance(value, str):
            yield from _in_expression(value)
        elif key == "caselist":
            yield from (found for case in value if isinstance(case[0], str) for found in _in_expression(case[0]))
        elif key == "others":
            yield from ((name, "string") for name in _listed(value))
        elif isinstance(value, str) and operator.target.name.removeprefix("r") in _OF_NUMBERS:
            yield value, ""


def _in_expression(text: str) -> Iterator[tuple[str, str]]:
    """Columns of an expression, as strings where they are compared with texts; those that it makes itself left out."""
    from rtml_core.lowering.expressions import FUNCTIONS, parse

    made: set[str | None] = set()
    for statement in parse(text):
        for node in ast.walk(statement.tree):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            values = [v for side in sides for v in (side.elts if isinstance(side, (ast.List, ast.Tuple, ast.Set)) else [side])]
            if any(isinstance(value, ast.Constant) and isinstance(value.value, str) for value in values):
                yield from ((side.id, "string") for side in sides if isinstance(side, ast.Name) and side.id not in made)
        names = [node.id for node in ast.walk(statement.tree) if isinstance(node, ast.Name)]
        yield from ((name, "") for name in names if name not in FUNCTIONS and name not in made)
        made.add(statement.target)


# ---- kinds ------------------------------------------------------------------------------------------------------------


def kind_of(values: Iterable[Any]) -> str:
    """What values are: string, timestamp or bool; "" for numbers, for a mixture, and for none."""
    import pandas as pd

    kinds = set()
    for value in values:
        if isinstance(value, str):
            kinds.add("string")
        elif isinstance(value, bool):
            kinds.add("bool")
        elif isinstance(value, pd.Timestamp):
            kinds.add("timestamp")
        elif value is not None and not isinstance(value, Mapping) and value == value:
            kinds.add("")
    return kinds.pop() if len(kinds) == 1 else ""


def _word(dtype: str) -> str:
    return dtype if dtype in KINDS else ""


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _tried(operator: Any, columns: Sequence[str], made: Mapping[str, Column]) -> str:
    """The first kind that the node takes its columns as, all of one, a number before all."""
    for kind in KINDS:
        try:
            operator.schema(given_as(((name, kind) for name in columns), made))
        except RtmlError:
            continue
        return kind
    return ""
