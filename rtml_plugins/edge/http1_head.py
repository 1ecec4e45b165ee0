"""Heads of HTTP/1.1 requests (RFC 9112), read strictly: what two readers might read differently is refused.

A client sends the same head again and again. So whole heads are remembered by their bytes, and lines of heads by theirs: a head
that was read before costs one look-up, and one that differs in a line costs little more. What is remembered is bounded.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from rtml_plugins.edge import limits
from rtml_plugins.serving.problems import Problem

#: largest head in bytes, and most lines in it
MAX_HEAD: Final = 32 << 10
MAX_LINES: Final = 100
#: heads and lines that are remembered, and the longest of each, in bytes
_HEADS: Final = 512
_LONGEST_HEAD: Final = 2048
_LINES: Final = 4096
_LONGEST_LINE: Final = 512

_REQUEST: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])").fullmatch
_FIELD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*").fullmatch
_LENGTH: Final = re.compile(r"[0-9]{1,18}").fullmatch
#: headers of which a second one would be a second meaning
_ONCE: Final = frozenset({"host", "content-length", "transfer-encoding", "authorization", "content-type", "content-encoding"})


class Head:
    """A head that was read. path: percent-decoded once, without query. length: bytes of the body, -1 for one in chunks.

    close: whether the connection ends with the answer. expects: the client waits for "100 Continue" before it sends the body.
    It may stand for many requests: nothing in it changes.
    """

    __slots__ = ("close", "expects", "headers", "length", "method", "path", "query")

    def __init__(self, method: str, path: str, query: str, headers: dict[str, str], minor: int):
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.length = _body_length(headers, minor)
        connection = headers.get("connection")
        self.close = minor == 0 or (connection is not None and "close" in connection.lower())
        expect = headers.get("expect")
        if expect is not None and expect.lower() != "100-continue":
            raise Problem(417, "unknown-expectation", "the only expectation that is met is 100-continue")
        self.expects = expect is not None and minor == 1


class Heads:
    """Reads heads, and remembers them. known: heads by their bytes, of bodies that are not too large."""

    def __init__(self, max_body: int):
        self.known: dict[bytes, Head] = {}
        self._max_body = max_body
        self._fields: dict[bytes, tuple[str, str]] = {}

    def read(self, data: bytes) -> Head:
        """Read a head; data: its bytes, with the empty line. Raises Problem 400, 413, 417 or 431."""
        lines = data[:-4].split(b"\r\n")
        if len(lines) > MAX_LINES:
            raise Problem(431, "head-too-large", f"the request has {len(lines) - 1} headers; at most {MAX_LINES - 1} are read")
        match = _REQUEST(lines[0])
        if match is None:
            raise _malformed("its first line is not METHOD TARGET HTTP/1.1")
        method, target, major, minor = match.groups()
        if major != b"1" or minor not in b"01":
            # RFC 9110 has 505 for this, but what a client does wrong must not count as a fault of the edge
            raise Problem(400, "http-version", "this server speaks HTTP/1.1")
        headers = self._headers(lines)
        if minor == b"1" and "host" not in headers:
            raise _malformed("it has no header host")
        path, query = _target(target.decode("ascii"))
        head = Head(method.decode("ascii"), path, query, headers, int(minor))
        if head.length > self._max_body:
            raise limits.too_large(self._max_body)
        if len(data) <= _LONGEST_HEAD and head.length >= 0 and not head.expects:
            if len(self.known) >= _HEADS:
                self.known.clear()
            self.known[data] = head
        return head

    def _headers(self, lines: list[bytes]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, value = self._fields.get(line) or self._field(line)
            if name in headers:
                if name in _ONCE:
                    raise _malformed(f"it has the header {name} twice")
                value = f"{headers[name]}, {value}"
            headers[name] = value
        return headers

    def _field(self, line: bytes) -> tuple[str, str]:
        if _FIELD(line) is None:
            raise _malformed("a line of its head is no NAME: VALUE")
        name, _, value = line.partition(b":")
        field = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if len(line) <= _LONGEST_LINE:
            if len(self._fields) >= _LINES:
                self._fields.clear()
            self._fields[line] = field
        return field


def _target(target: str) -> tuple[str, str]:
    """Path, decoded once, and query of a request target in origin-form, absolute-form or "*"."""
    if not target.startswith("/") and target != "*":
        try:
            parts = urlsplit(target)
        except ValueError:
            raise _malformed("its target can't be read") from None
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise _malformed("its target is neither a path nor a URL")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote(path, errors="replace")
    return path, query.partition("#")[0]


def _body_length(headers: dict[str, str], minor: int) -> int:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if length is not None or minor == 0:
            raise _malformed("it has transfer-encoding where that may not be")
        if coding.lower() != "chunked":
            raise Problem(400, "unknown-transfer-coding", "the only transfer coding that is read is chunked")
        return -1
    if length is None:
        return 0
    if not _LENGTH(length):
        raise _malformed("its content-length is no number")
    return int(length)


def _malformed(why: str) -> Problem:
    return Problem(400, "malformed-request", f"the request is no HTTP/1.1: {why}")
