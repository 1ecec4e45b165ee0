"""reader['timestamp'].gt('2026-01-31').And(...): conditions, in the form in which a hub takes them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from platform_sdk.errors import PlatformSdkError
from rtml_core.errors import describe
from rtml_core.timestamps import format_timestamp, to_micros

#: characters of a condition that a hub takes (rtml_plugins.hub.api.datasets)
LONGEST: Final = 10_000


class Condition:
    """What has to hold for a record. said: a comparison [path, operator, value], or a group of them."""

    def __init__(self, said: list[Any] | dict[str, Any]) -> None:
        self.said = said

    def __repr__(self) -> str:
        return f"<Condition {json.dumps(self.said, ensure_ascii=False)}>"

    def __bool__(self) -> bool:
        raise PlatformSdkError("a condition is neither true nor false by itself: join conditions with And() and Or(), not 'and'")

    def And(self, *others: Condition) -> Condition:
        """Holds where this one and the others do."""
        return self._joined("and", others)

    def Or(self, *others: Condition) -> Condition:
        """Holds where this one or one of the others does."""
        return self._joined("or", others)

    def _joined(self, word: str, others: tuple[Condition, ...]) -> Condition:
        parts = self.parts(word)
        for one in others:
            parts += condition(one).parts(word)
        return Condition({word: parts})

    def parts(self, word: str) -> list[Any]:
        """What it joins with this word; itself, when it is no group of that word."""
        return list(self.said[word]) if isinstance(self.said, Mapping) and word in self.said else [self.said]

    @property
    def text(self) -> str:
        """As a hub takes it. Raises PlatformSdkError when it is too long."""
        said = self.said if isinstance(self.said, Mapping) else {"and": [self.said]}
        text = json.dumps(said, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if len(text) > LONGEST:
            raise PlatformSdkError(
                f"a condition of {len(text):,} characters is more than the {LONGEST:,} that a hub takes: give In() fewer values"
                " at a time, or read more and choose in the frame"
            )
        return text


class ColumnOf:
    """One column of a dataset, by its path; its methods make conditions."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<column {self.path}>"

    def eq(self, value: Any) -> Condition:
        """Equal to the value."""
        return self._compared("=", value)

    def ne(self, value: Any) -> Condition:
        """Not equal to it, or not there at all."""
        return self._compared("!=", value)

    def gt(self, value: Any) -> Condition:
        """Greater than it."""
        return self._compared(">", value)

    def ge(self, value: Any) -> Condition:
        """Greater than or equal to it."""
        return self._compared(">=", value)

    def lt(self, value: Any) -> Condition:
        """Less than it."""
        return self._compared("<", value)

    def le(self, value: Any) -> Condition:
        """Less than or equal to it."""
        return self._compared("<=", value)

    def In(self, values: Iterable[Any]) -> Condition:
        """Equal to one of the values."""
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
            raise PlatformSdkError(f"In() takes a list of values; got {describe(values)}")
        return Condition([self.path, "in", [_plain(value, f"a value of In() for '{self.path}'") for value in values]])

    def _compared(self, sign: str, value: Any) -> Condition:
        if isinstance(value, ColumnOf):
            raise PlatformSdkError(
                f"'{self.path}' is compared with a value, not with the column '{value.path}': read both and compare in the frame"
            )
        return Condition([self.path, sign, _plain(value, f"the value for '{self.path}'")])


def condition(given: Any) -> Condition:
    """The condition that was given; PlatformSdkError for anything else."""
    if not isinstance(given, Condition):
        raise PlatformSdkError(f"expected a condition such as reader['timestamp'].gt('2026-01-31'); got {describe(given)}")
    return given


def _plain(value: Any, what: str) -> Any:
    """A value as JSON has it: numpy's numbers become Python's, moments texts."""
    if isinstance(value, date):  # datetime and pandas' Timestamp are dates
        try:
            return format_timestamp(to_micros(value)) if isinstance(value, datetime) else value.isoformat()
        except ValueError:  # NaT
            raise PlatformSdkError(f"{what} is missing (NaT), and nothing compares with that") from None
    if hasattr(value, "item") and not isinstance(value, str | bool | int | float):
        value = value.item()  # of numpy
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PlatformSdkError(f"{what} is {value}, which no record holds: leave the condition out")
        return value
    raise PlatformSdkError(f"{what} must be a text, a number, a boolean or a time; got {describe(value)}")
