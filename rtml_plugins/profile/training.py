"""Training frames that are right for their moment: what serving would have read then, by replaying what was known then.

All records, in the order in which they were taken, go once more through Profiles, on a store in memory, and each row of the spine
is read at its moment by the very source that serves. So attributes, aggregates, consent and the identity graph are those of the
moment, and nothing that came later can reach a row.
"""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rtml_core.boundary import Parts
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, InputError, RtmlError, listing
from rtml_core.graph import Graph
from rtml_core.timestamps import format_timestamp
from rtml_plugins.profile.boundary import keys_of, wanted
from rtml_plugins.profile.identity import read
from rtml_plugins.profile.labels import Label, Labelled
from rtml_plugins.profile.local import LocalProfiles
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.reader import ProfileReader
from rtml_plugins.profile.records import Record
from rtml_plugins.profile.rows import as_text, identities_of, micros_of
from rtml_plugins.profile.store import Change
from rtml_plugins.serving.consent import ConsentRefused

if TYPE_CHECKING:
    import pandas as pd

#: records that are applied together at most
_AT_ONCE: Final = 1000
#: records between two calls of `progress`
_TOLD: Final = 5000


class TrainingError(RtmlError):
    """A training frame that can't be made; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training frame. frame: the rows of the spine in their order, with the columns of the readers and labels behind its own.

    refused: rows that are left out because serving refuses them (the person refused personalisation, or nobody is named). open:
    rows that are left out because the time of a label was not over. counts: how often what was missing, as serving counts it.
    records: how many were replayed; seconds: that it took.
    """

    frame: pd.DataFrame
    refused: int
    open: int
    counts: Mapping[str, int]
    records: int
    seconds: float


@dataclass(slots=True)
class _Spine:
    """Rows by time. values: what was read, by place; None for a row that serving refuses."""

    parts: list[Parts]
    times: list[int]
    order: list[int]
    values: list[Any] = field(default_factory=list)
    at: int = 0


class _Kept(MemoryStore):
    """A store that keeps no documents of events, which no reader of profiles reads, but knows which there were."""

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        for change in changes:
            change.events = [event._replace(data=b"") for event in change.events]
        return super().commit(changes)


