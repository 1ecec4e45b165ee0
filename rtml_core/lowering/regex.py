"""Python regular expressions as RE2 ones that match exactly the same, or a refusal.

onnxruntime's string operators use RE2. Its syntax looks like Python's, its meaning differs: \\d, \\w, \\s and \\b know ASCII
only, (?i) folds other letters, $ means the very end, and an invalid pattern makes StringRegexReplace return its input. So a
pattern is parsed by Python's own parser and written anew from what is left after parsing; what a single character may be
(a class, a literal under IGNORECASE) is asked from Python's own matcher, for all characters there are.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import IR_VERSION, OPSETS

# the standard library's parser has no public name; its shape is the same in Python 3.11 to 3.13
_parser: Final = importlib.import_module("re._parser")
_compiler: Final = importlib.import_module("re._compiler")
_c: Final = importlib.import_module("re._constants")

#: largest repeat count that RE2 takes, nested repeats multiplied
MAX_REPEAT: Final = 1000
#: largest number of character ranges in a pattern, repeats counted; RE2 gives up (and prints) at some 300,000
MAX_RANGES: Final = 150_000
ANYTHING: Final = "(?s:.*)"
#: ASCII letters that have a third case variant outside ASCII
_PAIRS: Final = ([ord("K"), ord("k")], [ord("S"), ord("s")])
_ALLOWED: Final = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.ASCII | re.UNICODE
_REFUSED: Final = {
    _c.ASSERT: "look-ahead or look-behind",
    _c.ASSERT_NOT: "look-ahead or look-behind",
    _c.GROUPREF: "a reference back to a group",
    _c.GROUPREF_EXISTS: "a condition on a group",
    _c.ATOMIC_GROUP: "an atomic group",
    _c.POSSESSIVE_REPEAT: "a possessive repeat",
}


@dataclass(frozen=True)
class Translation:
    """An RE2 pattern `text` of the same matches as `python`, and the numbers of the groups that sit inside a repeat."""

    text: str
    python: re.Pattern[str]
    repeated: frozenset[int]


@lru_cache(maxsize=1)
def all_characters() -> str:
    """Every character of a well-formed string, in order; surrogates are none."""
    return "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))


def escape(text: str) -> str:
    """RE2 text that matches exactly `text`."""
    return "".join(char if char.isascii() and char.isalnum() else f"\\x{{{ord(char):x}}}" for char in text)


def char_class(ranges: Sequence[tuple[int, int]]) -> str:
    """RE2 text for one character of inclusive code point ranges; no range means that nothing matches."""
    if not ranges:
        return "[^\\x{0}-\\x{10ffff}]"
    if [lo for lo, hi in ranges if lo == hi] in _PAIRS and len(ranges) == 2:
        # as a class, RE2 takes such a pair for (?i:k), which next to a | takes the Kelvin sign too
        return f"(?:{chr(ranges[0][0])}|{chr(ranges[1][0])})"
    return "[" + "".join(f"\\x{{{lo:x}}}" + (f"-\\x{{{hi:x}}}" if hi > lo else "") for lo, hi in ranges) + "]"


def ranges_of(characters: Iterable[str]) -> list[tuple[int, int]]:
    """Inclusive code point ranges that hold exactly these characters."""
    ranges: list[tuple[int, int]] = []
    for code in sorted(map(ord, characters)):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], code)
        else:
            ranges.append((code, code))
    return ranges


def compile_python(pattern: str | re.Pattern[str], flags: int = 0) -> re.Pattern[str]:
    """The compiled pattern; NotLowerableError when Python refuses it or a flag has no exact form."""
    try:
        compiled = re.compile(pattern, flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise NotLowerableError(f"{pattern!r} is not a regular expression: {error}") from None
    if compiled.flags & ~int(_ALLOWED):
        named = re.RegexFlag(compiled.flags & ~int(_ALLOWED))
        raise NotLowerableError(f"the flag {named!r} of the pattern {compiled.pattern!r} has no exact form; leave it out")
    return compiled


def translate(pattern: str | re.Pattern[str], flags: int = 0, mode: str = "search") -> Translation:
    """RE2 text for `pattern`, to be used as the middle of a full match (modes search, match, fullmatch) or to replace.

    Raises NotLowerableError naming the construct that RE2 lacks or reads differently, and the cure.
    """
    compiled = compile_python(pattern, flags)
    parsed = _parser.parse(compiled.pattern, compiled.flags & ~re.UNICODE)
    if mode == "replace" and parsed.getwidth()[0] == 0:
        raise NotLowerableError(
            f"the pattern {compiled.pattern!r} can match the empty string, and RE2 and Python replace those at different places;"
            f" write + instead of *, or name at least one character"
        )
    writer = _Writer(compiled.pattern, mode)
    text = writer.sequence(parsed, parsed.state.flags, head=mode == "search", tail=mode != "replace")
    check_re2(text, compiled.pattern)
    return Translation(text, compiled, frozenset(writer.repeated))


def write(items: Sequence[Any], flags: int, shown: str) -> str:
    """RE2 text of parsed items on their own, nothing being known of what stands around them; raises as `translate`."""
    return _Writer(shown, "replace").sequence(items, flags, head=False, tail=False)


def literal_text(pattern: str) -> str | None:
    """The one text that a regular expression matches, if it is a text; else None."""
    parsed = _parser.parse(compile_python(pattern).pattern)
    if parsed.state.flags & re.IGNORECASE or any(op is not _c.LITERAL for op, _ in parsed):
        return None
    return "".join(chr(code) for _, code in parsed)


def rewrite(replacement: str, translation: Translation) -> str:
    """Python's replacement template as RE2's. Raises NotLowerableError for what RE2 can't say."""
    compiled = translation.python
    names = {number: name for name, number in compiled.groupindex.items()}
    marks = [chr(0xFDD1 + number) for number in range(compiled.groups + 1)]
    if compiled.groups > 9:
        raise NotLowerableError(f"the pattern {compiled.pattern!r} has {compiled.groups} groups; at most 9 can be used")
    # Python expands the template over a stand-in match whose groups are marks
    groups = [f"(?P<{names[n]}>{marks[n]})" if n in names else f"({marks[n]})" for n in range(1, compiled.groups + 1)]
    whole = "".join(marks)
    match = re.fullmatch(marks[0] + "".join(groups), whole)
    assert match is not None
    try:
        expanded = match.expand(replacement)
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        raise NotLowerableError(f"{replacement!r} is no replacement for the pattern {compiled.pattern!r}: {error}") from None
    text = expanded.replace("\\", "\\\\").replace(whole, r"\0")
    for number in range(1, compiled.groups + 1):
        if marks[number] in text and number in translation.repeated:
            raise NotLowerableError(
                f"the replacement {replacement!r} uses group {number} of {compiled.pattern!r}, which is inside a repeat; move the"
                f" repeat into the group"
            )
        text = text.replace(marks[number], f"\\{number}")
    return text


