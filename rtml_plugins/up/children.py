"""Child processes that are kept running: started, watched, started again, stopped by their process ids."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from rtml_core.errors import RtmlError

#: seconds that a child has to finish what is in flight before it is killed
STOP_SECONDS: Final = 20.0
#: seconds between a child's end and its next start: doubled up to the last with each end in a row
_PAUSES: Final = (0.2, 5.0)
#: a child that ran for so many seconds is healthy: the next pause is the short one again
_HEALTHY: Final = 30.0
_PR_SET_PDEATHSIG: Final = 1


class ChildFailed(RtmlError):
    """A child ended before it was ready."""


class Child:
    """One process of ours: `python -m rtml_core.cli ARGUMENTS`."""

    def __init__(
        self, name: str, arguments: Sequence[str], say: Callable[[str], None], environment: Mapping[str, str] | None = None
    ):
        self.name = name
        self.command = [sys.executable, "-m", "rtml_core.cli", *arguments]
        self._say = say
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again_at: float | None = None
        self._pause = _PAUSES[0]

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; its messages go where ours go."""
        self._started, self._again_at = time.monotonic(), None
        # A session of its own: Ctrl-C in the terminal reaches this process alone, which stops the children in order.
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )

    def ended(self) -> int | None:
        """The exit status when it has ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def watch(self) -> None:
        """Start it again, after a pause, when it has ended; to be called a few times a second."""
        status = self.ended()
        if status is None:
            return
        now = time.monotonic()
        if self._again_at is None:
            self._pause = _PAUSES[0] if now - self._started > _HEALTHY else min(2 * self._pause, _PAUSES[1])
            self._again_at = now + self._pause
            self._say(f"{self.name} {_how(status)}; starting it again")
        elif now >= self._again_at:
            self.start()

    def ask_to_stop(self) -> None:
        """SIGTERM, when it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_stopped(self, deadline: float) -> None:
        """Wait until it has ended; kill it when the deadline (time.monotonic) passes."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{self.name} does not end: it is killed")
            self._process.kill()
            self._process.wait()


def stop(children: Sequence[Child]) -> None:
    """Stop them all, side by side."""
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_stopped(deadline)


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def end_with_parent() -> None:
    """Linux: the kernel sends the child SIGTERM when its parent dies, also by kill -9, so that none is left over."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
