"""Large requests, which would hold up the others in the event loop, are read and scored in a thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from rtml_plugins.edge.batching import LARGE_BODY
from rtml_plugins.edge.limits import busy, too_late

#: most requests that wait for the thread
MOST: Final = 64

T = TypeVar("T")


class Large:
    """One thread, as a process has one core. timeout: seconds that a request may wait for it."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rtml-v2")
        self._waiting = 0

    async def run(self, work: Callable[..., T], *given: Any) -> T:
        """The result of `work` in the thread.

        Raises Problem 503 when too much waits for it or it came too late, and what `work` raises.
        """
        if self._waiting >= MOST:
            raise busy(f"{self._waiting} large requests wait to be scored", 2)
        until = time.monotonic() + self._timeout

        def in_time() -> T:
            if time.monotonic() > until:
                raise too_late(self._timeout)
            return work(*given)

        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, in_time)
        finally:
            self._waiting -= 1


__all__ = ["LARGE_BODY", "Large"]
