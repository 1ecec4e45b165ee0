"""Records in words: who answers, how edges are."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final

from rtml_core.client.records import Activity, Edge, EdgeService, Rollout, Service
from rtml_plugins.services.talking import moment
from rtml_plugins.serving.tables import plural
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


def shadow_words(service: Service, edges: Iterable[Edge]) -> str:
    """How the shadow version compares with those that answer now, over all edges that are not away; empty without a shadow.

    E.g. "5: 1,204 rows compared, 99.7 % agree, largest difference 0.02 in propensity".
    """
    traffic = service.traffic
    if traffic.shadow is None:
        return ""
    answering = {traffic.champion, *(arm.version for arm in (*traffic.split, *([traffic.canary] if traffic.canary else [])))}
    parts = [
        part
        for edge in edges
        if edge.state != "away"
        for part in _compared(edge.stats, service.name)
        if part.get("shadow") == traffic.shadow and part.get("version") in answering
    ]
    rows, equal, failures, dropped = (
        sum(_whole(part.get(name)) for part in parts) for name in ("rows", "equal", "failures", "dropped")
    )
    words = [f"{plural(rows, 'row')} compared" if rows else "nothing compared yet"]
    if rows:  # rounded down: 100 % is all
        words.append(f"{math.floor(1000 * min(equal, rows) / rows) / 10:g} % agree")
    largest = [found for part in parts if (found := _largest(part)) is not None]
    if largest:
        apart, output = max(largest)
        words.append(f"largest difference {apart:.3g} in {output}")
    if failures:
        words.append(f"{plural(failures, 'request')} failed")
    if dropped:
        words.append(f"{plural(dropped, 'request')} left out")
    return f"{traffic.shadow}: {', '.join(words)}"


def _compared(stats: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """What an edge says of a service's shadow versions; edges of other releases may say other things."""
    by_service = stats.get("shadow")
    parts = by_service.get(name) if isinstance(by_service, Mapping) else None
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, (list, tuple)) else []


#: nothing that edges count is as much; a number of JSON may be longer than a float is large
_MOST: Final = 10**15


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST else 0


def _largest(part: Mapping[str, Any]) -> tuple[float, str] | None:
    found = part.get("largest")
    difference = found.get("difference") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(difference, (int, float)):
        return None
    return (float(difference), str(found.get("output"))) if abs(difference) <= sys.float_info.max else None


def activity_words(activity: Activity) -> str:
    """What a service answered in the last minute: "12.4 requests a second, half within 0.31 ms, 99 % within 2 ms, no errors"."""
    if not activity.requests:
        return f"no requests, the last about {moment(activity.last)}" if activity.last else "no requests yet"
    words = [f"{activity.rate:,.3g} requests a second" if activity.rate < 1000 else f"{activity.rate:,.0f} requests a second"]
    if activity.p50 is not None and activity.p99 is not None:
        words.append(f"half within {_milliseconds(activity.p50)}, 99 % within {_milliseconds(activity.p99)}")
    words.append("no errors" if not activity.errors else f"{max(0.1, 100 * activity.errors):.2g} % errors")
    return ", ".join(words)


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"


def by_region(rollout: Rollout) -> dict[str, list[Edge]]:
    """Edges of a rollout by region; regions without an edge have none."""
    found: dict[str, list[Edge]] = {}
    for edge in rollout.edges:
        found.setdefault(edge.region, []).append(edge)
    for region in rollout.regions_without_edge:
        found.setdefault(region, [])
    return dict(sorted(found.items()))
