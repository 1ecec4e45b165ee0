"""What a service answered lately, in words."""

from __future__ import annotations

import pytest

from rtml_core.client.records import Activity
from rtml_plugins.services.words import activity_words


@pytest.mark.parametrize(
    ("activity", "said"),
    [
        (Activity("x", 0, 0.0, 0.0, None, None), "no requests yet"),
        (
            Activity("x", 0, 0.0, 0.0, None, None, last="2026-11-22T12:00:00.000Z"),
            "no requests, the last about 2026-11-22 12:00:00Z",
        ),
        (
            Activity("x", 744, 12.4, 0.0, 0.00031, 0.0021),
            "12.4 requests a second, half within 0.31 ms, 99 % within 2.1 ms, no errors",
        ),
        (
            Activity("x", 90_000, 1500.0, 0.0004, 0.2, 2.5),
            "1,500 requests a second, half within 0.2 s, 99 % within 2.5 s, 0.1 % errors",
        ),
        (Activity("x", 6, 0.1, 0.5, None, None), "0.1 requests a second, 50 % errors"),
    ],
)
def test_activity_is_said(activity: Activity, said: str) -> None:
    assert activity_words(activity) == said
