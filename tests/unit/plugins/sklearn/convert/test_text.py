"""Text vectorizers, on words that other engines cut and fold differently."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from rtml_core import operators as op
from rtml_core.assemble import assemble
from rtml_core.errors import ColumnError
from rtml_core.frames import canonical, schema_of
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import matrix
from rtml_core.testing import assert_parity, assert_refuses, run_model

#: KELVIN SIGN, a dotted capital i, sharp s of both sizes, other digits, scripts without case, blanks of other kinds
PLAIN = [
    "The quick brown fox jumps over the lazy dog",
    "I don't like green eggs and ham",
    "\u0130stanbul K\u0130LO kilo kilim ki \u212ailim",
    "Stra\u00dfe STRASSE stra\u00dfe \u1e9e \u00df gro\u00df",
    "\u65e5\u672c\u8a9e \u30c6\u30ad\u30b9\u30c8 caf\u00e9 CAF\u00c9 na\u00efve",
    "a b c d e f",
    "New York New york\tcity",
    "hello   world\t\ttabs\nnew\u2028lines",
    "x",
    "",
    "state of the art",
    "\u00e9\u00e8 \u00ea a\u00e9",
    "\uff11\uff12\uff13 \u0663\u0664\u0665 12 3456 a1 _x_ __",
]
SIGMAS = [
    *PLAIN,
    "\u0391\u03a3 \u03b1\u03c2 \u03c3\u03b1\u03c2",
    "\u039f\u0394\u039f\u03a3 \u0391\u03a3'\u0392\u03b1",
    "i\u0307x i\u0307",
]
ALPHABET = (
    "abckisIK\u0130\u0131\u00df\u1e9e\u03a3\u03c3\u03c2\u00e9\u00c9  \t\n'-_.,1\u0663\u65e5\u0307\u0301\u212a"
    "\u01c5\u00a0\u2028\U0001f600\u00c5"
)


def rows(count: int = 250, seed: int = 0) -> list[str]:
    """The texts themselves, random characters, and known words in other cases."""
    rng = random.Random(seed)
    words = [word for text in SIGMAS for word in text.split()]
    cases = [str, str.upper, str.lower, str.title, str.swapcase]
    found = list(SIGMAS)
    for number in range(count):
        if number % 2:
            found.append("".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 25))))
        else:
            between = rng.choice([" ", "  ", " - ", "'", "\u0307 "])
            found.append(between.join(rng.choice(cases)(rng.choice(words)) for _ in range(rng.randint(0, 7))))
    return found


def check(estimator: object, train: list[str] = SIGMAS) -> int:
    """Fail unless every row gives scikit-learn's own numbers; returns the number of ONNX nodes."""
    node = op.ScikitLearn(model=estimator, features=["text"]).fit(pd.DataFrame({"text": train}))
    frame = canonical(pd.DataFrame({"text": rows()}))
    lowered = lower_alone(node, schema_of(frame, nullable=False))
    out = lowered.builder.alias(matrix(lowered.builder, list(lowered.result.values())))
    made = assemble(lowered.builder, {"out": out})
    got = run_model(made.model, {lowered.builder.inputs[0].name: frame[["text"]].to_numpy(dtype=object)})["out"]
    wanted = node.model().transform(frame["text"].astype(object)).toarray()
    assert np.count_nonzero(wanted) > 20
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)
    return made.node_count - 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngram_range": (1, 3)},
        {"ngram_range": (2, 2)},
        {"stop_words": "english", "ngram_range": (1, 2)},
        {"stop_words": ["the", "of", "ki"]},
        {"lowercase": False},
        {"binary": True},
        {"max_features": 20, "min_df": 2},
        {"token_pattern": r"\S+", "ngram_range": (1, 2)},
        {"token_pattern": r"(?u)\b\w+\b"},
        {"token_pattern": r"(?u)\b(\w+)\b"},
        {"token_pattern": r"[a-zA-Z]+"},
        {"token_pattern": r"\b[a-z]{3,5}\b", "ngram_range": (1, 2)},
        {"token_pattern": r"\w+(?:'\w+)*"},
        {"token_pattern": r"[^ ,]+"},
        {"token_pattern": r"\w{3,4}"},
        {"strip_accents": "ascii"},
        {"strip_accents": "unicode"},
        {"analyzer": "char"},
        {"analyzer": "char", "ngram_range": (1, 4)},
        {"analyzer": "char", "ngram_range": (2, 3), "lowercase": False},
        {"analyzer": "char_wb", "ngram_range": (1, 3)},
        {"analyzer": "char_wb", "ngram_range": (4, 6)},
        {"analyzer": "char_wb", "ngram_range": (2, 4), "strip_accents": "ascii"},
    ],
    ids=str,
)
@pytest.mark.parametrize("train", [PLAIN, SIGMAS], ids=["plain", "sigmas"])
def test_counts_are_scikit_learns(options: dict, train: list[str]) -> None:
    check(CountVectorizer(**options), train)


