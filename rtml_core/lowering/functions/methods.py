"""Methods of texts, as Python's str has them: exact for all Unicode (see lowering.strings), or refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import string_parts, string_search, strings
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions import interpreter
from rtml_core.lowering.functions.arithmetic import folded
from rtml_core.lowering.functions.comparing import there
from rtml_core.lowering.functions.conditions import FALSE, Condition, both, literal
from rtml_core.lowering.functions.lookups import get
from rtml_core.lowering.functions.machine import Machine, Raises, constants, python
from rtml_core.lowering.functions.values import (
    CONSTANT,
    INT,
    NONE,
    STR,
    TUPLE,
    Alternative,
    Value,
    boolean,
    carried,
    constant_of,
    integer,
)
from rtml_core.lowering.symbolic import Symbolic, missing_mask, value_of

Method = Callable[[Builder, Symbolic, list[Any]], Symbolic]
#: a text is not longer than this
LONGEST: Final = 2**40


def call_method(m: Machine, name: str, items: list[Alternative], guard: Condition) -> Alternative | Value:
    """items[0].name(*items[1:])"""
    subject, arguments = items[0], items[1:]
    if name == "get":
        return get(m, subject, arguments[0], arguments[1] if len(arguments) == 2 else constant_of(None), guard)
    if constants(items):
        return folded(lambda first, *values: interpreter.method(first, name, list(values)), *items)
    if subject.kind != STR:
        raise Raises("AttributeError")
    if not constants(arguments):
        raise NotLowerableError(f"{name}() takes constants as arguments")
    if name == "split":
        raise NotLowerableError("the parts of split() can be taken one by one only: s.split('-')[0]")
    values = [python(item) for item in arguments]
    _valid(name, values)
    if subject.constant:
        raise NotLowerableError(f"{name}() of a constant takes constants")
    made = _METHODS[name](m.b, subject.symbolic, values)
    if made.dtype == "bool":
        return boolean(literal(value_of(m.b, made), there(subject)))
    return replace(carried(STR, made), gone=subject.gone)


def _valid(name: str, values: list[Any]) -> None:
    """Raise what Python raises for these arguments, tried on a text."""
    try:
        interpreter.method("a", name, values)
    except Exception as error:  # whatever it is, the function raises it in every row
        raise Raises(type(error).__name__) from None


def _side(side: str) -> Method:
    return lambda b, column, values: strings.strip(b, column, values[0] if values else None, side)


def _all(name: str) -> Method:
    return lambda b, column, _: string_search.is_all(b, column, name)


def _cased(name: str) -> Method:
    return lambda b, column, _: string_search.is_cased(b, column, name)


def _padded(side: str) -> Method:
    def method(b: Builder, column: Symbolic, values: list[Any]) -> Symbolic:
        return strings.pad(b, column, int(values[0]), side, values[1] if len(values) == 2 else " ")

    return method


def _replace(b: Builder, column: Symbolic, values: list[Any]) -> Symbolic:
    count = values[2] if len(values) == 3 else -1
    return strings.replace(b, column, values[0], values[1], n=-1 if count < 0 else count)


def _affix(b: Builder, column: Symbolic, values: list[Any], *, end: bool) -> Symbolic:
    texts = list(values[0]) if isinstance(values[0], tuple) else values[0]
    return (string_search.endswith if end else string_search.startswith)(b, column, texts)


_METHODS: Final[dict[str, Method]] = {
    "lower": lambda b, column, _: strings.lower(b, column),
    "upper": lambda b, column, _: strings.upper(b, column),
    "strip": _side("both"), "lstrip": _side("left"), "rstrip": _side("right"),
    "startswith": lambda b, column, values: _affix(b, column, values, end=False),
    "endswith": lambda b, column, values: _affix(b, column, values, end=True),
    "replace": _replace,
    "removeprefix": lambda b, column, values: strings.remove_affix(b, column, values[0], end=False),
    "removesuffix": lambda b, column, values: strings.remove_affix(b, column, values[0], end=True),
    "zfill": lambda b, column, values: strings.zfill(b, column, int(values[0])),
    "ljust": _padded("right"), "rjust": _padded("left"), "center": _padded("both"),
    **{name: _cased(name) for name in ("isupper", "islower", "istitle", "isascii")},
    **{name: _all(name) for name in ("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace")},
}  # fmt: skip


def split_item(m: Machine, items: list[Alternative], index: int, guard: Condition) -> Alternative:
    """items[0].split(separator, most)[index]; rows with fewer parts are refused, as Python raises IndexError."""
    subject, arguments = items[0], items[1:]
    if constants(items):
        parts = folded(lambda first, *values: interpreter.method(first, "split", list(values)), *items)
        return folded(lambda found: found[index], parts)
    if subject.kind != STR:
        raise Raises("AttributeError")
    if not constants(arguments):
        raise NotLowerableError("split() takes constants as arguments")
    values = [python(item) for item in arguments]
    _valid("split", values)
    most = values[1] if len(values) == 2 else -1
    if most == 0:
        raise NotLowerableError("split() into one part can't be compiled; leave it out")
    made = strings.split_get(m.b, subject.symbolic, values[0] if values else None, index, n=most, regex_=False)
    return _or_index_error(m, made, subject, guard)


def split_count(m: Machine, items: list[Alternative]) -> Alternative:
    """len(items[0].split(separator))"""
    subject, arguments = items[0], items[1:]
    if constants(items):
        return folded(lambda first, *values: len(interpreter.method(first, "split", list(values))), *items)
    if subject.kind != STR:
        raise Raises("AttributeError")
    if not constants(arguments):
        raise NotLowerableError("split() takes constants as arguments")
    values = [python(item) for item in arguments]
    _valid("split", values)
    if len(values) == 2 and values[1] is not None and values[1] >= 0:
        raise NotLowerableError("the number of parts of split() with a limit can't be compiled; leave the limit out")
    separator = values[0] if values else None
    return integer(string_parts.count_parts(m.b, subject.symbolic, separator), 0, LONGEST)


def _or_index_error(m: Machine, made: Symbolic, subject: Alternative, guard: Condition) -> Alternative:
    if made.nullable:
        m.fail(both(guard, literal(missing_mask(m.b, made))), "IndexError")
    return replace(carried(STR, made), gone=subject.gone if made.nullable else FALSE)


def item_of(m: Machine, subject: Alternative, index: Alternative, guard: Condition) -> Alternative | Value:
    """subject[index]"""
    if constants([subject, index]):
        return folded(lambda one, two: one[two], subject, index)
    if subject.kind == STR:
        if index.kind not in (INT, "bool"):
            raise Raises("TypeError")
        if not index.constant:
            raise NotLowerableError("a text takes a constant as index")
        made = strings.get(m.b, subject.symbolic, int(index.carried))
        return _or_index_error(m, made, subject, guard)
    if subject.kind == TUPLE and subject.keys is None and index.constant:
        return folded_item(subject.carried, index.carried)
    if subject.kind in (CONSTANT, TUPLE):
        from rtml_core.lowering.functions.lookups import at

        return at(m, subject, index, guard)
    raise Raises("TypeError")


def folded_item(values: tuple[Value, ...], index: Any) -> Value:
    """One of a tuple's values; Raises with Python's exception for an index that it does not have."""
    try:
        return values[index]
    except (IndexError, TypeError) as error:
        raise Raises(type(error).__name__) from None


def slice_of(m: Machine, subject: Alternative, start: Alternative, stop: Alternative) -> Alternative:
    """subject[start:stop]"""
    if constants([subject, start, stop]):
        return folded(lambda one, two, three: one[two:three], subject, start, stop)
    if subject.kind != STR:
        if subject.kind in (TUPLE, CONSTANT):
            raise NotLowerableError("a slice of a tuple of values can't be compiled")
        raise Raises("TypeError")
    ends = []
    for end in (start, stop):
        if not (end.constant or end.kind == NONE):
            raise NotLowerableError("a slice takes constants")
        ends.append(None if end.kind == NONE else end.carried)
    if any(end is not None and not isinstance(end, int) for end in ends):
        raise Raises("TypeError")
    made = strings.slice_(m.b, subject.symbolic, *ends)
    return replace(carried(STR, made), gone=subject.gone)
