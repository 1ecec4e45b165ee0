"""What a worker takes: sizes, numbers and times, and what it answers to more than that."""

from __future__ import annotations

import zlib
from typing import Final

from rtml_plugins.serving.problems import Problem

#: content types of a body of rows; a parameter (charset) may follow
JSON_TYPES: Final = frozenset({"application/json", "text/json"})
#: of a gzip stream
_MEMBERS: Final = 100


def busy(what: str, seconds: int) -> Problem:
    """503, at once, for a worker that has enough to do."""
    return Problem(503, "busy", f"this edge is busy: {what}. Try again in {seconds} s", headers=[("Retry-After", str(seconds))])


def too_late(seconds: float) -> Problem:
    """503 for a request that waited too long to be scored: the edge is busy, which is no fault of it."""
    detail = f"the request waited more than {seconds:g} s to be scored: try again, with fewer rows"
    return Problem(503, "timeout", detail, headers=[("Retry-After", "1")])


def too_slow(seconds: float) -> Problem:
    """408 for a request that does not come."""
    return Problem(408, "slow-request", f"the request did not arrive whole within {seconds:g} s")


def too_large(limit: int) -> Problem:
    """413 for a body, inflated or not."""
    return Problem(413, "body-too-large", f"the body has more than {limit:,} bytes: send fewer rows at a time")


def too_many_rows(count: int, limit: int) -> Problem:
    """413 for a request of too many rows."""
    return Problem(413, "too-many-rows", f"the request has {count:,} rows; at most {limit:,} are scored at a time")


def check_json(content_type: str | None) -> None:
    """Problem 415 unless a body is said to be JSON, or nothing is said."""
    if content_type is not None and content_type.partition(";")[0].strip().lower() not in JSON_TYPES:
        raise Problem(415, "no-json", f"the body must be JSON: send Content-Type: application/json, not {content_type[:100]!r}")


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """A body without its content coding, gzip or none. Problem 415 for another one, 400 for a damaged body, 413 when it
    inflates to more than `limit` bytes.
    """
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip"):
        raise Problem(
            415,
            "unknown-coding",
            f"a body may be coded with gzip, or not at all; got Content-Encoding: {encoding[:100]!r}",
            headers=[("Accept-Encoding", "gzip")],
        )
    parts: list[bytes] = []
    size = 0
    try:
        while body:
            if len(parts) >= _MEMBERS:
                raise EOFError(f"it has more than {_MEMBERS} members")
            member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            parts.append(member.decompress(body, limit + 1 - size))
            size += len(parts[-1])
            if size > limit:
                raise too_large(limit)
            if not member.eof:
                raise EOFError("it ends early")
            body = member.unused_data.lstrip(b"\0")
    except (EOFError, zlib.error) as error:
        raise Problem(400, "damaged-body", f"the body is no whole gzip stream: {error}") from None
    return b"".join(parts)
