"""Signals, pipes and terminals: what the command line does in a process of its own while it scores."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.core.cli.helpers import OUTPUTS, ROWS, child, environment, graph, install

ROW = (json.dumps(ROWS[0]) + "\n").encode()
PROGRAM = [sys.executable, "-m", "rtml_core.cli", "score", "model.rtml", "--input"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a package."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "graph.json").write_text(json.dumps(graph(outputs=OUTPUTS)))
    result = child("compile", "graph.json", "-o", "model.rtml", path=install(folder / "installed"), cwd=folder)
    assert result.code == 0, result.err
    return folder


@pytest.fixture
def scoring(home: Path, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `rtml score model.rtml --input - ...`; what is still running at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    (tmp_path / "model.rtml").write_bytes((home / "model.rtml").read_bytes())

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [*PROGRAM, "-", "--batch-size", "10", *arguments],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Until the condition holds; fails when the process ends before."""
    limit = time.monotonic() + 30
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.01)


def unfinished(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".part")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_the_middle_of_scoring_leaves_no_half_file(
    scoring: Callable[..., subprocess.Popen[bytes]], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    (tmp_path / "old.jsonl").write_text("before")
    process = scoring("-o", "old.jsonl", "--errors", "errors.jsonl")
    assert process.stdin is not None
    process.stdin.write(ROW * 25)
    process.stdin.flush()
    wait_for(lambda: len(unfinished(tmp_path)) == 2, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert unfinished(tmp_path) == []
    assert sorted(os.listdir(tmp_path)) == ["model.rtml", "old.jsonl"]
    assert (tmp_path / "old.jsonl").read_text() == "before"
    assert b"Traceback" not in err
    if number == signal.SIGINT:
        assert err.decode().splitlines()[-1] == "Error: interrupted; old.jsonl was not written"


INTERRUPTED_OFTEN = """
import random, signal, sys
from rtml_core.runtime import Runtime

class Stop(BaseException):
    pass

def stop(*_):
    raise Stop

runtime = Runtime.from_file("model.rtml")
rows = [{row!r}] * 40
wanted = runtime.score(rows)
signal.signal(signal.SIGALRM, stop)
left = 3000
while left:
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00005, 0.0005))
        while True:
            runtime.run_row(runtime.signature.rows(rows))
    except Stop:
        left -= 1
signal.setitimer(signal.ITIMER_REAL, 0)
print(runtime.score(rows) == wanted)
"""


def test_a_handler_that_raises_while_texts_are_scored_never_ends_the_process(home: Path) -> None:
    """onnxruntime takes texts with PyObject_Str, which calls handlers, and went on with what was none: a segmentation fault."""
    program = [sys.executable, "-c", INTERRUPTED_OFTEN.format(row=ROWS[0])]
    done = subprocess.run(program, cwd=home, env=environment(), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_signal_while_rows_are_printed_says_that_they_are_incomplete(scoring: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = scoring("-o", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(ROW * 10)
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["ratio"] == 20.75
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.decode().splitlines()[-1] == "Error: interrupted; what was printed so far is incomplete"


def test_rows_are_printed_while_more_are_awaited(scoring: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = scoring("-o", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(ROW * 10)
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["zip"] == "02134"
    out, err = process.communicate(ROW * 3, timeout=30)
    assert process.returncode == 0
    assert len(out.splitlines()) == 12
    assert err.decode().splitlines()[-1] == "Scored 13 rows"


def test_a_reader_that_leaves_early_is_no_error_to_talk_about(scoring: Callable[..., subprocess.Popen[bytes]]) -> None:
    process = scoring("-o", "-")
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(ROW * 10)
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(ROW * 20, timeout=30)
    assert process.returncode == 1
    assert err == b""


def test_there_is_a_progress_bar_on_a_terminal_only(home: Path) -> None:
    (home / "many.jsonl").write_bytes(ROW * 40)
    words = [*PROGRAM, "many.jsonl", "--batch-size", "10", "-o", "out.jsonl"]
    main, terminal = pty.openpty()
    try:
        done = subprocess.run(words, cwd=home, env=environment(TERM="xterm"), stderr=terminal, stdout=subprocess.PIPE, timeout=60)
        os.close(terminal)
        shown = _all_of(main)
    finally:
        os.close(main)
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"Scoring" in shown
    assert b"100%" in shown
    assert b"Scored 40 rows into out.jsonl" in shown
    piped = subprocess.run(words, cwd=home, env=environment(), capture_output=True, timeout=60, check=True)
    assert piped.stderr == b"Scored 40 rows into out.jsonl\n"


def _all_of(descriptor: int) -> bytes:
    """Everything that was written to a terminal whose other end is closed."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # Linux says EIO at the end of a terminal
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)
