"""Sizes as people write them, for options of commands."""

from __future__ import annotations

import re
from typing import Final

import click

_SIZE: Final = re.compile(r"([0-9]{1,12})\s*([kmg]i?b?|b)?", re.IGNORECASE)
_UNITS: Final = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class Size(click.ParamType[int]):
    """A number of bytes: 300000, 512kB, 8MB or 8MiB, 1GB. A unit is 1024 of the one before, with and without the i.

    least, most: what is taken, in bytes. example: a size that fits, for the message about one that does not.
    """

    name = "size"

    def __init__(self, least: int, most: int, example: str):
        self._least, self._most, self._example = least, most, example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes; a usage error for what is none, or out of range."""
        found = None if isinstance(value, int) else _SIZE.fullmatch(str(value).strip())
        size = value if isinstance(value, int) else 0 if found is None else int(found[1]) * _UNITS[(found[2] or "")[:1].lower()]
        if not self._least <= size <= self._most:
            expected = f"{shown(self._least)} to {shown(self._most)}, e.g. {self._example}"
            self.fail(f"{value!r} is no size: expected {expected}", param, ctx)
        return size


def shown(size: int) -> str:
    """A number of bytes in the largest unit that divides it: "8 MB"."""
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} byte{'' if size == 1 else 's'}"
