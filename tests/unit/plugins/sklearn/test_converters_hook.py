"""Estimators of a stranger's library, taught by a plugin that is installed as any other (hook rtml_converters)."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core.errors import ParamError, RtmlError
from rtml_core.plugins import plugins
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.sklearn_ops import ScikitLearn
from rtml_plugins.sklearn_ops.convert import registry
from rtml_plugins.sklearn_ops.state import StateError, decode, encode
from tests.unit.core.cli.helpers import child, environment, install
from tests.unit.plugins.sklearn.checks import numbers, two

LIBRARY = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, OneToOneFeatureMixin, TransformerMixin


class Saturate(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        self.half_ = np.median(np.abs(X), axis=0)
        return self

    def transform(self, X):
        X = np.abs(np.asarray(X, float))
        return X / (X + self.half_)


class Handle:
    """A model that lives elsewhere: nothing of it is a plain attribute."""

    __slots__ = ("get",)

    def __init__(self, cuts):
        self.get = lambda: list(cuts)

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle a handle")


class Cuts(ClassifierMixin, BaseEstimator):
    """Share of the features that lie above the median of the training rows."""

    def fit(self, X, y):
        self.n_features_in_ = np.shape(X)[1]
        self.classes_ = np.unique(y)
        self.handle_ = Handle(np.median(X, axis=0).tolist())
        return self

    def predict_proba(self, X):
        p = (np.asarray(X, float) > np.array(self.handle_.get())).mean(axis=1)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


class Untaught(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return np.asarray(X, float) * 2
'''
PLUGIN = """
from rtml_core import hookimpl


@hookimpl
def rtml_converters():
    return {
        "far_library.Saturate": "far_converters:saturate",
        "far_library.Cuts": {"convert": "far_converters:cuts", "points": "far_converters:points"},
        "far_library.Handle": {"to_state": "far_converters:to_state", "from_state": "far_converters:from_state"},
        "sklearn.linear_model._ridge.Ridge": "far_converters:ridge",
    }
"""
CONVERTERS = """
import numpy as np

from rtml_core.lowering.symbolic import matrix, new, unpack
from rtml_plugins.sklearn_ops.converting import Prediction, Trees, Flat, binary, classes_of, numbers, read_columns


def saturate(b, estimator, columns):
    numbers(b, columns, estimator, missing=False)
    x = b.op("Abs", matrix(b, columns))
    half = b.const(estimator.half_[None, :], "float64")
    return unpack(b.op("Div", x, b.op("Add", x, half)), "float64", finite=False)


def cuts(b, estimator, columns):
    numbers(b, columns, estimator, missing=False)
    x, at = read_columns(b, columns)
    trees = Trees()
    for slot, cut in zip(at, estimator.handle_.get()):
        trees.add(
            Flat(np.array([1, -1, -1]), np.array([2, -1, -1]), np.full(3, slot), np.full(3, cut), np.zeros(3, bool)),
            np.array([0.0, 1.0]),
        )
    p = b.op("Div", trees.emit(b, x, 1), b.const(float(len(at)), "float64"))
    return binary(b, classes_of(estimator), p, b.op("Greater", p, b.const([[0.5]], "float64"), dtype="bool"))


def points(estimator):
    return {i: {cut} for i, cut in enumerate(estimator.handle_.get())}


def to_state(handle):
    return {"cuts": np.array(handle.get())}


def from_state(state):
    from far_library import Handle

    return Handle(state["cuts"].tolist())


