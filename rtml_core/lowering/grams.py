"""Counts of words, of characters, and of sequences of them: one TfIdfVectorizer over ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering import regex
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import SIGMA, _single_bytes, _vocabulary, changes
from rtml_core.lowering.strings import BLANKS
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.token_patterns import DOT, DOTTED, read_pattern
from rtml_core.lowering.tokens import SIGMAS, Reading, read_rows, text_rows, tokenize, word_ids

#: widest result; a row of it is that many float64
MAX_COLUMNS: Final = 200_000
Grams = Mapping[tuple[int, ...], int]


def count(b: Builder, ids: ir.Value, grams: Sequence[tuple[tuple[int, ...], int]], width: int) -> ir.Value:
    """float32 [N, width] from ids [N + 1, T]: how often each sequence of ids stands in a row, added up by column.

    Counts are whole numbers, exact up to 2^24.
    """
    if width > MAX_COLUMNS:
        raise NotLowerableError(f"{width} columns of counts are too many; keep at most {MAX_COLUMNS}, e.g. with max_features")
    used = {column for _, column in grams}
    unused = 1 + max((number for gram, _ in grams for number in gram), default=0)
    # a column that no text reaches is still one: a sequence that never comes
    padded = [*grams, *([] if width - 1 in used else [((unused,), width - 1)])]
    ordered = sorted(padded, key=lambda item: len(item[0]))
    longest = len(ordered[-1][0])
    starts: list[int] = []
    pool: list[int] = []
    at = 0
    for length in range(1, longest + 1):
        starts.append(len(pool))
        while at < len(ordered) and len(ordered[at][0]) == length:
            pool += ordered[at][0]
            at += 1
    counted = b.op(
        "TfIdfVectorizer",
        ids,
        dtype="float32",
        shape=[None, width],
        mode="TF",
        max_skip_count=0,
        min_gram_length=len(ordered[0][0]),
        max_gram_length=longest,
        ngram_counts=starts,
        ngram_indexes=[column for _, column in ordered],
        pool_int64s=pool,
    )
    return b.op("Slice", counted, b.const([0], "int64"), b.const([-1], "int64"), shape=["N", width])


def word_counts(
    b: Builder,
    column: Symbolic,
    reading: Reading,
    vocabulary: Mapping[str, int],
    ngram_range: tuple[int, int] = (1, 1),
    stop: Sequence[str] = (),
) -> ir.Value:
    """float32 [N, len(vocabulary)]: how often each word, or sequence of words joined by blanks, stands in a text."""
    shortest, longest = ngram_range
    pattern = read_pattern(reading.pattern)
    if longest > 1 and pattern.blank:
        raise NotLowerableError(
            f"a word found by {reading.pattern!r} may hold a blank, so sequences of words joined by blanks can't be told apart;"
            f" use ngram_range=(1, 1), or a pattern without blanks"
        )
    split = {term: tuple(term.split(" ")) if longest > 1 else (term,) for term in vocabulary}
    words = list(dict.fromkeys(word for parts in split.values() for word in parts))
    number = {word: at for at, word in enumerate(words)}
    reached = {term: parts for term, parts in split.items() if longest == 1 or shortest <= len(parts) <= longest}
    grams = [(tuple(number[word] for word in parts), vocabulary[term]) for term, parts in reached.items()]
    return count(b, word_ids(b, column, reading, words, stop, in_order=longest > 1), grams, len(vocabulary))


def character_counts(
    b: Builder,
    column: Symbolic,
    vocabulary: Mapping[str, int],
    ngram_range: tuple[int, int],
    *,
    lowercase: bool = True,
    accents: str | None = None,
    inside_words: bool = False,
) -> ir.Value:
    """float32 [N, len(vocabulary)]: how often each sequence of characters stands in a text, runs of blanks counting as one.

    inside_words: in each word by itself, with a blank put on both sides; a word shorter than the shortest sequence counts
    as one.
    """
    shortest, longest = ngram_range
    capitals = changes(False) if lowercase else {}
    reached = [term for term in vocabulary if not any(char in capitals for char in term)]
    grams = [term for term in reached if shortest <= len(term) <= longest]
    if inside_words:
        grams += [term for term in reached if len(term) < shortest and _is_word(term)]
        grams = [term for term in grams if " " not in term[1:-1] and term != "  "]
    characters = sorted(set("".join(grams)))
    rows = text_rows(b, column)
    sigma = any(char in SIGMAS for char in characters)
    fast = lowercase and accents is None and not sigma and DOT not in characters
    if not fast:
        rows = read_rows(b, rows, Reading(lowercase=lowercase, accents=accents), sigma=sigma)
    rows = _words_apart(b, rows) if inside_words else _blanks_as_one(b, rows)
    ids, number = _character_ids(b, rows, characters, fast)
    found: list[tuple[tuple[int, ...], int]] = []
    for term in grams:
        found += [(gram, vocabulary[term]) for gram in _ways(term, number, fast)]
    return count(b, ids, found, len(vocabulary))


def _is_word(term: str) -> bool:
    return len(term) > 2 and term[0] == term[-1] == " " and " " not in term[1:-1]


def _blanks_as_one(b: Builder, rows: ir.Value) -> ir.Value:
    """Texts [N, 1] in which a run of several blanks is a space; a single blank of another kind stays what it is."""
    pattern = f"{regex.char_class(regex.ranges_of(BLANKS))}{{2,}}"
    regex.check_re2(pattern, pattern)
    return b.ext("StringRegexReplace", rows, b.const([pattern], "string"), b.const([" "], "string"), global_replace=1)


def _words_apart(b: Builder, rows: ir.Value) -> ir.Value:
    """Texts [N, 1] -> their words [N, T] with a space on both sides; where two of them meet no sequence goes across."""
    words = tokenize(b, rows, regex.char_class(regex.ranges_of(BLANKS)).replace("[", "[^", 1) + "+")
    space = b.const([[" "]], "string")
    spaced = b.op("StringConcat", b.op("StringConcat", space, words, shape=[None, None]), space, shape=[None, None])
    nothing = b.const([[""]], "string")
    empty = b.op("Equal", words, nothing, dtype="bool", shape=[None, None])
    return b.op("Where", empty, nothing, spaced, dtype="string", shape=[None, None])


def _character_ids(b: Builder, rows: ir.Value, characters: Sequence[str], lowercase: bool) -> tuple[ir.Value, dict[str, int]]:
    """Texts [N + 1, k] -> ids [N + 1, T] of their characters, which stand for their lower case, and the number of each."""
    number = {char: at + 1 for at, char in enumerate(characters)}
    number[DOTTED] = len(number) + 1 if DOTTED not in number else number[DOTTED]
    known = dict(number)
    if lowercase:
        for char, image in changes(False).items():
            known.pop(char, None)
            if image in number and char != SIGMA:
                known[char] = number[image]
        known[DOTTED] = number[DOTTED]
    elif DOTTED not in characters:
        del known[DOTTED]
    singles = _single_bytes()
    longer = {char.encode(): at for char, at in known.items() if not char.isascii()}
    codes = [known.get(piece.decode("ascii"), 0) if piece[0] < 0x80 else 0 for piece in singles]
    vocabulary = _vocabulary([*singles, *longer])
    tokens = b.ext("TrieTokenizer", rows, dtype="int64", shape=[None, None, None], vocab=vocabulary)
    table = b.const([0, *codes, *longer.values()], "int64")
    found = b.op("Gather", table, tokens, dtype="int64", shape=[None, None, None], axis=0)
    return b.op("Reshape", found, b.const([0, -1], "int64"), dtype="int64", shape=[None, None]), number


def _ways(term: str, number: Mapping[str, int], dotted: bool) -> list[tuple[int, ...]]:
    """The sequences of ids in which a sequence of characters of a lower case may stand.

    dotted: U+0130, whose lower case is an i and a dot, may stand for an i at the end (the dot is in no term).
    """
    plain = tuple(number[char] for char in term)
    return [plain, (*plain[:-1], number[DOTTED])] if dotted and term.endswith("i") else [plain]


def tfidf(b: Builder, counts: ir.Value, idf: Sequence[float] | None, norm: str | None, *, sublinear: bool = False) -> ir.Value:
    """float64 [N, k] of counts -> 1 + log of them where not 0 (sublinear), times `idf`, divided by the row's "l1" or "l2" norm.

    A row of zeros stays one. As scikit-learn's TfidfTransformer has it.
    """
    x = counts
    if sublinear:
        there = b.op("Not", b.op("Equal", x, b.const(0.0, "float64"), dtype="bool"))
        x = b.op("Where", there, b.op("Add", b.op("Log", x), b.const(1.0, "float64")), x, dtype="float64")
    if idf is not None:
        x = b.op("Mul", x, b.const([list(idf)], "float64"))
    if norm is None:
        return x
    size = b.op("ReduceL1" if norm == "l1" else "ReduceL2", x, b.const([1], "int64"), width=1, keepdims=1)
    # the least positive number stands for 0: what is divided is 0 then
    return b.op("Div", x, b.op("Max", size, b.const([[5e-324]], "float64")))
