"""`rtml edges`: which there are, what they serve and how they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from rtml_core.errors import RtmlError, close_match, listing
from rtml_plugins.services.talking import hub_options, json_option, moment, print_json, talking
from rtml_plugins.serving.tables import plural, table

if TYPE_CHECKING:
    from rtml_core.client.records import Edge, EdgeService


@click.group("edges", epilog="\b\nExample:\n  rtml edges list\n  rtml edges show emea-1\n")
def edges() -> None:
    """List edges, what they serve and how they are."""


@edges.command("list", epilog="\b\nExample:\n  rtml edges list --region emea\n")
@click.option("--region", help="Of this region only.")
@json_option
@hub_options
def list_edges(region: str | None, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """List edges as they last reported: one that was not heard of for 15 seconds is away."""
    with talking(hub, key_file, ca) as client:
        found = [edge for edge in client.edges() if region is None or edge.region == region]
        address = client.hub
    if as_json:
        print_json(found)
        return
    if not found:
        where = f" in {region}" if region else ""
        click.echo(f"No edge{where} has reported to {address}; start one: rtml edge --hub {address} --region {region or 'na'}")
        return
    rows = [
        (edge.id, edge.region, edge.state, edge.url, str(edge.workers), _services(edge), str(edge.revision), moment(edge.seen))
        for edge in sorted(found, key=lambda edge: (edge.region, edge.id))
    ]
    click.echo(table(("edge", "region", "state", "address", "workers", "services", "revision", "seen"), rows))


def _services(edge: Edge) -> str:
    failed = sum(service.state == "failed" for service in edge.services)
    return str(len(edge.services)) + (f", {failed} failed" if failed else "")


@edges.command("show", epilog="\b\nExample:\n  rtml edges show emea-1\n")
@click.argument("edge")
@json_option
@hub_options
def show(edge: str, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Show an edge: its services with their versions and state, what it measured, and its plugins."""
    with talking(hub, key_file, ca) as client:
        known = client.edges()
    found = next((one for one in known if one.id == edge), None)
    if found is None:
        names = [one.id for one in known]
        raise RtmlError(f"edge '{edge}' does not exist. There are: {listing(names)}.{close_match(edge, names)}")
    if as_json:
        print_json(found)
        return
    facts = {
        "edge": f"{found.id} in {found.region}, {found.state}",
        "address": found.url,
        "runs": f"rtml {found.rtml}, {plural(found.workers, 'worker')}, since {moment(found.started)}",
        "serves": f"revision {found.revision}, last heard of {moment(found.seen)}",
        "plugins": _plugins(found.plugins),
    }
    click.echo("\n".join(f"{name:<8}  {text}" for name, text in facts.items()))
    for plugin in found.plugins:
        if plugin.get("reason"):
            click.echo(_plain(f"plugin {plugin.get('name')} is {plugin.get('state')}: {plugin['reason']}"))
    if found.services:
        click.echo()
        rows = [line for service in found.services for line in _lines(service, found.stats)]
        heads = ("service", "version", "state", "requests", "errors", "a second", "p50 ms", "p99 ms", "problem")
        click.echo(table(heads, rows, {8: 60}))


def _plugins(found: Sequence[Mapping[str, Any]]) -> str:
    """What is installed there: how many ship with rtml, the others with their release and whether packages may run their code."""
    built_in = sum(plugin.get("distribution") == "rtml" for plugin in found)
    others = [
        f"{plugin.get('name')} {plugin.get('version') or ''}".strip() + (" (trusted)" if plugin.get("trusted") else "")
        for plugin in found
        if plugin.get("distribution") != "rtml"
    ]
    return listing([*([f"{built_in} built in"] if built_in else []), *others]) if found else "not told yet"


def _plain(text: str) -> str:
    """The text in one line, without what would steer a terminal: it was written by whoever wrote the plugin."""
    return "".join(character if character.isprintable() else " " for character in text)


def _lines(service: EdgeService, stats: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line for each version that the edge holds, with what it measured where it says so."""
    measured = _at(_at(_at(stats, "services"), service.name), "versions")
    lines = []
    for version in service.versions or (None,):
        found = _at(measured, str(version))
        milliseconds = [_number(found.get(name), 1000.0) for name in ("p50", "p99")]
        counted = [_number(found.get(name)) for name in ("requests", "errors", "rate")]
        lines.append((service.name, str(version or ""), service.state, *counted, *milliseconds, service.problem))
    return lines


def _at(value: Any, name: str) -> Mapping[str, Any]:
    """What is under a name, empty when there is nothing: edges of other releases may measure other things."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _number(value: Any, factor: float = 1.0) -> str:
    """For people: whole numbers whole, others to three digits; nothing for what is none, or beyond what is counted."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 10**15:
        return ""
    scaled = factor * value
    return f"{scaled:,.0f}" if isinstance(value, int) or abs(scaled) >= 100 else f"{scaled:.3g}"


@edges.command("forget", epilog="\b\nExample:\n  rtml edges forget emea-1\n")
@click.argument("edge")
@hub_options
def forget(edge: str, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Drop an edge that is gone for good from the list. One that is alive reports again."""
    with talking(hub, key_file, ca) as client:
        client.forget_edge(edge)
    click.echo(f"Forgot {edge}")
