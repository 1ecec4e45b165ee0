"""How often a key may ask: a token bucket each, in memory."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rtml_plugins.serving.problems import Problem

#: keys whose buckets are kept; the fullest, which say nothing, go first
_MOST = 10_000


class Rates:
    """The buckets of the keys that were used. A bucket holds one second's worth of requests, at least one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # key's id: tokens left, as of when

    def take(self, key: str, rate: float) -> list[tuple[str, str]]:
        """Takes one request of a key that may ask `rate` times a second; the RateLimit headers of the answer.

        Raises Problem 429, with Retry-After in whole seconds, when none is left.
        """
        now = self._clock()
        size = max(1.0, rate)
        tokens, at = self._buckets.get(key, (size, now))
        tokens = min(size, tokens + (now - at) * rate)
        allowed = tokens >= 1.0
        left = tokens - 1.0 if allowed else tokens
        self._buckets[key] = (left, now)
        if len(self._buckets) > _MOST:
            self._forget(now)
        window = max(1, math.ceil(size / rate))
        until = max(1, math.ceil((1.0 - left) / rate)) if left < 1.0 else 0
        headers = [
            ("RateLimit-Policy", f'"key";q={math.floor(size)};w={window}'),
            ("RateLimit", f'"key";r={math.floor(left)};t={until}'),
        ]
        if not allowed:
            retry = max(1, math.ceil((1.0 - tokens) / rate))
            raise Problem(
                429,
                "rate-exceeded",
                f"the key may ask {rate:g} times a second; ask again in {retry} s",
                headers=[("Retry-After", str(retry)), *headers],
            )
        return headers

    def _forget(self, now: float) -> None:
        """Drop the half that was used longest ago."""
        oldest = sorted(self._buckets, key=lambda key: self._buckets[key][1])
        for key in oldest[: len(oldest) // 2]:
            del self._buckets[key]
