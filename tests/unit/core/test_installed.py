"""Entry points as importlib.metadata finds them, and what it stumbles over."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.errors import PluginError
from rtml_core.installed import EntryPoint, entry_points, normal

GROUP = "rtml.tests.installed"


def write(
    folder: Path, name: str, points: str | None, metadata: str = "Name: {name}\nVersion: 1.0\n", kind: str = "dist-info"
) -> None:
    """Metadata of one distribution."""
    info = folder / f"{name.replace('-', '_')}-1.0.{kind}"
    info.mkdir(parents=True)
    (info / ("METADATA" if kind == "dist-info" else "PKG-INFO")).write_text(metadata.format(name=name))
    if points is not None:
        (info / "entry_points.txt").write_text(points)


def theirs(group: str) -> list[tuple[str, str, str, str]]:
    found = importlib.metadata.entry_points(group=group)
    return sorted((p.name, p.value, p.dist.name, p.dist.version) for p in found if p.dist is not None)


def ours(group: str) -> list[tuple[str, str, str, str]]:
    return sorted((p.name, p.value, p.distribution, p.version) for p in entry_points(group))


@pytest.mark.parametrize("group", ["rtml.plugins", "console_scripts", "pytest11", "nobody.has.this"])
def test_this_environment_has_what_importlib_finds(group: str) -> None:
    assert ours(group) == theirs(group)


def test_every_kind_of_place_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = f"[console_scripts]\nx = y:z\n\n[{GROUP}]\n# a comment\n one = a.b\ntwo=c:d [more]\n[other]\nthree = e\n"
    write(tmp_path / "plain", "first-dist", points)
    write(tmp_path / "plain", "No.Points", None)
    write(tmp_path / "old", "old-dist", points.replace("one", "old").replace("two", "older"), kind="egg-info")
    (tmp_path / "old" / "file_dist-1.0.egg-info").write_text("Name: file-dist\nVersion: 1.0\n")
    write(tmp_path / "shadowed", "First_Dist", points.replace("one", "hidden"))
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        archive.writestr("zipped-1.0.dist-info/METADATA", "Name: zipped\nVersion: 1.0\n")
        archive.writestr("zipped-1.0.dist-info/entry_points.txt", f"[{GROUP}]\nzip = f.g\n")
    egg = tmp_path / "packed-1.0-py3.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO" / "PKG-INFO").write_text("Name: packed\nVersion: 1.0\n")
    (egg / "EGG-INFO" / "entry_points.txt").write_text(f"[{GROUP}]\negg = h\n")
    places = [tmp_path / name for name in ("plain", "old", "shadowed", "packed.zip", "gone", egg.name)]
    monkeypatch.setattr(sys, "path", [*map(str, places), *sys.path])
    assert ours(GROUP) == theirs(GROUP)
    assert [name for name, *_ in ours(GROUP)] == ["egg", "old", "older", "one", "two", "zip"]


def test_the_working_directory_counts_where_python_has_it_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "here", f"[{GROUP}]\nhere = a\n")
    monkeypatch.chdir(tmp_path)
    assert ours(GROUP) == []
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert ours(GROUP) == theirs(GROUP) == [("here", "a", "here", "1.0")]


def test_finders_of_others_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Distribution(importlib.metadata.Distribution):
        def read_text(self, filename: str) -> str | None:
            return {"METADATA": "Name: found\nVersion: 2\n", "entry_points.txt": f"[{GROUP}]\nfound = a\n"}.get(filename)

        def locate_file(self, path: object) -> Path:
            return Path()

    class Finder:
        def find_spec(self, *_: object) -> None:
            return None

        def find_distributions(self, *_: object) -> Iterable[importlib.metadata.Distribution]:
            return [Distribution()]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert ours(GROUP) == [("found", "a", "found", "2")]


def test_damage_of_one_distribution_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "fine", f"[{GROUP}]\nfine = a\n")
    write(tmp_path, "line", f"[{GROUP}]\nno sign\n = b\nc =\n")
    write(tmp_path, "elsewhere", f"[other]\nno sign\n[{GROUP}]\nelse = a\n")
    write(tmp_path, "nameless", f"[{GROUP}]\nnameless = a\n", "Version: 1.0\n")
    write(tmp_path, "unversioned", f"[{GROUP}]\nunversioned = a\n", "Name: unversioned\n\nVersion: 1.0, this is the text\n")
    (tmp_path / "bytes-1.0.dist-info").mkdir()
    (tmp_path / "bytes-1.0.dist-info" / "METADATA").write_bytes(b"Name: bytes\nSummary: \xff\nVersion: 1.0\n")
    (tmp_path / "bytes-1.0.dist-info" / "entry_points.txt").write_bytes(f"[{GROUP}]\nbytes = ".encode() + b"\xff\n")
    (tmp_path / "folder-1.0.dist-info" / "entry_points.txt").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    problems = {(point.distribution, point.name): point.problem for point in entry_points(GROUP)}
    assert problems == {
        ("fine", "fine"): "",
        ("elsewhere", "else"): "",
        ("line", "no sign"): "its entry_points.txt has the line 'no sign', which is none",
        ("line", "= b"): "its entry_points.txt has the line '= b', which is none",
        ("line", "c"): "its entry_points.txt has the line 'c =', which is none",
        ("nameless", "nameless"): "the metadata of this distribution has no name",
        ("unversioned", "unversioned"): "the metadata of this distribution has no version",
        ("bytes", "bytes"): "",
    }
    for point in entry_points(GROUP):
        if point.problem:
            with pytest.raises(PluginError, match=f"; install {point.distribution} again"):
                point.load()


@given(st.text(max_size=30))
def test_names_are_compared_as_installers_do(name: str) -> None:
    assert normal(normal(name)) == normal(name)
    assert normal(name) == importlib.metadata.Prepared.normalize(name.strip()).replace("_", "-")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("json", "json"),
        ("json:dumps", "dumps"),
        ("os:path.join", "join"),
        ("json : dumps [extra, more]", "dumps"),
        ("xml.etree.ElementTree", "xml.etree.ElementTree"),
    ],
)
def test_a_value_names_a_module_or_an_object_in_it(value: str, found: str) -> None:
    assert EntryPoint("x", value, "d", "1").load().__name__ == found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("json:nothing", "module 'json' has no 'nothing': the entry point 'x = json:nothing' of d 1 leads to nothing"),
        ("json.nothing", "there is no module 'json.nothing'"),
        ("rtml_nowhere.at.all", "there is no module 'rtml_nowhere'"),
        ("json:dumps()", 'must be like "x = package.module" or "x = package.module:object"'),
        ("json:a:b", "must be like"),
        ("-", "must be like"),
    ],
)
def test_a_value_that_leads_to_nothing(value: str, words: str) -> None:
    with pytest.raises(PluginError) as caught:
        EntryPoint("x", value, "d", "1").load()
    assert words in str(caught.value)


def test_discovery_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom rtml_core.plugins import plugins\nfrom rtml_core.cli import app\nassert len(plugins().infos) > 8\n"
        "heavy = ('pandas', 'sklearn', 'onnx', 'scipy', 'onnxruntime', 'importlib.metadata', 'email', 'zipfile', 'tomllib')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    home = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=home)
    assert done.stdout == "[]\n"
