"""An app on a real table, in the process of the test."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.edge.app import App
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Table
from tests.integration.v2 import edges


@pytest.fixture(scope="session")
def package_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return edges.packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture
def app(package_files: list[Path], tmp_path: Path) -> Iterator[Callable[..., App]]:
    """Makes the app of a folder; called with settings."""
    edges.fill(tmp_path, package_files, Traffic(1, canary=Arm(2, 0.5), sticky="visits"))
    tables: list[Table] = []
    with asyncio.Runner() as runner:

        def make(**given: object) -> App:
            settings = EdgeSettings(home=str(tmp_path), region="emea", **given)  # type: ignore[arg-type]
            tables.append(Table(settings))
            runner.run(tables[-1].start())
            return App(tables[-1], settings)

        yield make
        for table in tables:
            runner.run(table.stop())
