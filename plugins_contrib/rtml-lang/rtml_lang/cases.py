"""Rows to prove the operators on."""

from __future__ import annotations

from typing import Any, Final

#: texts at which languages part, in both operators
CASES: Final = (
    *(
        "",
        " ",
        "2nd of 3",
        "o'neil & sons: the end",
        "don\u2019t",
        "MCDONALD",
        "the lord of the rings",
        "ijsselmeer",
        "'s-gravenhage",
    ),
    *(
        "l'isle-d'abeau",
        "c\u00f4te d\u2019azur",
        "\u0130STANBUL ISPARTA i\u0307",
        "na h\u00c9IREANN, i ngaeilge",
        "STRA\u00dfE \u1e9e",
    ),
    *(
        "\u00c4RZTE \u00c4rzte \u00c4",
        "A\u030angstro\u0308m",
        "\u00c5rhus \u00d8L \u00e6",
        "\u01c6 \ufb01 \u0149a",
        "\ufeffa\u200db",
    ),
    *(
        "\u0417\u0433\u0443\u0440\u0441\u044c\u043a\u0438\u0439 \u0404\u0432\u0433\u0435\u043d\u0456\u044f",
        "\u0421\u043e\u0444\u0438\u044f",
    ),
    *(
        "\u039f\u0394\u039f\u03a3 \u0395\u1f50 \u0394\u03b7\u03bc\u03ae\u03c4\u03c1\u03b7\u03c2",
        "\u65e5\u672c\u8a9e \ud55c\uad6d",
        "\U0001f600",
    ),
)


def title_case() -> list[tuple[list[Any], dict[str, Any]]]:
    """Parity cases of lang:title_case: the texts in every language."""
    from rtml_lang.languages import LANGUAGES

    return [([*CASES, None], {"language": language, "keep": ["IBM", "eBay"]}) for language in LANGUAGES]


def transliterate() -> list[tuple[list[Any], dict[str, Any]]]:
    """Parity cases of lang:transliterate: the texts in every language."""
    from rtml_lang.rules import RULES

    return [([*CASES, None], {"language": language, "unknown": "?"}) for language in (None, *RULES)]
