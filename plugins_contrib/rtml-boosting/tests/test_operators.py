"""Authored and compiled on hard rows: thresholds and their neighbours, missing, huge and tiny values, ties."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.errors import NotLowerableError, ParamError, RtmlError
from rtml_core.testing import assert_parity, assert_refuses

LIBRARIES = ("LightGBM", "XGBoost", "CatBoost")
SMALL: dict[str, dict[str, Any]] = {
    "LightGBM": {"n_estimators": 12, "num_leaves": 9, "min_child_samples": 3},
    "XGBoost": {"n_estimators": 12, "max_depth": 3},
    "CatBoost": {"iterations": 12, "depth": 3, "learning_rate": 0.3},
}


def training(rows: int = 400, *, missing: bool = True) -> pd.DataFrame:
    """Numbers with ties, booleans, whole numbers; `kind` of three classes, `bought` of two, `amount` above zero."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 15, rows).round(1),
            "quote": rng.lognormal(5, 2, rows),
            "visits": rng.integers(0, 9, rows),
            "member": rng.random(rows) < 0.4,
        }
    )
    noise = rng.normal(0, 0.3, rows)
    frame["bought"] = ((frame["age"] > 35) ^ frame["member"] | (frame["visits"] > 6)).astype(int)
    frame["kind"] = (frame["visits"] % 3).where(frame["age"] > 30, 0)
    frame["amount"] = np.exp(frame["age"] / 40 + noise) + frame["visits"]
    if missing:
        frame.loc[rng.random(rows) < 0.2, "age"] = np.nan
    return frame


FEATURES = ["age", "quote", "visits", "member"]
EDGES = [0.0, -0.0, 1e-36, -1e-36, 1e-35, 2e-35, 5e-324, -1.0, 1e30, -1e30, 35.0, 35.05, np.nextafter(35.05, 0), 1e15]


def hard(library: str, *, missing: bool = True) -> pd.DataFrame:
    """Rows at the edges, where the columns may go."""
    rng = np.random.default_rng(6)
    frame = training(300, missing=False)[FEATURES]
    frame["age"] = rng.choice([*EDGES, *frame["age"]], len(frame))
    frame["quote"] = rng.choice([*EDGES, *frame["quote"]], len(frame))
    frame["visits"] = rng.choice([0, 1, 8, 9, -1, 2**31, -(2**40), 2**53], len(frame))
    if missing:
        frame.loc[rng.random(len(frame)) < 0.3, "age"] = np.nan
    return frame


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("label", ["bought", "kind"])
def test_a_classifier_is_equal_on_hard_rows(library: str, label: str) -> None:
    node = getattr(op, library)(task="classification", features=FEATURES, label=label, model_params=SMALL[library])
    node.fit(training())
    assert_parity(node, hard(library))
    assert_parity(node, at_thresholds(node))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_regressor_is_equal_on_hard_rows(library: str) -> None:
    node = getattr(op, library)(task="regression", features=FEATURES, label="amount", model_params=SMALL[library])
    node.fit(training())
    assert_parity(node, hard(library))
    assert_parity(node, at_thresholds(node))


def at_thresholds(node: Any) -> pd.DataFrame:
    """The frame in which each column meets every threshold that the lowering names, and its neighbours."""
    from rtml_core.frames import schema_of
    from rtml_core.lowering.scratch import lower_alone

    base = training(1, missing=False)[FEATURES]
    schema = schema_of(training()[FEATURES])
    lowered = lower_alone(node, schema)
    points = sorted({float(point) for told in lowered.builder.thresholds.values() for point in told})
    beside = [value for point in points for value in (np.nextafter(point, -np.inf), point, np.nextafter(point, np.inf))]
    assert len(beside) > 30
    rows = pd.concat([base] * len(beside), ignore_index=True)
    return pd.concat([rows.assign(age=beside), rows.assign(quote=beside)], ignore_index=True)


