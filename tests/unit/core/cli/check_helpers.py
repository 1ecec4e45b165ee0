"""Plugins made for the tests of `rtml plugins check`: a module's source and its metadata, installed in a folder of the test."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from rtml_core.cli import plugin_check
from rtml_core.cli.plugin_check_findings import Finding, Report
from rtml_core.plugins import plugins

GOOD_METADATA = "Summary: Made for a test.\nRequires-Dist: rtml>=0.1\nLicense-Expression: MIT\nRequires-Python: >=3.11\n"
#: the beginning of a module that is all right so far
HEAD = '''\
"""Made for a test."""
from typing import Annotated, Any, Literal
import pandas as pd
from rtml_core import CustomOp, Operator, Params, doc, hookimpl
rtml_plugin_api = 1
'''
#: the end of one that brings the operator Made
TAIL = """
@hookimpl
def rtml_operators():
    return [Made]
"""
#: an operator with nothing to mend
GOOD = '''
class Made(Operator):
    """Twice a number.

    One number column in, float64 out.
    """

    class Params(Params):
        col: Annotated[str, doc("column of numbers")]
        into: Annotated[str, doc("name of the new column")] = "twice"

    def columns(self):
        return [self.params.col]

    def compute(self, xp, x):
        return {self.params.into: x * 2.0}

    @classmethod
    def examples(cls):
        return [cls(col="x")]

    def parity_cases(self):
        return pd.DataFrame({self.params.col: [1.0, None, -3.5]})
'''
_numbers = itertools.count()


@contextmanager
def written(folder: Path, source: str, metadata: str = GOOD_METADATA, entry: str = "") -> Iterator[str]:
    """A plugin `made`, installed; gives the name of its module, `made_N`."""
    module = f"made_{next(_numbers)}"
    (folder / f"{module}.py").write_text(source)
    info = folder / "rtml_made-1.4.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: rtml-made\nVersion: 1.4\n{metadata}")
    (info / "entry_points.txt").write_text(f"[rtml.plugins]\nmade = {entry or module}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        plugins.cache_clear()
        yield module
        sys.modules.pop(module, None)
    plugins.cache_clear()


def report_on(folder: Path, body: str, *, tail: str = TAIL, **options: str) -> Report:
    """The report on a plugin with that body, but for what it costs at the start."""
    source = HEAD + dedent(body) + dedent(tail)
    with written(folder, source, **options), pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugin_check, "check_startup", lambda subject: [])
        return plugin_check.check_plugin("made", plugins())


def of(report: Report, check: str, level: str) -> list[Finding]:
    """The findings of one kind."""
    return [finding for finding in report.findings if (finding.check, finding.level) == (check, level)]


def only(report: Report, check: str, level: str) -> Finding:
    """The one finding of that kind, with nothing else to mend."""
    assert [(f.check, f.level) for f in report.findings if f.level != "ok"] == [(check, level)], str(report)
    (finding,) = of(report, check, level)
    assert finding.cure or check == "converters", finding
    return finding
