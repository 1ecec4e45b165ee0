"""What is asked of a hub for a notebook: services with their figures, one service with all of its state, edges."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from rtml_plugins.notebook.tables import Facts, Link, Listing
from rtml_plugins.services.talking import moment
from rtml_plugins.services.words import activity_words, edge_state, of_service, role, shadow_words
from rtml_plugins.serving.words import percent, traffic_words

if TYPE_CHECKING:
    from rtml_core.client import Client
    from rtml_core.client.records import Activity, Rollout, Service

T = TypeVar("T")
#: services whose figures are asked for, and calls at once
_FIGURES: Final = 200
_CALLS: Final = 8
FIGURES: Final = ("requests/s", "p50 ms", "p99 ms", "errors")
SERVICE_COLUMNS: Final = ("service", "version", "answers", "regions", "state", *FIGURES, "updated")


def services(client: Client, text: str | None = None) -> Listing:
    """Services that `text` is found in, all without it, each with what it answered in the last minute."""
    found = client.services(text)
    with ThreadPoolExecutor(_CALLS) as pool:
        lately = list(pool.map(lambda one: _or_none(lambda: _lately(client, one.name)), found[:_FIGURES]))
        rollouts = list(pool.map(lambda one: _or_none(lambda: client.rollout(one.name, wait=False)), found[:_FIGURES]))
    lately += [None] * (len(found) - len(lately))
    rollouts += [None] * (len(found) - len(rollouts))
    rows = [_service_row(one, now, rollout) for one, now, rollout in zip(found, lately, rollouts, strict=True)]
    note = f"figures of the last minute; {client.hub}"
    if len(found) > _FIGURES:
        note = f"figures of the last minute, of the first {_FIGURES}: name what you look for, %rtml services TEXT; {client.hub}"
    which = f" with '{text}'" if text else ""
    empty = f"{client.hub} has no service{which}: publish one with client.publish(package, 'name')"
    return Listing(SERVICE_COLUMNS, rows, note=note, empty=empty)


def _or_none(call: Callable[[], T]) -> T | None:
    """What a call gives; None where the service was deleted in between."""
    from rtml_core.client import NotFound

    try:
        return call()
    except NotFound:
        return None


def _lately(client: Client, name: str) -> Activity:
    return client.measures(name, span="15m").now


def _service_row(service: Service, now: Activity | None, rollout: Rollout | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "service": service.name,
        "version": service.traffic.champion,
        "answers": traffic_words(service.traffic),
        "regions": list(service.regions),
        "state": state(service, rollout),
        "updated": moment(service.updated),
    }
    return row | (_figures(now) if now is not None else {})


def _figures(now: Any) -> dict[str, Any]:
    """Figures of an activity, of a service or of one version."""
    return {
        "requests/s": now.rate,
        "p50 ms": None if now.p50 is None else 1e3 * now.p50,
        "p99 ms": None if now.p99 is None else 1e3 * now.p99,
        "errors": percent(now.errors) if now.rate else "",
    }


def state(service: Service, rollout: Rollout | None) -> str:
    """How a service is on its edges, in a few words: "ready", "1 of 2 edges ready", "no edge in emea", "deprecated, ready"."""
    words = ["deprecated"] if service.deprecated else []
    if rollout is not None:
        present = [edge for edge in rollout.edges if edge.state != "away"]
        states = [edge_state(edge, rollout) for edge in present]
        ready = states.count("ready")
        if "failed" in states:
            words.append(f"failed on {states.count('failed')} of {len(present)} edges")
        elif present:
            words.append("ready" if ready == len(present) else f"{ready} of {len(present)} edges ready")
        if rollout.regions_without_edge:
            words.append(f"no edge in {', '.join(rollout.regions_without_edge)}")
    return ", ".join(words)


def service(client: Client, name: str) -> Facts:
    """A service as it is now: who answers, its versions with their figures, its edges, the gallery's page, a line for a shell."""
    found = client.service(name)
    rollout = client.rollout(name, wait=False)
    now = client.measures(name, span="15m").now
    facts = {
        "about": found.description,
        "owner": found.owner,
        "state": state(found, rollout),
        "answers": traffic_words(found.traffic),
        "lately": activity_words(now),
        "shadow": shadow_words(found, rollout.edges),
        "regions": list(found.regions),
        "updated": moment(found.updated),
        "deprecated": found.deprecation if found.deprecated else "",
        "gallery": f"{client.hub}/gallery/services/{found.name}",
    }
    ready = [edge.url for edge in rollout.edges if edge_state(edge, rollout) == "ready"]
    code = curl(ready[0], name, example(client, name)) if ready else ""
    return Facts(f"service {found.name}", facts, {"versions": _versions(found, now), "edges": _edges_of(rollout)}, code)


