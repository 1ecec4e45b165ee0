"""Reads unfinished Python up to the cursor: which call it is in, at which argument, inside of which text. For completion only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_NAME_BEFORE: Final = re.compile(r"([^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)*)\s*$")
_KEYWORD: Final = re.compile(r"\s*([^\W\d]\w*)\s*=(?!=)\s*(.*)$", re.DOTALL)
_KEY: Final = re.compile(r"""\s*["']([^"'\\]*)["']\s*:\s*(.*)$""", re.DOTALL)


@dataclass
class Open:
    """A bracket that is open at the cursor. before: the name in front of it; parts: what stands between its commas, the last one
    up to the cursor or the next bracket, with texts whole and inner brackets as they are."""

    bracket: str
    before: str
    parts: list[str] = field(default_factory=lambda: [""])

    def keyword(self) -> str | None:
        """The name that the last part begins with: `name=` of a call, `"name":` of a dict; None when there is none."""
        found = (_KEY if self.bracket == "{" else _KEYWORD).match(self.parts[-1])
        return found[1] if found else None

    def names(self) -> set[str]:
        """Names that parts before the last one have."""
        pattern = _KEY if self.bracket == "{" else _KEYWORD
        return {found[1] for part in self.parts[:-1] if (found := pattern.match(part))}


@dataclass
class Place:
    """Where the cursor is. inside: open brackets, outermost first. text: what stands in the text that the cursor is in, up to it,
    None outside of texts; comment: whether it is in one."""

    inside: list[Open]
    text: str | None = None
    comment: bool = False

    def value(self) -> str:
        """What was written of a value so far, outside of texts: the end of the last part, behind `name=`."""
        if not self.inside:
            return ""
        part = self.inside[-1].parts[-1]
        found = (_KEY if self.inside[-1].bracket == "{" else _KEYWORD).match(part)
        return found[2] if found else part.lstrip()


def place(source: str) -> Place:
    """The place at the end of `source`, which is read from its start. Whatever is written, it gives an answer."""
    inside: list[Open] = []
    at, end, line = 0, len(source), ""  # line: the code since the last bracket or line end, for the name before a bracket
    while at < end:
        character = source[at]
        if character == "#":
            stop = source.find("\n", at)
            if stop < 0:
                return Place(inside, comment=True)
            at = stop
            continue
        if character in "\"'":
            quote = source[at : at + 3] if source[at : at + 3] in ('"""', "'''") else character
            stop = _end_of_text(source, at + len(quote), quote)
            if stop is None:
                return Place(inside, text=source[at + len(quote) :])
            _add(inside, source[at:stop])
            line += '""'
            at = stop
            continue
        if character in _OPENING:
            name = _NAME_BEFORE.search(line)
            _add(inside, character)
            inside.append(Open(character, re.sub(r"\s", "", name[1]) if name else ""))
            line = ""
        elif character in ")]}":
            if inside:
                closed = inside.pop()
                _add(inside, ",".join(closed.parts) + character)
            line += character
        elif character == "," and inside:
            inside[-1].parts.append("")
            line = ""
        else:
            _add(inside, character)
            line = "" if character in "\n;" and not inside else line + character
        at += 1
    return Place(inside)


def _add(inside: list[Open], text: str) -> None:
    if inside:
        inside[-1].parts[-1] += text


def _end_of_text(source: str, at: int, quote: str) -> int | None:
    """Behind the closing quote; None when the text is open at the end. One of a single line ends with the line."""
    while at < len(source):
        if source[at] == "\\":
            at += 2
        elif source.startswith(quote, at):
            return at + len(quote)
        elif source[at] == "\n" and len(quote) == 1:
            return at
        else:
            at += 1
    return None
