"""Terms: what stands in an operation of FieldOps where a value or a condition is meant, read and checked, not yet computed.

A value is a constant, a field or an expression; a condition is an expression, a test of one field, or several of these.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.errors import ParamError, close_match, describe, listing
from rtml_core.lowering.expressions import FUNCTIONS, parse
from rtml_core.timestamps import EXPECTED, parse_timestamp


@dataclass(frozen=True)
class Constant:
    """A string, number or boolean; None is a missing value. `dtype` timestamp: `value` in microseconds since 1970 UTC."""

    value: Any
    dtype: str


@dataclass(frozen=True)
class FieldRef:
    """The value of a field."""

    name: str


@dataclass(frozen=True)
class Expression:
    """An expression on fields, as pandas' eval reads it."""

    text: str
    tree: ast.expr


Value = Constant | FieldRef | Expression


@dataclass(frozen=True)
class Test:
    """A question about one field: missing, present, in, contains, starts_with, ends_with."""

    how: str
    field: str
    operand: Any = None


@dataclass(frozen=True)
class Combined:
    """all or any of several conditions; not of one."""

    how: str
    parts: tuple[Condition, ...]


Condition = Expression | Test | Combined

#: conditions inside conditions
_DEPTH: Final = 20
_TEXT_TESTS: Final = ("contains", "starts_with", "ends_with")
_VALUE_FORM: Final = (
    'a string, number, boolean or null, {"field": name}, {"expr": "price * 2"} or {"timestamp": "2026-01-31T00:00:00Z"}'
)
_CONDITION_FORM: Final = (
    'an expression such as "age < 18", {"missing": field}, {"present": field}, {"field": name, "in": [...]}, {"field": name,'
    ' "contains" (or "starts_with", "ends_with"): text}, {"all": [...]}, {"any": [...]} or {"not": condition}'
)


def constant(value: Any, what: str) -> Constant:
    """A JSON scalar as a constant; raises ParamError for what is none."""
    if value is None:
        return Constant(None, "null")
    if isinstance(value, bool):
        return Constant(value, "bool")
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise ParamError(f"{what} must fit into 64 bits, or be written as a float, {value}.0; got {value}")
        return Constant(value, "int64")
    if isinstance(value, float):
        return Constant(None, "null") if math.isnan(value) else Constant(value, "float64")
    if isinstance(value, str):
        if any(mark in value for mark in ("\0", "\ufdd0")):
            raise ParamError(f"{what} must be a text without U+0000 and U+FDD0; got {describe(value)}")
        return Constant(value, "string")
    raise ParamError(f"{what} must be {_VALUE_FORM}; got {describe(value)}")


def value(given: Any, what: str) -> Value:
    """A value where texts are constants: `then`, `else`, `value`, `default`."""
    if not isinstance(given, Mapping):
        return constant(given, what)
    match dict(given):
        case {"field": str(name), **rest} if not rest:
            return FieldRef(name)
        case {"expr": str(text), **rest} if not rest:
            return expression(text, what)
        case {"value": plain, **rest} if not rest and not isinstance(plain, Mapping):
            return constant(plain, what)
        case {"timestamp": str(text), **rest} if not rest:
            micros = parse_timestamp(text)
            if micros is None:
                raise ParamError(f"{what} must be {EXPECTED}; got {describe(text)}")
            return Constant(micros, "timestamp")
    raise ParamError(f"{what} must be {_VALUE_FORM}; got {describe(dict(given))}")


def values_of_fields(given: Any, what: str, least: int = 1) -> tuple[Value, ...]:
    """A list where texts are names of fields: `coalesce`, `concat`, `min`, `max`, `count`."""
    if not isinstance(given, (list, tuple)) or len(given) < least:
        raise ParamError(
            f'{what} must be a list of at least {least} fields (constants as {{"value": ...}}); got {describe(given)}'
        )
    return tuple(FieldRef(item) if isinstance(item, str) else value(item, f"an item of {what}") for item in given)


