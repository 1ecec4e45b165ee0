"""pandas' `Series.str` methods that look for a text and give what they find: counts, places, parts, groups.

As in `strings`: exact for all Unicode or refused, missing stays missing, and a column that comes out of a table is folded
into it. Each answer is a few regular expressions of RE2 over the whole text.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import regex
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.regex import ANYTHING
from rtml_core.lowering.strings import BLANKS, plain, replaced
from rtml_core.lowering.symbolic import (
    Symbolic,
    apply_table,
    keep_missing,
    missing_mask,
    new,
    require_dtype,
    value_of,
    where,
    without_lookup,
)

_c: Final = importlib.import_module("re._constants")
_parser: Final = importlib.import_module("re._parser")
#: a character that takes the place of a match while matches are counted
_MARK: Final = "\x01"
#: most copies that str.repeat makes
_MAX_COPIES: Final = 1000


# ---- how many, and where --------------------------------------------------------------------------------------------


def count(b: Builder, column: Symbolic, pattern: str, flags: int = 0) -> Symbolic:
    """str.count of a regular expression."""
    require_dtype(column, ("string",), "a string")
    translation = regex.translate(plain(pattern), flags, "replace")
    python = translation.python
    found = _counted(b, column, lambda text: len(python.findall(text)))
    if found is not None:
        return found
    return _number(b, column, count_matches(b, value_of(b, column), translation.text))


def count_parts(b: Builder, column: Symbolic, separator: str | None) -> ir.Value:
    """How many parts Python's split() gives, int64; of no meaning where the text is missing."""
    if separator is not None:
        parts = count_matches(b, value_of(b, column), regex.escape(separator))
        return b.op("Add", parts, b.const([[1]], "int64"))
    blank = regex.char_class(regex.ranges_of(BLANKS))
    return count_matches(b, value_of(b, column), blank.replace("[", "[^", 1) + "+")


def count_matches(b: Builder, texts: ir.Value, pattern: str) -> ir.Value:
    """How often RE2 text matches, int64: texts with matches marked and without them differ in length by their number."""
    regex.check_re2(pattern, pattern)
    matches = b.const([pattern], "string")
    marked, removed = (
        b.ext("StringRegexReplace", texts, matches, b.const([target], "string"), global_replace=1) for target in (_MARK, "")
    )
    return b.op("Sub", *(b.ext("StringLength", text, dtype="int64") for text in (marked, removed)))


def find(b: Builder, column: Symbolic, sub: str, *, last: bool = False) -> Symbolic:
    """str.find, or str.rfind (last): the place of `sub` in characters, -1 where it does not occur."""
    require_dtype(column, ("string",), "a string")
    found = _counted(b, column, lambda text: text.rfind(plain(sub)) if last else text.find(plain(sub)))
    if found is not None:
        return found
    there, before = _before(b, column, sub, last=last)
    place = b.ext("StringLength", before, dtype="int64")
    return _number(b, column, where(b, there, place, b.const([[-1]], "int64")))


def index(b: Builder, column: Symbolic, sub: str, *, last: bool = False) -> Symbolic:
    """str.index, or str.rindex (last): as find; rows without `sub` are refused."""
    place = find(b, without_lookup(column), sub, last=last)
    missing_one = b.const([[-1]], "int64") if place.dtype == "int64" else b.const([[-1.0]], "float64")
    b.check(b.op("Not", b.op("Equal", value_of(b, place), missing_one, dtype="bool")), f"a text without {sub!r}")
    return place


def _before(b: Builder, column: Symbolic, sub: str, *, last: bool) -> tuple[ir.Value, ir.Value]:
    """Whether `sub` occurs, and what stands before its first (last: its last) place."""
    value = value_of(b, column)
    if not plain(sub):
        there = b.op("RegexFullMatch", value, dtype="bool", pattern=ANYTHING)
        return there, value if last else b.op("Where", there, b.const([[""]], "string"), value, dtype="string")
    body = _around(sub, last=last)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    return there, _group(b, value, body, 1)


def _around(sub: str, *, last: bool) -> str:
    """RE2 text for a whole string with `sub` in it; group 1 stands before its first or last place, group 2 behind."""
    before = "((?s:.*))" if last else "((?s:.*?))"
    pattern = rf"\A{before}{regex.escape(sub)}((?s:.*))\z"
    regex.check_re2(pattern, sub)
    return pattern


def _group(b: Builder, value: ir.Value, pattern: str, number: int) -> ir.Value:
    """What a group of a pattern for whole strings holds; the string itself where the pattern does not match."""
    constants = b.const([pattern], "string"), b.const([rf"\{number}"], "string")
    return b.ext("StringRegexReplace", value, *constants, global_replace=0)


