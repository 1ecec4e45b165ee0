"""Texts as timestamps by a format, as pandas reads them: each text by itself, without pandas, whatever the locale.

pandas matches a format as strptime of Python does, and reads formats that look like ISO 8601 with a second reader before; where
that one accepts more, and for the words "now" and "today", no answer is given (REFUSED): a service that is asked twice must not
answer with the clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final

from rtml_core.timestamps import MICROS_PER_DAY, NAT
from rtml_plugins.pandas_ops.calendar import DAYS, MONTHS, directives

#: what became of a text: a timestamp or a missing one; no timestamp; nothing that can be said of it
READ, UNREADABLE, REFUSED = 0, 1, 2
#: texts that pandas takes for a missing timestamp
_MISSING: Final = frozenset(("", "NAN", "NAT", "NaN", "NaT", "nan", "nat"))
_CLOCK: Final = frozenset(("now", "today"))
_EPOCH: Final = date(1970, 1, 1).toordinal()


def _names(names: tuple[str, ...]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


_SHORT_MONTHS: Final = tuple(name[:3] for name in MONTHS)
#: directive -> pattern of what it reads; \\d takes the digits of all scripts, as Python does
READERS: Final = {
    "Y": r"\d\d\d\d",
    "y": r"\d\d",
    "m": r"1[0-2]|0[1-9]|[1-9]",
    "d": r"3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]",
    "H": r"2[0-3]|[0-1]\d|\d",
    "I": r"1[0-2]|0[1-9]|[1-9]",
    "M": r"[0-5]\d|\d",
    "S": r"6[0-1]|[0-5]\d|\d",
    "f": r"[0-9]{1,9}",
    "j": r"36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]",
    "p": "AM|PM",
    "a": _names(tuple(name[:3] for name in DAYS)),
    "A": _names(DAYS),
    "b": _names(_SHORT_MONTHS),
    "B": _names(MONTHS),
}
_DIRECTIVE: Final = re.compile(r"%(.)", re.DOTALL)
_LOOKS_ISO: Final = re.compile(r"%Y(?P<sep>[ /\\.-]?)(?:%m(?:(?P=sep)%d(?:[ T]%H(?::%M(?::%S(?:\.%f)?)?)?)?)?)?")


@lru_cache(maxsize=256)
def _compiled(format: str) -> re.Pattern[str]:
    """The pattern of a format; runs of blanks match any run of them."""
    readers = {**READERS, "f": "[0-9]+"} if _looks_iso(format) else READERS
    parts = []
    for position, piece in enumerate(_DIRECTIVE.split(format)):
        if position % 2:
            parts.append("%" if piece == "%" else f"(?P<{piece}>{readers[piece]})")
        else:
            parts.append(r"\s+".join(re.escape(word) for word in re.split(r"\s+", piece)))
    return re.compile("".join(parts), re.IGNORECASE)


def _looks_iso(format: str) -> bool:
    return _LOOKS_ISO.fullmatch(format) is not None and format != "%Y%m"


def unreadable_format(format: str) -> str:
    """What is wrong with a format, '' when nothing is."""
    found = [letter for letter in directives(format) if letter != "%"]
    for letter in found:
        if letter not in READERS:
            return f"'%{letter}' of the format {format!r} has no exact form; it can have {' '.join('%' + r for r in READERS)} %%"
        if found.count(letter) > 1:
            return f"the format {format!r} has '%{letter}' twice"
    return ""


@lru_cache(maxsize=256)
def reader(format: str) -> Callable[[str], tuple[int, int]]:
    """A function from text to microseconds since 1970 (NAT when missing or unread) and READ, UNREADABLE or REFUSED."""
    pattern = _compiled(format)
    iso = _looks_iso(format)

    def read(text: str) -> tuple[int, int]:
        if text in _MISSING:
            return NAT, READ
        if text in _CLOCK:
            return NAT, REFUSED
        match = pattern.fullmatch(text)
        if match is None or match.end() != len(text):
            return NAT, REFUSED if iso and _other_reader_may_take(text, pattern) else UNREADABLE
        try:
            return _micros(match.groupdict(), iso)
        except ValueError:  # the shape is right, the calendar is not
            return NAT, UNREADABLE

    return read


def _other_reader_may_take(text: str, pattern: re.Pattern[str]) -> bool:
    """Negative years, which may have fewer digits, and a point without digits behind it."""
    tried = [text, *(digits.zfill(4) + rest for digits, rest in _signed(text))]
    return any(pattern.fullmatch(one + end) is not None for one in tried for end in ("", "0"))


def _signed(text: str) -> list[tuple[str, str]]:
    """The digits of a negative year, one to four of them, and what is behind them."""
    return [(text[1:end], text[end:]) for end in range(2, 6) if text.startswith("-") and text[1:end].isdecimal()]


def _micros(found: dict[str, str], iso: bool) -> tuple[int, int]:
    """Microseconds of the fields of a text. Raises ValueError for a day that does not exist."""
    year = int(found["Y"]) if "Y" in found else 1900
    if "y" in found:
        short = int(found["y"])
        year = short + (2000 if short <= 68 else 1900)
    if year == 0 and iso:
        return NAT, REFUSED
    if any(found[letter].lower() not in _NUMBERS for letter in "aAbB" if letter in found):
        return NAT, REFUSED  # with a letter that is another one's only when case is ignored, and pandas fails
    fraction = found.get("f", "")
    if len(fraction) > 6:  # pandas goes to nanoseconds then, in all rows, and loses the years that these don't reach
        return NAT, REFUSED
    if "j" in found:
        day = date(year, 1, 1).toordinal() + int(found["j"]) - 1
        date.fromordinal(day)
    else:
        day = date(year, _month(found), int(found.get("d", "1"))).toordinal()
    seconds = _hour(found) * 3600 + int(found.get("M", "0")) * 60 + int(found.get("S", "0"))
    return (day - _EPOCH) * MICROS_PER_DAY + seconds * 1_000_000 + int(fraction.ljust(6, "0")), READ


_NUMBERS: Final = {
    name[:length].lower(): number
    for names in (MONTHS, DAYS)
    for number, name in enumerate(names, start=1)
    for length in (3, len(name))
}


def _month(found: dict[str, str]) -> int:
    name = found.get("b", found.get("B"))
    return int(found.get("m", "1")) if name is None else _NUMBERS[name.lower()]


def _hour(found: dict[str, str]) -> int:
    """%I is of twelve hours, with %p or in the morning; %p beside %H says nothing."""
    if "I" not in found:
        return int(found.get("H", "0"))
    return int(found["I"]) % 12 + (12 if found.get("p", "").lower() == "pm" else 0)
