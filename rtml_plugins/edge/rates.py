"""Requests a second of a key, kept over all processes of an edge in one small file that they map into memory.

The generic cell rate algorithm (ITU-T I.371): of each key one number is kept, the time at which its bucket will be full again.
It is read and written as one machine word, without a lock: two processes that admit a request of one key in the same microsecond
may count it once. So a rate is kept to within that, wherever the connections of a client happen to end up; a share for each
worker would give a client with one connection a fraction of what it may.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.problems import Problem
from rtml_plugins.serving.wire import KeyEntry

#: keys with a rate that can be busy at one time
SLOTS: Final = 16_384
_SLOT_BYTES: Final = 16  # a fingerprint of the key's id, and the time at which its bucket is full again
_PROBES: Final = 32


class Rates:
    """The buckets of all keys. A key may use its rate for one second at once, then goes on at its rate."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic):
        """The file is made when there is none. clock: seconds, the same in all processes that share the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_size != SLOTS * _SLOT_BYTES:
                os.ftruncate(handle, SLOTS * _SLOT_BYTES)
            memory = memoryview(mmap.mmap(handle, SLOTS * _SLOT_BYTES))
        finally:
            os.close(handle)
        self._marks = memory.cast("Q")
        self._full_at = memory.cast("d")
        self._clock = clock
        self._known: dict[str, tuple[int, int]] = {}

    def wait(self, key: str, rate: float) -> float:
        """0.0 when a request of the key is admitted, else the seconds until the next one is. rate: requests a second."""
        if rate <= 0.0:
            return 3600.0
        now = self._clock()
        interval = 1.0 / rate
        capacity = max(rate, 1.0) * interval  # seconds that a full bucket is ahead
        at = self._slot(key, now)
        full_at = self._full_at[at]
        # a time further ahead than a bucket holds is another rate's, or was written before the machine was started again
        ahead = full_at - now if now < full_at <= now + capacity + interval else 0.0
        over = ahead + interval - capacity
        if over > 1e-9:
            return over
        self._full_at[at] = now + ahead + interval
        return 0.0

    def _slot(self, key: str, now: float) -> int:
        """Index of the time of a key; a slot whose bucket is full again is free for another key."""
        known = self._known.get(key)
        if known is not None and self._marks[known[0] - 1] == known[1]:
            return known[0]
        mark = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") or 1
        probes = [(mark + step) % SLOTS * 2 for step in range(_PROBES)]
        found = next((at for at in probes if self._marks[at] == mark), None)
        if found is None:
            found = min(probes, key=lambda at: 0.0 if self._full_at[at + 1] <= now else self._full_at[at + 1])
            self._full_at[found + 1] = 0.0
            self._marks[found] = mark
        if len(self._known) >= SLOTS:
            self._known.clear()
        self._known[key] = (found + 1, mark)
        return found + 1


_opened: dict[str, Rates] = {}


def admit(settings: EdgeSettings, entry: KeyEntry) -> None:
    """Count a request of a key; Problem 429 when it has used up its rate."""
    if entry.rate is None:
        return
    rates = _opened.get(settings.home)
    if rates is None:
        rates = _opened[settings.home] = Rates(settings.folder / "rates")
    wait = rates.wait(entry.id, entry.rate)
    if wait > 0.0:
        raise too_many(entry, wait)


def too_many(entry: KeyEntry, wait: float) -> Problem:
    """429 with when to come back, in Retry-After (RFC 9110) and RateLimit (draft-ietf-httpapi-ratelimit-headers)."""
    seconds = max(1, math.ceil(wait))
    rate = entry.rate or 0.0
    return Problem(
        429,
        "rate-exceeded",
        f"key {entry.id} may send {rate:g} requests a second and sent more: send the next one in {wait:.3g} s, or have the key's"
        " rate raised",
        headers=[
            ("Retry-After", str(seconds)),
            ("RateLimit-Policy", f'"key";q={max(1, math.floor(rate))};w={1 if rate >= 1 or rate <= 0 else math.ceil(1 / rate)}'),
            ("RateLimit", f'"key";r=0;t={seconds}'),
        ],
    )
