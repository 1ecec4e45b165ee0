"""Which edges can answer for a service at the moment."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from rtml_core.client.records import Edge, Service
from rtml_core.errors import listing
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub

_RETRY: Final = ("Retry-After", "2")


def able(hub: Hub, service: Service, region: str | None = None, version: int | None = None) -> list[Edge]:
    """The edges that are ready for a service, in random order. region: there only; version: only those that hold it."""
    found = [
        edge
        for edge in hub.edges(region)
        if edge.state == "ready"
        and edge.region in service.regions
        and any(one.name == service.name and one.state == "ready" and _holds(one.versions, version) for one in edge.services)
    ]
    secrets.SystemRandom().shuffle(found)
    return found


def _holds(versions: tuple[int, ...], version: int | None) -> bool:
    return version is None or version in versions


def choose(hub: Hub, service: Service, region: str | None, url: str, version: int | None = None) -> list[Edge]:
    """able, at least one. url: of the hub, for people. Raises Problem 503 that says what to do."""
    found = able(hub, service, region, version)
    if found:
        return found
    where = f"in {region}" if region else f"of its regions ({', '.join(service.regions)})"
    if version is not None and able(hub, service, region):
        held = sorted({number for edge in able(hub, service, region) for one in edge.services if one.name == service.name
                       for number in one.versions})  # fmt: skip
        raise Problem(
            503,
            "no-edge",
            f"no edge {where} holds version {version} of '{service.name}'; there are {listing(map(str, held))}: edges hold the"
            f" versions in traffic and the champion before. Give it a share of the traffic, or make it the shadow, to try it",
        )
    raise Problem(
        503,
        "no-edge",
        f"no edge {where} serves '{service.name}' now; rtml edges list shows all, rtml edge --hub {url} --region"
        f" {region or service.regions[0]} starts one",
        headers=[_RETRY],
    )
