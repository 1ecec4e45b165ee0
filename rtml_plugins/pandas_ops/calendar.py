"""Timestamps as text by a format, with English names: what datetime.strftime writes in the C locale, on every machine alike.

Python's own asks the platform's C library and its locale, so that the same format may give other text elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final, NamedTuple

from rtml_core.timestamps import MICROS_PER_DAY

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
#: directives that pandas writes itself, for years beyond those of datetime too
FAST: Final = frozenset("YmdHMSf%")
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)


class Moment(NamedTuple):
    """A timestamp in the proleptic Gregorian calendar. weekday: Monday is 0; day_of_year from 1."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    microsecond: int
    weekday: int
    day_of_year: int

    @property
    def iso(self) -> tuple[int, int]:
        """ISO year and week, of years 1 to 9999."""
        year, week, _ = date(self.year, self.month, self.day).isocalendar()
        return year, week


def moment(micros: int) -> Moment:
    """The calendar of microseconds since 1970, for any year.

    The date by counting in eras of 400 years that start on the first of March (days_from_civil reversed).
    """
    days, rest = divmod(micros, MICROS_PER_DAY)
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    from_march = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * from_march + 2) // 153
    day = from_march - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year = year_of_era + era * 400 + (month <= 2)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    day_of_year = from_march - 305 if month <= 2 else from_march + 60 + leap
    seconds, microsecond = divmod(rest, 1_000_000)
    hour, second = divmod(seconds, 3_600)
    minute, second = divmod(second, 60)
    return Moment(year, month, day, hour, minute, second, microsecond, (days + 3) % 7, day_of_year)


#: directive -> what it writes
WRITERS: Final[dict[str, Callable[[Moment], str]]] = {
    "Y": lambda m: f"{m.year:04d}",
    "y": lambda m: f"{m.year % 100:02d}",
    "m": lambda m: f"{m.month:02d}",
    "d": lambda m: f"{m.day:02d}",
    "H": lambda m: f"{m.hour:02d}",
    "I": lambda m: f"{(m.hour + 11) % 12 + 1:02d}",
    "M": lambda m: f"{m.minute:02d}",
    "S": lambda m: f"{m.second:02d}",
    "f": lambda m: f"{m.microsecond:06d}",
    "p": lambda m: "AM" if m.hour < 12 else "PM",
    "j": lambda m: f"{m.day_of_year:03d}",
    "a": lambda m: DAYS[m.weekday][:3],
    "A": lambda m: DAYS[m.weekday],
    "b": lambda m: MONTHS[m.month - 1][:3],
    "B": lambda m: MONTHS[m.month - 1],
    "u": lambda m: str(m.weekday + 1),
    "w": lambda m: str((m.weekday + 1) % 7),
    "U": lambda m: f"{(m.day_of_year + 6 - (m.weekday + 1) % 7) // 7:02d}",
    "W": lambda m: f"{(m.day_of_year + 6 - m.weekday) // 7:02d}",
    "V": lambda m: f"{m.iso[1]:02d}",
    "G": lambda m: f"{m.iso[0]:04d}",
    "%": lambda m: "%",
}
_UNPADDED: Final[dict[str, Callable[[Moment], str]]] = {"Y": lambda m: str(m.year), "G": lambda m: str(m.iso[0])}


def directives(format: str) -> list[str]:
    """The letters behind the % signs of a format, in order; "" for a % at its end."""
    return _DIRECTIVE.findall(format)


@lru_cache(maxsize=1024)
def writer(format: str, padded: bool) -> Callable[[int], str]:
    """A function from microseconds since 1970 to text. padded: years before 1000 have four digits.

    Raises KeyError for a directive that is not in WRITERS.
    """
    table = WRITERS if padded else {**WRITERS, **_UNPADDED}
    pieces = _DIRECTIVE.split(format)
    steps: list[str | Callable[[Moment], str]] = [
        table[piece] if position % 2 else piece for position, piece in enumerate(pieces)
    ]
    kept = [step for step in steps if step != ""]

    def write(micros: int) -> str:
        at = moment(micros)
        return "".join(step if isinstance(step, str) else step(at) for step in kept)

    return write
