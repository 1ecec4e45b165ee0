"""Chosen fields of many documents, a column at a time: what plan.Plan says of each document, sooner.

Objects and arrays that several paths go through are looked up once, types are looked at by column, and numbers and moments are
converted together. Like a quick reader (quick), this gives the very values that the slow way gives, or raises anything: then the
documents are read one by one, which decides, and says what is wrong. So it knows nothing of messages, nor every case.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
import pandas as pd

from rtml_core.columns import MISSING_STRING
from rtml_core.frames import from_carrier, string_dtype
from rtml_core.package import FieldEntry
from rtml_core.timestamps import NAT, parse_timestamp
from rtml_plugins.xdm.paths import EVERY, PatternStep, pattern
from rtml_plugins.xdm.plan import TOTALS, Choice, Reader
from rtml_plugins.xdm.text import read

#: documents that are walked together: few enough to be in the processor's cache from one path to the next
_TOGETHER: Final = 256
#: and of texts, whose documents are made in that cache
_TEXTS_TOGETHER: Final = 16
_NOTHING: Final = type(None)
_EMPTY: Final = {"count": 0, "any": False}


class Bulk:
    """Reads the fields of many documents. entries and choices: one of each a field. Raises ValueError as Reader does."""

    def __init__(self, entries: Sequence[FieldEntry], choices: Sequence[Choice]):
        self._columns = [_Column(entry, choice) for entry, choice in zip(entries, choices, strict=True)]
        self._root = _Place()
        for column in self._columns:
            if column.together:
                self._root.at(column.steps).columns.append(column)

    def arrays(self, events: Sequence[Any]) -> list[Any]:
        """An array of the canonical dtype for each field, [N] of N events: objects, or JSON texts of them. Raises anything."""
        gathered: list[list[Any]] = [[] for _ in self._columns]
        together = _TEXTS_TOGETHER if any(isinstance(event, (str, bytes)) for event in events[:1]) else _TOGETHER
        for at in range(0, len(events), together):
            documents = _documents(events[at : at + together])
            self._root.walk(documents, None)
            for column, values in zip(self._columns, gathered, strict=True):
                values += column.values(documents)
        return [column.array(values) for column, values in zip(self._columns, gathered, strict=True)]


def _documents(events: Sequence[Any]) -> Sequence[dict[str, Any]]:
    kinds = set(map(type, events))
    if kinds <= {str, bytes}:
        events = [read(text.encode(errors="surrogatepass") if isinstance(text, str) else text) for text in events]
        kinds = set(map(type, events))
    if kinds != {dict}:
        raise TypeError
    return events


class _Place:
    """What is at one step of the paths, in every document: columns, and the places below."""

    def __init__(self) -> None:
        self.columns: list[_Column] = []
        self._below: dict[PatternStep, _Place] = {}

    def at(self, steps: Iterable[PatternStep]) -> _Place:
        place = self
        for step in steps:
            place = place._below.setdefault(step, _Place())
        return place

    def walk(self, values: Sequence[Any], sizes: list[int] | None) -> None:
        """Give its values to each column. values: what is here, None for nothing, of each document; or with sizes, how many each
        document has, of each element of arrays. Raises anything where something is no object or array."""
        for column in self.columns:
            column.found = values, sizes
        for step, place in self._below.items():
            if step.__class__ is str:
                place.walk([None if value is None else value.get(step) for value in values], sizes)
            elif step is EVERY:
                lists = [_elements(value) for value in values]
                place.walk([one for elements in lists for one in elements], [len(elements) for elements in lists])
            else:
                place.walk([_element(value, step) for value in values], sizes)


def _element(value: Any, index: Any) -> Any:
    if value.__class__ is list:
        return value[index] if -len(value) <= index < len(value) else None
    if value is not None:
        raise TypeError
    return None


def _elements(value: Any) -> Any:
    if value.__class__ is list:
        return value
    return () if value is None else value.values()  # of a dict; whatever else raises


class _Column:
    """One field: `found` is what the walk through some documents found at its path."""

    def __init__(self, entry: FieldEntry, choice: Choice):
        self.steps = pattern(choice.path)
        self.found: tuple[Sequence[Any], list[int] | None] = ((), None)
        self._reader = Reader(entry, choice)
        self._entry = entry
        self._take = choice.take
        every = [at for at, step in enumerate(self.steps) if step is EVERY]
        self.together = len(every) < 2
        #: what is taken where there are no values; None is missing, or the default
        self._empty = None if entry.optional else _EMPTY.get(choice.take)
        self._moments = Moments() if entry.type == "timestamp" else None
        self._default = _parsed(entry.default) if entry.default is not None and self._moments else entry.default
        self._bounded = entry.categories is not None or entry.minimum is not None or entry.maximum is not None

    def values(self, documents: Sequence[Any]) -> Sequence[Any]:
        """The value of each document, None for nothing, before its type is looked at; of timestamps the microseconds."""
        values = self._values(documents)
        return values if self._moments is None else self._moments.of(values)

    def _values(self, documents: Sequence[Any]) -> Sequence[Any]:
        if not self.together:
            return [self._reader.read(document) for document in documents]
        values, sizes = self.found
        if not self._take:
            return values
        if sizes is None:
            if self._take == "count" and not self._entry.optional:
                return list(map(_size, values))
            groups = list(map(_group, values))
        else:
            groups = [_present(values[end - size : end]) for size, end in zip(sizes, accumulate(sizes), strict=True)]
        return self._taken(groups)

    def _taken(self, groups: list[Sequence[Any]]) -> list[Any]:
        take, empty = self._take, self._empty
        if take == "count":
            return [len(group) or empty for group in groups]
        if take == "last":
            return [group[-1] if group else None for group in groups]
        if take == "first":
            return [group[0] if group else None for group in groups]
        if take == "any":
            return [any(value is not False for value in group) if group else empty for group in groups]
        if take == "sum" and self._entry.type == "float" and {type(one) for group in groups for one in group} <= {float}:
            return [math.fsum(group) if group or not self._entry.optional else None for group in groups]
        return [self._reader.total(group) if group or (take in TOTALS and not self._entry.optional) else None for group in groups]

    def array(self, values: list[Any]) -> Any:
        """The canonical column of the values of all documents. Raises anything where one does not fit."""
        entry = self._entry
        kinds = set(map(type, values))
        if self._bounded:
            for value in set(values):
                if value is not None:
                    self._reader.final(value)
        if not kinds <= _KINDS[entry.type]:
            values = [None if value is None else self._reader.typed(value) for value in values]
        if _NOTHING in kinds:
            if entry.optional and entry.default is not None:
                default = self._default
                values = [default if value is None else value for value in values]
                kinds.discard(_NOTHING)
            elif not entry.nullable:
                raise ValueError
        return _ARRAYS[entry.type](values, entry, _NOTHING in kinds)


def _size(value: Any) -> int:
    if value.__class__ is list:
        return len(_present(value))
    return 0 if value is None else 1


def _group(value: Any) -> Sequence[Any]:
    """The values that something is taken of: the elements of an array, or the one that is there."""
    if value.__class__ is list:
        return _present(value)
    return () if value is None else (value,)


def _present(values: Sequence[Any]) -> Sequence[Any]:
    for value in values:
        if value is None:
            return [value for value in values if value is not None]
    return values


# ---- values of one type, None for missing ones, as arrays ------------------------------------------------------------


def _floats(values: list[Any], _: FieldEntry, some_missing: bool) -> Any:
    made = np.array(values, np.float64)  # of None it makes NaN
    if int(np.isfinite(made).sum()) + (values.count(None) if some_missing else 0) != len(values):
        raise ValueError
    return made


def _ints(values: list[Any], entry: FieldEntry, some_missing: bool) -> Any:
    made = np.array([0 if value is None else value for value in values] if some_missing else values, np.int64)
    if not entry.nullable:
        if made.size and made.min() == np.iinfo(np.int64).min:
            raise ValueError
        return made
    if made.size and (made.min() < -(2**53) or made.max() > 2**53):
        raise ValueError
    numbers = made.astype(np.float64)
    if some_missing:
        numbers[[value is None for value in values]] = np.nan
    return numbers


def _bools(values: list[Any], entry: FieldEntry, _: bool) -> Any:
    if entry.nullable:
        return from_carrier(np.array(values, np.float64), "bool")
    return np.array(values, np.bool_)


def _strings(values: list[Any], _: FieldEntry, some_missing: bool) -> Any:
    texts = [value for value in values if value is not None] if some_missing else values
    together = "".join(texts)
    if "\0" in together:
        raise ValueError
    if not together.isascii():
        together.encode()  # half characters are no text
        if MISSING_STRING in together:
            raise ValueError
    if some_missing:
        values = [np.nan if value is None else value for value in values]
    return pd.array(np.fromiter(values, object, len(values)), dtype=string_dtype())


def _moments(micros: list[Any], _: FieldEntry, some_missing: bool) -> Any:
    made = np.array([NAT if one is None else one for one in micros] if some_missing else micros, np.int64)
    return made.astype("datetime64[us]")


class Moments:
    """Microseconds since 1970 UTC of timestamps, as parse_timestamp says: sooner, as days, times of day and offsets come again
    and again."""

    def __init__(self) -> None:
        self._days, self._clocks, self._ends = _Parts(""), _Parts("2000-01-01"), _Parts("2000-01-01T00:00:00")

    def of(self, texts: Sequence[Any]) -> list[int | None]:
        """Of each text, None for None. Raises anything where one is no timestamp."""
        if not set(map(type, texts)) <= _KINDS["string"]:
            raise TypeError
        days, clocks, ends = self._days, self._clocks, self._ends
        try:
            return [None if text is None else days[text[:10]] + clocks[text[10:19]] + ends[text[19:]] for text in texts]
        except ValueError:  # also of a timestamp without seconds, but with an offset
            return [None if text is None else _parsed(text) for text in texts]


def _parsed(text: str) -> int:
    micros = parse_timestamp(text)
    if micros is None:
        raise ValueError(f"no timestamp: {text}")
    return micros


class _Parts(dict[str, int]):
    """Microseconds of parts of timestamps: what each adds to what stands before it, "" for 1970."""

    def __init__(self, before: str):
        super().__init__()
        self._before = before
        self._start = parse_timestamp(before) or 0

    def __missing__(self, part: str) -> int:
        made = self[part] = _parsed(self._before + part) - self._start
        return made


_KINDS: Final[dict[str, set[type]]] = {
    "float": {float, _NOTHING},
    "int": {int, _NOTHING},
    "bool": {bool, _NOTHING},
    "string": {str, _NOTHING},
    "timestamp": {int, _NOTHING},  # as microseconds
}
_ARRAYS: Final[dict[str, Callable[[list[Any], FieldEntry, bool], Any]]] = {
    "float": _floats,
    "int": _ints,
    "bool": _bools,
    "string": _strings,
    "timestamp": _moments,
}
