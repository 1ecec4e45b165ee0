"""Rows of profiles as an edge keeps them on disk, and as it tells its workers of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from rtml_plugins.edge.neighbours import Held
from rtml_plugins.edge.projections_store import Row
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.projections import Projection

#: seconds that it is remembered that there is no such person, and that the hub was away
NEGATIVE: Final = 10.0
AWAY: Final = 1.0
#: seconds that a profile is used at most, whatever the hub says
_FOREVER: Final = 400 * 86_400.0

_log: Final = logger("rtml.edge.projections")
_encode: Final = msgspec.json.Encoder().encode


def made(profiles: Iterable[Projection], epoch: str, now: int, keep: int) -> tuple[list[Row], list[str]]:
    """Rows of profiles, and the keys of those that can't be kept: they are as gone, and hold nobody else up.

    now, keep: us; keep: how long one is used beyond its time.
    """
    rows: list[Row] = []
    lost: list[str] = []
    for one in profiles:
        try:
            _encode(one)
            rows.append(_row(one, epoch, now, keep))
        except Exception as error:  # said without its text, which may hold values
            lost.append(one.key)
            _log.error("a profile can't be kept", problem=type(error).__name__, taken="as if there were none")
    return rows, lost


def _row(profile: Projection, epoch: str, now: int, keep: int) -> Row:
    ttl = min(max(profile.ttl, 0.0), _FOREVER)
    if not profile.found:
        fresh = now + int(min(ttl, NEGATIVE) * 1e6)
        return Row(profile, fresh, fresh, epoch)
    fresh = now + int(ttl * 1e6)
    return Row(profile, fresh, fresh + keep, epoch)


def unknown(key: str, now: int) -> Held:
    """What is answered while nobody knows."""
    return Held(key, None, now + int(AWAY * 1e6), now + int(AWAY * 1e6))


def held_of(row: Row, fresh: int | None = None) -> Held:
    """A row as workers are told it."""
    return Held(row.profile.key, _encode(row.profile), row.fresh if fresh is None else fresh, row.until)


def same(row: Row, before: Row) -> bool:
    """Whether a worker sees nothing else than before, but for how long it may."""
    one, other = row.profile, before.profile
    return one == msgspec.structs.replace(other, version=one.version) and row.epoch == before.epoch
