"""`rtml plugins check`: commands load and explain themselves, and what is named by its place can be imported."""

from __future__ import annotations

from collections.abc import Iterator

import click

from rtml_core.cli.app import load, short_help
from rtml_core.cli.plugin_check_findings import RAISED, Finding, Subject, said
from rtml_core.errors import RtmlError, listing
from rtml_core.registry import CONVERTER_PARTS


def check_commands(subject: Subject) -> Iterator[Finding]:
    """Each command of the plugin."""
    names = subject.info.commands
    findings = [finding for name in names for finding in _command(name, subject)]
    yield from findings
    if names and not findings:
        yield Finding("ok", "commands", "", f"{listing(names)}: loaded, with help and an example")


def _command(name: str, subject: Subject) -> Iterator[Finding]:
    declared, _ = subject.known.commands[name]
    try:
        command = declared if isinstance(declared, click.Command) else load(declared)
    except RAISED as error:  # a stranger's module may raise anything
        cure = 'a command is "module:attribute|help", and the attribute a click command'
        yield Finding("error", "commands", name, f"{declared!r} can't be loaded: {said(error, subject.files)}", cure)
        return
    if not short_help(declared):
        cure = 'put it behind the path: "module:attribute|What it does."'
        yield Finding("warning", "commands", name, "rtml --help shows nothing beside it", cure)
    if not command.help:
        yield Finding("warning", "commands", name, "its --help does not say what it does", "write a docstring")
    if isinstance(command, click.Group):
        return
    with click.Context(command, info_name=f"rtml {name}") as context:
        text = command.get_help(context)
    rest = text.partition("\n")[2]  # behind the usage, which names the command anyway
    if f"rtml {name}" not in rest and f"rtml {name}" not in (command.epilog or ""):
        cure = f"show a call, rtml {name} ..., in its docstring or epilog"
        yield Finding("warning", "commands", name, "its --help has no example", cure)


def check_converters(subject: Subject) -> Iterator[Finding]:
    """Each function that the plugin names for a class of estimators can be imported."""
    names = subject.info.converters
    count = 0
    for name in names:
        entry = subject.known.converters.find(name)
        for part in CONVERTER_PARTS if entry is not None else ():
            try:
                assert entry is not None
                entry.function(part)
            except RtmlError as error:
                count += 1
                yield Finding("error", "converters", name, str(error), "correct the path")
    if names and not count:
        yield Finding("ok", "converters", "", f"for {listing(names, 4)}")


def check_boundaries(subject: Subject) -> Iterator[Finding]:
    """What the plugin names for the runtime's boundary belongs to an operator, and can be imported; so can its stores."""
    named = [(subject.known.boundaries.find(name), "boundaries") for name in subject.info.boundaries]
    named += [(subject.known.profile_stores.find(name), "profile store") for name in subject.info.profile_stores]
    count = 0
    for place, what in named:
        assert place is not None
        try:
            found = place.load()
        except RtmlError as error:
            count += 1
            yield Finding("error", "boundaries", place.name, str(error), "correct the path")
            continue
        if not callable(found):
            count += 1
            yield Finding("error", "boundaries", place.name, f"{place.path} can't be called", "name a function or a class")
        if what == "boundaries" and place.name not in subject.info.operators:
            count += 1
            cure = "name an operator of rtml_operators"
            yield Finding("error", "boundaries", place.name, "the plugin brings no operator of that name", cure)
    if named and not count:
        yield Finding("ok", "boundaries", "", f"for {listing([place.name for place, _ in named if place is not None], 4)}")
