"""One strict grammar of timestamps, read the same way by eager code, by compiled graphs and by the runtime.

    YYYY-MM-DD[(T| )HH:MM[:SS[.f]]][Z|+HH:MM|-HH:MM|+HHMM|-HHMM]

Years 0001 to 9999 of the Gregorian calendar, months, days and leap years checked, hours 00 to 23 (24:00 is refused), one to
nine digits of a fraction, of which those beyond microseconds are cut off, offsets up to 23:59. A timestamp without a zone
means UTC. Everything becomes int64 microseconds since 1970-01-01 UTC, which is what numpy calls datetime64[us].
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # numpy is imported where it is needed: plugins that list timestamps must be cheap to discover
    import numpy as np

#: numpy's NaT, and how a missing timestamp travels (see columns.MISSING_TIME)
NAT: Final = -(2**63)
MICROS_PER_DAY: Final = 86_400_000_000
#: the grammar in words, for error messages
EXPECTED: Final = "an ISO timestamp such as 2026-01-31 or 2026-01-31T10:15:00Z"

#: the grammar without its calendar; [0-9] because \d takes every script's digits
_SHAPE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?"
    r"(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
)
_shaped: Final = _SHAPE.fullmatch
_read: Final = datetime.fromisoformat
_EPOCH: Final = datetime(1970, 1, 1)
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: what isoformat can say: years 1 to 9999
_FIRST: Final = -719_162 * MICROS_PER_DAY
_LAST: Final = 2_932_897 * MICROS_PER_DAY - 1


def parse_timestamp(text: str) -> int | None:
    """Microseconds since 1970 UTC of a timestamp in the grammar above; None when `text` is not one."""
    # the layout 2026-11-21T10:15:00Z needs no regular expression: with these separators fromisoformat takes nothing else
    plain = len(text) == 20 and text[4] == text[7] == "-" and text[13] == text[16] == ":" and text[10] == "T" and text[19] == "Z"
    if not plain and _shaped(text) is None:
        return None
    try:
        moment = _read(text) if text[10:11] in ("", "T", " ") else _read(f"{text[:10]}T00:00{text[10:]}")
    except ValueError:  # the shape is right, the calendar or the clock is not: 2023-02-29, 24:00
        return None
    passed = moment - (_EPOCH if moment.tzinfo is None else _EPOCH_UTC)
    return passed.days * MICROS_PER_DAY + passed.seconds * 1_000_000 + passed.microseconds


def parse_timestamps(texts: Iterable[str | None]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """parse_timestamp of each text, as int64 [N]; NaT where a text is None or no timestamp."""
    import numpy as np

    items = list(texts)
    together = _parse_one_layout(items) if len(items) > 8 else None
    if together is not None:
        return together
    read = (None if text is None else parse_timestamp(text) for text in items)
    return np.fromiter((NAT if micros is None else micros for micros in read), dtype=np.int64)


#: the layout 2026-11-21T10:15:00Z: where its separators and its digits stand
_SEPARATORS: Final = (4, 7, 10, 13, 16, 19)
_DIGITS: Final = tuple(i for i in range(20) if i not in _SEPARATORS)


def _parse_one_layout(texts: list[str | None]) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """All texts at once when each is a valid timestamp of the layout above, which most are; else None."""
    import numpy as np

    if any(text is None or len(text) != 20 for text in texts):
        return None
    try:
        letters = np.array(texts, dtype="S20").view(np.uint8).reshape(-1, 20)
    except UnicodeEncodeError:
        return None
    digits = letters[:, _DIGITS].astype(np.int64) - 48
    separated = (letters[:, _SEPARATORS] == np.frombuffer(b"--T::Z", np.uint8)).all()
    if not separated or (digits < 0).any() or (digits > 9).any():
        return None
    year = digits[:, :4] @ np.array([1000, 100, 10, 1])
    month, day, hour, minute, second = (digits[:, i : i + 2] @ np.array([10, 1]) for i in (4, 6, 8, 10, 12))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    length = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])[np.clip(month, 0, 12)] + ((month == 2) & leap)
    valid = (year > 0) & (month > 0) & (month < 13) & (day > 0) & (day <= length) & (hour < 24) & (minute < 60) & (second < 60)
    if not valid.all():
        return None
    # days of a year that starts in March, so that the leap day comes last
    y = year - (month < 3)
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * ((month + 9) % 12) + 2) // 5 + day - 719_469
    micros: np.ndarray[Any, np.dtype[np.int64]] = (days * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000_000
    return micros


def to_micros(value: Any) -> int:
    """Microseconds since 1970 UTC of a str in the grammar, a datetime, a date or a numpy datetime64.

    A datetime without a zone means UTC; what is finer than a microsecond is cut off. Raises ValueError saying what is
    expected and what came for everything else: numbers, whose unit nobody knows, missing values, other types.
    """
    if isinstance(value, str):
        micros = parse_timestamp(value)
        if micros is None:
            raise ValueError(f"expected {EXPECTED}; got {value[:60]!r}")
        return micros
    if isinstance(value, datetime) and value == value:  # pandas' NaT is a datetime that differs from itself
        passed = value - (_EPOCH if value.tzinfo is None else _EPOCH_UTC)
        return passed // timedelta(microseconds=1)
    if isinstance(value, date) and value == value:
        return (value.toordinal() - _EPOCH.toordinal()) * MICROS_PER_DAY
    import numpy as np

    if isinstance(value, np.datetime64):
        return _from_numpy(value)
    unit = "; a number does not say its unit" if isinstance(value, (int, float, np.number)) else ""
    raise ValueError(f"expected {EXPECTED}, or a datetime; got {value!r} of type {type(value).__name__}{unit}")


def _from_numpy(value: np.datetime64) -> int:
    import numpy as np

    if np.isnat(value):
        raise ValueError(f"expected {EXPECTED}, or a datetime; got NaT")
    try:
        micros = value.astype("datetime64[us]")
    except OverflowError:  # numpy 2.4 and later; earlier ones wrap around
        micros = np.datetime64("NaT", "us")
    if micros.astype(value.dtype) != value and not _is_finer(value):
        raise ValueError(f"expected a datetime that fits 64 bits of microseconds (years -290,000 to 290,000); got {value!r}")
    return int(micros.astype(np.int64))


def _is_finer(value: np.datetime64) -> bool:
    """Whether the unit is below a microsecond, so that going to microseconds and back may lose digits."""
    import numpy as np

    return np.datetime_data(value.dtype)[0] in ("ns", "ps", "fs", "as")


def format_timestamp(micros: int) -> str:
    """The ISO form, in UTC: 2026-01-31T10:15:00Z, with six digits of a fraction when there is one.

    Outside the years 1 to 9999, which the grammar can't say, it is numpy's form with a signed year. Raises ValueError for
    NaT.
    """
    if micros == NAT:
        raise ValueError("expected a timestamp to format; got NaT, which has no ISO form: write null instead")
    if _FIRST <= micros <= _LAST:
        return (_EPOCH + timedelta(microseconds=micros)).isoformat() + "Z"
    import numpy as np

    return str(np.datetime64(micros, "us")) + "Z"
