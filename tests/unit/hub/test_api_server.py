"""Parts of running a hub that need no process."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from rtml_plugins.hub.cli import default_home
from rtml_plugins.hub.server import allow_connections
from rtml_plugins.hub.settings import HubSettings, is_loopback


def test_as_many_connections_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        allow_connections()
        raised = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == (8192 if hard == resource.RLIM_INFINITY else min(8192, hard), hard)
        allow_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == raised
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_names_that_mean_this_machine_only() -> None:
    for host in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST", "localhost.", "x.localhost"):
        assert is_loopback(host), host
    for host in ("0.0.0.0", "::", "", "10.0.0.1", "localhost.example", "127.0.0.1.example", "xlocalhost"):
        assert not is_loopback(host), host


def test_where_a_hub_is_and_keeps_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = HubSettings(home=str(tmp_path), host="::1", tls_cert="x")
    assert settings.url == "https://[::1]:8000"
    assert settings.database_url == f"sqlite:///{tmp_path / 'hub.db'}"
    assert settings.store_url == str(tmp_path / "packages")
    monkeypatch.setenv("RTML_HOME", str(tmp_path))
    assert default_home() == tmp_path / "hub"
