"""`rtml services drift`: whether live values are still like those that a model was made with."""

from __future__ import annotations

from typing import Final

import click

from rtml_plugins.services.talking import hub_options, json_option, moment, print_json, talking
from rtml_plugins.serving.tables import plural, table

SPANS: Final = ("15m", "1h", "24h", "7d", "30d")


@click.command("drift", epilog="\b\nExample:\n  rtml services drift churn\n  rtml services drift churn --version 4 --span 7d\n")
@click.argument("service")
@click.option("--version", type=click.IntRange(1), help="This one; by default the champion.")
@click.option("--span", type=click.Choice(SPANS), default="24h", show_default=True, help="How far back.")
@click.option("--region", help="Only what edges of this region counted.")
@json_option
@hub_options
def drift(
    service: str,
    version: int | None,
    span: str,
    region: str | None,
    as_json: bool,
    hub: str | None,
    key_file: str | None,
    ca: str | None,
) -> None:
    """Hold live values of each field and output against the sample that the version was compiled with.

    PSI is the population stability index: below 0.1 nothing to speak of, from 0.25 on a great change.
    """
    with talking(hub, key_file, ca) as client:
        found = client.drift(service, version, span=span, region=region)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found.service}, version {found.version}: {found.verdict}. {found.said}")
    if not found.columns:
        return
    click.echo(f"{plural(found.rows, 'row')} looked at since {moment(found.since)}\n")
    rows = [
        (one.name, one.side, one.verdict, "" if one.psi is None else f"{one.psi:.3f}", f"{one.rows:,}", one.said)
        for one in sorted(found.columns, key=lambda one: -(one.psi or 0.0))
    ]
    click.echo(table(("column", "side", "verdict", "PSI", "rows", "what happened"), rows, {0: 40, 5: 120}))
