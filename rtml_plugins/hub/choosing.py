"""Which edges can answer for a service at the moment."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rtml_core.client.records import Edge, Service
from rtml_core.errors import listing
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub


def able(edges: Iterable[Edge], service: Service, region: str | None = None, version: int | None = None) -> list[Edge]:
    """Of some edges those that are ready for a service, in random order. region: there only; version: only those that hold it."""
    found = [
        edge
        for edge in edges
        if edge.state == "ready"
        and edge.region in service.regions
        and region in (None, edge.region)
        and any(one.state == "ready" and version in (None, *one.versions) for one in edge.services if one.name == service.name)
    ]
    secrets.SystemRandom().shuffle(found)
    return found


def choose(hub: Hub, service: Service, region: str | None, url: str, version: int | None = None) -> list[Edge]:
    """The edges that are able, at least one. url: of the hub, for people. Raises Problem 503 that says what to do."""
    edges = hub.edges(region)
    found = able(edges, service, region, version)
    if found:
        return found
    where = f"in {region}" if region else f"of its regions ({', '.join(service.regions)})"
    others = able(edges, service, region)
    if others:
        held = {number for edge in others for one in edge.services if one.name == service.name for number in one.versions}
        raise Problem(
            503,
            "no-edge",
            f"no edge {where} holds version {version} of '{service.name}' now; there are {listing(map(str, sorted(held)))}. Edges"
            f" hold the versions in traffic and the champion before: give it a share of the traffic, or make it the shadow",
        )
    raise Problem(
        503,
        "no-edge",
        f"no edge {where} serves '{service.name}' now; rtml edges list shows all, rtml edge --hub {url} --region"
        f" {region or service.regions[0]} starts one",
        headers=[("Retry-After", "2")],
    )
