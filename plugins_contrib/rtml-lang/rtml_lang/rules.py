"""What languages write their letters as in ASCII, where that is not what the tables for all do. Part of lang:transliterate 1.

Sources: ICAO Doc 9303 part 3 (Latin letters of the Nordic languages and German, Russian), the Ukrainian system of 2010, the
Bulgarian law on transliteration of 2009, ISO 843 type 2 (Greek), and for Serbian Gaj's Latin letters without their accents.
"""
# ruff: noqa: RUF001, RUF002, RUF003 - letters that look alike are the point

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Rules:
    """letters: one lower-case letter -> ASCII. first: the same where the letter begins a word. before: what is replaced earlier,
    as (pattern, what it becomes), on text of any case."""

    letters: dict[str, str]
    first: dict[str, str] = field(default_factory=dict)
    before: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = ()


def _pairs(text: str) -> dict[str, str]:
    """Letters and what they become as a dict; a letter alone becomes nothing."""
    return {pair.split()[0]: "".join(pair.split()[1:]) for pair in text.split(",")}


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


# ---- Cyrillic ---------------------------------------------------------------------------------------------------------------

_SHARED: Final = "а a, б b, в v, д d, з z, к k, л l, м m, н n, о o, п p, р r, с s, т t, у u, ф f, ц ts, ч ch, ш sh, ж zh, "
_RUSSIAN: Final = _SHARED + "г g, е e, ё e, и i, й i, х kh, щ shch, ъ ie, ы y, ь, э e, ю iu, я ia"
_UKRAINIAN: Final = _SHARED + "г h, ґ g, е e, є ie, и y, і i, ї i, й i, х kh, щ shch, ь, ю iu, я ia"
_BULGARIAN: Final = _SHARED + "г g, е e, и i, й y, х h, щ sht, ъ a, ь y, ю yu, я ya"
_SERBIAN: Final = (
    "а a, б b, в v, г g, д d, ђ dj, е e, ж z, з z, и i, ј j, к k, л l, љ lj, м m, н n, њ nj, о o, п p, р r, с s, т t, ћ c, у u,"
    " ф f, х h, ц c, ч c, џ dz, ш s, đ dj"
)

# ---- Greek ------------------------------------------------------------------------------------------------------------------

_GREEK: Final = (
    "α a, ά a, β v, γ g, δ d, ε e, έ e, ζ z, η i, ή i, θ th, ι i, ί i, ϊ i, ΐ i, κ k, λ l, μ m, ν n, ξ x, ο o, ό o, π p, ρ r,"
    " σ s, ς s, τ t, υ y, ύ y, ϋ y, ΰ y, φ f, χ ch, ψ ps, ω o, ώ o"
)
#: Greek letters without voice, before which υ is f and not v; the end of a word is one too
_VOICELESS: Final = "θκξπστφχψς"


def _same_case(latin: str, model: str) -> str:
    return latin.upper() if model.isupper() else latin


def _upsilon(found: re.Match[str]) -> str:
    """The second letter of αυ, ευ, ηυ: f before a letter without voice and at the end of a word, v elsewhere."""
    vowel, upsilon, behind = found.group(1), found.group(2), found.group(3).lower()
    return vowel + _same_case("f" if not behind or behind in _VOICELESS else "v", upsilon)


def _sounds(found: re.Match[str]) -> str:
    """γ before γ, κ, ξ, χ is n, and the second letter stays."""
    return _same_case("n", found.group(1))


_GREEK_BEFORE: Final = (
    (_pattern(r"([οό])([υύ])"), lambda found: _same_case("o", found.group(1)) + _same_case("u", found.group(2))),
    (_pattern(r"([αεηάέή])([υύ])(?=(\w?))"), _upsilon),
    (_pattern(r"(γ)(?=[γξχ])"), _sounds),
    (_pattern(r"\b(μ)(π)|(μ)(π)\b"), lambda found: _same_case("b", found.group(1) or found.group(3))),
)

# ---- Latin ------------------------------------------------------------------------------------------------------------------

_NORDIC: Final = "æ ae, ø oe, å aa, ä ae, ö oe"

#: language -> its rules; letters that are not there are read by the tables for all
RULES: Final = {
    "de": Rules(_pairs("ä ae, ö oe, ü ue, ß ss")),
    "da": Rules(_pairs(_NORDIC)),
    "nb": Rules(_pairs(_NORDIC)),
    "sv": Rules(_pairs(_NORDIC)),
    "ru": Rules(_pairs(_RUSSIAN)),
    "uk": Rules(
        _pairs(_UKRAINIAN),
        first=_pairs("є ye, ї yi, й y, ю yu, я ya"),
        before=(
            (_pattern(r"(?<=\w)['’ʼ](?=[єїюяії])"), ""),
            (_pattern(r"(з)(г)"), lambda found: _same_case("z", found.group(1)) + _same_case("gh", found.group(2))),
        ),
    ),
    "bg": Rules(
        _pairs(_BULGARIAN),
        before=((_pattern(r"(и)(я)\b"), lambda found: _same_case("i", found.group(1)) + _same_case("a", found.group(2))),),
    ),
    "sr": Rules(_pairs(_SERBIAN)),
    "el": Rules(_pairs(_GREEK), before=_GREEK_BEFORE),
}
