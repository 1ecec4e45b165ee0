"""Reading JSON when the fast, typed way has refused it: slower, and with a sentence for everything that is wrong."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from rtml_core.errors import InputError, InputProblem, JsonError, describe

#: most digits of a whole number that are read, as Python has it; no float64 has more than 309
_MAX_DIGITS: Final = 4300


def read(body: bytes) -> Any:
    """The value of a JSON text. JsonError for what is no JSON, InputError for a name that stands twice in an object."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(
            [InputProblem("/", "JSON in UTF-8", f"the byte 0x{body[error.start]:02x} at byte {error.start}")]
        ) from None
    if not text.strip(" \t\r\n"):
        raise JsonError([InputProblem("/", "JSON", "an empty body")])
    try:
        return _decoder.decode(text.lstrip(" \t\r\n"))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise JsonError([InputProblem("/", "JSON", f"at {where}: {_said(error.msg)}")]) from None
    except RecursionError:
        raise JsonError([InputProblem("/", "JSON", "arrays or objects nested too deeply")]) from None


def _said(message: str) -> str:
    return message[:1].lower() + message[1:]


def _constant(word: str) -> NoReturn:
    raise JsonError([InputProblem("/", "JSON", f"{word}, which is no JSON: a missing number is null")])


def _whole(digits: str) -> int | float:
    """A whole number; infinite when it has more digits than any field takes, so that its field is named."""
    if len(digits) <= _MAX_DIGITS:
        return int(digits)
    return -math.inf if digits.startswith("-") else math.inf


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InputError([InputProblem(f"/{pointer(name)}", "each name once in an object", f"{describe(name)} twice")])
            seen.add(name)
    return made


def pointer(name: str) -> str:
    """A field name as a JSON pointer token (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


_decoder: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole)
