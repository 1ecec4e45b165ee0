"""Texts at which a text vectorizer is delicate: its own terms in other cases, next to each other, and between odd blanks."""

from __future__ import annotations

from typing import Any, Final

#: terms that are tried
_TERMS: Final = 60
_TEXTS: Final = (
    "\u0130stanbul \u0130 I\u0307 \u0131",
    "Stra\u00dfe STRASSE \u1e9e",
    "\u039f\u0394\u039f\u03a3 \u0391\u03a3'\u0392 \u03c3\u03b1\u03c2",
    "\u212aelvin K k",
    "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8",
    "cafe\u0301 caf\u00e9",
    "\u0661\u0662 \uff11\uff12 12",
    "a\u00a0b\u2028c\td\n\ne",
    "don't re-use e_mail",
)


def text_points(vectorizer: Any) -> dict[int, set[Any]]:
    """Position of the text column, always 0 -> texts to try."""
    vocabulary = getattr(vectorizer, "vocabulary_", None) or {}
    every = max(len(vocabulary) // _TERMS, 1)
    terms = [str(term) for term in sorted(vocabulary)][::every]
    texts = {*_TEXTS, *terms, *map(str.upper, terms), *map(str.title, terms)}
    texts |= {term.replace("k", "\u212a").replace("i", "\u0130") for term in terms}
    texts |= {f"{one}  {two}, {one}" for one, two in zip(terms, reversed(terms), strict=True)}
    return {0: {text for text in texts if "\x00" not in text and "\ufdd0" not in text}}
