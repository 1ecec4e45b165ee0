"""One against the rest, thresholds, and estimators around one other."""

from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, GradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RANSACRegressor, Ridge, SGDClassifier
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value

MEMBERS = [LogisticRegression(), LinearSVC(), DecisionTreeClassifier(max_depth=3, random_state=0), Ridge()]


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize("target", [two, three])
@pytest.mark.parametrize("member", MEMBERS, ids=lambda m: type(m).__name__)
def test_several_classes_by_two(member: Any, target: Any) -> None:
    y = target(numbers())
    agree(OneVsRestClassifier(member), frame(), y)
    if type(member) is not Ridge:
        agree(OneVsOneClassifier(member), frame(), y)


def test_codes_and_several_labels_are_refused() -> None:
    with pytest.raises(NotLowerableError, match="Use OneVsRestClassifier"):
        agree(OutputCodeClassifier(LogisticRegression(), random_state=0), frame(), three(numbers()))
    labels = np.stack([two(numbers()), 1 - two(numbers(), seed=5)], axis=1)
    with pytest.raises(NotLowerableError, match="several labels at once"):
        agree(OneVsRestClassifier(LogisticRegression()), frame(), labels, outputs={"l": "label"})


@pytest.mark.parametrize(
    "options",
    [{}, {"threshold": 0.3}, {"threshold": 0.5, "pos_label": 0}, {"response_method": "decision_function", "pos_label": 0}],
    ids=str,
)
@pytest.mark.parametrize("member", [LogisticRegression(), GradientBoostingClassifier(n_estimators=3)])
def test_thresholds(member: Any, options: Any) -> None:
    agree(FixedThresholdClassifier(member, **options), frame(), two(numbers()))


@pytest.mark.parametrize("member", [LogisticRegression(), SVC(), DecisionTreeClassifier(max_depth=3, random_state=0)])
def test_tuned_thresholds(member: Any) -> None:
    agree(TunedThresholdClassifierCV(member, cv=2, random_state=0), frame(), two(numbers()), hard=False)


def test_ransac() -> None:
    assert agree(RANSACRegressor(random_state=0), frame(), value(numbers())).nodes == 1


@pytest.mark.parametrize(
    "scaler", [None, StandardScaler(), StandardScaler(with_mean=False), RobustScaler(), MinMaxScaler(), MaxAbsScaler()]
)
def test_scaled_targets(scaler: Any) -> None:
    agree(TransformedTargetRegressor(LinearRegression(), transformer=scaler), frame(), value(numbers()))


@pytest.mark.parametrize("functions", [(np.log1p, np.expm1), (np.sqrt, np.square), (np.log, np.exp)])
def test_targets_through_functions(functions: Any) -> None:
    func, inverse = functions
    y = np.abs(value(numbers())) / 10 + 1
    agree(TransformedTargetRegressor(Ridge(), func=func, inverse_func=inverse), frame(), y)


def test_other_targets_are_refused() -> None:
    y = np.abs(value(numbers())) / 10 + 1
    with pytest.raises(NotLowerableError, match="with a PowerTransformer has no ONNX form"):
        agree(TransformedTargetRegressor(Ridge(), transformer=PowerTransformer()), frame(), y)
    with pytest.raises(NotLowerableError, match=r"numpy\.cbrt can't be read"):
        agree(TransformedTargetRegressor(Ridge(), func=np.square, inverse_func=np.cbrt, check_inverse=False), frame(), y)


def test_linear_members_are_one_product() -> None:
    y = np.array(list("pqrs"))[two(numbers()) + 2 * (numbers()["c"] > 300)]
    assert agree(OneVsRestClassifier(LogisticRegression()), frame(), y, outputs={"l": "label"}).nodes <= 3
    assert agree(OneVsRestClassifier(LinearSVC()), frame(), y).nodes <= 4
    assert agree(OneVsRestClassifier(SGDClassifier(loss="log_loss", random_state=0)), frame(), y).nodes > 10
    values = np.stack([value(numbers()), two(numbers())], axis=1)
    assert agree(MultiOutputRegressor(Ridge()), frame(), values).nodes == 2
    bagged = BaggingRegressor(Ridge(), 9, max_features=2, bootstrap_features=True, random_state=0)
    assert agree(bagged, frame(), value(numbers())).nodes == 3
    mixed = BaggingRegressor(DecisionTreeRegressor(max_depth=2), 3, random_state=0)
    assert agree(mixed, frame(), value(numbers())).nodes == 2
