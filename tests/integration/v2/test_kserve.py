"""The kserve client from PyPI, in an environment of its own, against the real processes.

It pins older versions of libraries that rtml uses, hence the environment: .ci/run makes build/kserve.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.serving.routing import chooser
from tests.integration.v2 import edges, tensors
from tests.integration.v2.edges import ROWS, Edge

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / "build" / "kserve" / "bin" / "python"
HOW = "python -m venv build/kserve && build/kserve/bin/pip install --only-binary :all: kserve==0.21.0"


@pytest.fixture(scope="module")
def answers(edge: Edge) -> dict[str, Any]:
    """What the script printed."""
    if not PYTHON.exists():
        reason = f"the kserve client is not in {PYTHON.parents[1].relative_to(ROOT)}: {HOW}"
        if "CI" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)
    inputs = {}
    for name, (datatype, _) in tensors.FIELDS.items():
        values, _ = tensors.column(ROWS, name)
        absent = [
            None if row[name] is None and datatype == "FP64" else value for row, value in zip(ROWS, values[:, 0], strict=True)
        ]
        plain = [value if value is None or isinstance(value, str) else value.item() for value in absent]
        gone = ",".join(str(at) for at, row in enumerate(ROWS) if row[name] is None)
        inputs[name] = (datatype, plain, gone)
    script = Path(__file__).with_name("kserve_script.py")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [PYTHON, script, edge.http, edge.grpc],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_live_and_ready(answers: dict[str, Any]) -> None:
    assert answers["ready"] == [True, True, True, False]
    assert answers["grpc ready"] == [True, True, True]


@pytest.mark.parametrize("form", ["rest json", "rest binary", "grpc list", "grpc binary"])
def test_answers_are_those_of_the_runtime(edge: Edge, answers: dict[str, Any], form: str) -> None:
    choose = chooser("visits", edges.HALF)
    assert choose is not None
    expected = edge.runtimes[choose("visitor-0")].score(ROWS)
    got = answers[form]
    assert got["id"] == "k-1"
    outputs = {name: _without(values, missing) for name, (values, missing) in got["outputs"].items()}
    assert tensors.rows_of(outputs) == expected


def _without(values: list[Any], missing: str) -> list[Any]:
    gone = {int(at) for at in missing.split(",") if at}
    return [None if at in gone or value != value else value for at, value in enumerate(values)]


def test_errors_reach_the_user_as_sentences(answers: dict[str, Any]) -> None:
    for form in ("rest error", "grpc error"):
        assert "input 'quote': expected a finite number, got nothing" in answers[form]
