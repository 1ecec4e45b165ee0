"""A hub whose pages are asked for, open and with keys; its package is compiled once for all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

import httpx
import pytest

from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.site import Site


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a hub with the service "churn" in two versions, to be copied."""
    return site.filled(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def hub_home(filled: Path, tmp_path: Path) -> Path:
    """A folder with such a hub, for one test."""
    return site.copied(filled, tmp_path / "home")


@pytest.fixture
def gallery(hub_home: Path) -> Iterator[Site]:
    """That hub with its pages, asked by `gallery.client.get("/gallery")`; it asks for no keys."""
    with site.site(hub_home) as running:
        yield running


@pytest.fixture
def locked(gallery: Site) -> Site:
    """The same with the keys admin, publisher, viewer and limited (see site.with_keys): `locked.visitor("viewer").get(...)`."""
    return site.with_keys(gallery)


@pytest.fixture(scope="session")
def html() -> Callable[[httpx.Response], Element]:
    """A page as a tree: `html(answer).find(".//h1")`."""
    return site.tree
