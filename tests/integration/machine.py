"""`rtml up` for tests."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RTML = [sys.executable, "-m", "rtml_core.cli"]
SECONDS = 60


@contextmanager
def up(home: Path, *options: str) -> Iterator[str]:
    """`rtml up` for as long as the block lasts; gives the address of the hub."""
    process = subprocess.Popen([*RTML, "up", "--home", str(home), *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().split() == ["what", "region", "address"]
        yield process.stdout.readline().split()[-1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


def until(true: Callable[[], Any]) -> None:
    """Wait for something that comes in a moment."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
