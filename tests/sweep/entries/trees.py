"""Trees, forests, boosting, and estimators made of many of them."""

from __future__ import annotations

from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from tests.sweep.judge import Entry

TREES, BOOSTING, MANY = "Trees and forests", "Gradient boosting", "Bagging and AdaBoost"
_HIST = {"max_iter": 5, "min_samples_leaf": 5}

ENTRIES = [
    Entry(TREES, DecisionTreeClassifier(), "numbers", "two"),
    Entry(TREES, DecisionTreeClassifier(max_depth=3), "numbers", "three"),
    Entry(TREES, DecisionTreeClassifier(max_depth=3), "unit", "flag"),
    Entry(TREES, DecisionTreeClassifier(criterion="entropy", max_leaf_nodes=5, class_weight="balanced"), "gaps", "three"),
    Entry(TREES, DecisionTreeClassifier(max_depth=3, monotonic_cst=[1, 0, -1]), "unit", "two"),
    Entry(TREES, DecisionTreeClassifier(max_depth=3), "unit", "two labels"),
    Entry(TREES, DecisionTreeRegressor(), "numbers", "value"),
    Entry(TREES, DecisionTreeRegressor(criterion="poisson", max_depth=4), "gaps", "count"),
    Entry(TREES, DecisionTreeRegressor(criterion="absolute_error", ccp_alpha=0.01), "unit", "value"),
    Entry(TREES, DecisionTreeRegressor(max_depth=3), "unit", "two values"),
    Entry(TREES, ExtraTreeClassifier(max_depth=4), "numbers", "three"),
    Entry(TREES, ExtraTreeRegressor(max_depth=4), "gaps", "value"),
    Entry(TREES, RandomForestClassifier(5), "numbers", "two"),
    Entry(TREES, RandomForestClassifier(5, max_depth=4), "gaps", "three"),
    Entry(TREES, RandomForestClassifier(4, max_depth=2), "numbers", "floats"),
    Entry(TREES, RandomForestClassifier(5, max_features=None, bootstrap=False, class_weight="balanced"), "unit", "numbered"),
    Entry(TREES, RandomForestClassifier(5, max_depth=3), "unit", "two labels"),
    Entry(TREES, RandomForestRegressor(5), "numbers", "value"),
    Entry(TREES, RandomForestRegressor(5, max_depth=4, criterion="poisson"), "gaps", "count"),
    Entry(TREES, RandomForestRegressor(5, monotonic_cst=[1, 0, -1]), "unit", "value"),
    Entry(TREES, RandomForestRegressor(5, max_depth=3), "unit", "two values"),
    Entry(TREES, ExtraTreesClassifier(5), "gaps", "two"),
    Entry(TREES, ExtraTreesRegressor(5, max_depth=5), "numbers", "value"),
    Entry(TREES, RandomTreesEmbedding(n_estimators=3, max_depth=2), "unit"),
    Entry(TREES, IsolationForest(n_estimators=5), "unit"),
    Entry(TREES, IsolationForest(n_estimators=5, contamination=0.2, max_samples=20), "numbers"),
    Entry(BOOSTING, GradientBoostingClassifier(n_estimators=5), "numbers", "two"),
    Entry(BOOSTING, GradientBoostingClassifier(n_estimators=4), "unit", "three"),
    Entry(BOOSTING, GradientBoostingClassifier(n_estimators=5, loss="exponential"), "unit", "two"),
    Entry(BOOSTING, GradientBoostingClassifier(n_estimators=5, init="zero", subsample=0.5), "unit", "flag"),
    Entry(BOOSTING, GradientBoostingClassifier(n_estimators=5, init=LogisticRegression()), "unit", "two"),
    Entry(BOOSTING, GradientBoostingRegressor(n_estimators=5), "numbers", "value"),
    Entry(BOOSTING, GradientBoostingRegressor(n_estimators=5, loss="huber"), "unit", "value"),
    Entry(BOOSTING, GradientBoostingRegressor(n_estimators=5, loss="quantile", alpha=0.8), "unit", "value"),
    Entry(BOOSTING, GradientBoostingRegressor(n_estimators=5, loss="absolute_error", init="zero"), "unit", "value"),
    Entry(BOOSTING, GradientBoostingRegressor(n_estimators=5, init=LinearRegression()), "unit", "value"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST), "gaps", "two"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST), "numbers", "three"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, categorical_features=["b"]), "gaps", "three"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, categorical_features=["g", "brand", "ü"]), "mixed", "two"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, categorical_features=[0, 1, 2]), "texts", "three"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, monotonic_cst={"a": 1}, max_bins=8), "unit", "flag"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, interaction_cst="no_interactions"), "flags", "two"),
    Entry(BOOSTING, HistGradientBoostingClassifier(**_HIST, early_stopping=True, class_weight="balanced"), "unit", "two"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST), "gaps", "value"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST, loss="poisson"), "numbers", "count"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST, loss="gamma"), "unit", "above zero"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST, loss="quantile", quantile=0.9), "unit", "value"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST, loss="absolute_error"), "unit", "value"),
    Entry(BOOSTING, HistGradientBoostingRegressor(**_HIST, categorical_features=["g", "brand", "ü"]), "mixed", "value"),
    Entry(MANY, BaggingClassifier(n_estimators=3), "numbers", "two"),
    Entry(MANY, BaggingClassifier(n_estimators=3, max_features=0.6, max_samples=0.5), "unit", "three"),
    Entry(MANY, BaggingClassifier(LogisticRegression(), n_estimators=3), "unit", "two"),
    Entry(MANY, BaggingClassifier(KNeighborsClassifier(3), n_estimators=2), "unit", "two"),
    Entry(MANY, BaggingRegressor(n_estimators=3), "numbers", "value"),
    Entry(MANY, BaggingRegressor(LinearRegression(), n_estimators=3, bootstrap_features=True), "unit", "value"),
    Entry(MANY, AdaBoostClassifier(n_estimators=4), "numbers", "two"),
    Entry(MANY, AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4), "unit", "three"),
    Entry(MANY, AdaBoostClassifier(GaussianNB(), n_estimators=3), "unit", "two"),
    Entry(MANY, AdaBoostRegressor(n_estimators=4), "numbers", "value"),
    Entry(MANY, AdaBoostRegressor(LinearRegression(), n_estimators=3, loss="square"), "unit", "value"),
]
