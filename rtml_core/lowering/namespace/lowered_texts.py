"""Texts as ONNX: the exact lowerings of pandas' str methods, see lowering.strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import string_parts, string_search, strings
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.namespace.eager_texts import check_side
from rtml_core.lowering.number_texts import emit
from rtml_core.lowering.symbolic import Symbolic, new, value_of
from rtml_core.lowering.traced import Traced, Tracer


def _column(step: Callable[..., Symbolic], *, floats: bool = False) -> Callable[..., Traced]:
    """A lowering of one text column; floats: whole numbers that come out of it become floats."""

    def call(tracer: Tracer, x: Any, **arguments: Any) -> Traced:
        tracer.b.texts.update(text for text in arguments.values() if isinstance(text, str))
        found = step(tracer.b, x.symbolic, **arguments)
        return _as_float(tracer, found) if floats else Traced.of(tracer, found)

    return call


def _as_float(tracer: Tracer, found: Symbolic) -> Traced:
    """A whole number has no missing value, so that formulas count in floats."""
    if found.dtype != "int64":
        return Traced.of(tracer, found)
    return Traced.of(tracer, new("float64", tracer.b.cast(value_of(tracer.b, found), "float64")))


def _strip(b: Builder, column: Symbolic, characters: str | None, side: str) -> Symbolic:
    return strings.strip(b, column, characters, check_side("strip", side))


def _pad(b: Builder, column: Symbolic, width: int, side: str, fill: str) -> Symbolic:
    return strings.pad(b, column, width, check_side("pad", side), fill)


def _count(b: Builder, column: Symbolic, pattern: str) -> Symbolic:
    return string_parts.count(b, column, pattern)


def _extract(b: Builder, column: Symbolic, pattern: str, group: int) -> Symbolic:
    groups = string_parts.extract(b, column, pattern)
    if not 1 <= group <= len(groups):
        raise NotLowerableError(f"xp.strings.extract: the pattern {pattern!r} has no group {group}")
    return groups[group - 1]


def _split_get(b: Builder, column: Symbolic, separator: str, position: int) -> Symbolic:
    if not separator:
        raise NotLowerableError("xp.strings.split_get: a text can't be split at the empty text; name a separator")
    return strings.split_get(b, column, separator, position, regex_=False)


def _concat(tracer: Tracer, parts: list[Any], separator: str) -> Traced:
    if not parts:
        raise NotLowerableError("xp.strings.concat needs texts to join")
    columns, prefix, suffix = [], "", ""
    pieces: list[Any] = []
    for number, part in enumerate(parts):
        pieces += [separator] if number and separator else []
        pieces.append(part)
    pieces = _joined(pieces)
    if isinstance(pieces[0], str):
        prefix = pieces.pop(0)
    if isinstance(pieces[-1], str):
        suffix = pieces.pop()
    columns = [tracer.lift(strings.plain(piece) if isinstance(piece, str) else piece).symbolic for piece in pieces]
    return Traced.of(tracer, strings.concat(tracer.b, columns, prefix=prefix, suffix=suffix))


def _joined(pieces: list[Any]) -> list[Any]:
    """Neighbouring constants as one."""
    made: list[Any] = []
    for piece in pieces:
        if isinstance(piece, str) and made and isinstance(made[-1], str):
            made[-1] += piece
        elif piece != "" if isinstance(piece, str) else True:
            made.append(piece)
    return made


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "strings.lower": _column(strings.lower),
    "strings.upper": _column(strings.upper),
    "strings.strip": _column(_strip),
    "strings.length": _column(strings.length, floats=True),
    "strings.contains": _column(lambda b, column, text: string_search.contains(b, column, text, regex_=False)),
    "strings.startswith": _column(lambda b, column, text: string_search.startswith(b, column, text)),
    "strings.endswith": _column(lambda b, column, text: string_search.endswith(b, column, text)),
    "strings.matches": _column(lambda b, column, pattern: string_search.fullmatch(b, column, pattern)),
    "strings.search": _column(lambda b, column, pattern: string_search.contains(b, column, pattern)),
    "strings.count": _column(_count, floats=True),
    "strings.find": _column(lambda b, column, text: string_parts.find(b, column, text), floats=True),
    "strings.replace": _column(lambda b, column, old, new: strings.replace(b, column, old, new)),
    "strings.replace_pattern": _column(lambda b, column, pattern, new: strings.replace(b, column, pattern, new, regex_=True)),
    "strings.extract": _column(_extract),
    "strings.slice": _column(strings.slice_),
    "strings.get": _column(strings.get),
    "strings.split_get": _column(_split_get),
    "strings.removeprefix": _column(lambda b, column, text: strings.remove_affix(b, column, text, end=False)),
    "strings.removesuffix": _column(lambda b, column, text: strings.remove_affix(b, column, text, end=True)),
    "strings.pad": _column(_pad),
    "strings.zfill": _column(strings.zfill),
    "strings.repeat": _column(string_parts.repeat),
    "strings.concat": _concat,
    "strings.to_number": _column(lambda b, column: new("float64", emit(b, value_of(b, column)), nullable=True, finite=False)),
    **{
        f"strings.{name}": _column(lambda b, column, name=name: string_search.is_all(b, column, name))
        for name in ("isdigit", "isalpha", "isalnum", "isspace")
    },
    **{
        f"strings.{name}": _column(lambda b, column, name=name: string_search.is_cased(b, column, name))
        for name in ("islower", "isupper")
    },
}
