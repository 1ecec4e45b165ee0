"""How a value of a document becomes a value of a field: one reading of paths, types and takes, for training and for serving.

A plan is compiled once, and then reads documents as Python objects. The quick way knows only that something is wrong; the
document is then read again slowly, which says where, what was expected and what came. Light: edges load it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from rtml_core.columns import MISSING_STRING, within
from rtml_core.errors import InputError, InputProblem, describe
from rtml_core.package import FieldEntry
from rtml_core.runtime.signature import describe_value, expectation
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.xdm import quick
from rtml_plugins.xdm.paths import PatternStep, join_pattern, pattern, pointer

#: what can be taken of several values, and the types that it can have; None: every type
TAKES: Final[dict[str, tuple[str, ...]]] = {
    "count": ("int", "float"),
    "any": ("bool",),
    "sum": ("float", "int"),
    "min": ("float", "int", "string", "timestamp"),
    "max": ("float", "int", "string", "timestamp"),
    "first": ("float", "int", "bool", "string", "timestamp"),
    "last": ("float", "int", "bool", "string", "timestamp"),
}
#: takes that have a value where nothing is there
TOTALS: Final[dict[str, Any]] = {"count": 0, "any": False, "sum": 0}

Located = tuple[tuple[object, ...], Any]


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one field reads: a path (paths.pattern) and what is taken of the values there, "" for the one that is there."""

    path: str
    take: str = ""


class Wrong(Exception):
    """Something of a document is not what a path or a type says."""

    def __init__(self, path: tuple[object, ...], expected: str, value: Any):
        super().__init__(expected)
        self.path = path
        self.expected = expected
        self.value = value


class Plan:
    """Reads the fields of documents. entries and choices: one of each a field."""

    def __init__(self, entries: Sequence[FieldEntry], choices: Sequence[Choice]):
        self._readers = [Reader(entry, choice) for entry, choice in zip(entries, choices, strict=True)]
        self._quick = [reader.read for reader in self._readers]

    def values(self, document: Any, at: str = "") -> list[Any]:
        """Values of the fields as a JSON row holds them: texts, numbers, true or false, timestamps as ISO texts, None for
        missing.

        at: what pointers begin with. Raises InputError naming everything that is wrong in what is read; the rest of the document
        is not looked at.
        """
        if document.__class__ is dict:
            try:
                return [read(document) for read in self._quick]
            except (Wrong, AttributeError, ValueError, TypeError, OverflowError):
                pass
        return self._slowly(document, at)

    def _slowly(self, document: Any, at: str) -> list[Any]:
        if document.__class__ is not dict:
            raise InputError([InputProblem(at or "/", "an object", describe_value(document))])
        problems: dict[tuple[str, str], InputProblem] = {}
        values = []
        for reader in self._readers:
            try:
                values.append(reader.slowly(document))
            except Wrong as wrong:
                where = at + pointer(wrong.path) or "/"
                got = "nothing there" if wrong.value is None else describe_value(wrong.value)
                problems.setdefault((where, wrong.expected), InputProblem(where, wrong.expected, got))
        if problems:
            raise InputError([*problems.values()])
        return values


def located(value: Any, steps: Sequence[PatternStep], path: tuple[object, ...] = ()) -> list[Located]:
    """The values at a path with where they are; null is nothing. Raises Wrong where an array or object is expected and isn't."""
    for position, step in enumerate(steps):
        if value is None:
            return []
        if step.__class__ is str:
            if value.__class__ is not dict:
                raise Wrong(path, "an object", value)
            value = value.get(step)
        elif step.__class__ is int:
            if value.__class__ is not list:
                raise Wrong(path, "a list", value)
            if not -len(value) <= step < len(value):
                return []
            step = step if step >= 0 else len(value) + step
            value = value[step]
        else:
            rest = steps[position + 1 :]
            return [one for key, inner in _elements(value, path) for one in located(inner, rest, (*path, key))]
        path = (*path, step)
    return [] if value is None else [(path, value)]


def _elements(value: Any, path: tuple[object, ...]) -> Any:
    if value.__class__ is list:
        return enumerate(value)
    if value.__class__ is dict:
        return value.items()
    raise Wrong(path, "a list or an object", value)


def several(document: Any, steps: Sequence[PatternStep], many: bool) -> list[Located]:
    """What something is taken of: the values at a pattern, or the elements of the one array at a path. many: [*] is in it."""
    found = located(document, steps)
    if many or not found or found[0][1].__class__ is not list:
        return found
    path = found[0][0]
    return [((*path, index), value) for index, value in enumerate(found[0][1]) if value is not None]


