"""Gradient boosting of both kinds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import ROWS, agree, numbers, texts, three, two, value


@pytest.mark.parametrize("options", [{}, {"init": "zero"}, {"loss": "exponential"}, {"subsample": 0.5}])
def test_classifier_of_two(options: dict[str, Any]) -> None:
    estimator = GradientBoostingClassifier(n_estimators=10, random_state=0, **options)
    made = agree(estimator, numbers(), two(numbers()))
    assert made.nodes <= 6


def test_one_probability_takes_three_nodes() -> None:
    estimator = GradientBoostingClassifier(n_estimators=10, max_depth=4, random_state=0)
    assert agree(estimator, numbers(), two(numbers()), outputs={"p": "probability[1]"}).nodes <= 3


def test_classifier_of_three_and_its_decision() -> None:
    estimator = GradientBoostingClassifier(n_estimators=5, random_state=0)
    agree(estimator, numbers(), three(numbers()))
    agree(estimator, numbers(), three(numbers()), outputs={"z": "decision[z]", "y": "label"}, exact=True)


@pytest.mark.parametrize("options", [{}, {"loss": "huber"}, {"loss": "quantile", "alpha": 0.8}, {"init": "zero"}])
def test_regressor_is_equal_bit_by_bit(options: dict[str, Any]) -> None:
    estimator = GradientBoostingRegressor(n_estimators=10, random_state=0, **options)
    assert agree(estimator, numbers(), value(numbers()), exact=True).nodes == 1


def test_another_start_is_refused_with_the_cure() -> None:
    estimator = GradientBoostingClassifier(n_estimators=2, init=LogisticRegression())
    with pytest.raises(NotLowerableError, match="starts from a LogisticRegression; only the default start"):
        agree(estimator, numbers(), two(numbers()))


def test_missing_values_are_refused_naming_the_column() -> None:
    with pytest.raises(NotLowerableError, match="column 'b' may be missing here, and GradientBoostingRegressor takes no missing"):
        agree(GradientBoostingRegressor(n_estimators=2), numbers(), value(numbers()), nullable=["b"])


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("target", [two, three])
def test_histogram_classifier(target: Any, missing: bool) -> None:
    frame = numbers(missing=missing)
    estimator = HistGradientBoostingClassifier(max_iter=10, random_state=0)
    agree(estimator, frame, target(frame))
    agree(estimator, frame, target(frame), nullable=["a", "b", "c"])


@pytest.mark.parametrize("options", [{}, {"loss": "poisson"}, {"loss": "quantile", "quantile": 0.7}])
def test_histogram_regressor(options: dict[str, Any]) -> None:
    frame = numbers(missing=True)
    agree(HistGradientBoostingRegressor(max_iter=10, random_state=0, **options), frame, np.abs(value(frame)))


@pytest.mark.parametrize("classes", [2, 3])
def test_categories_as_numbers(classes: int) -> None:
    rng = np.random.default_rng(0)
    frame = numbers(missing=True).assign(q=rng.integers(0, 40, ROWS).astype(float))
    frame["q"] = frame["q"].where(rng.random(ROWS) > 0.1)
    y = (frame["q"].fillna(3) % 7).to_numpy().astype(int) % classes
    rows = pd.concat([frame.iloc[[0]].assign(q=v) for v in (*range(-2, 45), 0.5, np.nan, 1e30, -1e30, 255, 256)])
    estimator = HistGradientBoostingClassifier(max_iter=10, random_state=0, categorical_features=["q"])
    agree(estimator, frame[["q", "a"]], y, rows=rows[["q", "a"]])


def test_categories_as_strings() -> None:
    frame = pd.concat([numbers(missing=True), texts(missing=True)], axis=1)
    y = frame["brand"].isin(["A", "C"]).to_numpy() ^ (frame["a"].fillna(0) > 0).to_numpy()
    estimator = HistGradientBoostingClassifier(max_iter=10, random_state=0, categorical_features=["brand", "g", "ü"])
    made = agree(estimator, frame, y.astype(int))
    assert made.nodes <= 14


def test_trees_of_one_leaf() -> None:
    agree(GradientBoostingClassifier(n_estimators=3, min_samples_leaf=200), numbers(), three(numbers()))
    agree(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=200), numbers(), two(numbers()))
