"""The root of the command line: its commands, those of plugins, and what an error looks like.

Exit codes: 0 fine, 1 something wrong was found (or rtml itself failed), 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from rtml_core import __version__
from rtml_core.cli.command import Found, Group, Interrupted, State, debug_option
from rtml_core.errors import CustomOpError, InputError, NotFittedError, ParityError, RtmlError

#: the commands of rtml itself, in the order of the help: "module:attribute|help"
BUILT_IN: Final = {
    "fit": "rtml_core.cli.build:fit|Let a graph learn from training rows.",
    "compile": "rtml_core.cli.build:compile_command|Compile a graph into one package and prove it equal.",
    "inspect": "rtml_core.cli.inspect:inspect|Show what a package takes, gives and needs.",
    "check": "rtml_core.cli.inspect:check|Check a package as a server does before it loads it.",
    "score": "rtml_core.cli.score:score|Score a file of rows with a package.",
    "operators": "rtml_core.cli.listing:operators|List and show operators.",
    "custom-ops": "rtml_core.cli.custom:custom_ops|List and show custom ONNX operators.",
    "plugins": "rtml_core.cli.listing:plugins_group|List and show plugins.",
    "schema": "rtml_core.cli.listing:schema|Print the JSON Schema of graph files.",
}
OK, FOUND, WRONG, INTERRUPTED = 0, 1, 2, 130


class Root(Group):
    """`rtml`: built-in commands, and commands of plugins that are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*BUILT_IN, *self.plugin_commands()]

    @staticmethod
    def plugin_commands() -> dict[str, Any]:
        """Commands that plugins bring, by name; none has a name of rtml's own (see hookspecs.RESERVED_COMMANDS)."""
        from rtml_core.plugins import plugins

        return {name: command for name, (command, _) in sorted(plugins().commands.items())}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in BUILT_IN:
            return load(BUILT_IN[cmd_name])
        command = self.plugin_commands().get(cmd_name)
        return None if command is None else plugin_command(cmd_name, command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and one line each, from the declarations: no command is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, spec.partition("|")[2]) for name, spec in BUILT_IN.items()])
        brought = self.plugin_commands()
        if brought:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(name, short_help(command)) for name, command in brought.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; what it returns is not an exit code."""
        super().invoke(ctx)


def load(spec: str) -> click.Command:
    """The click command behind "module:attribute|help"; raises what importing it raises."""
    module, _, attribute = spec.partition("|")[0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"{module}:{attribute} is no click command but {type(command).__name__}")
    return command


def plugin_command(name: str, command: Any) -> click.Command:
    """The command of a plugin, imported now when it is lazy; Found, naming the plugin, when that fails."""
    from rtml_core.plugins import plugins

    try:
        if isinstance(command, click.Command):
            return command
        if not isinstance(command, str):
            raise TypeError(f"it must be a click command or 'module:attribute|help', and is {type(command).__name__}")
        return load(command)
    except Exception as error:  # a stranger's module may raise anything
        origin = plugins().commands[name][1]
        raise Found(f"the command '{name}' of {origin} can't be loaded: {type(error).__name__}: {error}") from error


def short_help(command: Any) -> str:
    """The one line about a plugin's command."""
    if isinstance(command, click.Command):
        return command.get_short_help_str(limit=80)
    return command.partition("|")[2].strip() if isinstance(command, str) else ""


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="rtml %(version)s")
def root() -> None:
    """Author real-time models in pandas and scikit-learn, compile them whole to one proven ONNX package, score it.

    Try: rtml operators list, then rtml compile --help.
    """


root.params.append(debug_option(hidden=False))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit code. Errors go to stderr as one line, with a traceback under --debug."""
    state = State()
    try:
        code = root.main(args=list(arguments), prog_name="rtml", standalone_mode=False, obj=state)
        return code if isinstance(code, int) else OK
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return fail(state, "interrupted", INTERRUPTED)
    except RtmlError as error:
        return fail(state, message(error), exit_code(error))
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return fail(state, f"{name}{error.strerror or error}", WRONG)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        return fail(state, f"rtml failed where it should not: {what}. Run it again with --debug and report what it shows", FOUND)


def fail(state: State, text: str, code: int) -> int:
    """Say what went wrong, with the traceback when asked for; returns the code."""
    if state.debug:
        import traceback

        traceback.print_exc()
    click.echo(f"Error: {text}", file=sys.stderr)
    return code


def exit_code(error: RtmlError) -> int:
    """1 for what a command found, 2 for what the user gave it."""
    if isinstance(error, Interrupted):
        return INTERRUPTED
    return FOUND if isinstance(error, (Found, ParityError, InputError, CustomOpError)) else WRONG


def message(error: RtmlError) -> str:
    """The error's sentence with its notes (the id of the node), and a cure in words of the command line where there is one."""
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"{error} ({notes})" if notes else str(error)
    if isinstance(error, NotFittedError):
        return f"{text}. Here: rtml fit GRAPH.json --train FILE -o FITTED.json"
    return text
