"""Transliterate: what each language does, and properties that hold for every text."""
# ruff: noqa: RUF001 - letters that look alike are the point

from __future__ import annotations

import importlib

import anyascii
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rtml_lang import romanize
from rtml_lang.cases import CASES
from rtml_lang.romanize import romanizer
from rtml_lang.rules import RULES

from rtml_core import operators as op
from rtml_core.errors import ParamError
from rtml_core.testing import assert_parity, assert_refuses

EXPECTED = [
    (None, "Ärzte Århus naïve Łódź", "Arzte Arhus naive Lodz"),
    (None, "北京 наш Ωmega", "BeiJing nash Omega"),
    ("de", "Ärzte ÄRZTE Übermaß GROẞ Ü", "Aerzte AERZTE Uebermass GROSS Ue"),
    ("de", "A\u0308rger Größe, 100 €", "Aerger Groesse, 100 EUR"),
    ("da", "Århus ÅRHUS smørrebrød Ægir", "Aarhus AARHUS smoerrebroed Aegir"),
    ("nb", "Tromsø Ålesund", "Tromsoe Aalesund"),
    ("sv", "Malmö Växjö Åmål", "Malmoe Vaexjoe Aamaal"),
    ("ru", "Щукина Юлия ПОДЪЕЗД объём Мышкин", "Shchukina Iuliia PODIEEZD obieem Myshkin"),
    (
        "uk",
        "Згурський Євгенія Знам'янка Їжакевич Гоголь Йосип Розгон",
        "Zghurskyi Yevheniia Znamianka Yizhakevych Hohol Yosyp Rozghon",
    ),
    ("bg", "София СОФИЯ Търново Щръклево Юрий", "Sofia SOFIA Tarnovo Shtraklevo Yuriy"),
    ("sr", "Ђоковић Жижић ЉУБА Њ Đinđić Џемал", "Djokovic Zizic LJUBA Nj Djindjic Dzemal"),
    ("el", "Ευαγγελία Αύγουστος εύκολα Ηυ Ευθυμία", "Evangelia Avgoustos efkola If Efthymia"),
    ("el", "Μπουμπουλίνα Πειραιάς ΟΥΡΑΝΟΣ Άγχος Ψυχή αϋπνία", "Boumpoulina Peiraias OURANOS Anchos Psychi aypnia"),
]


@pytest.mark.parametrize(("language", "text", "expected"), EXPECTED)
def test_each_language_has_its_ways(language: str | None, text: str, expected: str) -> None:
    assert romanizer(language, "")(text) == expected


def test_every_language_is_offered_and_tested() -> None:
    assert {language for language, _, _ in EXPECTED} == {None, *RULES}
    for language in RULES:
        assert op.Transliterate(cols="a", language=language).params.language == language


def test_the_unknown_has_a_sign_and_what_is_not_seen_has_none() -> None:
    assert romanizer(None, "?")("a\ue000b\u0301\u200d\ufe0f") == "a?b"
    assert romanizer(None, "")("a\ue000b") == "ab"


TEXTS = st.one_of(
    st.lists(st.sampled_from([*CASES, *"ÄäßẞåØİυύαγπμΣςґяїщья'ʼ \u0301\u0308aZ-"]), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"), max_size=30),
)
LANGUAGES = st.sampled_from([None, *RULES])


@given(TEXTS, LANGUAGES, st.sampled_from(["", "?", "[x]"]))
def test_every_text_becomes_ascii_and_ascii_stays(text: str, language: str | None, unknown: str) -> None:
    romanized = romanizer(language, unknown)
    made = romanized(text)
    assert made.isascii()
    assert "\0" not in made
    assert romanized(made) == made


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), TEXTS), min_size=1, max_size=6), LANGUAGES)
def test_authored_and_compiled_are_equal(texts: list[str | None], language: str | None) -> None:
    frame = pd.DataFrame({"a": pd.Series(texts, dtype="str")})
    assert_parity(op.Transliterate(cols="a", into="b", language=language, unknown="?"), frame, nullable=True)


def test_other_tables_are_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anyascii, "__version__", "9.9")
    with pytest.raises(ImportError, match=r"tables of anyascii 0\.3\.3, installed is 9\.9: pip install anyascii==0\.3\.3"):
        importlib.reload(romanize)
    monkeypatch.undo()
    assert anyascii.__version__ == importlib.reload(romanize).TABLES


def test_parameters_say_what_they_must_be() -> None:
    with pytest.raises(ParamError, match="parameter 'unknown' must be a text in ASCII; got '€'"):
        op.Transliterate(cols="a", unknown="€")
    with pytest.raises(ParamError, match="parameter 'language'"):
        op.Transliterate(cols="a", language="en")
    with pytest.raises(ParamError, match="must name one column for each of the 1"):
        op.Transliterate(cols="a", into=["b", "c"])


def test_what_is_no_text_is_refused_with_the_cure() -> None:
    assert_refuses(op.Transliterate(cols="n"), pd.DataFrame({"n": [1]}), "Column 'n' is a int64, and Transliterate takes texts")
