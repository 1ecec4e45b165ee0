"""The body of lang:title_case 1: Python and numpy only, as a runtime runs it.

A word is a run of letters and digits with their accents; apostrophes inside join, everything else parts. A word is put into lower
case and its first letter into title case; a word that begins with a digit gets no capital (2nd). What a language changes is said
in `languages`. A word is at the start when none was before it, or when : ! ? a dash, an opening bracket or quote stands right
before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final
from unicodedata import category

import numpy as np

from rtml_lang.languages import LANGUAGES, Language

Array = np.ndarray[Any, Any]

#: accents that stand by themselves, of the scripts that have capitals
_ACCENTS: Final = "\u0300-\u036f\u0483-\u0487\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_RUN: Final = rf"[^\W_](?:[^\W_]|[{_ACCENTS}])*"
_APOSTROPHES: Final = "'\u2019"
_WORD: Final = re.compile(rf"{_RUN}(?:[{_APOSTROPHES}]{_RUN})*")
_PARTS: Final = re.compile(rf"([{_APOSTROPHES}])")
#: what stands between the start of a title and the word before it
_STARTS: Final = re.compile(r"[:!?(\[{\u2013\u2014\u00a1\u00bf\u00ab\u201c\u201e\u2018\"]\s*\Z")
_OPENED: Final = re.compile(rf"(?:\A|[\W_])[{_APOSTROPHES}]\Z")
#: letters that Irish puts before the first letter of a word, which keeps its capital (nGall, bhFear)
_MUTATIONS: Final = ("bhf", "mb", "gc", "nd", "ng", "bp", "dt", "ts")
_VOWELS: Final = "aeiouáéíóú"


def title_case(texts: Array, language: str, keep: list[str]) -> Array:
    """Texts [N] in the title case of a language, as an object array [N]."""
    titled = titler(language, tuple(keep))
    made = np.empty(len(texts), dtype=object)
    made[:] = [titled(text) for text in texts]
    return made


@lru_cache(maxsize=256)
def titler(language: str, keep: Sequence[str]) -> Callable[[str], str]:
    """The function from a text to its title case."""
    ways = LANGUAGES[language]
    kept = {word.casefold(): word for word in keep}

    def titled(text: str) -> str:
        out: list[str] = []
        at, before, start = 0, "", True
        words = list(_WORD.finditer(text))
        for number, found in enumerate(words):
            gap = text[at : found.start()]
            out.append(gap)
            at = found.end()
            start = start or (gap != " " and _STARTS.search(gap) is not None)
            word = found.group()
            lowered = _lower(word, ways)
            if kept and word.casefold() in kept:
                made = kept[word.casefold()]
            elif lowered in ways.clipped and _OPENED.search(text[: found.start()]):
                out.append(lowered)
                continue  # the next word is at the start if this one was
            elif ways.mutated and (mutated := _mutated(lowered, before, text[at : at + 2])):
                made = mutated
            else:
                small = not start and not (ways.last and number == len(words) - 1)
                made = _cased(_PARTS.split(word), ways, small)
            out.append(made)
            before, start = lowered, False
        return "".join([*out, text[at:]])

    return titled


def _cased(parts: list[str], ways: Language, small: bool) -> str:
    """A word, given as its runs with the apostrophes between them; small: a small word stays small here."""
    head = _lower(parts[0], ways)
    if len(parts) > 1 and head in ways.elided:
        first = head if small and head in ways.elided_small else _capital(head, ways)
        return first + parts[1] + _cased(parts[2:], ways, small=False)
    lowered = head if len(parts) == 1 else head + "".join(_lower(part, ways) for part in parts[1:])
    if small and lowered in ways.small:
        return lowered
    return _capital(head, ways) + lowered[len(head) :]


def _capital(lowered: str, ways: Language) -> str:
    """A word in lower case with its capital."""
    for begin, written in ways.capitals:
        if lowered.startswith(begin) and (begin != "mc" or len(lowered) > 3):
            rest = lowered[len(begin) :]
            return written + (_capital(rest, ways) if begin == "mc" else rest)
    at = 0
    while at < len(lowered) - 1 and category(lowered[at]) == "Lm":  # the okina and the like stand before the letter
        at += 1
    first = lowered[at]
    return lowered[:at] + ("\u0130" if ways.dotted and first == "i" else first.title()) + lowered[at + 1 :]


def _lower(word: str, ways: Language) -> str:
    if ways.dotted:
        word = word.replace("I\u0307", "i").replace("\u0130", "i").replace("I", "\u0131")
    return word.lower()


def _mutated(lowered: str, before: str, behind: str) -> str:
    """An Irish word with its mutation, which stays small; '' for a word without one. behind: the two characters that follow."""
    if lowered in ("t", "n") and behind[:1] == "-" and behind[1:].lower() in _VOWELS and behind[1:]:
        return lowered
    if lowered[0] == "h" and lowered[1:2] and lowered[1:2] in _VOWELS and before == "na":
        return "h" + lowered[1].upper() + lowered[2:]
    for begin in _MUTATIONS:
        if lowered.startswith(begin) and len(lowered) > len(begin):
            cut = len(begin) - 1
            return lowered[:cut] + lowered[cut].upper() + lowered[cut + 1 :]
    return ""


def is_word(text: str) -> bool:
    """Whether the text is one word as the body cuts texts into words."""
    return _WORD.fullmatch(text) is not None
