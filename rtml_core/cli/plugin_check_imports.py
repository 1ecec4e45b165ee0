"""`rtml plugins check`: the plugin builds on what stays, the public modules of rtml, and on nothing that is about to go."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from rtml_core.api import BUILDING_BLOCKS, STABLE
from rtml_core.cli.plugin_check_findings import Finding, Subject
from rtml_core.errors import RtmlDeprecationWarning

#: what belongs to rtml
_OWN = ("rtml_core", "rtml_plugins")


def check_imports(subject: Subject) -> Iterator[Finding]:
    """What the source of the plugin imports of rtml; for its own plugins a check of all imports holds that already."""
    if subject.built_in:
        return
    cure = "use what docs/reference/plugin-contract lists under 'What a plugin may import'"
    seen: dict[str, str] = {}
    for path in sources(subject.files):
        for name, line in private_imports(path.read_text(encoding="utf-8")):
            seen.setdefault(name, f"{path.name}, line {line}")
    for name, where in seen.items():
        yield Finding("warning", "imports", where, f"{name} is no public part of rtml and may change in every release", cure)
    if not seen:
        yield Finding("ok", "imports", "", "only what is public in rtml")


def sources(files: Sequence[str]) -> list[Path]:
    """The Python files of a package or module."""
    found = []
    for place in map(Path, files):
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place] if place.suffix == ".py" else []
    return found


def private_imports(source: str) -> Iterator[tuple[str, int]]:
    """Modules and names of rtml that are not public, each with the line that imports it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not is_public(alias.name):
                    yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if not (is_public(inner) or (is_public(node.module) and not alias.name.startswith("_"))):
                    yield (inner if alias.name.startswith("_") else node.module), node.lineno


def is_public(module: str) -> bool:
    """Whether a plugin may import that module: not rtml's at all, stable, or a building block, which is at its own risk."""
    if module.partition(".")[0] not in _OWN or module in STABLE:
        return True
    return module.startswith(tuple(f"{package}." for package in BUILDING_BLOCKS)) and "._" not in module


def deprecations(caught: Sequence[warnings.WarningMessage]) -> Iterator[Finding]:
    """What the plugin used that goes with the next plugin API, once each."""
    found = {str(item.message): item for item in caught if issubclass(item.category, RtmlDeprecationWarning)}
    for text, item in found.items():
        what, _, cure = text.partition(": ")
        yield Finding("warning", "imports", f"{Path(item.filename).name}, line {item.lineno}", what, cure)
