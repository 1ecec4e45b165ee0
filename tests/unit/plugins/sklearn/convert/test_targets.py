"""Predictors of several targets at once."""

from typing import Any

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression, MultiTaskLasso, Ridge
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.errors import NotLowerableError, ParamError
from rtml_core.testing import assert_parity
from rtml_plugins.sklearn_ops import ScikitLearn
from rtml_plugins.sklearn_ops.answers import answers_of
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


def values() -> np.ndarray:
    return np.stack([value(numbers()) / 10, two(numbers()) * 2.0, np.arange(240) / 100], axis=1)


def labels() -> np.ndarray:
    return np.stack([two(numbers()), 1 - two(numbers(), seed=7)], axis=1)


@pytest.mark.parametrize(
    ("model", "nodes"),
    [
        (LinearRegression(), 2),
        (Ridge(), 2),
        (MultiTaskLasso(0.01), 2),
        (PLSRegression(2), 3),
        (KernelRidge(), 2),
        (DecisionTreeRegressor(max_depth=4), 2),
        (RandomForestRegressor(4, max_depth=4, random_state=0), 3),
        (ExtraTreesRegressor(4, max_depth=4, random_state=0), 3),
        (MLPRegressor(hidden_layer_sizes=(4,), random_state=0, max_iter=3000, tol=1e-2), 4),
        (make_pipeline(StandardScaler(), LinearRegression()), 4),
        (MultiOutputRegressor(Ridge()), 3),
        (MultiOutputRegressor(DecisionTreeRegressor(max_depth=3)), 3),
        (RegressorChain(Ridge(), order=[2, 0, 1]), None),
        (RegressorChain(DecisionTreeRegressor(max_depth=3, random_state=0)), None),
    ],
    ids=lambda model: type(model).__name__,
)
def test_values(model: Any, nodes: int | None) -> None:
    made = agree(model, frame(), values())
    assert list(made.outputs.values()) == ["prediction_0", "prediction_1", "prediction_2"]
    assert nodes is None or made.nodes <= nodes
    one = agree(model, frame(), values(), outputs={"p": "value[1]"})
    assert list(one.outputs.values()) == ["p"]


def test_one_of_several_targets_is_said() -> None:
    model = LinearRegression().fit(frame(), values())
    for text in ("value", "value[3]", "value[x]"):
        with pytest.raises(ParamError, match=r"say which of 3 targets, e\.g\. 'value\[0\]'"):
            answers_of(model, ["a", "b", "c"], {"p": text})
    assert [a.name for a in answers_of(SVR().fit(frame(), value(numbers())), ["a", "b", "c"], None)] == ["prediction"]


@pytest.mark.parametrize(
    "model",
    [
        MultiOutputClassifier(LogisticRegression()),
        DecisionTreeClassifier(max_depth=4, random_state=0),
        RandomForestClassifier(4, max_depth=4, random_state=0),
        ClassifierChain(LogisticRegression(), order=[1, 0]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_labels(model: Any) -> None:
    made = agree(model, frame(), labels())
    assert list(made.outputs.values()) == ["label_0", "label_1"]


def test_labels_that_are_texts() -> None:
    y = np.stack([three(numbers()), np.where(two(numbers()) > 0, "ja", "nein")], axis=1)
    agree(DecisionTreeClassifier(max_depth=4, random_state=0), frame(), y)
    agree(MultiOutputClassifier(DecisionTreeClassifier(max_depth=4, random_state=0)), frame(), y)


def test_chains_of_probabilities_are_refused() -> None:
    with pytest.raises(NotLowerableError, match="use 'predict'"):
        agree(ClassifierChain(LogisticRegression(), chain_method="predict_proba"), frame(), labels())


def test_a_fitted_model_of_several_targets_is_an_operator() -> None:
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(frame(), values())
    operator = ScikitLearn(model=model, outputs={"first": "value[0]", "last": "value[2]"})
    assert list(operator.transform(frame()).columns) == ["first", "last"]
    assert assert_parity(operator, frame(), nullable=False) <= 6
