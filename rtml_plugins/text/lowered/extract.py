"""Groups of the first match of a pattern, as columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.regex import ANYTHING
from rtml_core.lowering.symbolic import Symbolic, apply_table, keep_missing, new, value_of, where
from rtml_core.lowering.token_patterns import Run, read_pattern
from rtml_core.lowering.tokens import tokenize

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


def extracted(b: Builder, column: Symbolic, python: re.Pattern[str]) -> list[Symbolic]:
    """string columns: the groups of the first match, missing where there is none. Raises NotLowerableError."""
    if python.groups > 9:
        raise NotLowerableError(f"the pattern {python.pattern!r} has {python.groups} groups; at most 9 can be extracted")
    translation = regex.translate(python, 0, "search")
    _require_always(python)
    folded = [_folded(b, column, python, number) for number in range(1, python.groups + 1)]
    if all(found is not None for found in folded):
        return [found for found in folded if found is not None]
    if (run := _run(python)) is not None:
        return [_first_run(b, column, run)]
    body = rf"(?s:.*?)(?:{translation.text}){ANYTHING}"
    whole = rf"\A{body}\z"
    regex.check_re2(whole, python.pattern)
    value = value_of(b, column)
    there = b.op("RegexFullMatch", value, dtype="bool", pattern=body)
    absent = b.const([[MISSING_STRING]], "string")
    if column.nullable:
        missing = b.op("Equal", value, absent, dtype="bool")
        there = b.op("And", there, b.op("Not", missing))
    result = []
    for number in range(1, python.groups + 1):
        constants = b.const([whole], "string"), b.const([f"\\{number}"], "string")
        part = b.ext("StringRegexReplace", value, *constants, global_replace=0)
        result.append(new("string", where(b, there, part, absent), nullable=True))
    return result


def _run(python: re.Pattern[str]) -> Run | None:
    """The run of one class of characters that the pattern is, all of it in its one group."""
    try:
        found = read_pattern(python) if python.groups == 1 else None
    except NotLowerableError:
        return None
    return None if found is None or found.keep is not None else found.run


def _first_run(b: Builder, column: Symbolic, run: Run) -> Symbolic:
    """The first run, found by Tokenizer: it compiles a pattern once, where StringRegexReplace does so for every row."""
    # a row that has one keeps the tokens from being none at all
    sample = chr(next(max(lo, 1) for lo, hi in run.ranges if hi)) * max(run.least, 1)
    rows = b.op("Concat", value_of(b, column), b.const([[sample]], "string"), axis=0, shape=[None, 1])
    most = "" if run.most is None else run.most
    tokens = tokenize(b, rows, f"{regex.char_class(run.ranges)}{{{run.least},{most}}}")
    first = b.op("Slice", tokens, b.const([0, 0], "int64"), b.const([-1, 1], "int64"), shape=["N", 1])
    none = b.op("Equal", first, b.const([[""]], "string"), dtype="bool")
    found = where(b, none, b.const([[MISSING_STRING]], "string"), first)
    return new("string", keep_missing(b, column, found), nullable=True)


def _folded(b: Builder, column: Symbolic, python: re.Pattern[str], number: int) -> Symbolic | None:
    def pick(text: str) -> str:
        match = python.search(text)
        return MISSING_STRING if match is None else match.group(number)

    return apply_table(b, column, pick, "string")


def _require_always(python: re.Pattern[str]) -> None:
    """Refuse groups that a match may pass by, which Python tells from empty ones and RE2 does not."""
    parsed = regex._parser.parse(python.pattern, python.flags & ~re.UNICODE)
    certain = set(_certain(parsed))
    for number in range(1, python.groups + 1):
        if number not in certain:
            raise NotLowerableError(
                f"group {number} of the pattern {python.pattern!r} does not take part in every match, or repeats; put the ? or |"
                f" or * into the group, as in (a?)"
            )


def _certain(items: Any) -> Iterator[int]:
    """Numbers of the groups that stand exactly once in every match."""
    for op, value in items:
        if op is regex._c.SUBPATTERN:
            if value[0] is not None:
                yield value[0]
            yield from _certain(value[3])
