"""Support vector machines with kernels."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value

KERNELS = [
    {"kernel": "rbf"},
    {"kernel": "rbf", "gamma": 500.0},
    {"kernel": "linear"},
    {"kernel": "poly", "degree": 2},
    {"kernel": "poly", "coef0": 1.0},
    {"kernel": "sigmoid", "gamma": 0.1},
]


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


def far() -> Any:
    """Rows at some distance, and a row that is a support vector most likely."""
    return frame().iloc[:8].assign(a=[1.5, -9.0, 40.0, -400.0, 1e4, 1e160, -1e160, 0.0])


@pytest.mark.parametrize("target", [two, three])
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_classifiers(options: Any, target: Any) -> None:
    y = target(numbers())
    agree(SVC(**options), frame(), y, rows=far())


@pytest.mark.parametrize("options", [{"decision_function_shape": "ovo"}, {"break_ties": True}, {"C": 100.0}], ids=str)
def test_more_of_several_classes(options: Any) -> None:
    y = np.array(list("pqrs"))[two(numbers()) + 2 * (numbers()["c"] > 300)]
    agree(SVC(**options), frame(), y, rows=far(), outputs={"l": "label"})
    names = {"d": "decision[0]", "e": "decision[3]"}
    agree(SVC(**options), frame(), y, rows=far(), outputs=None if "decision_function_shape" in options else names)


def test_of_another_kind() -> None:
    agree(NuSVC(nu=0.2), frame(), three(numbers()), rows=far())
    agree(CalibratedClassifierCV(SVC(), cv=2), frame(), two(numbers()))


@pytest.mark.parametrize("options", [KERNELS[0], KERNELS[2], {**KERNELS[4], "gamma": 0.1}, KERNELS[5]], ids=str)
@pytest.mark.parametrize("model", [SVR(), NuSVR(nu=0.3), OneClassSVM(nu=0.2)])
def test_regressors_and_outliers(model: Any, options: Any) -> None:
    y = None if isinstance(model, OneClassSVM) else np.tanh(value(numbers()))
    agree(model.set_params(**options), frame(), y, rows=far(), outputs={"l": "label", "d": "decision"} if y is None else None)


def test_far_from_the_origin_nothing_is_lost() -> None:
    shifted = frame() + 1e7
    made = agree(SVC(), shifted, two(numbers()), hard=False)
    assert made.nodes <= 12
    agree(make_pipeline(StandardScaler(), SVR()), shifted, value(numbers()))


def test_a_linear_kernel_is_one_product() -> None:
    assert agree(SVR(kernel="linear"), frame(), value(numbers())).nodes == 1


def test_kernels_of_ones_own_are_refused() -> None:
    with pytest.raises(NotLowerableError, match="kernel of its own"):
        agree(SVC(kernel=lambda x, y: x @ y.T), frame(), two(numbers()))
