"""What everyone serves: the standard pipeline, fitted and compiled, rows to ask for and what scikit-learn answers."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rtml_core import package
from tests.benchmarks import data
from tests.benchmarks.serving.peers import ARTIFACTS, ENVIRONMENTS, FITTED, REQUIREMENTS, ROOT, Row
from tests.benchmarks.standard import prepare, raw_rows

#: in an environment: what it was made of, written when it was whole
STAMP: Final = "installed.json"
#: rows that are asked for, round and round
ROWS: Final = 200


@dataclass(frozen=True)
class Work:
    """package: the compiled pipeline. model: its ONNX graph. rows, and in their order expected: what scikit-learn answers."""

    package: Path
    model: Path
    rows: list[Row]
    expected: list[float]


def work(*, trees: int = 80, rows: int = 20_000) -> Work:
    """Fit and compile, or take what the same sources and libraries made before."""
    folder = ARTIFACTS / f"work-{_key(trees, rows)}"
    files = [folder / name for name in ("standard.rtml", "model.onnx", "rows.json")]
    if not files[2].exists():
        _make(folder, files, trees, rows)
    asked = json.loads(files[2].read_text())
    return Work(files[0], files[1], asked["rows"], asked["expected"])


def _make(folder: Path, files: list[Path], trees: int, rows: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    standard = prepare(trees=trees, rows=rows)
    frame = data.rows(ROWS, seed=11)
    files[0].write_bytes(standard.compiled.data)
    files[1].write_bytes(package.read_archive(standard.compiled.data).model)
    expected = [float(p) for p in standard.scikit_learn(frame)]
    files[2].write_text(json.dumps({"rows": raw_rows(frame), "expected": expected}))


def _key(*options: object) -> str:
    digest = hashlib.sha256(repr(options).encode())
    for path in sorted([*(ROOT / "rtml_core").rglob("*.py"), *(ROOT / "tests" / "benchmarks").glob("*.py")]):
        digest.update(path.read_bytes())
    for name in ("numpy", "pandas", "scikit-learn", "onnx", "skl2onnx", "onnxruntime"):
        digest.update(version(name).encode())
    return digest.hexdigest()[:16]


# ---- environments of the peers -----------------------------------------------------------------------------------------------


def setup(names: Iterable[str]) -> dict[str, str]:
    """Make the environments that are not there; returns what went wrong, by environment."""
    failed = {}
    for name in names:
        try:
            _environment(name)
        except (subprocess.CalledProcessError, OSError) as error:
            failed[name] = _reason(error)
            print(f"{name}: {failed[name]}", flush=True)
    return failed


def _environment(name: str) -> None:
    folder = ENVIRONMENTS / name
    if is_there(name):
        return
    print(f"{name}: installing {', '.join(REQUIREMENTS[name])} ...", flush=True)
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    python = str(folder / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS[name]])
    if name in FITTED:
        print(f"{name}: fitting the pipeline ...", flush=True)
        _run([python, "-m", "tests.benchmarks.serving.servers.fit", str(folder / "pipeline.joblib")])
    if name == "mlflow":
        model = folder / "model"
        shutil.rmtree(model, ignore_errors=True)
        _run(
            [python, str(Path(__file__).with_name("servers") / "mlflow_model.py"), str(model)],
            PEER_PIPELINE=folder / "pipeline.joblib",
        )
    if name == "mlserver":
        model = folder / "model"
        model.mkdir()
        (model / "settings.json").write_text(json.dumps({"debug": False, "parallel_workers": 0, "host": "127.0.0.1"}))
        settings = {
            "name": "churn",
            "implementation": "mlserver_sklearn.SKLearnModel",
            "parameters": {"uri": str(folder / "pipeline.joblib")},
        }
        (model / "model-settings.json").write_text(json.dumps(settings))
    (folder / STAMP).write_text(_wanted(name))


def is_there(name: str) -> bool:
    """Whether an environment is whole and made of what is wanted now."""
    stamp = ENVIRONMENTS / name / STAMP
    return stamp.exists() and stamp.read_text() == _wanted(name)


def _wanted(name: str) -> str:
    """What an environment was made of: another one is made anew."""
    sources = [ROOT / "tests" / "benchmarks" / "baseline.py", ROOT / "tests" / "benchmarks" / "data.py"] if name in FITTED else []
    digests = [hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in sources]
    return json.dumps([platform.python_version(), *REQUIREMENTS[name], *digests])


def _run(command: list[str], **variables: Any) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in variables.items()}}
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in error.stderr.decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-1:])[-300:] or f"ended with {error.returncode}"
    return str(error)


def installed(environment: str, distributions: Iterable[str]) -> dict[str, str]:
    """Versions of distributions in an environment of a peer."""
    found = {}
    for name in distributions:
        pattern = name.replace("-", "?").replace("_", "?")
        folders = list((ENVIRONMENTS / environment).glob(f"lib/python*/site-packages/{pattern}-*.dist-info"))
        found[name] = folders[0].name.removesuffix(".dist-info").rpartition("-")[2] if folders else "?"
    return found
