"""Texts of pictures: how wide they are, shortened to fit, and values in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from unicodedata import east_asian_width

#: what HTML can't hold, and what turns the direction of the text around it
_NOT_SHOWN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
#: a timestamp in UTC, to the second, as rows have it
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.0+)?(?:Z|\+00:00)?")
_NARROW: Final = frozenset("iljtfrI.,:;'|!()[] `")
_WIDE: Final = frozenset("mwMW@%&")


def shown(text: str) -> str:
    """A text without characters that a page can't hold or that would turn the text around it."""
    return _NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", text)


def width(text: str) -> float:
    """How wide a text is, in sizes of its font, rather too much than too little (DejaVu Sans is a wide font)."""
    return sum(_character(character) for character in text)


def _character(character: str) -> float:
    if character in _NARROW:
        return 0.4
    if character in _WIDE:
        return 1.0
    if east_asian_width(character) in "WF":
        return 1.1
    return 0.75 if character.isupper() or (character.isdigit() and not character.isascii()) else 0.64


def fit(text: str, room: float) -> str:
    """The text, or as much of it as fits into `room` sizes of its font, and an ellipsis."""
    text = shown(text[:400]) + ("…" if len(text) > 400 else "")
    if width(text) <= room:
        return text
    left = room - width("…")
    for at, character in enumerate(text):
        left -= _character(character)
        if left < 0:
            return text[:at].rstrip() + "…"
    return text


def fit_list(names: Sequence[str], room: float) -> str:
    """As many names as fit, and how many more there are."""
    most = int(room / width(", ")) + 1  # what stands between them has its width, too
    for count in range(min(len(names), most), 0, -1):
        text = ", ".join(names[:count]) + (f" +{len(names) - count}" if count < len(names) else "")
        if width(text) <= room:
            return shown(text)
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return fit(names[0], room - width(more)) + more if names else ""


def value(given: Any, dtype: str = "") -> str:
    """A value of a row in words: "missing" for none, "297 d" for microseconds of a timedelta, a timestamp without its zeros."""
    if given is None or (isinstance(given, float) and math.isnan(given)):
        return "missing"
    if isinstance(given, bool):
        return "true" if given else "false"
    if dtype == "timedelta" and isinstance(given, (int, float)):
        return duration(given)
    if isinstance(given, float):
        return f"{given:.6g}"
    if dtype == "timestamp" and isinstance(given, str) and (found := _MOMENT.fullmatch(given)):
        day, clock = found.groups()
        return day if clock == "00:00:00" else f"{day} {clock.removesuffix(':00')}"
    return shown(given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str))


def duration(microseconds: float) -> str:
    """ "297 d", "-3 d 2 h", "1 h 30 min", "4.5 s"."""
    left, sign = abs(microseconds) / 1e6, "-" if microseconds < 0 else ""
    parts = []
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if left >= length:
            parts.append(f"{int(left // length):,} {unit}")
            left %= length
    if left or not parts:
        parts.append(f"{left:.6g} s")
    return sign + " ".join(parts[:3])


def count(number: int, one: str, many: str | None = None) -> str:
    """ "1 field", "3 fields"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names in a row, of many the first."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most:,} more" if len(every) > most else "")


def number(value: float | None) -> str:
    """1234.5 as "1,234", 0.012345 as "0.0123": three digits or more that tell something; "-" for None."""
    if value is None:
        return "-"
    if not abs(value) < 1e15:  # infinite, NaN, or longer than anybody reads
        return f"{as_float(value):.3g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def as_float(value: float) -> float:
    """A number as a float; a whole one that is beyond it as an infinite one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def size(value: float) -> str:
    """Bytes for people."""
    value = as_float(value)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
