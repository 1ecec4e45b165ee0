"""`rtml services`: listed, shown and steered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtml_core.errors import RtmlError
from rtml_plugins.services.drifting import drift
from rtml_plugins.services.enrich import enrich
from rtml_plugins.services.talking import hub_options, json_option, moment, print_json, span, talking
from rtml_plugins.services.talking import share as share_type
from rtml_plugins.services.words import activity_words, edge_state, of_service, role, shadow_words
from rtml_plugins.serving.tables import plural, table
from rtml_plugins.serving.words import percent, traffic_words

if TYPE_CHECKING:
    from rtml_core.client.records import Service

_EXAMPLE = """\b
Example:
  rtml services list
  rtml services show churn
  rtml services canary churn 4 10%
  rtml services rollback churn
"""


@click.group("services", epilog=_EXAMPLE)
def services() -> None:
    """List, show and steer services."""


services.add_command(drift)
services.add_command(enrich)


def _example(*lines: str) -> str:
    return "\b\nExample:\n" + "".join(f"  rtml services {line}\n" for line in lines)


@services.command("list", epilog=_example("list", "list --region emea --json"))
@click.option("-q", "--query", help="Of which name, description or owner contain this.")
@click.option("--region", help="That this region serves.")
@json_option
@hub_options
def list_services(
    query: str | None, region: str | None, as_json: bool, hub: str | None, key_file: str | None, ca: str | None
) -> None:
    """List services with the versions that answer."""
    with talking(hub, key_file, ca) as client:
        found = client.services(query, region=region)
        address = client.hub
    if as_json:
        print_json(found)
        return
    if not found:
        that = " that this finds" if query or region else ""
        click.echo(f"{address} has no service{that}; publish one: rtml publish FILE.rtml --name churn --region na")
        return
    rows = [
        (
            service.name,
            traffic_words(service.traffic),
            str(len(service.versions)),
            ", ".join(service.regions),
            service.owner,
            "deprecated" if service.deprecated else "",
            moment(service.updated),
        )
        for service in found
    ]
    click.echo(table(("service", "answers", "versions", "regions", "owner", "state", "updated"), rows))


@services.command("show", epilog=_example("show churn"))
@click.argument("service")
@json_option
@hub_options
def show(service: str, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Show a service: who answers, its versions, and how each edge stands to the newest change."""
    with talking(hub, key_file, ca) as client:
        found = client.service(service)
        if as_json:
            print_json(found)
            return
        rollout = client.rollout(service, wait=False)
        lately = client.measures(service, span="15m").now
    facts = {
        "service": f"{found.name} ({found.id})",
        "about": found.description,
        "owner": found.owner,
        "answers": traffic_words(found.traffic),
        "lately": activity_words(lately),
        "shadow": shadow_words(found, rollout.edges),
        "regions": ", ".join(found.regions),
        "created": moment(found.created),
        "updated": moment(found.updated),
    }
    if found.deprecated:
        facts["deprecated"] = moment(found.deprecated) + (f": {found.deprecation}" if found.deprecation else "")
    width = max(map(len, facts))
    click.echo("\n".join(f"{name:<{width}}  {text}" for name, text in facts.items() if text))
    click.echo("\n" + _version_table(found))
    rows = []
    for edge in rollout.edges:
        status = of_service(edge, service)
        held = ", ".join(map(str, status.versions)) if status else ""
        rows.append((edge.region, edge.id, edge_state(edge, rollout), held, edge.url, status.problem if status else ""))
    rows += [
        (region, "no edge yet", "", "", "", "") for region in rollout.regions_without_edge if region not in {r[0] for r in rows}
    ]
    if rows:
        click.echo("\n" + table(("region", "edge", "state", "holds", "address", "problem"), sorted(rows), {5: 60}))


def _version_table(service: Service) -> str:
    rows = [
        (
            str(version.version),
            role(service, version.version),
            moment(version.created),
            version.created_by,
            f"{version.size:,}",
            version.package[:12],
            "" if version.compatible else "not compatible with the one before",
            version.description,
        )
        for version in service.versions
    ]
    return table(("version", "answers", "published", "by", "bytes", "package", "signature", "message"), rows, {7: 60})


