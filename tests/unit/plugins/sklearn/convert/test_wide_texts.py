"""Vocabularies so large that only the terms that are there are multiplied."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.lowering.sparse import LEAST
from rtml_core.testing import assert_parity

WORDS = [f"w{number}" for number in range(LEAST + 10)]


def texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choice(WORDS[:60]) for _ in range(rng.randint(0, 15))) for _ in range(count)]


TRAIN = pd.DataFrame({"text": texts(40, 0), "label": ["a", "b", "c", "b"] * 10, "n": np.arange(40) / 7})
ROWS = pd.DataFrame({"text": ["", "nothing known", *texts(60, 1), " ".join(WORDS[-3:])]})


@pytest.mark.parametrize(
    "steps",
    [
        (CountVectorizer(vocabulary=WORDS), LogisticRegression()),
        (CountVectorizer(vocabulary=WORDS, binary=True), LinearSVC()),
        (TfidfVectorizer(vocabulary=WORDS), LogisticRegression()),
        (TfidfVectorizer(vocabulary=WORDS, norm="l1", sublinear_tf=True), LinearSVC()),
        (TfidfVectorizer(vocabulary=WORDS, norm=None, use_idf=False), LogisticRegression()),
        (CountVectorizer(vocabulary=WORDS), TfidfTransformer(), LogisticRegression()),
        # the second of two transformers weighs what is weighted already: no short cut
        (CountVectorizer(vocabulary=WORDS), TfidfTransformer(), TfidfTransformer(), LogisticRegression()),
    ],
    ids=str,
)
def test_a_linear_model_over_a_large_vocabulary(steps: tuple) -> None:
    node = op.ScikitLearn(model=make_pipeline(*steps), features=["text"], label="label").fit(TRAIN)
    nodes = assert_parity(node, ROWS, nullable=False)
    assert assert_parity(node, ROWS.head(0), nullable=False) == nodes


def test_two_classes_and_a_regression() -> None:
    for model, label in ((LogisticRegression(), "label"), (Ridge(), "n")):
        pipeline = make_pipeline(TfidfVectorizer(vocabulary=WORDS), model)
        train = TRAIN[TRAIN["label"] != "c"]
        assert_parity(op.ScikitLearn(model=pipeline, features=["text"], label=label).fit(train), ROWS, nullable=False)


def test_the_operator_tf_idf_before_a_model_is_wide_too() -> None:
    train = pd.DataFrame({"text": [" ".join(WORDS), *TRAIN["text"][1:]], "label": TRAIN["label"]})
    graph = (
        op.Receiver(schema={"text": "string"})
        >> op.TfIdf(column="text", max_terms=None)
        >> op.ScikitLearn(model=LogisticRegression(), label="label", outputs={"p": "probability[b]"})
    )
    # the gate over three thousand columns takes its time; here the rows are compared by hand
    compiled = graph.fit(train).compile(parity=False)
    assert ("", "NonZero") in {(entry.domain, entry.op) for entry in compiled.manifest.ops}
    runtime = Runtime.from_bytes(compiled.data, allow_unchecked=True)
    found = [answer["p"] for answer in runtime.score(ROWS.to_dict("records"))]
    np.testing.assert_allclose(found, graph.run(ROWS)["p"], rtol=1e-9)
