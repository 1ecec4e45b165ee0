"""Dicts, tuples and lists of constants, looked up by a value: one lookup for each kind of answer that they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.functions.arithmetic import as_integer
from rtml_core.lowering.functions.comparing import key_column, matching, member
from rtml_core.lowering.functions.conditions import FALSE, Condition, both, either, negate
from rtml_core.lowering.functions.machine import Machine, Raises, constants, python
from rtml_core.lowering.functions.values import (
    BOOL,
    CONSTANT,
    FLOAT,
    INT,
    NONE,
    STR,
    TUPLE,
    Alternative,
    Value,
    boolean,
    carried,
    constant_of,
    joined,
    select,
)
from rtml_core.lowering.strings import plain
from rtml_core.lowering.symbolic import lookup

_DTYPES: Final = {INT: "int64", FLOAT: "float64", STR: "string"}
_NOTHING: Final[dict[str, Any]] = {INT: 0, FLOAT: 0.0, STR: ""}
#: a lookup by a truth value, or of answers that are tuples, is written out; more than these are too many
_WRITTEN_OUT: Final = 50


def at(m: Machine, subject: Alternative, index: Alternative, guard: Condition) -> Alternative | Value:
    """subject[index] of a dict, tuple or list; rows without such an item are refused, as Python raises KeyError."""
    table = _table(subject)
    if isinstance(table, Mapping):
        if index.kind in (TUPLE, CONSTANT):
            raise NotLowerableError("a dict is looked up by a number, a text or None")
        error = "KeyError"
    elif index.kind in (INT, BOOL):
        error, index = "IndexError", as_integer(m.b, index)
    else:
        raise Raises("TypeError")
    pairs = _pairs(table)
    found = member(m, index, [key for key, _ in pairs])
    m.fail(both(guard, negate(found)), error)
    return _answers(m, pairs, index, found, None)


def get(m: Machine, subject: Alternative, key: Alternative, default: Alternative, guard: Condition) -> Alternative | Value:
    """subject.get(key, default) of a dict."""
    table = _table(subject) if subject.kind in (CONSTANT, TUPLE) else None
    if not isinstance(table, Mapping):
        raise Raises("AttributeError")
    if key.kind == TUPLE or key.kind == CONSTANT:
        raise NotLowerableError("a dict is looked up by a number, a text or None")
    pairs = _pairs(table)
    return _answers(m, pairs, key, member(m, key, [k for k, _ in pairs]), default)


def _table(subject: Alternative) -> Any:
    if subject.kind == CONSTANT:
        if isinstance(subject.carried, (set, frozenset)):
            raise Raises("TypeError")
        return subject.carried
    if subject.keys is not None:
        return dict(zip(subject.keys, subject.carried, strict=True))
    return subject.carried


def _pairs(table: Any) -> list[tuple[Any, Any]]:
    """Keys and answers; the items of a sequence count from both ends."""
    if isinstance(table, Mapping):
        return list(table.items())
    size = len(table)
    return [*enumerate(table), *((place - size, item) for place, item in enumerate(table))]


def _answers(m: Machine, pairs: list[tuple[Any, Any]], key: Alternative, found: Condition, default: Alternative | None) -> Value:
    """`found` says where the key is one of the pairs'; elsewhere the answer is `default`, or does not matter."""
    values = [(k, v if isinstance(v, tuple) and _is_value(v) else (constant_of(v),)) for k, v in pairs]
    plain_ones = all(len(value) == 1 and value[0].kind != CONSTANT and constants(value) for _, value in values)
    other: Value = () if default is None else (default,)
    if key.kind not in (INT, FLOAT, STR) or key.constant or not plain_ones:
        return _written_out(m, values, key, other)
    if default is not None and not constants([default]):
        return select(m.b, found, _by_lookup(m, [(k, v[0]) for k, v in values], key, None), other)
    return _by_lookup(m, [(k, v[0]) for k, v in values], key, default)


def _is_value(value: tuple[Any, ...]) -> bool:
    return bool(value) and all(isinstance(item, Alternative) for item in value)


def _written_out(m: Machine, values: list[tuple[Any, Value]], key: Alternative, default: Value) -> Value:
    if len(values) > _WRITTEN_OUT and not key.constant and key.kind != NONE:
        raise NotLowerableError(f"a lookup of this kind takes {_WRITTEN_OUT} keys at most; there are {len(values)}")
    result = default
    for wanted, value in reversed(values):
        result = select(m.b, member(m, key, [wanted]), value, result)
    return result


def _by_lookup(m: Machine, values: list[tuple[Any, Alternative]], key: Alternative, default: Alternative | None) -> Value:
    """One lookup a kind of answer; kinds are told apart by the keys that lead to them."""
    table: dict[Any, Alternative] = {}
    for wanted, value in values:
        for fitting in matching(key, [wanted]):
            table[fitting] = value
    groups: dict[str, dict[Any, Any]] = {}
    for wanted, value in table.items():
        groups.setdefault(value.kind, {})[wanted] = python(value)
    if default is not None:
        groups.setdefault(default.kind, {})
    if not groups:
        return ()
    listed = member(m, key, list(table))
    made: list[Alternative] = []
    for kind, answers in groups.items():
        own = default is not None and default.kind == kind
        when = member(m, key, list(answers)) if len(groups) > 1 else None
        if when is not None and own:
            when = either(when, negate(listed))
        answer = _one_kind(m, kind, answers, key, python(default) if own and default is not None else _NOTHING.get(kind))
        made.append(answer if when is None else replace(answer, when=when))
    return joined(m.b, [item for item in made if item.when is not FALSE])


def _one_kind(m: Machine, kind: str, answers: dict[Any, Any], key: Alternative, other: Any) -> Alternative:
    if kind == NONE:
        return constant_of(None)
    if kind == BOOL:
        yes = [wanted for wanted, answer in answers.items() if answer]
        no = [wanted for wanted, answer in answers.items() if not answer]
        return boolean(negate(member(m, key, no)) if other else member(m, key, yes))
    if not answers or len({(repr(answer)) for answer in (*answers.values(), other)}) == 1:
        return constant_of(other)
    if kind == STR:
        for answer in (*answers.values(), other):
            plain(answer)
    numbers = [*answers.values(), other]
    missing = kind == FLOAT and any(math.isnan(value) for value in numbers)
    finite = kind != FLOAT or all(math.isfinite(value) for value in numbers)
    made = lookup(m.b, key_column(key), answers, other, _DTYPES[kind], nullable=missing, finite=finite)
    column = carried(INT, made, min(numbers), max(numbers)) if kind == INT else carried(kind, made)
    # what stands for a missing key is none of the keys
    return column if key.gone is FALSE else replace(column, spare=(key.gone, other))
