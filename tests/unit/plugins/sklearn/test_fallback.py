"""Estimators that skl2onnx converts: only where hard rows prove it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.svm import SVC

from rtml_core.errors import NotLowerableError
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import schema_by_lowering
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.sklearn_ops import ScikitLearn, fallback
from rtml_plugins.sklearn_ops.convert.registry import convert
from rtml_plugins.sklearn_ops.scikit import EXACT
from tests.unit.plugins.sklearn.checks import numbers, three, two


def data() -> pd.DataFrame:
    return numbers()[["a", "b"]].assign(y=two(numbers()), z=three(numbers()))


def fitted(estimator: Any, **options: Any) -> ScikitLearn:
    return ScikitLearn(model=estimator, **{"features": ["a", "b"], "label": "y", **options}).fit(data())


def test_a_conversion_that_is_proved_is_used() -> None:
    operator = fitted(make_pipeline(StandardScaler(), GaussianNB()))
    assert assert_parity(operator, data()[["a", "b"]], nullable=False) > 5
    assert operator.tolerance in fallback.TOLERANCES


def test_a_conversion_that_differs_is_refused_with_the_row() -> None:
    said = assert_refuses(fitted(SVC()), data()[["a", "b"]], "skl2onnx", "differs from scikit-learn")
    assert said.startswith("SVC can't be compiled")
    assert "{'a': " in said


def test_what_skl2onnx_does_not_know_is_refused_with_the_reason() -> None:
    operator = fitted(SplineTransformer(n_knots=3), label=None)
    assert_refuses(operator, data()[["a", "b"]], "SplineTransformer", "skl2onnx refuses it", "register a converter")


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
