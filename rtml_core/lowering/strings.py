"""pandas' `Series.str` methods that make new strings, with Python's own semantics: exact for all Unicode, or refused.

Every function takes a string column and gives a new column; missing stays missing unless it says otherwise. A column that
comes out of a table is folded into it: the Python method runs at compile time. U+0000 does not pass the extension
operators (they cut the string there) and U+FDD0 is the missing string; the boundary of a package refuses both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import regex
from rtml_core.lowering.builder import Builder, width_of
from rtml_core.lowering.casing import map_case, mapped
from rtml_core.lowering.regex import ANYTHING
from rtml_core.lowering.symbolic import (
    IDENTITY,
    Cased,
    Symbolic,
    apply_table,
    keep_missing,
    lookup,
    missing_mask,
    new,
    require_dtype,
    value_of,
    where,
)

#: what str.strip() takes off
BLANKS: Final = "".join(char for char in map(chr, range(0x3001)) if char.isspace())
#: widest str.pad: a table holds what to add for every length
_MAX_WIDTH: Final = 1000
#: widest packed tensor of which all columns go through StringUpper when one of them is asked for
_CASED_TOGETHER: Final = 16


# ---- case, length ---------------------------------------------------------------------------------------------------


def upper(b: Builder, column: Symbolic) -> Symbolic:
    """str.upper: a table over the result, or a search in it, costs no more than over the original."""
    return _case(b, column, True)


def lower(b: Builder, column: Symbolic) -> Symbolic:
    """str.lower, final sigmas included; see upper."""
    return _case(b, column, False)


def _case(b: Builder, column: Symbolic, up: bool) -> Symbolic:
    require_dtype(column, ("string",), "a string")
    found = apply_table(b, column, lambda text: mapped(text, up), "string")
    if found is not None:
        return found
    original, filling = column, None
    inner = column.lookup
    if inner is not None and inner.default is IDENTITY and set(inner.table) == {MISSING_STRING}:
        original, filling = inner.source, inner.table[MISSING_STRING]
    # on the packed tensor: columns that are cased together share one node, and picking columns first costs as much
    packed = original if width_of(original.tensor) <= _CASED_TOGETHER else new("string", value_of(b, original))
    fast = Symbolic("string", b.ext("StringUpper", packed.tensor), packed.index, original.nullable)
    cased = Cased(column, up, original, fast, filling)
    return new("string", map_case(b, value_of(b, column), up), nullable=column.nullable, cased=cased)


def length(b: Builder, column: Symbolic) -> Symbolic:
    """str.len in characters: int64, or float64 with NaN when the column may be missing."""
    require_dtype(column, ("string",), "a string")
    if not column.nullable:
        found = apply_table(b, column, len, "int64")
        return found or new("int64", b.ext("StringLength", value_of(b, column), dtype="int64"))
    found = apply_table(b, column, lambda text: float(len(text)), "float64")
    if found is not None:
        return found
    counted = b.cast(b.ext("StringLength", value_of(b, column), dtype="int64"), "float64")
    return new("float64", keep_missing(b, column, counted), nullable=True)


# ---- new strings ----------------------------------------------------------------------------------------------------


def strip(b: Builder, column: Symbolic, characters: str | None = None, side: str = "both") -> Symbolic:
    """str.strip, lstrip (side="left") or rstrip (side="right") of blanks, or of the characters given."""
    method = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[side]
    cased = column.cased
    if cased is not None and characters is None:
        # no letter is a blank, so it does not matter which comes first
        return _case(b, strip(b, cased.source, None, side), cased.upper)
    taken = BLANKS if characters is None else plain(characters)
    if not taken:
        return column
    members = regex.char_class(regex.ranges_of(set(taken)))
    pattern = {"both": rf"\A{members}+|{members}+\z", "left": rf"\A{members}+", "right": rf"{members}+\z"}[side]
    return replaced(b, column, pattern, "", lambda text: method(text, characters))


def replace(
    b: Builder,
    column: Symbolic,
    pattern: str,
    replacement: str,
    *,
    n: int = -1,
    case: bool | None = None,
    flags: int = 0,
    regex_: bool = False,
) -> Symbolic:
    """str.replace of a literal or of a regular expression, all matches (n=-1) or the first (n=1)."""
    plain(pattern), plain(replacement)
    if regex_ or case is False or flags:
        return _replace_regex(b, column, pattern if regex_ else re.escape(pattern), replacement, n, case, flags)
    if n == 0:
        return column
    if not pattern:
        raise NotLowerableError("replacing the empty string, which stands between all characters, has no exact form; name a text")
    _first_or_all(n)
    target = replacement.replace("\\", "\\\\")
    return replaced(b, column, regex.escape(pattern), target, lambda text: text.replace(pattern, replacement, n), once=n == 1)


def _replace_regex(
    b: Builder, column: Symbolic, pattern: str, replacement: str, n: int, case: bool | None, flags: int
) -> Symbolic:
    n = max(n, 0)
    _first_or_all(n)
    translation = regex.translate(pattern, flags | re.IGNORECASE if case is False else flags, "replace")
    target = regex.rewrite(replacement, translation)
    python = translation.python
    return replaced(b, column, translation.text, target, lambda text: python.sub(replacement, text, count=n), once=n == 1)


def _first_or_all(n: int) -> None:
    if n > 1:
        raise NotLowerableError(f"replacing the first {n} matches has no exact form; replace all (n=-1) or the first (n=1)")


def remove_affix(b: Builder, column: Symbolic, affix: str, *, end: bool) -> Symbolic:
    """str.removeprefix, or with end=True str.removesuffix."""
    if not plain(affix):
        return column
    pattern = regex.escape(affix) + r"\z" if end else r"\A" + regex.escape(affix)
    return replaced(b, column, pattern, "", lambda text: text.removesuffix(affix) if end else text.removeprefix(affix))


def slice_(b: Builder, column: Symbolic, start: int | None = None, stop: int | None = None, step: int | None = None) -> Symbolic:
    """str.slice by characters; negative positions count from the end. Steps other than 1 are refused."""
    if step not in (None, 1):
        raise NotLowerableError(f"str.slice with step {step} has no exact form; only steps of 1 have one")
    pattern = _slice_pattern(start or 0, stop)
    if pattern is None:
        return column
    return replaced(b, column, pattern, r"\1", lambda text: text[start:stop], once=True)


def _slice_pattern(start: int, stop: int | None) -> str | None:
    """RE2 text that matches a whole string and captures text[start:stop]; None when that is all of it."""
    if stop is None:
        if start == 0:
            return None
        return rf"\A{_some(start)}({ANYTHING})\z" if start > 0 else rf"\A(?s:.*?)({_some(-start)})\z"
    if start >= 0 and stop >= 0:
        return rf"\A{_some(start)}({_some(max(stop - start, 0))}){ANYTHING}\z"
    if start >= 0:
        return rf"\A{_some(start)}((?s:.*?)){_some(-stop)}\z"
    if stop < 0:
        return rf"\A(?s:.*?)({_some(max(stop - start, 0), lazy=True)}){_some(min(-stop, -start))}\z"
    raise NotLowerableError(f"str.slice from {start}, counted from the end, to {stop}, counted from the start, has no exact form")


def _some(count: int, *, lazy: bool = False) -> str:
    """RE2 text for up to `count` characters, as many as there are (lazy: as few as will do)."""
    if count > regex.MAX_REPEAT:
        raise NotLowerableError(f"str.slice reaches {count} characters deep; {regex.MAX_REPEAT} are possible")
    return f"(?s:.{{0,{count}}}{'?' if lazy else ''})" if count else ""


def get(b: Builder, column: Symbolic, position: int) -> Symbolic:
    """str.get, str[position]: one character, missing where the string is too short."""

    def pick(text: str) -> str:
        return text[position] if -len(text) <= position < len(text) else MISSING_STRING

    found = apply_table(b, column, pick, "string")
    if found is not None:
        return found
    char = value_of(b, slice_(b, column, position, position + 1 if position != -1 else None))
    absent = b.op("Equal", char, b.const([[""]], "string"), dtype="bool")
    return new("string", where(b, absent, b.const([[MISSING_STRING]], "string"), char), nullable=True)


def replaced(
    b: Builder, column: Symbolic, pattern: str, target: str, python: Callable[[str], str], *, once: bool = False
) -> Symbolic:
    """One StringRegexReplace, on all columns that may be missing followed by what keeps them so where that is needed."""
    require_dtype(column, ("string",), "a string")
    found = apply_table(b, column, python, "string")
    if found is not None:
        return found
    regex.check_re2(pattern, pattern)
    value = value_of(b, column)
    constants = b.const([pattern], "string"), b.const([target], "string")
    result = b.ext("StringRegexReplace", value, *constants, global_replace=0 if once else 1)
    if python(MISSING_STRING) != MISSING_STRING:
        result = keep_missing(b, column, result)
    return new("string", result, nullable=column.nullable)


# ---- several columns, padding, parts --------------------------------------------------------------------------------


def concat(
    b: Builder, columns: Sequence[Symbolic], separator: str = "", *, na_rep: str | None = None, prefix: str = "", suffix: str = ""
) -> Symbolic:
    """Series.str.cat of columns, between `prefix` and `suffix`: missing where one of them is, unless `na_rep` stands for it."""
    for column in columns:
        require_dtype(column, ("string",), "strings")
    nullable = [column for column in columns if column.nullable and na_rep is None]
    joined: ir.Value | None = b.const([[plain(prefix)]], "string") if prefix else None
    for number, column in enumerate(columns):
        if number and separator:
            joined = _join(b, joined, b.const([[plain(separator)]], "string"))
        value = value_of(b, column)
        if column.nullable and na_rep is not None:
            value = where(b, missing_mask(b, column), b.const([[plain(na_rep)]], "string"), value)
        joined = _join(b, joined, value)
    if suffix:
        joined = _join(b, joined, b.const([[plain(suffix)]], "string"))
    assert joined is not None
    for column in nullable:
        joined = keep_missing(b, column, joined)
    return new("string", joined, nullable=bool(nullable))


def _join(b: Builder, one: ir.Value | None, two: ir.Value) -> ir.Value:
    return two if one is None else b.op("StringConcat", one, two, width=1)


def pad(b: Builder, column: Symbolic, width: int, side: str = "left", fill: str = " ") -> Symbolic:
    """str.pad (ljust is side="right", rjust "left", center "both") to `width` characters."""
    method: Callable[[str, int, str], str] = {"left": str.rjust, "right": str.ljust, "both": str.center}[side]
    if len(plain(fill)) != 1:
        raise NotLowerableError(f"the filling of str.pad must be one character; got {describe(fill)}")
    found = apply_table(b, column, lambda text: method(text, width, fill), "string")
    if found is not None or width <= 0:
        return found or column
    if width > _MAX_WIDTH:
        raise NotLowerableError(f"padding to {width} characters is too wide; at most {_MAX_WIDTH} are possible")
    # what Python puts around a text of each length, looked up by the length
    around = [method("x" * size, width, "f").split("x" * size or "f" * (width + 1)) for size in range(width + 1)]
    around[0] = [method("", width, "f"), ""]
    count = b.op("Min", b.ext("StringLength", value_of(b, column), dtype="int64"), b.const([[width]], "int64"))
    joined = value_of(b, column)
    for end, pieces in enumerate(zip(*around, strict=True)):
        if any(pieces):
            table = b.const([piece.replace("f", fill) for piece in pieces], "string")
            piece = b.op("Gather", table, count, width=1, axis=0)
            joined = _join(b, joined, piece) if end else _join(b, piece, joined)
    return new("string", keep_missing(b, column, joined), nullable=column.nullable)


def zfill(b: Builder, column: Symbolic, width: int) -> Symbolic:
    """str.zfill: zeros in front, behind a sign."""
    found = apply_table(b, column, lambda text: text.zfill(width), "string")
    if found is not None:
        return found
    padded = value_of(b, pad(b, column, width, "left", "0"))
    signed = b.op("RegexFullMatch", value_of(b, column), dtype="bool", pattern=r"[+\-]" + ANYTHING)
    constants = b.const([r"\A(0+)([+\-])"], "string"), b.const([r"\2\1"], "string")
    moved = b.ext("StringRegexReplace", padded, *constants, global_replace=0)
    return new("string", where(b, signed, moved, padded), nullable=column.nullable)


def split_get(
    b: Builder, column: Symbolic, separator: str | None, position: int, *, n: int = -1, regex_: bool | None = None
) -> Symbolic:
    """str.split(separator, n=n).str.get(position): one part, missing where there are fewer. None splits at blanks."""
    require_dtype(column, ("string",), "a string")
    limit = n if n and n > 0 else -1
    if separator is not None:
        separator = _split_literal(plain(separator), regex_)

    def pick(text: str) -> str:
        parts = text.split(separator, limit)
        return parts[position] if -len(parts) <= position < len(parts) else MISSING_STRING

    found = apply_table(b, column, pick, "string")
    if found is not None:
        return found
    if separator is None:
        return _blank_part(b, column, position, limit)
    if position < 0:
        return _last_part(b, column, separator, position, limit)
    if 0 < limit < position:
        return lookup(b, column, {}, MISSING_STRING, "string", nullable=True)
    return _part(b, column, separator, position, limit if position == limit else position + 1)


def _split_literal(separator: str, regex_: bool | None) -> str:
    """pandas takes a longer separator for a regular expression unless told otherwise; only literal ones have a form."""
    if regex_ is False or (regex_ is None and len(separator) == 1):
        if not separator:
            raise NotLowerableError("str.split at the empty string is an error in Python; name a separator")
        return separator
    plain = regex.literal_text(separator)
    if not plain:
        raise NotLowerableError(
            f"str.split at the regular expression {separator!r} has no exact form; split at a text, with regex=False if it is one"
        )
    return plain


def _part(b: Builder, column: Symbolic, separator: str, position: int, most: int) -> Symbolic:
    # a row that has every part keeps the slices below from being empty
    full = b.const([["x" + separator * position]], "string")
    rows = b.op("Concat", value_of(b, column), full, axis=0, shape=[None, 1])
    parts, counts = b.multi(
        "StringSplit", rows, dtypes=["string", "int64"], shapes=[[None, 1, None], [None, 1]], delimiter=separator, maxsplit=most
    )
    bounds = b.const([0, position], "int64"), b.const([-1, position + 1], "int64"), b.const([0, 2], "int64")
    part = b.op("Squeeze", b.op("Slice", parts, *bounds, shape=["N", 1, 1]), b.const([2], "int64"), shape=["N", 1])
    if position == 0:
        return new("string", part, nullable=column.nullable)
    own = b.op("Slice", counts, b.const([0], "int64"), b.const([-1], "int64"), shape=["N", 1])
    there = b.op("Greater", own, b.const([[position]], "int64"), dtype="bool")
    return new("string", where(b, there, part, b.const([[MISSING_STRING]], "string")), nullable=True)


def _last_part(b: Builder, column: Symbolic, separator: str, position: int, limit: int) -> Symbolic:
    overlaps = any(separator.startswith(separator[cut:]) for cut in range(1, len(separator)))
    if position != -1 or limit > 0 or overlaps:
        raise NotLowerableError(
            f"part {position} of str.split({separator!r}, n={limit}) has no exact form: count from the start, or take the last"
            f" one (-1) of all"
        )
    pattern = rf"\A{ANYTHING}{regex.escape(separator)}"
    return replaced(b, column, pattern, "", lambda text: text.split(separator)[-1], once=True)


def _blank_part(b: Builder, column: Symbolic, position: int, limit: int) -> Symbolic:
    """A part of str.split(): captured by one pattern, missing where that does not match."""
    if limit > 0:
        raise NotLowerableError("str.split at blanks with n has no exact form; split at ' ', or without n")
    blank = regex.char_class(regex.ranges_of(BLANKS))
    word = blank.replace("[", "[^", 1)
    before = position if position >= 0 else -position - 1
    if before > 100:
        raise NotLowerableError(f"part {position} of str.split() is too far away; at most 100 are possible")
    others = f"(?:{word}+{blank}+){{{before}}}" if position >= 0 else f"(?:{blank}+{word}+){{{before}}}"
    pattern = (
        rf"\A{blank}*{others}({word}+)(?:{blank}{ANYTHING})?\z"
        if position >= 0
        else rf"\A(?:{ANYTHING}{blank})?({word}+){others}{blank}*\z"
    )
    regex.check_re2(pattern, "blanks")
    value = value_of(b, column)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=pattern)
    constants = b.const([pattern], "string"), b.const([r"\1"], "string")
    part = b.ext("StringRegexReplace", value, *constants, global_replace=0)
    return new("string", where(b, there, part, b.const([[MISSING_STRING]], "string")), nullable=True)


# ---- arguments ------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text argument that a compiled graph can hold; raises NotLowerableError for the characters that it can't."""
    if not isinstance(text, str):
        raise NotLowerableError(f"needs a text here; got {describe(text)}")
    if "\x00" in text or MISSING_STRING in text or any(0xD800 <= ord(char) < 0xE000 for char in text):
        raise NotLowerableError(f"the text {text!r} holds U+0000, U+FDD0 or half a character, which no compiled string holds")
    return text


def plain_texts(texts: str | Sequence[str]) -> list[str]:
    """One text or several as a list; raises as `plain` does."""
    return [plain(text) for text in texts] if isinstance(texts, (list, tuple)) else [plain(texts)]  # type: ignore[arg-type]