@lru_cache(maxsize=512)
def check_re2(text: str, shown: str) -> None:
    """Raise NotLowerableError unless RE2 takes the pattern `text`; `shown` is what the user wrote."""
    from onnx import TensorProto, helper

    from rtml_core.lowering.probe import open_session

    node = helper.make_node("RegexFullMatch", ["x"], ["y"], pattern=text)
    inputs = [helper.make_tensor_value_info("x", TensorProto.STRING, [None])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.BOOL, [None])]
    graph = helper.make_graph([node], "pattern", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSETS[""])], ir_version=IR_VERSION)
    try:
        open_session(model.SerializeToString())
    except NotLowerableError:
        raise NotLowerableError(f"RE2 refuses the pattern {shown!r} as too large; shorten it, or repeat less often") from None


@dataclass
class _Writer:
    """Writes parsed items as RE2 text. head, tail: nothing of the pattern stands before or behind."""

    shown: str
    mode: str
    repeated: set[int] = field(default_factory=set)
    times: int = 1
    size: int = 0

    def refuse(self, what: str, cure: str) -> NotLowerableError:
        return NotLowerableError(f"the pattern {self.shown!r} uses {what}; {cure}")

    def sequence(self, items: Any, flags: int, *, head: bool, tail: bool) -> str:
        last = len(items) - 1
        parts = []
        for at, (op, value) in enumerate(items):
            first_here, last_here = head and at == 0, tail and at == last
            if op is _c.AT:
                parts.append(self.position(value, flags, items, at, first_here, last_here))
            else:
                parts.append(self.item(op, value, flags, first_here, last_here))
        return "".join(parts)

    def item(self, op: Any, value: Any, flags: int, head: bool, tail: bool) -> str:
        if op is _c.LITERAL and not flags & re.IGNORECASE:
            return escape(chr(value))
        if op in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
            return self.one_character(character_ranges(op, value, flags))
        if op is _c.BRANCH:
            return "(?:" + "|".join(self.sequence(branch, flags, head=head, tail=tail) for branch in value[1]) + ")"
        if op is _c.SUBPATTERN:
            group, added, removed, inner = value
            if group is not None and self.times > 1:
                self.repeated.add(group)
            body = self.sequence(inner, (flags | added) & ~removed, head=head, tail=tail)
            return f"({body})" if group is not None else f"(?:{body})"
        if op in (_c.MAX_REPEAT, _c.MIN_REPEAT):
            return self.repeat(value, flags) + ("?" if op is _c.MIN_REPEAT else "")
        what = _REFUSED.get(op, f"the construct {op}")
        raise self.refuse(what, "RE2 has no such thing: say it without, or in two steps")

    def one_character(self, ranges: list[tuple[int, int]]) -> str:
        self.size += len(ranges) * self.times
        if self.size > MAX_RANGES:
            raise self.refuse("large classes of characters, repeated often", "(?a) at its start makes them small")
        return char_class(ranges)

    def repeat(self, value: Any, flags: int) -> str:
        low, high, inner = value
        endless = high is _c.MAXREPEAT
        most = max(low, 2) if endless else high
        if self.times * most > MAX_REPEAT:
            raise self.refuse(f"more than {MAX_REPEAT} repeats", "RE2 takes no more: repeat less often, or without a limit")
        if inner.getwidth()[0] == 0 and most > 1:
            raise self.refuse("a repeat of something that may be empty", "make what is repeated match at least one character")
        before, self.times = self.times, self.times * max(most, 1)
        body = self.sequence(inner, flags, head=False, tail=False)
        self.times = before
        if (low, high) == (0, 1):
            return f"(?:{body})?"
        if endless and low < 2:
            return f"(?:{body})" + "*+"[low]
        return f"(?:{body}){{{low},{'' if endless else high}}}"

    def position(self, where: Any, flags: int, items: Any, at: int, head: bool, tail: bool) -> str:
        if where is _c.AT_BEGINNING:
            return "(?m:^)" if flags & re.MULTILINE else r"\A"
        if where is _c.AT_BEGINNING_STRING:
            return r"\A"
        if where is _c.AT_END_STRING:
            return r"\z"
        if where is _c.AT_END:
            return self.dollar(flags, tail)
        if where is _c.AT_BOUNDARY:
            return self.boundary(flags, items, at, head, tail)
        raise self.refuse(r"\B", "RE2 reads it differently: say which characters may stand there")

    def dollar(self, flags: int, tail: bool) -> str:
        """Python's $ is the end, or before a newline at the end; RE2's is the end."""
        if flags & re.MULTILINE:
            return "(?m:$)"
        if not tail:
            raise self.refuse("$, which in Python also stands before a newline at the end", r"write \Z for the very end")
        return r"\z" if self.mode == "fullmatch" else r"\n?\z"

    def boundary(self, flags: int, items: Any, at: int, head: bool, tail: bool) -> str:
        r"""\b next to a word character, at an edge of a search: the other side is an end or no word character."""
        if flags & re.ASCII:
            return r"\b"
        if self.mode == "search" and head and _edge_is_word(items[at + 1 :], flags, first=True):
            return rf"(?:\A|{char_class(word_ranges(negated=True))})"
        if self.mode in ("search", "match") and tail and _edge_is_word(items[:at], flags, first=False):
            return rf"(?:\z|{char_class(word_ranges(negated=True))})"
        raise self.refuse(r"\b, which in RE2 knows ASCII letters only", "start the pattern with (?a) if that is enough for you")


