"""What an edge counts: plain Python numbers on the hot path, written to one file a process each second, summed when asked for.

A process that answers /metrics adds up the files of all processes, so a scrape sees the whole edge whichever process it reaches.
prometheus_client's own files for several processes take a histogram in one go only through its private parts, and cost a
microsecond or two for each observation; its public parts write the text.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.measures import SECONDS

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Table

#: upper bounds of rows in a run, of loading times in seconds; each histogram has +Inf besides, as that of latencies, SECONDS
ROWS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0, 16384.0)
LOAD_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
#: how a request ended: answered; not understood or not found; not allowed; turned away at once; too slow; a fault of the edge
OUTCOMES: Final = ("ok", "invalid", "refused", "busy", "timeout", "error")
_BY_STATUS: Final = {401: "refused", 403: "refused", 421: "refused", 429: "refused", 503: "busy"}
#: series of one kind that a process keeps; what comes after is counted under "other"
MAX_SERIES: Final = 5_000
FOLDER: Final = "metrics"
_EVERY: Final = 1.0  # seconds between two files

Labels = tuple[str, ...]


class Histogram(msgspec.Struct):
    """Counts by bucket (the last one has no bound) and the sum of what was observed."""

    counts: list[int]
    total: float = 0.0


class Figures(msgspec.Struct, omit_defaults=True):
    """What one process has counted since it started, and how it is at the moment."""

    pid: int
    role: str
    region: str
    started: float
    rtml: str = ""
    requests: list[tuple[Labels, Histogram]] = []
    batches: list[tuple[Labels, Histogram]] = []
    loads: list[tuple[Labels, Histogram]] = []
    counters: list[tuple[str, Labels, int]] = []
    queue: int = 0
    in_flight: int = 0
    revision: int = 0
    ready: bool = False
    services: dict[str, str] = {}
    memory: int = 0
    cpu: float = 0.0


_requests: dict[Labels, Histogram] = {}
_batches: dict[Labels, Histogram] = {}
_loads: dict[Labels, Histogram] = {}
_counters: dict[tuple[str, Labels], int] = {}
_queues: dict[str, int] = {}
_in_flight: Callable[[], int] | None = None
_watched: list[Callable[[], None]] = []


def outcome(status: int, kind: str = "") -> str:
    """How a request with this status of the answer ended. kind: of the problem that was answered."""
    if status < 400:
        return "ok"
    if kind == "timeout":
        return "timeout"
    return _BY_STATUS.get(status) or ("invalid" if status < 500 else "error")


def observe(service: str, version: int, outcome: str, seconds: float) -> None:
    """Count an answered request. service: of the snapshot, never what a request called it; "" for none."""
    series = _requests.get((service, version, outcome))  # type: ignore[arg-type]
    if series is None:
        series = _series(_requests, (service, version, outcome), SECONDS)
    series.total += seconds
    series.counts[bisect_left(SECONDS, seconds)] += 1


def batch(service: str, rows: int) -> None:
    """Count a run of a model over so many rows, of one request or of several."""
    series = _batches.get((service,))
    if series is None:
        series = _series(_batches, (service,), ROWS)
    series.total += rows
    series.counts[bisect_left(ROWS, rows)] += 1


def queue(rows: int, service: str = "") -> None:
    """Say how many rows wait for a run now, of a service."""
    _queues[service] = rows


def watch_in_flight(count: Callable[[], int]) -> None:
    """Have the number of requests in flight asked of `count` once a second."""
    global _in_flight
    _in_flight = count


def watch(tell: Callable[[], None]) -> None:
    """Call `tell` before figures are written, so that what is counted elsewhere is told by then."""
    if tell not in _watched:
        _watched.append(tell)


def unwatch(tell: Callable[[], None]) -> None:
    """Call it a last time and no more."""
    if tell in _watched:
        _watched.remove(tell)
        tell()


def loaded(service: str, version: int, seconds: float) -> None:
    """Count a version that was loaded, with its parity sample."""
    series = _loads.get((service, str(version))) or _series(_loads, (service, str(version)), LOAD_SECONDS)
    series.total += seconds
    series.counts[bisect_left(LOAD_SECONDS, seconds)] += 1


def load_failed(service: str, version: int) -> None:
    """Count a version that could not be loaded."""
    count("load_failures", service, str(version))


def refused(kind: str) -> None:
    """Count a problem document by its kind."""
    count("problems", kind)


def shadow(service: str, version: int, result: str, rows: int = 1) -> None:
    """Count rows that a shadow version answered. result: same, differs, failed, skipped."""
    count("shadow_rows", service, str(version), result, by=rows)


def count(name: str, *labels: str, by: int = 1) -> None:
    """Add to a counter of metrics_text.COUNTERS."""
    key = (name, labels)
    if key not in _counters and len(_counters) >= MAX_SERIES:
        key = (name, tuple("other" for _ in labels))
    _counters[key] = _counters.get(key, 0) + by


def _series(kept: dict[Labels, Histogram], key: Any, bounds: tuple[float, ...]) -> Histogram:
    if len(kept) >= MAX_SERIES:
        key = tuple("other" for _ in key)
        if key in kept:
            return kept[key]
    series = kept[key] = Histogram([0] * (len(bounds) + 1))
    return series


def reset() -> None:
    """Forget everything counted in this process."""
    for kept in (_requests, _batches, _loads, _counters, _queues):
        kept.clear()


class Writer:
    """Writes what this process counts to HOME/metrics each second, while its event loop runs."""

    def __init__(self, settings: EdgeSettings, table: Table | None = None, role: str = "http"):
        self.folder = settings.folder / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._table = table
        self._role = role
        self._started = time.time()
        # two processes may have one id after each other
        self._path = self.folder / f"{os.getpid()}-{time.time_ns()}.figures"
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Write now and each second from now on; to be called in the event loop."""
        self.write()
        self._timer = asyncio.get_running_loop().call_later(_EVERY, self.start)

    def stop(self) -> None:
        """Write a last time and no more. The file stays: its counts are the edge's."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.write(ended=True)

    def write(self, ended: bool = False) -> None:
        """Write the file by rename. A full disk loses figures, not requests."""
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            temporary.write_bytes(msgspec.msgpack.encode(self.figures(ended)))
            os.replace(temporary, self._path)

    def figures(self, ended: bool = False) -> Figures:
        """What stands in the file. ended: nothing is in flight any more, and nothing ready."""
        import rtml_core

        for tell in _watched:
            tell()
        now = Figures(os.getpid(), self._role, self._settings.region, self._started, rtml_core.__version__)
        now.requests = [((key[0], str(key[1]), key[2]), series) for key, series in _requests.items()]
        now.batches = list(_batches.items())
        now.loads = list(_loads.items())
        now.counters = [(name, labels, number) for (name, labels), number in _counters.items()]
        now.cpu = time.process_time()
        if not ended:
            now.queue = sum(_queues.values())
            now.in_flight = 0 if _in_flight is None else _in_flight()
            now.memory = resident()
            if self._table is not None:
                snapshot = self._table.current
                now.revision, now.ready = snapshot.revision, snapshot.ready
                now.services = {name: service.state for name, service in snapshot.services.items()}
                now.services.update({name: status.state for name, status in snapshot.waiting.items()})
                now.queue += sum(
                    loaded.scorer.waiting for service in snapshot.services.values() for loaded in service.versions.values()
                )
        return now


_writer: Writer | None = None


def start(settings: EdgeSettings, table: Table | None = None, role: str = "http") -> None:
    """Begin to write figures; in the event loop of a process that serves. role: what it is, "http" or "grpc"."""
    global _writer
    stop()
    _writer = Writer(settings, table, role)
    _writer.start()


def stop() -> None:
    """Write the last figures; nothing when none were begun."""
    global _writer
    if _writer is not None:
        _writer.stop()
        _writer = None


def flush() -> None:
    """Write now what this process counts, so that a scrape sees it."""
    if _writer is not None:
        _writer.write()


def clear(folder: Path) -> None:
    """Empty an edge's folder of figures: for the supervisor, before it starts the first process. folder: of the edge."""
    with contextlib.suppress(FileNotFoundError):
        for path in (folder / FOLDER).iterdir():
            path.unlink(missing_ok=True)


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system doesn't say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def handler(app: Any) -> Callable[[Any], Any]:
    """GET /metrics of an app, see metrics_text."""
    from rtml_plugins.edge.metrics_text import handler as text_handler

    return text_handler(app)


def summary(folder: Path) -> dict[str, Any]:
    """Requests by service and version over the last half minute, for the edge's report; see metrics_text."""
    from rtml_plugins.edge.metrics_text import summary as text_summary

    return text_summary(folder)
