"""Labels: what a person did within some time after a moment, from the events of the person.

Label.parse("eventType=commerce.purchases", within="7d")                 whether there was such an event
Label.parse({"sum": "commerce.order.priceTotal"}, within="30d")          an aggregate over the events of that time
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rtml_core.errors import RtmlError, describe, listing
from rtml_plugins.profile.aggregates import Aggregate, AggregateError, duration, duration_text
from rtml_plugins.profile.conditions import Conditions
from rtml_plugins.profile.identity import read
from rtml_plugins.profile.linking import Rules
from rtml_plugins.profile.records import Record


class LabelError(RtmlError):
    """A label that can't be; says what was expected and what came."""


class Label:
    """One label of rows. name: of its column. An event counts with moment < its time <= moment + within_us.

    A row whose time is not over when the events end has no label yet: see Labelled.columns.
    """

    def __init__(self, aggregate: Aggregate, within_us: int, *, whether: bool = False, name: str = "label"):
        if aggregate.window_us is not None:
            raise LabelError('a label has no "window": `within` says how long after the moment events count')
        if not name:
            raise LabelError("a label must have a name, that of its column; got ''")
        self.aggregate, self.within_us, self.whether, self.name = aggregate, within_us, whether, name

    @classmethod
    def parse(cls, given: str | Mapping[str, Any], within: str, *, name: str = "label") -> Label:
        """given: PATH=VALUE of an event (several values with commas between), or the definition of an aggregate.

        Raises LabelError and AggregateError.
        """
        try:
            within_us = duration(within)
        except AggregateError as error:
            raise LabelError(f"within: {str(error).replace('the window of an aggregate', 'it')}") from None
        if not isinstance(given, str):
            return cls(Aggregate.parse(given), within_us, name=name)
        where = condition(given, "a label")
        return cls(Aggregate("count", where=where.to_json()), within_us, whether=True, name=name)

    def __repr__(self) -> str:
        return f"Label({self.aggregate.to_json()!r}, within={duration_text(self.within_us)!r}, name={self.name!r})"


def condition(text: str, what: str) -> Conditions:
    """PATH=VALUE, or several values with commas between. what: it is, for the message. Raises LabelError."""
    path, equal, values = text.partition("=")
    if not equal or not path or not values:
        raise LabelError(f'{what} must be PATH=VALUE, e.g. "eventType=commerce.purchases"; got {describe(text)}')
    return Conditions({path: values.split(",")}, LabelError)


class Labelled:
    """Gathers events, and gives each row its label when all events are there."""

    def __init__(self, labels: Sequence[Label], rules: Rules | None = None):
        """rules: of linking, which say under which of several identities an event is kept."""
        names = [label.name for label in labels]
        if len(set(names)) < len(names):
            raise LabelError(f"labels must have different names; got {listing(names)}")
        self.labels = labels
        self._rules = rules or Rules()
        self._events: list[tuple[str, int, list[Any]]] = []
        self._seen: set[tuple[str, int, str]] = set()
        self._end = -(2**63)

    def see(self, record: Record) -> None:
        """An event (other records are not looked at)."""
        if record.kind != "event":
            return
        # the clock of an event may be ahead: that it came does not mean that all before it have come
        self._end = max(self._end, min(record.timestamp_us, record.ingested_us))
        if not self.labels:
            return
        found = read(record.document, record.descriptors).by_key
        if not found:
            return
        key = [*found][self._rules.place(found, True)[0]]
        if (key, record.timestamp_us, record.id) in self._seen:  # another dataset has it too
            return
        self._seen.add((key, record.timestamp_us, record.id))
        cells = [label.aggregate.cell(record.timestamp_us, record.document) for label in self.labels]
        if any(cell is not None for cell in cells):
            self._events.append((key, record.timestamp_us, cells))

    def until(self, end_us: int) -> None:
        """Events are known up to this time, though none may have come lately."""
        self._end = max(self._end, end_us)

    def columns(
        self, rows: Iterable[tuple[Sequence[str], int]], owners: Callable[[Sequence[str]], Sequence[str | None]]
    ) -> tuple[dict[str, list[Any]], list[bool]]:
        """The labels of rows, by name, and of which rows the time of every label is over.

        rows: keys of identities, and the moment. owners: the persons that own identities, as known at the end: what a person did
        under an identity that was linked later is what the person did.
        """
        rows = list(rows)
        keys = list(dict.fromkeys([key for key, _, _ in self._events] + [key for keys, _ in rows for key in keys]))
        person = dict(zip(keys, owners(keys), strict=True))
        events: dict[str, list[tuple[int, list[Any]]]] = {}
        for key, at, cells in self._events:
            events.setdefault(person[key] or key, []).append((at, cells))
        for theirs in events.values():
            theirs.sort(key=lambda event: event[0])
        times = {who: [at for at, _ in theirs] for who, theirs in events.items()}
        made: dict[str, list[Any]] = {label.name: [] for label in self.labels}
        for row_keys, at in rows:
            # as a lookup finds them: the person of the first identity that somebody owns
            who = next((found for key in row_keys if (found := person[key]) is not None), row_keys[0] if row_keys else "")
            for place, label in enumerate(self.labels):
                first, last = (bisect_right(times.get(who, ()), moment) for moment in (at, at + label.within_us))
                inside = events[who][first:last] if last > first else []
                cells = [cells[place] for _, cells in inside if cells[place] is not None]
                value = label.aggregate.of_cells(cells, at + label.within_us)
                made[label.name].append(value > 0 if label.whether else value)
        longest = max((label.within_us for label in self.labels), default=0)
        return made, [not self.labels or at + longest <= self._end for _, at in rows]
