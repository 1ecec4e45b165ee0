"""A hub with much in it: 200 services of 20 versions, a long audit log, 90 days of measures, and edges that go on reporting.

Rows go straight into the tables, as 4,000 publications one by one would take an hour; only the service that pages are asked for
has real packages in the store.
"""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, insert

from rtml_core import __version__
from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_core.client.records import Arm, Traffic
from rtml_core.package import Manifest, read_archive
from rtml_plugins.hub import tables, times
from rtml_plugins.hub.buckets import REQUESTS, VALUES, Kept, Requests, Values, bucket
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.serving.measures import SECONDS, Bins, Counted, Measures, VersionCounted, Window
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.benchmarks.serving.propagation import variant

SERVICES: Final = 200
VERSIONS: Final = 20
REGIONS: Final = ("na", "emea", "apac")
AUDIT: Final = 5000
#: services with measures of 90 days; the others have them of the last quarter of an hour
MEASURED: Final = 10
#: the service that pages are asked for
SERVICE: Final = "service-000"
_AT_ONCE: Final = 5000


def package_of(service: int, number: int, real: Sequence[bytes]) -> str:
    """The id of a version's package."""
    if service == 0:
        return read_archive(real[number - 1]).id
    return hashlib.sha256(f"{service}/{number}".encode()).hexdigest()


def traffic_of(service: int) -> Traffic:
    """Every tenth service has a canary, every twentieth a shadow, too."""
    canary = Arm(VERSIONS - 1, 0.1) if service % 10 == 0 else None
    return Traffic(VERSIONS, canary=canary, shadow=VERSIONS - 2 if service % 20 == 0 else None)


def fill(folder: Path, data: bytes) -> None:
    """Make the hub of a folder. data: a package, which all versions are like."""
    settings = HubSettings(home=str(folder))
    store = PackageStore(settings.store_url)
    real = [variant(data, number) for number in range(1, VERSIONS + 1)]
    for one in real:
        store.put(one)
    database = open_database(settings.database_url)
    try:
        now = time.time()
        with database.note() as connection:
            _services(connection, real, now)
            _changes(connection, now)
            _measures(connection, read_archive(data).manifest, now)
    finally:
        database.close()


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    part: list[dict[str, Any]] = []
    for row in rows:
        part.append(row)
        if len(part) == _AT_ONCE:
            connection.execute(insert(table), part)
            part = []
    if part:
        connection.execute(insert(table), part)


def _services(connection: Connection, real: Sequence[bytes], now: float) -> None:
    manifest = msgspec.json.encode(read_archive(real[0]).manifest).decode()
    each = [(service, number) for service in range(SERVICES) for number in range(1, VERSIONS + 1)]
    at = {key: times.text(now - 86_400 * (VERSIONS - key[1]) - key[0]) for key in each}
    packages = {key: package_of(*key, real) for key in each}
    _insert(connection, tables.packages, (
        {"id": packages[key], "size": len(real[0]), "manifest": manifest, "portable": True, "created": at[key], "used": at[key]}
        for key in each
    ))  # fmt: skip
    _insert(connection, tables.services, (
        {
            "id": f"id-{service:03}",
            "name": f"service-{service:03}",
            "description": f"How likely visitors of shop {service} are to buy a policy within a week",
            "owner": ("growth", "risk", "pricing", "care")[service % 4],
            "traffic": msgspec.json.encode(traffic_of(service)).decode(),
            "created": at[service, 1],
            "updated": at[service, VERSIONS],
            "deprecated": times.text(now - 86_400) if service % 25 == 24 else None,
            "deprecation": "use its successor" if service % 25 == 24 else "",
        }
        for service in range(SERVICES)
    ))  # fmt: skip
    _insert(connection, tables.versions, (
        {
            "service": f"id-{service:03}",
            "version": number,
            "package": packages[service, number],
            "created": at[service, number],
            "created_by": "ada",
            "description": f"trained in week {number}",
            "compatible": True,
            "changes": "[]",
        }
        for service, number in each
    ))  # fmt: skip
    _insert(connection, tables.champions, (
        {"service": f"id-{service:03}", "position": number - 1, "version": number, "since": at[service, number]}
        for service, number in each
    ))  # fmt: skip
    placed = ({"service": f"id-{service:03}", "region": region} for service in range(SERVICES) for region in REGIONS)
    _insert(connection, tables.service_regions, placed)


def _changes(connection: Connection, now: float) -> None:
    """The audit log: all publications, then changes of traffic, up to AUDIT entries."""
    plain = {"champion": VERSIONS, "canary": None, "split": [], "shadow": None, "sticky": None}
    entries: list[tuple[float, str, int, dict[str, Any]]] = []
    for number in range(1, VERSIONS + 1):
        for service in range(SERVICES):
            details = {"version": number, "package": "0" * 64, "traffic": {**plain, "champion": number}, "regions": list(REGIONS)}
            entries.append((now - 86_400 * (VERSIONS - number) - service, "service.publish", service, details))
    for extra in range(AUDIT - len(entries)):
        details = {"before": plain, "after": {**plain, "canary": {"version": VERSIONS - 1, "share": 0.1}}}
        entries.append((now - AUDIT + extra, "traffic.set", extra % SERVICES, details))
    rows = (
        {
            "at": times.text(at),
            "actor": "ada",
            "action": action,
            "subject": f"service-{service:03}",
            "details": msgspec.json.encode(details).decode(),
        }
        for at, action, service, details in entries
    )
    _insert(connection, tables.audit, rows)
    _insert(connection, tables.regions, ({"name": region, "revision": AUDIT} for region in REGIONS))
    connection.execute(tables.hub.update().values(revision=AUDIT))


