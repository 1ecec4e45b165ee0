"""Words into numbered buckets by MurmurHash3, as scikit-learn's HashingVectorizer does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import ORT, Builder
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.token_patterns import read_pattern
from rtml_core.lowering.tokens import Reading, read_rows, take_out, text_rows, tokenize

#: widest result: every row of it is that many float64
MAX_BUCKETS: Final = 1 << 16


def hashed_counts(
    b: Builder,
    column: Symbolic,
    reading: Reading,
    buckets: int,
    ngram_range: tuple[int, int] = (1, 1),
    stop: Sequence[str] = (),
    *,
    signed: bool = True,
    binary: bool = False,
) -> ir.Value:
    """float64 [N, buckets]: for each word or sequence of words, 1 (signed: or -1) in the bucket of its hash, added up.

    binary: 1 in each bucket that a word falls into.
    """
    if buckets > MAX_BUCKETS:
        raise NotLowerableError(
            f"{buckets} buckets are too many for one row of a compiled model; use at most {MAX_BUCKETS}, e.g. n_features=2**12"
        )
    pattern = read_pattern(reading.pattern)
    rows = read_rows(b, text_rows(b, column), reading, sigma=True)
    tokens = tokenize(b, rows, pattern.text)
    if stop or pattern.keep is not None:
        tokens = take_out(b, tokens, stop, pattern.keep)
    parts = [_sequences(b, tokens, length) for length in range(ngram_range[0], ngram_range[1] + 1)]
    words = [part for part, _ in parts]
    ends = [end for _, end in parts]
    joined = _aside(b, words)
    hashes = b.cast(b.op("MurmurHash3", joined, domain=ORT, dtype="int32", shape=[None, None], positive=0, seed=0), "int64")
    places = b.op("Mod", b.op("Abs", hashes, shape=[None, None]), b.const(buckets, "int64"), shape=[None, None])
    there = b.op("Not", b.op("Equal", _aside(b, ends), b.const([[""]], "string"), dtype="bool", shape=[None, None]))
    amounts = b.cast(there, "float64")
    if signed and not binary:
        sign = b.op("Less", hashes, b.const(0, "int64"), dtype="bool", shape=[None, None])
        amounts = b.op("Where", sign, b.op("Neg", amounts), amounts, dtype="float64", shape=[None, None])
    count = b.op("Shape", joined, dtype="int64", shape=[1], end=1)
    size = b.op("Concat", count, b.const([buckets], "int64"), axis=0, shape=[2])
    empty = b.op("Expand", b.const([[0.0]], "float64"), size, shape=[None, buckets])
    reduction = "max" if binary else "add"
    filled = b.op("ScatterElements", empty, places, amounts, shape=[None, buckets], axis=1, reduction=reduction)
    return b.op("Slice", filled, b.const([0], "int64"), b.const([-1], "int64"), shape=["N", buckets])


def _aside(b: Builder, parts: Sequence[ir.Value]) -> ir.Value:
    return parts[0] if len(parts) == 1 else b.op("Concat", *parts, axis=1, shape=[None, None])


def _sequences(b: Builder, tokens: ir.Value, length: int) -> tuple[ir.Value, ir.Value]:
    """All sequences of `length` neighbours joined by blanks, and the last word of each, empty where a text has ended."""
    if length == 1:
        return tokens, tokens
    parts = []
    for at in range(length):
        end = at - length + 1
        bounds = b.const([at], "int64"), b.const([end if end else 2**62], "int64"), b.const([1], "int64")
        parts.append(b.op("Slice", tokens, *bounds, shape=[None, None]))
    joined = parts[0]
    for part in parts[1:]:
        spaced = b.op("StringConcat", joined, b.const([[" "]], "string"), shape=[None, None])
        joined = b.op("StringConcat", spaced, part, shape=[None, None])
    return joined, parts[-1]
