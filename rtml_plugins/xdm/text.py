"""A document out of JSON text, by the rules that the runtime has for rows: each name once in an object, UTF-8, no NaN.

Light: edges read events with it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from rtml_core.errors import InputError, InputProblem
from rtml_core.runtime import json_text

_decode: Final = msgspec.json.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_HIDDEN_QUOTE: Final = b"\\u0022"


def read(text: bytes, at: str = "") -> Any:
    """The value of a JSON text. at: what pointers begin with.

    Raises JsonError for what is no JSON and InputError for a name that stands twice in an object. Half characters, which JSON can
    say and no Unicode text holds, are read: they matter where a text with one is taken.
    """
    try:
        document = _decode(text)
        written = _encode(document)
        if written == text:  # most events are written without white space, and then a name that stood twice would show at once
            return document
        # Names and texts have two quotes each: where a name stood twice, fewer are written than were read.
        if _HIDDEN_QUOTE not in text and written.count(b'"') == text.count(b'"'):
            return document
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    try:
        return json_text.read(text)
    except InputError as error:
        raise type(error)(
            [
                InputProblem(at + problem.at if problem.at != "/" else at or "/", problem.expected, problem.got)
                for problem in error.problems
            ]
        ) from None
