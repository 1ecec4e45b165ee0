"""An environment of the reader's own: pip installs into it for real, and it sees what the tests' environment holds."""

from __future__ import annotations

import site
import subprocess
import sysconfig
import venv
from pathlib import Path

#: commands that the reader has, and the module behind each
PROGRAMS = {"rtml": "rtml_core.cli", "pytest": "pytest", "pip": "pip"}


class Environment:
    """A virtual environment in a folder; made in a tenth of a second, as everything but what is installed into it is shared."""

    def __init__(self, folder: Path):
        venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
        self.bin = folder / "bin"
        self.python = self.bin / "python"
        places = sysconfig.get_path("purelib", scheme="venv", vars={"base": str(folder), "platbase": str(folder)})
        lines = "".join(f"import site; site.addsitedir({place!r})\n" for place in site.getsitepackages())
        Path(places, "of_the_tests.pth").write_text(lines)
        for name, module in PROGRAMS.items():
            program = self.bin / name
            program.write_text(f'#!/bin/sh\nexec "{self.python}" -P -m {module} "$@"\n')
            program.chmod(0o755)

    def install(self, package: Path, *, editable: bool = True) -> None:
        """`pip install -e .`, with the build back ends that are here and without a package index."""
        words = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
        self.run("pip", *words, *(["-e"] if editable else []), ".", cwd=package)

    def run(self, program: str, *arguments: str, cwd: Path) -> str:
        """What a program prints; an AssertionError with all of it when it fails."""
        command = [str(self.bin / program), *arguments]
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        assert done.returncode == 0, f"{program} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout
