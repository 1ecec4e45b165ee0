"""When to try again: pure decisions on answers and time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

#: what a server that works, or a proxy before it, answers for a moment only
PASSING: Final = frozenset({502, 503, 504})
_FIRST: Final = 0.05
_MOST: Final = 2.0
#: a Retry-After beyond this is as good as never
_FOREVER: Final = 86_400.0


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, given as seconds or as a date (RFC 9110, 10.2.3); None when there is none to read."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _FOREVER)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), _FOREVER)


def backoff(attempt: int, draw: Callable[[], float] = random.random) -> float:
    """Seconds before attempt 1, 2, ...: doubling from 50 ms up to 2 s, half of it at random so that clients spread."""
    whole = min(_FIRST * 2.0 ** min(attempt - 1, 16), _MOST)
    return whole * (0.5 + 0.5 * draw())