@pytest.mark.filterwarnings("ignore:Upper case characters found")
def test_terms_that_no_text_can_hold_stay_zero() -> None:
    vocabulary = ["foo", "Hello", "hello", "the", "i\u0307x", "quick brown", "\u03c3\u03b1\u03c2", "the quick", "zzz"]
    check(CountVectorizer(vocabulary=vocabulary, ngram_range=(1, 2)))
    check(CountVectorizer(vocabulary=["The", "ab", "zz", "e\u0307", "\u0130", "i"], analyzer="char", ngram_range=(1, 2)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "l1", "sublinear_tf": True, "binary": True},
        {"norm": None, "use_idf": False, "sublinear_tf": True},
        {"smooth_idf": False, "ngram_range": (1, 2)},
        {"analyzer": "char_wb", "ngram_range": (2, 4)},
    ],
    ids=str,
)
def test_tfidf_is_scikit_learns(options: dict) -> None:
    check(TfidfVectorizer(**options), PLAIN)


@pytest.mark.parametrize(
    "options",
    [
        {"n_features": 64},
        {"n_features": 97, "ngram_range": (1, 3), "stop_words": "english"},
        {"n_features": 64, "binary": True, "norm": "l1"},
        {"n_features": 64, "alternate_sign": False, "lowercase": False, "norm": None},
        {"n_features": 31, "token_pattern": r"\b[a-z]{3,5}\b", "ngram_range": (1, 2)},
    ],
    ids=str,
)
def test_hashes_are_scikit_learns(options: dict) -> None:
    check(HashingVectorizer(**options))


def test_a_usual_vectorizer_is_twelve_nodes() -> None:
    assert check(TfidfVectorizer(ngram_range=(1, 2)), PLAIN) == 12


def test_the_transformer_takes_columns_of_counts() -> None:
    frame = pd.DataFrame({"a": [0.0, 1.0, 3.0, 0.0], "b": [2.0, 0.0, 7.0, 0.0]})
    for options in ({}, {"norm": "l1", "sublinear_tf": True}, {"norm": None, "use_idf": False}):
        node = op.ScikitLearn(model=TfidfTransformer(**options)).fit(frame)
        assert assert_parity(node, frame) > 0


# ---- with a model behind ---------------------------------------------------------------------------------------------

LABELS = ["a" if number % 3 else "b" for number in range(len(SIGMAS))]


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        LinearSVC(),
        MultinomialNB(),
        SGDClassifier(loss="log_loss", max_iter=50, tol=None),
        RandomForestClassifier(n_estimators=5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_pipeline_over_texts(model: object) -> None:
    train = pd.DataFrame({"text": SIGMAS, "label": LABELS})
    node = op.ScikitLearn(model=make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), model), features=["text"], label="label")
    assert_parity(node.fit(train), pd.DataFrame({"text": rows(60)}), nullable=False)


