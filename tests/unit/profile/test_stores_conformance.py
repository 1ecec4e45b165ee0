"""The stores that ship keep what every store promises."""

from pathlib import Path

import pytest

from rtml_plugins.profile.conformance import LastingStoreConformance, Place, StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def place(self) -> Place:
        return Place("memory:")


class TestSqliteStore(LastingStoreConformance):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(f"sqlite:///{tmp_path}/profiles.db")