def ridge(b, estimator, columns):
    return Prediction(value=new("float64", b.const([[1.0]], "float64")))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a library, a plugin that teaches it, and the metadata of an installed distribution."""
    for name, text in (("far_library", LIBRARY), ("rtml_far", PLUGIN), ("far_converters", CONVERTERS)):
        (tmp_path / f"{name}.py").write_text(text)
    install(tmp_path, "far", "rtml_far", "rtml-far")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    plugins.cache_clear()
    yield tmp_path
    plugins.cache_clear()
    import sys

    for name in ("far_library", "rtml_far", "far_converters"):
        sys.modules.pop(name, None)


def frame() -> pd.DataFrame:
    return numbers()[["a", "c"]].assign(y=two(numbers()))


def learned(model: Any) -> ScikitLearn:
    return ScikitLearn(model=model, features=["a", "c"], label="y").fit(frame())


def test_a_strangers_estimators_compile_alone_and_in_pipelines(installed: Path) -> None:
    for model in (
        "far_library.Saturate",
        "far_library.Cuts",
        {"model": "sklearn.pipeline.Pipeline", "model_params": {}},
    ):
        if isinstance(model, dict):
            library = importlib.import_module("far_library")
            model = make_pipeline(StandardScaler(), library.Saturate(), LogisticRegression())
        node = learned(model)
        assert_parity(node, node.parity_cases(), nullable=False)
        again = ScikitLearn(node.to_json())
        again.state = json.loads(json.dumps(node.state))
        pd.testing.assert_frame_equal(again.transform(frame()), node.transform(frame()))


def test_points_of_the_plugin_are_among_the_hard_rows(installed: Path) -> None:
    node = learned("far_library.Cuts")
    rows = node.parity_cases()
    assert rows is not None
    cut = node.model().handle_.get()[0]
    assert {cut, np.nextafter(cut, np.inf), np.nextafter(cut, -np.inf)} <= set(rows["a"])


def test_state_that_is_no_attributes_goes_through_the_plugin(installed: Path) -> None:
    library = importlib.import_module("far_library")
    state = json.loads(json.dumps(encode(library.Handle([1.0, 2.5]))))
    assert state["make"] == "plugin"
    assert decode(state).get() == [1.0, 2.5]
    for form in ({"make": "call"}, {"make": "new", "args": []}, {"make": "new", "args": [], "state": {"cuts": 1}}):
        with pytest.raises(StateError, match=r"state of a far_library\.Handle is not of the form that its plugin writes"):
            decode({**state, **form})
    with pytest.raises(StateError, match=r"to_state for far_library\.Handle failed \(AttributeError"):
        encode(object.__new__(library.Handle))


def test_without_its_plugin_a_state_is_refused_and_names_the_class(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = importlib.import_module("far_library")
    states = [encode(library.Handle([1.0])), encode(library.Saturate())]
    monkeypatch.setenv("RTML_BLOCK_PLUGINS", "far")
    plugins.cache_clear()
    for state in states:
        with pytest.raises(StateError, match=r"far_library\.\w+ can't be kept: .* \(hook rtml_converters\)"):
            decode(state)
    with pytest.raises(StateError, match=r"far_library\.Saturate can't be kept"):
        encode(library.Saturate())
    with pytest.raises(ParamError, match=r"install a plugin that names it \(hook rtml_converters\)"):
        ScikitLearn(model="far_library.Saturate")


def test_an_estimator_without_a_converter_says_under_which_path_one_is_found(installed: Path) -> None:
    node = ScikitLearn(model="far_library.Untaught", features=["a", "c"]).fit(frame())
    assert_refuses(node, frame()[["a", "c"]], "Untaught", "far_library.Untaught", "rtml_converters", nullable=False)


def test_rtmls_own_converter_gives_way_only_when_told_to(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RtmlError, match=r"brought by rtml itself and by plugin 'far' .*RTML_PREFER=\"sklearn.*Ridge=far\""):
        registry.find_converter(Ridge())
    monkeypatch.setenv("RTML_PREFER", "sklearn.linear_model._ridge.Ridge=far")
    plugins.cache_clear()
    found = registry.find_converter(Ridge())
    assert found is not None
    assert found.__module__ == "far_converters"


def test_it_is_listed_without_importing_anything_heavy(installed: Path) -> None:
    shown = child("plugins", "show", "far", path=installed)
    assert shown.code == 0
    names = "far_library.Cuts, far_library.Handle, far_library.Saturate, sklearn.linear_model._ridge.Ridge"
    assert f"converters {names}" in shown.out
    assert "4 converters" in child("plugins", "list", path=installed).out
    import subprocess
    import sys

    code = (
        "import sys\nfrom rtml_core.converters import converters\nassert len(converters().brought_by('far')) == 4\n"
        "bad = {'sklearn', 'pandas', 'onnx', 'far_converters', 'far_library'} & set(sys.modules)\nassert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(installed), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
