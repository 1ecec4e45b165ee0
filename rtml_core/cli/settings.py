"""`rtml plugins settings`: what can be set of plugins, what is set and where, without a secret."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from rtml_core import plugin_settings
from rtml_core.cli.command import Found
from rtml_core.cli.tables import plural, table
from rtml_core.config import config_path, option, source
from rtml_core.errors import close_match

if TYPE_CHECKING:
    from rtml_core.plugin_settings import Setting
    from rtml_core.plugins import Plugins


def show_settings(known: Plugins, name: str | None, *, as_json: bool, example: bool) -> None:
    """The settings of one plugin, or of all that have some. Raises Found, after the listing, for settings that are wrong."""
    if name is not None:
        known.info(name)
    chosen = {plugin: cls for plugin, cls in known.settings.items() if name in (None, plugin)}
    if example:
        click.echo(f"# {_place()}\n{plugin_settings.example(chosen.items())}")
        return
    rows, problems = settings_of(known, name)
    if as_json:
        from rtml_core.cli.listing import print_json

        print_json([msgspec.structs.asdict(row) for row in rows])
    elif rows:
        header = ("plugin", "setting", "value", "from", "meaning")
        lines = [(row.plugin, row.name, value_of(row), _from(row), row.text or row.expected) for row in rows]
        click.echo(table(header, lines, {2: 40}) + f"\n{_place()}")
    else:
        click.echo("No plugin here has settings." if name is None else f"Plugin '{name}' has no settings.")
    for note in unused(known) if name is None else ():  # one file may serve several machines
        click.echo(f"Note: {note}", err=as_json)
    if problems:
        raise Found("; ".join(problems))


def settings_of(known: Plugins, name: str | None) -> tuple[list[Setting], list[str]]:
    """Rows of one plugin or of all, and what is wrong with them."""
    rows: list[Setting] = []
    problems: list[str] = []
    for plugin, cls in known.settings.items():
        if name in (None, plugin):
            found, wrong = plugin_settings.shown(plugin, cls)
            rows += found
            problems += wrong
    return rows, problems


def unused(known: Plugins) -> list[str]:
    """What is set for plugins that are not there or take no settings, and options that name such plugins."""
    named: dict[str, Iterable[str]] = {
        "plugins": option("plugins") or (),
        "block": option("block"),
        "prefer": option("prefer").values(),
    }
    notes = [
        f"{source(key)} names the plugin '{name}', which is not installed.{close_match(name, known.infos)}"
        for key, names in named.items()
        for name in dict.fromkeys(names)
        if name not in known.infos
    ]
    return [*notes, *plugin_settings.strangers({name: known.settings.get(name) for name in known.infos})]


def notes(known: Plugins) -> tuple[list[str], list[str]]:
    """What `rtml plugins list` says below its table: settings that are wrong, and those that are nobody's."""
    return settings_of(known, None)[1], unused(known)


def value_of(row: Setting) -> str:
    """A value in a line: as JSON, "wrong" or "missing" where there is none that can be used."""
    if row.problem:
        return "wrong" if row.source else "missing"
    return json.dumps(row.value, ensure_ascii=False)


def facts(known: Plugins, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The settings of one plugin as JSON values, and what is wrong with them."""
    rows, problems = settings_of(known, name)
    return [msgspec.structs.asdict(row) for row in rows], problems


def plugin_lines(known: Plugins, name: str) -> str:
    """The part about settings of `rtml plugins show`; '' for a plugin without."""
    rows, problems = settings_of(known, name)
    if not rows:
        return ""
    lines = [(row.name, value_of(row), _from(row), row.text or row.expected) for row in rows]
    text = f"\n{table(('setting', 'value', 'from', 'meaning'), lines, {1: 40})}\n{_place()}"
    wrong = "".join(f"\n{problem}" for problem in problems)
    return text + (f"\n\n{plural(len(problems), 'thing is', 'things are')} wrong with them:{wrong}" if problems else "")


def _from(row: Setting) -> str:
    """Where a value comes from, in a word: the path of the file stands below the table."""
    if not row.source:
        return "-"
    return row.source if row.source in ("default", row.variable) else "file"


def _place() -> str:
    """The line below a table of settings."""
    path, _ = config_path()
    there = path is not None and path.exists()
    return f"File of settings: {path}{'' if there else ', which does not exist'}" if path else "There is no place for a file."
