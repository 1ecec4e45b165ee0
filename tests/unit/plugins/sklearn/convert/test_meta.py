"""Votes, calibration, and models that learn nothing."""

from typing import Any

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.errors import NotLowerableError
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


def test_hard_votes_are_refused() -> None:
    with pytest.raises(NotLowerableError, match=r"voting='hard'.*use voting='soft'"):
        agree(VotingClassifier([("a", LogisticRegression())]), frame(), two(numbers()))


@pytest.mark.parametrize("target", [two, three])
@pytest.mark.parametrize("base", [LinearSVC(max_iter=10_000), RandomForestClassifier(5, max_depth=3, random_state=0)])
def test_calibration_by_sigmoid(base: Any, target: Any) -> None:
    agree(CalibratedClassifierCV(base, cv=2), frame(), target(numbers()))
    agree(CalibratedClassifierCV(base, cv=2, ensemble=False), frame(), target(numbers()))


@pytest.mark.parametrize("strategy", ["prior", "most_frequent"])
@pytest.mark.parametrize("target", [two, three])
def test_constant_classifiers(target: Any, strategy: str) -> None:
    agree(DummyClassifier(strategy=strategy), frame(), target(numbers()))


def test_constant_regressor_and_what_is_random() -> None:
    agree(DummyRegressor(strategy="median"), frame(), value(numbers()))
    with pytest.raises(NotLowerableError, match="answers at random"):
        agree(DummyClassifier(strategy="stratified"), frame(), two(numbers()))
