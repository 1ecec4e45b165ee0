"""Nearest neighbours, and the rows that are equally far from several answers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core.errors import NotLowerableError
from rtml_core.testing import assert_parity
from rtml_plugins.sklearn_ops import ScikitLearn
from rtml_plugins.sklearn_ops.convert import neighbours
from rtml_plugins.sklearn_ops.decided import undecided
from rtml_plugins.sklearn_ops.state import decode, encode
from tests.unit.plugins.sklearn.checks import agree, numbers, three, two, value


def frame() -> Any:
    """Columns in which no two distances are alike."""
    jitter = np.random.default_rng(3).normal(size=len(numbers())) / 10
    return numbers()[["a", "b", "c"]].assign(b=lambda f: f["b"] + jitter, c=lambda f: f["c"] / 1e3)


def kept(model: Any) -> Any:
    """The estimator as the operator keeps it."""
    return decode(encode(model))


OPTIONS: list[dict[str, Any]] = [
    {},
    {"n_neighbors": 1},
    {"n_neighbors": 4, "weights": "distance"},
    {"algorithm": "brute"},
    {"algorithm": "ball_tree", "metric": "manhattan", "weights": "distance"},
    {"metric": "chebyshev"},
    {"p": 3, "weights": "distance"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_neighbours(options: Any) -> None:
    far = frame().iloc[:6].assign(a=[1e3, -1e6, 1e15, 1e30, 1e160, -1e300])
    rows = pd.concat([far, frame().iloc[:40] + 1e-9])
    agree(kept(KNeighborsClassifier(**options)), frame(), three(numbers()), rows=rows, hard=options == OPTIONS[3])
    agree(kept(KNeighborsRegressor(**options)), frame(), value(numbers()), rows=rows, hard=False)


def test_column_by_column_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_AT_ONCE", 10)
    for options in ({}, {"metric": "chebyshev", "weights": "distance"}):
        agree(kept(KNeighborsClassifier(**options)), frame(), two(numbers()), hard=False)


def test_inside_other_models() -> None:
    agree(kept(make_pipeline(StandardScaler(), KNeighborsClassifier())), frame(), two(numbers()), hard=False)
    members = [("near", KNeighborsClassifier(7)), ("line", LogisticRegression())]
    operator = ScikitLearn(model=StackingClassifier(members, cv=2), features=["a", "b", "c"], label="y")
    rows = frame().assign(y=two(numbers()))
    operator.fit(rows)
    assert_parity(operator, frame().iloc[:60] + 0.001, nullable=False)
    cases = operator.parity_cases()
    assert cases is not None
    assert_parity(operator, cases.sample(40, random_state=0), nullable=False)


def test_equally_far_rows_are_refused_only_where_their_answers_differ() -> None:
    x = pd.DataFrame({"a": [0.0, 2.0, 10.0, 12.0, 20.0, 20.0]})
    model = kept(KNeighborsClassifier(1)).fit(x, [0, 1, 2, 2, 0, 1])
    rows = pd.DataFrame({"a": [1.0, 1.5, 11.0, 19.0, 6.0, np.nextafter(1.0, 2)]})
    assert undecided(model, rows).tolist() == [True, False, False, True, True, True]
    with pytest.raises(ValueError, match="1 of 1 rows, the first of them row 0, have a row that is equally far"):
        model.predict(rows.iloc[:1])
    assert model.predict(rows.iloc[1:3]).tolist() == [1, 2]
    agree(kept(KNeighborsClassifier(1)), x.iloc[:5], np.array([0, 1, 2, 2, 0]), rows=rows, hard=False)
    agree(kept(KNeighborsClassifier(2, algorithm="brute")), x.iloc[:5], np.array([0, 0, 2, 2, 0]), rows=rows, hard=False)
    assert not undecided(kept(KNeighborsClassifier(6)).fit(x, [0, 1, 2, 2, 0, 1]), rows).any()


def test_what_has_no_form_is_refused() -> None:
    for model, said in (
        (KNeighborsClassifier(metric="cosine"), "metric 'cosine'"),
        (KNeighborsClassifier(weights=np.exp), "weights of its own"),
        (KNeighborsRegressor(algorithm="brute", weights="distance"), "pass algorithm='kd_tree'"),
        (KNeighborsRegressor(metric="minkowski", metric_params={"w": np.ones(3)}), "weights of columns"),
    ):
        with pytest.raises(NotLowerableError, match=said):
            agree(kept(model), frame(), two(numbers()))
    with pytest.raises(NotLowerableError, match="compile it as the operator ScikitLearn"):
        agree(KNeighborsClassifier(), frame(), two(numbers()))
