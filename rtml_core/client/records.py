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
    """An edge as it last reported. state: ready, not ready, away (nothing heard for 15 s). plugins: that are installed there, as
    inventory.InstalledPlugin has them; empty until it has looked."""

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
class GalleryLink:
    """An address that opens the gallery, once and until it expires; on a hub without keys the gallery's own, which does not."""

    url: str
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who, when, what."""

    number: int
    at: str
    actor: str
    action: str  # e.g. "service.publish", "traffic.set", "key.revoke"
    subject: str  # e.g. the name of the service
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VersionActivity:
    """What a version answered lately. rate: requests a second. errors: the share of them that ended neither well nor as a wrong
    input of the caller's. p50, p99: seconds that half, and 99 of 100, took at most; None without requests."""

    rate: float
    errors: float
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What a service answered in the last minute, by all its edges; for the rest see VersionActivity. requests: how many.
    last: about when the newest request was counted, however long ago; None when none is known."""

    service: str
    requests: int
    rate: float
    errors: float
    p50: float | None
    p99: float | None
    versions: dict[int, VersionActivity] = field(default_factory=dict)
    last: str | None = None


@dataclass(frozen=True, slots=True)
class PointOf:
    """What was answered in one step of a series; see VersionActivity."""

    requests: int
    rate: float
    errors: float
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """The step of a series that begins at `at`, by version and by region; total: all of them together. Without requests it is
    None, and versions and regions that had none are left out."""

    at: str
    total: PointOf | None = None
    versions: dict[int, PointOf] = field(default_factory=dict)
    regions: dict[str, PointOf] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """What a service answered, in steps of `step` seconds, oldest first, without gaps in time. now: in the last minute."""

    service: str
    step: float
    points: tuple[Point, ...]
    now: Activity


Verdict = Literal["stable", "moved", "drifted", "too few rows", "no baseline"]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """Live values of a field or an output held against those that the model was made with.

    kind: "number", "time" or "category". rows: live ones; missing, missing_before: shares of missing values, live and before.
    psi: the population stability index, None without rows. said: the verdict in a sentence. labels: of the bins, for people, the
    last one for missing values; before, now: shares of the rows by bin, which add up to 1 (now: to 0 without rows).
    """

    name: str
    side: Literal["input", "output"]
    kind: str
    rows: int
    missing: float
    missing_before: float
    psi: float | None
    verdict: Verdict
    said: str
    labels: tuple[str, ...]
    before: tuple[float, ...]
    now: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """Live values of a version held against those that it was made with. rows: live ones that were looked at, a sample of all
    when there are many. since: the begin of the time that they are of. verdict: the worst of the columns'."""

    service: str
    version: int
    rows: int
    since: str
    columns: tuple[ColumnDrift, ...]
    verdict: Verdict
    said: str
