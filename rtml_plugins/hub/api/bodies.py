"""Bodies that the hub takes, and lists that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rtml_core.client import records
from rtml_core.client.records import AuditEntry, Edge, Key, Region, Service, Version
from rtml_plugins.serving.names import NAME

_NAMED: Final = f"^{NAME.pattern}$"
_TEXT: Final = 10_000
#: any text without U+0000, which PostgreSQL can't keep
PLAIN: Final = r"^[^\x00]*$"
Name = Annotated[str, Field(pattern=_NAMED)]


def _whole(value: object) -> object:
    """3.0 is an integer in JSON as in JSON Schema."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Number = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_whole)]
Scope = Literal["predict", "publish", "admin", "debug", "edge", "collect", "profile", "profile-write"]


class Body(BaseModel):
    """No field but these, and each of exactly its type: a misspelled or misquoted one is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ArmBody(Body):
    """A version and its share of the requests."""

    version: Number
    share: float = Field(gt=0, lt=1)

    def record(self) -> records.Arm:
        return records.Arm(self.version, self.share)


class TrafficBody(Body):
    """Which version answers whom: a champion, and optionally a canary, the arms of an A/B test, a shadow, a sticky field."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"champion": 3, "canary": {"version": 4, "share": 0.05}, "sticky": "customer"}]}
    )
    champion: Number
    canary: ArmBody | None = None
    split: list[ArmBody] = Field(default=[], max_length=20)
    shadow: Number | None = None
    sticky: str | None = Field(default=None, min_length=1, max_length=_TEXT, pattern=PLAIN)

    def record(self) -> records.Traffic:
        """The same as the hub keeps it."""
        canary = None if self.canary is None else self.canary.record()
        split = tuple(arm.record() for arm in self.split)
        return records.Traffic(self.champion, canary, split, self.shadow, self.sticky)


class ServicePatch(Body):
    """What is to change of a service; what is left out or null stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"owner": "growth team", "regions": ["na", "emea"]}]})
    description: str | None = Field(default=None, max_length=_TEXT, pattern=PLAIN)
    owner: str | None = Field(default=None, max_length=_TEXT, pattern=PLAIN)
    regions: list[Name] | None = Field(default=None, min_length=1, max_length=100)


class Deprecation(Body):
    """Why a service is deprecated, and what to use instead: callers see it with every answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "use churn-2"}]})
    reason: str = Field(default="", max_length=_TEXT, pattern=PLAIN)


class KeyBody(Body):
    """A key to be made. expires: a span ("90d", "12h"), a date or a moment. rate: requests a second. regions: only with
    the one scope edge."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "shop front", "scopes": ["predict"], "services": ["churn"], "expires": "90d"}]}
    )
    name: str = Field(min_length=1, max_length=100)
    scopes: list[Scope] = Field(min_length=1, max_length=8)
    services: list[Name] | None = Field(default=None, min_length=1, max_length=1000)
    expires: str | None = Field(default=None, min_length=1, max_length=40)
    rate: float | None = Field(default=None, ge=0.001, le=1e6)
    regions: list[Name] | None = Field(default=None, min_length=1, max_length=1000)


@dataclass(frozen=True, slots=True)
class Services:
    """Services by name. total: how many fit, without limit and offset."""

    services: tuple[Service, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of a service, newest first."""

    versions: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class Edges:
    """All edges that reported, also those that are away."""

    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Regions:
    """Regions by name."""

    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """Changes, newest first. before: what to ask for to see older ones; null at the end."""

    entries: tuple[AuditEntry, ...]
    before: int | None


@dataclass(frozen=True, slots=True)
class KeyList:
    """Keys, newest first; no secrets."""

    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class About:
    """The hub: its id, the release it runs, since when, and whether it asks for keys."""

    id: str
    rtml: str
    started: str
    open: bool


@dataclass(frozen=True, slots=True)
class Health:
    """live: the process answers. ready: it reaches its database and its packages."""

    status: Literal["live", "ready"]
