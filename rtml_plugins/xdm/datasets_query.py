"""Reading a dataset by comparisons, in an order, some columns of it.

A comparison is a text "PATH OPERATOR VALUE" or a tuple of the three; operators: = == != < <= > >= in exists. VALUE is JSON, or a
text as it stands. Numbers are compared with numbers, texts with texts, and two timestamps by their moment, whatever their
offsets. What is missing, or of another kind, is equal to nothing: only != and "exists false" hold for it.

Several comparisons are one where they stand in a group, an object or its JSON: {"or": ["kind = view", ["price", ">", 100]]}, of
which one has to hold, or {"and": [...]}, of which all have to. A group may hold groups.
"""

from __future__ import annotations

import heapq
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from rtml_core.errors import describe
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.errors import XdmError
from rtml_plugins.xdm.paths import split

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.xdm.datasets import Datasets, Document

#: comparisons and groups of them, of which all must hold
Where = str | Mapping[str, Any] | Sequence[str | tuple[str, str, Any] | Mapping[str, Any]]

_OPERATORS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISON: Final = re.compile(r"\s*(\S+?)\s*(?:(==|!=|<=|>=|=|<|>)|\s(in|exists)\b)\s*(.*?)\s*", re.DOTALL)
_MISSING: Final = object()
_HINT: Final = (
    "expected PATH OPERATOR VALUE, e.g. 'eventType = \"commerce.purchases\"' or 'timestamp >= 2026-01-31', or several in a group:"
    ' {"or": ["eventType = a", "eventType = b"]}'
)
#: groups in groups
_DEEPEST: Final = 20


class Comparison(NamedTuple):
    """path: keys and indexes. value: a JSON value; moment: of it, when it is a timestamp."""

    path: list[str | int]
    operator: str
    value: Any
    moment: int | None

    def holds(self, document: dict[str, Any]) -> bool:
        """Whether it holds for a document."""
        found = _at(document, self.path)
        if self.operator == "exists":
            return (found is not _MISSING) == self.value
        if self.operator == "!=":
            return not self._compare(operator.eq, found, self.value, self.moment)
        if self.operator == "in":
            return any(self._compare(operator.eq, found, value, _moment(value)) for value in self.value)
        return self._compare(_OPERATORS[self.operator], found, self.value, self.moment)

    @staticmethod
    def _compare(how: Callable[[Any, Any], bool], found: Any, value: Any, moment: int | None) -> bool:
        if moment is not None and isinstance(found, str) and (at := parse_timestamp(found)) is not None:
            return bool(how(at, moment))
        return _kind(found) == _kind(value) and bool(how(found, value))


class Group(NamedTuple):
    """Several conditions as one: every one has to hold, or any of them."""

    every: bool
    parts: Sequence[Comparison | Group]

    def holds(self, document: dict[str, Any]) -> bool:
        """Whether it holds for a document."""
        return (all if self.every else any)(part.holds(document) for part in self.parts)


def comparisons(where: Where) -> list[Comparison | Group]:
    """Read comparisons. Raises DatasetError for one that is none."""
    given = [where] if isinstance(where, str | Mapping) else list(where)
    return [_condition(one, 0) for one in given]


def _condition(given: Any, depth: int) -> Comparison | Group:
    group = _decoded_group(given) if isinstance(given, str) else given
    if not isinstance(group, Mapping):
        return _comparison(given)
    if len(group) != 1 or next(iter(group)) not in ("and", "or"):
        raise DatasetError(f'{describe(group)} is no group of comparisons: expected {{"or": [...]}} or {{"and": [...]}}')
    ((word, parts),) = group.items()
    if isinstance(parts, str | Mapping) or not isinstance(parts, Sequence) or not parts:
        raise DatasetError(f'{describe(group)}: after "{word}" comes a list of comparisons, of one at least')
    if depth == _DEEPEST:
        raise DatasetError(f"groups of comparisons stand in groups more than {_DEEPEST} deep: say it with fewer")
    return Group(word == "and", [_condition(part, depth + 1) for part in parts])


