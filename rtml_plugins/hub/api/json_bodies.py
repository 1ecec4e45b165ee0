"""JSON bodies that edges send, read by msgspec, with the problem documents that other bodies have."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from rtml_plugins.serving.problems import Problem

T = TypeVar("T")


def decoded(body: bytes, kind: type[T]) -> T:
    """A body as what it should be. Problem 400 when it is no JSON, 422 with the JSON pointer of what does not fit, where * stands
    for the name of a member, which msgspec does not tell."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        said, _, where = str(error).partition(" - at `")
        expected, _, got = said.removeprefix("Expected ").partition(", got ")
        place = where.rstrip("`").removeprefix("key` in `").removeprefix("$")
        at = place.replace("[...]", "/*").replace(".", "/").replace("[", "/").replace("]", "") or "/"
        raise wrong(at, expected, got or "something else") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "malformed-json", f"the body is no JSON document: {error}") from None


def wrong(at: str, expected: str, got: str) -> Problem:
    """Problem 422 for a value in a body. at: its JSON pointer."""
    entry = {"at": at, "expected": expected, "got": got}
    said = f"{at}: expected {expected}, got {got}"
    return Problem(422, "invalid-request", said, title="The request is not what the hub takes", errors=[entry])
