"""Rows with arguments on which the custom operators are proved: columns, then what the operator is given."""

from __future__ import annotations

from typing import Any, Final

Case = tuple[list[Any], dict[str, Any]]

_TEXTS: Final = ["", " ", "a1b22", "ÅNGSTRÖM straße", "e\u0301 ﬁ", "two\nlines", "a,b,,c", None]


def normalize() -> list[Case]:
    """All four forms."""
    return [(_TEXTS, {"form": form}) for form in ("NFC", "NFD", "NFKC", "NFKD")]


def regex_test() -> list[Case]:
    """The three ways to match, with and without a flag (2: ignore case)."""
    return [
        (_TEXTS, {"pattern": "[a-z]\\d*", "flags": flags, "how": how})
        for flags in (0, 2)
        for how in ("search", "match", "fullmatch")
    ]


def regex_replace() -> list[Case]:
    """All matches, and the first; a group in the replacement; a pattern that looks ahead."""
    found = [{"pattern": "(\\d)", "replacement": "<\\1>", "count": count} for count in (0, 1)]
    return [(_TEXTS, {"flags": 0, **more}) for more in [*found, {"pattern": "a(?=\\d)", "replacement": "", "count": 0}]]


def regex_group() -> list[Case]:
    """A group that takes no part in some matches."""
    return [(_TEXTS, {"pattern": "([a-z])(\\d+)?", "flags": 0, "group": group}) for group in (1, 2)]


def regex_count() -> list[Case]:
    """Matches, some of them empty."""
    return [(_TEXTS, {"pattern": pattern, "flags": 0}) for pattern in ("[a-z]", ",?")]


def wrap() -> list[Case]:
    """Narrow and wide."""
    return [(_TEXTS, {"width": width, "options": {}}) for width in (1, 7)]


def replace() -> list[Case]:
    """Everywhere, once, and an empty text."""
    return [(_TEXTS, {"old": old, "new": "-", "count": count}) for old in (",", "") for count in (-1, 1)]


def strftime() -> list[Case]:
    """Dates and clocks, the turn of a year among them."""
    times = ["1970-01-01T00:00:00", "1969-12-31T23:59:59.999999", "2024-02-29T12:00:00.5", "1000-01-01", None]
    return [
        (times, {"format": format, "padded": padded})
        for format in ("%Y-%m-%d %H:%M:%S", "%A %d %B %j", "%f")
        for padded in (True, False)
    ]


def read_datetime() -> list[Case]:
    """Texts that fit the format, that don't, and that have no answer of their own."""
    days = ["2024-02-29", "2023-02-29", " 2024-01-01", "24-1-1", "0001-01-01", "today", "", None]
    return [(days, {"format": "%Y-%m-%d"}), (["29.02.24", "1.1.70", "31.12.68 ", None], {"format": "%d.%m.%y"})]
