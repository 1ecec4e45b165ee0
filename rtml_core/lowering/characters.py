"""Texts mapped character by character: lower case, accents taken off, with scikit-learn's own meaning of it.

TrieTokenizer cuts a text into known characters and single bytes, a table says what each becomes, and the pieces are joined
again. It serves whatever maps every character by itself; case mapping that looks at neighbours is in `casing`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import onnx_ir as ir

from rtml_core.lowering.builder import Builder
from rtml_core.lowering.casing import _single_bytes, _text, _vocabulary, changes
from rtml_core.lowering.regex import all_characters

#: characters looked at together: most blocks have nothing to map
_BLOCK: Final = 128


@dataclass(frozen=True)
class Mapping:
    """`vocabulary` of TrieTokenizer, and what each of its ids becomes, id 0 being the padding."""

    vocabulary: str
    images: tuple[str, ...]


def map_characters(b: Builder, rows: ir.Value, mapping: Mapping) -> ir.Value:
    """Strings [N, 1], N > 0 (StringJoin crashes on no row), with every character replaced by its image."""
    ids = b.ext("TrieTokenizer", rows, dtype="int64", shape=[None, 1, None], vocab=mapping.vocabulary)
    pieces = b.op("Gather", b.const(mapping.images, "string"), ids, dtype="string", shape=[None, 1, None], axis=0)
    return b.ext("StringJoin", pieces, b.const([""], "string"), b.const([2], "int64"), dtype="string", shape=[None, 1])


def accents_off(text: str, accents: str | None) -> str:
    """A text without accents: "ascii", "unicode" or None, as scikit-learn's `strip_accents` means it."""
    if accents is None:
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    if accents == "ascii":
        return decomposed.encode("ascii", "ignore").decode("ascii")
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=8)
def mapping_of(lowercase: bool, accents: str | None) -> Mapping:
    """Lower case (a capital sigma becomes the one of the middle of a word), then accents taken off."""
    lower = changes(False) if lowercase else {}
    drops = accents == "ascii"  # what is not listed and not ASCII is dropped, byte by byte
    characters, longer = all_characters(), {}
    for at in range(0x80, len(characters), _BLOCK):
        block = characters[at : at + _BLOCK]
        if accents_off(block, accents) == ("" if drops else block) and not any(char in lower for char in block):
            continue
        images = {char: accents_off(lower.get(char, char), accents) for char in block}
        longer.update({char.encode(): image for char, image in images.items() if image != ("" if drops else char)})
    singles = [_single(piece, lowercase, drops) for piece in _single_bytes()]
    return Mapping(_vocabulary([*_single_bytes(), *longer]), ("", *singles, *longer.values()))


def mapping_from(image: Callable[[str], str], plain: Callable[[str], bool], *, drops: bool = False) -> Mapping:
    """Every character of Unicode through a function; most must stay as they are, as the others are listed.

    plain: whether no character of a text changes, to pass over most of Unicode quickly. drops: most characters that are
    not ASCII go, instead; `plain` says of a text that all of it does.
    """
    characters, longer = all_characters(), {}
    for at in range(0x80, len(characters), _BLOCK):
        block = characters[at : at + _BLOCK]
        if not plain(block):
            longer.update({char.encode(): image(char) for char in block if image(char) != ("" if drops else char)})
    singles = [image(_text(piece)) if piece[0] < 0x80 else "" if drops else _text(piece) for piece in _single_bytes()]
    return Mapping(_vocabulary([*_single_bytes(), *longer]), ("", *singles, *longer.values()))


def _single(piece: bytes, lowercase: bool, drops: bool) -> str:
    if piece[0] >= 0x80:
        return "" if drops else _text(piece)
    return _text(piece.lower() if lowercase else piece)
