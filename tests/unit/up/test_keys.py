"""The edges of `rtml up` get a key once the hub asks for keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtml_plugins.hub.database import Database, open_database
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.serving.problems import Problem
from rtml_plugins.up.keys import EdgeKey


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "hub").mkdir()
    opened = open_database(HubSettings(home=str(tmp_path / "hub")).database_url)
    yield opened
    opened.close()


@pytest.fixture
def edge_key(tmp_path: Path, database: Database) -> Iterator[EdgeKey]:
    key = EdgeKey(tmp_path / "hub", tmp_path / "edge.key")
    yield key
    key.close()


def test_an_open_hub_needs_none(edge_key: EdgeKey, tmp_path: Path) -> None:
    assert not edge_key.provide()
    assert not (tmp_path / "edge.key").exists()


def test_one_is_made_once_and_only_its_owner_reads_it(edge_key: EdgeKey, database: Database, tmp_path: Path) -> None:
    keys = Keys(database)
    keys.create("me", ["admin"])
    assert edge_key.provide()
    path = tmp_path / "edge.key"
    secret = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys.authenticate(secret).scopes == {"edge"}
    assert edge_key.provide()
    assert path.read_text().strip() == secret
    assert len(keys.list()) == 2


def test_a_lost_or_revoked_one_is_replaced(edge_key: EdgeKey, database: Database, tmp_path: Path) -> None:
    keys = Keys(database)
    keys.create("me", ["admin"])
    assert edge_key.provide()
    path = tmp_path / "edge.key"
    lost = path.read_text().strip()
    path.unlink()
    assert edge_key.provide()
    with pytest.raises(Problem, match="a valid API key is needed"):
        keys.authenticate(lost)
    assert keys.authenticate(path.read_text().strip()).scopes == {"edge"}
