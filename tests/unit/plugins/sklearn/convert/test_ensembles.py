"""Stacking, bagging, AdaBoost and hard votes."""

from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    RandomTreesEmbedding,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import unpack
from rtml_plugins.sklearn_ops.convert.ensembles import _stacked
from rtml_plugins.sklearn_ops.convert.registry import Columns, predict
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value


def frame() -> Any:
    return numbers().assign(c=lambda f: f["c"] / 1e3)


def numbered(names: Any) -> Any:
    """Whole numbers that are no positions, as classes."""
    return np.array([7, -2, 40])[names]


TARGETS = {"two": two, "three": three, "numbers": lambda f: numbered(two(f) + (f["c"] > 0))}
MEMBERS: list[Any] = [
    ("line", LogisticRegression()),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ("ridge", RidgeClassifier()),
]


# ---- stacking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("target", TARGETS)
def test_stacked_classifiers(target: str, passthrough: bool) -> None:
    y = TARGETS[target](numbers())
    agree(StackingClassifier(MEMBERS, cv=2, passthrough=passthrough), frame(), y)
    last = DecisionTreeClassifier(max_depth=3, random_state=0)
    agree(StackingClassifier([*MEMBERS, ("no", "drop")], last, cv=2, passthrough=passthrough), frame(), y, hard=False)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("target", TARGETS)
def test_stacked_by(target: str, method: str) -> None:
    members = [MEMBERS[0], ("more", LogisticRegression(C=0.1))]
    agree(StackingClassifier(members, LinearSVC(), cv=2, stack_method=method), frame(), TARGETS[target](numbers()))


def test_stacked_regressors() -> None:
    members = [("line", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))]
    agree(StackingRegressor(members, cv=2), frame(), value(numbers()))
    agree(StackingRegressor(members, Ridge(), cv=2, passthrough=True), frame(), value(numbers()))


def test_prefit_members_that_answer_texts_are_refused() -> None:
    x, y = numbers().assign(c=lambda f: f["c"] / 1e3), three(numbers())
    member = LogisticRegression().fit(x, y)
    b = Builder()
    found = predict(b, member, Columns(unpack(b.input("x", "float64", 4), "float64")))
    with pytest.raises(NotLowerableError, match="labels, which are texts"):
        _stacked(found, member, "predict")


# ---- bagging -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "options", [{}, {"max_features": 2, "bootstrap_features": True}, {"max_features": 0.5, "bootstrap": False}]
)
def test_bagged_trees_are_one_operator(options: Any, target: str) -> None:
    y = TARGETS[target](numbers())
    made = agree(BaggingClassifier(DecisionTreeClassifier(max_depth=4), 6, random_state=0, **options), frame(), y)
    assert made.nodes <= 8
    made = agree(BaggingRegressor(n_estimators=6, random_state=0, **options), frame(), value(numbers()))
    assert made.nodes == 2


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("base", [LogisticRegression(), LinearSVC(), HistGradientBoostingClassifier(max_iter=2)])
def test_bagging_of_others(base: Any, target: str) -> None:
    model = BaggingClassifier(base, 4, max_features=3, max_samples=0.5, random_state=0)
    agree(model, frame(), TARGETS[target](numbers()), hard=type(base) is not LinearSVC)


def test_bagging_where_a_member_did_not_see_every_class() -> None:
    x = frame()[["a", "b", "c"]]
    y = np.where(np.arange(len(x)) < 3, "rare", three(numbers()).astype(str))
    for base in (DecisionTreeClassifier(max_depth=3), LinearDiscriminantAnalysis()):
        agree(BaggingClassifier(base, 6, max_samples=20, random_state=0), x, y, hard=False)


def test_bagged_lines() -> None:
    agree(BaggingRegressor(LinearRegression(), 4, max_features=2, random_state=0), frame(), value(numbers()))


def test_bagging_with_gaps() -> None:
    x = numbers(missing=True)
    agree(BaggingClassifier(DecisionTreeClassifier(max_depth=4), 4, random_state=0), x, two(x))
    agree(BaggingRegressor(DecisionTreeRegressor(max_depth=4), 4, random_state=0), x, value(x))


# ---- AdaBoost ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", TARGETS)
def test_boosted_trees(target: str) -> None:
    made = agree(AdaBoostClassifier(n_estimators=10, random_state=0), frame(), TARGETS[target](numbers()), exact=False)
    assert made.nodes <= 9
    deep = DecisionTreeClassifier(max_depth=3, random_state=0)
    agree(AdaBoostClassifier(deep, n_estimators=5, learning_rate=0.5, random_state=0), frame(), TARGETS[target](numbers()))


@pytest.mark.parametrize("target", TARGETS)
def test_boosted_lines(target: str) -> None:
    agree(AdaBoostClassifier(LogisticRegression(), n_estimators=4, random_state=0), frame(), TARGETS[target](numbers()))


@pytest.mark.parametrize("base", [None, LinearRegression()])
def test_boosted_regressors(base: Any) -> None:
    made = agree(AdaBoostRegressor(base, n_estimators=9, random_state=0), frame(), value(numbers()), exact=base is None)
    assert base is not None or made.nodes <= 12
    agree(AdaBoostRegressor(base, n_estimators=1, random_state=0), frame(), value(numbers()))


# ---- votes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, [0.3, 0.2, 0.1], [1, 2, 1]])
@pytest.mark.parametrize("target", TARGETS)
def test_hard_votes(target: str, weights: Any) -> None:
    agree(VotingClassifier(MEMBERS, weights=weights), frame(), TARGETS[target](numbers()))


def test_leaves_as_columns_are_one_operator() -> None:
    model = RandomTreesEmbedding(5, max_depth=3, random_state=0)
    assert agree(model, frame(), exact=True).nodes == 2
    agree(make_pipeline(model, LogisticRegression()), frame(), two(numbers()))
