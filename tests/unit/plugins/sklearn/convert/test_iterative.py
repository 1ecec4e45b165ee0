"""Missing values from the other columns."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, value


def frame() -> Any:
    return numbers(missing=True).assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.filterwarnings("ignore:.*Early stopping criterion not reached")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"estimator": Ridge(), "max_iter": 4, "initial_strategy": "median", "add_indicator": True},
        {"estimator": RandomForestRegressor(3, max_depth=3, random_state=0), "max_iter": 2},
        {"n_nearest_features": 2, "min_value": -1.0, "max_value": [3.0, 2.0, 1.0, 9.0]},
        {"imputation_order": "descending", "skip_complete": True},
    ],
    ids=str,
)
def test_rounds(options: Any) -> None:
    all_but_one = pd.DataFrame({"a": [np.nan, 1e9], "b": [np.nan, np.nan], "c": [np.nan, np.nan], "k": [1.0, 5.0]})
    agree(IterativeImputer(random_state=0, **options), frame(), rows=all_but_one)


def test_only_columns_with_gaps_cost_nodes() -> None:
    some = numbers().assign(a=frame()["a"], c=lambda f: f["c"] / 1e3)
    made = agree(IterativeImputer(random_state=0, max_iter=1, tol=1e9), some)
    assert made.nodes <= 12
    agree(make_pipeline(IterativeImputer(random_state=0, tol=1e9), LinearRegression()), some, value(numbers()))


@pytest.mark.filterwarnings("ignore:Skipping features without any observed")
def test_what_has_no_form_is_refused() -> None:
    for model, x, said in (
        (IterativeImputer(sample_posterior=True, tol=1e9), frame(), "answers at random"),
        (IterativeImputer(tol=1e9), frame()[["a", "b"]], "a column that is never missing"),
        (IterativeImputer(tol=1e9), frame().assign(k=np.nan), "without any value"),
        (IterativeImputer(missing_values=0, tol=1e9), numbers(), "use NaN"),
    ):
        with pytest.raises(NotLowerableError, match=said):
            agree(model, x, nullable=["a", "b"] if said == "use NaN" else None)
