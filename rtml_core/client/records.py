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
    warnings: tuple[str, ...] = ()  # what of profiles its readers will not find, in words


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
    """An API key; its secret is shown once. services, regions: None for all. rate: requests a second, None for no limit."""

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
    regions: tuple[str, ...] | None = None


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


@dataclass(frozen=True, slots=True)
class Enrichment:
    """What of a service's predictions is written to the profiles of the persons that they are about.

    outputs: the path of the profile by output, {"propensity": "_acme.rtml.churn"}; with none predictions are only kept. enabled:
    False writes nothing for now. by: "package", what a ProfileWriter says; "hand", set for the service, which goes before that.
    """

    service: str
    outputs: dict[str, str]
    enabled: bool = True
    by: Literal["hand", "package"] = "hand"
    updated: str = ""
    updated_by: str = ""


@dataclass(frozen=True, slots=True)
class RegionProjection:
    """What the edges of a region may know of profiles, and no more.

    mode: "auto", what the services there read; "chosen", set for the region. attributes: dotted paths; aggregates: ids of them.
    ttl: seconds that an edge may use what it was told. left_out: what services there read and the region does not get, in words.
    """

    region: str
    mode: Literal["auto", "chosen"]
    attributes: tuple[str, ...]
    aggregates: tuple[str, ...]
    ttl: float
    left_out: tuple[str, ...] = ()
    updated: str = ""
    updated_by: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that was not taken, and why. record: its number in the input, from 1; line: where it begins, 0 where there are no
    lines; id: its `_id`. problems: {"at": JSON pointer, "keyword", "message"} each."""

    record: int
    line: int
    id: str
    problems: tuple[dict[str, str], ...]


@dataclass(frozen=True, slots=True)
class CollectedRecords:
    """What became of records. taken: False when more than the threshold were refused, and so nothing was taken.

    read = accepted + duplicates + withheld + refused_count. duplicates: that were there before; withheld: events of persons who
    refused that they are collected; refused: the first of them. batch: 0 when nothing is new. nameless: accepted ones without an
    identity, which are in no profile.
    """

    dataset: str
    schema: str
    taken: bool = True
    batch: int = 0
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    withheld: int = 0
    nameless: int = 0
    refused_count: int = 0
    refused: tuple[RefusedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Records of one schema. kind: "event" or "record". profile: whether profiles are built from it. bytes: on disk. first, last:
    times of its records; None when it has none."""

    name: str
    schema: str
    kind: str
    profile: bool
    records: int
    bytes: int
    created: str
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True, slots=True)
class DatasetRecords:
    """Records of a dataset. next: the offset to go on with; None at the end."""

    records: tuple[dict[str, Any], ...]
    next: int | None = None


@dataclass(frozen=True, slots=True)
class XdmSchema:
    """A schema that records can be checked by. name: short, the end of its id. kind: "event" or "record"."""

    id: str
    title: str
    name: str
    kind: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class PersonIdentity:
    """An identity of a person. state: ambiguous, loggedOut or authenticated. first, last: of the records that name it; events:
    how many are kept under it."""

    namespace: str
    id: str
    state: str
    first: str
    last: str
    events: int


@dataclass(frozen=True, slots=True)
class PersonProfile:
    """A person as a merge policy shows it.

    attributes: merged, or the fields that were asked for. sources: datasets that had a say. consent: what was last said, by
    purpose. changed: when something was last taken in. aggregates: values by id, when they were asked for.
    """

    person: str
    version: int
    policy: str
    changed: str
    attributes: dict[str, Any]
    identities: tuple[PersonIdentity, ...] = ()
    sources: tuple[str, ...] = ()
    consent: dict[str, str] = field(default_factory=dict)
    aggregates: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PersonEvents:
    """Events of a person, in order of time. next: what to ask for as `start` (or, latest first, as `end`) to see more; None at
    the end. after: what to ask for beside it, so that events of that moment which were seen do not come again."""

    events: tuple[dict[str, Any], ...]
    next: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """What was erased of a person. found: whether there was something. digest: keyed digest of the identity, which the audit log
    begins with. identities, events, fragments: of the profile; records: of datasets, predictions included."""

    found: bool
    digest: str
    identities: int = 0
    events: int = 0
    fragments: int = 0
    records: int = 0
