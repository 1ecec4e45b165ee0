"""Axes of charts: where a value lies, which values are written beside it, and how."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TypeGuard

_MOST: Final = sys.float_info.max
#: the last second that has a date
_END: Final = 253_402_300_799.0
# fmt: off
#: distances of ticks of time, in seconds: to a week of seconds, and on
_STEPS: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600,
)
# fmt: on
_DAY: Final = 86_400


def usable(value: float | None) -> TypeGuard[float]:
    """Whether a value can be drawn: it is there, and finite."""
    return value is not None and math.isfinite(value)


@dataclass(frozen=True)
class Scale:
    """From low to high, as 0 to 1. ticks: values within, in order."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Where a value lies, 0 to 1; what is outside, at the end."""
        span = self.high / 2 - self.low / 2  # halves: the whole of it may be more than a float holds
        part = (value / 2 - self.low / 2) / span if span > 0 else 0.5
        return min(1.0, max(0.0, part)) if math.isfinite(part) else 0.5


def of_values(values: Iterable[float], *, zero: bool = True, most: int = 4) -> Scale:
    """The axis of finite values, with round ticks. zero: it shows 0, too. most: ticks, about."""
    there = [*values, *([0.0] if zero else [])]
    low, high = (min(there), max(there)) if there else (0.0, 1.0)
    if low == high:
        pad = abs(low) / 10 or 1.0
        low, high = (0.0, 1.0) if zero else (max(-_MOST, low - pad), min(_MOST, high + pad))
    step = _round_step(high / most - low / most)
    if not (step > 0 and math.isfinite(step) and abs(high) / step < 1e15 and abs(low) / step < 1e15):
        return Scale(low, high, (low, high))
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    ticks = tuple(tick for tick in (number * step for number in range(first, last + 1)) if math.isfinite(tick))
    return Scale(min(ticks[0], low), max(ticks[-1], high), ticks)


def _round_step(wanted: float) -> float:
    """1, 2 or 5 times a power of ten, not below what is wanted."""
    if not wanted > 0 or not math.isfinite(wanted):
        return 0.0
    power = math.floor(math.log10(wanted))
    if not -300 < power < 300:
        return 0.0
    for part in (1.0, 2.0, 5.0):
        if part * 10.0**power >= wanted * (1 - 1e-9):
            return float(part * 10.0**power)
    return float(10.0 ** (power + 1))


def of_times(since: float, until: float, *, most: int = 5) -> Scale:
    """The axis of a span of time, in seconds since 1970, with ticks at round times in UTC."""
    low, high = max(0.0, min(since, until)), min(_END, max(since, until))
    if not high > low:
        low, high = max(0.0, low - 30.0), min(_END, low + 30.0)
    step = next((step for step in _STEPS if (high - low) / step <= most), 0)
    if not step:  # more than weeks: round numbers of days
        step = max(1, round(_round_step((high - low) / most / _DAY))) * _DAY
    first = math.ceil(low / step) * step
    ticks = (float(tick) for tick in range(first, math.floor(high) + 1, step))
    return Scale(low, high, tuple(tick for tick in ticks if low <= tick <= high))  # a division may have rounded


def is_time(value: float) -> bool:
    """Whether seconds since 1970 have a date."""
    return math.isfinite(value) and 0.0 <= value <= _END


def clock(seconds: float, span: float) -> str:
    """A tick's time in UTC, as short as the span of the axis allows: "10:15:30", "10:15", "21 Nov", "Nov 2026"."""
    moment = datetime.fromtimestamp(seconds, UTC)
    if span > 400 * _DAY:
        return f"{moment:%b %Y}"
    if span > _DAY and moment.hour == moment.minute == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M:%S}" if span < 300 else f"{moment:%H:%M}"


@lru_cache(4096)
def moment(seconds: float) -> str:
    """A time in UTC, in full: "21 Nov 2026 10:15:30"."""
    there = datetime.fromtimestamp(seconds, UTC)
    return f"{there.day} {there:%b %Y %H:%M:%S}"


def short(value: float) -> str:
    """A number for an axis, in a few characters: "0.25", "1.5k", "20M", "1e+12"."""
    size = abs(value)
    if value == 0:
        return "0"
    for least, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if least <= size < 1e12:
            return f"{value / least:.3g}{letter}"
    return f"{value:.3g}"
