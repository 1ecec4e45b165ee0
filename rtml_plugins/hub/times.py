"""Times of the hub: ISO 8601 texts in UTC with milliseconds, which sort as they follow one another."""

from __future__ import annotations

from datetime import UTC, datetime


def text(seconds: float) -> str:
    """Seconds since the epoch as "2026-11-21T10:15:00.000Z"."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def seconds(moment: str) -> float:
    """Seconds since the epoch of such a text."""
    return datetime.fromisoformat(moment).timestamp()