OPTIONS = [
    ("LightGBM", "regression", {"objective": "poisson"}),
    ("LightGBM", "regression", {"objective": "quantile", "alpha": 0.8}),
    ("LightGBM", "regression", {"boosting_type": "rf", "subsample": 0.7, "subsample_freq": 1}),
    ("LightGBM", "regression", {"boosting_type": "dart"}),
    ("LightGBM", "classification", {"objective": "multiclassova"}),
    ("LightGBM", "classification", {"class_weight": "balanced"}),
    ("XGBoost", "regression", {"objective": "reg:gamma"}),
    ("XGBoost", "regression", {"base_score": 3.5}),
    ("XGBoost", "classification", {"base_score": 0.2, "num_parallel_tree": 2, "subsample": 0.8}),
    ("XGBoost", "classification", {"grow_policy": "lossguide", "max_leaves": 6, "tree_method": "hist"}),
    ("CatBoost", "regression", {"loss_function": "Poisson"}),
    ("CatBoost", "regression", {"loss_function": "MAE"}),
    ("CatBoost", "regression", {"nan_mode": "Max"}),
    ("CatBoost", "classification", {"loss_function": "MultiClassOneVsAll"}),
    ("CatBoost", "classification", {"border_count": 5, "auto_class_weights": "Balanced"}),
]


@pytest.mark.parametrize(("library", "task", "options"), OPTIONS)
def test_options_compile_and_agree(library: str, task: str, options: dict[str, Any]) -> None:
    many = "multi" in str(options).lower()
    label = "amount" if task == "regression" else "kind" if many else "bought"
    node = getattr(op, library)(task=task, features=FEATURES, label=label, model_params={**SMALL[library], **options})
    node.fit(training())
    assert_parity(node, hard(library))


REFUSED = [
    ("LightGBM", {"linear_tree": True}, ("linear_tree",)),
    ("LightGBM", {"zero_as_missing": True}, ("zero_as_missing",)),
    ("XGBoost", {"booster": "dart", "rate_drop": 0.5}, ("dart", "gbtree")),
    ("XGBoost", {"booster": "gblinear"}, ("gblinear", "gbtree")),
    ("CatBoost", {"grow_policy": "Lossguide"}, ("symmetric",)),
]


@pytest.mark.filterwarnings("ignore:.*gblinear.*deprecated:UserWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # xgboost warns out of a callback of C
@pytest.mark.parametrize(("library", "options", "words"), REFUSED)
def test_what_has_no_exact_form_is_refused(library: str, options: dict[str, Any], words: tuple[str, ...]) -> None:
    params = {**SMALL[library], **options}
    params.pop("max_depth" if options.get("booster") == "gblinear" else "", None)
    node = getattr(op, library)(task="regression", features=FEATURES, label="amount", model_params=params)
    node.fit(training(missing=library != "LightGBM"))
    assert_refuses(node, training(missing=False)[FEATURES], *words)


def test_missing_values_that_catboost_never_saw_are_refused() -> None:
    node = op.CatBoost(task="regression", features=FEATURES, label="amount", model_params=SMALL["CatBoost"])
    node.fit(training(missing=False))
    assert_parity(node, hard("CatBoost", missing=False))
    assert_refuses(node, hard("CatBoost"), "age", "never was in training", "Fill it first")


@pytest.mark.parametrize("library", LIBRARIES)
def test_trees_that_found_nothing_to_split_compile(library: str) -> None:
    frame = pd.DataFrame({"x": [np.nan] * 40, "y": np.arange(40) % 2})
    node = getattr(op, library)(task="classification", features=["x"], label="y", model_params=SMALL[library]).fit(frame)
    assert_parity(node, pd.DataFrame({"x": [1.5, np.nan, -1e30]}))


def test_numbers_beyond_float32_are_infinite_as_in_xgboost() -> None:
    node = op.XGBoost(task="regression", features=FEATURES, label="amount", model_params=SMALL["XGBoost"])
    node.fit(training())
    frame = hard("XGBoost")
    frame.loc[:3, "quote"] = [1e300, -1e39, np.inf, -np.inf]
    assert_parity(node, frame)


def test_hyperparameters_that_the_library_changes_are_refused_with_the_cure() -> None:
    node = op.CatBoost(task="classification", features=FEATURES, label="bought", model_params={"class_weights": [1, 3]})
    with pytest.raises(RtmlError, match="'class_weights', because the library changes it; fit the estimator yourself"):
        node.fit(training())
    import catboost

    fitted = catboost.CatBoostClassifier(iterations=5, depth=2, class_weights=[1, 3], verbose=False, allow_writing_files=False)
    frame = training()
    assert_parity(op.CatBoost(model=fitted.fit(frame[FEATURES], frame["bought"]), features=FEATURES), hard("CatBoost"))


def test_early_stopping_counts_the_best_trees_only() -> None:
    import xgboost

    frame = training(missing=False)
    half = len(frame) // 2
    fitted = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.9, early_stopping_rounds=3, verbosity=0)
    fitted.fit(
        frame[FEATURES][:half], frame["bought"][:half], eval_set=[(frame[FEATURES][half:], frame["bought"][half:])], verbose=False
    )
    assert fitted.best_iteration < 59
    assert_parity(op.XGBoost(model=fitted), hard("XGBoost"))


