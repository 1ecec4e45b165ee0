"""Aggregates over the events of a person: counts, sums, the last value, the time since; kept as small states while events come.

    {"count": {"eventType": "commerce.purchases"}, "window": "30d"}
    {"sum": "commerce.order.priceTotal", "where": {"eventType": "commerce.purchases"}}

A state belongs to one identity; those of several identities of a person are merged when they are read. The value is a function
of the set of events alone, whatever the order in which they came or were merged, to the last bit: what a model reads when it
serves is what it read in a replay of the events (docs/explanation/point-in-time.md says what counts when).

What a state is: [indices, cells, coming]. An all-time aggregate has one bucket, 0; one with a window has buckets of a sixtieth of
it, bucket i from i * width to before (i + 1) * width. cells: what happened in each bucket, in the form of the kind (`kinds`).
coming: [time, cell] of events whose time was after the moment at which they were taken: they count from their time on.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from rtml_core.errors import RtmlError, close_match, describe, listing
from rtml_plugins.profile.conditions import Conditions, Path, values_at
from rtml_plugins.profile.kinds import KINDS, Kind

State = list[Any]

#: a window is kept in so many buckets; a state holds at most twice as many
BUCKETS: Final = 60
MOST_BUCKETS: Final = 2 * BUCKETS
#: events of the future that a state remembers: those that come first
MOST_COMING: Final = 16

_UNITS: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000, "w": 604_800_000_000}
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhdw])")
_LONGEST: Final = 3660 * _UNITS["d"]
DURATION: Final = 'a number and a unit of s, m, h, d or w, e.g. "24h" or "30d", at least "1m" and at most ten years'


class AggregateError(RtmlError):
    """A definition of an aggregate, or a state, that is none; says what was expected and what came."""


class Aggregate:
    """One aggregate. Equal definitions have equal ids, however they are spelled ("24h" and "1d")."""

    __slots__ = ("_bucketed", "_kind", "_of", "_read", "_where", "_width", "id", "kind", "of", "where", "window_us")

    def __init__(self, kind: str, *, of: str | None = None, where: Mapping[str, Any] | None = None, window_us: int | None = None):
        if kind not in KINDS:
            raise AggregateError(
                f"an aggregate must be one of {listing(KINDS)}; got {describe(kind)}.{close_match(str(kind), KINDS)}"
            )
        self._kind: Kind = KINDS[kind]
        if self._kind.of != isinstance(of, str):
            wanted = 'a path in the event, e.g. "commerce.order.priceTotal"' if self._kind.of else "no path, but conditions"
            raise AggregateError(f"an aggregate '{kind}' must have {wanted}; got {describe(of)}")
        if window_us is not None and (not _UNITS["m"] <= window_us <= _LONGEST or window_us % _UNITS["s"]):
            raise AggregateError(f"the window of an aggregate must be {DURATION}; got {window_us / 1e6:g} seconds")
        self.kind, self.of, self.window_us = kind, of, window_us
        self._of = Path(of, AggregateError) if of is not None else None
        self._where = Conditions(where or {}, AggregateError)
        self.where = self._where.to_json()
        self._width = -(-window_us // BUCKETS) if window_us is not None else 0
        # one bucket when the cells of a kind say their own times: they are few, and exact
        self._bucketed = bool(self._width) and self._kind.buckets
        self._read = self._kind.read
        self.id = blake2b(msgspec.json.encode(self.to_json(), order="sorted"), digest_size=6).hexdigest()

    @classmethod
    def parse(cls, definition: Any) -> Aggregate:
        """An aggregate from its JSON form: {kind: path or conditions, "where": conditions, "window": "24h"}.

        count and recency take their conditions as the value of their kind, the others a path there and conditions in "where".
        Raises AggregateError.
        """
        form = '{"count": {"eventType": ...}, "window": "24h"} or {"sum": "commerce.order.priceTotal", "where": {...}}'
        if not isinstance(definition, Mapping):
            raise AggregateError(f"an aggregate must be an object such as {form}; got {describe(definition)}")
        kinds = [key for key in definition if key in KINDS]
        unknown = [key for key in definition if key not in KINDS and key not in ("where", "window")]
        if unknown:
            known = [*KINDS, "where", "window"]
            raise AggregateError(
                f"an aggregate has no '{unknown[0]}'; it has {listing(known)}.{close_match(str(unknown[0]), known)}"
            )
        if len(kinds) != 1:
            raise AggregateError(f"an aggregate must have exactly one of {listing(KINDS)}, as {form}; got {describe(definition)}")
        kind, given, where = kinds[0], definition[kinds[0]], definition.get("where")
        if not KINDS[kind].of:
            if where is not None:
                raise AggregateError(
                    f'the conditions of \'{kind}\' are its value, {{"{kind}": {{"eventType": ...}}}}, and no "where"'
                )
            if not isinstance(given, Mapping):
                raise AggregateError(
                    f"'{kind}' must have conditions, {{path: value}}, or {{}} for every event; got {describe(given)}"
                )
            given, where = None, given
        if where is not None and not isinstance(where, Mapping):
            raise AggregateError(f"the \"where\" of '{kind}' must be conditions, {{path: value}}; got {describe(where)}")
        window = definition.get("window")
        return cls(kind, of=given, where=where, window_us=None if window is None else duration(window))

    def to_json(self) -> dict[str, Any]:
        """The definition in its one canonical form; parse reads it back."""
        made: dict[str, Any] = {self.kind: self.of if self._kind.of else self.where}
        if self._kind.of and self.where:
            made["where"] = self.where
        if self.window_us is not None:
            made["window"] = duration_text(self.window_us)
        return made

    def __repr__(self) -> str:
        return f"Aggregate({self.to_json()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Aggregate) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    # ---- writing ------------------------------------------------------------------------------------------------

    def update(self, state: State | None, at_us: int, document: Mapping[str, Any], now_us: int | None = None) -> State | None:
        """The state after an event. state: None before the first; it is not changed, and is returned as it is when the event
        has nothing to add. at_us: the event's time; now_us: when it was taken (None: no later than its time).

        A value is asked for at a moment that is not before any now_us.
        """
        cell = self.cell(at_us, document)
        if cell is None:
            return state
        if now_us is None:
            now_us = at_us
        if state is None:
            return self._put([[], [], []], [(at_us, cell)], now_us)
        indices, cells, coming = state
        if not coming and at_us <= now_us and indices and indices[-1] == self._bucket(at_us):
            return [indices, [*cells[:-1], self._kind.add(cells[-1], cell)], coming]  # as most events come
        return self._put(state, [(at_us, cell)], now_us)

    def _put(self, state: State, events: Iterable[tuple[int, Any]], now_us: int | None) -> State:
        """A new state with events, and with those that were to come and have come; buckets that went out of the window go."""
        cells: dict[int, Any] = dict(zip(state[0], state[1], strict=True))
        coming: list[Any] = []
        for at, cell in (*state[2], *events):
            if now_us is None or at > now_us:
                insort(coming, [at, cell], key=_order)
            else:
                bucket = self._bucket(at)
                cells[bucket] = self._kind.add(cells[bucket], cell) if bucket in cells else cell
        indices = sorted(cells)
        if self._bucketed and now_us is not None:
            indices = indices[bisect_right(indices, self._bucket(now_us) - BUCKETS) :]
        indices = indices[-MOST_BUCKETS:]
        return [indices, [cells[index] for index in indices], coming[:MOST_COMING]]

    def cell(self, at_us: int, document: Mapping[str, Any]) -> Any:
        """What one event adds, for `of_cells`; None for nothing."""
        if not self._where.hold(document):
            return None
        return self._kind.lift(values_at(document, self._of) if self._of is not None else (), at_us)

    # ---- reading ------------------------------------------------------------------------------------------------

    def of_cells(self, cells: Iterable[Any], now_us: int) -> Any:
        """The value of the events of these cells alone, whatever the window."""
        total: list[Any] = []
        for cell in cells:
            total = [self._kind.add(total[0], cell) if total else cell]
        return self._read(total, now_us, None)

    def merge(self, states: Iterable[State | None]) -> State | None:
        """One state of the events of several (the identities of a person); the order says nothing. None when there is none."""
        there = [state for state in states if state is not None]
        if len(there) < 2:
            return there[0] if there else None
        cells: dict[int, Any] = {}
        for state in there:
            for bucket, cell in zip(state[0], state[1], strict=True):
                cells[bucket] = self._kind.add(cells[bucket], cell) if bucket in cells else cell
        coming = sorted((event for state in there for event in state[2]), key=_order)
        indices = sorted(cells)[-MOST_BUCKETS:]
        return [indices, [cells[index] for index in indices], coming[:MOST_COMING]]

    def value(self, state: State | None, now_us: int) -> Any:
        """The value at a moment: an int (count, distinct), a float (sum, mean, min, max; recency in seconds), a JSON value
        (first, last); None when there is none. Of no event count and distinct are 0 and sum is 0.0.
        """
        if state is None:
            return self._read((), now_us, None)
        indices, cells, coming = state
        if coming and coming[0][0] <= now_us:
            indices, cells, _ = self._put(state, (), now_us)
        if not self._width:
            return self._read(cells, now_us, None)
        newest = now_us // self._width
        if self._bucketed:
            cells = cells[bisect_right(indices, newest - BUCKETS) : bisect_right(indices, newest)]
        return self._read(cells, now_us, (newest - BUCKETS + 1) * self._width)

    def _bucket(self, at: int) -> int:
        return at // self._width if self._bucketed else 0


def _order(event: list[Any]) -> tuple[int, bytes]:
    return event[0], msgspec.json.encode(event[1])


def duration(text: Any) -> int:
    """Microseconds of "24h", "30d", ...; raises AggregateError."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    micros = int(found[1]) * _UNITS[found[2]] if found else 0
    if not _UNITS["m"] <= micros <= _LONGEST:
        raise AggregateError(f"the window of an aggregate must be {DURATION}; got {describe(text)}")
    return micros


def duration_text(micros: int) -> str:
    """A duration in its greatest whole unit but weeks."""
    unit = next(unit for unit in "dhms" if micros % _UNITS[unit] == 0)
    return f"{micros // _UNITS[unit]}{unit}"
