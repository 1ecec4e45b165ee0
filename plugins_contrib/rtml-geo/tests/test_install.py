"""The distribution as pip builds it: with a C compiler one wheel for all Pythons, without one everything but the library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parents[1]


def wheel(folder: Path, **variables: str) -> Path:
    """A wheel of the sources, built in a folder by the build back end that is installed."""
    sources = folder / "sources"
    shutil.copytree(
        FOLDER, sources, ignore=shutil.ignore_patterns("*.so", "*.pyd", "build", "*.egg-info", "__pycache__", "tests")
    )
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), "."]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words],
        cwd=sources,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def test_a_wheel_holds_the_library_and_the_header(tmp_path: Path) -> None:
    made = wheel(tmp_path)
    names = set(zipfile.ZipFile(made).namelist())
    assert made.name.startswith("rtml_geo-0.1.0-cp311-abi3-")
    assert {"rtml_geo/rtml_custom_op.h", "rtml_geo/native.c", "rtml_geo/py.typed"} <= names
    assert [name for name in names if "_native" in name] == ["rtml_geo/_native.abi3.so"]


def test_without_a_compiler_the_rest_is_installed(tmp_path: Path) -> None:
    names = set(zipfile.ZipFile(wheel(tmp_path, CC="a-compiler-that-is-not-there")).namelist())
    assert {"rtml_geo/__init__.py", "rtml_geo/operators.py", "rtml_geo/rtml_custom_op.h"} <= names
    assert not [name for name in names if "_native" in name]
