"""The figures of all processes of an edge as one: text for Prometheus, and a summary for the report to the hub.

Counts of a process that has ended stay, or counters would fall; the supervisor folds them into one file. What is at the moment
(queue, memory, readiness) is that of live processes only.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from rtml_plugins.edge import access, metrics
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.metrics import FOLDER, Figures, Histogram, Labels
from rtml_plugins.serving.measures import SECONDS
from rtml_plugins.serving.problems import Problem

#: a process that has not written for so long (seconds) is not counted among those that serve
_SILENT: Final = 15.0
_WINDOW: Final = 30.0
_RETIRED: Final = "retired"
_NAMES_KEPT: Final = 256  # of files that were retired, for readers that were just reading one

#: histograms: name, field of Figures, bounds, labels besides region, help
HISTOGRAMS: Final = (
    (
        "rtml_edge_request_seconds",
        "requests",
        SECONDS,
        ("service", "version", "outcome"),
        "Time from the whole request to its answer, in seconds.",
    ),
    ("rtml_edge_batch_rows", "batches", metrics.ROWS, ("service",), "Rows in one run of a model."),
    (
        "rtml_edge_load_seconds",
        "loads",
        metrics.LOAD_SECONDS,
        ("service", "version"),
        "Time to load a version: guards, session, parity sample.",
    ),
)
#: counters by their name in metrics.count: name, labels besides region, help
COUNTERS: Final = {
    "problems": ("rtml_edge_problems", ("kind",), "Problem documents answered, by the last part of their type."),
    "explained": (
        "rtml_edge_explained",
        ("service", "version"),
        "Requests with ?explain=columns, which rtml_edge_request_seconds does not have.",
    ),
    "load_failures": ("rtml_edge_load_failures", ("service", "version"), "Versions that could not be loaded."),
    "shadow_rows": (
        "rtml_edge_shadow_rows",
        ("service", "version", "result"),
        "Rows scored by a shadow version, and how they compared.",
    ),
    "projections": (
        "rtml_edge_profile_lookups",
        ("result",),
        "Profiles looked up, by result: hit (held), miss (asked for), timeout (not there in time), away (not to be had, as the"
        " hub is away).",
    ),
    "outbox_records": (
        "rtml_edge_outbox_records",
        ("service", "result"),
        "Predictions about persons: kept to be told to the hub, or lost, as they could not be written.",
    ),
}


class _Retired(msgspec.Struct):
    """Counts of processes that have ended, and the files these came from."""

    files: list[str]
    figures: Figures


class Sum:
    """The counts of several processes added up."""

    def __init__(self) -> None:
        self.histograms: dict[str, dict[Labels, Histogram]] = {field: {} for _, field, *_ in HISTOGRAMS}
        self.counters: dict[tuple[str, Labels], int] = {}
        self.cpu = 0.0

    def add(self, figures: Figures) -> None:
        """Add the counts of a process."""
        for field, kept in self.histograms.items():
            for labels, histogram in getattr(figures, field):
                have = kept.get(tuple(labels))
                if have is None:
                    kept[tuple(labels)] = Histogram(list(histogram.counts), histogram.total)
                elif len(have.counts) == len(histogram.counts):
                    have.counts = [a + b for a, b in zip(have.counts, histogram.counts, strict=True)]
                    have.total += histogram.total
        for name, labels, number in figures.counters:
            self.counters[name, tuple(labels)] = self.counters.get((name, tuple(labels)), 0) + number
        self.cpu += figures.cpu

    def figures(self) -> Figures:
        """The sum as if one process had counted it."""
        figures = Figures(0, _RETIRED, "", 0.0, cpu=self.cpu)
        for field, kept in self.histograms.items():
            setattr(figures, field, list(kept.items()))
        figures.counters = [(name, labels, number) for (name, labels), number in self.counters.items()]
        return figures


def read(folder: Path) -> tuple[Sum, list[Figures]]:
    """What all processes of an edge have counted, and those of them that live. folder: of the edge."""
    found: list[tuple[str, float, Figures]] = []
    for path in sorted((folder / FOLDER).glob("*.figures")):
        with contextlib.suppress(OSError, msgspec.DecodeError):  # just retired, or of another release of rtml
            figures = msgspec.msgpack.decode(path.read_bytes(), type=Figures)
            found.append((path.name, path.stat().st_mtime, figures))
    retired = _read_retired(folder)  # last, so that what is retired meanwhile is counted once
    total, live = Sum(), []
    total.add(retired.figures)
    for name, written, figures in found:
        if name in retired.files:
            continue
        total.add(figures)
        if time.time() - written < _SILENT and alive(figures.pid):
            live.append(figures)
    return total, live


def retire(folder: Path) -> None:
    """Fold the files of processes that have ended into one; for the supervisor, which alone may do it.

    The one file says which files it holds, so that nothing is counted twice by a reader in between. Where it can't be written (a
    full disk) all stays as it is: the files are counted where they are, and folded next time.
    """
    ended = [path for path in sorted((folder / FOLDER).glob("*.figures")) if not alive(int(path.name.partition("-")[0]))]
    if not ended:
        return
    retired = _read_retired(folder)
    total = Sum()
    total.add(retired.figures)
    fresh = [path for path in ended if path.name not in retired.files]
    for path in fresh:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            total.add(msgspec.msgpack.decode(path.read_bytes(), type=Figures))
    target = folder / FOLDER / _RETIRED
    temporary = target.with_suffix(".tmp")
    names = [*retired.files, *(path.name for path in fresh)][-_NAMES_KEPT:]
    try:
        temporary.write_bytes(msgspec.msgpack.encode(_Retired(names, total.figures())))
        os.replace(temporary, target)
        for path in ended:
            path.unlink(missing_ok=True)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read_retired(folder: Path) -> _Retired:
    try:
        return msgspec.msgpack.decode((folder / FOLDER / _RETIRED).read_bytes(), type=_Retired)
    except (FileNotFoundError, msgspec.DecodeError):
        return _Retired([], Sum().figures())


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


# ---- Prometheus ---------------------------------------------------------------------------------------------------


class _Edge(Collector):
    """The metrics of an edge, read from its files at each scrape."""

    def __init__(self, folder: Path, region: str):
        self._folder = folder
        self._region = region

    def collect(self) -> Iterator[Metric]:
        total, live = read(self._folder)
        yield from self._histograms(total)
        yield from self._counters(total)
        yield from self._gauges(live)

    def _histograms(self, total: Sum) -> Iterable[Metric]:
        for name, field, bounds, labels, text in HISTOGRAMS:
            family = HistogramMetricFamily(name, text, labels=[*labels, "region"])
            names = [*map(floatToGoString, bounds), "+Inf"]
            for values, histogram in sorted(total.histograms[field].items()):
                running, buckets = 0, []
                for bound, number in zip(names, histogram.counts, strict=True):
                    running += number
                    buckets.append((bound, float(running)))
                family.add_metric([*values, self._region], buckets, histogram.total)
            yield family

    def _counters(self, total: Sum) -> Iterable[Metric]:
        for kind, (name, labels, text) in COUNTERS.items():
            family = CounterMetricFamily(name, text, labels=[*labels, "region"])
            for (counted, values), number in sorted(total.counters.items()):
                if counted == kind:
                    family.add_metric([*values, self._region], float(number))
            yield family
        cpu = CounterMetricFamily("rtml_edge_cpu_seconds", "Processor time of all processes that serve.", labels=["region"])
        cpu.add_metric([self._region], total.cpu)
        yield cpu

    def _gauges(self, live: list[Figures]) -> Iterable[Metric]:
        region = [self._region]
        http = [figures for figures in live if figures.role == "http"]
        sums = (
            ("rtml_edge_workers", "Processes that serve HTTP.", len(http)),
            ("rtml_edge_queue_rows", "Rows that wait for a run of a model.", sum(figures.queue for figures in live)),
            ("rtml_edge_in_flight", "Requests that are being answered.", sum(figures.in_flight for figures in live)),
            (
                "rtml_edge_revision",
                "Revision of the hub's state that all processes serve.",
                min((f.revision for f in live), default=0),
            ),
            ("rtml_edge_ready", "1 when every process is ready, else 0.", int(bool(live) and all(f.ready for f in live))),
        )
        for name, text, number in sums:
            family = GaugeMetricFamily(name, text, labels=["region"])
            family.add_metric(region, float(number))
            yield family
        ready = GaugeMetricFamily(
            "rtml_edge_service_ready",
            "1 when every process serves what the hub says of the service, else 0.",
            labels=["service", "region"],
        )
        for service in sorted({name for figures in live for name in figures.services}):
            states = [figures.services.get(service) for figures in live]
            ready.add_metric([service, *region], float(all(state == "ready" for state in states)))
        yield ready
        memory = GaugeMetricFamily(
            "rtml_edge_memory_bytes", "Resident memory of a process.", labels=["process", "role", "region"]
        )
        for figures in live:
            memory.add_metric([str(figures.pid), figures.role, *region], float(figures.memory))
        yield memory
        info = InfoMetricFamily("rtml_edge", "Versions of what runs.", labels=["region"])
        versions = sorted({figures.rtml for figures in live})
        info.add_metric(region, {"version": ", ".join(versions), "python": platform.python_version()})
        yield info


def render(folder: Path, region: str, accept: str | None = None) -> tuple[bytes, str]:
    """(text, content type) of all metrics: OpenMetrics when `accept` asks for it, else the text format of Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Edge(folder, region))
    encode, content_type = choose_encoder(accept or "")
    return encode(registry), content_type