def training_frame(
    records: Iterable[Record],
    spine: pd.DataFrame,
    reader: ProfileReader | Graph,
    *,
    time: str = "time",
    identity: Mapping[str, str] | None = None,
    labels: Sequence[Label] = (),
    include_now: bool = False,
    lag_us: int = 0,
    like: Profiles | None = None,
    until_us: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Training:
    """The spine with the values that serving would have read at each row's time.

    records: in the order of their ingested_us (in ties, as they are to be applied). A moment sees records with ingested_us before
    it; include_now: and at it; lag_us: only those that are older by this, as serving learns of records a little later than the
    store.
    spine: a row for each example. It has the moment in a column (timestamps or ISO texts, UTC without a zone), whom it is about
    in a column identityMap, in one of events, or those of `identity` (namespace -> column; the reader's own without it). Other
    columns pass.
    reader: the ProfileReader, or a graph with one or more; the columns of its XDM2Frames are made from the spine's events.
    labels: what the person did afterwards; until_us: up to when events are complete (without it, the time of the last one).
    like: profiles whose merge policies and rules of linking apply. progress: is called with the number of records and of rows.

    Raises TrainingError, ColumnError, CellError, and what Profiles raises.
    """
    started = clocks.perf_counter()
    readers = readers_of(reader)
    about = spine
    if isinstance(reader, Graph):
        spine = _with_events(spine, reader)
    rows = _spine(about, time, identity or readers[0].params.identity, readers)
    replay = _Replay(readers, rows, labels, lag_us, include_now, like)
    seen = replay.run(records, bool(labels), progress)
    return _training(spine, rows, replay, until_us, seen, started)


def readers_of(reader: ProfileReader | Graph) -> list[ProfileReader]:
    """The ProfileReaders of a graph, in its order; raises TrainingError when it has none."""
    if isinstance(reader, ProfileReader):
        return [reader]
    found = [node for name in reader.validate() if isinstance(node := reader.nodes[name], ProfileReader)]
    if not found:
        nodes = listing(sorted({node.name for node in reader.nodes.values()}))
        raise TrainingError(f"the graph has no ProfileReader, so no profile is read: its nodes are {nodes}")
    return found


def _with_events(spine: pd.DataFrame, graph: Graph) -> pd.DataFrame:
    """The spine with what the XDM2Frames of a graph make of its events, and without these."""
    import pandas as pd

    from rtml_plugins.xdm.xdm2frame import XDM2Frame

    made, events = spine, set()
    for name in graph.validate():
        node = graph.nodes[name]
        if isinstance(node, XDM2Frame) and node.params.column in spine.columns:
            column = node.params.column
            events.add(column)
            read = node.transform(pd.DataFrame({column: spine[column].array}, index=spine.index))
            taken = [name for name in read.columns if name in made.columns]
            if taken:
                raise TrainingError(
                    f"the spine has columns that XDM2Frame makes: {listing(taken)}. Drop them, or rename one of the two"
                )
            made = made.assign(**{str(name): read[name] for name in read.columns})
    return made.drop(columns=sorted(events))


def _spine(frame: pd.DataFrame, time: str, identity: Mapping[str, str] | None, readers: Sequence[ProfileReader]) -> _Spine:
    names = [str(name) for name in frame.columns]
    if time not in names:
        raise ColumnError(
            f"{missing_column(time, names)} The spine has to say the moment of each row; name its column with time=..."
        )
    clash = [entry.name for one in readers for entry in one.fields if entry.name in names]
    if clash:
        raise TrainingError(f"the spine has columns that the reader makes: {listing(clash)}. Drop them, or rename one of the two")
    times = micros_of(frame[time], time)
    return _Spine(
        parts=list(identities_of(frame, identity)),
        times=times,
        order=sorted(range(len(times)), key=times.__getitem__),
        values=[None] * len(times),
    )


class _Touched:
    """Which persons the records that wait may be about: those whose identities ever stood in one record with theirs.

    That is at least the person as linked, so a row whose person is not among them reads the same before and after.
    """

    def __init__(self) -> None:
        self._group: dict[str, list[str]] = {}
        self._keys: set[str] = set()

    def record(self, record: Record) -> None:
        keys = [*read(record.document, record.descriptors).by_key]
        self._keys.update(keys)
        if not keys:
            return
        mine = self._group.setdefault(keys[0], [keys[0]])
        for key in keys[1:]:
            its = self._group.setdefault(key, [key])
            if its is not mine:
                small, mine = sorted((its, mine), key=len)
                mine += small
                for one in small:
                    self._group[one] = mine

    def any_of(self, keys: Iterable[str]) -> bool:
        return any(not self._keys.isdisjoint(self._group.get(key, ())) for key in keys)

    def clear(self) -> None:
        self._keys.clear()


class _Replay:
    """Records and rows, as they came one after the other."""

    def __init__(
        self,
        readers: Sequence[ProfileReader],
        spine: _Spine,
        labels: Sequence[Label],
        lag_us: int,
        include_now: bool,
        like: Profiles | None,
    ):
        self.readers, self.spine = readers, spine
        self._lag, self._include_now = lag_us, include_now
        self.profiles = Profiles(_Kept(), clock=lambda: 0)
        if like is not None:
            for policy in sorted(like.policies.list(), key=lambda one: not one.default):
                self.profiles.policies.put(policy)
            self.profiles.linking.set(like.linking.get())
        self.profiles.aggregates.add(*(one for node in readers for one in wanted(node.boundary())[1]), backfill=False)
        self.labelled = Labelled(labels, self.profiles.settings.rules)
        self._touched = _Touched()
        self.sources = [node.source(LocalProfiles(self.profiles)) for node in readers]

    def run(self, records: Iterable[Record], to_the_end: bool, progress: Callable[[int, int], None] | None) -> int:
        spine, waiting, seen, last = self.spine, list[Record](), 0, -(2**63)
        for record in records:
            taken = record.ingested_us
            if taken < last:
                raise TrainingError(
                    f"records must come in the order of their ingestion, and one of {format_timestamp(taken)} ({record.dataset},"
                    f" {record.id}) comes after one of {format_timestamp(last)}: sort them"
                )
            if taken > last:
                last = taken
                while self._due(taken):
                    self._read(waiting)
                if spine.at == len(spine.order) and not to_the_end:
                    break
            waiting.append(record)
            self._touched.record(record)
            seen += 1
            self.labelled.see(record)
            if len(waiting) >= _AT_ONCE:
                self._apply(waiting)
            if progress is not None and seen % _TOLD == 0:
                progress(seen, spine.at)
        while spine.at < len(spine.order):
            self._read(waiting)
        self._apply(waiting)
        if progress is not None:
            progress(seen, spine.at)
        return seen

    def _due(self, taken: int) -> bool:
        """Whether the next row does not see what was taken then."""
        spine = self.spine
        if spine.at == len(spine.order):
            return False
        sees = spine.times[spine.order[spine.at]] - self._lag
        return taken > sees if self._include_now else taken >= sees

    def _apply(self, waiting: list[Record]) -> None:
        if waiting:
            self.profiles.apply(waiting)
            waiting.clear()
            self._touched.clear()

    def _read(self, waiting: list[Record]) -> None:
        """Read the next row, after what waits was applied when it may be about the row's person."""
        row = self.spine.order[self.spine.at]
        self.spine.at += 1
        parts, at = self.spine.parts[row], self.spine.times[row]
        try:
            if self._touched.any_of(keys_of(parts)):
                self._apply(waiting)
            self.spine.values[row] = [value for source in self.sources for value in source.values(parts, at)]
        except ConsentRefused:
            return
        except InputError as error:
            if parts.identity is not None:
                raise TrainingError(f"the spine: {error}") from None


def _training(spine: pd.DataFrame, rows: _Spine, replay: _Replay, until_us: int | None, seen: int, started: float) -> Training:
    import numpy as np

    from rtml_plugins.flow.coerce import coerce

    fields = [entry for node in replay.readers for entry in node.fields]
    kept = [row for row, values in enumerate(rows.values) if values is not None]
    if until_us is not None:
        replay.labelled.until(until_us)
    about = [(keys_of(rows.parts[row]), rows.times[row]) for row in kept]
    found, over = replay.labelled.columns(about, replay.profiles.store.owners)
    closed = [place for place, is_over in enumerate(over) if is_over]
    frame = spine.iloc[[kept[place] for place in closed]]
    columns: dict[str, Any] = {}
    for at, entry in enumerate(fields):
        columns[entry.name] = np.array([None] * len(closed), dtype=object)
        columns[entry.name][:] = [rows.values[kept[place]][at] for place in closed]
    typed = coerce(fields, frame[[]].assign(**columns), extra="refuse")
    labels = {name: [column[place] for place in closed] for name, column in found.items()}
    counts: dict[str, int] = {}
    for source in replay.sources:
        for why, count in source.counts.items():
            counts[why] = counts.get(why, 0) + count
    return Training(
        frame=as_text(frame).assign(**{name: typed[name] for name in typed.columns}, **labels),
        refused=len(rows.values) - len(kept),
        open=len(kept) - len(closed),
        counts=counts,
        records=seen,
        seconds=clocks.perf_counter() - started,
    )
