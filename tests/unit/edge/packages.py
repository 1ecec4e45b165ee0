"""Packages whose answers tell which one they are, and states of a region that name them."""

from __future__ import annotations

from functools import cache
from typing import Any

from rtml_core import operators as op
from rtml_core.client.records import Traffic
from rtml_plugins.edge.files import HeldState, Home, write
from rtml_plugins.serving.wire import EXCHANGE, KeyEntry, ServiceEntry, VersionEntry

HUB = "hub-1"
REGION = "emea"


@cache
def package(number: int, name: str = "") -> tuple[str, bytes]:
    """(id, bytes) of a package that answers {"says": x + number} for {"x": x}."""
    graph = op.Receiver(schema={"x": "float"}) >> op.FieldOps(ops=[{"set": f"says{name}", "to": f"x + {number}"}])
    compiled = graph.compile()
    return compiled.id, compiled.data


def version(number: int, of: int | None = None) -> VersionEntry:
    """Version `number` with package `of`, else with the package of its number."""
    identity, data = package(number if of is None else of)
    return VersionEntry(number, identity, len(data))


def service(*versions: VersionEntry | int, name: str = "churn", identity: str | None = None, **traffic: Any) -> ServiceEntry:
    """A service; its champion is the last version unless traffic says otherwise."""
    entries = tuple(version(one) if isinstance(one, int) else one for one in versions)
    shares = Traffic(**{"champion": entries[-1].version, **traffic})
    return ServiceEntry(identity or f"id-of-{name}", name, entries, shares)


def state(revision: int, *services: ServiceEntry, keys: tuple[KeyEntry, ...] = (), **others: Any) -> HeldState:
    """What an edge keeps of its region."""
    return HeldState(
        **{"exchange": EXCHANGE, "hub": HUB, "region": REGION, **others}, revision=revision, services=services, keys=keys
    )


def put(home: Home, *numbers: int) -> None:
    """Put packages on the disk of an edge."""
    for number in numbers:
        identity, data = package(number)
        home.package(identity).write_bytes(data)


def tell(home: Home, told: HeldState) -> None:
    """Tell the workers of an edge."""
    write(home.state, told)
