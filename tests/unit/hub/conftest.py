"""A hub in every place where a hub can be: SQLite in a file, and a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.store import PackageStore
from tests.unit.hub.packages import check_here
from tests.unit.hub.postgresql import Cluster, cluster


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """Where hubs of a test keep everything: each `database()` is a new one; `open()` opens hubs on the same one."""

    database: Callable[[], str]
    folder: Path
    url: str = ""
    clock: Clock = field(default_factory=Clock)
    opened: list[Hub] = field(default_factory=list)

    def open(self, **options: Any) -> Hub:
        self.url = self.url or self.database()
        store = PackageStore(self.folder / "packages")
        hub = Hub(open_database(self.url, clock=self.clock), store, **{"check": check_here, **options})
        self.opened.append(hub)
        return hub


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    numbers = iter(range(10_000))
    if request.param == "postgresql":
        server: Cluster = request.getfixturevalue("postgresql")
        made = Place(server.new, tmp_path)
    else:
        made = Place(lambda: str(tmp_path / f"hub-{next(numbers)}.db"), tmp_path)
    yield made
    for hub in made.opened:
        hub.close()


@pytest.fixture
def hub(place: Place) -> Hub:
    return place.open()
