"""What the command line may import before a command needs it. Durations are for the benchmarks; imports decide them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.core.cli.helpers import environment

#: libraries that take a tenth of a second or more
HEAVY = ("numpy", "pandas", "scipy", "sklearn", "onnx", "onnx_ir", "skl2onnx", "onnxruntime", "pyarrow")
_PROGRAM = """
import sys
from rtml_core.cli.app import run
code = run(sys.argv[2:])
loaded = [name for name in sys.argv[1].split(",") if name in sys.modules]
print("LOADED", code, *loaded)
"""


def loaded_by(installed: Path, *arguments: str) -> list[str]:
    """The heavy libraries that a run leaves loaded, in a process of its own, behind the exit code."""
    program = [sys.executable, "-c", _PROGRAM, ",".join(HEAVY), *arguments]
    done = subprocess.run(program, capture_output=True, text=True, env=environment(installed), timeout=60, check=True)
    return done.stdout.splitlines()[-1].removeprefix("LOADED ").split()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["plugins", "list"], ["operators", "list"], ["operators", "show", "Ratio"], ["schema"]]
)
def test_listings_import_nothing_heavy(installed: Path, arguments: list[str]) -> None:
    assert loaded_by(installed, *arguments) == ["0"]


@pytest.mark.parametrize("command", ["fit", "compile", "inspect", "check", "score"])
def test_the_help_of_a_command_imports_nothing_heavy(installed: Path, command: str) -> None:
    assert loaded_by(installed, command, "--help") == ["0"]


def test_the_program_of_this_test_sees_what_is_loaded(installed: Path) -> None:
    program = [sys.executable, "-c", "import numpy\n" + _PROGRAM, "numpy", "schema"]
    done = subprocess.run(program, capture_output=True, text=True, env=environment(installed), timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED 0 numpy"
