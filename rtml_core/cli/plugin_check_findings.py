"""What `rtml plugins check` finds, and how it is shown: one line a finding, with the cure behind it."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rtml_core.cli.tables import plural, table

if TYPE_CHECKING:
    from types import ModuleType

    from rtml_core.plugins import PluginInfo, Plugins

Level = Literal["ok", "warning", "error"]
#: what is checked, in the order of the report
CHECKS: Final = (
    "loads",
    "hooks",
    "package",
    "imports",
    "operators",
    "contract",
    "custom ops",
    "commands",
    "converters",
    "boundaries",
    "start-up",
)


#: what a stranger's code may raise; Ctrl-C ends the check
RAISED: Final = (Exception, SystemExit)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. check: one of CHECKS; where: operator, command, line; cure: what mends it, '' for ok."""

    level: Level
    check: str
    where: str
    what: str
    cure: str = ""

    @property
    def text(self) -> str:
        """What and cure, on one line."""
        line = " ".join(f"{self.what}{': ' if self.cure else ''}{self.cure}".split())
        return f"{self.where}: {line}" if self.where else line


@dataclass(frozen=True)
class Subject:
    """A plugin under the check. plugin: its object, None when it can't be loaded; module: the module its entry point names."""

    info: PluginInfo
    known: Plugins
    plugin: Any
    module: str
    files: tuple[str, ...] = ()

    @property
    def built_in(self) -> bool:
        return self.info.distribution == "rtml"


@dataclass
class Report:
    """All findings about one plugin."""

    plugin: str
    distribution: str
    version: str
    findings: list[Finding] = field(default_factory=list)

    def count(self, level: Level) -> int:
        """How many findings are of that level."""
        return sum(finding.level == level for finding in self.findings)

    def to_json(self) -> Mapping[str, Any]:
        """The report as JSON values."""
        facts = {"plugin": self.plugin, "distribution": self.distribution, "version": self.version}
        counts = {"errors": self.count("error"), "warnings": self.count("warning")}
        return {**facts, **counts, "findings": [asdict(finding) for finding in self.findings]}

    def __str__(self) -> str:
        rows = [(finding.level, finding.check, finding.text) for finding in self.findings]
        source = f" ({self.distribution} {self.version})" if self.distribution else ""
        lines = table(("", "", ""), rows).splitlines()[1:]
        return "\n".join([f"{self.plugin}{source}", *(f"  {line}" for line in lines)])


def summary(reports: Iterable[Report]) -> str:
    """The last line of the report."""
    found = list(reports)
    counts = Counter(finding.level for report in found for finding in report.findings)
    errors = plural(counts["error"], "error") if counts["error"] else "no errors"
    warnings = plural(counts["warning"], "warning") if counts["warning"] else "no warnings"
    return f"{plural(len(found), 'plugin')}: {errors}, {warnings}"


def line_of(error: BaseException, files: Iterable[str] = ()) -> str:
    """The line that an error came from, "file.py, line 3: code": the last in `files` (files, folders), '' when none is there.

    Without `files` it is the last line of all.
    """
    folders = [Path(name) for name in files]
    entries = traceback.extract_tb(error.__traceback__)
    own = [entry for entry in entries if any(folder in (path := Path(entry.filename), *path.parents) for folder in folders)]
    python = [entry for entry in entries if not entry.filename.startswith("<")]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {(error.text or '').strip()}"
    if not (own or (python if not folders else [])):
        return ""
    entry = (own or python)[-1]
    return f"{Path(entry.filename).name}, line {entry.lineno}: {entry.line}"


def said(error: BaseException, files: Iterable[str] = ()) -> str:
    """An error as a sentence, with the author's line when there is one."""
    from rtml_core.errors import RtmlError

    text = str(error) if isinstance(error, (RtmlError, AssertionError)) and str(error) else f"{type(error).__name__}: {error}"
    at = line_of(error, files)
    return f"{text} ({at})" if at and at not in text else text  # a refused formula names its line itself


def folder_of(module: ModuleType | None) -> tuple[str, ...]:
    """The folder of a package, or the file of a module: where the author's lines are."""
    if module is None:
        return ()
    places = list(getattr(module, "__path__", ())) or [getattr(module, "__file__", None)]
    return tuple(str(place) for place in places if place)
