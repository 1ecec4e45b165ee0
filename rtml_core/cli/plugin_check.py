"""`rtml plugins check`: everything that can be wrong with a plugin, in one report with what mends it."""

from __future__ import annotations

import contextlib
import sys
import tomllib
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from rtml_core.cli.command import Found
from rtml_core.cli.listing import discovered, print_json
from rtml_core.cli.plugin_check_commands import check_boundaries, check_commands, check_converters
from rtml_core.cli.plugin_check_contract import check_contract
from rtml_core.cli.plugin_check_findings import Finding, Report, Subject, summary
from rtml_core.cli.plugin_check_imports import check_imports, deprecations
from rtml_core.cli.plugin_check_loading import load
from rtml_core.cli.plugin_check_operators import check_operators
from rtml_core.cli.plugin_check_ops import check_custom_ops
from rtml_core.cli.plugin_check_package import check_package
from rtml_core.cli.plugin_check_startup import check_startup
from rtml_core.errors import PluginError, RtmlError
from rtml_core.hookspecs import GROUP

if TYPE_CHECKING:
    from rtml_core.plugins import Plugins

#: what is looked at in a plugin that is loaded, in the order of the report
_OF_LOADED: Final[tuple[Callable[[Subject], Iterable[Finding]], ...]] = (
    check_imports,
    check_operators,
    check_contract,
    check_custom_ops,
    check_commands,
    check_converters,
    check_boundaries,
)


def check(names: Sequence[str], *, every: bool, as_json: bool, strict: bool) -> None:
    """Check plugins by name, all of them, or those of the package in this folder; Found (exit 1) when there are errors."""
    if every and names:
        raise click.UsageError("Give names of plugins or --all, not both")
    known = discovered()
    chosen = list(known.infos) if every else list(dict.fromkeys(names)) or here(known)
    reports = []
    for name in chosen:
        report = check_plugin(name, known)
        reports.append(report)
        if not as_json:
            click.echo(report)
    if as_json:
        print_json([report.to_json() for report in reports])
    else:
        click.echo(summary(reports))
    levels = ("error", "warning") if strict else ("error",)
    wrong = [report.plugin for report in reports if any(finding.level in levels for finding in report.findings)]
    if wrong:
        raise Found(f"there is something to mend in {', '.join(wrong)}")


def here(known: Plugins) -> list[str]:
    """The plugins that pyproject.toml in the working directory declares; RtmlError when there are none, or are not installed."""
    cure = "name a plugin, or --all; `rtml plugins list` shows those that are installed"
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        names = list(project["project"]["entry-points"][GROUP])
    except FileNotFoundError:
        raise RtmlError(f"there is no pyproject.toml in this folder: {cure}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RtmlError(f"pyproject.toml can't be read ({error}); correct it") from None
    except (KeyError, TypeError):
        raise RtmlError(f'pyproject.toml declares no plugin in [project.entry-points."{GROUP}"]: {cure}') from None
    absent = [name for name in names if name not in known.infos]
    if absent:
        raise PluginError(f"plugin '{absent[0]}' of this folder is not installed: pip install -e .")
    return names


def check_plugin(name: str, known: Plugins) -> Report:
    """The report about one plugin; PluginError with the closest name for one that is not installed."""
    info = known.info(name)
    with (
        contextlib.redirect_stdout(sys.stderr),  # what a plugin prints must not end up in the report
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        subject, findings = load(info, known)
        findings += check_package(subject)
        if info.state == "ok" and subject.plugin is not None:
            for part in _OF_LOADED:
                findings += part(subject)
            findings += deprecations(caught)
        if subject.plugin is not None and info.state != "blocked":
            findings += check_startup(subject)
    return Report(name, info.distribution, info.version, findings)
