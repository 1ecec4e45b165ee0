"""Multi-layer perceptrons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import unpack
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_flag, label_from_scores
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

_ACTIVATIONS: Final = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": None}


def _last_sums(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """float64 [N, outputs]: the sums of the last layer, before its own function."""
    numbers(b, columns, estimator, missing=False)
    refuse_infinite(estimator)
    value = ordered(b, columns)
    for i, (weights, bias) in enumerate(zip(estimator.coefs_, estimator.intercepts_, strict=True)):
        if i:
            function = _ACTIVATIONS[estimator.activation]
            value = value if function is None else b.op(function, value)
        coef = np.asarray(weights, np.float64)
        value = b.op(
            "Gemm", value, b.const(coef, "float64"), b.const(np.asarray(bias, np.float64), "float64"), width=coef.shape[1]
        )
    return value


def _half() -> float:
    """The largest z for which the logistic function, as scikit-learn rounds it, is not above a half."""
    from scipy.special import expit

    low, high = 0.0, 1e-12
    while np.nextafter(low, high) < high:
        middle = low + (high - low) / 2
        low, high = (low, middle) if expit(middle) > 0.5 else (middle, high)
    return low


@converts("sklearn.neural_network.MLPClassifier")
def classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Layers, then the logistic function or softmax -> probabilities and label."""
    sums, classes = _last_sums(b, estimator, columns), classes_of(estimator)
    if estimator.out_activation_ == "softmax":
        p = b.op("Softmax", sums, axis=-1)
        return Prediction(classes, label_from_scores(b, p, classes), unpack(p, "float64", finite=False))
    if estimator.n_outputs_ != 1:
        raise NotLowerableError("MLPClassifier predicts several labels at once; fit one model for each label")
    p = b.op("Sigmoid", sums)
    flag = b.op("Greater", sums, b.const([[_half()]], "float64"), dtype="bool")
    other = b.op("Sub", b.const([[1.0]], "float64"), p)
    return Prediction(classes, label_from_flag(b, flag, classes), unpack(b.concat([other, p]), "float64", finite=False))


@converts("sklearn.neural_network.MLPRegressor")
def regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Layers -> value."""
    sums = _last_sums(b, estimator, columns)
    if estimator.out_activation_ != "identity":
        sums = b.op("Exp", sums)
    values = unpack(sums, "float64", finite=False)
    return Prediction(value=values[0]) if len(values) == 1 else Prediction(targets=values)
