"""Multi-layer perceptrons."""

from typing import Any

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core.errors import NotLowerableError
from rtml_plugins.sklearn_ops.convert.neural import _half
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


def options(activation: str) -> dict[str, Any]:
    return {"hidden_layer_sizes": (5, 3), "activation": activation, "random_state": 0, "max_iter": 5000, "tol": 1e-2}


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_perceptrons(activation: str) -> None:
    x = frame()
    assert agree(MLPClassifier(**options(activation)), x, two(numbers())).nodes <= 12
    agree(MLPClassifier(**options(activation)), x, three(numbers()))
    agree(make_pipeline(StandardScaler(), MLPRegressor(**options(activation))), x, value(numbers()) / 10)
    agree(MLPRegressor(loss="poisson", **options(activation)), x, np.abs(value(numbers())) / 10, hard=False)


def test_half_is_the_last_point_before_the_label_changes() -> None:
    from scipy.special import expit

    assert expit(_half()) <= 0.5 < expit(np.nextafter(_half(), 1))


def test_several_labels_are_refused() -> None:
    y = np.stack([two(numbers()), two(numbers(), seed=5)], axis=1)
    with pytest.raises(NotLowerableError, match="several labels at once"):
        agree(MLPClassifier(**options("relu")), frame(), y, outputs={"l": "label"})
