"""Paths into documents, and conditions on what is there: which events an aggregate takes.

{"eventType": "commerce.purchases"}                        equal
{"eventType": ["commerce.purchases", "commerce.returns"]}  one of
{"commerce.order.priceTotal": {"min": 100}}                a number in a range, "min" and "max" included
{"web.webReferrer.URL": {"exists": true}}                  there, or not
{"channel": {"not": "mail"}}                               there or not, but not equal to one of
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from rtml_core.errors import RtmlError, describe
from rtml_plugins.xdm.paths import EVERY, pattern

FORMS: Final = (
    'a value, a list of values, {"min": number, "max": number}, {"exists": true or false} or {"not": a value or a list of them}'
)
Refusal = Callable[[str], RtmlError]


class Path:
    """A path in a document, as the columns of XDM2Frame (rtml_plugins.xdm.paths). A key that meets an array goes on in each of
    its elements, as [*] does; an index takes one."""

    __slots__ = ("steps", "text")

    def __init__(self, text: Any, refusal: Refusal):
        if not isinstance(text, str) or not text:
            raise refusal(f'a path must be names with dots between them, e.g. "commerce.order.priceTotal"; got {describe(text)}')
        self.text = text
        try:
            self.steps: tuple[Any, ...] = tuple(pattern(text))
        except RtmlError as error:
            raise refusal(f"the path {describe(text)} can't be read: {error}") from None

    def __repr__(self) -> str:
        return f"Path({self.text!r})"


def values_at(document: Any, path: Path) -> list[Any]:
    """What a path leads to in a document, null never; arrays on the way are gone through in their order."""
    found = document
    for depth, step in enumerate(path.steps):
        if type(found) is dict and type(step) is str:
            found = found.get(step)
            if found is None:
                return []
        else:
            return _through(found, path.steps, depth)
    return [found] if type(found) is not list else [value for value in found if value is not None]


def _through(found: Any, steps: tuple[Any, ...], depth: int) -> list[Any]:
    """values_at from an array, or to an index, on."""
    there = [found]
    for step in steps[depth:]:
        there = [ahead for value in there for ahead in _ahead(value, step)]
    flat = [item for value in there for item in (value if isinstance(value, list) else (value,))]
    return [value for value in flat if value is not None]


def _ahead(value: Any, step: Any) -> Iterable[Any]:
    if isinstance(value, list):
        if isinstance(step, str):
            return [item[step] for item in value if isinstance(item, Mapping) and step in item]
        if step is EVERY:
            return value
        return value[step:][:1] if step >= -len(value) else ()
    if not isinstance(value, Mapping) or isinstance(step, int):
        return ()
    return value.values() if step is EVERY else [value[step]] if step in value else ()


def number(value: Any) -> bool:
    """Whether a JSON value is a number that a double can hold; true and false are none."""
    kind = type(value)
    return (kind is float and math.isfinite(value)) or (kind is int and -_ABOVE < value < _ABOVE)


_ABOVE: Final = 2**1024 - 2**970  # what rounds to infinity


class Conditions:
    """All of several conditions, by path. An array meets one when one of its elements does; {"not": ...} when none is equal."""

    __slots__ = ("_equal", "_tests", "_where")

    def __init__(self, where: Mapping[str, Any], refusal: Refusal):
        self._where: dict[str, Any] = {}
        self._tests: list[tuple[Path, Callable[[list[Any]], bool]]] = []
        self._equal: list[tuple[str, str]] = []
        for text, condition in where.items():
            path = Path(text, refusal)
            canonical, test = _condition(text, condition, refusal)
            self._where[text] = canonical
            if len(path.steps) == 1 and isinstance(canonical, str) and path.steps[0] == text:
                self._equal.append((text, canonical))  # what most conditions are: {"eventType": "..."}
            else:
                self._tests.append((path, test))
        self._where = dict(sorted(self._where.items()))

    def hold(self, document: Mapping[str, Any]) -> bool:
        for name, wanted in self._equal:
            found = document.get(name)
            if found != wanted and not (type(found) is list and wanted in found):
                return False
        return all(test(values_at(document, path)) for path, test in self._tests)

    def to_json(self) -> dict[str, Any]:
        """The conditions in their one canonical form."""
        return self._where


def _condition(at: str, condition: Any, refusal: Refusal) -> tuple[Any, Callable[[list[Any]], bool]]:
    if not isinstance(condition, Mapping):
        listed = _listed(at, condition, refusal)
        wanted = frozenset(map(_kind, listed))
        return (listed[0] if len(listed) == 1 else listed), lambda found: any(_kind(value) in wanted for value in found)
    keys = set(condition)
    if keys == {"exists"} and isinstance(condition["exists"], bool):
        there = condition["exists"]
        return dict(condition), lambda found: bool(found) == there
    if keys == {"not"}:
        listed = _listed(at, condition["not"], refusal)
        refused = frozenset(map(_kind, listed))
        canonical = listed[0] if len(listed) == 1 else listed
        return {"not": canonical}, lambda found: not any(_kind(value) in refused for value in found)
    if keys and keys <= {"min", "max"} and all(number(bound) for bound in condition.values()):
        low, high = condition.get("min", -math.inf), condition.get("max", math.inf)
        if low <= high:
            ordered = {key: condition[key] for key in ("min", "max") if key in condition}
            return ordered, lambda found: any(number(value) and low <= value <= high for value in found)
    raise refusal(f"the condition on '{at}' must be {FORMS}; got {describe(condition)}")


def _listed(at: str, given: Any, refusal: Refusal) -> list[Any]:
    """Values to be equal to, sorted, none twice."""
    listed = given if isinstance(given, list | tuple) else [given]
    if not listed or not all(isinstance(value, str | bool) or number(value) for value in listed):
        raise refusal(f"the condition on '{at}' must be {FORMS}, of texts, numbers, true and false; got {describe(given)}")
    return [value for _, value in sorted({(str(type(v)), repr(v)): v for v in listed}.items())]


def _kind(value: Any) -> Any:
    """Equal for equal JSON values: in Python true is 1 too."""
    return (bool, value) if isinstance(value, bool) else value if isinstance(value, str | int | float) else None
