"""What every command has: an example below its help, `--debug`, and close matches for misspelled names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import click

from rtml_core.errors import RtmlError, close_match, listing


class Found(RtmlError):
    """A command found something wrong in what it looked at: exit code 1."""


class Interrupted(RtmlError):
    """Ctrl-C, with what became of the work: exit code 130."""


def debug_asked() -> bool:
    """Whether the environment asks for tracebacks."""
    return os.environ.get("RTML_DEBUG", "") not in ("", "0")


@dataclass
class State:
    """What the whole command line shares. debug: show the traceback of every error."""

    debug: bool = field(default_factory=debug_asked)


def _turn_on_debug(context: click.Context, _: click.Parameter, value: bool) -> None:
    state = context.find_root().obj
    if value and isinstance(state, State):
        state.debug = True


def debug_option(*, hidden: bool) -> click.Option:
    """`--debug`, which works before the command and, unlisted, behind it."""
    text = "Show the traceback of an error (also RTML_DEBUG=1)."
    option = click.Option(["--debug"], is_flag=True, expose_value=False, is_eager=True, callback=_turn_on_debug, help=text)
    option.hidden = hidden
    return option


class Command(click.Command):
    """A command with an example."""

    def __init__(self, *args: Any, example: str, **options: Any):
        super().__init__(*args, **options)
        self.example = example
        self.params.append(debug_option(hidden=True))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example as it is, line by line."""
        _write_example(self.example, formatter)


def _write_example(example: str, formatter: click.HelpFormatter) -> None:
    with formatter.section("Example"):
        for line in example.strip().splitlines():
            formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


class Group(click.Group):
    """A group with an example, that suggests the closest command for a misspelled one."""

    def __init__(self, *args: Any, example: str | None = None, **options: Any):
        super().__init__(*args, **options)
        self.example = example

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The example as it is, line by line; the epilog of a group that has one instead."""
        if self.example is None:
            super().format_epilog(ctx, formatter)
        else:
            _write_example(self.example, formatter)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, with the close match."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            raise click.UsageError(f"There is no command '{name}'. Commands: {listing(known)}.{close_match(name, known)}", ctx)
        return super().resolve_command(ctx, args)