def _versions(found: Service, now: Activity) -> Listing:
    rows = []
    for version in found.versions:
        lately = now.versions.get(version.version)
        rows.append(
            {
                "version": version.version,
                "answers": role(found, version.version),
                "published": moment(version.created),
                "by": version.created_by,
                "bytes": f"{version.size:,}",
                "package": version.package[:12],
                **(_figures(lately) if lately is not None else {}),
                "message": version.description,
            }
        )
    columns = ("version", "answers", "published", "by", "bytes", "package", *FIGURES, "message")
    return Listing(columns, rows)


def _edges_of(rollout: Rollout) -> Listing:
    rows: list[dict[str, Any]] = []
    for edge in sorted(rollout.edges, key=lambda edge: (edge.region, edge.id)):
        held = of_service(edge, rollout.service)
        rows.append(
            {
                "region": edge.region,
                "edge": edge.id,
                "state": edge_state(edge, rollout),
                "holds": list(held.versions) if held else [],
                "address": edge.url,
                "problem": held.problem if held else "",
            }
        )
    rows += [{"region": region, "state": "no edge yet"} for region in rollout.regions_without_edge]
    return Listing(("region", "edge", "state", "holds", "address", "problem"), rows, empty="no edge yet")


def example(client: Client, name: str) -> Mapping[str, Any]:
    """A row that the champion scores: one of those its package was proven with; {} when there is none."""
    from rtml_core.package import read_archive

    archive = read_archive(client.download(name), name)
    rows = msgspec.json.decode(archive.sample).get("rows")
    return rows[0] if rows else {}


def curl(url: str, name: str, row: Mapping[str, Any]) -> str:
    """A line for a shell that scores a row."""
    body = msgspec.json.encode(row).decode()
    return f"curl -s {url}/v1/services/{name}/predict -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def edges(client: Client) -> Listing:
    """Edges as they last reported."""
    rows = [
        {
            "edge": edge.id,
            "region": edge.region,
            "state": edge.state,
            "address": edge.url,
            "workers": edge.workers,
            "services": len(edge.services),
            "failed": sum(one.state == "failed" for one in edge.services) or None,
            "seen": moment(edge.seen),
        }
        for edge in sorted(client.edges(), key=lambda edge: (edge.region, edge.id))
    ]
    columns = ("edge", "region", "state", "address", "workers", "services", "failed", "seen")
    return Listing(columns, rows, note=client.hub, empty=f"no edge has reported to {client.hub}")


def audit(client: Client, name: str | None) -> Listing:
    """Who changed what, newest first."""
    rows = [
        {
            "when": moment(entry.at),
            "who": entry.actor,
            "what": entry.action,
            "of": entry.subject,
            "details": _details(entry.details),
        }
        for entry in client.audit(name, limit=50)
    ]
    return Listing(("when", "who", "what", "of", "details"), rows, empty="nothing has changed yet")


def _details(details: Mapping[str, Any]) -> str:
    """What is known of a change, without what is empty: "version 1, regions na, traffic champion 1"."""
    words = []
    for name, value in details.items():
        if isinstance(value, Mapping):
            value = _details(value)
        elif isinstance(value, (list, tuple)):
            value = " ".join(map(str, value))
        if value not in (None, "", False):
            words.append(f"{name} {value}")
    return ", ".join(words)


def gallery(client: Client) -> Link:
    """The gallery, with the rights of this client's key."""
    found = client.gallery_link()
    return Link(found.url, "Open the gallery", "it opens once, within 90 seconds" if found.expires is not None else "")
