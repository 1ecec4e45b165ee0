"""LightGBM, XGBoost and CatBoost for rtml: operators that learn and compile, and converters for their estimators in pipelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """LightGBM, XGBoost, CatBoost."""
    from rtml_boosting.operators import CatBoost, LightGBM, XGBoost

    return [LightGBM, XGBoost, CatBoost]


@hookimpl
def rtml_converters() -> Mapping[str, Mapping[str, str]]:
    """The scikit-learn estimators of the three libraries."""
    classes = {
        "lightgbm": ("lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor"),
        "xgboost": ("xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor"),
        "catboost": ("catboost.core.CatBoostClassifier", "catboost.core.CatBoostRegressor"),
    }
    functions = ("convert", "to_state", "from_state")
    return {
        path: {name: f"rtml_boosting.{library}_trees:{name}" for name in functions}
        for library, paths in classes.items()
        for path in paths
    }
