r"""What a token pattern finds, read so that onnxruntime's Tokenizer finds the same.

`re.findall` takes, at the first place where the pattern matches, the alternative that comes first; Tokenizer takes the
longest. Both are the same text where the next character alone always decides how to go on (the pattern is
"one-unambiguous": A. Brueggemann-Klein and D. Wood, One-Unambiguous Regular Languages, Information and Computation 142,
1998) and every repeat is greedy. Other patterns are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.casing import FINAL_SIGMA, SIGMA, changes
from rtml_core.lowering.regex import _c, _parser

Ranges = tuple[tuple[int, int], ...]
#: positions of an expanded pattern
_MAX_POSITIONS: Final = 2_000
#: the one character whose lower case is two: an i and a dot above
DOTTED: Final = "\u0130"
DOT: Final = "\u0307"


@dataclass(frozen=True)
class Run:
    """Tokens that are runs of characters of one class: at least `least` of them, at most `most` (None: no limit)."""

    ranges: Ranges
    least: int
    most: int | None


@dataclass(frozen=True)
class TokenPattern:
    """A pattern for Tokenizer: `text` in RE2's syntax; `keep`: of the tokens, only those that match it in full count.

    run: what the pattern is where it is a run of one class. blank: whether a token may hold a blank. one_sigma: whether it
    takes one of the two small sigmas and not the other.
    """

    python: re.Pattern[str]
    text: str
    keep: str | None
    run: Run | None
    blank: bool
    one_sigma: bool


@dataclass
class _Part:
    """A piece of a pattern: may it be empty, and which positions may come first and last."""

    empty: bool
    first: frozenset[int]
    last: frozenset[int]


@dataclass
class _Reader:
    """Numbers the characters of a pattern and notes which may follow which."""

    shown: str
    classes: list[Ranges] = field(default_factory=list)
    follow: list[set[int]] = field(default_factory=list)

    def refuse(self, what: str) -> NotLowerableError:
        return NotLowerableError(
            f"the token pattern {self.shown!r} {what}; write one in which the next character decides how a token goes on, such as"
            r" \w+, [a-z]{2,} or \w+(?:-\w+)*"
        )

    def sequence(self, items: Iterable[Any], flags: int) -> _Part:
        whole = _Part(True, frozenset(), frozenset())
        for op, value in items:
            whole = self.join(whole, self.item(op, value, flags))
        return whole

    def join(self, one: _Part, two: _Part) -> _Part:
        for position in one.last:
            self.follow[position] |= two.first
        return _Part(
            one.empty and two.empty,
            one.first | two.first if one.empty else one.first,
            one.last | two.last if two.empty else two.last,
        )

    def item(self, op: Any, value: Any, flags: int) -> _Part:
        if op in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            return self.character(tuple(regex.character_ranges(op, value, flags)))
        if op is _c.SUBPATTERN:
            _, added, removed, inner = value
            return self.sequence(inner, (flags | added) & ~removed)
        if op is _c.BRANCH:
            parts = [self.sequence(branch, flags) for branch in value[1]]
            if any(part.empty for part in parts):
                raise self.refuse("has an alternative that may be empty")
            first = frozenset().union(*(part.first for part in parts))
            return _Part(False, first, frozenset().union(*(part.last for part in parts)))
        if op is _c.MAX_REPEAT:
            return self.repeat(value, flags)
        raise self.refuse(f"uses {'a lazy repeat' if op is _c.MIN_REPEAT else str(op).lower()}, which has no exact form")

    def character(self, ranges: Ranges) -> _Part:
        if len(self.classes) >= _MAX_POSITIONS:
            raise self.refuse("repeats too often")
        self.classes.append(ranges)
        self.follow.append(set())
        here = frozenset([len(self.classes) - 1])
        return _Part(False, here, here)

    def repeat(self, value: Any, flags: int) -> _Part:
        low, high, inner = value
        endless = high is _c.MAXREPEAT
        copies = max(low, 1) if endless else high
        if inner.getwidth()[0] == 0 or copies > _MAX_POSITIONS:
            raise self.refuse("repeats too often" if inner.getwidth()[0] else "repeats something that may be empty")
        whole = _Part(True, frozenset(), frozenset())
        for number in reversed(range(copies)):  # a copy only ever follows the one before it
            part = self.sequence(inner, flags)
            if endless and number == copies - 1:
                for position in part.last:
                    self.follow[position] |= part.first
            whole = self.join(part, whole)
            if number >= low:
                whole = _Part(True, whole.first, whole.last)
        return whole

    def check(self, whole: _Part) -> None:
        """Raise NotLowerableError unless the next character always decides."""
        if whole.empty:
            raise self.refuse("can match the empty text")
        for choices in (whole.first, *self.follow):
            ranges = sorted(r for position in choices for r in self.classes[position])
            if any(one[1] >= two[0] for one, two in pairwise(ranges)):
                raise self.refuse("leaves open how a token goes on")


@lru_cache(maxsize=64)
def read_pattern(pattern: str | re.Pattern[str]) -> TokenPattern:
    """The pattern as one for Tokenizer. Raises NotLowerableError with the cure where that would find other tokens."""
    compiled = regex.compile_python(pattern)
    parsed = _parser.parse(compiled.pattern, compiled.flags & ~re.UNICODE)
    items, flags = list(parsed), parsed.state.flags
    bounded = [op is _c.AT and value is _c.AT_BOUNDARY for op, value in (items[0], items[-1])] if items else [False, False]
    if all(bounded):
        items = items[1:-1]
    if compiled.groups:
        items = _without_group(compiled, items)
    reader = _Reader(compiled.pattern)
    reader.check(reader.sequence(items, flags))
    run = _run(items, flags)
    text = regex.write(items, flags, compiled.pattern)
    keep = None
    if all(bounded):
        words = tuple(regex.character_ranges(_c.IN, [(_c.CATEGORY, _c.CATEGORY_WORD)], flags))
        if not all(_inside(ranges, words) for ranges in reader.classes):
            raise reader.refuse(r"has \b beside what is no word character")
        if run is None or run.ranges != words or run.most is not None:
            run, keep, text = Run(words, 1, None), text, f"{regex.char_class(words)}+"
    regex.check_re2(text, compiled.pattern)
    held = [run.ranges] if keep is not None and run is not None else reader.classes
    blank = any(_holds(ranges, " ") for ranges in held)
    one_sigma = any(_holds(ranges, FINAL_SIGMA) != _holds(ranges, changes(False)[SIGMA]) for ranges in reader.classes)
    return TokenPattern(compiled, text, keep, run, blank, one_sigma)


def _without_group(compiled: re.Pattern[str], items: list[Any]) -> list[Any]:
    """findall gives the one group where there is one; that is the token if it is all of the pattern."""
    op, value = items[0]
    if compiled.groups == 1 and len(items) == 1 and op is _c.SUBPATTERN and value[0] == 1 and not (value[1] or value[2]):
        return list(value[3])
    raise NotLowerableError(
        f"the token pattern {compiled.pattern!r} has a group that is only a part of it, which has no exact form; write (?:...) if"
        f" the whole match is the token"
    )


def _run(items: Sequence[Any], flags: int) -> Run | None:
    least = 0
    most: int | None = 0
    ranges: Ranges | None = None
    for op, value in items:
        low, high, one = (1, 1, (op, value))
        if op is _c.MAX_REPEAT and len(value[2]) == 1:
            low, high, one = value[0], value[1], value[2][0]
        if one[0] not in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            return None
        found = tuple(regex.character_ranges(one[0], one[1], flags))
        if ranges not in (None, found):
            return None
        ranges, least = found, least + low
        most = None if most is None or high is _c.MAXREPEAT else most + high
    return None if ranges is None else Run(ranges, least, most)


def _inside(ranges: Ranges, others: Ranges) -> bool:
    return all(any(lo <= a and b <= hi for lo, hi in others) for a, b in ranges)


def _holds(ranges: Ranges, char: str) -> bool:
    return any(lo <= ord(char) <= hi for lo, hi in ranges)


# ---- runs of characters of a lower case, found in the original -------------------------------------------------------


@dataclass(frozen=True)
class Uncased:
    """`text` finds in an original what a run finds in its lower case; `dotted`: a token may end in U+0130 for its i.

    cased: a lower case is meant at all.
    """

    text: str
    dotted: bool = False
    cased: bool = True


@lru_cache(maxsize=64)
def uncased(run: Run) -> Uncased | None:
    """The run of characters whose lower case is in the class; None where that can't be said so."""
    table = changes(False)
    inside = np.zeros(0x110000 + 1, dtype=bool)
    for lo, hi in run.ranges:
        inside[lo : hi + 1] = True
    dot, i, final = inside[ord(DOT)], inside[ord("i")], inside[ord(FINAL_SIGMA)]
    if run.most is not None or (dot and not (i and run.least == 1)) or inside[ord(table[SIGMA])] != final:
        return None
    original = inside.copy()
    for char, image in table.items():
        original[ord(char)] = inside[ord(image)] if len(image) == 1 else dot
    edges = np.flatnonzero(np.diff(np.concatenate([[False], original]).astype(np.int8)))
    one = regex.char_class([(int(lo), int(hi) - 1) for lo, hi in zip(edges[::2], edges[1::2], strict=True)])
    if dot or not i:
        return Uncased(f"{one}{{{run.least},}}")
    return Uncased(f"(?:{one}{{{run.least},}}|{one}{{{run.least - 1},}}{regex.escape(DOTTED)})", dotted=True)