# ---- what was counted --------------------------------------------------------------------------------------------------------


def _counted(random_: random.Random, requests: int) -> Requests:
    latency = [0] * (len(SECONDS) + 1)
    for _ in range(20):
        latency[min(len(SECONDS), max(0, int(random_.gauss(5, 1.5))))] += requests // 20
    return Requests({"ok": requests - 1, "invalid": 1}, latency, requests * 4e-4)


def _measures(connection: Connection, manifest: Manifest, now: float) -> None:
    random_ = random.Random(7)
    texts = [msgspec.json.encode(_counted(random_, 20 * (1 + at))).decode() for at in range(50)]

    def rows(kept: Kept, services: range, seconds: float) -> Iterator[dict[str, Any]]:
        for at in range(bucket(now - min(kept.keep, seconds), kept.width), bucket(now, kept.width), kept.width):
            for service in services:
                for version in (VERSIONS, VERSIONS - 1)[: 2 if service % 10 == 0 else 1]:
                    for region in REGIONS:
                        yield {
                            "service": f"id-{service:03}",
                            "resolution": kept.width,
                            "at": at,
                            "version": version,
                            "region": region,
                            "counted": random_.choice(texts),
                        }

    for kept in REQUESTS:
        _insert(connection, tables.measures, rows(kept, range(MEASURED), kept.keep))
        _insert(connection, tables.measures, rows(kept, range(MEASURED, SERVICES), 900))
    columns = _columns(manifest)
    if columns:
        counts = [count for column in columns for count in (column.missing, *column.counts)]
        text = msgspec.json.encode(Values(columns[0].rows, counts)).decode()
        for kept in VALUES:
            _insert(connection, tables.measured_values, ({**row, "counted": text} for row in rows(kept, range(1), kept.keep)))


def _columns(manifest: Manifest) -> Sequence[ColumnBaseline]:
    baseline: BaselineEntry | None = manifest.baseline
    return () if baseline is None else (*baseline.inputs, *baseline.outputs)


# ---- edges -------------------------------------------------------------------------------------------------------------------


@contextmanager
def edges(port: int, manifest: Manifest, data: bytes) -> Iterator[None]:
    """An edge in each region that reports all services every 5 s, and every 10 s what it counted. Raises RuntimeError when
    the hub does not take it."""
    stop = threading.Event()
    failures: list[str] = []

    def run(region: str, ready: threading.Event) -> None:
        edge = _Edge(port, region, [variant(data, number) for number in (VERSIONS - 1, VERSIONS)], manifest)
        try:
            edge.report()
            edge.measure()
            ready.set()
            turn = 0
            while not stop.wait(5.0):
                turn += 1
                edge.report()
                if turn % 2 == 0:
                    edge.measure()
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            failures.append(f"{region}: {error}")
            ready.set()

    there = [threading.Event() for _ in REGIONS]
    threads = [threading.Thread(target=run, args=one) for one in zip(REGIONS, there, strict=True)]
    for thread in threads:
        thread.start()
    try:
        for one in there:
            one.wait()
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if failures:
        raise RuntimeError(f"an edge could not report: {'; '.join(failures)}")


class _Edge:
    """What an edge tells its hub."""

    def __init__(self, port: int, region: str, real: Sequence[bytes], manifest: Manifest):
        self._port, self._region, self._columns = port, region, _columns(manifest)
        self._inputs = 0 if manifest.baseline is None else len(manifest.baseline.inputs)
        self._random = random.Random(region)
        self._number = 0
        self._run = f"{region}-{time.time():.0f}"
        self._real = [read_archive(one).id for one in real]

    def _send(self, method: str, path: str, body: bytes) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60.0)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {said[:300]!r}")
        finally:
            connection.close()

    def report(self) -> None:
        """PUT what it serves, one service of which failed."""
        services = tuple(
            ServiceStatus(
                f"service-{n:03}", (VERSIONS, VERSIONS - 1), "failed" if n == 7 else "ready", "no room" if n == 7 else ""
            )
            for n in range(SERVICES)
        )
        about: Mapping[str, Any] = {"requests": 1000, "errors": 1, "rate": 12.5, "versions": {str(VERSIONS): {"rate": 12.5}}}
        stats = {"services": {f"service-{n:03}": about for n in range(SERVICES)}}
        url, started = f"http://127.0.0.1:{9000 + REGIONS.index(self._region)}", times.text(time.time() - 3600)
        report = EdgeReport(self._region, url, True, AUDIT, 2, __version__, started, services, stats)
        self._send("PUT", f"/v1/edges/{self._region}-1", msgspec.json.encode(report))

    def measure(self) -> None:
        """POST a window."""
        now = time.time()
        self._number += 1
        versions = []
        for service in range(SERVICES):
            for number in (VERSIONS, VERSIONS - 1)[: 2 if service % 10 == 0 else 1]:
                counted = _counted(self._random, 40)
                told = Counted(counted.outcomes, counted.latency, counted.seconds)
                package = package_of(service, number, ()) if service else self._real[number - VERSIONS + 1]
                if service == 0 and self._columns:
                    bins = {column.name: Bins([3] * len(column.counts), 1) for column in self._columns}
                    names = [column.name for column in self._columns]
                    told.rows = 40
                    told.inputs = {name: bins[name] for name in names[: self._inputs]}
                    told.outputs = {name: bins[name] for name in names[self._inputs :]}
                versions.append(VersionCounted(f"service-{service:03}", number, package, told))
        window = Window(self._number, now - 10, now, versions)
        measures = Measures(self._run, self._region, [window])
        self._send("POST", f"/v1/edges/{self._region}-1/measures", msgspec.json.encode(measures))