def test_texts_and_numbers_in_one_model_compile_into_a_package() -> None:
    words = FeatureUnion([("words", TfidfVectorizer()), ("characters", CountVectorizer(analyzer="char_wb", ngram_range=(2, 3)))])
    steps = ColumnTransformer([("text", words, "text"), ("title", CountVectorizer(), "title"), ("n", StandardScaler(), ["n"])])
    frame = pd.DataFrame({"text": SIGMAS, "title": SIGMAS[::-1], "n": np.arange(len(SIGMAS), dtype=float), "label": LABELS})
    graph = op.Receiver(schema={"text": "string", "title": "string", "n": "float"}) >> op.ScikitLearn(
        model=make_pipeline(steps, LogisticRegression()), features=["text", "title", "n"], label="label"
    )
    package = graph.fit(frame).compile(frame.drop(columns="label"))
    assert package.report.rows > 500
    [answer] = package.score([{"text": SIGMAS[0], "title": SIGMAS[-1], "n": 0.0}])
    assert answer["label"] in ("a", "b")


# ---- refused ---------------------------------------------------------------------------------------------------------

FRAME = pd.DataFrame({"text": PLAIN})


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (HashingVectorizer(n_features=8, analyzer="char"), ("analyzer='word'",)),
        (CountVectorizer(token_pattern=r"(\w)\w+"), ("a group that is only a part of it",)),
        (CountVectorizer(token_pattern=r"\w+-?\w+"), ("leaves open how a token goes on",)),
        (CountVectorizer(token_pattern=r"\w+?"), ("lazy repeat",)),
        (CountVectorizer(token_pattern=r"\b\w[\w'-]*\b"), (r"\b beside what is no word character",)),
        (CountVectorizer(token_pattern=r"[^,]+", ngram_range=(1, 2)), ("may hold a blank", "ngram_range=(1, 1)")),
        (CountVectorizer(dtype=np.int8), ("int8", "overflow")),
        (TfidfVectorizer(dtype=np.float32), ("float32", "leave dtype out")),
    ],
    ids=str,
)
def test_refused_with_the_cure(estimator: object, words: tuple[str, ...]) -> None:
    node = op.ScikitLearn(model=estimator, features=["text"]).fit(FRAME)
    assert_refuses(node, FRAME, *words, nullable=False)


def test_the_million_buckets_of_the_default_are_refused() -> None:
    frame = pd.DataFrame({"text": PLAIN, "label": LABELS[: len(PLAIN)]})
    model = make_pipeline(HashingVectorizer(), SGDClassifier(loss="log_loss"))
    node = op.ScikitLearn(model=model, features=["text"], label="label").fit(frame)
    assert_refuses(node, frame[["text"]], "1048576 buckets", "n_features=2**12", nullable=False)


def test_a_text_that_may_be_missing_is_refused() -> None:
    node = op.ScikitLearn(model=CountVectorizer(), features=["text"]).fit(FRAME)
    assert_refuses(node, FRAME, "may be missing", "fillna", nullable=True)


def test_two_text_columns_need_a_column_transformer() -> None:
    node = op.ScikitLearn(model=CountVectorizer(), features=["text", "title"])
    with pytest.raises(ColumnError, match="ColumnTransformer"):
        node.fit(pd.DataFrame({"text": PLAIN, "title": PLAIN}))


def test_the_gate_tries_terms_in_other_cases() -> None:
    frame = pd.DataFrame({"n": [1.0] * len(PLAIN), "text": PLAIN, "label": LABELS[: len(PLAIN)]})
    steps = ColumnTransformer([("n", StandardScaler(), ["n"]), ("text", CountVectorizer(), "text")])
    node = op.ScikitLearn(model=make_pipeline(steps, LogisticRegression()), features=["n", "text"], label="label").fit(frame)
    tried = set(node.parity_cases()["text"])
    assert {"quick", "QUICK", "qu\u0130c\u212a"} <= tried