def test_lightgbm_splits_whole_numbers_by_category() -> None:
    import lightgbm

    frame = training()
    fitted = lightgbm.LGBMClassifier(n_estimators=6, min_child_samples=3, min_data_per_group=1, cat_smooth=1, verbose=-1)
    fitted.fit(frame[FEATURES], frame["kind"], categorical_feature=["visits"])
    assert "==" in json.dumps(fitted.booster_.dump_model())
    node = op.LightGBM(model=fitted)
    assert_parity(node, hard("LightGBM"))
    assert_refuses(node, hard("LightGBM").astype({"visits": "float64"}), "visits", "int64")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_graph_goes_through_json_and_answers_the_same(library: str) -> None:
    frame = training()
    graph: Graph = (
        op.Receiver(schema={"age": "float?", "quote": "float", "visits": "int", "member": "bool"})
        >> op.FillMissing(cols="age", strategy="median")
        >> getattr(op, library)(
            task="classification", label="bought", features=FEATURES, model_params=SMALL[library], outputs={"p": "probability[1]"}
        )
    )
    graph.fit(frame)
    again = Graph.from_dsl(json.loads(json.dumps(graph.to_dsl())))
    rows = hard(library)
    pd.testing.assert_frame_equal(again.run(rows), graph.run(rows))
    package = again.compile(sample=rows)
    assert package.manifest.portable
    assert 0 <= package.score({"age": None, "quote": 5.0, "visits": 2, "member": False})["p"] <= 1
    assert package.node_count <= 16


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_estimators_take_part_in_pipelines_of_scikit_learn(library: str) -> None:
    model = getattr(op, library)(task="regression", model_params=SMALL[library]).estimator
    node = op.ScikitLearn(model=make_pipeline(StandardScaler(), model), features=FEATURES, label="amount")
    node.fit(training(missing=False))
    rows = training(120, missing=False)[FEATURES]
    assert_parity(node, rows)


def test_parameters_say_what_they_must_be() -> None:
    with pytest.raises(ParamError, match="LightGBM: parameter 'task' must be 'classification' or 'regression', or 'model'"):
        op.LightGBM(label="y")
    with pytest.raises(ParamError, match="belongs to 'task'"):
        op.XGBoost(model=object(), model_params={"max_depth": 2})
    with pytest.raises(ParamError, match="XGBoost: parameter 'model' must be"):
        op.XGBoost(model=Ridge())
    with pytest.raises(ParamError, match="'features' must not hold the label"):
        op.CatBoost(task="regression", features=["y"], label="y")


def test_strings_are_refused_with_the_cure() -> None:
    frame = training().assign(brand="VW")
    node = op.LightGBM(task="regression", features=["age", "brand"], label="amount", model_params=SMALL["LightGBM"])
    with pytest.raises((RtmlError, NotLowerableError), match="LightGBM"):
        node.fit(frame)
