"""Texts on arrays: Python's own methods, text by text. Missing in, missing out; questions are False where missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.namespace.eager import ArrayEngine, EagerValue
from rtml_core.lowering.number_texts import read


def _texts(value: Any) -> list[str | None]:
    return list(value.array) if isinstance(value, EagerValue) else [value]


def _made(engine: ArrayEngine, texts: list[str | None]) -> EagerValue:
    return engine.wrap(np.array(texts, dtype=object), "string")


def _mapped(method: Callable[..., str | None]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any, **arguments: Any) -> EagerValue:
        return _made(engine, [None if text is None else method(text, **arguments) for text in _texts(x)])

    return call


def _asked(method: Callable[..., bool]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any, **arguments: Any) -> EagerValue:
        return engine.wrap(np.array([text is not None and bool(method(text, **arguments)) for text in _texts(x)], dtype=bool))

    return call


def _counted(method: Callable[..., int]) -> Callable[..., EagerValue]:
    def call(engine: ArrayEngine, x: Any, **arguments: Any) -> EagerValue:
        numbers = [np.nan if text is None else method(text, **arguments) for text in _texts(x)]
        return engine.wrap(np.array(numbers, dtype=np.float64))

    return call


def check_side(name: str, side: str) -> str:
    """ "left", "right" or "both", or NotLowerableError."""
    if side not in ("left", "right", "both"):
        raise NotLowerableError(f"xp.strings.{name}: side must be 'left', 'right' or 'both'; got {side!r}")
    return side


def _strip(text: str, characters: str | None, side: str) -> str:
    method = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[check_side("strip", side)]
    return method(text, characters)


def _pad(text: str, width: int, side: str, fill: str) -> str:
    if len(fill) != 1:
        raise NotLowerableError(f"xp.strings.pad: the filling must be one character; got {describe(fill)}")
    method = {"left": str.rjust, "right": str.ljust, "both": str.center}[check_side("pad", side)]
    return method(text, width, fill)


def _ends(method: Callable[..., bool]) -> Callable[..., bool]:
    def call(whole: str, text: Any) -> bool:
        return method(whole, tuple(text) if isinstance(text, (list, tuple)) else text)

    return call


def _get(text: str, position: int) -> str | None:
    return text[position] if -len(text) <= position < len(text) else None


def _split_get(text: str, separator: str, position: int) -> str | None:
    if not separator:
        raise NotLowerableError("xp.strings.split_get: a text can't be split at the empty text; name a separator")
    parts = text.split(separator)
    return parts[position] if -len(parts) <= position < len(parts) else None


def _extract(text: str, pattern: str, group: int) -> str | None:
    found = _compiled(pattern).search(text)
    if not 1 <= group <= _compiled(pattern).groups:
        raise NotLowerableError(f"xp.strings.extract: the pattern {pattern!r} has no group {group}")
    return None if found is None else found.group(group)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise NotLowerableError(f"the regular expression {pattern!r} can't be read: {error}") from None


def _replace(text: str, old: str, new: str) -> str:
    if not old:
        raise NotLowerableError("xp.strings.replace: the empty text stands between all characters; name a text")
    return text.replace(old, new)


def _concat(engine: ArrayEngine, parts: list[Any], separator: str) -> EagerValue:
    arrays = np.broadcast_arrays(*(engine.lift(part).array for part in parts))
    return _made(engine, [None if None in row else separator.join(row) for row in zip(*arrays, strict=True)])


def _to_number(engine: ArrayEngine, x: Any) -> EagerValue:
    numbers = [None if text is None else read(text) for text in _texts(x)]
    return engine.wrap(np.array([np.nan if number is None else number for number in numbers], dtype=np.float64))


FUNCTIONS: Final[dict[str, Callable[..., EagerValue]]] = {
    "strings.lower": _mapped(str.lower),
    "strings.upper": _mapped(str.upper),
    "strings.strip": _mapped(_strip),
    "strings.length": _counted(len),
    "strings.contains": _asked(lambda x, text: text in x),
    "strings.startswith": _asked(_ends(str.startswith)),
    "strings.endswith": _asked(_ends(str.endswith)),
    "strings.matches": _asked(lambda x, pattern: _compiled(pattern).fullmatch(x) is not None),
    "strings.search": _asked(lambda x, pattern: _compiled(pattern).search(x) is not None),
    "strings.count": _counted(lambda x, pattern: sum(1 for _ in _compiled(pattern).finditer(x))),
    "strings.find": _counted(lambda x, text: x.find(text)),
    "strings.replace": _mapped(_replace),
    "strings.replace_pattern": _mapped(lambda x, pattern, new: _compiled(pattern).sub(new, x)),
    "strings.extract": _mapped(_extract),
    "strings.slice": _mapped(lambda x, start, stop: x[start:stop]),
    "strings.get": _mapped(_get),
    "strings.split_get": _mapped(_split_get),
    "strings.removeprefix": _mapped(lambda x, text: x.removeprefix(text)),
    "strings.removesuffix": _mapped(lambda x, text: x.removesuffix(text)),
    "strings.pad": _mapped(_pad),
    "strings.zfill": _mapped(lambda x, width: x.zfill(width)),
    "strings.repeat": _mapped(lambda x, times: x * times),
    "strings.concat": _concat,
    "strings.to_number": _to_number,
    **{
        f"strings.{name}": _asked(getattr(str, name))
        for name in ("isdigit", "isalpha", "isalnum", "isspace", "islower", "isupper")
    },
}
