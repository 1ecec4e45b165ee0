"""Estimators made of estimators: pipelines, columns, votes, stacks, calibration, thresholds, several labels, searches."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from tests.sweep import data
from tests.sweep.judge import Entry

VOTE, CALIBRATE, CLASSES, SEVERAL, ROW = (
    "Votes and stacks",
    "Calibration and thresholds",
    "One against others",
    "Several labels",
    "Pipelines, columns and searches",
)
_TREE, _LOGISTIC, _RIDGE = DecisionTreeClassifier(max_depth=3), LogisticRegression(), Ridge()
_TWO = [("tree", _TREE), ("line", _LOGISTIC)]
_VALUES = [("forest", RandomForestRegressor(3, max_depth=3)), ("line", LinearRegression())]
_TEXT, _NUMBER = make_column_selector(dtype_include=["object", "string"]), make_column_selector(dtype_include="number")
_HOT = OneHotEncoder(handle_unknown="ignore")


def _columns(texts: object, numbers: object, **more: object) -> ColumnTransformer:
    return ColumnTransformer([("texts", texts, _TEXT), ("numbers", numbers, _NUMBER)], **more)


def _both() -> ColumnTransformer:
    filled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return _columns(make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), _HOT), filled)


def _frozen() -> FrozenEstimator:
    """A fitted estimator that is kept as it is."""
    return FrozenEstimator(clone(_LOGISTIC).fit(data.frame("unit"), data.target("unit", "two")))


ENTRIES = [
    Entry(VOTE, VotingClassifier(_TWO), "unit", "two"),
    Entry(VOTE, VotingClassifier(_TWO, voting="soft", weights=[1, 2]), "unit", "three"),
    Entry(VOTE, VotingClassifier([*_TWO, ("bayes", "drop")], voting="hard"), "unit", "three"),
    Entry(VOTE, VotingRegressor(_VALUES, weights=[0.3, 0.7]), "unit", "value"),
    Entry(VOTE, StackingClassifier(_TWO, cv=2), "unit", "two"),
    Entry(VOTE, StackingClassifier(_TWO, cv=2, passthrough=True, final_estimator=_TREE), "unit", "three"),
    Entry(VOTE, StackingClassifier(_TWO, cv=2, stack_method="predict"), "unit", "two"),
    Entry(VOTE, StackingClassifier([("svm", LinearSVC()), *_TWO], cv=2), "unit", "three"),
    Entry(VOTE, StackingRegressor(_VALUES, cv=2), "unit", "value"),
    Entry(VOTE, StackingRegressor(_VALUES, cv=2, passthrough=True), "unit", "value"),
    Entry(CALIBRATE, CalibratedClassifierCV(_LOGISTIC, cv=2), "unit", "two"),
    Entry(CALIBRATE, CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"), "unit", "two"),
    Entry(CALIBRATE, CalibratedClassifierCV(_LOGISTIC, cv=2, method="isotonic"), "unit", "two"),
    Entry(CALIBRATE, CalibratedClassifierCV(RandomForestClassifier(3), cv=2, method="isotonic"), "unit", "three"),
    Entry(CALIBRATE, CalibratedClassifierCV(LinearSVC(), cv=2), "unit", "three"),
    Entry(CALIBRATE, CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"), "unit", "three"),
    Entry(CALIBRATE, CalibratedClassifierCV(_LOGISTIC, cv=2, method="temperature"), "unit", "three"),
    Entry(CALIBRATE, CalibratedClassifierCV(RandomForestClassifier(3), cv=2, ensemble=False), "gaps", "two"),
    Entry(CALIBRATE, CalibratedClassifierCV(_frozen()), "unit", "two"),
    Entry(CALIBRATE, FixedThresholdClassifier(_LOGISTIC, threshold=0.3), "unit", "two"),
    Entry(CALIBRATE, FixedThresholdClassifier(LinearSVC(), threshold=0.1), "unit", "two"),
    Entry(CALIBRATE, TunedThresholdClassifierCV(_LOGISTIC, cv=2), "unit", "two"),
    Entry(CALIBRATE, TunedThresholdClassifierCV(RandomForestClassifier(3), cv=2, scoring="f1"), "gaps", "two"),
    Entry(CLASSES, OneVsRestClassifier(_LOGISTIC), "unit", "three"),
    Entry(CLASSES, OneVsRestClassifier(LinearSVC()), "unit", "numbered"),
    Entry(CLASSES, OneVsRestClassifier(_TREE), "unit", "two"),
    Entry(CLASSES, OneVsOneClassifier(LinearSVC()), "unit", "three"),
    Entry(CLASSES, OneVsOneClassifier(_TREE), "unit", "numbered"),
    Entry(CLASSES, OutputCodeClassifier(LinearSVC(), code_size=2), "unit", "three"),
    Entry(SEVERAL, MultiOutputClassifier(_LOGISTIC), "unit", "two labels"),
    Entry(SEVERAL, ClassifierChain(_LOGISTIC), "unit", "two labels"),
    Entry(SEVERAL, MultiOutputRegressor(_RIDGE), "unit", "two values"),
    Entry(SEVERAL, RegressorChain(_RIDGE), "unit", "two values"),
    Entry(ROW, make_pipeline(StandardScaler(), _LOGISTIC), "numbers", "two"),
    Entry(ROW, make_pipeline(SimpleImputer(), StandardScaler(), PCA(2), _LOGISTIC), "gaps", "three"),
    Entry(ROW, Pipeline([("scale", "passthrough"), ("none", None), ("model", _TREE)]), "unit", "two"),
    Entry(ROW, make_pipeline(MinMaxScaler(), PolynomialFeatures(2), _RIDGE), "unit", "value"),
    Entry(ROW, make_pipeline(KBinsDiscretizer(4), _LOGISTIC), "unit", "two"),
    Entry(ROW, make_pipeline(SelectKBest(k=2), KNeighborsClassifier(3)), "unit", "two"),
    Entry(ROW, make_pipeline(_HOT, TruncatedSVD(2), _LOGISTIC), "texts", "two"),
    Entry(ROW, make_pipeline(_HOT, MaxAbsScaler(), SGDClassifier(loss="log_loss")), "texts", "three"),
    Entry(ROW, make_pipeline(_HOT, LinearSVC()), "text gaps", "two"),
    Entry(ROW, make_pipeline(_HOT, MultinomialNB()), "texts", "three"),
    Entry(ROW, make_pipeline(_HOT, RandomForestClassifier(3)), "texts", "three"),
    Entry(ROW, make_pipeline(_HOT, StandardScaler(with_mean=False), SVC()), "texts", "two"),
    Entry(ROW, make_pipeline(TargetEncoder(cv=2), GradientBoostingClassifier(n_estimators=3)), "texts", "two"),
    Entry(ROW, make_pipeline(_both(), _LOGISTIC), "mixed", "two"),
    Entry(ROW, make_pipeline(_both(), RandomForestClassifier(3)), "mixed", "three"),
    Entry(ROW, make_pipeline(_both(), KMeans(3)), "mixed"),
    Entry(ROW, _both(), "mixed"),
    Entry(
        ROW,
        make_pipeline(StandardScaler(), _LOGISTIC).set_output(transform="pandas"),
        "numbers",
        "two",
        "Pipeline(steps=[StandardScaler(), LogisticRegression()]).set_output(transform='pandas')",
    ),
    Entry(ROW, _columns(_HOT, "passthrough"), "mixed"),
    Entry(ROW, _columns("drop", StandardScaler()), "mixed"),
    Entry(ROW, ColumnTransformer([("s", StandardScaler(), ["a"])], remainder="passthrough"), "numbers"),
    Entry(ROW, ColumnTransformer([("s", StandardScaler(), [0, 2])], remainder=MinMaxScaler()), "numbers"),
    Entry(ROW, ColumnTransformer([("s", StandardScaler(), slice(0, 2)), ("t", "drop", [2])], remainder="drop"), "numbers"),
    Entry(
        ROW,
        ColumnTransformer(
            [("s", StandardScaler(), ["a", "b"]), ("m", MinMaxScaler(), ["b", "d"])],
            transformer_weights={"s": 0.5},
        ),
        "unit",
    ),
    Entry(
        ROW,
        make_pipeline(
            _columns(
                OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
                "passthrough",
                verbose_feature_names_out=False,
            ),
            HistGradientBoostingClassifier(max_iter=4, categorical_features=[0, 1, 2]),
        ),
        "mixed",
        "three",
    ),
    Entry(
        ROW,
        make_pipeline(ColumnTransformer([("words", TfidfVectorizer(), "text")]), _LOGISTIC),
        "documents",
        "two",
    ),
    Entry(ROW, make_union(StandardScaler(), PCA(1)), "unit"),
    Entry(
        ROW, FeatureUnion([("a", "passthrough"), ("b", "drop"), ("c", MinMaxScaler())], transformer_weights={"c": 2.0}), "unit"
    ),
    Entry(ROW, make_pipeline(FunctionTransformer(np.log1p), _RIDGE), "positive", "value"),
    Entry(ROW, GridSearchCV(_LOGISTIC, {"C": [0.1, 1.0]}, cv=2), "unit", "two"),
    Entry(
        ROW,
        GridSearchCV(make_pipeline(SimpleImputer(), _TREE), {"simpleimputer__strategy": ["mean", "median"]}, cv=2),
        "gaps",
        "two",
    ),
    Entry(ROW, RandomizedSearchCV(_RIDGE, {"alpha": [0.1, 1.0, 10.0]}, n_iter=2, cv=2), "unit", "value"),
    Entry(ROW, HalvingGridSearchCV(_TREE, {"max_depth": [1, 2, 3]}, cv=2), "unit", "three"),
    Entry(ROW, HalvingRandomSearchCV(_TREE, {"max_depth": [1, 2, 3]}, cv=2), "unit", "two"),
    Entry(ROW, TransformedTargetRegressor(_RIDGE, func=np.log1p, inverse_func=np.expm1), "unit", "above zero"),
    Entry(ROW, TransformedTargetRegressor(_RIDGE, transformer=StandardScaler()), "unit", "value"),
    Entry(
        ROW,
        TransformedTargetRegressor(_RIDGE, transformer=QuantileTransformer(n_quantiles=10, output_distribution="normal")),
        "unit",
        "value",
    ),
    Entry(ROW, _frozen(), "unit", "two"),
    Entry(ROW, make_pipeline(_frozen()), "unit", "two", "Pipeline(steps=[FrozenEstimator(...)])"),
]
