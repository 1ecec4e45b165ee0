"""Records in words: who answers, how edges are."""

from __future__ import annotations

from rtml_core.client.records import Edge, EdgeService, Rollout, Service
from rtml_plugins.serving.words import percent


def role(service: Service, version: int) -> str:
    """What a version does for its service."""
    traffic = service.traffic
    if version == traffic.champion:
        return "champion"
    if traffic.canary is not None and traffic.canary.version == version:
        return f"canary {percent(traffic.canary.share)}"
    for arm in traffic.split:
        if arm.version == version:
            return f"split {percent(arm.share)}"
    return "shadow" if traffic.shadow == version else ""


def of_service(edge: Edge, name: str) -> EdgeService | None:
    """What an edge says of a service."""
    return next((service for service in edge.services if service.name == name), None)


def edge_state(edge: Edge, rollout: Rollout) -> str:
    """How an edge stands to a change: ready, behind, away, failed."""
    service = of_service(edge, rollout.service)
    if edge.state == "away":
        return "away"
    if service is not None and service.state == "failed":
        return "failed"
    followed = rollout.complete or edge.revision >= rollout.revision
    return "ready" if followed and service is not None and service.state == "ready" else "loading"


def by_region(rollout: Rollout) -> dict[str, list[Edge]]:
    """Edges of a rollout by region; regions without an edge have none."""
    found: dict[str, list[Edge]] = {}
    for edge in rollout.edges:
        found.setdefault(edge.region, []).append(edge)
    for region in rollout.regions_without_edge:
        found.setdefault(region, [])
    return dict(sorted(found.items()))