class Reader:
    """Reads one field. read: quickly where that is possible, raising anything; slowly: decides, and raises Wrong.

    typed: a value of a document as one of the field, whatever its bounds; final: within them. Both raise anything.
    """

    def __init__(self, entry: FieldEntry, choice: Choice):
        self._entry = entry
        self._steps = tuple(pattern(choice.path))
        self._many = not all(step.__class__ in (str, int) for step in self._steps)
        self._take = choice.take
        self.typed = typed(entry)
        bare = entry.categories is None and entry.minimum is None and entry.maximum is None
        self.final = self.typed if bare else self._bounded
        self.read: Callable[[Any], Any] = self._quick() or self.slowly
        if self._many and not self._take:
            raise ValueError(
                f"field '{entry.name}': {join_pattern(self._steps)} stands for many values; say what is taken of them"
            )

    def _quick(self) -> Callable[[Any], Any] | None:
        if not self._take:
            return quick.plain(self._steps, self.final, lambda: self._missing(()))
        values = quick.several(self._steps)
        return None if values is None else lambda document: self._of(values(document))

    def _of(self, values: list[Any]) -> Any:
        """What is taken of values; raises anything where one does not fit."""
        take = self._take
        if not values and (self._entry.optional or take not in TOTALS):
            return self._missing(())
        if take == "count":
            return self.final(len(values))
        if take == "last":
            return self.final(values[-1])
        if take == "first":
            return self.final(values[0])
        if take == "any":
            return self.final(any(value is not False for value in values))
        return self.final(self.total(values))

    def total(self, values: Sequence[Any]) -> Any:
        """The sum, min or max of values; raises anything where one does not fit."""
        typed = self.typed
        return self._total([typed(value) for value in values])

    def _total(self, values: list[Any]) -> Any:
        if self._take == "sum":
            return self._sum(values)
        key = _micros if self._entry.type == "timestamp" else None
        return min(values, key=key) if self._take == "min" else max(values, key=key)

    def slowly(self, document: Any) -> Any:
        """The value of the field. Raises Wrong."""
        if not self._take:
            found = located(document, self._steps)
            return self._checked(*found[0]) if found else self._missing(self._where())
        return self._taken(several(document, self._steps, self._many))

    def _taken(self, found: list[Located]) -> Any:
        take, entry = self._take, self._entry
        if not found and (entry.optional or take not in TOTALS):
            return self._missing(self._where())
        if take in ("first", "last"):
            return self._checked(*found[0 if take == "first" else -1])
        if take == "count":
            result: Any = len(found)
        elif take == "any":
            result = any(value is not False for _, value in found)
        else:
            result = self._total([self._converted(*one) for one in found])
        return self._checked(self._where(), result)

    def _sum(self, values: list[Any]) -> Any:
        """The sum: of floats rounded once, so that their order does not matter; of whole numbers exact."""
        if self._entry.type == "int":
            return sum(values)
        try:
            return math.fsum(values)
        except OverflowError:
            raise Wrong(self._where(), "numbers whose sum is a finite number", values) from None

    def _where(self) -> tuple[object, ...]:
        """Where to look for what is missing: the path as far as it stands for one place."""
        until = next((at for at, step in enumerate(self._steps) if step.__class__ not in (str, int)), len(self._steps))
        return tuple(self._steps[:until])

    def _missing(self, where: tuple[object, ...]) -> Any:
        entry = self._entry
        if entry.optional:
            return entry.default
        if not entry.nullable:
            raise Wrong(where, self._expected(None), None)
        return None

    def _converted(self, path: tuple[object, ...], value: Any) -> Any:
        try:
            return self.typed(value)
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise Wrong(path, self._expected(value), value) from None

    def _checked(self, path: tuple[object, ...], value: Any) -> Any:
        try:
            return self._bounded(value)
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise Wrong(path, self._expected(value), value) from None

    def _bounded(self, value: Any) -> Any:
        entry = self._entry
        made = self.typed(value)
        if (entry.categories is not None and made not in entry.categories) or not within(entry, made):
            raise ValueError
        return made

    def _expected(self, value: Any) -> str:
        entry = self._entry
        plain = msgspec.structs.replace(entry, nullable=entry.nullable and entry.type == "int")
        text = expectation(plain, value).removesuffix(" or null")
        if entry.type == "int" and not entry.nullable:
            text += " below 2^63"
        elif entry.type == "float" and value.__class__ is int:
            text += ", which a float64 holds to its last digit (give the field the type string where it is an id)"
        elif entry.type == "string" and value.__class__ in (int, float, bool):
            text += " (numbers are not turned into texts, as nobody can say how they were written)"
        return text


def typed(entry: FieldEntry) -> Callable[[Any], Any]:
    """A function from a value of a document to the value of a field of that type; it raises ValueError, TypeError,
    AttributeError or OverflowError for one that does not fit."""
    if entry.type == "int":
        most = 2**53 if entry.nullable else 2**63 - 1
        return lambda value: _int(value, most)
    return {"float": _float, "bool": _bool, "string": _string, "timestamp": _timestamp}[entry.type]


def _float(value: Any) -> float:
    if value.__class__ is float:
        if value - value != 0.0:
            raise ValueError
        return value
    made = float(value) if value.__class__ is int else math.nan
    if made != value:
        raise ValueError
    return made


def _int(value: Any, most: int) -> int:
    if value.__class__ is float and value.is_integer():
        value = int(value)
    if value.__class__ is not int or not -most <= value <= most:
        raise ValueError
    return value


def _bool(value: Any) -> bool:
    if value.__class__ is not bool:
        raise ValueError
    return value


def _string(value: Any) -> str:
    if value.__class__ is not str or "\0" in value:
        raise ValueError
    if not value.isascii():
        value.encode()  # half characters are no text
        if value == MISSING_STRING:
            raise ValueError
    return value


def _timestamp(value: Any) -> str:
    if value.__class__ is not str or parse_timestamp(value) is None:
        raise ValueError
    return value


def _micros(text: str) -> int:
    micros = parse_timestamp(text)
    assert micros is not None, describe(text)
    return micros