@services.command("versions", epilog=_example("versions churn"))
@click.argument("service")
@json_option
@hub_options
def versions(service: str, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """List the versions of a service, newest first."""
    with talking(hub, key_file, ca) as client:
        found = client.service(service)
    if as_json:
        print_json(found.versions)
    else:
        click.echo(_version_table(found))


wait_option = click.option("--no-wait", is_flag=True, help="Do not wait until the edges follow.")
sticky_option = click.option(
    "--sticky", metavar="FIELD", help="The field of a row that decides who, so that a visitor stays in an arm."
)


def _changed(found: Service) -> None:
    click.echo(f"{found.name}: answers {traffic_words(found.traffic)}")


@services.command("rollback", epilog=_example("rollback churn", "rollback churn --to 3"))
@click.argument("service")
@click.option("--to", type=click.IntRange(1), metavar="VERSION", help="To this version, instead of the champion before.")
@wait_option
@hub_options
def rollback(service: str, to: int | None, no_wait: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Let the champion before answer again. Edges hold it ready, so this takes a moment only."""
    with talking(hub, key_file, ca) as client:
        _changed(client.rollback(service, to, wait=not no_wait))


@services.command("promote", epilog=_example("promote churn", "promote churn 4"))
@click.argument("service")
@click.argument("version", type=click.IntRange(1), required=False)
@wait_option
@hub_options
def promote(service: str, version: int | None, no_wait: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Make a version the champion, the canary unless VERSION names another."""
    with talking(hub, key_file, ca) as client:
        _changed(client.promote(service, version, wait=not no_wait))


@services.command("canary", epilog=_example("canary churn 4 10% --sticky customer", "canary churn --off"))
@click.argument("service")
@click.argument("version", type=click.IntRange(1), required=False)
@click.argument("share", type=share_type, metavar="SHARE", required=False)
@click.option("--off", is_flag=True, help="End it: the champion answers everyone.")
@sticky_option
@wait_option
@hub_options
def canary(
    service: str, version: int | None, share: float | None, off: bool, sticky: str | None, no_wait: bool, **options: Any
) -> None:
    """Let a version answer a SHARE of the requests (0.1 or 10%); a share of 0 ends it."""
    if off == (version is not None) or (not off and share is None):
        raise RtmlError("give a version and a share, e.g. `rtml services canary churn 4 10%`, or --off")
    with talking(options["hub"], options["key_file"], options["ca"]) as client:
        _changed(client.canary(service, version or 0, share or 0.0, sticky=sticky, wait=not no_wait))


@services.command("split", epilog=_example("split churn 3=50% 4=50% --sticky customer", "split churn --off"))
@click.argument("service")
@click.argument("shares", nargs=-1, metavar="[VERSION=SHARE]...")
@click.option("--off", is_flag=True, help="End it: the champion answers everyone.")
@sticky_option
@wait_option
@hub_options
def split(service: str, shares: tuple[str, ...], off: bool, sticky: str | None, no_wait: bool, **options: Any) -> None:
    """An A/B test between versions. The champion answers what the shares leave."""
    if off == bool(shares):
        raise RtmlError("give versions with shares, e.g. `rtml services split churn 4=50%`, or --off")
    with talking(options["hub"], options["key_file"], options["ca"]) as client:
        _changed(client.split(service, _shares(shares), sticky=sticky, wait=not no_wait))


def _shares(given: tuple[str, ...]) -> dict[int, float]:
    found: dict[int, float] = {}
    for text in given:
        number, equals, share = text.partition("=")
        if not equals or not number.isascii() or not number.isdigit():
            raise RtmlError(f"{text!r}: expected VERSION=SHARE, e.g. 4=50%")
        if int(number) in found:
            raise RtmlError(f"version {int(number)} has two shares; give it one")
        found[int(number)] = share_type(share)
    return found


@services.command("shadow", epilog=_example("shadow churn 5", "shadow churn --off"))
@click.argument("service")
@click.argument("version", type=click.IntRange(1), required=False)
@click.option("--off", is_flag=True, help="End it.")
@wait_option
@hub_options
def shadow(
    service: str, version: int | None, off: bool, no_wait: bool, hub: str | None, key_file: str | None, ca: str | None
) -> None:
    """Score a version along with the one that answers, and compare; nobody sees its answers."""
    if off == (version is not None):
        raise RtmlError("give a version, e.g. `rtml services shadow churn 5`, or --off")
    with talking(hub, key_file, ca) as client:
        _changed(client.shadow(service, version, wait=not no_wait))


@services.command("update", epilog=_example("update churn --owner growth --region na,emea"))
@click.argument("service")
@click.option("--description", help="What it is for.")
@click.option("--owner", help="Who answers for it.")
@click.option("--region", "regions", metavar="NAMES", help="All regions that are to serve it, e.g. na,emea.")
@hub_options
def update(service: str, description: str | None, owner: str | None, regions: str | None, **options: Any) -> None:
    """Change description, owner or regions."""
    names = None if regions is None else [name.strip() for name in regions.split(",") if name.strip()]
    if description is None and owner is None and names is None:
        raise RtmlError("nothing to change: give --description, --owner or --region")
    with talking(options["hub"], options["key_file"], options["ca"]) as client:
        found = client.update(service, description=description, owner=owner, regions=names)
    click.echo(
        f"{found.name}: {found.description or 'no description'}, owner {found.owner or 'nobody'}, in {', '.join(found.regions)}"
    )


@services.command("deprecate", epilog=_example('deprecate churn --reason "use churn-2"'))
@click.argument("service")
@click.option("--reason", required=True, help="Why, and what to use instead.")
@hub_options
def deprecate(service: str, reason: str, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Say that a service goes. It is served on; answers carry a Deprecation header."""
    with talking(hub, key_file, ca) as client:
        found = client.deprecate(service, reason)
    click.echo(f"{found.name}: deprecated since {moment(found.deprecated)}: {found.deprecation}")


@services.command("restore", epilog=_example("restore churn"))
@click.argument("service")
@hub_options
def restore(service: str, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Take a deprecation back."""
    with talking(hub, key_file, ca) as client:
        found = client.restore(service)
    click.echo(f"{found.name}: no longer deprecated")


@services.command("delete", epilog=_example("delete churn", "delete churn --yes"))
@click.argument("service")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@hub_options
def delete(service: str, yes: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Delete a service; its edges stop answering for it."""
    with talking(hub, key_file, ca) as client:
        found = client.service(service)
        if not yes:
            what = (
                f"{found.name} with {plural(len(found.versions), 'version')}, served in {', '.join(found.regions) or 'no region'}"
            )
            if not click.confirm(f"Delete {what}?", err=True):
                click.echo("Nothing was deleted")
                return
        client.delete(service)
    click.echo(f"Deleted {service}")


@services.command("audit", epilog=_example("audit churn", "audit --limit 20 --json"))
@click.argument("service", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@json_option
@hub_options
def audit(service: str | None, limit: int, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Who changed what and when, newest first; of one service, or of the hub."""
    with talking(hub, key_file, ca) as client:
        found = client.audit(service, limit=limit)
    if as_json:
        print_json(found)
        return
    rows = [(moment(entry.at), entry.actor, entry.action, entry.subject, _details(entry.details)) for entry in found]
    click.echo(table(("when", "who", "what", "of", "details"), rows, {4: 80}) if rows else "Nothing has changed yet")


@services.command("collect", epilog=_example("collect --dry-run", "collect --older-than 30d"))
@click.option(
    "--older-than", default="7d", show_default=True, metavar="SPAN", help="That none has needed for so long, e.g. 0, 12h or 30d."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
@hub_options
def collect(older_than: str, dry_run: bool, as_json: bool, hub: str | None, key_file: str | None, ca: str | None) -> None:
    """Remove packages that no service needs from the hub: those of deleted services, and what a publication left that broke off.

    Every version of a service that is not deleted stays. A hub does the same by itself every six hours, after seven days.
    """
    with talking(hub, key_file, ca) as client:
        found = client.collect(older_than=span(older_than, "--older-than"), dry_run=dry_run)
    if as_json:
        print_json(found)
        return
    for package in found.packages:
        click.echo(package)
    what = f"{plural(len(found.packages), 'package')}, {found.size:,} bytes"
    click.echo(f"{'Would free' if found.dry_run else 'Freed'}: {what}")


def _details(details: dict[str, Any]) -> str:
    shown = []
    for name, value in details.items():
        if name == "share" and isinstance(value, float):
            value = percent(value)
        elif isinstance(value, (list, tuple)):
            value = " ".join(map(str, value))
        elif isinstance(value, dict):
            value = " ".join(f"{key}={inner}" for key, inner in value.items() if inner not in (None, [], ""))
        if value not in (None, "", []):
            shown.append(f"{name} {value}")
    return ", ".join(shown)