def handler(app: Any) -> Callable[[Request], Response]:
    """GET /metrics. On an edge with keys for those with scope debug (or admin) that are not limited to services."""

    def metrics_page(request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise Problem(405, "method-not-allowed", "/metrics is read with GET", headers=[("Allow", "GET, HEAD")])
        snapshot = app.table.current
        # on an open edge whoever may score may see how that goes
        scope = "predict" if access.is_open(snapshot, app.settings) else "debug"
        access.authorize(snapshot, app.settings, request.headers, scope)
        metrics.flush()
        text, content_type = render(app.settings.folder, app.settings.region, request.headers.get("accept"))
        return Response(200, [("Content-Type", content_type), *access.SECURITY_HEADERS], text)

    return metrics_page


# ---- the edge's report --------------------------------------------------------------------------------------------

#: by folder: when, and the sums of requests at that time
_history: dict[Path, deque[tuple[float, dict[Labels, Histogram]]]] = {}


def summary(folder: Path, clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """By service and version: requests and errors since the start; over the last half minute the rate a second, and p50 and p99
    of answered requests in seconds (None when there were none). To be called every few seconds by one process, the supervisor.
    """
    retire(folder)
    total, _ = read(folder)
    now, requests = clock(), total.histograms["requests"]
    history = _history.setdefault(folder, deque())
    while len(history) > 1 and history[1][0] <= now - _WINDOW:
        history.popleft()
    since, before = history[0] if history else (now, {})
    history.append((now, {labels: Histogram(list(h.counts), h.total) for labels, h in requests.items()}))
    found: dict[str, Any] = {}
    for service, version in sorted({(labels[0], labels[1]) for labels in requests if labels[0]}):
        ours = {labels: histogram for labels, histogram in requests.items() if labels[:2] == (service, version)}
        recent = [0] * (len(SECONDS) + 1)
        answered = 0
        for labels, histogram in ours.items():
            old = before[labels].counts if labels in before else [0] * len(histogram.counts)
            delta = [max(0, a - b) for a, b in zip(histogram.counts, old, strict=True)]
            answered += sum(delta)
            if labels[2] == "ok":
                recent = [a + b for a, b in zip(recent, delta, strict=True)]
        found.setdefault(service, {})[version] = {
            "requests": sum(sum(histogram.counts) for histogram in ours.values()),
            "errors": sum(sum(h.counts) for labels, h in ours.items() if labels[2] in ("error", "timeout", "busy")),
            "rate": round(answered / (now - since), 3) if now > since else 0.0,
            "p50": quantile(recent, SECONDS, 0.5),
            "p99": quantile(recent, SECONDS, 0.99),
        }
    return found


def quantile(counts: list[int], bounds: tuple[float, ...], share: float) -> float | None:
    """A quantile of a histogram, interpolated within its bucket; None of nothing. Beyond the last bound: that bound."""
    total = sum(counts)
    if total == 0:
        return None
    wanted, running = share * total, 0
    for at, number in enumerate(counts):
        if number and running + number >= wanted:
            if at == len(bounds):
                return bounds[-1]
            lower = bounds[at - 1] if at else 0.0
            return lower + (bounds[at] - lower) * max(0.0, wanted - running) / number
        running += number
    return bounds[-1]
