"""The command of this plugin."""

from __future__ import annotations

import click

from rtml_core import settings


@click.command()
@click.argument("name")
def greet(name: str) -> None:
    """Say hello as often as the settings say."""
    chosen = settings("api1")
    for _ in range(chosen.times):
        click.echo(f"{chosen.greeting} {name}")
