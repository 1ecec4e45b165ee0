"""The operations of FieldOps, read from JSON: each sets one field. Wrong forms are refused with the number of the operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rtml_core.errors import ParamError, RtmlError, close_match, describe, listing
from rtml_plugins.fields.terms import (
    Condition,
    Expression,
    Value,
    condition,
    constant,
    expression,
    fields_of,
    value,
    values_of_fields,
)


@dataclass(frozen=True)
class Choice:
    """The value of the first case whose condition is true; else `otherwise`, or, where that is None, what the field had."""

    cases: tuple[tuple[Condition, Value], ...]
    otherwise: Value | None


@dataclass(frozen=True)
class Flag:
    """Whether a condition is true, as bool or as 0 and 1."""

    condition: Condition
    as_int: bool


@dataclass(frozen=True)
class Listed:
    """coalesce, min, max, count of several values."""

    how: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Concat:
    """Texts one behind the other with `sep` between; `missing` stands for a missing one, None: the result is missing."""

    values: tuple[Value, ...]
    sep: str
    missing: str | None


@dataclass(frozen=True)
class Operation:
    """`field` = `what`; `number` counts from 1."""

    number: int
    field: str
    what: Value | Choice | Flag | Listed | Concat

    @property
    def place(self) -> str:
        """How an error names the operation."""
        return f"operation {self.number} (set '{self.field}')"

    def terms(self) -> Iterable[Value | Condition]:
        """Every value and condition that it reads."""
        what = self.what
        if isinstance(what, Choice):
            for test, found in what.cases:
                yield test
                yield found
            if what.otherwise is not None:
                yield what.otherwise
        elif isinstance(what, Flag):
            yield what.condition
        elif isinstance(what, (Listed, Concat)):
            yield from what.values
        else:
            yield what

    def fields(self) -> Iterable[str]:
        """Names of the fields that it reads."""
        for term in self.terms():
            yield from fields_of(term)


#: key that says what an operation does -> the keys that may stand beside it
FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "to": (),
    "value": (),
    "if": ("then", "else"),
    "cases": ("else",),
    "flag": ("as",),
    "coalesce": (),
    "concat": ("sep", "missing"),
    "min": (),
    "max": (),
    "count": (),
}


def read(ops: Sequence[Any]) -> list[Operation]:
    """The operations of a list; raises ParamError that names the operation, counted from 1."""
    found = []
    for number, given in enumerate(ops, start=1):
        name = given.get("set") if isinstance(given, Mapping) else None
        place = f"operation {number}" + (f" (set '{name}')" if isinstance(name, str) else "")
        try:
            found.append(Operation(number, *_operation(given)))
        except RtmlError as error:
            raise ParamError(f"{place}: {error}") from None
    return found


def _operation(given: Any) -> tuple[str, Any]:
    if not isinstance(given, Mapping) or not isinstance(given.get("set"), str) or not given["set"]:
        raise ParamError(
            'an operation must be an object that says which field it sets, e.g. {"set": "ratio", "to": "a / b"}; got'
            f" {describe(given)}"
        )
    kinds = [key for key in given if key in FORMS]
    if len(kinds) != 1:
        unknown = next((key for key in given if key != "set" and key not in FORMS), "")
        raise ParamError(
            f"says not what '{given['set']}' becomes: give one of {listing(FORMS)}; got {listing(given)}."
            f"{close_match(unknown, FORMS)}"
        )
    kind = kinds[0]
    for key in given:
        if key not in ("set", kind, *FORMS[kind]):
            known = (kind, *FORMS[kind])
            raise ParamError(f"'{key}' does not go with '{kind}', which takes {listing(known)}.{close_match(key, known)}")
    return given["set"], _READERS.get(kind, _listed)(given, kind)


def _to(given: Mapping[str, Any], _: str) -> Value:
    to = given["to"]
    return expression(to, "'to'") if isinstance(to, str) else value(to, "'to'")


def _value(given: Mapping[str, Any], _: str) -> Value:
    return value(given["value"], "'value'")


def _if(given: Mapping[str, Any], _: str) -> Choice:
    if "then" not in given:
        raise ParamError("'if' needs 'then', the value where the condition is true")
    otherwise = value(given["else"], "'else'") if "else" in given else None
    return Choice(((condition(given["if"]), value(given["then"], "'then'")),), otherwise)


def _cases(given: Mapping[str, Any], _: str) -> Choice:
    cases = given["cases"]
    if not isinstance(cases, (list, tuple)) or not cases:
        raise ParamError(f'\'cases\' must be a list of objects {{"if": ..., "then": ...}}; got {describe(cases)}')
    found = []
    for number, case in enumerate(cases, start=1):
        if not isinstance(case, Mapping) or set(case) != {"if", "then"}:
            raise ParamError(f'case {number} must be {{"if": condition, "then": value}}; got {describe(case)}')
        found.append((condition(case["if"], f"'if' of case {number}"), value(case["then"], f"'then' of case {number}")))
    return Choice(tuple(found), value(given["else"], "'else'") if "else" in given else None)


def _flag(given: Mapping[str, Any], _: str) -> Flag:
    wanted = given.get("as", "bool")
    if wanted not in ("bool", "int"):
        raise ParamError(f"'as' must be 'bool' or 'int'; got {describe(wanted)}")
    return Flag(condition(given["flag"], "'flag'"), wanted == "int")


def _concat(given: Mapping[str, Any], _: str) -> Concat:
    texts: dict[str, str | None] = {"sep": "", "missing": None}
    for key in texts:
        found = given.get(key, texts[key])
        if found is not None or key == "sep":
            if constant(found, f"'{key}'").dtype != "string":
                raise ParamError(f"'{key}' must be a string; got {describe(found)}")
            texts[key] = found
    return Concat(values_of_fields(given["concat"], "'concat'"), texts["sep"] or "", texts["missing"])


def _listed(given: Mapping[str, Any], kind: str) -> Listed:
    return Listed(kind, values_of_fields(given[kind], f"'{kind}'", 2 if kind in ("min", "max") else 1))


_READERS: Final[Mapping[str, Any]] = {
    "to": _to,
    "value": _value,
    "if": _if,
    "cases": _cases,
    "flag": _flag,
    "concat": _concat,
}


def expressions_in(operations: Iterable[Operation]) -> Iterable[Expression]:
    """Every expression of the operations, those inside conditions too."""
    from rtml_plugins.fields.terms import Combined

    stack: list[Any] = [term for operation in operations for term in operation.terms()]
    while stack:
        term = stack.pop()
        if isinstance(term, Expression):
            yield term
        elif isinstance(term, Combined):
            stack.extend(term.parts)
