"""What hubs and edges answer, as plain dataclasses: one definition for the hub's REST API, its OpenAPI document and the client.

Times are ISO 8601 texts in UTC ("2026-11-21T10:15:00.000Z"). Shares are fractions, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Arm:
    """A version and its share of the requests."""

    version: int
    share: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Which version answers whom.

    champion: the version that answers what no other arm takes. canary: a version that answers `share` of the requests, at random
    or, with `sticky`, always the same visitors. split: the arms of an A/B test besides the champion. shadow: a version that is
    scored too and compared, never answered. sticky: the field of the row whose value decides the arm, so that a visitor stays
    in it; the request header X-Rtml-Key does the same and goes before the field.
    """

    champion: int
    canary: Arm | None = None
    split: tuple[Arm, ...] = ()
    shadow: int | None = None
    sticky: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One published package of a service; its number never means another package."""

    version: int
    package: str  # the package's id, SHA-256
    size: int  # bytes
    created: str
    created_by: str
    description: str = ""
    compatible: bool = True  # with the version before; False: published with allow_incompatible
    portable: bool = True


@dataclass(frozen=True, slots=True)
class Service:
    """A name with versions, served in regions.

    change: number of the newest change to it, as in the audit log; what is sent with it as If-Match is refused once there is a
    newer one.
    """

    id: str
    name: str
    description: str
    owner: str
    regions: tuple[str, ...]
    traffic: Traffic
    versions: tuple[Version, ...]  # newest first
    created: str
    updated: str
    deprecated: str | None = None  # since when
    deprecation: str = ""  # why, and what to use instead
    type: Literal["edge"] = "edge"
    change: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did. created: False when this package was a version of the service already."""

    service: str
    id: str
    version: int
    package: str
    created: bool
    regions: tuple[str, ...]
    revision: int
    changes: tuple[str, ...] = ()  # how the signature differs from the version before, in words


@dataclass(frozen=True, slots=True)
class EdgeService:
    """A service on one edge. state: ready, loading, failed (then `problem` says why and what was there before goes on)."""

    name: str
    versions: tuple[int, ...]
    state: Literal["ready", "loading", "failed"]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge as it last reported. state: ready, not ready, away (nothing heard for 15 s)."""

    id: str
    region: str
    url: str
    state: Literal["ready", "not ready", "away"]
    revision: int  # of the hub's state that all its workers serve
    workers: int
    rtml: str
    started: str
    seen: str
    services: tuple[EdgeService, ...] = ()
    stats: dict[str, Any] = field(default_factory=dict)
    plugins: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A region that a service or an edge names. services: how many it serves; edges: how many it has, ready: of these."""

    name: str
    services: int
    edges: int
    ready: int


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a change has come: complete when every edge of the service's regions that is not away serves `revision`."""

    service: str
    revision: int
    complete: bool
    edges: tuple[Edge, ...]
    regions_without_edge: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collected:
    """Packages that no service needed for `older_than` seconds. size: their bytes together. dry_run: they are still there."""

    packages: tuple[str, ...]
    size: int
    older_than: float
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Key:
    """An API key; its secret is shown once. services: None for all. rate: requests a second, None for no limit."""

    id: str
    name: str
    scopes: tuple[str, ...]
    services: tuple[str, ...] | None
    created: str
    created_by: str
    expires: str | None = None
    revoked: str | None = None
    rate: float | None = None
    last_four: str = ""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, with the secret to send as `Authorization: Bearer ...`."""

    key: Key
    secret: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who, when, what."""

    number: int
    at: str
    actor: str
    action: str  # e.g. "service.publish", "traffic.set", "key.revoke"
    subject: str  # e.g. the name of the service
    details: dict[str, Any] = field(default_factory=dict)
