"""Metrics, also where they are not defined."""

import numpy as np
import pytest

from rtml_plugins.sklearn_ops.metrics import classification_metrics, regression_metrics


def test_two_classes() -> None:
    truth, predicted = np.array(["n", "y", "y", "n"], dtype=object), np.array(["n", "y", "n", "n"], dtype=object)
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])
    found = classification_metrics(truth, predicted, p, ["n", "y"])
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == 0.75
    assert found["f1"] == pytest.approx(2 / 3)
    assert found["roc_auc"] == 1.0
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.7]).mean())


def test_what_is_not_defined_is_none() -> None:
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    one_class = classification_metrics(np.array([1, 1]), np.array([0, 1]), p, [0, 1])
    assert one_class["roc_auc"] is None
    assert one_class["accuracy"] == 0.5
    strange = classification_metrics(np.array([1, 7]), np.array([0, 1]), p, [0, 1])
    assert strange["log_loss"] is None
    assert "roc_auc" not in classification_metrics(np.array([0, 1]), np.array([0, 1]), None, [0, 1])


def test_three_classes() -> None:
    p = np.eye(3)[[0, 1, 2, 1]] * 0.8 + 0.2 / 3
    found = classification_metrics(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 1]), p, [0, 1, 2])
    assert found["accuracy"] == 0.75
    assert 0.5 < found["roc_auc"] < 1.0


def test_regression() -> None:
    found = regression_metrics(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert (found["mae"], found["r2"]) == (pytest.approx(2 / 3), -1.0)
    assert found["rmse"] == pytest.approx(np.sqrt(4 / 3))
    assert regression_metrics(np.array([1.0]), np.array([2.0]))["r2"] is None
