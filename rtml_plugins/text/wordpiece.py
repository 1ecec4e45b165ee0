"""The tokenizer of BERT: texts to numbers of word pieces. The eager side, in plain Python.

As published (J. Devlin et al., BERT, NAACL 2019, and the code released with it): a text is cleaned, cut at blanks, punctuation
and CJK characters, and each word is covered by the longest pieces of a vocabulary, from its start on. Each character is treated
by itself: a capital sigma becomes the small one of the middle of a word, as in Hugging Face's tokenizers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rtml_core.errors import ParamError

#: a longer word is unknown as a whole
MAX_CHARACTERS: Final = 100
#: CJK as BERT has it: ideographs, which stand for words; no kana, no hangul
CJK: Final = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
_KEPT_BLANKS: Final = "\t\n\r"
_ASCII_PUNCTUATION: Final = ((33, 47), (58, 64), (91, 96), (123, 126))


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Pieces in order: their positions are the numbers of the answer. unknown, first, last, padding: special ones.

    numbers: the position of each piece.
    """

    pieces: tuple[str, ...]
    unknown: int
    first: int
    last: int
    padding: int
    continued: str
    numbers: Mapping[str, int]


def vocabulary_of(pieces: Sequence[str], unknown: str, first: str, last: str, padding: str, continued: str) -> Vocabulary:
    """A vocabulary; raises ParamError when a special piece is not in it or a piece is there twice."""
    number = {piece: at for at, piece in enumerate(pieces)}
    if len(number) != len(pieces):
        twice = next(piece for at, piece in enumerate(pieces) if number[piece] != at)
        raise ParamError(f"parameter 'vocabulary' must hold every piece once; {twice!r} is there twice")
    for special in (unknown, first, last, padding):
        if special not in number:
            raise ParamError(f"parameter 'vocabulary' must hold the special piece {special!r}; it has {len(pieces)} others")
    return Vocabulary(tuple(pieces), number[unknown], number[first], number[last], number[padding], continued, number)


def is_blank(char: str) -> bool:
    """Whether words end here."""
    return char in _KEPT_BLANKS or unicodedata.category(char) in ("Zs", "Zl", "Zp")


def is_dropped(char: str) -> bool:
    """Control characters, and what stands for damaged text."""
    return char == "\ufffd" or (unicodedata.category(char) in ("Cc", "Cf") and char not in _KEPT_BLANKS)


def is_punctuation(char: str) -> bool:
    """Whether a character is a word of its own as punctuation."""
    code = ord(char)
    return any(lo <= code <= hi for lo, hi in _ASCII_PUNCTUATION) or unicodedata.category(char).startswith("P")


def is_cjk(char: str) -> bool:
    """Whether a character is a word of its own as an ideograph."""
    return any(lo <= ord(char) <= hi for lo, hi in CJK)


def cleaned(char: str, lowercase: bool) -> str:
    """What one character becomes before words are cut."""
    if is_dropped(char):
        return ""
    if is_blank(char):
        return " "
    if not lowercase:
        return char
    plain = "".join(part for part in unicodedata.normalize("NFD", char) if unicodedata.category(part) != "Mn")
    return "".join(part.lower() for part in plain)


def is_plain(text: str, lowercase: bool) -> bool:
    """Whether `cleaned` leaves every character of a text as it is; may say False too often."""
    changing = {"Cc", "Cf", "Zs", "Zl", "Zp", *(["Mn"] if lowercase else [])}
    same = not lowercase or (text.lower() == text and unicodedata.normalize("NFD", text) == text)
    return same and "\ufffd" not in text and changing.isdisjoint(map(unicodedata.category, text))


def words_of(text: str, lowercase: bool) -> list[str]:
    """The words of a text: runs between blanks; punctuation and ideographs by themselves."""
    words, current = [], ""
    for char in "".join(cleaned(char, lowercase) for char in text):
        alone = is_punctuation(char) or is_cjk(char)
        if alone or char == " ":
            words += [current] if current else []
            current = ""
            words += [char] if alone else []
        else:
            current += char
    return [*words, current] if current else words


def pieces_of(word: str, vocabulary: Vocabulary) -> list[int]:
    """The numbers of the pieces of a word, or that of the unknown piece."""
    numbers = vocabulary.numbers
    found: list[int] = []
    start = 0
    while start < len(word) <= MAX_CHARACTERS:
        prefix = vocabulary.continued if start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in numbers), start)
        if end == start:
            return [vocabulary.unknown]
        found.append(numbers[prefix + word[start:end]])
        start = end
    return found or [vocabulary.unknown]


def encode(text: str, vocabulary: Vocabulary, length: int, lowercase: bool) -> tuple[list[int], int]:
    """Numbers of exactly `length` pieces, first and last one special, padded; and how many of them are no padding."""
    pieces = [piece for word in words_of(text, lowercase) for piece in pieces_of(word, vocabulary)]
    numbers = [vocabulary.first, *pieces[: length - 2], vocabulary.last]
    return numbers + [vocabulary.padding] * (length - len(numbers)), len(numbers)
