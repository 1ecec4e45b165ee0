"""Several linear models as one matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_plugins.sklearn_ops.convert.linear import scores
from rtml_plugins.sklearn_ops.convert.registry import may_be_infinite

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.convert.registry import Columns

#: models whose score is one weighted sum
_LINES: Final = (
    *(
        "LinearRegression",
        "Ridge",
        "RidgeCV",
        "Lasso",
        "LassoCV",
        "ElasticNet",
        "ElasticNetCV",
        "Lars",
        "LassoLars",
        "BayesianRidge",
    ),
    *("ARDRegression", "SGDRegressor", "HuberRegressor", "TheilSenRegressor", "QuantileRegressor", "LinearSVR"),
    *(
        "LinearSVC",
        "LogisticRegression",
        "LogisticRegressionCV",
        "RidgeClassifier",
        "RidgeClassifierCV",
        "Perceptron",
        "SGDClassifier",
    ),
)


def together(
    b: Builder, members: Sequence[Any], columns: Columns, places: Sequence[Sequence[int]] | None = None
) -> ir.Value | None:
    """float64 [N, members]: the scores of linear models, of one score each, as one product; None where one is something else.

    places: the positions of the columns that each member reads; all where None. An infinite value times the 0 of a column that
    a member does not read is no number, so columns that may be infinite are read member by member.
    """
    if places is not None and may_be_infinite():
        return None
    if not all(_is_line(member) for member in members):
        return None
    coef = np.zeros((len(members), len(columns)))
    for i, member in enumerate(members):
        read = np.arange(len(columns)) if places is None else np.asarray(places[i], np.int64)
        np.add.at(coef[i], read, np.ravel(member.coef_))  # a column may be read twice
    bias = np.array([float(np.ravel(member.intercept_)[0]) for member in members])
    # named as the members are, for what is said about their columns
    whole = type(type(members[0]).__name__, (), {"coef_": coef, "intercept_": bias})()
    return scores(b, whole, columns)


def _is_line(member: Any) -> bool:
    kind = type(member)
    known = kind.__name__ in _LINES and kind.__module__.startswith(("sklearn.linear_model.", "sklearn.svm."))
    return known and np.atleast_2d(member.coef_).shape[0] == 1
