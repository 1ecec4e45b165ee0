"""TitleCase: what each language does, and properties that hold for every text."""
# ruff: noqa: RUF001 - letters that look alike are the point

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rtml_lang.cases import CASES
from rtml_lang.languages import LANGUAGES
from rtml_lang.title import titler

from rtml_core import operators as op
from rtml_core.errors import ColumnError, ParamError
from rtml_core.testing import assert_parity, assert_refuses

EXPECTED = [
    ("und", "the lord of the rings", "The Lord Of The Rings"),
    ("und", "ΟΔΟΣ ʻokina ŉ ǆ 2nd x2y", "Οδος ʻOkina ʼN ǅ 2nd X2y"),
    ("und", "jean-luc o'neil don’t e\u0301cole", "Jean-Luc O'neil Don’t E\u0301cole"),
    ("en", "the lord OF the rings", "The Lord of the Rings"),
    ("en", "what it is made of: a tale", "What It Is Made of: A Tale"),
    ("en", "mother-in-law (of the bride) up", "Mother-in-Law (Of the Bride) Up"),
    ("en", "O'NEIL and o’brien of MCDONALD's macleod", "O'Neil and O’Brien of McDonald's MacLeod"),
    ("en", "machine mackerel mace mc", "Machine Mackerel Mace Mc"),
    ("de", "FREIHERR VON UND ZU GUTTENBERG", "Freiherr von und zu Guttenberg"),
    ("de", "rothenburg ob der tauber – die straße", "Rothenburg ob der Tauber – Die Straße"),
    ("nl", "jan van der IJSSEL aan het ijsselmeer", "Jan van der IJssel aan het IJsselmeer"),
    ("nl", "'s-gravenhage", "'s-Gravenhage"),
    ("nl", "van ’t hooft", "Van ’t Hooft"),
    ("fr", "l'isle-d'abeau", "L'Isle-d'Abeau"),
    ("fr", "côte d’azur, saint-jean-de-luz", "Côte d’Azur, Saint-Jean-de-Luz"),
    ("fr", "la vie d'aujourd'hui", "La Vie d'Aujourd'hui"),
    ("it", "reggio nell'emilia e l'aquila", "Reggio nell'Emilia e l'Aquila"),
    ("it", "sant'agata di militello", "Sant'Agata di Militello"),
    ("es", "josé de la cruz y gómez", "José de la Cruz y Gómez"),
    ("pt", "OLHO-D'ÁGUA DAS FLORES", "Olho-d'Água das Flores"),
    ("ga", "na héireann i ngaeilge", "Na hÉireann i nGaeilge"),
    ("ga", "an t-oileán, baile na bhfear, an tsionainn", "An t-Oileán, Baile na bhFear, an tSionainn"),
    ("tr", "İSTANBUL ve ISPARTA istanbul'da", "İstanbul ve Isparta İstanbul'da"),
    ("az", "I\u0307RAN ilə ilham", "İran ilə İlham"),
]


@pytest.mark.parametrize(("language", "text", "expected"), EXPECTED)
def test_each_language_has_its_ways(language: str, text: str, expected: str) -> None:
    assert titler(language, ())(text) == expected


def test_every_language_is_offered_and_tested() -> None:
    assert {language for language, _, _ in EXPECTED} == set(LANGUAGES)
    for language in LANGUAGES:
        assert op.TitleCase(cols="a", language=language).params.language == language


def test_kept_words_are_written_as_they_are_listed() -> None:
    titled = titler("en", ("IBM", "eBay", "VIII", "OF"))
    assert titled("ibm and EBAY, henry viii's ship of IBMS") == "IBM and eBay, Henry Viii's Ship OF Ibms"


WORDS = st.sampled_from([*CASES, *"'’-. ʼʻΣσςİIıiŉǅßfﬁ2ǰ\u0301", "the", "of", "van", "d'", "mc", "na", "h", "ij", "mac"])
TEXTS = st.one_of(
    st.lists(WORDS, max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"), max_size=30),
)


@given(TEXTS, st.sampled_from(sorted(LANGUAGES)))
@example("\u0149a", "und")
@example("\u01f0\u0345", "und")
def test_a_title_is_its_own_title_and_says_the_same(text: str, language: str) -> None:
    """Once more changes nothing; nothing but case has changed; what stands between the words has not.

    Outside of Turkish the capital of a dotless i is I, whose small letter is another one, and a long s does the same.
    """
    if language not in ("tr", "az"):
        text = text.replace("ı", "").replace("ſ", "")
    titled = titler(language, ())
    made = titled(text)
    assert titled(made) == made
    if language not in ("tr", "az"):
        assert made.upper().casefold() == text.upper().casefold()
    assert re.sub(r"[^\W_]|[\u0300-\u036f]", "", made) == re.sub(r"[^\W_]|[\u0300-\u036f]", "", text)


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=6), st.sampled_from(sorted(LANGUAGES)))
def test_authored_and_compiled_are_equal(texts: list[str | None], language: str) -> None:
    frame = pd.DataFrame({"a": pd.Series(texts, dtype="str"), "b": pd.Series(texts[::-1], dtype="str")})
    assert_parity(op.TitleCase(cols=["a", "b"], language=language, keep=["eBay"]), frame, nullable=True)


def test_columns_are_replaced_or_new_and_missing_stays_missing() -> None:
    frame = pd.DataFrame({"a": pd.Series(["x of y", None], dtype="str"), "n": [1, 2]})
    there = op.TitleCase(cols="a", language="en").process(frame).data
    assert there["a"].tolist() == ["X of Y", there["a"][1]]
    assert there["a"].isna().tolist() == [False, True]
    beside = op.TitleCase(cols=["a"], into=["b"], language="en").process(frame).data
    assert list(beside.columns) == ["a", "n", "b"]
    assert frame["a"][0] == beside["a"][0] == "x of y"
    nothing = op.TitleCase(cols="a").process(frame.iloc[1:]).data
    assert (str(nothing["a"].dtype), nothing["a"].isna().all()) == ("str", True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cols": []}, "parameter 'cols' must name at least one column"),
        ({"cols": ["a", "a"]}, "each once"),
        ({"cols": ["a", "b"], "into": "c"}, "parameter 'into' must name one column for each of the 2 in 'cols'"),
        ({"cols": "a", "language": "xx"}, "'language'"),
        ({"cols": "a", "keep": ["R&D"]}, r"parameter 'keep' must list single words .*got 'R&D'"),
    ],
)
def test_parameters_say_what_they_must_be(given: dict[str, object], words: str) -> None:
    with pytest.raises(ParamError, match=words):
        op.TitleCase(**given)


def test_what_is_no_text_is_refused_with_the_cure() -> None:
    frame = pd.DataFrame({"n": [1.5]})
    assert_refuses(op.TitleCase(cols="n"), frame, "Column 'n' is a float64, and TitleCase takes texts", "astype")
    with pytest.raises(ColumnError, match="Column 'n' is a float64, and TitleCase takes texts"):
        op.TitleCase(cols="n").process(frame)
    assert_refuses(op.TitleCase(cols="m"), frame, "Column 'm' does not exist")
    with pytest.raises(ColumnError, match="Column 'm' does not exist"):
        op.TitleCase(cols="m").process(frame)
