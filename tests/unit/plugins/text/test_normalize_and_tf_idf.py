"""TextNormalize and TfIdf, on all of Unicode."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from rtml_core import operators as op
from rtml_core.dsl import from_dsl
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_core.testing import assert_parity, assert_refuses

TEXTS = [
    "The quick brown fox, the lazy dog!",
    "\u0130stanbul K\u0130LO \u212ailo",
    "Stra\u00dfe STRASSE \u1e9e",
    "caf\u00e9 cafe\u0301 CAF\u00c9 \ufb01ne",
    "\u65e5\u672c\u8a9e\u3001\u30c6\u30ad\u30b9\u30c8",
    "New  York\u00a0 new\tyork\n",
    "12 \u0661\u0662 \uff11\uff12 a1b2 \u00bd",
    "don't -- stop\u2026 \u00abno\u00bb",
    "",
    "   ",
    "\ud55c\uad6d \U0001f600 \u0928\u093f",
]
GREEK = ["\u039f\u0394\u039f\u03a3 \u0391\u03a3'\u0392 \u03c3\u03b1\u03c2", "\u0391\u03a3"]
ALL = pd.DataFrame({"text": [*TEXTS, *GREEK]})
GAPS = pd.DataFrame({"text": [*TEXTS, None, *GREEK]})


@pytest.mark.parametrize("frame", [ALL, GAPS], ids=["full", "gaps"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"case": "lower"},
        {"case": "upper", "blanks": False},
        {"case": None},
        {"accents": "unicode", "punctuation": False, "digits": False},
        {"accents": "ascii", "case": "lower"},
        {"case": None, "blanks": False, "digits": False},
        {"case": None, "blanks": False, "punctuation": False},
    ],
    ids=str,
)
def test_normalize_compiles_to_the_same(options: dict[str, Any], frame: pd.DataFrame) -> None:
    assert_parity(op.TextNormalize(cols="text", into="clean", **options), frame)


def test_every_character_is_normalised_as_python_does() -> None:
    characters = [chr(code) for code in range(1, 0x20000) if not 0xD800 <= code < 0xE000 and code != 0xFDD0]
    frame = pd.DataFrame({"text": ["".join(characters[at : at + 400]) for at in range(0, len(characters), 400)]})
    assert_parity(op.TextNormalize(cols="text", accents="unicode", punctuation=False, digits=False), frame, nullable=False)


def test_what_normalize_does() -> None:
    node = op.TextNormalize(cols="text", accents="unicode", punctuation=False, digits=False)
    frame = pd.DataFrame({"text": ["  Stra\u00dfe, CAF\u00c9 - no. 12! "]})
    assert node.process(frame).data["text"].tolist() == ["strasse cafe no"]


# ---- TF-IDF ----------------------------------------------------------------------------------------------------------

OPTIONS = [
    {},
    {"terms": [1, 2], "stop_words": "english"},
    {"terms": [2, 2], "norm": None},
    {"idf": False, "norm": "l1", "sublinear": True},
    {"accents": "unicode"},
    {"lowercase": False, "pattern": r"\S+"},
    {"max_terms": 5},
]


@pytest.mark.parametrize("train", [TEXTS, [*TEXTS, *GREEK]], ids=["plain", "greek"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tf_idf_compiles_to_the_same_and_is_scikit_learns(options: dict[str, Any], train: list[str]) -> None:
    node = op.TfIdf(column="text", **options).fit(pd.DataFrame({"text": train}))
    frame = pd.concat([ALL, node.parity_cases()], ignore_index=True)
    assert assert_parity(node, frame, nullable=False) < 45
    low, high = options.get("terms", [1, 1])
    learner = TfidfVectorizer(
        max_features=options.get("max_terms", 1000),
        min_df=options.get("min_count", 1),
        ngram_range=(low, high),
        token_pattern=options.get("pattern", r"\w\w+"),
        lowercase=options.get("lowercase", True),
        strip_accents=options.get("accents"),
        stop_words=options.get("stop_words"),
        sublinear_tf=options.get("sublinear", False),
        use_idf=options.get("idf", True),
        norm=options.get("norm", "l2"),
    ).fit(train)
    wanted = learner.transform(frame["text"].astype(object)).toarray()
    np.testing.assert_allclose(node.process(frame).data.to_numpy(), wanted, rtol=1e-12, atol=1e-15)


def test_what_was_learned_travels_in_the_graph() -> None:
    frame = pd.DataFrame({"text": TEXTS, "n": range(len(TEXTS))})
    graph = (op.Receiver(schema={"text": "string", "n": "int"}) >> op.TfIdf(column="text", prefix="w:")).fit(frame)
    again = from_dsl(json.loads(json.dumps(graph.to_dsl())))
    found = again.run(frame)
    pd.testing.assert_frame_equal(found, graph.run(frame))
    assert list(found.columns[:2]) == ["n", "w:12"]
    compiled = again.compile(frame)
    assert compiled.report.rows > 500
    assert compiled.score([{"text": "the lazy fox", "n": 1}])[0]["w:lazy"] > 0.4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": [2, 1]}, "'terms' must be a least and a largest"),
        ({"max_terms": 0}, "'max_terms' must be 1 or more"),
        ({"min_count": 0}, "'min_count' must be 1 or more"),
        ({"max_share": 1.5}, "above 0 and up to 1"),
        ({"stop_words": "german"}, "a list of words or 'english'"),
        ({"pattern": "("}, "must be a regular expression"),
        ({"pattern": "a{99999999999}"}, "must be a regular expression"),
        ({"pattern": r"(\w+)"}, "must be without groups"),
    ],
)
def test_parameters_say_what_is_wrong(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamError, match=message):
        op.TfIdf(column="text", **options)


def test_refused() -> None:
    node = op.TfIdf(column="text")
    with pytest.raises(NotFittedError, match="has to learn first"):
        node.process(ALL)
    with pytest.raises(ParamError, match="there is no term to learn"):
        node.fit(pd.DataFrame({"text": ["", "a"]}))
    with pytest.raises(ColumnError, match="is missing in 1 row"):
        node.fit(GAPS)
    node.fit(ALL)
    assert_refuses(node, ALL, "may be missing", "fillna", nullable=True)
    with pytest.raises(ColumnError, match="'text_the' is there already; choose another prefix"):
        node.process(ALL.assign(text_the=1.0))
