"""What an edge holds of profiles, as its hub tells it: the chosen fields of a person, no more.

JSON by msgspec; unknown fields are ignored, so either side may be newer.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

#: what a message may hold at most: identities that are asked for, profiles that changed
ASKED: Final = 1000
CHANGED: Final = 10_000

#: characters of the key of an identity
SHORTEST: Final = 3
LONGEST: Final = 2048

Key = Annotated[str, msgspec.Meta(min_length=SHORTEST, max_length=LONGEST)]


class Projection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person as a region may see it. key: of the identity that was asked for (namespace in lower case, ":", id).

    found: whether there is such a person at the hub. attributes: by dotted path, JSON values; those without a value are left out.
    aggregates: the state of each aggregate by its id (rtml_plugins.profile.aggregates). consent: False when the person refused
    personalisation. version: grows with each change of the person. ttl: seconds that it may be used.
    """

    key: Key
    found: bool = False
    person: str = ""
    attributes: dict[str, Any] = {}
    aggregates: dict[str, Any] = {}
    consent: bool = True
    version: int = 0
    ttl: float = 3600.0


class ProjectionsAsked(msgspec.Struct, frozen=True):
    """POST /v1/edges/{edge}/projections: the identities that an edge needs now. From then on the hub tells it their changes."""

    region: str
    keys: Annotated[tuple[Key, ...], msgspec.Meta(max_length=ASKED)]


class Projections(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer, in the order of the keys. epoch, cursor: from where to follow changes. epoch: of the hub's feed: with another
    one than before, changes may have been missed."""

    epoch: str
    cursor: int
    projections: tuple[Projection, ...] = ()


class ProjectionsChanged(msgspec.Struct, frozen=True, omit_defaults=True):
    """GET /v1/edges/{edge}/projections/changes?region=&epoch=&cursor=&wait=: those of the profiles the edge asked for that
    changed since (a long poll). gone: keys that nobody owns any more, or whose person was erased."""

    epoch: str
    cursor: int
    changed: Annotated[tuple[Projection, ...], msgspec.Meta(max_length=CHANGED)] = ()
    gone: Annotated[tuple[Key, ...], msgspec.Meta(max_length=CHANGED)] = ()
