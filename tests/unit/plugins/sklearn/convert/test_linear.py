"""Linear models."""

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, texts, three, two, value


def frame() -> Any:
    """Columns of one size, so that every solver converges."""
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


def y3() -> Any:
    return three(numbers())


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        LinearRegression(fit_intercept=False),
        Ridge(),
        Lasso(alpha=0.01),
        ElasticNet(alpha=0.01),
        BayesianRidge(),
        HuberRegressor(max_iter=1000),
        SGDRegressor(random_state=0),
        LinearSVR(max_iter=10_000),
    ],
)
def test_regressors_are_one_node(estimator: Any) -> None:
    assert agree(estimator, frame(), value(numbers())).nodes == 1


@pytest.mark.parametrize("estimator", [PoissonRegressor(), TweedieRegressor(), TweedieRegressor(power=1.5, max_iter=1000)])
def test_generalised_linear_models(estimator: Any) -> None:
    agree(estimator, frame(), np.abs(value(numbers())) / 10 + 0.1, hard=False)


@pytest.mark.parametrize("target", ["two", "three", "strings", "bool"])
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        SGDClassifier(loss="log_loss", random_state=0),
        SGDClassifier(loss="modified_huber", random_state=0),
        SGDClassifier(loss="hinge", random_state=0),
        LinearSVC(max_iter=10_000),
        RidgeClassifier(),
        LinearDiscriminantAnalysis(),
        Perceptron(random_state=0),
    ],
)
def test_classifiers(estimator: Any, target: str) -> None:
    targets = {
        "two": two(numbers()),
        "three": y3(),
        "strings": np.array(["no", "yes"])[two(numbers())],
        "bool": two(numbers()) > 0,
    }
    agree(estimator, frame(), targets[target])


def test_one_probability_is_two_nodes_and_a_take() -> None:
    made = agree(LogisticRegression(), frame(), two(numbers()), outputs={"p": "probability[1]"})
    assert made.nodes == 2


def test_shares_of_tiny_probabilities_are_right() -> None:
    x = frame()
    estimator = SGDClassifier(loss="log_loss", random_state=0)
    far = x.iloc[:5].assign(a=[-40.0, 40.0, -300.0, 300.0, 1e6])
    agree(estimator, x * 10, y3(), rows=far)


def test_a_score_of_zero_is_the_first_class() -> None:
    x = frame()
    estimator = LogisticRegression(fit_intercept=False)
    agree(estimator, x, two(numbers()), rows=(x * 0.0).assign(b=0))


def test_columns_in_another_order_and_kind() -> None:
    x = frame().assign(flag=two(numbers()) > 0, more=2.0)[["flag", "c", "b", "more", "a"]]
    agree(Ridge(), x, value(numbers()))


def test_what_is_no_number_or_missing_is_refused() -> None:
    x = frame()
    with pytest.raises(NotLowerableError, match="column 'a' may be missing here, and LogisticRegression takes no missing"):
        agree(LogisticRegression(), x, two(numbers()), nullable=["a"])
    with pytest.raises(ValueError, match="could not convert string"):
        agree(LogisticRegression(), texts(), two(numbers()))
