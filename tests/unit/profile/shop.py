"""Events and record data of a shop as JSON lines, for the tests of ingestion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from rtml_core.timestamps import format_timestamp

#: 2026-03-01T00:00:00Z
BEGIN = 1_772_323_200_000_000


def event(number: int, *, ecid: str = "38652", at: int | None = None, **more: Any) -> dict[str, Any]:
    """at: us since the epoch."""
    return {
        "_id": f"e{number}",
        "timestamp": format_timestamp(BEGIN + number * 1_000_000 if at is None else at),
        "eventType": "commerce.purchases",
        "identityMap": {"ECID": [{"id": ecid, "primary": True}]},
        "commerce": {"order": {"priceTotal": float(number)}},
        **more,
    }


def customer(ecid: str, **more: Any) -> dict[str, Any]:
    return {"identityMap": {"ECID": [{"id": ecid, "primary": True}]}, **more}


def lines(documents: Iterable[Any]) -> bytes:
    """bytes among them are lines as they stand."""
    return b"".join((one if isinstance(one, bytes) else msgspec.json.encode(one)) + b"\n" for one in documents)
