"""Where a model changes its mind, and the rows made of that."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.columns import Column
from rtml_core.frames import canonical
from rtml_plugins.sklearn_ops.convert.thresholds import fold_float32
from rtml_plugins.sklearn_ops.edges import points
from rtml_plugins.sklearn_ops.evaluate import features_frame
from rtml_plugins.sklearn_ops.hard_rows import LIMIT, as_incoming, describe_inputs, hard_rows
from tests.unit.plugins.sklearn.checks import numbers, texts, two

X = numbers()[["a", "b", "c"]].astype(float)
Y = two(numbers())


def thresholds(tree: Any, feature: int) -> set[float]:
    own = tree.tree_.threshold[tree.tree_.feature == feature]
    return {*own.tolist(), *fold_float32(own).tolist()}


def test_thresholds_of_trees_and_of_trees_inside() -> None:
    tree = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, Y)
    assert points(tree) == {f: thresholds(tree, f) for f in range(3) if thresholds(tree, f)}
    boosted = GradientBoostingClassifier(n_estimators=3).fit(X, Y)
    assert points(boosted)[0] == set().union(*(thresholds(t, 0) for t in boosted.estimators_.ravel()))
    members = [("t", DecisionTreeClassifier(max_depth=4, random_state=0)), ("l", LogisticRegression())]
    votes = VotingClassifier(members).fit(X / [1, 1, 1e3], Y)
    assert points(votes)[0] == thresholds(votes.estimators_[0], 0)
    calibrated = CalibratedClassifierCV(RandomForestClassifier(2, max_depth=2, random_state=0), cv=2).fit(X, Y)
    assert len(points(calibrated)[0]) > 2
    assert points(LogisticRegression().fit(X / 1e3, Y)) == {}


def test_points_of_members_that_see_some_columns_are_those_columns() -> None:
    bagged = BaggingClassifier(DecisionTreeClassifier(max_depth=2), 4, max_features=1, random_state=0).fit(X, Y)
    found = points(bagged)
    assert thresholds(bagged.estimators_[0], 0) <= found[int(bagged.estimators_features_[0][0])]
    assert set(found) == {int(subset[0]) for subset in bagged.estimators_features_}


def test_points_of_what_is_wrapped_are_its_own() -> None:
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    fixed = FixedThresholdClassifier(tree, threshold=0.4).fit(X, Y[0] == Y)
    assert points(fixed) == points(fixed.estimator_)
    doubled = TransformedTargetRegressor(DecisionTreeRegressor(max_depth=2, random_state=0)).fit(X, X["a"])
    assert points(doubled) == points(doubled.regressor_)
    splines = SplineTransformer(n_knots=3, degree=1).fit(X)
    assert set(splines.bsplines_[1].t.tolist()) == points(splines)[1]


def test_points_are_traced_back_through_what_stands_before() -> None:
    inner = make_pipeline(SimpleImputer(), SelectKBest(k=1), KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"))
    outer = make_pipeline(ColumnTransformer([("x", inner, ["b", "a"])]), LogisticRegression()).fit(X, Y)
    edges = outer[0].named_transformers_["x"][-1].bin_edges_[0]
    chosen = ["b", "a"][int(np.flatnonzero(outer[0].named_transformers_["x"][1].get_support())[0])]
    assert points(outer) == {list(X).index(chosen): set(edges.tolist())}
    scaled = make_pipeline(StandardScaler(), Binarizer(threshold=0.5)).fit(X)
    assert np.allclose(next(iter(points(scaled)[2])), 0.5 * scaled[0].scale_[2] + scaled[0].mean_[2])


def test_categories_and_thresholds_of_histogram_boosting() -> None:
    frame = pd.concat([X, texts()], axis=1)
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=["brand"]).fit(frame[["a", "brand", "c"]], Y)
    found = points(model)
    assert found[1] == set("ABCDEFG")
    splits = {
        float(n["num_threshold"])
        for stage in model._predictors
        for n in stage[0].nodes
        if not n["is_leaf"] and n["feature_idx"] == 1
    }
    assert found[0] == splits
    encoder = ColumnTransformer([("o", OneHotEncoder(), ["g"])]).fit(frame)
    assert points(encoder) == {3: {"m", "f"}}


def rows(frame: pd.DataFrame, found: Any) -> pd.DataFrame:
    frame = canonical(frame)
    return hard_rows(describe_inputs(frame, features_frame(frame, list(frame.columns))), found)


def test_each_point_comes_with_its_neighbours() -> None:
    made = rows(X, {0: {0.5}, 1: {0.1}})
    for column, point in (("a", 0.5), ("b", 0.1)):
        assert {point, np.nextafter(point, 1), np.nextafter(point, 0)} <= set(made[column])
    assert {1e300, -1e300, 0.0} <= set(made["c"])
    assert not made.isna().any().any()


def test_kinds_and_gaps_are_those_of_training() -> None:
    frame = pd.concat([numbers(missing=True), texts(missing=True)], axis=1).assign(n=range(240), f=[True, False] * 120)
    made = rows(frame, {4: {"m", "f"}, 7: {2.5}})
    assert made.isna().any().to_dict() == canonical(frame).isna().any().to_dict()
    assert made.dtypes.astype(str).to_dict() == canonical(frame).dtypes.astype(str).to_dict()
    assert {2, 3} <= set(made["n"])
    assert {"m", "f", "", "unknown category"} <= set(made["g"].dropna())


def test_there_is_a_limit_and_no_chance() -> None:
    found = {i: set(np.random.default_rng(i).normal(size=50_000).tolist()) for i in range(3)}
    made = rows(X, found)
    assert 5_000 < len(made) <= LIMIT
    assert made.equals(rows(X, found))


def test_rows_come_in_the_dtypes_of_the_graph() -> None:
    frame = canonical(numbers(missing=True))
    inputs = describe_inputs(frame, features_frame(frame, list(frame.columns)))
    columns = {"a": Column("a", "float64"), "b": Column("b", "int64")}
    made = hard_rows(as_incoming(inputs, columns), {1: {2.5}})
    assert made["b"].dtype == np.int64
    assert not made["a"].isna().any()
    assert made["c"].isna().any()


def test_what_is_kept_of_the_training_rows_is_no_row() -> None:
    frame = canonical(pd.concat([numbers(), texts()], axis=1))
    kept = describe_inputs(frame, features_frame(frame, list(frame.columns)))
    assert len(kept["a"]["typical"]) == 3
    assert kept["brand"]["typical"][0] == "A"
    assert kept["b"] == {"dtype": "int64", "missing": False, "typical": [0, 2, 4]}


def test_points_of_members_that_see_some_columns_are_those_of_the_columns_they_see() -> None:
    x, y = numbers()[["a", "b", "c"]], two(numbers())
    for model in (
        BaggingClassifier(DecisionTreeClassifier(max_depth=2), 4, max_features=1, random_state=0),
        IsolationForest(n_estimators=4, max_features=1, random_state=0),
    ):
        model.fit(x, y)
        for member, at in zip(model.estimators_, model.estimators_features_, strict=True):
            inner = member.tree_.threshold[member.tree_.children_left >= 0]
            assert set(inner.tolist()) <= points(model)[int(at[0])]
    assert points(AdaBoostClassifier(n_estimators=3, random_state=0).fit(x, y)) != {}
