"""Decision trees and forests: bit by bit what scikit-learn says, next to every threshold."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from rtml_core.errors import NotLowerableError
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.sklearn_ops import ScikitLearn
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value

CLASSIFIERS = {
    "tree": (DecisionTreeClassifier(random_state=0), 5),
    "shallow tree": (DecisionTreeClassifier(max_depth=3, random_state=0), 5),
    "random tree": (ExtraTreeClassifier(random_state=0), 5),
    "forest of pure leaves": (RandomForestClassifier(9, random_state=0), 5),
    "forest of mixed leaves": (RandomForestClassifier(9, max_depth=4, random_state=0), 5),
    "random forest": (ExtraTreesClassifier(9, max_depth=4, random_state=0), 5),
}


@pytest.mark.parametrize("kind", ["two", "three", "bool", "other numbers"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name: str, kind: str) -> None:
    estimator, most = CLASSIFIERS[name]
    frame = numbers()
    targets = {"two": two(frame), "three": three(frame), "bool": two(frame).astype(bool), "other numbers": two(frame) * 5 - 2}
    made = agree(estimator, frame, targets[kind], exact=True)
    assert made.nodes <= most + (kind != "bool")


@pytest.mark.parametrize(
    ("estimator", "nodes"),
    [
        (DecisionTreeRegressor(random_state=0), 1),
        (ExtraTreeRegressor(random_state=0), 1),
        (RandomForestRegressor(9, random_state=0), 2),
        (ExtraTreesRegressor(9, max_depth=5, random_state=0), 2),
    ],
)
def test_regressors(estimator: Any, nodes: int) -> None:
    assert agree(estimator, numbers(), value(numbers()), exact=True).nodes == nodes


@pytest.mark.parametrize("trained_with_gaps", [True, False])
@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=6, random_state=0),
        RandomForestClassifier(5, random_state=0),
        ExtraTreesClassifier(5, random_state=0),
    ],
)
def test_missing_values_go_where_training_sent_them(estimator: Any, trained_with_gaps: bool) -> None:
    gaps = numbers(missing=True)
    frame = gaps if trained_with_gaps else gaps.fillna(0.5)
    agree(estimator, frame, three(gaps), exact=True, nullable=["a", "b", "c"])


def test_missing_values_in_regression() -> None:
    gaps = numbers(missing=True)
    agree(RandomForestRegressor(5, random_state=0), gaps, value(gaps), exact=True)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(min_samples_leaf=200),
        RandomForestClassifier(3, min_samples_leaf=200),
        DecisionTreeRegressor(min_samples_leaf=200),
        RandomForestRegressor(3, min_samples_leaf=200),
    ],
)
def test_a_tree_may_be_one_leaf(estimator: Any) -> None:
    agree(estimator, numbers(), two(numbers()), exact=True)


def test_a_classifier_that_saw_one_class() -> None:
    made = agree(DecisionTreeClassifier(), numbers(), np.full(len(numbers()), 7))
    assert list(made.outputs.values()) == ["label", "probability_7"]


def test_ties_go_to_the_first_class_also_after_rounding() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 3, 90), "b": rng.integers(0, 3, 90)})
    # ten trees of leaves like 0.3 and 0.7, whose sums meet at a half but for the last bit
    agree(RandomForestClassifier(10, max_depth=2, random_state=0), frame, rng.integers(0, 2, 90), exact=True)
    agree(RandomForestClassifier(12, max_depth=1, random_state=0), frame, rng.choice(["x", "y", "z"], 90), exact=True)


def test_many_leaves_are_looked_up_instead_of_repeating_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_plugins.sklearn_ops.convert import trees

    estimator = RandomForestClassifier(9, min_samples_leaf=2, random_state=0)
    repeated = agree(estimator, numbers(), three(numbers()), exact=True)
    monkeypatch.setattr(trees, "_REPEATED_LEAVES", 10)
    looked_up = agree(estimator, numbers(), three(numbers()), exact=True)
    assert len(looked_up.model) < 0.75 * len(repeated.model)
    assert looked_up.nodes == repeated.nodes + 3


def test_columns_without_a_split_are_not_read() -> None:
    made = agree(
        DecisionTreeRegressor(max_depth=1), pd.DataFrame({"a": np.arange(9.0), "g": list("ababababa")})[["a"]], np.arange(9)
    )
    assert made.nodes == 1


def test_an_estimator_that_takes_no_missing_values_refuses_a_column_that_may_be_missing() -> None:
    frame = numbers()
    estimator = ExtraTreeRegressor(max_depth=3, splitter="best")
    with pytest.raises(
        NotLowerableError, match=r"column 'c' may be missing here, and ExtraTreeRegressor takes no missing.*fillna"
    ):
        agree(estimator, frame, value(frame), nullable=["c"])


@pytest.mark.parametrize("kind", ["float?", "int?"])
def test_a_split_between_missing_and_present_compiles_as_a_whole_graph(kind: str) -> None:
    # its threshold is infinite, which is no value of a request
    train = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0] * 3 + [np.nan] * 6})
    train["y"] = train["a"].isna().astype(int)
    model = ScikitLearn(model=DecisionTreeClassifier(), features=["a"], label="y", outputs={"p": "probability[1]"})
    graph = Receiver(schema={"a": kind}) >> model
    compiled = graph.fit(train).compile(train[["a"]])
    assert np.isinf(model.model().tree_.threshold[0])
    assert compiled.score([{"a": None}, {"a": 4}]) == [{"p": 1.0}, {"p": 0.0}]
