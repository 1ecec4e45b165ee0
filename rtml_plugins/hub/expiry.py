"""When a key ends: a date, a moment, or a span from now."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from rtml_core.errors import describe
from rtml_plugins.hub import times
from rtml_plugins.hub.errors import HubError

_SPAN: Final = re.compile(r"([0-9]{1,9})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


class ExpiryRefused(HubError):
    """An expiry that is none."""


def expiry(wanted: str | None, now: float) -> str | None:
    """The moment that "90d", "12h", "2027-01-31" or "2027-01-31T18:00:00Z" means, as the hub keeps it; None for never.

    A date is its beginning, and without a time zone UTC is meant. Raises ExpiryRefused for another text and for what is past.
    """
    if wanted is None:
        return None
    span = _SPAN.fullmatch(wanted)
    try:
        if span is not None:
            at = now + int(span[1]) * _SECONDS[span[2]]
        else:
            moment = datetime.fromisoformat(wanted)
            at = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _refused(wanted, "") from None
    if not now < at < _LAST:
        raise _refused(wanted, ", which is past" if at <= now else ", which is beyond the year 9998")
    return times.text(at)


def _refused(wanted: str, why: str) -> ExpiryRefused:
    return ExpiryRefused(
        f"{describe(wanted)} is no time at which a key ends{why}: expected e.g. 90d, 12h, 2031-01-31 or 2031-01-31T18:00:00Z"
    )
