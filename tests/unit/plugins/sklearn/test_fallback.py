"""Estimators that skl2onnx converts: only where hard rows prove it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC

from rtml_core.errors import NotLowerableError
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import schema_by_lowering
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.sklearn_ops import ScikitLearn, fallback
from rtml_plugins.sklearn_ops.convert import registry
from rtml_plugins.sklearn_ops.convert.registry import convert
from rtml_plugins.sklearn_ops.scikit import EXACT
from tests.unit.plugins.sklearn.checks import numbers, three, two


def data() -> pd.DataFrame:
    return numbers()[["a", "b"]].assign(y=two(numbers()), z=three(numbers()))


def fitted(estimator: Any, **options: Any) -> ScikitLearn:
    return ScikitLearn(model=estimator, **{"features": ["a", "b"], "label": "y", **options}).fit(data())


@pytest.fixture(autouse=True)
def _without_own_converters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if rtml had none for these: skl2onnx is right about the first, wrong about the next two, and lacks the last."""
    registry.find_converter(GaussianNB())
    for name in (
        "random_projection.GaussianRandomProjection",
        "naive_bayes.GaussianNB",
        "svm.SVC",
        "preprocessing.SplineTransformer",
    ):
        monkeypatch.delitem(registry._CONVERTERS, f"sklearn.{name}", raising=False)


def test_a_conversion_that_is_proved_is_used() -> None:
    operator = fitted(make_pipeline(StandardScaler(), GaussianRandomProjection(2)), label=None)
    assert assert_parity(operator, data()[["a", "b"]], nullable=False) > 1
    assert operator.tolerance in fallback.TOLERANCES


def test_a_conversion_that_differs_is_refused_with_the_row() -> None:
    said = assert_refuses(fitted(SVC()), data()[["a", "b"]], "skl2onnx", "differs from scikit-learn")
    assert said.startswith("SVC can't be compiled")
    assert "{'a': " in said


def test_what_skl2onnx_does_not_know_is_refused_with_the_reason() -> None:
    operator = fitted(SplineTransformer(n_knots=3), label=None)
    assert_refuses(operator, data()[["a", "b"]], "SplineTransformer", "skl2onnx refuses it", "rtml_converters")


def test_the_proof_is_made_once_for_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    proofs = []
    operator = fitted(GaussianNB())
    monkeypatch.setattr(fallback, "prove", lambda *_: proofs.append(1) or EXACT)
    for _ in range(3):
        schema_by_lowering(operator, schema_of(data(), nullable=False))
    assert len(proofs) == 1
    operator.fit(data())
    schema_by_lowering(operator, schema_of(data(), nullable=False))
    assert len(proofs) == 2


def test_without_training_rows_there_is_no_proof() -> None:
    operator = ScikitLearn(model=GaussianNB().fit(data()[["a", "b"]], data()["y"]))
    assert_refuses(operator, data()[["a", "b"]], "must be proved on rows like those of the training", "unfitted")


def test_the_proof_is_made_for_infinite_values_where_there_may_be_some() -> None:
    schema = schema_of(data()[["a", "b"]].assign(a=np.inf), nullable=False)
    rows = fallback._rows(fitted(GaussianNB()), list(schema.values()), "GaussianNB")
    assert np.isinf(rows["a"]).sum() == 4
    assert not np.isinf(rows["b"].to_numpy(dtype=float)).any()


@pytest.mark.parametrize(("rows", "words"), [(0, "fails on 0 rows"), (1, "fails on 1 rows")])
def test_a_conversion_that_fails_for_few_rows_is_refused(rows: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    from rtml_plugins.sklearn_ops import onnx_file

    run = onnx_file.run

    def fail(model: bytes, x: pd.DataFrame, features: Any) -> Any:
        if len(x) == rows:
            raise InvalidArgument("num_indices = 0")
        return run(model, x, features)

    monkeypatch.setattr(onnx_file, "run", fail)
    projection = fitted(GaussianRandomProjection(2), label=None)
    assert_refuses(projection, data()[["a", "b"]], "what skl2onnx makes of it", words, "num_indices", nullable=False)


def test_nothing_is_converted_unproved() -> None:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import unpack
    from rtml_plugins.sklearn_ops.convert.registry import Columns

    b = Builder()
    columns = Columns(unpack(b.input("x", "float64", 2), "float64"))
    with pytest.raises(NotLowerableError, match="GaussianNB has no converter here"):
        convert(b, GaussianNB().fit(data()[["a", "b"]], data()["y"]), columns)


def test_refused_rows_are_found_by_halves() -> None:
    x = pd.DataFrame({"a": np.arange(100)})

    def answer(part: pd.DataFrame) -> None:
        if part["a"].isin([0, 41, 42, 99]).any():
            raise ValueError("no")

    assert fallback.answered_rows(answer, x) == [i for i in range(100) if i not in (0, 41, 42, 99)]
