"""The command line in this process, with the tests' plugin installed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtml_core.plugins import plugins
from rtml_core.testing import Cli
from tests.unit.core.cli.helpers import CSV, OUTPUTS, PLUGIN, ROWS, Result, graph, install

Rtml = Callable[..., Result]


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the metadata of the tests' plugin."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def tiny(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The plugin is installed in this process, for one test."""
    monkeypatch.setattr(sys, "path", [str(installed), str(PLUGIN), *sys.path])
    plugins.cache_clear()
    yield installed
    plugins.cache_clear()


@pytest.fixture
def rtml(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rtml:
    """Runs the command line here, in the test's own directory."""
    monkeypatch.chdir(tmp_path)
    return Cli(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The test's directory with a graph and its rows in two formats."""
    (tmp_path / "graph.json").write_text(json.dumps(graph(outputs=OUTPUTS)))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "rows.csv").write_text(CSV)
    return tmp_path


@pytest.fixture
def package(rtml: Rtml, files: Path) -> Path:
    """A package of that graph."""
    assert rtml("compile", "graph.json", "-o", "model.rtml", "--sample", "rows.csv").code == 0
    return files / "model.rtml"
