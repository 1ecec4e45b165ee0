"""Operators while they are being written, in a notebook's cell or a script.

They are checked as those of a plugin are, and are known to this process only.

`develop` registers classes under the plugin "notebook"; `save` writes them as a package that can be installed. What a graph with
them compiles to is an ordinary package.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from rtml_core.errors import PluginError, RtmlError
from rtml_core.operator import Operator
from rtml_core.plugins import PluginInfo, plugins
from rtml_core.registry import IN_DEVELOPMENT, Origin

#: who brings operators in development
ORIGIN: Final = Origin("notebook", IN_DEVELOPMENT, "0")
#: commands that serve until they are stopped
SERVERS: Final = ("edge", "hub", "notebook", "up")


class CommandFailed(RtmlError):
    """A command of the command line ended with an error."""


@dataclass(frozen=True)
class Remark:
    """What was found about an operator. level: ok, warning or error; cure: what mends it, '' when nothing has to be."""

    level: Literal["ok", "warning", "error"]
    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.level}: {self.what}{f': {self.cure}' if self.cure else ''}"


@dataclass(frozen=True)
class Developed:
    """An operator that was registered. replaced: it was there before; remarks: what a check of its plugin would say."""

    cls: type[Operator]
    replaced: bool
    remarks: tuple[Remark, ...]

    @property
    def name(self) -> str:
        """The name in the registry: op.NAME."""
        return self.cls.name

    @property
    def form(self) -> str:
        """How it runs and compiles, in words."""
        if self.cls.has_formula():
            return "a formula: it runs on numpy, and is traced into ONNX"
        if self.cls.lowers():
            return "two forms: process, and lower in ONNX"
        return "process only: it runs when authoring, and a graph with it does not compile"

    @property
    def well(self) -> bool:
        """Whether nothing is wrong with it; warnings are no fault."""
        return all(remark.level != "error" for remark in self.remarks)

    def __str__(self) -> str:
        called = inspect.signature(self.cls)
        lines = [f"op.{self.name}{called}", f"  {self.form}{'; replaces the one before' if self.replaced else ''}"]
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks)])


def develop(classes: Sequence[type[Operator]], *, files: Iterable[str] = ()) -> list[Developed]:
    """Register operator classes, all or none, in place of those of the same names that were developed before; try their examples.

    files: where their source is, so that remarks can name lines. Graphs made before keep the classes they were made with.
    Raises PluginError for a class that can't be an operator, and for a name that an installed plugin has.
    """
    known = plugins()
    for cls in classes:
        name = getattr(cls, "name", None)
        if isinstance(name, str) and name in known.registry:
            origin = known.registry.entry(name).origin
            if origin != ORIGIN:
                raise PluginError(f"operator '{name}' is brought by {origin}: give yours another name")
    there = [cls for cls in classes if cls.name in known.registry]
    known.registry.replace(list(classes), ORIGIN)
    places = tuple(files)
    return [Developed(cls, cls in there, tuple(_remarks(cls, places))) for cls in classes]


def developed() -> list[type[Operator]]:
    """The classes that are in development in this process, by name."""
    registry = plugins().registry
    return [registry[name] for name in registry if registry.entry(name).origin == ORIGIN]


def forget() -> None:
    """Take all of them out of the registry."""
    plugins().registry.remove(ORIGIN.plugin)


def _remarks(cls: type[Operator], files: tuple[str, ...]) -> Iterable[Remark]:
    """What `rtml plugins check` would say of the operator by itself."""
    from rtml_core.cli.plugin_check_contract import check_contract
    from rtml_core.cli.plugin_check_findings import Subject
    from rtml_core.cli.plugin_check_operators import check_operator

    info = PluginInfo(ORIGIN.plugin, ORIGIN.distribution, ORIGIN.version, operators=[cls.name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # edge rows are there to overflow
        found = [*check_operator(cls), *check_contract(Subject(info, plugins(), None, "", files))]
    for finding in found:
        what = finding.what if finding.where in ("", cls.name) else f"{finding.where}: {finding.what}"
        for file in files:
            what = what.replace(f"{Path(file).name}, line", "the cell, line")
        yield Remark(finding.level, " ".join(what.split()), finding.cure)


def save(classes: Sequence[type[Operator]], source: str, into: str, name: str | None = None) -> str:
    """Write a package with a plugin of these operators into the folder `into`; gives what to do next, in words.

    source: Python that defines the classes and everything they use. name: of the plugin; made from the first class unless given.
    What an earlier `save` wrote is written again, its tests and README as the author left them. Raises RtmlError.
    """
    from rtml_core.cli.cell_package import write_package

    return write_package(classes, source, into, name)


# ---- the command line -------------------------------------------------------------------------------------------


def command(arguments: Sequence[str]) -> None:
    """Run a command of `rtml` in this process, which prints what it prints in a shell. Raises RtmlError."""
    from rtml_core.cli.app import root
    from rtml_core.cli.command import State

    if arguments and arguments[0] in SERVERS and not {"-h", "--help"} & set(arguments):
        raise CommandFailed(
            f"`rtml {arguments[0]}` serves until it is stopped: start it in a terminal, or call rtml.connect(), which starts hub"
            " and edges beside this process"
        )
    shown = " ".join(["rtml", *arguments[:1]])
    try:
        code = root.main(args=list(arguments), prog_name="rtml", standalone_mode=False, obj=State())
    except click.UsageError as error:
        raise CommandFailed(f"{error.format_message().rstrip('.')}; `%{shown} --help` shows what there is") from None
    except click.ClickException as error:
        raise CommandFailed(error.format_message()) from None
    except click.Abort:
        raise CommandFailed(f"`{shown}` was broken off; where it asks whether you mean it, say so with --yes") from None
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    if isinstance(code, int) and code:
        raise CommandFailed(f"`{shown}` ended with {code}: see what it printed")


def commands() -> Mapping[str, Sequence[str]]:
    """The commands of `rtml` by name, each with its own commands; those of plugins that are not imported yet have none."""
    from rtml_core.cli.app import BUILT_IN, root

    found: dict[str, Sequence[str]] = {}
    context = click.Context(root, info_name="rtml", obj=None)
    for name in root.list_commands(context):
        if name not in SERVERS:
            found[name] = _inner(root, context, name) if name in BUILT_IN or name in ("services", "edges") else ()
    return found


def _inner(root: Any, context: click.Context, name: str) -> Sequence[str]:
    inner = root.get_command(context, name)
    return list(inner.list_commands(context)) if isinstance(inner, click.Group) else ()
