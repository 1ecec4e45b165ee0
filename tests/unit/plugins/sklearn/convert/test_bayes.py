"""Naive Bayes and quadratic discriminants."""

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OrdinalEncoder

from tests.unit.plugins.sklearn.checks import agree, numbers, texts, three, two

TARGETS = {"two": two, "three": three}


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize("target", TARGETS)
def test_gaussian(target: str) -> None:
    far = frame().iloc[:6].assign(a=[40.0, -40.0, 1e4, -1e4, 1e7, 1e160])
    made = agree(GaussianNB(), frame(), TARGETS[target](numbers()), rows=far)
    assert made.nodes <= 14


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", [MultinomialNB(), ComplementNB(), ComplementNB(norm=True), MultinomialNB(alpha=1e-9)])
def test_counts(model: Any, target: str) -> None:
    x = frame().abs().round()
    agree(model, x, TARGETS[target](numbers()), rows=frame().iloc[:9] if type(model) is MultinomialNB else None)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", [BernoulliNB(), BernoulliNB(binarize=0.3), BernoulliNB(fit_prior=False)])
def test_flags(model: Any, target: str) -> None:
    near = frame().iloc[:4].assign(a=[0.3, np.nextafter(0.3, 1), 0.0, np.nextafter(0, 1)])
    agree(model, frame(), TARGETS[target](numbers()), rows=near)
    agree(make_pipeline(MinMaxScaler(clip=True), BernoulliNB(binarize=None)), frame(), TARGETS[target](numbers()))


@pytest.mark.parametrize("target", TARGETS)
def test_categories(target: str) -> None:
    x = texts()
    agree(make_pipeline(OrdinalEncoder(), CategoricalNB()), x, TARGETS[target](numbers()))
    codes = numbers()[["b"]].assign(d=lambda f: (f["b"] * 7 % 3).astype(float))
    edges = codes.iloc[:6].assign(d=[-0.5, 0.99, 1.0, 2.99, 3.0, -1.0])
    agree(CategoricalNB(), codes, TARGETS[target](numbers()), rows=edges)


@pytest.mark.parametrize("target", TARGETS)
def test_quadratic_discriminants(target: str) -> None:
    agree(QuadraticDiscriminantAnalysis(), frame(), TARGETS[target](numbers()), hard=False)
    y, names = TARGETS[target](numbers()), {"l": "label", "d": "decision" if target == "two" else "decision[y]"}
    agree(QuadraticDiscriminantAnalysis(reg_param=0.1), frame(), y, outputs=names)