def _decoded_group(text: str) -> Any:
    """What the JSON of a group says; None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    found = _value(text)
    return found if isinstance(found, dict) else None


def _comparison(given: Any) -> Comparison:
    if isinstance(given, str):
        found = _COMPARISON.fullmatch(given)
        if found is None:
            raise DatasetError(f"{describe(given)} is no comparison: {_HINT}")
        path, sign, value = found[1], found[2] or found[3], _value(found[4])
        if sign == "exists" and not found[4]:
            value = True
    else:
        try:
            path, sign, value = given
        except (TypeError, ValueError):
            raise DatasetError(f"{describe(given)} is no comparison: {_HINT}") from None
    if sign not in (*_OPERATORS, "!=", "in", "exists"):
        raise DatasetError(f"{describe(sign)} is no operator of a comparison: expected one of = != < <= > >= in exists")
    if sign == "in" and not isinstance(value, list | tuple):
        raise DatasetError(f'{describe(given)}: after "in" comes a list, e.g. \'eventType in ["a", "b"]\'')
    if sign == "exists" and not isinstance(value, bool):
        raise DatasetError(f'{describe(given)}: after "exists" comes true or false, or nothing')
    return Comparison(split(path), sign, value, _moment(value))


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _moment(value: Any) -> int | None:
    return parse_timestamp(value) if isinstance(value, str) else None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _at(document: Any, path: Iterable[str | int]) -> Any:
    """The value at a path; _MISSING when there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(document, dict):
            document = document.get(step, _MISSING)
        elif isinstance(step, int) and isinstance(document, list) and -len(document) <= step < len(document):
            document = document[step]
        else:
            return _MISSING
    return document


def _times(chosen: Sequence[Comparison | Group], every: bool = True) -> tuple[int | None, int | None]:
    """The range of time outside of which not all of the conditions hold, or none of them, to read less; None: no end."""
    spans = [_span(one) for one in chosen]
    starts, ends = [span[0] for span in spans], [span[1] for span in spans]
    if every:
        known, until = [at for at in starts if at is not None], [at for at in ends if at is not None]
        return max(known, default=None), min(until, default=None)
    start = None if None in starts else min(at for at in starts if at is not None)
    return start, None if None in ends else max(at for at in ends if at is not None)


def _span(one: Comparison | Group) -> tuple[int | None, int | None]:
    if isinstance(one, Group):
        return _times(one.parts, one.every)
    if one.path not in (["timestamp"], ["xdm:timestamp"]) or one.moment is None:
        return None, None
    start = one.moment if one.operator in ("=", "==", ">", ">=") else None
    return start, one.moment + 1 if one.operator in ("=", "==", "<", "<=") else None


def find(
    datasets: Datasets,
    name: str,
    *,
    limit: int | None = None,
    offset: int = 0,
    where: Where = (),
    sort: str | Sequence[str] | None = None,
) -> Iterator[Document]:
    """The records that are asked for, one by one; sorted ones are held, of a limit no more than are needed."""
    if offset < 0 or (limit is not None and limit < 0):
        raise DatasetError(f"limit and offset count records: expected 0 or more, got {limit} and {offset}")
    chosen = comparisons(where)
    order = reading_order(sort)
    event = datasets.get(name).kind == "event"
    start, end = _times(chosen) if event else (None, None)
    found = (one for one in datasets.documents(name, start, end) if all(part.holds(one.document) for part in chosen))
    stop = None if limit is None else offset + limit
    if order is None:
        return islice(found, offset, stop)

    def key(one: Document) -> tuple[Any, ...]:
        return order(one.document)

    held = sorted(found, key=key) if stop is None else heapq.nsmallest(stop, found, key=key)
    return iter(held[offset:stop])


def read(datasets: Datasets, name: str, *, select: Sequence[str] | None = None, **options: Any) -> pd.DataFrame:
    """As find(), as a frame; see Datasets.read."""
    from rtml_plugins.xdm.frames import to_frame

    documents = [one.document for one in find(datasets, name, **options)]
    return to_frame(documents, paths=None if select is None else list(select))


def column_values(select: Sequence[str]) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """A function that takes the values at paths out of a document, by path, without those that are missing; None for no paths."""
    paths = [(path, split(path)) for path in select]
    if not paths:
        return None

    def chosen(document: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, path in paths if (value := _at(document, path)) is not _MISSING}

    return chosen


def reading_order(sort: str | Sequence[str] | None) -> Callable[[dict[str, Any]], tuple[Any, ...]] | None:
    """A key that sorts documents by paths: by kind of value, then by value; what is missing comes last, either way.

    None when no path is given. Raises DatasetError.
    """
    given = [sort] if isinstance(sort, str) else list(sort or ())
    order = []
    for one in given:
        descending = one.startswith("-")
        try:
            order.append((split(one[1:] if descending else one), descending))
        except XdmError as error:
            raise DatasetError(f"--sort {describe(one)}: {error}") from None

    def key(document: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(_part(_at(document, path), descending) for path, descending in order)

    return key if order else None


def _part(value: Any, descending: bool) -> tuple[int, Any]:
    rank, comparable = _ranked(value)
    return rank, _Reversed(comparable) if descending else comparable


def _ranked(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool | int | float):
        return 0, value
    if isinstance(value, str):
        moment = parse_timestamp(value)
        return (1, (0, moment)) if moment is not None else (1, (1, value))
    return (3, "") if value is _MISSING or value is None else (2, msgspec.json.encode(value, order="deterministic"))


class _Reversed:
    """Sorts the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and bool(self.value == other.value)
