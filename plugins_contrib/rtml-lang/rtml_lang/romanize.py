"""The body of lang:transliterate 1: Python, numpy and anyascii, as a runtime runs it.

A text is brought into Unicode's form C, the rules of its language replace letters, and the tables of anyascii what is left. A
capital that becomes several letters is all capitals inside of capitals (ÄRZTE, AERZTE) and has one elsewhere (Ärzte, Aerzte).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final
from unicodedata import category, normalize

import anyascii
import numpy as np

from rtml_lang.rules import RULES, Rules

Array = np.ndarray[Any, Any]

#: the anyascii whose tables are part of the meaning of version 1
TABLES: Final = "0.3.3"
if anyascii.__version__ != TABLES:
    raise ImportError(
        f"lang:transliterate 1 is written for the tables of anyascii {TABLES}, installed is {anyascii.__version__}: pip install"
        f" anyascii=={TABLES}"
    )


def transliterate(texts: Array, language: str | None, unknown: str) -> Array:
    """Texts [N] in ASCII, as an object array [N]."""
    romanized = romanizer(language, unknown)
    made = np.empty(len(texts), dtype=object)
    made[:] = [text if text.isascii() else romanized(text) for text in texts]
    return made


@lru_cache(maxsize=256)
def romanizer(language: str | None, unknown: str) -> Callable[[str], str]:
    """The function from a text to its ASCII form."""
    rules = RULES.get(language or "", Rules({}))

    def romanized(text: str) -> str:
        text = normalize("NFC", text)
        for pattern, new in rules.before:
            text = pattern.sub(new, text)
        out = []
        for at, letter in enumerate(text):
            if letter.isascii():
                out.append(letter)
                continue
            small = letter.lower()
            begins = at == 0 or not _in_word(text[at - 1])
            plain = rules.first.get(small) if begins else None
            if plain is None:
                plain = rules.letters.get(small)
            if plain is None:
                out.append(_by_table(letter, unknown))
            elif letter.isupper() and len(plain) > 1:
                out.append(plain.upper() if _among_capitals(text, at) else plain.capitalize())
            else:
                out.append(plain.upper() if letter.isupper() else plain)
        return "".join(out)

    return romanized


def _in_word(character: str) -> bool:
    return character.isalnum() or category(character).startswith("M")


def _by_table(letter: str, unknown: str) -> str:
    """A character by the tables for all; accents that stand alone and what is not seen go without a trace."""
    plain = anyascii.anyascii(letter)
    if plain or category(letter) in ("Mn", "Mc", "Me", "Cf"):
        return plain
    return unknown


def _among_capitals(text: str, at: int) -> bool:
    """Whether the letter behind is a capital, or, at the end of a word, the one before."""
    behind, before = text[at + 1 : at + 2], text[at - 1 : at] if at else ""
    return behind.isupper() if behind.isalpha() else before.isupper()
