"""What an edge tells its hub: at each change, and every few seconds that it is there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import rtml_core
from rtml_core.errors import said
from rtml_plugins.edge import files, installed, metrics
from rtml_plugins.edge.files import Home
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.uplink import HubFailed, Uplink
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus, WorkerStatus

#: seconds between two looks at what workers say, and between two reports when nothing changes
LOOK: Final = 0.05
EVERY: Final = 5.0
#: seconds between two looks at what is installed
LOOK_AGAIN: Final = 300.0
#: seconds until a report that was not taken is sent again, up to the last
_AGAIN: Final = (0.5, 2.0)

_log: Final = logger("rtml.edge.agent")


class Reporter:
    """Reports an edge. edge: its id. workers: the process ids that run now."""

    def __init__(self, settings: EdgeSettings, home: Home, uplink: Uplink, edge: str, workers: Callable[[], set[int]]):
        self._settings = settings
        self._home = home
        self._uplink = uplink
        self._edge = edge
        self._workers = workers
        self._started = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._plugins: tuple[dict[str, Any], ...] = ()

    async def look(self) -> None:
        """Find out which plugins are installed here, now and again until cancelled; the next report tells."""
        while True:
            self._plugins = await installed.plugins(self._settings.trust, self._plugins)
            await asyncio.sleep(LOOK_AGAIN)

    async def run(self, failed: Callable[[str], Awaitable[None]]) -> None:
        """Report until cancelled. failed: awaited with the name of each service that is reported as failed."""
        loop = asyncio.get_running_loop()
        told: EdgeReport | None = None
        due, pause = 0.0, _AGAIN[0]
        seen: object = None
        report = self.report()
        while True:
            now = self._signatures()
            if now != seen:
                seen, report = now, self.report()
            if report != told or loop.time() >= due:
                try:
                    for service in report.services:
                        if service.state == "failed":
                            await failed(service.name)
                    await self._uplink.report(self._edge, self._with_stats(report))
                    told, due, pause = report, loop.time() + EVERY, _AGAIN[0]
                except HubFailed as error:  # said by who follows the hub
                    _log.debug("report not taken", problem=str(error))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _AGAIN[1])
                except Exception as error:  # a fault of ours must not end the reports
                    _log.exception("no report", problem=said(error))
                    await asyncio.sleep(_AGAIN[1])
            await asyncio.sleep(LOOK)

    async def say_goodbye(self, seconds: float = 1.0) -> None:
        """Report that nothing is served any more, if the hub takes it at once."""
        last = EdgeReport(
            self._settings.region, self._settings.url, False, 0, 0, rtml_core.__version__, self._started, plugins=self._plugins
        )
        with contextlib.suppress(HubFailed, TimeoutError):
            async with asyncio.timeout(seconds):
                await self._uplink.report(self._edge, last)

    def report(self) -> EdgeReport:
        """How this edge is, as its workers say."""
        alive = self._workers()
        told = [(role, status) for role, pid, status in self._home.statuses() if status is not None and pid in alive]
        statuses = [status for _, status in told]
        workers = sum(role == "http" for role, _ in told)
        return EdgeReport(
            region=self._settings.region,
            url=self._settings.url,
            ready=workers > 0 and all(status.ready for status in statuses),
            revision=min((status.revision for status in statuses), default=0),
            workers=workers,
            rtml=rtml_core.__version__,
            started=self._started,
            services=tuple(merged(statuses)),
            plugins=self._plugins,
        )

    def _with_stats(self, report: EdgeReport) -> EdgeReport:
        """The report with what was counted, which changes all the time and is no reason to report."""
        import msgspec

        stats: dict[str, Any] = {"services": together(metrics.summary(self._settings.folder))}
        shadow = compared(status.shadow for _, _, status in self._home.statuses() if status is not None)
        if shadow:
            stats["shadow"] = shadow
        return msgspec.structs.replace(report, stats=stats)

    def _signatures(self) -> object:
        alive = self._workers()
        found = []
        with contextlib.suppress(OSError):
            for path in self._home.workers.iterdir():
                found.append((path.name, files.signature(path)))
        return sorted(alive), sorted(found, key=str), self._plugins


def merged(statuses: Iterable[WorkerStatus]) -> list[ServiceStatus]:
    """Services over all workers: failed where one failed, loading where one is loading, the versions that all of them hold."""
    found: dict[str, list[ServiceStatus]] = {}
    for status in statuses:
        for service in status.services:
            found.setdefault(service.name, []).append(service)
    services = []
    for name, parts in sorted(found.items()):
        held = set(parts[0].versions).intersection(*(part.versions for part in parts))
        states = [part.state for part in parts]
        state = next((state for state in ("failed", "loading") if state in states), "ready")
        problem = next((part.problem for part in parts if part.problem and part.state == state), "")
        services.append(ServiceStatus(name, tuple(sorted(held)), state, problem))
    return services


def together(summary: dict[str, Any]) -> dict[str, Any]:
    """Figures of services, those of their versions below: from {service: {version: figures}} (see metrics_text.summary)."""
    return {
        service: {
            **{name: sum(figures[name] for figures in versions.values()) for name in ("requests", "errors", "rate")},
            "versions": versions,
        }
        for service, versions in summary.items()
    }


def compared(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What the shadow versions of a service were found to do, over all workers (see shadow.Shadow.report)."""
    found: dict[str, dict[tuple[int, int], dict[str, Any]]] = {}
    for report in reports:
        for service, parts in report.items():
            for part in parts:
                pairs = found.setdefault(service, {})
                key = part["shadow"], part["version"]
                pairs[key] = _added(pairs[key], part) if key in pairs else part
    return {service: list(pairs.values()) for service, pairs in found.items()}


def _added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two comparisons of one pair of versions: counts added, means weighted by the rows that they are of, and of the largest
    differences the larger one."""
    together = {**one, **{name: one[name] + other[name] for name in ("rows", "equal", "failures", "dropped")}}
    means = [(part["rows"], part["mean_absolute_difference"]) for part in (one, other)]
    together["mean_absolute_difference"] = {
        name: sum(rows * mean[name] for rows, mean in means if name in mean)
        / max(1, sum(rows for rows, mean in means if name in mean))
        for name in {**means[0][1], **means[1][1]}
    }
    largest = [part["largest"] for part in (one, other) if part["largest"] is not None]
    together["largest"] = max(largest, key=lambda found: float(found["difference"]), default=None)
    return together
