"""Which edge a request of scope edge may speak for: one whose key it sends, and of what region.

An edge has the key with which it reports, by its name, which stays when a key is rotated. Another key takes over when that one is
not valid any more, or when somebody forgets the edge. A hub without keys knows no callers: there an edge is who it says it is.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from rtml_plugins.hub.keys import Caller, is_valid
from rtml_plugins.hub.tables import api_keys, edges
from rtml_plugins.serving.problems import Problem


def check_key(connection: Connection, caller: Caller, edge: str, now: float) -> None:
    """Problem 403 when the edge has another valid key than the caller's."""
    row = connection.execute(select(edges.c.key).where(edges.c.id == edge)).first()
    if row is not None:
        _same(connection, caller, edge, row.key, now)


def check(connection: Connection, caller: Caller, edge: str, region: str, now: float) -> None:
    """Problem 403 unless this caller is that edge and may be in that region; Problem 409 unless the edge reported to be there."""
    caller.check_region(region)
    row = connection.execute(select(edges.c.key, edges.c.region).where(edges.c.id == edge)).first()
    if row is None:
        if caller.key is None or "admin" in caller.scopes:
            return
        raise Problem(409, "conflict", f"edge '{edge}' has not reported to this hub: it is told of persons as soon as it has")
    _same(connection, caller, edge, row.key, now)
    if row.region != region:
        raise Problem(
            409,
            "conflict",
            f"edge '{edge}' reported that it is in region '{row.region}': it is told nothing of region '{region}'",
        )


def binds(caller: Caller) -> str | None:
    """The name of the key that an edge has when this caller reports it; None for who may speak for every edge."""
    return None if caller.key is None or "admin" in caller.scopes else caller.name


def _same(connection: Connection, caller: Caller, edge: str, bound: str | None, now: float) -> None:
    if bound is None or binds(caller) in (None, bound):
        return
    rows = connection.execute(select(api_keys).where(api_keys.c.name == bound))
    if any(is_valid(row, now) for row in rows):
        raise Problem(
            403,
            "forbidden",
            f"edge '{edge}' has another key than '{caller.name}': send that one, or give this edge a name of its own (--name); to"
            " change its key, revoke the old one first, or run rtml edges forget",
        )
