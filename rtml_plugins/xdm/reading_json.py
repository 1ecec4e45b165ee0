"""One record as JSON text becomes a document, exactly, or a problem in words.

Strict where readers of JSON differ and values would change or vanish silently: UTF-8 only, no NaN, no name twice in an object, no
half characters, no number beyond a float64, no nesting that a reader can't follow. Whole numbers of any size stay whole numbers.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

import msgspec

from rtml_core.errors import describe

#: levels of objects and arrays; the deepest document of public examples has 17
DEEPEST: Final = 100
#: bytes of one record
LONGEST: Final = 16 << 20

_HALF: Final = re.compile(r"[\ud800-\udfff]")


class Problem(msgspec.Struct, frozen=True):
    """What is wrong. at: a JSON pointer into the document; keyword: of JSON Schema, or json, encoding, size where there is
    none."""

    at: str
    keyword: str
    message: str


class _Wrong(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def decode(raw: bytes) -> tuple[dict[str, Any] | None, Problem | None]:
    """The document that a JSON text is, or what is wrong with it; never raises."""
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, _explained(raw, error)
    if type(document) is not dict:
        return None, Problem("", "type", f"expected an object, got {describe(document)}")
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _deeper(document, DEEPEST):
        return None, Problem("", "json", f"objects and arrays nested more than {DEEPEST} levels deep")
    # Every string has two quotation marks; a name that stood twice is written once. Escapes may hide some: then the slow way.
    if b"\\" in raw or raw.count(b'"') != msgspec.json.encode(document).count(b'"'):
        try:
            _strict.decode(raw.decode())
        except _Wrong as wrong:
            return None, wrong.problem
    return document, None


def _explained(raw: bytes, error: Exception) -> Problem:
    """Why a text is not read, in better words where there are some."""
    if isinstance(error, RecursionError):
        return Problem("", "json", f"objects and arrays nested more than {DEEPEST} levels deep")
    try:
        text = raw.decode()
    except UnicodeDecodeError as found:
        return _encoding(raw, found)
    if "\0" in text:
        return Problem("", "encoding", "a zero byte, which no JSON holds: expected UTF-8; is it UTF-16?")
    if text.startswith("\ufeff"):
        return Problem("", "encoding", "a byte order mark inside of the file; only its first three bytes may be one")
    try:
        found_value = _strict.decode(text.strip(" \t\r\n"))
    except _Wrong as wrong:
        return wrong.problem
    except json.JSONDecodeError as found:
        if found.pos >= len(text.rstrip()) or found.msg.startswith("Unterminated string"):
            return Problem("", "json", "the text ends before the document does: it was cut off")
        return Problem("", "json", f"no JSON: {found.msg[:1].lower()}{found.msg[1:]} at character {found.pos + 1}")
    except RecursionError:
        return Problem("", "json", f"objects and arrays nested more than {DEEPEST} levels deep")
    except ValueError:
        return Problem("", "json", "a whole number of more digits than can be read")
    half = _half_character(found_value, "")
    if half is not None:
        return Problem(half, "encoding", "half of a surrogate pair, which is no character")
    return Problem("", "json", f"no JSON: {error}")


def _encoding(raw: bytes, error: UnicodeDecodeError) -> Problem:
    return Problem("", "encoding", f"no UTF-8: the byte 0x{raw[error.start]:02x} at byte {error.start + 1}")


def _deeper(value: Any, than: int) -> bool:
    level = [value]
    for _ in range(than):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _half_character(value: Any, at: str) -> str | None:
    """The pointer to a text with half a character in it."""
    if isinstance(value, str):
        return at if _HALF.search(value) else None
    if isinstance(value, dict):
        for name, inner in value.items():
            if _HALF.search(name):
                return at
            if (found := _half_character(inner, f"{at}/{token(name)}")) is not None:
                return found
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if (found := _half_character(inner, f"{at}/{index}")) is not None:
                return found
    return None


def token(name: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Wrong(Problem(f"/{token(name)}", "json", f"the name {describe(name)} stands twice in one object"))
            seen.add(name)
    return made


def _constant(word: str) -> NoReturn:
    raise _Wrong(Problem("", "json", f"{word} is no JSON: leave out a field that has no value"))


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _Wrong(Problem("", "json", f"the number {describe(text)} is larger than a float64 can be"))
    return value


_strict: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
