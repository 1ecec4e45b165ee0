"""Texts as words or characters with numbers: what text vectorizers count.

A text becomes int64 ids [N + 1, T]: the position of each word in a list of words, NOTHING for other words and for the end
of shorter texts. The last row is made up, as some operators take no empty batch; `grams.count` takes it off again. Words are
found by onnxruntime's Tokenizer, which compiles its pattern once. A lower case costs StringUpper alone wherever the words
can be listed in all the spellings that it leaves, which is nearly always; else the exact case mapping comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import ORT, Builder, dtype_of
from rtml_core.lowering.casing import FINAL_SIGMA, map_case, spellings
from rtml_core.lowering.characters import map_characters, mapping_of
from rtml_core.lowering.symbolic import Symbolic, require_dtype, value_of
from rtml_core.lowering.token_patterns import DOTTED, TokenPattern, Uncased, read_pattern, uncased

#: id of a word that is not listed, and of the end of a text
NOTHING: Final = -1
#: id of a word to leave out
DROPPED: Final = -2
#: most spellings of all words together
_MAX_KEYS: Final = 100_000
#: what a capital sigma becomes, by its place in the word
SIGMAS: Final = ("\u03c3", FINAL_SIGMA)
#: the made-up last row
_LAST: Final = "x"


@dataclass(frozen=True)
class Reading:
    r"""How a text is read: in lower case or not, without accents ("ascii", "unicode") or with, words found by a pattern."""

    pattern: str = r"(?u)\b\w\w+\b"
    lowercase: bool = True
    accents: str | None = None


def require_there(column: Symbolic) -> None:
    """Raise NotLowerableError unless the column holds texts and is never missing."""
    require_dtype(column, ("string",), "a string")
    if column.nullable:
        raise NotLowerableError(
            'a text may be missing here, and a missing text has no words. Fill it first, e.g. Pandas(import_="fillna",'
            ' kwargs={"value": ""}, inplace=True)'
        )


def text_rows(b: Builder, column: Symbolic) -> ir.Value:
    """A string column that is never missing, with a made-up row behind: [N + 1, 1]. Raises NotLowerableError."""
    require_there(column)
    return b.op("Concat", value_of(b, column), b.const([[_LAST]], "string"), axis=0, shape=[None, 1])


def read_rows(b: Builder, rows: ir.Value, reading: Reading, *, sigma: bool) -> ir.Value:
    """Texts [N, 1], N > 0, in lower case and without accents, exactly. sigma: whether it matters which sigma comes out."""
    if not reading.lowercase and reading.accents is None:
        return rows
    if sigma and reading.lowercase and reading.accents != "ascii":
        rows = map_case(b, rows, False)
        return rows if reading.accents is None else map_characters(b, rows, mapping_of(False, reading.accents))
    return map_characters(b, rows, mapping_of(reading.lowercase, reading.accents))


def word_ids(
    b: Builder, column: Symbolic, reading: Reading, words: Sequence[str], stop: Collection[str] = (), *, in_order: bool
) -> ir.Value:
    """int64 [N + 1, T]: the positions in `words` of the words of a text.

    in_order: neighbours matter, so words to leave out (stop words, those that the pattern does not keep) are taken out
    and the others move up; else they become NOTHING.
    """
    pattern = read_pattern(reading.pattern)
    numbers = {word: number for number, word in enumerate(words) if word not in stop and _kept(pattern, word)}
    drops = dict.fromkeys(stop, DROPPED) if in_order else {}
    rows = text_rows(b, column)
    fast = _fast(reading, pattern)
    table = None if fast is None else _spelled(numbers | drops, fast)
    if fast is None or table is None:
        sigma = pattern.one_sigma or any(char in word for word in numbers | drops for char in SIGMAS)
        tokens = tokenize(b, read_rows(b, rows, reading, sigma=sigma), pattern.text)
        table = numbers | drops
    else:
        tokens = tokenize(b, b.ext("StringUpper", rows) if reading.lowercase else rows, fast.text)
    table = table or {MISSING_STRING: NOTHING}
    ids = b.label_encode(tokens, list(table), list(table.values()), NOTHING, keys_dtype="string", values_dtype="int64")
    if in_order and (drops or pattern.keep is not None):
        return _without(b, ids, tokens, pattern.keep)
    return ids


def _kept(pattern: TokenPattern, word: str) -> bool:
    """Whether a token passes what the pattern keeps."""
    return pattern.keep is None or word in pattern.python.findall(word)


def _fast(reading: Reading, pattern: TokenPattern) -> Uncased | None:
    """The pattern for the original text, or for what StringUpper makes of it; None when the text has to be mapped first."""
    if reading.accents is not None:
        return None
    if not reading.lowercase:
        return Uncased(pattern.text, cased=False)
    return uncased(pattern.run) if pattern.run is not None and pattern.keep is None else None


def _spelled(numbers: dict[str, int], fast: Uncased) -> dict[str, int] | None:
    """The words as they stand in what StringUpper leaves of a text; None: too many, or it takes the context to know."""
    if not fast.cased:
        return numbers
    table: dict[str, int] = {}
    for word, number in numbers.items():
        if any(char in word for char in SIGMAS):
            return None
        found = spellings(word, False)
        if found is None:
            return None
        if fast.dotted and word.endswith("i"):
            found = found | {text + DOTTED for text in spellings(word[:-1], False) or ()}
        table.update(dict.fromkeys(sorted(found), number))
        if len(table) > _MAX_KEYS:
            return None
    return table


def tokenize(b: Builder, rows: ir.Value, text: str) -> ir.Value:
    """Texts [N, 1] -> their tokens [N, T], shorter rows filled with empty strings."""
    flat = b.op("Reshape", rows, b.const([-1], "int64"), shape=[None])
    return b.op(
        "Tokenizer", flat, domain=ORT, dtype="string", shape=[None, None], mark=0, mincharnum=1, pad_value="", tokenexp=text
    )


def _without(b: Builder, ids: ir.Value, tokens: ir.Value, keep: str | None) -> ir.Value:
    """The ids of dropped tokens taken out; the others move up, NOTHING fills the end."""
    drop = b.op("Equal", ids, b.const(DROPPED, "int64"), dtype="bool", shape=[None, None])
    if keep is not None:
        drop = b.op("Or", drop, _others(b, tokens, keep), shape=[None, None])
    return _move_up(b, ids, drop, b.const(NOTHING, "int64"))


def take_out(b: Builder, tokens: ir.Value, stop: Sequence[str], keep: str | None) -> ir.Value:
    """Tokens [N, T] without stop words and those that `keep` does not match; the others move up."""
    drops = []
    if stop:
        known = b.label_encode(tokens, list(stop), [1] * len(stop), 0, keys_dtype="string", values_dtype="int64")
        drops.append(b.cast(known, "bool"))
    if keep is not None:
        drops.append(_others(b, tokens, keep))
    drop = drops[0] if len(drops) == 1 else b.op("Or", *drops, shape=[None, None])
    return _move_up(b, tokens, drop, b.const("", "string"))


def _others(b: Builder, tokens: ir.Value, keep: str) -> ir.Value:
    return b.op("Not", b.op("RegexFullMatch", tokens, dtype="bool", shape=[None, None], pattern=keep))


def _move_up(b: Builder, values: ir.Value, drop: ir.Value, filling: ir.Value) -> ir.Value:
    # the smallest come first, and of equal ones those with the lower position
    size = b.op("Shape", values, dtype="int64", shape=[1], start=1)
    last = b.cast(drop, "int64")
    _, order = b.multi("TopK", last, size, dtypes=["int64", "int64"], shapes=[[None, None]] * 2, axis=1, largest=0, sorted=1)
    cleared = b.op("Where", drop, filling, values, dtype=dtype_of(values), shape=[None, None])
    return b.op("GatherElements", cleared, order, shape=[None, None], axis=1)
