"""Processes of an edge that are kept running: started, started again when they end, stopped in time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from rtml_plugins.edge.server import PARENT
from rtml_plugins.serving.logs import logger

#: seconds until a process that ended is started again: at once, then doubled with each quick end in a row up to the last
PAUSES: Final = (0.0, 0.1, 5.0)
#: a process that ran for so many seconds is healthy: its next start is at once again
_HEALTHY: Final = 10.0
#: of glibc, unless the environment says otherwise: what large requests took goes back to the system, 20 MB after a body of 8 MiB
_MALLOC: Final = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}

_log: Final = logger("rtml.edge.supervisor")


class Child:
    """One process, `python -m MODULE`, in a session of its own: Ctrl-C in a terminal reaches the supervisor alone."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], ended: Callable[[int], None]):
        """ended: called with the process id of each process that ended."""
        self.name = name
        self._command = (sys.executable, "-m", module)
        self._environment = {**_MALLOC, **environment, PARENT: str(os.getpid())}
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        #: how many times it was started
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def keep_running(self) -> None:
        """Start it, and again whenever it ends, until stop() is called."""
        quick = 0
        while not self._stopping:
            started = time.monotonic()
            self.starts += 1
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.DEVNULL, env=self._environment, start_new_session=True
                )
            except OSError as error:  # too many processes, no memory
                _log.error("process not started", name=self.name, problem=error.strerror or str(error))
            else:
                if self._stopping:
                    self.kill()
                status = await self._process.wait()
                self._ended(self._process.pid)
                if self._stopping:
                    return
                _log.warning("process ended", name=self.name, pid=self._process.pid, how=described(status))
            quick = 0 if time.monotonic() - started > _HEALTHY else quick + 1
            await asyncio.sleep(PAUSES[0] if quick < 2 else min(PAUSES[1] * 2 ** min(quick - 2, 16), PAUSES[2]))

    async def stop(self, seconds: float) -> None:
        """SIGTERM, and SIGKILL when that was not enough after so many seconds."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            _log.warning("process killed", name=self.name, pid=process.pid, how=f"it did not end within {seconds:g} s")
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """SIGKILL, when it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def described(status: int) -> str:
    """An exit status for people."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"by {signal.Signals(-status).name}"
    return f"with exit status {status}"
