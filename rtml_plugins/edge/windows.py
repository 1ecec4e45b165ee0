"""What all processes of an edge counted in a span of time: what their files have more than before.

The supervisor alone does this. A process that ends keeps its counts: its figures are folded into one file (metrics_text.retire),
and its file of values is removed when the last of it is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from rtml_plugins.edge import files, metrics_text
from rtml_plugins.edge.metrics import FOLDER, Histogram, Labels
from rtml_plugins.edge.values import SUFFIX, Counts, Side, Values
from rtml_plugins.serving.measures import Bins, Counted, VersionCounted
from rtml_plugins.serving.wire import ServiceEntry

#: service, version, id of the package
Key = tuple[str, int, str]
#: versions whose package is remembered when the region has them no more
_REMEMBERED: Final = 20_000


class Frame(msgspec.Struct):
    """What was counted from `since` until `until`, in seconds since 1970; each version once."""

    since: float
    until: float
    versions: list[VersionCounted]


class Windows:
    """Cuts what the processes of an edge count into spans of time. folder: of the edge. clock: seconds since 1970."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time, passed: Callable[[], float] = time.monotonic):
        self._folder = folder
        self._clock = clock
        self._passed = passed
        self._began = passed()
        self._requests: dict[Labels, Histogram] = {}  # as told so far
        self._files: dict[str, _File] = {}
        self._packages: dict[tuple[str, int], str] = {}

    def know(self, entries: Iterable[ServiceEntry]) -> None:
        """Take in which package a version is: figures of requests do not say."""
        entries = list(entries)
        if len(self._packages) > _REMEMBERED:
            self._packages.clear()
        for entry in entries:
            for version in entry.versions:
                self._packages[entry.name, version.version] = version.package

    def form(self) -> Frame | None:
        """What was counted since it was called before; None when that is nothing."""
        until, passed = self._clock(), self._passed()
        since, self._began = until - (passed - self._began), passed
        found: dict[Key, Counted] = {}
        self._add_values(found)
        self._add_requests(found)
        if not found:
            return None
        return Frame(round(since, 3), round(until, 3), [VersionCounted(*key, counted) for key, counted in found.items()])

    # ---- requests -----------------------------------------------------------------------------------------------

    def _add_requests(self, found: dict[Key, Counted]) -> None:
        total, _ = metrics_text.read(self._folder)
        for labels, histogram in total.histograms["requests"].items():
            service, version, outcome = labels
            package = self._packages.get((service, int(version))) if version.isdigit() else None
            if package is None:  # of no version, or of one that is not known yet: it is told when it is
                continue
            told = self._requests.setdefault(labels, Histogram([0] * len(histogram.counts)))
            more = [max(0, a - b) for a, b in zip(histogram.counts, told.counts, strict=True)]
            if not any(more):
                continue
            seconds = max(0.0, histogram.total - told.total)
            told.counts = added(told.counts, more)
            told.total += seconds
            counted = _of(found, (service, int(version), package))
            counted.outcomes[outcome] = counted.outcomes.get(outcome, 0) + sum(more)
            counted.latency = added(counted.latency, more)
            counted.seconds += seconds

    # ---- values -------------------------------------------------------------------------------------------------

    def _add_values(self, found: dict[Key, Counted]) -> None:
        there = {path.name: path for path in sorted((self._folder / FOLDER).glob(f"*{SUFFIX}"))}
        self._files = {name: file for name, file in self._files.items() if name in there}
        for name, path in there.items():
            ended = not metrics_text.alive(int(name.partition("-")[0]))  # asked first: what is read then is the last of it
            file = self._files.setdefault(name, _File())
            for now in file.read(path):
                before = file.told.get(now.serial)
                _add(_of(found, (now.service, now.version, now.package)), now, before)
            file.take()
            if ended:
                files.remove(path)  # should that fail, it is known as long as it is there


class _File:
    """A file of values. told: what it held when it was last read, by serial."""

    def __init__(self) -> None:
        self.told: dict[int, Counts] = {}
        self._read: list[Counts] | None = None
        self._signature: files.Signature | None = None

    def read(self, path: Path) -> list[Counts]:
        """The versions of which it has more than what was told."""
        signature = files.signature(path)
        if signature is None or signature == self._signature:
            return []
        try:
            self._read = msgspec.msgpack.decode(path.read_bytes(), type=Values).versions
        except (OSError, msgspec.DecodeError):  # of another release of rtml
            return []
        self._signature = signature
        return [now for now in self._read if now.serial not in self.told or self.told[now.serial].rows != now.rows]

    def take(self) -> None:
        """What was read is told."""
        if self._read is not None:
            self.told, self._read = {counts.serial: counts for counts in self._read}, None


def _of(found: dict[Key, Counted], key: Key) -> Counted:
    counted = found.get(key)
    if counted is None:
        counted = found[key] = Counted()
    return counted


def _add(counted: Counted, now: Counts, before: Counts | None) -> None:
    """Add what a process has of a version more than before."""
    counted.rows += now.rows - (0 if before is None else before.rows)
    _add_side(counted.inputs, now.inputs, None if before is None else before.inputs)
    _add_side(counted.outputs, now.outputs, None if before is None else before.outputs)


def _add_side(bins: dict[str, Bins], now: Side, before: Side | None) -> None:
    for at, name in enumerate(now.names):
        counts = now.counts[at]
        if before is not None:
            counts = [a - b for a, b in zip(counts, before.counts[at], strict=True)]
        add_bins(bins, name, Bins(counts[:-1], counts[-1]))


def add_bins(bins: dict[str, Bins], name: str, more: Bins) -> None:
    """Add counts of a column."""
    have = bins.get(name)
    if have is None:
        bins[name] = more
    else:
        have.counts, have.missing = added(have.counts, more.counts), have.missing + more.missing


def added(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Two lists of counts added; one may be empty."""
    return [a + b for a, b in zip(one, other, strict=True)] if one and other else list(one or other)


def joined(one: Frame, other: Frame) -> Frame:
    """What was counted in two spans of time that follow each other, as one."""
    found: dict[Key, Counted] = {}
    for version in (*one.versions, *other.versions):
        counted = _of(found, (version.service, version.version, version.package))
        more = version.counted
        for outcome, number in more.outcomes.items():
            counted.outcomes[outcome] = counted.outcomes.get(outcome, 0) + number
        counted.latency = added(counted.latency, more.latency)
        counted.seconds += more.seconds
        counted.rows += more.rows
        for have, side in ((counted.inputs, more.inputs), (counted.outputs, more.outputs)):
            for name, bins in side.items():
                add_bins(have, name, bins)
    return Frame(one.since, other.until, [VersionCounted(*key, counted) for key, counted in found.items()])
