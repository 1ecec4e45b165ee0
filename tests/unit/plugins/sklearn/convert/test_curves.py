"""Power and quantile transforms, splines."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import PowerTransformer, QuantileTransformer, SplineTransformer

from rtml_core.errors import NotLowerableError
from rtml_plugins.sklearn_ops.convert.thresholds import around
from tests.unit.plugins.sklearn.checks import agree, numbers


def frame(*, missing: bool = False) -> Any:
    return numbers(missing=missing)[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_powers(standardize: bool, missing: bool) -> None:
    small = pd.DataFrame({"a": [1e-300, -1e-300, 1e-9, -1e-9, -0.0, 1e9], "b": 1.0, "c": [0.5, -0.5, 1.0, -1.0, 3.0, -3.0]})
    agree(PowerTransformer(standardize=standardize), frame(missing=missing), rows=small)


@pytest.mark.parametrize("missing", [True, False])
def test_powers_of_positive_numbers(missing: bool) -> None:
    x = np.exp(frame(missing=missing))
    agree(PowerTransformer("box-cox", standardize=False), x, rows=pd.DataFrame({"a": [0.0, 1e-300, -1.0], "b": 1.0, "c": 2.0}))


def test_powers_that_are_logarithms() -> None:
    from rtml_plugins.sklearn_ops.convert.curves import _box_cox, _yeo_johnson

    x = np.array([[0.5, -0.5, 3.0], [2.0, -2.0, 1e-9]])
    lambdas = np.array([[0.0, 2.0, 0.0]])
    wanted = np.sign(x) * np.log1p(np.abs(x))
    assert np.allclose(_evaluate(_yeo_johnson, x, lambdas), wanted, rtol=1e-14)
    assert np.allclose(_evaluate(_box_cox, np.abs(x), lambdas)[:, 2], np.log(x[:, 2]), rtol=1e-14)


def _evaluate(emit: Any, x: np.ndarray, lambdas: np.ndarray) -> np.ndarray:
    from rtml_core.assemble import assemble
    from rtml_core.lowering.builder import Builder
    from rtml_core.testing import run_model

    b = Builder()
    value = emit(b, b.input("x", "float64", x.shape[1]), lambdas)
    return run_model(assemble(b, {"y": value}).model, {"x": x})["y"]


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("count", [3, 20, 240])
def test_quantiles_at_and_next_to_them(count: int, missing: bool) -> None:
    x = frame(missing=missing)
    model = QuantileTransformer(n_quantiles=count, random_state=0).fit(x)
    near = pd.concat([pd.DataFrame({"a": around(model.quantiles_[:, i]), "b": 2.0, "c": 0.1}) for i in range(3)])
    assert agree(QuantileTransformer(n_quantiles=count, random_state=0), x, rows=near).nodes <= 13


def test_quantiles_of_a_constant() -> None:
    rows = pd.DataFrame({"a": [0.0, 1.0, 2.0, np.nextafter(1, 2), np.nextafter(1, 0)]})
    agree(QuantileTransformer(n_quantiles=5), pd.DataFrame({"a": np.ones(50)}), rows=rows)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(NotLowerableError, match="use 'uniform', or PowerTransformer"):
        agree(QuantileTransformer(n_quantiles=5, output_distribution="normal"), frame())
    for options in ({"extrapolation": "continue"}, {"extrapolation": "periodic"}):
        with pytest.raises(NotLowerableError, match="use extrapolation 'constant'"):
            agree(SplineTransformer(**options), frame())


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("options", [{}, {"extrapolation": "linear"}, {"include_bias": False, "knots": "quantile"}], ids=str)
def test_splines_at_and_beyond_their_knots(options: Any, degree: int) -> None:
    x = frame()
    model = SplineTransformer(degree=degree, **options).fit(x)
    near = pd.concat([pd.DataFrame({"a": around(model.bsplines_[i].t), "b": 2.0, "c": 0.1}) for i in range(3)])
    if degree == 1 and options.get("extrapolation") == "linear":
        with pytest.raises(NotLowerableError, match="range of every column but the first too narrow"):
            agree(SplineTransformer(degree=degree, **options), x)
        x, near = x[["a"]], near[["a"]]
    assert agree(SplineTransformer(degree=degree, **options), x, rows=near).nodes <= 13


def test_splines_that_refuse_what_is_beyond() -> None:
    agree(SplineTransformer(extrapolation="error", n_knots=4), frame())
