"""`rtml plugins`, `rtml operators`, `rtml schema`: what there is. Imports no pandas, scikit-learn or onnx."""

from __future__ import annotations

import inspect
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rtml_core.cli.command import Command, Found, Group
from rtml_core.cli.tables import plural, table
from rtml_core.errors import PluginError
from rtml_core.inventory_of import operator_facts, summary

if TYPE_CHECKING:
    from rtml_core.plugins import PluginInfo, Plugins

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
#: names and characters of an error that a line of a listing shows
_SHOWN, _ERROR = 6, 90
#: seconds that a plugin may take to load before the listing says so
_SLOW = 0.5


def discovered() -> Plugins:
    """All plugins; where the option strict is set, a broken one is Found (exit 1)."""
    from rtml_core.config import option
    from rtml_core.plugins import plugins

    try:
        return plugins()
    except PluginError as error:
        if option("strict"):
            raise Found(str(error)) from error
        raise


def print_json(value: Any) -> None:
    """JSON for other programs: indented, Unicode as it is."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


# ---- plugins ----------------------------------------------------------------------------------------------------


@click.group("plugins", cls=Group, example="rtml plugins list\nrtml plugins check loyalty")
def plugins_group() -> None:
    """Plugins bring operators and commands; everything built in is a plugin too."""


@plugins_group.command("list", cls=Command, example="rtml plugins list\nrtml plugins list --json")
@json_option
@click.option("--strict", is_flag=True, help="Exit with 1 when a plugin is broken.")
def plugins_list(as_json: bool, strict: bool) -> None:
    """List all plugins, the broken ones too."""
    from rtml_core.cli.settings import notes

    known = discovered()
    broken = [name for name, info in known.infos.items() if info.state == "broken"]
    if as_json:
        print_json([asdict(info) for info in known.infos.values()])
    else:
        rows = [_plugin_row(name, info) for name, info in known.infos.items()]
        click.echo(table(("plugin", "version", "from", "api", "brings", "state"), rows))
        if broken:
            click.echo(f"{plural(len(broken), 'plugin is', 'plugins are')} broken: {show_commands(broken)}")
    wrong, strangers = notes(known)
    if not as_json:
        for note in [*wrong, *strangers, *slow(known)]:
            click.echo(f"Note: {note}")
    if strict and (broken or wrong):
        what = [f"{plural(len(broken), 'plugin is', 'plugins are')} broken: {', '.join(broken)}"] if broken else []
        raise Found("; ".join([*what, *wrong]))


def slow(known: Plugins) -> list[str]:
    """Plugins that keep every command waiting, in words."""
    return [
        f"plugin '{name}' takes {info.seconds:.1f} s to load, at every command; it should import heavy things inside functions"
        for name, info in known.infos.items()
        if info.seconds > _SLOW
    ]


def show_commands(names: list[str]) -> str:
    """The commands that show why: one each, as long as that stays readable."""
    return ", ".join(f"rtml plugins show {_quoted(name)}" for name in names[:3]) + (", ..." if len(names) > 3 else "")


def _quoted(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _plugin_row(name: str, info: PluginInfo) -> tuple[str, ...]:
    state = info.state
    if info.error:
        line = info.error.splitlines()[0]
        state += f": {line if len(line) <= _ERROR else line[: _ERROR - 3] + '...'}"
    return (name, info.version, info.source, "-" if info.api is None else str(info.api), brings(info), state)


def brings(info: PluginInfo) -> str:
    """What a plugin brings, in a few words."""
    parts = []
    if info.operators:
        parts.append(_some(info.operators))
    if info.commands:
        parts.append(f"command{'s' if len(info.commands) > 1 else ''} {_some(info.commands)}")
    if info.converters:
        parts.append(plural(len(info.converters), "converter", "converters"))
    if info.custom_ops:
        parts.append(plural(len(info.custom_ops), "custom op"))
    if info.profile_stores:
        parts.append(f"profiles in {_some(info.profile_stores)}")
    return "; ".join(parts) or "-"


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@plugins_group.command("show", cls=Command, example="rtml plugins show pandas")
@click.argument("name")
@json_option
def plugins_show(name: str, as_json: bool) -> None:
    """Show one plugin: what it brings, and the whole error of a broken one."""
    from rtml_core.cli.settings import facts as facts_of_settings
    from rtml_core.cli.settings import plugin_lines

    known = discovered()
    info = known.info(name)
    if as_json:
        rows, problems = facts_of_settings(known, info.name)
        print_json({**asdict(info), "settings": rows, "settings_problems": problems})
        return
    facts = [
        ("plugin", info.name),
        ("from", info.source if info.source == "built in" else f"distribution {info.source}"),
        ("version", info.version),
        ("api", "-" if info.api is None else str(info.api)),
        ("state", info.state),
        ("operators", ", ".join(info.operators) or "-"),
        ("commands", ", ".join(info.commands) or "-"),
        ("converters", ", ".join(info.converters) or "-"),
        ("custom ops", ", ".join(info.custom_ops) or "-"),
    ]
    brought = (("boundaries", info.boundaries), ("stores", info.profile_stores))
    facts += [(key, ", ".join(names)) for key, names in brought if names]
    click.echo("\n".join(f"{key:<11}{value}" for key, value in facts))
    if info.state == "ok" and (lines := plugin_lines(known, info.name)):
        click.echo(lines)
    if info.error:
        click.echo(f"\n{info.error}")


@plugins_group.command(
    "settings", cls=Command, example="rtml plugins settings\nrtml plugins settings geo\nrtml plugins settings --example"
)
@click.argument("name", required=False)
@click.option("--example", is_flag=True, help="Print a file of settings to start from, everything commented out.")
@json_option
def plugins_settings(name: str | None, example: bool, as_json: bool) -> None:
    """Show what can be set of plugins, with its value and where that comes from; secrets as ***.

    It ends with 1 when a setting is wrong or missing.
    """
    from rtml_core.cli.settings import show_settings

    show_settings(discovered(), name, as_json=as_json, example=example)


@plugins_group.command(
    "new", cls=Command, example="rtml plugins new loyalty\nrtml plugins new geo --operator Haversine --into ~/code"
)
@click.argument("name")
@click.option("--into", metavar="DIR", default=".", help="The folder to make the package's folder in; here unless given.")
@click.option("--operator", metavar="NAME", help="Name of the first operator; made from the plugin's unless given.")
@click.option("--native", is_flag=True, help="With an operator in C; installing the package then needs a C compiler.")
def plugins_new(name: str, into: str, operator: str | None, native: bool) -> None:
    """Write a package with a plugin: an operator, tests that pass, README, CI.

    NAME is that of the plugin, such as loyalty; the package is called rtml-loyalty.
    """
    from rtml_core.cli.scaffold import new

    new(name, into, operator, native=native)


@plugins_group.command(
    "check", cls=Command, example="rtml plugins check\nrtml plugins check loyalty --strict\nrtml plugins check --all"
)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check all plugins that are installed.")
@json_option
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
def plugins_check(names: tuple[str, ...], every: bool, as_json: bool, strict: bool) -> None:
    """Check a plugin and say what to mend; without a name, that of the package in this folder.

    It loads it, reads its metadata and documentation, tries its operators on their examples, and measures what it adds to the
    start of rtml. It ends with 1 when there is an error.
    """
    from rtml_core.cli.plugin_check import check

    check(names, every=every, as_json=as_json, strict=strict)


# ---- operators --------------------------------------------------------------------------------------------------


@click.group("operators", cls=Group, example="rtml operators list\nrtml operators show Pandas")
def operators() -> None:
    """Operators are what the nodes of a graph are made of."""


@operators.command("list", cls=Command, example="rtml operators list\nrtml operators list --json")
@json_option
def operators_list(as_json: bool) -> None:
    """List all operators with what they do."""
    entries = [discovered().registry.entry(name) for name in discovered().registry]
    if as_json:
        print_json([operator_facts(entry, parameters=False) for entry in entries])
        return
    rows = [(e.cls.name, e.cls.role, lowering(e.cls, short=True), e.origin.plugin, summary(e.cls)) for e in entries]
    click.echo(table(("operator", "role", "lowers to", "plugin", "what it does"), rows))


@operators.command("show", cls=Command, example="rtml operators show Pandas")
@click.argument("name")
@json_option
def operators_show(name: str, as_json: bool) -> None:
    """Show one operator: what it does, its parameters with types and defaults, how it lowers, who brings it."""
    entry = discovered().registry.entry(name)
    facts = operator_facts(entry, parameters=True)
    if as_json:
        print_json(facts)
        return
    cls = entry.cls
    click.echo(f"{cls.name}, version {cls.version}, from {entry.origin}\n\n{inspect.cleandoc(cls.__doc__ or '')}\n")
    lines = [("role", cls.role), ("lowers to", lowering(cls))]
    if cls.may_learn():
        what = "yes" if cls.learns else "what its parameters leave open"
        lines.append(("learns", f"{what}: rtml fit (graph.fit) before it is used"))
    if cls.tolerance != (0.0, 0.0):
        lines.append(("tolerance", f"relative {cls.tolerance[0]:g}, absolute {cls.tolerance[1]:g} (parity gate)"))
    click.echo("\n".join(f"{key:<11}{value}" for key, value in lines) + "\n")
    if not facts["parameters"]:
        click.echo("It takes no parameters.")
        return
    rows = [(p["name"], p["type"], _default(p), p["text"]) for p in facts["parameters"]]
    click.echo(table(("parameter", "type", "default", "meaning"), rows, {1: 32, 2: 16}))


def lowering(cls: Any, *, short: bool = False) -> str:
    """How an operator becomes ONNX, in words."""
    if not cls.lowers():
        return "-" if short else "nothing: it runs eagerly only, so a graph with it does not compile"
    if short:
        return str(cls.lowering_kind)
    return f"{cls.lowering_kind} operators{', traced from its formula' if cls.has_formula() else ''}"


def _default(parameter: dict[str, Any]) -> str:
    return "required" if parameter["required"] else json.dumps(parameter["default"], ensure_ascii=False)


# ---- the format of graph files ----------------------------------------------------------------------------------


@click.command("schema", cls=Command, example="rtml schema > rtml-graph.schema.json")
def schema() -> None:
    """Print the JSON Schema of graph files, for editors and other programs."""
    from rtml_core.dsl import json_schema

    print_json(json_schema())