def _counted(b: Builder, column: Symbolic, answer: Callable[[str], int]) -> Symbolic | None:
    if column.nullable:
        return apply_table(b, column, lambda text: float(answer(text)), "float64")
    return apply_table(b, column, answer, "int64")


def _number(b: Builder, column: Symbolic, value: ir.Value) -> Symbolic:
    if not column.nullable:
        return new("int64", value)
    return new("float64", keep_missing(b, column, b.cast(value, "float64")), nullable=True)


# ---- parts ----------------------------------------------------------------------------------------------------------


def partition(b: Builder, column: Symbolic, separator: str, *, last: bool = False) -> list[Symbolic]:
    """str.partition, or str.rpartition (last): what stands before the separator, itself, and what stands behind.

    Where it does not occur, the text is the first part (last: the third), and the others are empty.
    """
    require_dtype(column, ("string",), "a string")
    if not plain(separator):
        raise NotLowerableError("an empty separator is an error in Python; name one")

    def part(position: int) -> Callable[[str], str]:
        return lambda text: (text.rpartition(separator) if last else text.partition(separator))[position]

    tables = [apply_table(b, column, part(position), "string") for position in range(3)]
    if tables[0] is not None:
        return [table for table in tables if table is not None]
    value = value_of(b, column)
    body = _around(separator, last=last)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    nothing = b.const([[""]], "string")
    absent = b.op("Not", there)
    pieces = [
        _group(b, value, body, 1),
        where(b, there, b.const([[separator]], "string"), nothing),
        _group(b, value, body, 2),
    ]
    emptied = 0 if last else 2  # a group is the text itself where the pattern does not match
    pieces[emptied] = where(b, absent, nothing, pieces[emptied])
    return [
        new("string", piece if position == 2 - emptied else keep_missing(b, column, piece), nullable=column.nullable)
        for position, piece in enumerate(pieces)
    ]


def rsplit_once(b: Builder, column: Symbolic, separator: str) -> list[Symbolic]:
    """str.rsplit(separator, n=1, expand=True): before the last separator and behind it; missing where there is none."""
    require_dtype(column, ("string",), "a string")
    if not plain(separator):
        raise NotLowerableError("str.rsplit at the empty string is an error in Python; name a separator")

    def part(position: int) -> Callable[[str], str]:
        return lambda text: [*text.rsplit(separator, 1), MISSING_STRING][position]

    tables = [apply_table(b, column, part(position), "string") for position in range(2)]
    if tables[0] is not None:
        return [table for table in tables if table is not None]
    value = value_of(b, column)
    body = _around(separator, last=True)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    second = where(b, there, _group(b, value, body, 2), b.const([[MISSING_STRING]], "string"))
    return [new("string", _group(b, value, body, 1), nullable=column.nullable), new("string", second, nullable=True)]


def extract(b: Builder, column: Symbolic, pattern: str, flags: int = 0) -> list[Symbolic]:
    """str.extract: each group of the first match as a column, missing where nothing matches.

    Raises NotLowerableError for a pattern without groups, and for a group that a match may leave out: RE2 gives the empty
    string there, and Python a missing one.
    """
    require_dtype(column, ("string",), "a string")
    translation = regex.translate(plain(pattern), flags, "search")
    python = translation.python
    _check_groups(python)

    def group(number: int) -> Callable[[str], str]:
        def answer(text: str) -> str:
            match = python.search(text)
            return MISSING_STRING if match is None else match.group(number)

        return answer

    tables = [apply_table(b, column, group(number), "string") for number in range(1, python.groups + 1)]
    if tables[0] is not None:
        return [table for table in tables if table is not None]
    body = rf"\A(?s:.*?)(?:{translation.text})(?s:.*)\z"
    regex.check_re2(body, pattern)
    value = value_of(b, column)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    if column.nullable and python.search(MISSING_STRING) is not None:
        there = b.op("And", there, b.op("Not", missing_mask(b, column)))
    missing = b.const([[MISSING_STRING]], "string")
    return [
        new("string", where(b, there, _group(b, value, body, number), missing), nullable=True)
        for number in range(1, python.groups + 1)
    ]


def _check_groups(python: re.Pattern[str]) -> None:
    if not 1 <= python.groups <= 9:
        raise NotLowerableError(f"the pattern {python.pattern!r} must have one to nine groups; it has {python.groups}")
    parsed = _parser.parse(python.pattern, python.flags & ~re.UNICODE)
    for number in sorted(_optional_groups(parsed, optional=False)):
        raise NotLowerableError(
            f"group {number} of the pattern {python.pattern!r} may take no part in a match, or several; RE2 gives another text"
            " then. Put the whole choice or repeat inside the group"
        )


