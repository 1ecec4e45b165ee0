"""Votes, calibration, and models that learn nothing."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier, VotingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.errors import NotLowerableError
from rtml_plugins.sklearn_ops.convert.thresholds import around
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value


def frame() -> Any:
    return numbers().assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize("weights", [None, [1, 2, 0.5]])
@pytest.mark.parametrize("target", [two, three])
def test_soft_votes(target: Any, weights: Any) -> None:
    members = [
        ("line", LogisticRegression()),
        ("tree", DecisionTreeClassifier(max_depth=3)),
        ("boost", GradientBoostingClassifier(n_estimators=3)),
    ]
    agree(VotingClassifier(members, voting="soft", weights=weights), frame(), target(numbers()))


def test_votes_of_regressors() -> None:
    members = [("line", LinearRegression()), ("tree", DecisionTreeRegressor(max_depth=3))]
    agree(VotingRegressor(members), frame(), value(numbers()))
    agree(VotingRegressor([*members, ("no", "drop")], weights=[1, 3, 5]), frame(), value(numbers()))


@pytest.mark.parametrize("target", [two, three])
@pytest.mark.parametrize("base", [LinearSVC(max_iter=10_000), RandomForestClassifier(5, max_depth=3, random_state=0)])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(base: Any, target: Any, method: str) -> None:
    if method == "isotonic" and target is three and isinstance(base, LinearSVC):
        with pytest.raises(NotLowerableError, match="3 classes: the classes' steps may be of equal height"):
            agree(CalibratedClassifierCV(base, method=method, cv=2), frame(), target(numbers()))
        return
    agree(CalibratedClassifierCV(base, method=method, cv=2), frame(), target(numbers()))
    agree(CalibratedClassifierCV(base, method=method, cv=2, ensemble=False), frame(), target(numbers()))


def test_calibration_by_temperature() -> None:
    for base in (LogisticRegression(), RandomForestClassifier(5, max_depth=3, random_state=0)):
        agree(CalibratedClassifierCV(base, method="temperature", cv=2), frame(), two(numbers()))
    agree(CalibratedClassifierCV(base, method="temperature", cv=2), frame(), three(numbers()))
    with pytest.raises(NotLowerableError, match=r"a row's answer may depend on the others\. Use method='sigmoid'"):
        agree(CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2), frame(), three(numbers()))


@pytest.mark.parametrize("outside", ["clip", "nan"])
def test_isotonic_regression_at_and_beyond_its_points(outside: str) -> None:
    x = numbers()[["a"]].round(1)
    model = IsotonicRegression(out_of_bounds=outside)
    points = model.fit(x["a"], value(numbers())).X_thresholds_
    agree(model, x, value(numbers()), rows=pd.DataFrame({"a": around(points)}))
    agree(IsotonicRegression(out_of_bounds=outside), pd.DataFrame({"a": [1.0, 1.0]}), np.array([2.0, 3.0]))


def test_isotonic_regression_that_refuses_is_refused() -> None:
    with pytest.raises(NotLowerableError, match=r"out_of_bounds='raise'.*use 'clip'"):
        agree(IsotonicRegression(out_of_bounds="raise"), numbers()[["a"]], value(numbers()))


@pytest.mark.parametrize("strategy", ["prior", "most_frequent"])
@pytest.mark.parametrize("target", [two, three])
def test_constant_classifiers(target: Any, strategy: str) -> None:
    agree(DummyClassifier(strategy=strategy), frame(), target(numbers()))


def test_constant_regressor_and_what_is_random() -> None:
    agree(DummyRegressor(strategy="median"), frame(), value(numbers()))
    with pytest.raises(NotLowerableError, match="answers at random"):
        agree(DummyClassifier(strategy="stratified"), frame(), two(numbers()))
