"""Predictors of several targets, made of predictors of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.sklearn_ops.convert.linear import valued
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts, predict
from rtml_plugins.sklearn_ops.convert.stacked import together

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


def _answer(b: Builder, member: Any, columns: Columns) -> Symbolic:
    """The label or value of a predictor of one target."""
    found = predict(b, member, columns)
    answer = found.value if found.value is not None else found.label
    if answer is None:
        raise NotLowerableError(f"{type(member).__name__} gives neither one value nor one label, but stands where one is needed")
    return answer


@converts("sklearn.multioutput.MultiOutputRegressor", "sklearn.multioutput.MultiOutputClassifier")
def side_by_side(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Each target by a predictor of its own; linear regressors become one product."""
    if type(estimator).__name__ == "MultiOutputRegressor":
        lines = together(b, estimator.estimators_, columns)
        if lines is not None:
            return valued(lines)
    return _several([_answer(b, member, columns) for member in estimator.estimators_])


@converts("sklearn.multioutput.RegressorChain", "sklearn.multioutput.ClassifierChain")
def chain(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Each predictor also reads what those before it answered."""
    method = getattr(estimator, "chain_method_", "predict")
    if method != "predict":
        raise NotLowerableError(f"{type(estimator).__name__}(chain_method={method!r}) has no ONNX form; use 'predict'")
    found: list[Symbolic] = []
    for member in estimator.estimators_:
        names = [*columns.names, *(f"answer {i}" for i in range(len(found)))]
        found.append(_answer(b, member, Columns([*columns, *found], names)))
    order = [int(target) for target in estimator.order_]
    return _several([found[order.index(target)] for target in range(len(order))])


def _several(answers: list[Symbolic]) -> Prediction:
    return Prediction(value=answers[0]) if len(answers) == 1 else Prediction(targets=answers)
