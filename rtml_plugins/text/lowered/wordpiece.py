"""The tokenizer of BERT as ONNX: exact, where the extension's own BertTokenizer cuts and folds Unicode in its own way."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from rtml_core.lowering import regex
from rtml_core.lowering.characters import Mapping, map_characters, mapping_from
from rtml_core.lowering.tokens import text_rows, tokenize
from rtml_plugins.text import wordpiece
from rtml_plugins.text.lowered.sequences import HOLE, first_of, framed
from rtml_plugins.text.wordpiece import Vocabulary

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


@lru_cache(maxsize=2)
def _cleaning(lowercase: bool) -> Mapping:
    return mapping_from(lambda char: wordpiece.cleaned(char, lowercase), lambda text: wordpiece.is_plain(text, lowercase))


@lru_cache(maxsize=1)
def _words() -> str:
    """RE2 text of a word: an ideograph, a punctuation mark, or a run of anything else but blanks."""
    ideographs = [chr(code) for lo, hi in wordpiece.CJK for code in range(lo, hi + 1)]
    # punctuation outside of ASCII is what Unicode calls so
    rest = [char for char in regex.all_characters()[0x80:] if unicodedata.category(char)[0] == "P"]
    alone = [*filter(wordpiece.is_punctuation, map(chr, range(0x80))), *rest, *ideographs]
    ranges = regex.ranges_of(alone)
    others = regex.char_class(regex.ranges_of([*alone, " "])).replace("[", "[^", 1)
    return f"(?:{regex.char_class(ranges)}|{others}+)"


def wordpiece_ids(
    b: Builder, column: Symbolic, vocabulary: Vocabulary, length: int, lowercase: bool
) -> tuple[ir.Value, ir.Value]:
    """int64 [N, length] twice: numbers of pieces, and 1 for each that is no padding, else 0."""
    rows = map_characters(b, text_rows(b, column), _cleaning(lowercase))
    words = tokenize(b, rows, _words())
    pieces = _pieces(b, words, vocabulary)
    fails = b.op(
        "Less", b.op("ReduceMin", pieces, b.const([2], "int64"), shape=[None, None, 1]), b.const(0, "int64"), dtype="bool"
    )
    long = b.op("Greater", b.ext("StringLength", words, dtype="int64"), b.const(wordpiece.MAX_CHARACTERS, "int64"), dtype="bool")
    axis = b.const([2], "int64")
    fails = b.op("Or", fails, b.op("Unsqueeze", long, axis, shape=[None, None, 1]))
    there = b.op("Not", b.op("Equal", words, b.const([[""]], "string"), dtype="bool"))
    unknown = b.op("And", fails, b.op("Unsqueeze", there, axis, shape=[None, None, 1]))
    hole = b.const(HOLE, "int64")
    front = b.op("Where", unknown, b.const(vocabulary.unknown, "int64"), hole, dtype="int64", shape=[None, None, 1])
    behind = b.op("Where", fails, hole, pieces, dtype="int64", shape=[None, None, None])
    both = b.op("Concat", front, behind, axis=2, shape=[None, None, None])
    flat = b.op("Reshape", both, b.const([0, -1], "int64"), shape=[None, None])
    body = first_of(b, flat, length - 2)
    return framed(b, body, length, vocabulary.first, vocabulary.last, vocabulary.padding)


def _pieces(b: Builder, words: ir.Value, vocabulary: Vocabulary) -> ir.Value:
    """Words [N, T] -> numbers [N, T, P]: of the longest pieces from the left, -1 where there is none, holes at the end."""
    from rtml_core.lowering.casing import _single_bytes, _vocabulary

    numbers = {bytes([code]): -1 for code in range(256)}
    for number, piece in enumerate(vocabulary.pieces):
        # a blank in front says that a piece begins a word
        bare = piece.removeprefix(vocabulary.continued)
        text = bare if piece != bare else f" {piece}"
        if bare and "\x00" not in text:
            numbers[text.encode()] = number
    assert list(numbers)[:256] == _single_bytes()
    marked = b.op("StringConcat", b.const([[" "]], "string"), words, shape=[None, None])
    found = b.ext("TrieTokenizer", marked, dtype="int64", shape=[None, None, None], vocab=_vocabulary(numbers))
    return b.op("Gather", b.const([HOLE, *numbers.values()], "int64"), found, dtype="int64", shape=[None, None, None], axis=0)
