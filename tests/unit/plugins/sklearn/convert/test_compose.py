"""Pipelines, column transformers, unions and searches."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, texts, three, two


def mixed() -> pd.DataFrame:
    return pd.concat([texts(missing=True), numbers(missing=True).assign(c=lambda f: f["c"] / 1e3)], axis=1)


def number_steps() -> Pipeline:
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


def text_steps() -> Pipeline:
    return make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))


def columns(**options: Any) -> ColumnTransformer:
    return ColumnTransformer([("n", number_steps(), ["a", "b", "c"]), ("t", text_steps(), ["g", "brand"])], **options)


@pytest.mark.parametrize(
    "estimator",
    [
        columns(),
        columns(transformer_weights={"n": 2.5}),
        columns(sparse_threshold=1.0),
        ColumnTransformer([("t", text_steps(), ["g", "brand"]), ("d", "drop", ["ü"])], remainder="passthrough"),
        ColumnTransformer([("t", text_steps(), [0, 1, 2])], remainder=SimpleImputer()),
        ColumnTransformer([("n", number_steps(), [3, 4, 5]), ("p", "passthrough", ["k"])]),
        ColumnTransformer([("n", number_steps(), ["a", "b"])], remainder="passthrough"),
        ColumnTransformer([("n", number_steps(), slice(3, 6)), ("none", "passthrough", [])], verbose_feature_names_out=False),
    ],
)
def test_column_transformers(estimator: Any) -> None:
    agree(estimator, mixed())


@pytest.mark.parametrize(
    ("model", "nodes"),
    [
        (LogisticRegression(), 14),
        (GradientBoostingClassifier(n_estimators=5, random_state=0), 15),
        (RandomForestClassifier(5, max_depth=4, random_state=0), 14),
    ],
)
@pytest.mark.parametrize("target", [two, three])
def test_whole_pipelines(model: Any, nodes: int, target: Any) -> None:
    assert agree(make_pipeline(columns(), model), mixed(), target(numbers(missing=True))).nodes <= nodes


def test_steps_that_do_nothing() -> None:
    agree(Pipeline([("a", "passthrough"), ("b", None), ("c", StandardScaler())]), numbers(), exact=True)
    agree(Pipeline([("a", "passthrough")]), numbers(), exact=True)


def test_unions() -> None:
    union = FeatureUnion(
        [("s", StandardScaler()), ("p", PCA(2)), ("same", "passthrough"), ("no", "drop")], transformer_weights={"p": 2.0}
    )
    agree(union, numbers()[["a", "b"]], hard=False)


def test_searches_and_frozen_estimators() -> None:
    search = GridSearchCV(make_pipeline(columns(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}, cv=2)
    agree(search, mixed(), two(numbers()))
    frame = numbers()[["a", "b"]]
    agree(
        make_pipeline(StandardScaler(), FrozenEstimator(LogisticRegression().fit(frame, two(numbers())))), frame, two(numbers())
    )


def test_a_search_without_refit_is_refused() -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2, refit=False).fit(numbers()[["a"]], two(numbers()))
    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.convert.registry import Columns, convert

    with pytest.raises(NotLowerableError, match="kept no best estimator; pass refit=True"):
        convert(Builder(), search, Columns([]))


def test_another_number_of_columns_is_refused() -> None:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import unpack
    from rtml_plugins.sklearn_ops.convert.registry import Columns, convert

    b = Builder()
    scaler = StandardScaler().fit(numbers())
    with pytest.raises(NotLowerableError, match="StandardScaler was fitted on 4 columns and gets 2"):
        convert(b, scaler, Columns(unpack(b.input("x", "float64", 2), "float64")))


def test_what_taught_itself_is_its_last_classifier() -> None:
    x = numbers().assign(c=lambda f: f["c"] / 1e3)
    some = np.where(np.arange(len(x)) % 3 == 0, -1, two(x))
    agree(SelfTrainingClassifier(LogisticRegression()), x, some)