def expression(text: Any, what: str) -> Expression:
    """An expression of columns, constants, operators and FUNCTIONS; raises ParamError at once for what can't be compiled."""
    if not isinstance(text, str):
        raise ParamError(f"{what} must be an expression, as text; got {describe(text)}")
    statements = parse(text)
    if len(statements) != 1 or statements[0].target is not None:
        raise ParamError(f"{what} must be one expression without '='; got {describe(text)}")
    tree = statements[0].tree
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS):
            name = ast.unparse(node.func)
            raise ParamError(f"{what}: there is no function '{name}'.{close_match(name, FUNCTIONS)} It has: {listing(FUNCTIONS)}")
        if isinstance(node, (ast.Attribute, ast.Subscript, ast.IfExp, ast.Lambda)) and id(node) not in called:
            raise ParamError(
                f"{what}: '{ast.unparse(node)}' is Python, not an expression; it has arithmetic, comparisons and functions"
            )
        if isinstance(node, ast.Compare):
            _check_lists(node, what)
    return Expression(text, tree)


def _check_lists(node: ast.Compare, what: str) -> None:
    """`in` takes a written list: pandas would look among all rows of another column."""
    for op, right in zip(node.ops, node.comparators, strict=True):
        listed = isinstance(right, (ast.List, ast.Tuple)) and all(isinstance(item, ast.Constant) for item in right.elts)
        if isinstance(op, (ast.In, ast.NotIn)) and not listed:
            raise ParamError(f"{what}: 'in' takes a list of constants, as in brand in ['VW', 'Audi']; got '{ast.unparse(right)}'")


def condition(given: Any, what: str = "'if'", depth: int = 0) -> Condition:
    """A condition; raises ParamError for what is none."""
    if depth > _DEPTH:
        raise ParamError(f"{what} is nested more than {_DEPTH} deep; set a field by a flag first, and ask for that")
    if isinstance(given, str):
        return expression(given, what)
    if isinstance(given, Mapping):
        match dict(given):
            case {"missing": str(name), **rest} | {"present": str(name), **rest} if not rest:
                return Test(next(iter(given)), name)
            case {"all": list(parts), **rest} | {"any": list(parts), **rest} if not rest and parts:
                return Combined(next(iter(given)), tuple(condition(part, what, depth + 1) for part in parts))
            case {"not": part, **rest} if not rest:
                return Combined("not", (condition(part, what, depth + 1),))
            case {"field": str(name), "in": list(listed), **rest} if not rest:
                return Test("in", name, _listed(listed, what))
            case {"field": str(name), **rest} if len(rest) == 1 and next(iter(rest)) in _TEXT_TESTS:
                how, text = next(iter(rest.items()))
                found = constant(text, what)
                if found.dtype == "string" and text:
                    return Test(how, name, text)
    raise ParamError(f"{what} must be {_CONDITION_FORM}; got {describe(given)}")


def _listed(listed: list[Any], what: str) -> tuple[Any, ...]:
    kinds = {"string" if isinstance(item, str) else "number" for item in listed}
    scalars = all(isinstance(item, (str, int, float)) and not isinstance(item, bool) and item == item for item in listed)
    if not listed or not scalars or len(kinds) > 1:
        raise ParamError(f"{what}: 'in' takes a list of strings or a list of numbers, at least one; got {describe(listed)}")
    return tuple(constant(item, what).value for item in listed)


def fields_of(term: Value | Condition) -> Iterable[str]:
    """Names of the fields that a term reads, in order."""
    if isinstance(term, FieldRef):
        yield term.name
    elif isinstance(term, Expression):
        called = {id(node.func) for node in ast.walk(term.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(term.tree):
            if isinstance(node, ast.Name) and id(node) not in called:
                yield node.id
    elif isinstance(term, Test):
        yield term.field
    elif isinstance(term, Combined):
        for part in term.parts:
            yield from fields_of(part)
