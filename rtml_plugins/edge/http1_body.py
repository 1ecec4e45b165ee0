"""Bodies that come in chunks (RFC 9112, section 7.1), read strictly and within a limit."""

from __future__ import annotations

import re
from typing import Final

from rtml_plugins.edge import limits
from rtml_plugins.serving.problems import Problem

_SIZE: Final = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[\x09\x20-\x7e]*)?").fullmatch
#: longest line of a chunk's size with its extensions, and of all trailers, in bytes
_MAX_LINE: Final = 256
_MAX_TRAILERS: Final = 4096


class Budget:
    """Bytes that the bodies of all connections may take together, which else would be a limit for each and none for all."""

    def __init__(self, most: int):
        self._left = most

    def take(self, size: int) -> None:
        """Promise so many bytes to a body; Problem 503 when they are promised to others."""
        if size > self._left:
            raise limits.busy("the bodies of other requests take all the memory there is for them", 1)
        self._left -= size

    def give(self, size: int) -> None:
        """Have so many bytes back."""
        self._left += size


class Chunks:
    """Takes chunks out of a buffer until the body is whole. limit: bytes of the body."""

    def __init__(self, limit: int):
        self._limit = limit
        self._body = bytearray()  # not a list of its chunks: those of a byte each would take twenty times as much
        self._size = 0  # of the body so far
        self._framing = 0  # bytes that are no body, so that a million empty extensions are no free ride
        self._left: int | None = None  # bytes of the chunk that is being read; None before its size
        self._ended = False

    @property
    def size(self) -> int:
        """Bytes of the body so far."""
        return self._size

    def take(self, buffer: bytearray) -> bytes | None:
        """The body when its end is in the buffer, which is emptied up to there; None when more has to come.

        Raises Problem 400 for damaged chunks and 413 for more than the limit.
        """
        while not self._ended:
            if self._left is None and not self._begin(buffer):
                return None
            if not self._ended and not self._fill(buffer):
                return None
        if not self._trailers(buffer):
            return None
        body = bytes(self._body)
        self._body.clear()
        return body

    def _begin(self, buffer: bytearray) -> bool:
        at = buffer.find(b"\r\n", 0, _MAX_LINE + 2)
        if at < 0:
            if len(buffer) > _MAX_LINE:
                raise _damaged()
            return False
        match = _SIZE(bytes(buffer[:at]))
        if match is None:
            raise _damaged()
        del buffer[: at + 2]
        size = int(match[1], 16)
        self._size += size
        self._framing += at
        if self._size > self._limit or self._framing > self._limit + _MAX_LINE:
            raise limits.too_large(self._limit)
        self._left = size
        self._ended = size == 0
        return True

    def _fill(self, buffer: bytearray) -> bool:
        assert self._left is not None
        part = buffer[: self._left]
        del buffer[: self._left]
        self._left -= len(part)
        self._body += part
        if self._left or len(buffer) < 2:
            return False
        if buffer[:2] != b"\r\n":
            raise _damaged()
        del buffer[:2]
        self._left = None
        return True

    def _trailers(self, buffer: bytearray) -> bool:
        """Whether the end was there; trailers are not looked at."""
        if buffer[:2] == b"\r\n":
            del buffer[:2]
            return True
        at = buffer.find(b"\r\n\r\n")
        if max(at, len(buffer) if at < 0 else 0) > _MAX_TRAILERS:
            raise _damaged()
        if at < 0:
            return False
        del buffer[: at + 4]
        return True


def _damaged() -> Problem:
    return Problem(400, "malformed-request", "the request is no HTTP/1.1: its chunks can't be read")
