"""Questions about strings with pandas' semantics: contains, match, startswith, isdigit and their kin.

Each is one RegexFullMatch, compiled when a package is loaded, or a table where the column comes out of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import cased_pattern, mapped
from rtml_core.lowering.regex import ANYTHING
from rtml_core.lowering.strings import plain, plain_texts, upper
from rtml_core.lowering.symbolic import Symbolic, apply_table, missing_mask, new, require_dtype, value_of

#: str methods that ask every character and need at least one
_OF_ALL: Final = ("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace")
_MISSING_TEXT: Final = regex.escape(MISSING_STRING)


def contains(
    b: Builder, column: Symbolic, pattern: str, *, case: bool = True, flags: int = 0, na: bool = False, regex_: bool = True
) -> Symbolic:
    """str.contains: bool, `na` where missing (False unless asked otherwise). Raises NotLowerableError, see regex.translate."""
    if regex_:
        return _search(b, column, pattern, flags if case else flags | re.IGNORECASE, "search", na)
    if case:
        return _literal(b, column, [plain(pattern)], na, lambda text: pattern in text)
    # pandas compares in upper case here
    big = plain(pattern).upper()
    column = column if column.cased is not None and column.cased.upper else upper(b, column)
    return _literal(b, column, [big], na, lambda text: big in text)


def match(b: Builder, column: Symbolic, pattern: str, *, case: bool = True, flags: int = 0, na: bool = False) -> Symbolic:
    """str.match: whether the pattern matches at the beginning."""
    return _search(b, column, pattern, flags if case else flags | re.IGNORECASE, "match", na)


def fullmatch(b: Builder, column: Symbolic, pattern: str, *, case: bool = True, flags: int = 0, na: bool = False) -> Symbolic:
    """str.fullmatch: whether the pattern matches the whole string."""
    return _search(b, column, pattern, flags if case else flags | re.IGNORECASE, "fullmatch", na)


def startswith(b: Builder, column: Symbolic, prefix: str | Sequence[str], *, na: bool = False) -> Symbolic:
    """str.startswith one string, or one of several."""
    texts = plain_texts(prefix)
    return _literal(b, column, texts, na, lambda text: text.startswith(tuple(texts)), start=True)


def endswith(b: Builder, column: Symbolic, suffix: str | Sequence[str], *, na: bool = False) -> Symbolic:
    """str.endswith one string, or one of several."""
    texts = plain_texts(suffix)
    return _literal(b, column, texts, na, lambda text: text.endswith(tuple(texts)), end=True)


def is_all(b: Builder, column: Symbolic, method: str) -> Symbolic:
    """str.isalnum, isalpha, isdecimal, isdigit, isnumeric or isspace: bool, False where missing."""
    if method not in _OF_ALL:
        raise NotLowerableError(f"str.{method} has no exact form; there are {', '.join(_OF_ALL)}")
    ask: Callable[[str], bool] = getattr(str, method)
    found = apply_table(b, column, ask, "bool", missing=False)
    if found is not None:
        return found
    members = regex.char_class(_characters(method))
    return _matches(b, column, f"{members}+", ask, False)


def is_cased(b: Builder, column: Symbolic, method: str) -> Symbolic:
    """str.islower, isupper, istitle or isascii: bool, False where missing."""
    require_dtype(column, ("string",), "a string")
    ask: Callable[[str], bool] = getattr(str, method)
    found = apply_table(b, column, ask, "bool", missing=False)
    return _matches(b, column, _CASED[method](), ask, False) if found is None else found


def _one_case(method: str) -> str:
    """RE2 text: a letter of one case, and none of the others."""
    uncased, wanted = regex.char_class(_uncased()), regex.char_class(_characters(method))
    return f"{uncased}*{wanted}[{uncased[1:-1]}{wanted[1:-1]}]*"


def _title() -> str:
    """RE2 text: every run of cased letters begins with one in upper or title case, and goes on in lower case."""
    small, big = regex.char_class(_characters("islower")), regex.char_class(_characters("istitle"))
    other = regex.char_class(_uncased())
    return f"{other}*{big}{small}*(?:{other}+{big}{small}*)*{other}*"


@lru_cache(maxsize=16)
def _characters(method: str) -> tuple[tuple[int, int], ...]:
    """Code point ranges of the characters of which a method of str without arguments is true."""
    return tuple(regex.ranges_of(filter(getattr(str, method), regex.all_characters())))


@lru_cache(maxsize=1)
def _uncased() -> tuple[tuple[int, int], ...]:
    """Code point ranges of the characters that have no case; a title letter such as U+01C5 is in no case but its own."""
    cased = [_characters(method) for method in ("islower", "isupper", "istitle")]
    edges = sorted({edge for ranges in cased for low, high in ranges for edge in (low, high + 1)} | {0, 0x110000})
    inside = [any(low <= edge <= high for ranges in cased for low, high in ranges) for edge in edges]
    return tuple((low, high - 1) for low, high, taken in zip(edges, edges[1:], inside, strict=False) if not taken)


_CASED: Final[dict[str, Callable[[], str]]] = {
    "islower": lambda: _one_case("islower"),
    "isupper": lambda: _one_case("isupper"),
    "istitle": _title,
    "isascii": lambda: r"[\x{0}-\x{7f}]*",
}


def _literal(
    b: Builder,
    column: Symbolic,
    texts: Sequence[str],
    na: bool,
    ask: Callable[[str], bool],
    *,
    start: bool = False,
    end: bool = False,
) -> Symbolic:
    """Whether one of the texts stands in the column: anywhere, at its start, at its end."""
    require_dtype(column, ("string",), "a string")
    found = apply_table(b, column, ask, "bool", missing=na)
    if found is not None:
        return found
    before, behind = "" if start else ANYTHING, "" if end else ANYTHING
    if column.cased is not None:
        up = column.cased.upper
        parts = [cased_pattern(text, up, start=start, end=end) for text in texts]
        if None not in parts:
            body = f"{before}(?:{'|'.join(map(str, parts))}){behind}" if parts else regex.char_class([])
            return _matches(b, column.cased.source, body, lambda text: ask(mapped(text, up)), na)
    body = f"{before}(?:{'|'.join(map(regex.escape, texts))}){behind}" if texts else regex.char_class([])
    return _matches(b, column, body, ask, na)


def _search(b: Builder, column: Symbolic, pattern: str, flags: int, mode: str, na: bool) -> Symbolic:
    require_dtype(column, ("string",), "a string")
    translation = regex.translate(plain(pattern), flags, mode)
    python = {"search": translation.python.search, "match": translation.python.match}.get(mode, translation.python.fullmatch)

    def ask(text: str) -> bool:
        return python(text) is not None

    found = apply_table(b, column, ask, "bool", missing=na)
    if found is not None:
        return found
    before = ANYTHING if mode == "search" else ""
    behind = "" if mode == "fullmatch" else ANYTHING
    return _matches(b, column, f"{before}(?:{translation.text}){behind}", ask, na)


def _matches(b: Builder, column: Symbolic, body: str, ask: Callable[[str], bool], na: bool) -> Symbolic:
    """One RegexFullMatch, which may as well answer for the missing string."""
    value = value_of(b, column)
    on_missing = column.nullable and ask(MISSING_STRING)
    if column.nullable and na and not on_missing:
        body = f"(?:{body})|{_MISSING_TEXT}"
    regex.check_re2(body, body)
    found = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    if on_missing and not na:
        found = b.op("And", found, b.op("Not", missing_mask(b, column)))
    return new("bool", found)
