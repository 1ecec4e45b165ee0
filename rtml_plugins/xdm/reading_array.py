"""Elements of a JSON array, or JSON documents one after the other, found one by one in a stream that may be endless.

Where an element ends is known without understanding it, so one that is no JSON does not take the rest with it. The bytes are
looked at as Latin-1: all that JSON's structure is made of is ASCII, and positions stay those of the bytes.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Final

from rtml_plugins.xdm.reading_json import Problem

_AT_ONCE: Final = 256 << 10
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_BETWEEN: Final = re.compile(r"[ \t\r\n,]*")
#: whole strings, brackets, and the mark of a string that does not end
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
#: for what is passed over piece by piece
_OUTSIDE: Final = re.compile(rb'[\[\]{},"]')
_INSIDE: Final = re.compile(rb'["\\]')
_scan: Final = json.JSONDecoder().raw_decode


def elements(stream: io.BufferedReader, longest: int) -> Iterator[tuple[int, bytes, Problem | None]]:
    """(line, bytes, problem) of each element; memory for the largest element that is allowed, twice."""
    source = _Window(stream)
    in_array = source.skip(_BLANK) == "["
    if in_array:
        source.at += 1
    while (first := source.skip(_BETWEEN if in_array else _BLANK)) != "":
        if in_array and first == "]":
            source.at += 1
            if source.skip(_BLANK) != "":
                yield (
                    source.line,
                    source.rest(longest),
                    Problem("", "json", "text after the end of the array: nothing of it is read"),
                )
            return
        end = source.element(longest)
        line = source.line
        if end is None:
            size = source.pass_over()
            yield line, b"", Problem("", "size", f"the record has more than {longest:,} bytes ({size:,}); it is passed over")
        elif end == source.at:  # a bracket where none belongs
            yield line, source.rest(longest), Problem("", "json", f"unexpected {first}: nothing after it can be read")
            return
        else:
            yield line, source.take(end), None
        if in_array and source.skip(_BLANK) not in (",", "]", ""):
            what = "after an element, expected a comma or the end of the array: nothing from here on can be read"
            yield source.line, source.rest(longest), Problem("", "json", what)
            return
    if in_array and not source.cut:
        yield source.line, b"", Problem("", "json", "the text ends before the array does: it was cut off")


class _Window:
    """The part of the stream that is looked at.

    at: the position in it. line: the line of that position, from 1. cut: whether the stream ended inside of an element.
    """

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._bytes = b""
        self._text = ""
        self._ended = False
        self.at = 0
        self.line = 1
        self.cut = False

    def skip(self, what: re.Pattern[str]) -> str:
        """Go behind what may stand here; the character that comes then, "" at the end."""
        while True:
            found = what.match(self._text, self.at)
            assert found is not None
            self._go(found.end())
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._more():
                return ""

    def element(self, longest: int) -> int | None:
        """Where the element that begins here ends; None when it is longer than is allowed. At the end of the stream: there."""
        while True:
            end = self._whole()
            if end is not None and (end < len(self._text) or self._text[end - 1] in '}]"' or self._ended):
                return end if end - self.at <= longest else None
            if len(self._text) - self.at > longest:
                return None
            if not self._more():
                self.cut = True
                return len(self._text)

    def _whole(self) -> int | None:
        """Where it ends, as far as can be seen now."""
        try:
            return _scan(self._text, self.at)[1]
        except (ValueError, RecursionError):  # no JSON, or not all of it is here
            pass
        depth = 0
        for found in _STRUCTURE.finditer(self._text, self.at):
            mark = found[0]
            if mark == '"':
                return None
            if mark in ("[", "{"):
                depth += 1
            elif mark in ("]", "}"):
                if depth == 0:
                    return found.start()
                depth -= 1
                if depth == 0:
                    return found.end()
            elif mark == "," and depth == 0:
                return found.start()
        return None

    def take(self, end: int) -> bytes:
        found = self._bytes[self.at : end]
        self._go(end)
        return found.strip(b" \t\r\n")

    def pass_over(self) -> int:
        """Go behind the element that begins here, which is too long to be held; how many bytes it had."""
        depth, inside, size = 0, False, 0
        piece = self._bytes[self.at :]
        while piece:
            at = 0
            while (found := (_INSIDE if inside else _OUTSIDE).search(piece, at)) is not None:
                mark, at = found[0], found.end()
                if mark == b"\\":
                    if at == len(piece):  # what it escapes is in the next piece
                        piece += self._stream.read(1)
                    at += 1
                elif mark == b'"':
                    inside = not inside
                elif mark in (b"[", b"{"):
                    depth += 1
                elif depth == 0:
                    return self._passed(piece, at - 1, size)
                elif mark != b"," and (depth := depth - 1) == 0:
                    return self._passed(piece, at, size)
            size += self._passed(piece, len(piece), 0)
            piece = self._stream.read(_AT_ONCE)
        self._ended = True
        return size

    def _passed(self, piece: bytes, end: int, before: int) -> int:
        self.line += piece.count(b"\n", 0, end)
        self._set(piece, end)
        return before + end

    def rest(self, longest: int) -> bytes:
        """What is left, if it is not more than may be held; the stream is at its end then."""
        found = self._bytes[self.at :] + self._stream.read(max(longest - len(self._bytes) + self.at, 0) + 1)
        self._set(b"", 0)
        self._ended = True
        return found.strip(b" \t\r\n") if len(found) <= longest else b""

    def _go(self, at: int) -> None:
        self.line += self._bytes.count(b"\n", self.at, at)
        self.at = at

    def _more(self) -> bool:
        """Look at more of the stream, twice as much as what is not yet understood; whether there was more."""
        if self._ended:
            return False
        piece = self._stream.read(max(_AT_ONCE, len(self._bytes) - self.at))
        self._ended = not piece
        self._set(self._bytes[self.at :] + piece, 0)
        return bool(piece)

    def _set(self, held: bytes, at: int) -> None:
        self._bytes, self._text, self.at = held, held.decode("latin-1"), at
