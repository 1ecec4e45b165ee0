"""Packages in folders and in memory: put whole, found by content, verified."""

from __future__ import annotations

import os
import sys
import time
import uuid
from pathlib import Path

import pytest

from rtml_plugins.hub import store as stores
from rtml_plugins.hub.errors import HubError, NotFound, Unavailable
from rtml_plugins.hub.store import PackageStore, identity
from tests.unit.hub.packages import manifest, package


@pytest.fixture(params=["folder", "file", "odd folder", "memory", "renaming"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackageStore:
    url = {
        "folder": str(tmp_path / "packages"),
        "file": f"file://{tmp_path}/packages",
        "odd folder": str(tmp_path / "a% b::c" / "p?q#r"),
        "memory": f"memory://{uuid.uuid4().hex}/packages",
        "renaming": f"memory://{uuid.uuid4().hex}/packages",
    }[request.param]
    if request.param == "renaming":  # as on a place that is neither a folder nor a store of objects
        monkeypatch.setattr(stores, "_OBJECTS", frozenset())
    return PackageStore(url)


def test_a_package_is_kept_by_its_content(store: PackageStore) -> None:
    data = package(1)
    name = store.put(data)
    assert name == identity(data) == data[-64:].decode()
    assert (store.get(name), store.has(name), store.size(name)) == (data, True, len(data))
    before = list(store.packages())
    assert store.put(data) == name
    assert list(store.packages()) == before
    assert [found for found, _ in before] == [name]
    assert abs(before[0][1] - time.time()) < 3600
    store.ping()


def test_what_is_not_there_is_said(store: PackageStore) -> None:
    missing = "ab" * 32
    assert not store.has(missing)
    assert list(store.packages()) == []
    for ask in (store.get, store.size):
        with pytest.raises(NotFound, match=f"package {missing} is not in"):
            ask(missing)
    store.delete(missing)
    name = store.put(package(1))
    store.delete(name)
    assert not store.has(name)


@pytest.mark.parametrize("name", ["", "../secret", "ab" * 31, "AB" * 32, "ab" * 32 + "/x", "ab" * 31 + "a\n"])
def test_only_a_digest_becomes_a_path(store: PackageStore, name: str) -> None:
    for ask in (store.get, store.size, store.has, store.delete, store.local):
        with pytest.raises(NotFound, match="no id of a package"):
            ask(name)


@pytest.mark.parametrize("data", [b"", b"hello", b"x" * 64, package(1)[:-1], package(1) + b"x"])
def test_what_is_no_package_is_not_kept(store: PackageStore, data: bytes) -> None:
    with pytest.raises(HubError, match="digest does not match"):
        store.put(data)
    assert list(store.packages()) == []


def test_a_changed_byte_is_noticed(store: PackageStore) -> None:
    name = store.put(package(1))
    path = store._path(name)
    data = package(1)
    for wrong in (data[:100] + b"!" + data[101:], data[:-1], b"", package(2)):
        store._filesystem.pipe_file(path, wrong)
        with pytest.raises(Unavailable, match="is damaged"):
            store.get(name)


def test_files_are_for_nobody_else_and_lie_in_folders(tmp_path: Path) -> None:
    folder = tmp_path / "kept" / "packages"
    store = PackageStore(folder)
    name = store.put(package(1))
    path = store.local(name)
    assert path == folder / name[:2] / f"{name}.rtml"
    assert path.read_bytes() == package(1)
    assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(NotFound):
        store.local("ab" * 32)
    assert PackageStore(f"memory://{uuid.uuid4().hex}").local(name) is None


def test_what_a_killed_hub_left_is_cleaned(tmp_path: Path) -> None:
    store = PackageStore(tmp_path)
    name = store.put(package(1))
    old, fresh = tmp_path / name[:2] / f".{name}.rtml.old", tmp_path / name[:2] / f".{name}.rtml.fresh"
    for path in (old, fresh):
        path.write_bytes(b"half of a pack")
    os.utime(old, (time.time() - 7200,) * 2)
    assert [found for found, _ in PackageStore(tmp_path).packages()] == [name]
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("failing", ["write", "rename"])
def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    store = PackageStore(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync" if failing == "write" else "replace", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        store.put(package(1))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("ftps3://x", "packages can be kept in a folder, s3://"),
        ("gcs://bucket/x", r"pip install 'rtml\[gcs\]'"),
        ("s3://bucket/x", r"pip install 'rtml\[s3\]'"),
    ],
)
def test_a_place_that_can_not_be_used_is_said(url: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for driver in ("s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(HubError, match=says):
        PackageStore(url)


def test_a_folder_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Choose a folder that this user may write"):
        PackageStore(tmp_path / "file" / "packages")


def test_the_id_is_the_packages_own() -> None:
    from rtml_core.package import read_archive

    assert identity(package(1)) == read_archive(package(1)).id
    assert manifest(package(1)).parity.checked
