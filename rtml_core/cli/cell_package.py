"""A package with a plugin from operators of a notebook's cell: the files of `rtml plugins new`, with their source."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rtml_core.cli.scaffold import contents, fill, next_steps, rendered, target, values, write
from rtml_core.cli.scaffold_names import Names, names_of
from rtml_core.errors import RtmlError
from rtml_core.inventory_of import summary
from rtml_core.operator import Operator

#: the first line of a module that may be written again
_MARK: Final = (
    '"""The operators of <<distribution>>, written by %%rtml_operator --save; without this line it is not written again."""\n'
)
#: the head of the README's table
_TABLE: Final = "| operator | what it does |\n|---|---|\n"


def write_package(classes: Sequence[type[Operator]], source: str, into: str, name: str | None) -> str:
    """See developing.save."""
    first = classes[0].name
    plugin = name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", first).lower()
    again = _written_before(into, plugin)
    names = again or names_of(plugin, first)
    module = f"{names.module}/operators.py"
    files = _files(names, classes, source)
    if again is None:
        write(target(into, names.distribution), files)
        return next_steps(into, names)
    folder = Path(into).expanduser() / names.distribution
    for path in (module, f"{names.module}/__init__.py"):
        (folder / path).write_text(files[path], encoding="utf-8", newline="\n")
    return f"Wrote {folder / module} again"


def _written_before(into: str, plugin: str) -> Names | None:
    """The names of a package that was written from a cell already, and that nobody has made their own since."""
    from rtml_core.cli.scaffold_names import plugin_name

    known = plugin_name(plugin)
    names = Names(known, "".join(part.capitalize() for part in known.split("-")))
    file = Path(into).expanduser() / names.distribution / names.module / "operators.py"
    if not file.is_file():
        return None
    if not file.read_text(encoding="utf-8").startswith(_mark(names)):
        raise RtmlError(f"{file} is the author's by now: change the operator there, or save this one under another name (--name)")
    return names


def _mark(names: Names) -> str:
    return fill(_MARK, values(names))


def _files(names: Names, classes: Sequence[type[Operator]], source: str) -> dict[str, str]:
    listed = sorted(cls.__name__ for cls in classes)
    rows = "".join(f"| `{cls.name}` | {summary(cls)} |\n" for cls in sorted(classes, key=lambda cls: cls.name))
    files = contents(names)
    del files["tests/test_operators.py"]  # it is about what the template's operator computes
    files |= rendered("cell", values(names))
    files["README.md"] = files["README.md"].replace(_TABLE, _TABLE + rows)
    start = files[f"{names.module}/__init__.py"]
    start = start.replace(f"operators import {names.operator}\n", f"operators import {', '.join(listed)}\n")
    files[f"{names.module}/__init__.py"] = start.replace(f"return [{names.operator}]", f"return [{', '.join(listed)}]")
    files[f"{names.module}/operators.py"] = _module(names, source)
    return files


def _module(names: Names, source: str) -> str:
    """The source as a module: docstring first, then what is imported from the future."""
    lines = source.strip("\n").splitlines()
    future = [
        node for node in ast.parse(source.strip("\n")).body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    first = [line for node in future for line in lines[node.lineno - 1 : node.end_lineno]]
    gone = {number for node in future for number in range(node.lineno - 1, node.end_lineno or node.lineno)}
    rest = "\n".join(line for number, line in enumerate(lines) if number not in gone).strip("\n")
    return _mark(names) + "\n" + ("\n".join(first) + "\n\n" if first else "") + rest + "\n"
