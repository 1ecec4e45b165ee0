"""Building the library of the test plugin, and installing the plugin with it into a folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.core.cli.helpers import install

HERE = Path(__file__).parent
HEADER = Path(__file__).parents[4] / "plugins_contrib/rtml-geo/rtml_geo"
PLUGIN = "tally_plugin"


def compiler() -> str:
    """A C compiler; without one the test is skipped, where it isn't CI that has to have it."""
    found = shutil.which("cc") or shutil.which("gcc")
    if found is None:
        assert "CI" not in os.environ, "CI has to build native operators: apt-get install gcc libc6-dev"
        pytest.skip("needs a C compiler: apt-get install gcc libc6-dev")
    return found


def build(target: Path, *options: str, source: Path = HERE / "tally.c") -> None:
    """Compile a library. options: of the compiler."""
    flags = ("-shared", "-fPIC", "-O1", "-ffp-contract=off", "-I", str(HEADER))
    done = subprocess.run(
        [compiler(), *flags, *options, str(source), "-o", str(target), "-lm"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def put(folder: Path, library: Path | None) -> Path:
    """The plugin as an installed distribution Rtml_Tally 1.4 in a folder, with a library if one is given."""
    install(folder, "tally", PLUGIN, "Rtml_Tally")
    shutil.copytree(HERE / PLUGIN, folder / PLUGIN, ignore=shutil.ignore_patterns("__pycache__"))
    if library is not None:
        shutil.copy(library, folder / PLUGIN / "_tally.so")
    return folder
