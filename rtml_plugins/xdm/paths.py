"""Paths into documents, and the names of columns that stand for them: `web.webPageDetails.name`, `productListItems[0].SKU`.

    path  = [ first *more ]            nothing at all is the whole document
    first = key | index
    more  = "." key | index
    key   = "~_" | 1*( character | "~." | "~[" | "~]" | "~~" | "~u" 4 hex digits )
    index = "[" whole number "]"       0 is the first element, -1 the last

A key keeps all its characters but these: a dot, a bracket and a tilde get a tilde before them, and what a name of a field can't
hold (a quote, a backslash, control characters, halves of characters) is written by its number, `~u0022`. The empty key is `~_`.
So every list of texts and whole numbers has one name, and split(join(path)) == path. A key of digits stays a key: `customData.7`
is not `customData[7]`.

In a pattern `[*]` stands for every element of an array, or every value of a map: `productListItems[*].priceTotal`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rtml_core.errors import describe
from rtml_plugins.xdm.errors import XdmError

Step = str | int
Path = list[Step]


class PathError(XdmError):
    """A text is no path into a document."""


class _Every:
    """What `[*]` in a pattern is."""

    def __repr__(self) -> str:
        return "EVERY"


EVERY: Final = _Every()
#: how EVERY is written
_ALL: Final = "[*]"
PatternStep = str | int | _Every

_EMPTY: Final = "~_"
_TO_ESCAPE: Final = re.compile('[.\\[\\]~"\\\\\x00-\x1f\ud800-\udfff]')
_ESCAPE: Final = re.compile(r"~(?:u([0-9A-Fa-f]{4})|([.\[\]~]))")
_KEY: Final = r"(?:[^.\[\]~]|~[.\[\]~]|~u[0-9A-Fa-f]{4})+|~_"
_KEY_TEXT: Final = re.compile(_KEY, re.DOTALL)
_STEP: Final = re.compile(rf"\[(?P<index>0|-?[1-9][0-9]*)\]|(?P<all>\[\*\])|(?P<dot>\.)?(?P<key>{_KEY})", re.DOTALL)
_HINT: Final = (
    "a path is keys between dots and indexes in brackets, like productListItems[0].SKU; in a key, write ~. for a dot, ~[ and ~]"
    " for brackets, ~~ for a tilde, and ~_ for an empty key"
)


def escape(key: str) -> str:
    """A key as it stands in a path."""
    return _TO_ESCAPE.sub(_escaped, key) if key else _EMPTY


def unescape(text: str) -> str:
    """The key of an escaped one. Raises PathError."""
    if _KEY_TEXT.fullmatch(text) is None:
        raise PathError(f"{describe(text)} is no key of a path: {_HINT}")
    return _unescaped(text)


def join(path: Sequence[Step]) -> str:
    """The name of the column that stands for a path. Raises PathError for steps that are neither texts nor whole numbers."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, str):
            parts.append(f".{escape(step)}" if parts else escape(step))
        elif isinstance(step, int) and not isinstance(step, bool):
            parts.append(f"[{step}]")
        else:
            raise PathError(f"a step of a path must be a key (a text) or an index (a whole number); got {describe(step)}")
    return "".join(parts)


def split(column: str) -> Path:
    """The path that the name of a column stands for. Raises PathError."""
    path: Path = []
    for step in pattern(column):
        if isinstance(step, _Every):
            raise PathError(f"{describe(column)} stands for many values, as it has [*]: name one of them, like [0] or [-1]")
        path.append(step)
    return path


def pattern(text: str) -> list[PatternStep]:
    """The steps of a path in which `[*]` may stand, as EVERY. Raises PathError."""
    if not isinstance(text, str):
        raise PathError(f"a path must be a text; got {describe(text)}")
    steps: list[PatternStep] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None or (found["key"] is not None and (found["dot"] is None) != (at == 0)):
            raise PathError(f"{describe(text)} is no path, from character {at + 1} on: {_HINT}")
        if found["index"] is not None:
            steps.append(_index(found["index"], text))
        else:
            steps.append(EVERY if found["all"] is not None else _unescaped(found["key"]))
        at = found.end()
    return steps


def join_pattern(steps: Sequence[PatternStep]) -> str:
    """The text of a pattern."""
    made = ""
    for step in steps:
        part = _ALL if isinstance(step, _Every) else join([step])
        made += f".{part}" if made and isinstance(step, str) else part
    return made


def pointer(path: Sequence[object]) -> str:
    """A path as a JSON pointer (RFC 6901): "" for the whole document."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _index(digits: str, text: str) -> int:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads
        raise PathError(f"an index of {len(digits)} digits is too large, in {describe(text)}") from None


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return f"~{character}" if character in ".[]~" else f"~u{ord(character):04X}"


def _unescaped(text: str) -> str:
    if text == _EMPTY:
        return ""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text) if "~" in text else text
