"""One edge for all tests of the protocol that change nothing in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.v2 import edges


@pytest.fixture(scope="session")
def package_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return edges.packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def edge(package_files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[edges.Edge]:
    """Version 1 answers half of the visitors, by their country, version 2 the others."""
    home = tmp_path_factory.mktemp("home")
    runtimes = edges.fill(home, package_files, edges.HALF)
    with edges.running(home, runtimes, max_rows=5000) as running:
        yield running
