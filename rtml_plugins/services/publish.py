"""`rtml publish`: a package becomes a version of a service, on every edge of its regions."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtml_core.errors import RtmlError
from rtml_plugins.services.talking import hub_options, json_option, print_json, talking
from rtml_plugins.services.talking import share as share_type
from rtml_plugins.serving.names import check_name
from rtml_plugins.serving.words import traffic_words

if TYPE_CHECKING:
    from rtml_core.client.records import Published, Rollout, Traffic

_EXAMPLE = """\b
Example:
  rtml publish churn.rtml --name churn --region na,emea,apac
  rtml publish better.rtml --name churn --share 10% --message "trained on October"
"""


@click.command("publish", epilog=_EXAMPLE)
@click.argument("package", metavar="FILE.rtml")
@click.option("--name", required=True, help="The service; made when there is none of this name.")
@click.option("--region", "regions", multiple=True, metavar="NAMES", help="Regions that serve it, e.g. na,emea (repeatable).")
@click.option("--description", help="What the service is for.")
@click.option("--owner", help="Who answers for the service.")
@click.option("-m", "--message", help="What is new in this version.")
@click.option(
    "--share", type=share_type, metavar="SHARE", help="Answer this share of the requests only, as a canary: 0.1 or 10%."
)
@click.option("--keep", is_flag=True, help="Publish without traffic: the versions before answer as they did.")
@click.option("--allow-incompatible", is_flag=True, help="Also when its signature breaks callers of the version before.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the edges serve it.")
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=60.0, show_default=True, help="Seconds to wait for edges.")
@json_option
@hub_options
def publish(
    package: str,
    name: str,
    regions: tuple[str, ...],
    share: float | None,
    keep: bool,
    no_wait: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Publish a package as a version of a service.

    The hub checks it as an edge does: guards, parity sample, plugins, and that its signature takes what callers send today. A
    package that is refused changes nothing. The same package twice is one version. By default the new version answers everyone,
    and the one before stays loaded for `rtml services rollback`.
    """
    _check_share(share, keep)
    check_name(name)
    placed = [check_name(region, "region") for region in _names(regions)]
    data, example = _read(package)
    seen = _Progress(quiet=as_json)
    from rtml_core.client import NotTakenUp

    with talking(options["hub"], options["key_file"], options["ca"]) as client:
        try:
            published = client.publish(
                data,
                name,
                regions=placed or None,
                description=options["description"],
                owner=options["owner"],
                message=options["message"],
                allow_incompatible=options["allow_incompatible"],
                share=share,
                traffic="keep" if keep else "champion",
                wait=not no_wait,
                timeout=options["timeout"],
                progress=seen,
            )
        except NotTakenUp as error:
            if error.published is not None and not as_json:
                click.echo(_headline(error.published, len(data)))
            seen.close(error.rollout)
            raise
        now = None if published.created or keep or as_json else client.service(name).traffic
    if as_json:
        print_json(published)
        return
    click.echo(_headline(published, len(data)))
    for change in published.changes:
        click.echo(f"  {change}")
    for warning in published.warnings:
        click.echo(f"Note: {warning}", err=True)
    if now is not None:
        click.echo(_unchanged(published, now, share), nl=False)
    url = None if seen.last is None else seen.close(seen.last)
    if url is not None:
        click.echo(f"Score it:\n  {curl(url, name, example)}")


def _check_share(share: float | None, keep: bool) -> None:
    """RtmlError for a share that is none, or beside --keep."""
    if share is not None and not 0.0 < share < 1.0:
        raise RtmlError(f"--share is {share:g}: expected more than 0 and less than 1; without it the version answers everyone")
    if share is not None and keep:
        raise RtmlError("--share and --keep contradict each other: a version has a share of the requests or none")


def _names(given: tuple[str, ...]) -> list[str]:
    """Regions of `--region na,emea --region apac`, each once."""
    return list(dict.fromkeys(name.strip() for part in given for name in part.split(",") if name.strip()))


def _read(path: str) -> tuple[bytes, dict[str, Any] | None]:
    """A package's bytes, and a row that it scores: one of its parity sample. PackageError when it is damaged or none."""
    import msgspec

    from rtml_core.package import read_archive

    file = Path(path)
    if not file.is_file():
        raise RtmlError(f"{path} does not exist; `rtml compile` makes packages" if not file.exists() else f"{path} is no file")
    data = file.read_bytes()
    archive = read_archive(data, path)
    rows = msgspec.json.decode(archive.sample).get("rows")
    return data, rows[0] if rows else None


def _headline(published: Published, size: int) -> str:
    state = "" if published.created else ", which was there already"
    return f"Published {published.service} version {published.version}{state} ({size:,} bytes, {published.package[:12]})"


def _unchanged(published: Published, now: Traffic, share: float | None) -> str:
    """A line for whoever asked for traffic to a version that was there: traffic stays as it was, and how to change it."""
    canary = None if now.canary is None else (now.canary.version, now.canary.share)
    asked = (published.version, share)
    if canary == asked if share is not None else now.champion == published.version and not (canary or now.split):
        return ""
    steer = "promote" if share is None else "canary"
    command = f"rtml services {steer} {published.service} {published.version}" + ("" if share is None else f" {share:g}")
    return f"  traffic is as it was, answers {traffic_words(now)}; to change it: {command}\n"


def curl(url: str, service: str, row: dict[str, Any] | None) -> str:
    """A line for a shell that scores a row."""
    import msgspec

    body = msgspec.json.encode({} if row is None else row).decode()
    return f"curl -s {url}/v1/services/{service}/predict -H 'Content-Type: application/json' -d {shlex.quote(body)}"


class _Progress:
    """Tells on a terminal how many edges serve the version; keeps the newest state."""

    def __init__(self, quiet: bool):
        self.last: Rollout | None = None
        self._quiet = quiet or not sys.stderr.isatty()

    def __call__(self, rollout: Rollout) -> None:
        from rtml_plugins.services.words import edge_state

        self.last = rollout
        if not self._quiet:
            present = [edge for edge in rollout.edges if edge.state != "away"]
            ready = sum(edge_state(edge, rollout) == "ready" for edge in present)
            click.echo(f"\r{ready} of {len(present)} edges serve it ", nl=False, err=True)

    def close(self, rollout: Rollout) -> str | None:
        """A line for each region; the address of an edge that serves the version."""
        from rtml_plugins.services.words import by_region, edge_state, of_service

        if not self._quiet:
            click.echo("\r\033[K", nl=False, err=True)
        regions = by_region(rollout)
        width = max(map(len, regions), default=0)
        first: str | None = None
        for region, edges in regions.items():
            if not edges:
                click.echo(f"  {region:<{width}}  no edge yet: rtml edge --region {region}")
            for edge in edges:
                state = edge_state(edge, rollout)
                first = edge.url if state == "ready" and first is None else first
                service = of_service(edge, rollout.service)
                why = f": {service.problem}" if state == "failed" and service is not None and service.problem else ""
                click.echo(f"  {region:<{width}}  {state:<7}  {edge.url}{why}")
        return first
