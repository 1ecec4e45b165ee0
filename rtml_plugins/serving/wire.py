"""What a hub tells the edges of a region, and what they report.

JSON by msgspec; unknown fields are ignored, so either side may be newer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rtml_core.client.records import Traffic

#: version of this exchange; an edge refuses a state of another major one
EXCHANGE = 1


class VersionEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version that edges of the region hold: its number, the id (SHA-256) and size in bytes of its package."""

    version: int
    package: str
    size: int


class ServiceEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service of the region. versions: those in traffic, and the one before the champion, held ready for a rollback. log: edges
    tell the hub its predictions about persons."""

    id: str
    name: str
    versions: tuple[VersionEntry, ...]
    traffic: Traffic
    description: str = ""
    deprecated: str | None = None
    deprecation: str = ""
    log: bool = False


class KeyEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API key as edges know it. hash: hex SHA-256 of the whole secret; expires: seconds since the epoch."""

    id: str
    hash: str
    scopes: tuple[str, ...]
    services: tuple[str, ...] | None = None
    expires: float | None = None
    rate: float | None = None


class RegionState(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that an edge of a region serves. revision: grows with each change at the hub. locked: the hub asks for keys,
    even when none of them is valid any more.
    """

    exchange: int
    hub: str  # id of the hub, so that an edge notices another one
    region: str
    revision: int
    services: tuple[ServiceEntry, ...] = ()
    keys: tuple[KeyEntry, ...] = ()
    locked: bool = False


class ServiceStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """A service in a worker. state: ready, loading, failed."""

    name: str
    versions: tuple[int, ...]
    state: str
    problem: str = ""


class WorkerStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a worker writes for its supervisor. revision: the newest state that it has taken up: each service of it is ready, or
    failed and says why.
    """

    pid: int
    revision: int
    ready: bool
    services: tuple[ServiceStatus, ...] = ()
    shadow: dict[str, Any] = {}


class EdgeReport(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an edge reports to the hub, every few seconds and at each change. revision: what all its workers serve."""

    region: str
    url: str
    ready: bool
    revision: int
    workers: int
    rtml: str
    started: str
    services: tuple[ServiceStatus, ...] = ()
    stats: dict[str, Any] = {}
    plugins: tuple[dict[str, Any], ...] = ()
