"""What a process of an edge measures of the values that it answers: counted in bins after the answer, never in a request.

A request that is to be looked at is put into a queue, which is worked off a few dozen times a second. How many are looked at
follows from what that costs: all of them as long as it takes less than a hundredth of the process's time (tapping.SHARE), and of
more a sample spread over time. What is counted is written to a file in each second in which something was, out of which the
supervisor makes what the hub is told (see windows).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import said
from rtml_plugins.edge import metrics
from rtml_plugins.edge.tapping import SHARE, Tap
from rtml_plugins.edge.values import SUFFIX, Values
from rtml_plugins.serving.logs import logger

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Loaded, Service

#: seconds from a request until it is looked at, and between two allowances while less than all that may be is saved up
EVERY: Final = 0.02
#: seconds after which no further request is looked at for now; a run of a model may hold the event loop for four times as long
HOLD: Final = 0.000_5
#: requests that wait to be looked at, and the bytes of their bodies and answers
MOST_WAITING: Final = 1024
MOST_BYTES: Final = 8 << 20
#: columns that a process has counts of at most
MOST_COLUMNS: Final = metrics.MAX_SERIES
#: seconds between two files, and that counts of a version which is gone stay in it, so that the supervisor reads the last of them
_WRITE_EVERY: Final = 1.0
GONE: Final = 30.0

_log: Final = logger("rtml.edge.measuring")


class Measuring:
    """What one process measures. Used in its event loop only. folder: of the edge."""

    def __init__(self, folder: Path):
        self._folder = folder / metrics.FOLDER
        self._path = self._folder / f"{os.getpid()}-{time.time_ns()}{SUFFIX}"
        self._taps: dict[tuple[str, int, str], Tap] = {}
        self._going: list[Tap] = []  # of versions that are gone
        self._outside: list[Tap] = []  # for whose counts there was no place
        self._columns = 0
        self._serial = 0
        self._queue: deque[tuple[Tap, int, Callable[..., None], tuple[Any, ...]]] = deque()
        self._bytes = 0
        self._spent: dict[Tap, None] = {}
        self._funded = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    # ---- which versions -----------------------------------------------------------------------------------------

    def tap(self, loaded: Loaded) -> Tap:
        """Where a version's answers are taken; always the same one as long as it is served."""
        key = loaded.service, loaded.version, loaded.package_id
        tap = self._taps.get(key)
        if tap is None:
            tap = self._taps[key] = Tap(self, loaded)
        return tap

    def known(self, loaded: Loaded) -> Tap | None:
        """`tap` for an answer that may be late: None when the version is not served any more."""
        return self._taps.get((loaded.service, loaded.version, loaded.package_id))

    def admit(self, tap: Tap) -> bool:
        """Whether there is place for the counts of a version; it is taken then. Where there is none, it is told when there is."""
        if self._columns + tap.width > MOST_COLUMNS:
            self._outside.append(tap)
            return False
        self._columns += tap.width
        return True

    def number(self) -> int:
        """A serial number."""
        self._serial += 1
        return self._serial

    def follow(self, services: Mapping[str, Service]) -> None:
        """Take in what is served now. Counts of what is gone are let go of when the supervisor has read the last of them."""
        for one in services.values():
            for served in one.versions.values():
                self.tap(served)
        for key, tap in list(self._taps.items()):
            service, version, package = key
            now = services.get(service)
            loaded = None if now is None else now.versions.get(version)
            if loaded is None or loaded.package_id != package:
                tap.gone = time.monotonic()
                tap.stop()
                del self._taps[key]
                self._spent.pop(tap, None)
                self._outside = [other for other in self._outside if other is not tap]
                if tap.serial:
                    self._going.append(tap)
                    self._write_soon()

    # ---- the queue ----------------------------------------------------------------------------------------------

    def queue(self, tap: Tap, size: int, count: Callable[..., None], what: tuple[Any, ...]) -> None:
        """Have `count` called with `what` in a moment; dropped when much waits."""
        if self._bytes + size > MOST_BYTES or len(self._queue) >= MOST_WAITING:
            return
        tap.left -= 1
        self._bytes += size
        self._queue.append((tap, size, count, what))
        self._spent[tap] = None
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._funded = loop.time()
            self._timer = loop.call_later(EVERY, self._tick)
        if self._writing is None:
            self._write_soon()

    def _tick(self) -> None:
        """Look at what waits, and share out the allowance of the time that has passed.

        At once and not in each turn of the event loop: a loop that has something to do does not wait for requests, so that fewer
        of them would be scored together.
        """
        loop = asyncio.get_running_loop()
        began = now = time.perf_counter()
        while self._queue and now - began < HOLD:
            now = self._look(now)
        moment = loop.time()
        passed, self._funded = min(moment - self._funded, 1.0), moment
        self.share(SHARE * passed)
        self._timer = loop.call_later(EVERY, self._tick) if self._queue or self._spent else None

    def _look(self, began: float) -> float:
        tap, size, count, what = self._queue.popleft()
        self._bytes -= size
        try:
            count(*what)
        except Exception as error:  # whatever it is, it must not be felt, nor come back a thousand times a second
            tap.stop()
            _log.error("not measured any more", service=tap.service, problem=said(error))
        now = time.perf_counter()
        tap.learn(now - began)
        return now

    # ---- allowances ---------------------------------------------------------------------------------------------

    def share(self, rest: float) -> None:
        """Share out an allowance, in seconds, so that who wants little gets all of it."""
        wanting = sorted(((tap.wants(), at, tap) for at, tap in enumerate(self._spent)), key=lambda one: one[:2])
        self._spent = {}
        for at, (wanted, _, tap) in enumerate(wanting):
            given = min(wanted, rest / (len(wanting) - at))
            rest -= given
            if given < wanted:
                tap.fund(given)
                self._spent[tap] = None
            else:
                tap.fill()

    # ---- the file -----------------------------------------------------------------------------------------------

    def _write_soon(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().call_later(_WRITE_EVERY, self._write_now)

    def _write_now(self) -> None:
        self._writing = None
        self.write()
        if self._going or self._queue:
            self._write_soon()

    def write(self) -> None:
        """Write the file by rename. A full disk loses figures, not requests."""
        now = time.monotonic()
        gone = [tap for tap in self._going if tap.gone is not None and now - tap.gone > GONE]
        if gone:
            self._going = [tap for tap in self._going if tap not in gone]
            self._columns -= sum(tap.width for tap in gone)
            outside, self._outside = self._outside, []
            for tap in outside:
                tap.fill()
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        told = [tap.told() for tap in (*self._taps.values(), *self._going) if tap.serial]
        with contextlib.suppress(OSError):
            temporary.write_bytes(msgspec.msgpack.encode(Values(os.getpid(), told)))
            os.replace(temporary, self._path)

    def stop(self) -> None:
        """Look at all that waits, and write a last time."""
        for timer in (self._timer, self._writing):
            if timer is not None:
                timer.cancel()
        self._timer = self._writing = None
        while self._queue:
            self._look(time.perf_counter())
        if self._serial:
            self.write()
