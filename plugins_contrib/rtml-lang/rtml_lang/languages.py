"""What the title case of each language keeps small, and what it writes in its own way. Part of lang:title_case 1."""
# ruff: noqa: RUF001 - a dotless i is the point

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Language:
    """How one language writes titles and names; all words in lower case.

    small: words that stay small, but at the start. elided: what stands before an apostrophe as a word of its own, so that the
    word behind it gets its capital (L'Aquila); elided_small: those of them that stay small, but at the start. clipped: what
    stays small behind an apostrophe that opens a word ('s-Gravenhage), even at the start. capitals: begin of a word -> how it is
    written. last: a small word at the end gets a capital. dotted: i and dotless i are two letters. mutated: letters that Irish
    puts before a word stay small.
    """

    small: frozenset[str] = frozenset()
    elided: frozenset[str] = frozenset()
    elided_small: frozenset[str] = frozenset()
    clipped: frozenset[str] = frozenset()
    capitals: tuple[tuple[str, str], ...] = ()
    last: bool = False
    dotted: bool = False
    mutated: bool = False


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: surnames in which Mac is a prefix; other words with these letters (machine, mackerel) are words
_MACS: Final = tuple(
    (f"mac{name}", f"Mac{name.capitalize()}")
    for name in (
        *("arthur", "aulay", "bride", "callum", "cormick", "donald", "donell", "dougall", "farlane", "gregor", "innes", "intyre"),
        *("iver", "kinnon", "lean", "leod", "millan", "naughton", "neil", "nicol", "pherson", "rae", "ritchie"),
    )
)
_FRENCH: Final = "c d j l m n s t qu jusqu lorsqu puisqu"
_ITALIAN: Final = "l d un dell all nell sull dall coll quell bell sant c"
_TURKISH: Final = Language(small=_words("ve ile veya ya da de ki mi mı mu mü"), dotted=True)

#: language -> its ways. "und" is any other: every word begins with a capital.
LANGUAGES: Final = {
    "und": Language(),
    "en": Language(
        small=_words("a an and as at but by en for from if in into nor of on onto or over per than the to up via vs with"),
        elided=_words("o"),
        capitals=(*_MACS, ("mc", "Mc")),
        last=True,
    ),
    "de": Language(
        small=_words(
            "ab am an auf aus bei beim das dem den der des die ein eine einem einen einer eines für im in ins mit nach ob oder"
            " ohne über um und unter vom von vor zu zum zur"
        )
    ),
    "nl": Language(
        small=_words("aan bij de den der des een en het in met naar of om onder op over te ten ter tot uit van voor"),
        clipped=_words("k m n r s t"),
        capitals=(("ij", "IJ"),),
    ),
    "fr": Language(
        small=_words("à au aux avec ce ces chez dans de des du en et la le les lès ou par pour sans sous sur un une vers y"),
        elided=_words(_FRENCH),
        elided_small=_words(_FRENCH),
    ),
    "es": Language(
        small=_words("a al ante bajo con de del desde e el en entre la las lo los ni o para por sin sobre u un una y")
    ),
    "pt": Language(
        small=_words(
            "a à ao aos as às com da das de do dos e em entre na nas no nos o os ou para pela pelo por sem sob sobre um uma"
        ),
        elided=_words("d"),
        elided_small=_words("d"),
    ),
    "it": Language(
        small=_words(
            "a ad ai al alla alle allo agli con da dai dal dalla dalle de dei degli del della delle dello di e ed fra gli i il in"
            " la le lo nei nel nella nelle o per su sui sul sulla tra un una uno"
        ),
        elided=_words(_ITALIAN),
        elided_small=_words(_ITALIAN) - {"sant"},
    ),
    "ga": Language(small=_words("agus an ar as de do faoi go i le na san"), mutated=True),
    "tr": _TURKISH,
    "az": Language(small=_words("və ilə ya da də ki"), dotted=True),
}
