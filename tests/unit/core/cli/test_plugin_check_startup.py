"""`rtml plugins check`: what a plugin adds to the start of every command, measured in processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtml_core.cli import plugin_check_startup
from rtml_core.cli.plugin_check_findings import Finding
from rtml_core.cli.plugin_check_loading import load
from rtml_core.cli.plugin_check_startup import Cost, check_startup, measure, slowest
from rtml_core.plugins import plugins
from tests.unit.core.cli.check_helpers import HEAD, TAIL, written


def cost_of(folder: Path, body: str) -> tuple[Cost, list[Finding]]:
    with written(folder, body + TAIL.replace("Made", "")):
        info = plugins().info("made")
        subject, _ = load(info, plugins())
        return measure(subject), list(check_startup(subject))


@pytest.fixture
def one_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One timed child instead of five."""
    monkeypatch.setattr(plugin_check_startup, "RUNS", 1)


@pytest.mark.usefixtures("one_run")
def test_a_heavy_import_is_an_error_that_names_it(tmp_path: Path) -> None:
    cost, (finding,) = cost_of(tmp_path, "import numpy\nfrom rtml_core import hookimpl\n")
    assert cost.heavy == ("numpy",)
    assert "numpy" in [name for name, _ in cost.slowest]
    assert finding.level == "error"
    assert finding.what.startswith("importing the plugin imports numpy, ")
    assert "inside the functions" in finding.cure


@pytest.mark.usefixtures("one_run")
def test_a_heavy_import_in_a_hook_is_found_too(tmp_path: Path) -> None:
    source = HEAD.replace("import pandas as pd\n", "") + "\n@hookimpl\ndef rtml_commands():\n    import numpy\n    return {}\n"
    assert cost_of(tmp_path, source)[0].heavy == ("numpy",)


@pytest.mark.usefixtures("one_run")
def test_a_light_plugin_is_measured(tmp_path: Path) -> None:
    cost, (finding,) = cost_of(tmp_path, "from rtml_core import hookimpl\n")
    assert cost.heavy == ()
    assert cost.milliseconds > 0
    assert "no heavy imports" in finding.what or finding.level == "warning"  # a busy machine may be slow


def test_a_slow_plugin_is_told_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_check_startup, "measure", lambda subject: Cost(123.4, (), (("made", 120.0), ("html", 3.0))))
    (finding,) = check_startup(None)  # type: ignore[arg-type]
    assert finding.level == "warning"
    assert finding.what == "it adds 123 ms to every rtml command, and may add 20"
    assert finding.cure.endswith("(slowest: made 120 ms, html 3 ms)")


def test_only_what_is_imported_behind_the_mark_counts() -> None:
    told = (
        "import time: 9000 | 9000 | before\nrtml-plugin-check\nimport time:  500 |  500 |   a.b\nimport time: 1500 | 2000 | a\n"
    )
    assert slowest(told) == [("a", 2.0)]


def test_a_child_that_fails_says_why(tmp_path: Path) -> None:
    code = "import sys\nif 'pytest' not in sys.modules: raise OSError('no disk')\nfrom rtml_core import hookimpl\n"
    with written(tmp_path, code + TAIL.replace("Made", "")):
        (finding,) = check_startup(load(plugins().info("made"), plugins())[0])
    assert (finding.level, finding.what) == ("error", "it can't be imported in a process of its own: OSError: no disk")