def _optional_groups(items: Any, *, optional: bool) -> set[int]:
    """Numbers of the groups inside a choice or a repeat."""
    found: set[int] = set()
    for op, value in items:
        if op is _c.SUBPATTERN:
            if optional and value[0] is not None:
                found.add(value[0])
            found |= _optional_groups(value[3], optional=optional)
        elif op is _c.BRANCH:
            for branch in value[1]:
                found |= _optional_groups(branch, optional=True)
        elif op in (_c.MAX_REPEAT, _c.MIN_REPEAT):
            found |= _optional_groups(value[2], optional=True)
    return found


# ---- new strings ----------------------------------------------------------------------------------------------------


def repeat(b: Builder, column: Symbolic, times: int) -> Symbolic:
    """str.repeat: the text `times` times, empty from 0 down."""
    if times > _MAX_COPIES:
        raise NotLowerableError(f"{times} copies of a text are too many; at most {_MAX_COPIES} are possible")
    return replaced(b, column, rf"\A({ANYTHING})\z", r"\1" * max(times, 0), lambda text: text * times, once=True)


def slice_replace(b: Builder, column: Symbolic, start: int | None, stop: int | None, repl: str) -> Symbolic:
    """str.slice_replace by characters counted from the start: `repl` takes the place of text[start:stop]."""
    begin = start or 0
    if begin < 0 or (stop is not None and stop < 0):
        raise NotLowerableError("str.slice_replace with places counted from the end has no exact form; count from the start")
    if max(begin, stop or 0) > regex.MAX_REPEAT:
        raise NotLowerableError(f"str.slice_replace reaches too deep; {regex.MAX_REPEAT} characters are possible")

    def python(text: str) -> str:
        taken = text[start:stop]
        rest = "" if stop is None else text[(start if taken == "" else stop) :]
        return ("" if start is None else text[:start]) + repl + rest

    target = plain(repl).replace("\\", "\\\\")
    if stop is None:
        pattern = rf"\A((?s:.{{0,{begin}}})){ANYTHING}\z"
        return replaced(b, column, pattern, rf"\1{target}", python, once=True)
    pattern = rf"\A((?s:.{{0,{begin}}}))(?s:.{{0,{max(stop - begin, 0)}}})((?s:.*))\z"
    return replaced(b, column, pattern, rf"\1{target}\2", python, once=True)


def join(b: Builder, column: Symbolic, separator: str) -> Symbolic:
    """str.join on texts: the separator between all characters."""
    target = plain(separator).replace("\\", "\\\\")
    spread = replaced(b, column, r"((?s:.))", rf"{target}\1", lambda text: "".join(separator + char for char in text))
    if not separator:
        return column
    start = rf"\A{regex.escape(separator)}"
    return replaced(b, spread, start, "", lambda text: text.removeprefix(separator), once=True)


def translate(b: Builder, column: Symbolic, table: Mapping[Any, Any]) -> Symbolic:
    """str.translate: characters become texts, or go. A group of characters with one target is one step.

    Raises NotLowerableError where no order of the steps keeps a later one from changing what an earlier one wrote.
    """
    require_dtype(column, ("string",), "a string")
    whole = {_character(key): _target(value) for key, value in table.items()}
    python = str.maketrans(whole)
    found = apply_table(b, column, lambda text: text.translate(python), "string")
    if found is not None:
        return found
    groups: dict[str, list[str]] = {}
    for char, target in whole.items():
        if char != target:
            groups.setdefault(target, []).append(char)
    for target in _ordered(groups):
        members = groups[target]
        step = str.maketrans(dict.fromkeys(members, target))
        pattern = regex.char_class(regex.ranges_of(members))
        column = replaced(b, column, pattern, target.replace("\\", "\\\\"), lambda text, step=step: text.translate(step))  # type: ignore[misc]
    return column


def _ordered(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The targets in an order in which none writes a character that a later one replaces."""
    left, order = dict(groups), []
    while left:
        free = next((target for target in left if not _writes(target, left)), None)
        if free is None:
            raise NotLowerableError("the characters of the table change into each other; give them a node each, with a detour")
        order.append(free)
        del left[free]
    return order


def _writes(target: str, groups: Mapping[str, Sequence[str]]) -> bool:
    """Whether a text has a character that another group replaces."""
    return any(char in target for other, members in groups.items() if other != target for char in members)


def _character(key: Any) -> str:
    if isinstance(key, int) and not isinstance(key, bool) and 0 <= key <= 0x10FFFF:
        return plain(chr(key))
    raise NotLowerableError(f"a key of the table must be the number of a character, as str.maketrans gives; got {describe(key)}")


def _target(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return plain(chr(value))
    if isinstance(value, str):
        return plain(value)
    raise NotLowerableError(f"a value of the table must be a text, the number of a character, or null; got {describe(value)}")
