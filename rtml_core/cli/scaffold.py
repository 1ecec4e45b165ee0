"""`rtml plugins new`: a complete package with a plugin, from the templates beside this file."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import click

from rtml_core.cli.scaffold_names import Names, names_of
from rtml_core.errors import RtmlError

#: <<name>> in a template stands for a value
_PLACE: Final = re.compile(r"<<(\w+)>>")
#: parts of a template's path -> parts of the file's: what a tool would take for its own is kept under another name
_PARTS: Final = {"dot-gitignore": ".gitignore", "dot-github": ".github"}
_SUFFIX: Final = ".tmpl"


def new(name: str, into: str, operator: str | None, *, native: bool = False) -> None:
    """Write the package of a plugin `name` into the folder `into`, and say what to do next. native: its operator is in C."""
    names = names_of(name, operator)
    folder = target(into, names.distribution)
    write(folder, contents(names, native=native))
    click.echo(next_steps(into, names, native=native))


def contents(names: Names, *, native: bool = False) -> dict[str, str]:
    """The files of a package by their paths. native: the same files, some of them in other words, and those of a C operator."""
    places = values(names)
    return {**rendered("plugin", places), **(rendered("native", places) if native else {})}


def values(names: Names) -> dict[str, str]:
    """What the places in the templates stand for."""
    from rtml_core import __version__
    from rtml_core.hookspecs import PLUGIN_API

    made = {"plugin": names.plugin, "distribution": names.distribution, "module": names.module, "operator": names.operator}
    return {**made, "column": names.column, "api": str(PLUGIN_API), "rtml": ".".join(__version__.split(".")[:2])}


# ---- templates --------------------------------------------------------------------------------------------------


def rendered(kind: str, places: Mapping[str, str]) -> dict[str, str]:
    """The files of a template by their paths, with every place filled; what does not end in .tmpl is taken as it is."""
    return dict(_templates(files("rtml_core.cli").joinpath("templates", kind), places))


def _templates(folder: Traversable, places: Mapping[str, str], above: str = "") -> Iterator[tuple[str, str]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        name = item.name.removesuffix(_SUFFIX)
        name = places["module"] if name == "module" else _PARTS.get(name, name)
        if item.is_dir() and name != "__pycache__":
            yield from _templates(item, places, f"{above}{name}/")
        elif item.is_file():
            text = item.read_text(encoding="utf-8")
            yield f"{above}{name}", fill(text, places) if item.name.endswith(_SUFFIX) else text


def fill(text: str, places: Mapping[str, str]) -> str:
    """A template with its places filled; KeyError for a place that nothing is known about."""
    return _PLACE.sub(lambda match: places[match[1]], text)


# ---- writing ----------------------------------------------------------------------------------------------------


def target(into: str, distribution: str) -> Path:
    """The folder to write, which must not be there or be empty; RtmlError with the cure otherwise."""
    above = Path(into).expanduser()
    if not above.is_dir():
        what = "is not a folder" if above.exists() else "does not exist; make it first"
        raise RtmlError(f"{into} {what}")
    if not os.access(above, os.W_OK | os.X_OK):
        raise RtmlError(f"no permission to write into {into}; name another folder with --into")
    folder = above.resolve() / distribution
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RtmlError(f"{folder} is there already and is no folder; choose another name, or another folder with --into")
    if folder.is_dir() and any(folder.iterdir()):
        raise RtmlError(f"{folder} is there already and is not empty; choose another name, or another folder with --into")
    return folder


def write(folder: Path, contents: Mapping[str, str]) -> None:
    """Write all files into a hidden folder beside the target and rename it, so that there is all or nothing."""
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        for name, text in contents.items():
            file = draft / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        if folder.is_dir():
            folder.rmdir()  # it is empty; a rename onto it fails on some systems
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def next_steps(into: str, names: Names, *, native: bool = False) -> str:
    """What the author does next, as commands to copy."""
    folder = names.distribution if into == "." else str(Path(into) / names.distribution)
    steps = [
        (f"cd {folder}", ""),
        ('pip install -e ".[test]"', "needs a C compiler" if native else f"rtml then lists plugin '{names.plugin}'"),
        (f"rtml operators show {names.operator}", "what users see"),
        ("pytest", "it passes; now edit the operator:"),
        (f"  {names.module}/{'native.c' if native else 'operators.py'}", ""),
        ("rtml plugins check", "what is left to mend"),
    ]
    width = max(len(step) for step, _ in steps) + 2
    lines = [f"  {step:<{width}}{f'# {why}' if why else ''}".rstrip() for step, why in steps]
    return "\n".join([f"Wrote {folder}: plugin '{names.plugin}' with the operator {names.operator}. Next:", "", *lines])
