"""Places where distributions are installed for real: virtual environments that see what this one has, but for others' plugins.

pip builds and installs into it without a network, and uninstalls again; this environment is never touched.
"""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rtml_core

FIXTURES = Path(__file__).parent
ROOT = FIXTURES.parents[1]
#: parts of installed things that a place does not see
_CONTRIB = tuple(folder.name.replace("-", "_") for folder in (ROOT / "plugins_contrib").iterdir())
_HIDDEN = (*_CONTRIB, "_editable_impl_", "__editable__", "distutils-precedence", "sitecustomize")


@dataclass(frozen=True)
class Result:
    """What a child process gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Place:
    """A virtual environment of its own, in which rtml is there, and whatever is installed into it."""

    def __init__(self, folder: Path):
        self.folder = folder
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        self.python = folder / "bin" / "python"
        base = {"base": str(folder), "platbase": str(folder)}
        self.packages = Path(sysconfig.get_path("purelib", "venv", vars=base))
        self._see_what_is_here()

    def _see_what_is_here(self) -> None:
        """Links to what is installed in this environment, in a folder of its own on the path of the place."""
        seen = self.folder / "seen"
        seen.mkdir()
        for packages in dict.fromkeys([*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]):
            for entry in Path(packages).iterdir() if Path(packages).is_dir() else ():
                hidden = any(part in entry.name for part in _HIDDEN) or entry.suffix == ".pth"
                if not hidden and not (seen / entry.name).exists():
                    (seen / entry.name).symlink_to(entry)
        paths = [str(seen)]
        core = Path(rtml_core.__file__).resolve().parent
        if not (seen / core.name).exists():  # rtml is installed editable
            paths.append(str(core.parent))
        (self.packages / "seen.pth").write_text("\n".join(paths) + "\n")

    def run(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Result:
        """Python of the place in a child process, without settings of whoever runs the tests."""
        dropped = ("RTML_", "PYTHON", "PIP_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        done = subprocess.run(
            [str(self.python), *arguments],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder,
            env={**kept, "RTML_CONFIG": os.devnull, **variables},
            timeout=120,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def rtml(self, *arguments: str, cwd: Path | None = None, **variables: str) -> Result:
        """The command line there; a traceback is a failure whatever it is about."""
        result = self.run("-m", "rtml_core.cli", *arguments, cwd=cwd, **variables)
        assert "Traceback" not in result.err, result.err
        return result

    def install(self, *folders: Path) -> None:
        """`pip install` of distributions from their sources."""
        options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir")
        self._pip("install", *options, *map(str, folders))

    def uninstall(self, *names: str) -> None:
        """`pip uninstall`."""
        self._pip("uninstall", "--quiet", "--yes", *names)

    def _pip(self, *arguments: str) -> None:
        done = self.run("-m", "pip", "--disable-pip-version-check", "--isolated", *arguments)
        if done.code != 0:
            pytest.fail(
                f"pip {' '.join(arguments)} failed; it needs pip and hatchling here: {sys.executable} -m pip install pip"
                f" 'hatchling>=1.27'\n{done.out}{done.err}"
            )
