"""A store is found by its URL, and what is wrong with a URL is said."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from rtml_plugins.profile import stores
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.sqlite_store import SqliteStore
from rtml_plugins.profile.store import ProfileStore, StoreError, open_store, without_password
from rtml_plugins.profile.stores import find


@dataclass
class Given:
    """A place that a plugin named."""

    what: Any
    path: str = "my_store:Store"
    origin: str = "plugin 'mine' of my-store 1.0"

    def load(self) -> Any:
        return self.what


def test_it_is_found_by_its_scheme() -> None:
    assert find("memory:") is MemoryStore
    assert find("sqlite:///profiles.db") is SqliteStore
    assert find("SQLite:///profiles.db") is SqliteStore
    assert isinstance(open_store("memory:"), ProfileStore)


def test_an_unknown_scheme_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(
        StoreError, match=r"for sqlit: URLs\. Did you mean 'sqlite'\? There are: .*memory, .*sqlite; .*rtml-redis"
    ):
        open_store("sqlit:///profiles.db")


@pytest.mark.parametrize("url", ["", "profiles.db", "/tmp/profiles.db", "://x", "1:x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match=r"named by a URL like sqlite:///profiles\.db"):
        open_store(url)


@pytest.mark.parametrize("url", ["memory", "memory:x", "memory://", "memory:///x"])
def test_a_store_in_memory_has_no_name(url: str) -> None:
    with pytest.raises(StoreError):
        open_store(url)


def test_a_plugin_that_names_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    given: Mapping[str, Any] = {"mine": Given(dict)}
    monkeypatch.setattr("rtml_core.profile_stores", lambda: given)
    with pytest.raises(
        StoreError, match=r"my_store:Store, which plugin 'mine' of my-store 1\.0 names for mine: .* class of ProfileStore"
    ):
        find("mine:x")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://user:pass@host/1", "'redis://***@host/1'"),
        ("redis://:p@ss@host", "'redis://***@host'"),
        ("redis://host/1", "'redis://host/1'"),
        ("nothing", "'nothing'"),
        ("mailto:a@b", "'mailto:a@b'"),
    ],
)
def test_a_password_is_hidden(url: str, shown: str) -> None:
    assert without_password(url) == shown
    with pytest.raises(StoreError) as refused:
        stores.find(url.replace("redis:", "nosuch:"))
    assert "pass" not in str(refused.value)
    assert "p@ss" not in str(refused.value)


def test_neither_pytest_nor_pandas_comes_with_a_store() -> None:
    code = (
        "import sys; from rtml_plugins.profile import memory_store, sqlite_store, stores;"
        "print([name for name in ('pytest', '_pytest', 'pandas', 'pyarrow', 'sqlalchemy', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
