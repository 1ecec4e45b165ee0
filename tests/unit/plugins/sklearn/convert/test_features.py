"""Functions, products and selections."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile, VarianceThreshold, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures

from rtml_core.errors import NotLowerableError
from rtml_core.testing import assert_refuses
from rtml_plugins.sklearn_ops import ScikitLearn
from tests.unit.plugins.sklearn.checks import agree, numbers, two

POINTS = [
    0.0,
    1e-20,
    -1e-20,
    1e-10,
    1e-5,
    0.25,
    0.5,
    1.0,
    2.0,
    3.7,
    700.0,
    1e10,
    1e300,
    -0.5,
    -1e-12,
    -2.0,
    -30.0,
    -800.0,
    np.nan,
]


@pytest.mark.parametrize(
    "name",
    [
        *("log1p", "expm1", "log", "log2", "log10", "exp", "sqrt", "abs", "fabs", "negative", "sign", "floor", "ceil"),
        *("square", "reciprocal"),
    ],
)
def test_functions(name: str) -> None:
    frame = pd.DataFrame({"a": np.abs(numbers()["a"]) + 0.1, "c": np.abs(numbers()["c"]) / 100 + 0.1})
    frame.loc[3, "a"] = np.nan
    estimator = FunctionTransformer(getattr(np, name), feature_names_out="one-to-one")
    agree(estimator, frame, rows=pd.DataFrame({"a": POINTS, "c": 2.0}))


@pytest.mark.parametrize("function", [np.log1p, np.expm1])
def test_tiny_values_keep_their_digits(function: Any) -> None:
    tiny = pd.DataFrame({"a": np.concatenate([s * 10.0 ** np.arange(-300, -1, 7) for s in (1.0, -1.0)])})
    agree(FunctionTransformer(function), pd.DataFrame({"a": [0.1, 0.2]}), rows=tiny, hard=False)


def test_no_function_is_no_node() -> None:
    agree(FunctionTransformer(), numbers(missing=True), exact=True)


@pytest.mark.parametrize("function", [np.sin, np.cumsum, lambda v: v])
def test_other_functions_are_refused_with_what_there_is(function: Any) -> None:
    with pytest.raises(NotLowerableError, match=r"FunctionTransformer\(.*\) can't be read as ONNX.*numpy.log1p"):
        agree(FunctionTransformer(function), numbers()[["a"]])


@pytest.mark.parametrize(
    ("function", "frame", "said"),
    [
        (np.square, numbers()[["b"]], "column 'b' holds whole numbers"),
        (np.reciprocal, numbers()[["b"]], "column 'b' holds whole numbers"),
        (np.sqrt, pd.DataFrame({"f": [True, False]}), "column 'f' is a bool"),
    ],
)
def test_kinds_of_which_numpy_makes_other_kinds_are_refused(function: Any, frame: pd.DataFrame, said: str) -> None:
    operator = ScikitLearn(model=FunctionTransformer(function)).fit(frame)
    assert_refuses(operator, frame, said, "cast it to float")


@pytest.mark.parametrize(
    ("options", "nodes"),
    [
        ({"degree": 1}, 2),
        ({"degree": 2}, 6),
        ({"degree": 2, "include_bias": False}, 5),
        ({"degree": 3, "interaction_only": True}, 9),
        ({"degree": (2, 3), "include_bias": False}, 9),
        ({"degree": 4}, 14),
    ],
)
def test_products(options: dict[str, Any], nodes: int) -> None:
    rows = pd.DataFrame({"a": [0.0, -1.5, 1e100], "b": [1, 2, 3], "c": [1e-200, np.pi, 1e30]})
    made = agree(PolynomialFeatures(**options), numbers()[["a", "b", "c"]], rows=rows, hard=False, exact=True)
    assert made.nodes <= nodes


@pytest.mark.parametrize(
    "selector",
    [
        SelectKBest(f_classif, k=2),
        SelectPercentile(percentile=60),
        VarianceThreshold(),
        SelectFromModel(RandomForestClassifier(3, random_state=0)),
        RFE(LogisticRegression(), n_features_to_select=2),
    ],
)
def test_selections_are_no_nodes(selector: Any) -> None:
    frame = numbers().assign(c=lambda f: f["c"] / 1e3, k=lambda f: f["a"] ** 2)
    agree(selector, frame, two(numbers()), exact=True)
    agree(make_pipeline(selector, LogisticRegression()), frame, two(numbers()))
