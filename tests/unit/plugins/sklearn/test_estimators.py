"""From parameters to estimators."""

import subprocess
import sys
from typing import Any

import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from rtml_core.errors import ParamError
from rtml_plugins.sklearn_ops import ScikitLearn
from rtml_plugins.sklearn_ops.estimators import is_fitted, make_estimator, needs_label, seeded


def test_numbers_may_come_as_strings() -> None:
    made = make_estimator(
        "sklearn.ensemble.RandomForestClassifier",
        {"n_estimators": "80", "max_depth": "5", "min_samples_leaf": "0.25", "max_features": "sqrt", "criterion": "entropy"},
    )
    assert (made.n_estimators, made.max_depth, made.min_samples_leaf) == (80, 5, 0.25)
    assert (made.max_features, made.criterion) == ("sqrt", "entropy")
    assert type(made.max_depth) is int


def test_pipelines_from_json() -> None:
    steps = [
        ["scale", {"model": "sklearn.preprocessing.StandardScaler"}],
        ["model", {"model": "sklearn.linear_model.LogisticRegression"}],
    ]
    made = make_estimator("sklearn.pipeline.Pipeline", {"steps": steps, "model__C": "0.5"})
    assert isinstance(made, Pipeline)
    assert [type(step).__name__ for _, step in made.steps] == ["StandardScaler", "LogisticRegression"]
    assert made.named_steps["model"].C == 0.5


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "parameter 'model' must be an import path or an estimator; it is missing"),
        ({"model": "LogisticRegression"}, "must be an import path into scikit-learn.*got 'LogisticRegression'"),
        ({"model": "subprocess.Popen", "model_params": {"args": ["id"]}}, "must be an import path into scikit-learn"),
        ({"model": "sklearn.datasets.fetch_openml"}, "must be an import path into scikit-learn"),
        (
            {"model": "sklearn.linear_model.LogisticRegresion"},
            "no estimator 'LogisticRegresion'. Did you mean 'LogisticRegression'",
        ),
        ({"model": "sklearn.linear_modl.Ridge"}, "no module 'sklearn.linear_modl'.*Did you mean 'sklearn.linear_model'"),
        ({"model": "sklearn.linear_model.ridge_regression"}, "has no estimator 'ridge_regression'"),
        ({"model": LogisticRegression}, r"got the class LogisticRegression: call it, LogisticRegression\(\)"),
        ({"model": 3}, "must be an import path .* or an estimator; got 3"),
        (
            {"model": "sklearn.linear_model.Ridge", "model_params": {"alfa": 1}},
            "Ridge has no parameter 'alfa'. Did you mean 'alpha'",
        ),
        ({"params": {"modl": "x"}}, "parameter 'params' must hold 'model'"),
        ({"params": {"model": "sklearn.linear_model.Ridge"}, "model": "x"}, "'model' must be given once"),
        ({"model": LogisticRegression(), "label": "y", "features": ["y"]}, "must not hold the label 'y'"),
        ({"model": LogisticRegression(), "mode": "training"}, "parameter 'mode' must be"),
    ],
)
def test_what_is_no_model_is_said(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamError, match=f"ScikitLearn: .*{said}"):
        ScikitLearn(params)


def test_what_is_random_gets_a_seed_and_caches_are_dropped() -> None:
    fresh = seeded(Pipeline([("s", StandardScaler()), ("m", RandomForestClassifier())], memory="somewhere"))
    assert fresh.named_steps["m"].random_state == 0
    assert fresh.memory is None
    assert seeded(RandomForestClassifier(random_state=5)).random_state == 5


def test_whether_it_has_learned_and_needs_a_label() -> None:
    x, y = [[0.0], [1.0]], [0, 1]
    assert not is_fitted(LogisticRegression())
    assert is_fitted(LogisticRegression().fit(x, y))
    assert not is_fitted(make_pipeline(StandardScaler(), LogisticRegression()))
    assert is_fitted(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y))
    assert not is_fitted(FunctionTransformer())
    assert needs_label(LogisticRegression())
    assert needs_label(make_pipeline(StandardScaler(), LogisticRegression()))
    assert not needs_label(StandardScaler())


def test_experimental_estimators_are_found_by_their_path() -> None:
    code = (
        "from rtml_plugins.sklearn_ops.estimators import make_estimator\n"
        "print(type(make_estimator('sklearn.impute.IterativeImputer', {'max_iter': '3'})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "IterativeImputer"
