"""How good a model is on rows with known labels."""

from __future__ import annotations

from typing import Any

import numpy as np


def classification_metrics(truth: Any, predicted: Any, probability: Any | None, classes: list[Any]) -> dict[str, Any]:
    """accuracy, balanced_accuracy, f1; with probabilities [N, K] also roc_auc and log_loss. None where not defined."""
    from sklearn import metrics

    seen = _seen(truth, classes)
    known = set(np.unique(truth).tolist()) <= set(classes) and len(classes) > 1
    two = {"pos_label": classes[1]} if known and len(classes) == 2 else {"average": "macro"}
    found: dict[str, Any] = {
        "accuracy": float(metrics.accuracy_score(truth, predicted)),
        "balanced_accuracy": float(metrics.recall_score(truth, predicted, average="macro", zero_division=0, labels=seen)),
        "f1": float(metrics.f1_score(truth, predicted, zero_division=0, **two)),
    }
    if probability is not None:
        found["roc_auc"] = _roc_auc(truth, probability, classes) if known and len(seen) == len(classes) else None
        found["log_loss"] = float(metrics.log_loss(truth, probability, labels=classes)) if known else None
    return found


def _seen(truth: Any, classes: list[Any]) -> list[Any]:
    present = set(np.unique(truth).tolist())
    return [value for value in classes if value in present]


def _roc_auc(truth: Any, probability: Any, classes: list[Any]) -> float:
    from sklearn.metrics import roc_auc_score

    if len(classes) == 2:
        return float(roc_auc_score(np.asarray(truth) == classes[1], probability[:, 1]))
    return float(roc_auc_score(truth, probability, multi_class="ovr", labels=classes))


def regression_metrics(truth: Any, predicted: Any) -> dict[str, Any]:
    """r2 (None for fewer than two rows), mae, rmse, in units of the label."""
    from sklearn import metrics

    return {
        "r2": float(metrics.r2_score(truth, predicted)) if len(truth) > 1 else None,
        "mae": float(metrics.mean_absolute_error(truth, predicted)),
        "rmse": float(metrics.root_mean_squared_error(truth, predicted)),
    }