def character_ranges(op: Any, value: Any, flags: int) -> list[tuple[int, int]]:
    """Code point ranges of the characters that one parsed item (a literal, a class, a dot) matches."""
    key = tuple(value) if isinstance(value, list) else value
    if op is _c.LITERAL and not flags & re.IGNORECASE:
        return [(value, value)]
    return list(_scan(op, key, flags & (re.IGNORECASE | re.ASCII | re.DOTALL)))


@lru_cache(maxsize=1024)
def _scan(op: Any, value: Any, flags: int) -> tuple[tuple[int, int], ...]:
    """Ask Python's matcher about every character there is."""
    state = _parser.State()
    state.flags = flags if flags & re.ASCII else flags | re.UNICODE
    state.str = ""
    one = _parser.SubPattern(state, [(op, list(value) if isinstance(value, tuple) else value)])
    run = _parser.SubPattern(state, [(_c.MAX_REPEAT, (1, _c.MAXREPEAT, one))])
    matcher = _compiler.compile(run)
    return tuple((ord(found[0][0]), ord(found[0][-1])) for found in matcher.finditer(all_characters()))


def word_ranges(*, negated: bool = False) -> list[tuple[int, int]]:
    r"""Code point ranges of Python's \w, or of \W."""
    items = [(_c.NEGATE, None)] if negated else []
    return character_ranges(_c.IN, [*items, (_c.CATEGORY, _c.CATEGORY_WORD)], 0)


def _edge_is_word(items: Sequence[Any], flags: int, *, first: bool) -> bool:
    """Whether whatever the items match begins (first) or ends with a word character."""
    if not len(items):
        return False
    op, value = items[0 if first else len(items) - 1]
    if op in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN):
        words = word_ranges()
        return all(any(lo <= a and b <= hi for lo, hi in words) for a, b in character_ranges(op, value, flags))
    if op is _c.BRANCH:
        return all(_edge_is_word(branch, flags, first=first) for branch in value[1])
    if op is _c.SUBPATTERN:
        return _edge_is_word(value[3], (flags | value[1]) & ~value[2], first=first)
    if op in (_c.MAX_REPEAT, _c.MIN_REPEAT):
        return bool(value[0] >= 1) and _edge_is_word(value[2], flags, first=first)
    return False
