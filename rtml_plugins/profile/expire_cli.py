"""`rtml profile expire`: events of profiles that are too old are dropped."""

from __future__ import annotations

import click

from rtml_core.timestamps import format_timestamp, parse_timestamp
from rtml_plugins.profile.profile_cli import home_options, json_option, print_json, writing
from rtml_plugins.serving.tables import plural

#: events that go in one step, between which others write
_STEP = 10_000


@click.command("expire", epilog="\b\nExample:\n  rtml profile expire --before 2025-11-01\n")
@click.option("--before", required=True, metavar="WHEN", help="2025-11-01 or 2025-11-01T10:15:00Z: older events go.")
@json_option
@home_options
def expire(before: str, as_json: bool, home: str | None, store: str | None) -> None:
    """Drop events of profiles that are older than a moment, for good.

    Attributes and datasets stay as they are. A hub does so by itself with --keep-events; while it runs, only it can.
    """
    at = parse_timestamp(before)
    if at is None:
        at = parse_timestamp(f"{before}T00:00:00Z")
    if at is None:
        raise click.BadParameter(
            f"expected a date or a moment such as 2025-11-01T10:15:00Z, got {before!r}", param_hint="--before"
        )
    dropped = 0
    with writing(home, store) as opened:
        while gone := opened.profiles.store.drop_events(at, limit=_STEP):
            dropped += gone
        opened.profiles.store.purge()
    if as_json:
        print_json({"before": format_timestamp(at), "events": dropped})
        return
    click.echo(f"dropped {plural(dropped, 'event')} of before {format_timestamp(at)}")
