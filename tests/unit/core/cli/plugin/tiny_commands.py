"""Commands of the plugin of the tests."""

import click

NAME = "not a command"


@click.command()
@click.option("--fail", is_flag=True)
def greet(fail: bool) -> int:
    """Say hello to everyone."""
    if fail:
        raise ZeroDivisionError("a mistake of the plugin")
    click.echo("hello")
    return 7  # a value, no exit code


@click.command()
def eager() -> None:
    """A command that is there when the plugin is."""
    click.get_current_context().exit(3)
