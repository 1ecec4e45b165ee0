"""`rtml profile`, on this machine's folder of data or, with --hub, through a hub that has it open."""

from __future__ import annotations

from typing import Final

import click

from rtml_plugins.profile.profile_cli import profile as here
from rtml_plugins.services.talking import talking

_EXAMPLE: Final = here.epilog


@click.group("profile", cls=type(here), epilog=_EXAMPLE, commands=dict(here.commands), help=here.help)
@click.pass_context
def profile(context: click.Context) -> None:
    # how commands talk to a hub, which the room of profiles does not know
    context.obj = talking
